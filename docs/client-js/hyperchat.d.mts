// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// The types of hyperchat.mjs. What a member means stands in docs/protocol.md.

export interface Quote { messageID: number; revision?: number; body?: string }

export interface Message {
  messageID: number
  senderID?: string
  sentAt?: number
  body?: string
  contentType?: string
  repliedTo?: Quote
  isEdited?: boolean
  isDeleted?: boolean
  editedAt?: number
  deletedBy?: string
  deletedAt?: number
  cut?: boolean
}

export interface Transaction {
  chatID: string
  transactionID: number
  type: string
  senderID?: string
  at?: number
  messageID?: number
  body?: string
  userID?: string
  role?: string
  members?: {userID: string, role: string}[]
  name?: string
  deleted?: boolean
}

export interface Command { commandID: string; topic: string; payload: string }
export interface Failure { code: string; message: string; retryAfter?: number }

export type LiveEvent =
  | {type: 'receipt', chatID: string, userID: string, received?: number, read?: number}
  | {type: 'typing', chatID: string, senderID: string, typing: boolean}
  | {type: 'presence', userID: string, online: boolean, lastSeen?: number}
  | {type: 'tokenExpires' | 'tokenExpired', at: number}

export interface State {
  epoch: string | null
  first: Record<string, number>
  last: Record<string, number>
  chats: Record<string, Record<number, Message>>
  behind: Record<string, number>
  outbox: Command[]
}

export interface Storage { load(): State | undefined; save(state: State): void | Promise<void> }

export interface Events {
  online: []
  offline: []
  refused: [error: Error]
  message: [chatID: string, message: Message]
  change: [chatID: string, transaction: Transaction]
  sent: [commandID: string, transactionID: number | undefined]
  failed: [commandID: string, error: Failure, command: Command]
  live: [event: LiveEvent]
}

export class HyperChat {
  constructor(how: {url: string, user: string, device: string, token: () => Promise<string>, storage: Storage, prefix?: string, options?: object})
  readonly state: State
  start(): Promise<void>
  stop(): void
  hurry(): void
  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this
  messages(chatID: string): Message[]
  older(chatID: string, items?: number): Promise<boolean>
  open(chatID: string): void
  close(chatID: string): void
  send(to: {chat: string} | {user: string}, body: string, fields?: {repliedTo?: number, contentType?: string, clientTime?: number, ifLatest?: number}): string
  edit(chatID: string, messageID: number, body: string): string
  delete(chatID: string, messageID: number): string
  received(chatID: string, number: number): void
  read(chatID: string, number: number): void
  typing(chatID: string, yes?: boolean): void
  call<Result = Record<string, unknown>>(operation: string, args?: object): Promise<Result>
}

// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Somebody who is signed in: the reference client, and beside it what the page shows and the client does not keep: the chat list, names, members,
// marks, typing, presence. Views ask for it, and are told by `onChange` that something is different.
import {HyperChat, type LiveEvent, type Message, type Transaction} from '../../../docs/client-js/hyperchat.mjs'
import {noteMessage, replaceChats, type Chat} from './chats.ts'
import {askedBy, linesOf, type Failed, type Line} from './lines.ts'
import {deliveryOf, raise, Typing, TYPING_MS, type Delivery, type Marks} from './marks.ts'
import type {Member, Store} from './storage.ts'

const REFRESH_MS = 200
const WATCHED_MAX = 200

interface Snapshot { role: string; memberCount?: number; members?: Member[]; ended?: boolean }
export interface Presence { online: boolean; lastSeen?: number }
export type Connection = 'connecting' | 'online' | 'offline'

export class Session {
  readonly me: string
  readonly client: HyperChat
  readonly store: Store
  connection: Connection = 'connecting'
  ending = false            // the token ends, and there is no other one
  onChange: (chatID: string | null) => void = () => {}
  onNews: (chatID: string, message: Message) => void = () => {}
  onRefused: () => void = () => {}
  onTokenEnds: () => void = () => {}
  readonly presence = new Map<string, Presence>()
  readonly typing = new Typing()
  #refresh = 0
  #asked = new Set<string>()
  #fresh = new Set<string>() // chats whose members and marks were fetched since the last connect
  onProblem: (error: unknown) => void = () => {}

  constructor(how: {me: string, device: string, url: string, token: () => Promise<string>, store: Store}) {
    this.me = how.me
    this.store = how.store
    // No worker for timers: the page's policy allows none.
    this.client = new HyperChat({url: how.url, user: how.me, device: how.device, token: how.token, storage: how.store, options: {timerVariant: 'native', connectTimeout: 10_000}})
    this.store.trim(this.client.state)
    this.#listens()
  }

  start(): void { void this.client.start() }

  #listens(): void {
    this.client.on('online', () => {
      this.connection = 'online'
      this.#fresh.clear()
      void this.refresh()
      this.onChange(null)
    })
    this.client.on('offline', () => {
      this.connection = 'offline'
      this.presence.clear()
      this.onChange(null)
    })
    this.client.on('refused', () => this.onRefused())
    this.client.on('message', (chatID, message) => this.#message(chatID, message))
    this.client.on('change', (chatID, transaction) => this.#changed(chatID, transaction))
    this.client.on('sent', () => this.onChange(null))
    this.client.on('failed', (_, error, command) => {
      if (askedBy(command)?.kind === 'send') this.store.shown.failed.push({command, error})
      else this.onProblem(error)
      this.onChange(null)
    })
    this.client.on('live', event => this.#live(event))
  }

  // ---- what comes ----

  #message(chatID: string, message: Message): void {
    const isNew = message.messageID > (this.chat(chatID)?.mostRecentMessage?.messageID ?? 0)
    this.store.noteMessage(chatID, message)
    if (!noteMessage(this.store.shown.chats, chatID, message, this.me, id => this.nameOf(id))) this.#refreshSoon()
    if (message.senderID) {
      this.typing.note(chatID, message.senderID, false, Date.now())
      this.learn(message.senderID)
    }
    this.onChange(chatID)
    if (isNew && !message.isDeleted && message.senderID !== this.me && this.connection === 'online') this.onNews(chatID, message)
  }

  #changed(chatID: string, t: Transaction): void {
    if (t.at !== undefined) this.store.addNote({chatID, transactionID: t.transactionID, change: t})
    for (const userID of [t.senderID, t.userID, ...(t.members ?? []).map(member => member.userID)]) if (userID !== undefined) this.learn(userID)
    this.#fresh.delete(chatID)
    this.#refreshSoon()
    this.onChange(chatID)
  }

  #live(event: LiveEvent): void {
    switch (event.type) {
    case 'receipt':
      raise(this.marks(event.chatID), event.userID, event.received, event.read)
      if (event.userID === this.me) this.#refreshSoon()
      this.store.saveShown()
      return this.onChange(event.chatID)
    case 'typing':
      this.typing.note(event.chatID, event.senderID, event.typing, Date.now())
      setTimeout(() => this.onChange(event.chatID), TYPING_MS + 50)
      return this.onChange(event.chatID)
    case 'presence':
      this.presence.set(event.userID, event)
      return this.onChange(null)
    case 'tokenExpires': return this.onTokenEnds()
    }
  }

  // ---- what is asked for ----

  #refreshSoon(): void {
    clearTimeout(this.#refresh)
    this.#refresh = window.setTimeout(() => void this.refresh(), REFRESH_MS)
  }

  /** The chat list, and who is there. */
  async refresh(): Promise<void> {
    try {
      const all: Partial<Chat>[] = []
      let cursor: string | undefined
      do {
        const answer = await this.client.call<{chats: Partial<Chat>[], next?: string}>('ListChats', cursor === undefined ? {} : {cursor})
        all.push(...answer.chats)
        cursor = answer.next
      } while (cursor !== undefined)
      this.store.shown.chats = replaceChats(this.store.shown.chats, all)
      for (const chat of Object.values(this.store.shown.chats)) if (chat.peerID) this.store.shown.names[chat.peerID] = chat.name
      this.store.saveShown()
      this.onChange(null)
      await this.#watch()
      this.learn(this.me)
    } catch { /* the connection is lost: it is asked again after the next connect */ }
  }

  async #watch(): Promise<void> {
    const userIDs = Object.values(this.store.shown.chats).flatMap(chat => chat.peerID && !chat.left ? [chat.peerID] : []).slice(0, WATCHED_MAX)
    const {users} = await this.client.call<{users: ({userID: string} & Presence)[]}>('watchPresence', {userIDs})
    for (const user of users) this.presence.set(user.userID, user)
    this.onChange(null)
  }

  /** Members, roles and marks of a chat that is open, where they may be others than those that are known. */
  async opened(chatID: string): Promise<void> {
    const clientTransactionID = this.client.state.last[chatID]
    if (this.connection !== 'online' || this.#fresh.has(chatID)) return
    this.#fresh.add(chatID)
    const {snapshot} = await this.client.call<{snapshot?: Snapshot}>('fetchSnapshotAndTransactions', {chatID, ...(clientTransactionID !== undefined && {clientTransactionID})})
    let members = snapshot?.members
    if (!members && snapshot?.role !== 'none') members = (await this.client.call<{members: Member[]}>('getMembers', {chatID})).members
    for (const member of members ?? []) {
      raise(this.marks(chatID), member.userID, member.received, member.read)
      this.learn(member.userID)
    }
    this.store.shown.members[chatID] = members ?? []
    this.store.saveShown()
    this.onChange(chatID)
  }

  /** Somebody's name, if it is not known yet. */
  learn(userID: string): void {
    if (this.#asked.has(userID) || this.store.shown.names[userID] !== undefined || this.connection !== 'online') return
    this.#asked.add(userID)
    this.client.call<{userInfo: {name?: string}}>('getUserInfo', {userID}).then(({userInfo}) => {
      this.store.shown.names[userID] = userInfo.name ?? userID
      this.onChange(null)
    }, () => this.#asked.delete(userID))
  }

  /** After an operation of one's own, whose transaction is still on its way. */
  async changed(chatID: string): Promise<void> {
    this.#fresh.delete(chatID)
    await this.opened(chatID)
  }

  // ---- what is shown ----

  chat(chatID: string): Chat | undefined { return this.store.shown.chats[chatID] }
  marks(chatID: string): Marks { return this.store.shown.marks[chatID] ??= {} }
  nameOf(userID: string): string { return this.store.shown.names[userID] ?? userID }

  members(chatID: string): Member[] {
    const peerID = this.chat(chatID)?.peerID
    if (peerID) return [{userID: this.me, role: 'member'}, {userID: peerID, role: 'member'}]
    return this.store.shown.members[chatID] ?? []
  }

  roleIn(chatID: string): string { return this.members(chatID).find(member => member.userID === this.me)?.role ?? 'none' }

  lines(chatID: string): Line[] {
    const notes = this.chat(chatID)?.peerID ? [] : [...this.store.notes.get(chatID)?.values() ?? []]
    return linesOf({chatID, me: this.me, messages: this.client.messages(chatID), notes, outbox: this.client.state.outbox, failed: this.store.shown.failed,
      first: this.client.state.first[chatID] ?? 0, now: Date.now()})
  }

  delivery(chatID: string, messageID: number): Delivery {
    return deliveryOf(this.marks(chatID), messageID, this.me, this.members(chatID).map(member => member.userID))
  }

  // ---- what one does ----

  read(chatID: string): void {
    const newest = this.client.messages(chatID).at(-1)?.messageID ?? 0, chat = this.chat(chatID), mine = this.marks(chatID)[this.me]?.read ?? 0
    if (this.connection !== 'online' || newest === 0 || (newest <= mine && !chat?.unread)) return
    this.client.read(chatID, newest)
    raise(this.marks(chatID), this.me, newest, newest)
    if (chat) {
      chat.unread = 0
      chat.mentioned = false
    }
    this.store.saveShown()
    this.onChange(chatID)
  }

  forgetFailed(failed: Failed): void {
    this.store.shown.failed = this.store.shown.failed.filter(each => each !== failed)
    this.store.saveShown()
    this.onChange(null)
  }

  async chatWith(userID: string): Promise<string> {
    const {chatID} = await this.client.call<{chatID: string}>('createPeerToPeerChat', {receiverUserID: userID})
    await this.refresh()
    return chatID
  }

  async makeGroup(groupName: string, friendIDs: string[]): Promise<string> {
    const {chatID} = await this.client.call<{chatID: string}>('createGroupChat', {groupName, friendIDs})
    await this.refresh()
    return chatID
  }
}

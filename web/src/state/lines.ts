// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// What a conversation shows: messages, what happened to the chat, and what of one's own is still on its way. Pure.
import type {Command, Failure, Message, Transaction} from '../../../docs/client-js/hyperchat.mjs'

export interface Note { chatID: string; transactionID: number; change: Transaction }
export interface Failed { command: Command; error: Failure }

export interface Line {
  key: string
  kind: 'message' | 'note' | 'waiting' | 'failed'
  at: number
  message?: Message         // a message that waits has the number 0
  commandID?: string
  change?: Transaction      // what a note tells
  text?: string             // why a message failed
  changing?: boolean        // an edit or delete of mine is on its way
  newDay: boolean
  follows: boolean          // the same sender, shortly after: no name, no gap
}

const TOGETHER_MS = 300_000

interface Asked { chatID: string; kind: 'send' | 'edit' | 'delete'; body: string; messageID: number }

/** What a command asks for; null: it is none of a conversation. */
export function askedBy({topic, payload}: Command): Asked | null {
  const parts = topic.split('/')
  const args = JSON.parse(payload) as {body?: string, repliedTo?: number, chatID?: string, messageID?: number, messageBody?: string}
  if (parts[1] === 'chat' && parts[3] === 'send') return {chatID: parts[2]!, kind: 'send', body: args.body ?? '', messageID: args.repliedTo ?? 0}
  const kind = parts[2] === 'editMessage' ? 'edit' : parts[2] === 'deleteMessage' ? 'delete' : null
  return kind && {chatID: args.chatID ?? '', kind, body: args.messageBody ?? '', messageID: args.messageID ?? 0}
}

function own(command: Command, asked: Asked, me: string, find: (messageID: number) => Message | undefined, now: number): Line {
  const quoted = asked.messageID ? find(asked.messageID) : undefined
  const message: Message = {messageID: 0, senderID: me, body: asked.body}
  if (asked.messageID) message.repliedTo = {messageID: asked.messageID, ...(quoted?.body !== undefined && {body: quoted.body})}
  return {key: command.commandID, kind: 'waiting', at: now, message, commandID: command.commandID, newDay: false, follows: false}
}

export interface Conversation { chatID: string; me: string; messages: Message[]; notes: Note[]; outbox: Command[]; failed: Failed[]; first: number; now: number }

export function linesOf({chatID, me, messages, notes, outbox, failed, first, now}: Conversation): Line[] {
  const byNumber = new Map(messages.map(message => [message.messageID, message]))
  const find = (messageID: number) => byNumber.get(messageID)
  const changes = new Map<number, Asked>()
  const waiting: Line[] = []
  for (const command of outbox) {
    const asked = askedBy(command)
    if (asked?.chatID !== chatID) continue
    if (asked.kind === 'send') waiting.push(own(command, asked, me, find, now))
    else changes.set(asked.messageID, asked)
  }
  for (const {command, error} of failed) {
    const asked = askedBy(command)
    if (asked?.chatID === chatID && asked.kind === 'send') waiting.push({...own(command, asked, me, find, now), kind: 'failed', text: error.message})
  }
  const told = [
    ...messages.filter(message => message.messageID >= first).map(message => lineOf(message, changes.get(message.messageID))),
    ...notes.filter(note => note.transactionID >= first).map(noteLine),
  ].sort((a, b) => a.number - b.number).map(({number, ...line}) => line)
  return arranged([...told, ...waiting])
}

function lineOf(message: Message, asked: Asked | undefined): Line & {number: number} {
  const shown = asked?.kind === 'edit' ? {...message, body: asked.body, isEdited: true} : message
  return {number: message.messageID, key: `m${message.messageID}`, kind: 'message', at: message.sentAt ?? 0, message: shown, changing: asked !== undefined,
    newDay: false, follows: false}
}

function noteLine(note: Note): Line & {number: number} {
  return {number: note.transactionID, key: `n${note.transactionID}`, kind: 'note', at: note.change.at ?? 0, change: note.change, newDay: false, follows: false}
}

/** Where a day begins, and what belongs together. */
function arranged(lines: Line[]): Line[] {
  const day = (at: number) => new Date(at).toDateString()
  return lines.map((line, index) => {
    const before = lines[index - 1]
    const newDay = !before || day(before.at) !== day(line.at)
    const follows = !newDay && before.message !== undefined && line.message !== undefined && before.message.senderID === line.message.senderID &&
      line.at - before.at < TOGETHER_MS
    return {...line, newDay, follows}
  })
}

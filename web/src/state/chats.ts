// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// The chat list: what ListChats says, kept up to date by what comes. Pure.
import type {Message, Transaction} from '../../../docs/client-js/hyperchat.mjs'

export interface Preview { messageID: number; senderID: string; senderName: string; body: string; receivedAt: number }

export interface Chat {
  chatID: string
  name: string
  peerID?: string
  unread: number
  mentioned?: boolean
  muted?: boolean
  ended?: boolean
  left?: boolean
  mostRecentMessage?: Preview
}

export type Chats = Record<string, Chat>

/** What the server tells replaces what was known; a chat that it does not name any more has been left. */
export function replaceChats(chats: Chats, told: Partial<Chat>[]): Chats {
  const next: Chats = {}
  for (const chat of told) if (chat.chatID) next[chat.chatID] = {...chat, chatID: chat.chatID, name: chat.name || chat.peerID || 'Chat', unread: chat.unread ?? 0}
  for (const chat of Object.values(chats)) if (!next[chat.chatID]) next[chat.chatID] = {...chat, unread: 0, left: true}
  return next
}

/** A message that is new, edited or deleted. Returns false if the server has to be asked how many are unread now. */
export function noteMessage(chats: Chats, chatID: string, message: Message, me: string, nameOf: (userID: string) => string): boolean {
  const chat = chats[chatID]
  if (!chat) return false
  const newest = chat.mostRecentMessage?.messageID ?? 0
  if (message.messageID < newest) return true
  if (message.isDeleted) return message.messageID !== newest
  const senderID = message.senderID ?? ''
  if (message.messageID > newest && senderID !== me) chat.unread++
  chat.mostRecentMessage = {
    messageID: message.messageID, senderID, senderName: nameOf(senderID), body: message.body ?? '',
    receivedAt: message.sentAt ?? chat.mostRecentMessage?.receivedAt ?? 0,
  }
  return true
}

export function inOrder(chats: Chats): Chat[] {
  return Object.values(chats).filter(chat => !chat.left)
    .sort((a, b) => (b.mostRecentMessage?.receivedAt ?? Infinity) - (a.mostRecentMessage?.receivedAt ?? Infinity) || a.name.localeCompare(b.name))
}

export function badge(chats: Chats): number {
  return Object.values(chats).reduce((sum, chat) => sum + (chat.muted || chat.left ? 0 : chat.unread), 0)
}

/** What a change of a group looks like in the conversation. */
export function noteOf(t: Transaction, me: string, nameOf: (userID: string) => string): string {
  const name = (userID?: string) => userID === me ? 'You' : nameOf(userID ?? '')
  const by = name(t.senderID)
  const role = t.role === 'owner' ? 'an owner' : t.role === 'admin' ? 'an admin' : 'a member'
  switch (t.type) {
  case 'memberAdded': {
    const added = (t.members ?? []).filter(member => member.userID !== t.senderID).map(member => member.userID === me ? 'you' : nameOf(member.userID))
    return added.length === 0 ? `${by} made this group` : `${by} added ${added.join(', ')}`
  }
  case 'memberRemoved': return t.senderID === t.userID || t.deleted ? `${name(t.userID)} left` : `${by} removed ${t.userID === me ? 'you' : nameOf(t.userID ?? '')}`
  case 'roleChanged': return t.userID === me ? `${by} made you ${role}` : `${by} made ${nameOf(t.userID ?? '')} ${role}`
  case 'groupUpdated': return t.name === undefined ? `${by} changed the group` : `${by} named the group “${t.name}”`
  case 'groupDeleted': return `${by} ended this group`
  default: return `${by}: ${t.type}`
  }
}

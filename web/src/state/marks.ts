// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Who has received and read how far, who types, and who is there. Pure.

export interface Mark { received: number; read: number }
export type Marks = Record<string, Mark>             // by user ID
export type Delivery = 'sent' | 'received' | 'read'

export const TYPING_MS = 8_000

/** Marks only grow. */
export function raise(marks: Marks, userID: string, received = 0, read = 0): void {
  const before = marks[userID] ?? {received: 0, read: 0}
  marks[userID] = {received: Math.max(before.received, received, read), read: Math.max(before.read, read)}
}

/** How far a message of mine has come: as far as the slowest of the others. */
export function deliveryOf(marks: Marks, messageID: number, me: string, members: string[]): Delivery {
  const others = members.filter(userID => userID !== me)
  if (others.length === 0) return 'sent'
  if (others.every(userID => (marks[userID]?.read ?? 0) >= messageID)) return 'read'
  return others.every(userID => (marks[userID]?.received ?? 0) >= messageID) ? 'received' : 'sent'
}

export function readers(marks: Marks, messageID: number, me: string, members: string[]): string[] {
  return members.filter(userID => userID !== me && (marks[userID]?.read ?? 0) >= messageID)
}

/** Who types in each chat, and until when that counts. */
export class Typing {
  #until = new Map<string, Map<string, number>>()

  note(chatID: string, userID: string, typing: boolean, now: number): void {
    const chat = this.#until.get(chatID) ?? new Map<string, number>()
    this.#until.set(chatID, chat)
    if (typing) chat.set(userID, now + TYPING_MS)
    else chat.delete(userID)
  }

  in(chatID: string, now: number): string[] {
    return [...(this.#until.get(chatID) ?? [])].filter(([, until]) => until > now).map(([userID]) => userID)
  }
}

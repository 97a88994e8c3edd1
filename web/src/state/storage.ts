// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// What stays on this device, in IndexedDB: one record with the reference client's state and the chat list, and one for each message and note, so that
// a message that comes writes a message and not the whole history. What changed since the last write goes out in one transaction; the client
// acknowledges after it. Where there is no IndexedDB (private windows of some browsers) all lasts as long as the page.
import type {Message, State, Storage} from '../../../docs/client-js/hyperchat.mjs'
import type {Chats} from './chats.ts'
import type {Failed, Note} from './lines.ts'
import type {Marks} from './marks.ts'

export interface Shown { chats: Chats; names: Record<string, string>; marks: Record<string, Marks>; members: Record<string, Member[]>; failed: Failed[] }
export interface Member { userID: string; role: string; received?: number; read?: number }

const NAME = 'hyperchat', VERSION = 1
const KEPT_OF_A_CHAT = 500

const done = <Value>(request: IDBRequest<Value>) => new Promise<Value>((resolve, reject) => {
  request.onsuccess = () => resolve(request.result)
  request.onerror = () => reject(request.error)
})

export class Store implements Storage {
  readonly shown: Shown = {chats: {}, names: {}, marks: {}, members: {}, failed: []}
  readonly notes = new Map<string, Map<number, Note>>()
  #user: string
  #database: IDBDatabase | null = null
  #state: State | undefined
  #messages = new Map<string, [string, Message]>()
  #newNotes: Note[] = []
  #dropped: string[] = []
  #writing: Promise<void> | null = null
  #next: Promise<void> | null = null

  private constructor(user: string) { this.#user = user }

  static async open(user: string): Promise<Store> {
    const store = new Store(user)
    try {
      const opening = indexedDB.open(`${NAME}:${user}`, VERSION)
      opening.onupgradeneeded = () => {
        opening.result.createObjectStore('state')
        opening.result.createObjectStore('messages')
        opening.result.createObjectStore('notes')
      }
      store.#database = await done(opening)
      store.#database.onversionchange = () => store.#lets() // another tab removes it
      store.#database.onclose = () => store.#lets()
      await store.#read()
    } catch { /* nothing is kept, as the head of this file says */ }
    return store
  }

  #lets(): void {
    this.#database?.close()
    this.#database = null
  }

  get keeps(): boolean { return this.#database !== null }

  async #read(): Promise<void> {
    const reading = this.#database!.transaction(['state', 'messages', 'notes'])
    const [kept, shown, messages, notes] = await Promise.all([
      done<Omit<State, 'chats'> | undefined>(reading.objectStore('state').get('client')), done<Shown | undefined>(reading.objectStore('state').get('shown')),
      done<{chatID: string, message: Message}[]>(reading.objectStore('messages').getAll()), done<Note[]>(reading.objectStore('notes').getAll())])
    if (!kept) return
    this.#state = {...kept, chats: {}}
    for (const {chatID, message} of messages) (this.#state.chats[chatID] ??= {})[message.messageID] = message
    for (const note of notes) this.#notesOf(note.chatID).set(note.transactionID, note)
    Object.assign(this.shown, shown)
  }

  load(): State | undefined { return this.#state }

  noteMessage(chatID: string, message: Message): void { this.#messages.set(`${chatID}/${message.messageID}`, [chatID, message]) }

  addNote(note: Note): void {
    this.#notesOf(note.chatID).set(note.transactionID, note)
    this.#newNotes.push(note)
  }

  #notesOf(chatID: string): Map<number, Note> {
    const notes = this.notes.get(chatID) ?? new Map<number, Note>()
    this.notes.set(chatID, notes)
    return notes
  }

  /** Resolves when all that has changed until now is kept. One write at a time; the next one takes all that comes meanwhile. */
  save(state: State): Promise<void> {
    this.#state = state
    if (!this.#database) return Promise.resolve()
    if (!this.#writing) return this.#writing = this.#write(state).finally(() => { this.#writing = null })
    return this.#next ??= this.#writing.then(() => {
      this.#next = null
      return this.save(state)
    })
  }

  /** For what only the page changes. */
  saveShown(): void { if (this.#state) void this.save(this.#state) }

  #write({chats, ...client}: State): Promise<void> {
    const writing = this.#database!.transaction(['state', 'messages', 'notes'], 'readwrite')
    const messages = writing.objectStore('messages'), notes = writing.objectStore('notes')
    if (client.epoch === null && Object.keys(chats).length === 0) { // everything is fetched anew
      messages.clear()
      notes.clear()
    }
    writing.objectStore('state').put(client, 'client')
    writing.objectStore('state').put(this.shown, 'shown')
    for (const [key, [chatID, message]] of this.#messages) messages.put({chatID, message}, key)
    for (const note of this.#newNotes) notes.put(note, `${note.chatID}/${note.transactionID}`)
    for (const key of this.#dropped) messages.delete(key)
    this.#messages.clear()
    this.#newNotes = []
    this.#dropped = []
    return new Promise(resolve => {
      writing.oncomplete = () => resolve()
      writing.onabort = () => { // full: what is not kept is fetched again after the next start, which begins where the last write ended
        this.#lets()
        resolve()
      }
    })
  }

  /** Drops the oldest messages of long chats with the next write; they can be fetched again. */
  trim(state: State): void {
    for (const [chatID, all] of Object.entries(state.chats)) {
      const numbers = Object.keys(all).map(Number).sort((a, b) => a - b)
      for (const number of numbers.slice(0, Math.max(0, numbers.length - KEPT_OF_A_CHAT))) {
        delete all[number]
        this.#dropped.push(`${chatID}/${number}`)
        state.first[chatID] = number + 1
      }
    }
  }

  /** After sign-out: nothing stays here. */
  async forget(): Promise<void> {
    await this.#writing
    this.#lets()
    await done(indexedDB.deleteDatabase(`${NAME}:${this.#user}`))
  }
}

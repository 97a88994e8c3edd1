// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Where one writes: new messages, replies, edits. Enter sends, Shift+Enter makes a line; on touch screens Enter makes a line. An arrow up in an empty
// field edits one's last message, Escape ends a reply or an edit.
import type {Message} from '../../../docs/client-js/hyperchat.mjs'
import {h, icon, iconButton} from './dom.ts'

const TYPING_AGAIN_MS = 3_000
const TYPING_OVER_MS = 5_000

export interface ComposerActions {
  send(body: string, repliedTo: Message | null): void
  edit(message: Message, body: string): void
  typing(yes: boolean): void
  editLast(): void
  leave(): void
}

interface Draft { text: string; repliedTo: Message | null; editing: Message | null }

const EMPTY: Draft = {text: '', repliedTo: null, editing: null}

export class Composer {
  readonly element: HTMLFormElement
  #actions: ComposerActions
  #field = h('textarea', {id: 'body', rows: '1', placeholder: 'Message', 'aria-label': 'Message', enterkeyhint: 'send'})
  #about = h('div', {class: 'about', hidden: true})
  #drafts = new Map<string, Draft>()
  #chatID = ''
  #draft: Draft = EMPTY
  #typedAt = 0
  #over = 0

  constructor(actions: ComposerActions) {
    this.#actions = actions
    const button = h('button', {type: 'submit', class: 'send', 'aria-label': 'Send', title: 'Send'}, icon('send'))
    this.element = h('form', {class: 'composer', submit: (event: Event) => {
      event.preventDefault()
      this.#submit()
    }}, this.#about, h('div', {class: 'composer-row'}, this.#field, button))
    this.#field.addEventListener('keydown', event => this.#key(event))
    this.#field.addEventListener('input', () => this.#typed())
    this.#field.addEventListener('blur', () => this.#stopTyping())
  }

  /** Each chat keeps what was begun in it, as long as the page lives. */
  belongsTo(chatID: string): void {
    if (chatID === this.#chatID) return
    this.#stopTyping()
    this.#drafts.set(this.#chatID, {...this.#draft, text: this.#field.value})
    this.#chatID = chatID
    this.#show(this.#drafts.get(chatID) ?? EMPTY)
  }

  allow(yes: boolean): void {
    this.element.hidden = !yes
  }

  focus(): void { this.#field.focus() }

  reply(repliedTo: Message): void {
    this.#show({text: this.#draft.editing ? '' : this.#field.value, repliedTo, editing: null})
    this.focus()
  }

  edit(editing: Message): void {
    this.#show({text: editing.body ?? '', repliedTo: null, editing})
    this.focus()
  }

  #show(draft: Draft): void {
    this.#draft = draft
    this.#field.value = draft.text
    const about = draft.editing ?? draft.repliedTo
    this.#about.hidden = about === null
    this.#about.replaceChildren()
    if (about) this.#about.append(icon(draft.editing ? 'edit' : 'reply'), h('span', {class: 'about-text'}, h('strong', {}, draft.editing ? 'Edit' : 'Reply'), ` ${about.body ?? ''}`),
      iconButton('close', draft.editing ? 'Cancel the edit' : 'Cancel the reply', () => this.#cancel()))
    this.#grow()
  }

  #cancel(): void {
    this.#show(this.#draft.editing ? EMPTY : {...EMPTY, text: this.#field.value})
    this.focus()
  }

  #submit(): void {
    const body = this.#field.value.trim(), {editing, repliedTo} = this.#draft
    if (body === '') return
    this.#stopTyping()
    this.#show(EMPTY)
    if (!editing) this.#actions.send(body, repliedTo)
    else if (body !== editing.body) this.#actions.edit(editing, body)
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey && !matchMedia('(pointer: coarse)').matches) {
      event.preventDefault()
      this.#submit()
    } else if (event.key === 'Escape') {
      event.preventDefault()
      if (this.#draft.editing || this.#draft.repliedTo) this.#cancel()
      else this.#actions.leave()
    } else if (event.key === 'ArrowUp' && this.#field.value === '') {
      event.preventDefault()
      this.#actions.editLast()
    }
  }

  #typed(): void {
    this.#grow()
    const now = Date.now()
    clearTimeout(this.#over)
    this.#over = window.setTimeout(() => this.#stopTyping(), TYPING_OVER_MS)
    if (this.#draft.editing || this.#field.value === '' || now - this.#typedAt < TYPING_AGAIN_MS) return
    this.#typedAt = now
    this.#actions.typing(true)
  }

  #stopTyping(): void {
    clearTimeout(this.#over)
    if (this.#typedAt === 0) return
    this.#typedAt = 0
    this.#actions.typing(false)
  }

  /** As high as its text, up to eight lines; then it scrolls. */
  #grow(): void {
    const lines = this.#field.value.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 60)), 0)
    this.#field.rows = Math.min(lines, 8)
  }
}

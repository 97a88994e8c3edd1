// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// The list of chats: names, last messages, how many are unread, who is there or types.
import {inOrder, type Chat} from '../state/chats.ts'
import type {Session} from '../state/session.ts'
import {shortTime} from '../state/times.ts'
import {arrowKeys, avatar, fill, h, icon} from './dom.ts'

export class ChatList {
  #list: HTMLElement
  #empty: HTMLElement
  #session: Session
  #open: (chatID: string) => void

  constructor(session: Session, list: HTMLElement, empty: HTMLElement, open: (chatID: string) => void) {
    this.#session = session
    this.#list = list
    this.#empty = empty
    this.#open = open
    arrowKeys(list, 'button')
  }

  render(current: string | null): void {
    const chats = inOrder(this.#session.store.shown.chats)
    this.#empty.hidden = chats.length > 0 || this.#session.connection === 'connecting'
    fill(this.#list, chats.map(chat => {
      const shown = {chat, current: chat.chatID === current, below: this.#below(chat), there: this.#isThere(chat)}
      return {key: chat.chatID, signature: JSON.stringify(shown), make: () => this.#item(chat, shown)}
    }))
  }

  focusFirst(): void { (this.#list.querySelector<HTMLElement>('[aria-current]') ?? this.#list.querySelector<HTMLElement>('button'))?.focus() }

  #isThere({peerID}: Chat): boolean { return peerID !== undefined && this.#session.presence.get(peerID)?.online === true }

  #below(chat: Chat): {text: string, special: boolean} {
    const typing = this.#session.typing.in(chat.chatID, Date.now())
    if (typing.length > 0) return {text: chat.peerID ? 'typing…' : `${typing.map(id => this.#session.nameOf(id)).join(', ')}: typing…`, special: true}
    const preview = chat.mostRecentMessage
    if (!preview) return {text: 'No messages yet', special: false}
    const who = preview.senderID === this.#session.me ? 'You: ' : chat.peerID ? '' : `${preview.senderName}: `
    return {text: who + preview.body.replace(/\s+/g, ' '), special: false}
  }

  #item(chat: Chat, {current, below, there}: {current: boolean, below: {text: string, special: boolean}, there: boolean}): HTMLElement {
    const at = chat.mostRecentMessage?.receivedAt
    const picture = chat.peerID ? avatar(chat.peerID, chat.name) : h('span', {class: 'avatar many', 'aria-hidden': 'true'}, icon('group'))
    const unread = chat.unread > 0 && h('span', {class: chat.muted ? 'badge muted' : 'badge'}, chat.unread > 99 ? '99+' : String(chat.unread), h('span', {class: 'sr'}, ' unread'))
    return h('li', {}, h('button', {type: 'button', class: 'chat', 'aria-current': current ? 'true' : null, click: () => this.#open(chat.chatID)},
      h('span', {class: there ? 'picture there' : 'picture'}, picture),
      h('span', {class: 'chat-row'}, h('span', {class: 'chat-name'}, chat.name, there && h('span', {class: 'sr'}, ', online')),
        at !== undefined && h('time', {datetime: new Date(at).toISOString()}, shortTime(at, Date.now()))),
      h('span', {class: 'chat-row'}, h('span', {class: below.special ? 'preview special' : 'preview'}, below.text), unread)))
  }
}

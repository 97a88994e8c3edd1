// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// A conversation: its head, its lines with the pages before them, and where one writes.
import type {Message} from '../../../docs/client-js/hyperchat.mjs'
import {askedBy, type Line} from '../state/lines.ts'
import type {Session} from '../state/session.ts'
import {lastSeen} from '../state/times.ts'
import {Composer} from './composer.ts'
import {confirmed} from './dialog.ts'
import {arrowKeys, avatar, fill, h, icon, iconButton} from './dom.ts'
import {openGroup} from './group.ts'
import {contextOf, lineElement, type LineActions} from './line.ts'

const NEAR_PX = 80

export class Conversation {
  readonly element = h('section', {class: 'conversation', hidden: true, 'aria-labelledby': 'chat-title'})
  chatID: string | null = null
  #session: Session
  #leave: () => void
  #composer: Composer
  #head = h('header', {class: 'chat-head'})
  #lines = h('ol', {class: 'lines', 'aria-label': 'Messages'})
  #scroll: HTMLElement
  #earlier = h('button', {type: 'button', class: 'link earlier', click: () => void this.#older()}, 'Earlier messages')
  #newest = h('button', {type: 'button', class: 'newest', hidden: true, click: () => this.#toEnd()}, icon('down'), h('span', {class: 'sr'}, 'To the newest message'))
  #typing = h('p', {class: 'typing'})
  #atEnd = true
  #loading = false
  #complete = new Set<string>()

  constructor(session: Session, leave: () => void) {
    this.#session = session
    this.#leave = leave
    this.#composer = new Composer({
      send: (body, repliedTo) => this.#send(body, repliedTo), edit: (message, body) => void session.client.edit(this.chatID!, message.messageID, body),
      typing: yes => session.client.typing(this.chatID!, yes), editLast: () => this.#editLast(), leave,
    })
    this.#scroll = h('div', {class: 'scroll', scroll: () => this.#scrolled()}, this.#earlier, this.#lines)
    this.element.append(this.#head, h('div', {class: 'scroll-frame'}, this.#scroll, this.#newest), this.#typing, this.#composer.element)
    new ResizeObserver(() => { if (this.#atEnd) this.#toEnd() }).observe(this.#scroll)
    arrowKeys(this.#lines, 'li')
    this.#lines.addEventListener('keydown', event => this.#key(event))
    this.#lines.addEventListener('focusin', event => this.#rove((event.target as HTMLElement).closest('li')))
  }

  show(chatID: string | null): void {
    this.chatID = chatID
    this.element.hidden = chatID === null
    if (chatID === null) return
    this.#lines.replaceChildren()
    this.#composer.belongsTo(chatID)
    this.#atEnd = true
    this.render()
    this.#composer.focus()
    void this.#fill(chatID)
  }

  /** Members and marks may have changed: after each connect, and when somebody came or went. */
  #fetch(chatID: string): void {
    this.#session.opened(chatID).catch(() => { /* no connection any more: asked again after the next one */ })
  }

  /** A page is more than what happened to come lately. */
  async #fill(chatID: string): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, 0))
    if (this.chatID === chatID && this.#lines.childElementCount < 20) await this.#older()
  }

  render(): void {
    const chatID = this.chatID, chat = chatID === null ? undefined : this.#session.chat(chatID)
    if (chatID === null || !chat) return
    this.#renderHead(chatID)
    const last = this.#scroll.scrollHeight - this.#scroll.scrollTop
    const wasAtEnd = this.#atEnd
    fill(this.#lines, this.#session.lines(chatID).map(line => {
      const context = contextOf(this.#session, chatID, line)
      const {at, ...rest} = line
      const signature = JSON.stringify([line.kind === 'waiting' ? rest : line, context])
      return {key: line.key, signature, make: () => lineElement(this.#session, line, context, this.#actions)}
    }))
    this.#rove(this.#lines.querySelector('li[tabindex="0"]') ?? this.#lines.querySelector('li:last-child'))
    if (wasAtEnd) this.#toEnd()
    else if (this.#loading) this.#scroll.scrollTop = this.#scroll.scrollHeight - last
    this.#earlier.hidden = this.#complete.has(chatID) || (this.#session.client.state.first[chatID] ?? 1) <= 1
    const typing = this.#session.typing.in(chatID, Date.now()).map(id => this.#session.nameOf(id))
    this.#typing.textContent = typing.length === 0 ? '' : `${typing.join(', ')} ${typing.length === 1 ? 'is' : 'are'} typing…`
    this.#composer.allow(!chat.ended && !chat.left)
    this.#fetch(chatID)
    this.#see()
  }

  /** What is seen is read: the newest is in view, and somebody may be looking. */
  #see(): void {
    if (this.chatID !== null && this.#atEnd && document.visibilityState === 'visible') this.#session.read(this.chatID)
  }

  #renderHead(chatID: string): void {
    const chat = this.#session.chat(chatID)!, {peerID} = chat
    const presence = peerID === undefined ? undefined : this.#session.presence.get(peerID)
    const members = this.#session.members(chatID)
    const below = chat.left ? 'You are not in this group any more' : chat.ended ? 'This group has ended'
      : peerID === undefined ? (members.length > 0 ? `${members.length} member${members.length === 1 ? '' : 's'}` : '')
        : presence?.online ? 'online' : presence?.lastSeen ? lastSeen(presence.lastSeen, Date.now()) : ''
    fill(this.#head, [{key: chatID, signature: JSON.stringify([chat.name, below]), make: () => h('div', {class: 'chat-head-row'},
      iconButton('back', 'Back to the chats', this.#leave, {class: 'icon-button back'}),
      peerID === undefined ? h('span', {class: 'avatar many', 'aria-hidden': 'true'}, icon('group')) : avatar(peerID, chat.name),
      h('div', {class: 'chat-title'}, h('h1', {id: 'chat-title'}, chat.name), h('p', {}, below)),
      peerID === undefined && iconButton('group', 'Members and settings', () => openGroup(this.#session, chatID)))}])
  }

  // ---- keys and scrolling ----

  #rove(line: HTMLElement | null): void {
    if (!line || line.tabIndex === 0) return
    for (const other of this.#lines.querySelectorAll<HTMLElement>('li[tabindex="0"]')) other.tabIndex = -1
    line.tabIndex = 0
  }

  #key(event: KeyboardEvent): void {
    const line = event.target as HTMLElement
    if (event.key === 'Escape') this.#composer.focus()
    else if (event.key === 'Enter' && line.tagName === 'LI') line.querySelector<HTMLElement>('.actions button, .failed-text button')?.focus()
    else return
    event.preventDefault()
  }

  #scrolled(): void {
    const {scrollTop, scrollHeight, clientHeight} = this.#scroll
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX
    this.#newest.hidden = this.#atEnd
    if (scrollTop < NEAR_PX && scrollHeight > clientHeight) void this.#older()
    if (this.#atEnd) this.#see()
  }

  #toEnd(): void {
    this.#scroll.scrollTop = this.#scroll.scrollHeight
    this.#atEnd = true
    this.#newest.hidden = true
  }

  async #older(): Promise<void> {
    const chatID = this.chatID
    if (chatID === null || this.#loading || this.#complete.has(chatID) || this.#session.connection !== 'online') return
    this.#loading = true
    this.#earlier.textContent = 'Loading…'
    try {
      if (!await this.#session.client.older(chatID)) this.#complete.add(chatID)
      this.render()
    } catch { /* the connection is lost; the button is still there */ }
    this.#loading = false
    this.#earlier.textContent = 'Earlier messages'
  }

  // ---- what one does ----

  #send(body: string, repliedTo: Message | null): void {
    this.#session.client.send({chat: this.chatID!}, body, repliedTo ? {repliedTo: repliedTo.messageID} : {})
    this.#atEnd = true
    this.render()
    this.#session.onChange(null)
  }

  #editLast(): void {
    const mine = this.#session.lines(this.chatID!).filter(({message}) => message?.senderID === this.#session.me && !message.isDeleted).at(-1)
    if (mine?.kind === 'message') this.#composer.edit(mine.message!) // one that waits has no number yet
  }

  #actions: LineActions = {
    reply: message => this.#composer.reply(message),
    edit: message => this.#composer.edit(message),
    remove: message => void confirmed('Delete this message?', 'It is deleted for everyone in this chat, for good.', 'Delete').then(yes => {
      if (!yes) return
      this.#session.client.delete(this.chatID!, message.messageID)
      this.render()
    }),
    show: messageID => this.#show(messageID),
    again: line => this.#again(line),
    drop: line => this.#drop(line),
  }

  #show(messageID: number): void {
    const line = this.#lines.querySelector<HTMLElement>(`[data-number="${messageID}"]`)
    if (!line) return
    line.scrollIntoView({block: 'center'})
    line.focus({preventScroll: true})
  }

  #drop(line: Line): void {
    const failed = this.#session.store.shown.failed.find(({command}) => command.commandID === line.commandID)
    if (failed) this.#session.forgetFailed(failed)
  }

  #again(line: Line): void {
    const failed = this.#session.store.shown.failed.find(({command}) => command.commandID === line.commandID)
    const asked = failed && askedBy(failed.command)
    if (!failed || !asked) return
    this.#session.forgetFailed(failed)
    this.#session.client.send({chat: asked.chatID}, asked.body, asked.messageID ? {repliedTo: asked.messageID} : {})
    this.render()
  }
}

// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// The page of somebody who is signed in: chats at the side, a conversation beside them; on a phone one of the two.
import {badge} from '../state/chats.ts'
import type {Session} from '../state/session.ts'
import {openAccount} from './account.ts'
import {Announcer} from './announcer.ts'
import {ChatList} from './chat-list.ts'
import {Conversation} from './conversation.ts'
import {openDialog, wordsOf} from './dialog.ts'
import {avatar, fill, h, iconButton} from './dom.ts'
import {openNewChat} from './new-chat.ts'

export interface AppActions { signOut: () => void; signInAgain: () => void }

const byID = (id: string) => document.getElementById(id)!

export class App {
  #session: Session
  #title: string
  #list: ChatList
  #conversation: Conversation
  #announcer = new Announcer(byID('announcements'))
  #actions: AppActions
  #me = h('button', {type: 'button', class: 'me', 'aria-label': 'You: name, status, sign out'})
  #scheduled = false
  #wasOnline: boolean | null = null

  constructor(session: Session, title: string, actions: AppActions) {
    this.#session = session
    this.#title = title
    this.#actions = actions
    this.#list = new ChatList(session, byID('chats'), byID('no-chats'), chatID => this.open(chatID))
    this.#conversation = new Conversation(session, () => this.open(null))
    byID('main').append(this.#conversation.element)
    byID('side-head').append(this.#me, h('h1', {}, title), iconButton('plus', 'New chat', () => openNewChat(session, chatID => this.open(chatID))))
    byID('app').hidden = false
    session.onChange = () => this.#schedule()
    session.onProblem = error => openDialog('That was refused', h('p', {}, wordsOf(error)))
    session.onNews = (chatID, message) => {
      const chat = session.chat(chatID), who = session.nameOf(message.senderID ?? '')
      this.#announcer.say(chat?.peerID ? `${who}: ${message.body}` : `${who} in ${chat?.name ?? 'a new chat'}: ${message.body}`)
    }
    this.#me.addEventListener('click', () => openAccount(session, actions.signOut))
    document.addEventListener('visibilitychange', () => this.#schedule())
    window.addEventListener('popstate', () => this.#show(this.#chatInAddress()))
    setInterval(() => this.#schedule(), 60_000) // times of day, "last seen"
    this.#show(this.#chatInAddress())
  }

  #chatInAddress(): string | null { return location.hash.startsWith('#/') ? decodeURIComponent(location.hash.slice(2)) : null }

  open(chatID: string | null): void {
    if (chatID === this.#conversation.chatID) return
    history.pushState(null, '', chatID === null ? location.pathname : `#/${encodeURIComponent(chatID)}`)
    this.#show(chatID)
  }

  #show(chatID: string | null): void {
    const left = this.#conversation.chatID !== null && chatID === null
    document.body.classList.toggle('in-chat', chatID !== null)
    byID('nothing').hidden = chatID !== null
    this.#conversation.show(chatID)
    this.#render()
    if (left) this.#list.focusFirst()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setTimeout(() => {
      this.#scheduled = false
      this.#render()
    }, 0)
  }

  #render(): void {
    const count = badge(this.#session.store.shown.chats)
    document.title = count > 0 ? `(${count}) ${this.#title}` : this.#title
    const {me} = this.#session, name = this.#session.nameOf(me)
    fill(this.#me, [{key: me, signature: name, make: () => avatar(me, name)}])
    this.#list.render(this.#conversation.chatID)
    this.#conversation.render()
    this.#renderStatus()
  }

  #renderStatus(): void {
    const {connection, ending, client, store} = this.#session
    const waiting = client.state.outbox.length
    const words = connection === 'online' ? '' : connection === 'connecting' ? 'Connecting…'
      : waiting > 0 ? `Not connected. ${waiting === 1 ? 'One message waits' : `${waiting} wait`} to be sent.` : 'Not connected. Trying again…'
    const line = byID('status')
    line.textContent = ending ? 'Your session ends. ' : words || (store.keeps ? '' : 'This browser keeps nothing: all is fetched again next time.')
    line.hidden = line.textContent === ''
    line.className = connection === 'online' ? 'status' : 'status offline'
    if (ending) line.append(h('button', {type: 'button', class: 'link', click: this.#actions.signInAgain}, 'Sign in again'))
    const isOnline = connection === 'online'
    if (this.#wasOnline !== null && this.#wasOnline !== isOnline) this.#announcer.say(isOnline ? 'Connected' : 'Not connected')
    if (connection !== 'connecting') this.#wasOnline = isOnline
  }
}

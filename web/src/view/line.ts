// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// One line of a conversation.
import type {Message} from '../../../docs/client-js/hyperchat.mjs'
import {noteOf} from '../state/chats.ts'
import type {Line} from '../state/lines.ts'
import type {Delivery} from '../state/marks.ts'
import type {Session} from '../state/session.ts'
import {clock, dayName} from '../state/times.ts'
import {h, icon, iconButton} from './dom.ts'

export interface LineActions {
  reply(message: Message): void
  edit(message: Message): void
  remove(message: Message): void
  show(messageID: number): void
  again(line: Line): void
  drop(line: Line): void
}

const MARKS = {
  waiting: {icon: 'waiting', words: 'waiting to be sent'},
  sent: {icon: 'sent', words: 'sent'},
  received: {icon: 'both', words: 'delivered'},
  read: {icon: 'both', words: 'read'},
} as const

export interface LineContext { delivery: Delivery | null; senderName: string; quotedName: string; deletedByName: string; isGroup: boolean; canDelete: boolean; canWrite: boolean; note: string }

export function contextOf(session: Session, chatID: string, line: Line): LineContext {
  const message = line.message, mine = message?.senderID === session.me
  const quoted = message?.repliedTo && session.client.state.chats[chatID]?.[message.repliedTo.messageID]?.senderID
  const name = (userID: string | undefined) => userID === undefined ? '' : userID === session.me ? 'You' : session.nameOf(userID)
  const chat = session.chat(chatID), isGroup = chat?.peerID === undefined
  const role = session.roleIn(chatID)
  return {
    delivery: mine && line.kind === 'message' ? session.delivery(chatID, message.messageID) : null,
    senderName: name(message?.senderID), quotedName: name(quoted), deletedByName: name(message?.deletedBy), isGroup,
    canDelete: mine || (isGroup && (role === 'owner' || role === 'admin')),
    canWrite: !chat?.ended && !chat?.left,
    note: line.change ? noteOf(line.change, session.me, id => session.nameOf(id)) : '',
  }
}

export function lineElement(session: Session, line: Line, context: LineContext, actions: LineActions): HTMLElement {
  const day = line.newDay && h('p', {class: 'day'}, dayName(line.at, Date.now()))
  if (line.kind === 'note') return h('li', {class: 'line note', tabindex: '-1'}, day, h('p', {class: 'note-text'}, context.note))
  const message = line.message!, mine = message.senderID === session.me
  const classes = ['line', mine ? 'mine' : 'theirs', line.follows && 'follows', message.isDeleted && 'deleted', line.kind].filter(Boolean).join(' ')
  return h('li', {class: classes, tabindex: '-1', 'data-number': String(message.messageID)}, day,
    h('div', {class: 'bubble'},
      h('span', {class: mine || !context.isGroup || line.follows ? 'sr' : 'who'}, context.senderName, h('span', {class: 'sr'}, ': ')),
      quoteElement(message, context, actions), bodyElement(message, context), metaElement(line, context, mine)),
    line.kind === 'failed' ? failedElement(line, actions) : actionsElement(line, mine, context, actions))
}

function quoteElement({repliedTo, isDeleted}: Message, {quotedName}: LineContext, actions: LineActions): HTMLElement | null {
  if (!repliedTo || isDeleted) return null
  return h('button', {type: 'button', class: 'quote', title: 'Show what this answers', click: () => actions.show(repliedTo.messageID)},
    h('span', {class: 'sr'}, 'Answers '), quotedName && h('span', {class: 'quote-name'}, quotedName, h('span', {class: 'sr'}, ': ')),
    h('span', {class: 'quote-text'}, repliedTo.body ?? 'A message that was deleted'))
}

function bodyElement(message: Message, {deletedByName, senderName}: LineContext): HTMLElement {
  if (!message.isDeleted) return h('p', {class: 'body'}, message.body ?? '', message.cut === true && '…')
  return h('p', {class: 'body'}, deletedByName && deletedByName !== senderName ? `Deleted by ${deletedByName}` : 'Message deleted')
}

function metaElement(line: Line, {delivery}: LineContext, mine: boolean): HTMLElement {
  const message = line.message!
  const state = line.kind === 'waiting' || line.changing ? 'waiting' : delivery
  return h('span', {class: 'meta'}, message.isEdited === true && !message.isDeleted && h('span', {}, 'edited '),
    line.kind !== 'failed' && h('time', {datetime: new Date(line.at).toISOString()}, clock(line.at)),
    mine && state !== null && line.kind !== 'failed' && !message.isDeleted &&
      h('span', {class: `mark ${state}`, title: MARKS[state].words}, icon(MARKS[state].icon), h('span', {class: 'sr'}, `, ${MARKS[state].words}`)))
}

function actionsElement(line: Line, mine: boolean, {canDelete, canWrite}: LineContext, actions: LineActions): HTMLElement | null {
  const message = line.message!
  if (line.kind === 'waiting' || message.isDeleted || (!canWrite && !mine)) return null
  return h('div', {class: 'actions'},
    canWrite && iconButton('reply', 'Reply', () => actions.reply(message)),
    canWrite && mine && iconButton('edit', 'Edit', () => actions.edit(message)),
    canDelete && iconButton('trash', 'Delete', () => actions.remove(message)))
}

function failedElement(line: Line, actions: LineActions): HTMLElement {
  return h('div', {class: 'failed-text'}, h('span', {}, `Not sent: ${line.text}`),
    h('button', {type: 'button', class: 'link', click: () => actions.again(line)}, 'Send again'),
    h('button', {type: 'button', class: 'link', click: () => actions.drop(line)}, 'Discard'))
}

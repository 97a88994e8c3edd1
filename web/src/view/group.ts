// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// A group's members, roles and name. What somebody may do stands in docs/roles.md; the server decides, this only shows what makes sense.
import type {Session} from '../state/session.ts'
import type {Member} from '../state/storage.ts'
import {confirmed, field, form, openDialog, type Dialog} from './dialog.ts'
import {avatar, h, iconButton} from './dom.ts'
import {peopleIn} from './new-chat.ts'

type Call = (operation: string, args: object) => Promise<void>

export function openGroup(session: Session, chatID: string): void {
  const chat = session.chat(chatID)!
  const dialog = openDialog(chat.name)
  const call: Call = async (operation, args) => {
    await session.client.call(operation, {groupID: chatID, ...args})
    await session.changed(chatID)
    if (dialog.element.open) show()
  }
  const show = () => dialog.body.replaceChildren(...content(session, chatID, dialog, call))
  show()
  void session.opened(chatID).then(show, dialog.fail)
}

function content(session: Session, chatID: string, dialog: Dialog, call: Call): Node[] {
  const role = session.roleIn(chatID), chat = session.chat(chatID)!
  const manages = (role === 'owner' || role === 'admin') && !chat.ended
  const list = h('ul', {class: 'members'}, ...session.members(chatID).map(member => memberElement(session, member, role, dialog, call)))
  return [...manages ? [nameForm(chat.name, dialog, call)] : [], h('h3', {}, 'Members'), list, ...manages ? [addForm(dialog, call)] : [],
    ...role === 'none' ? [] : [endButtons(session, chatID, role, dialog)]]
}

function nameForm(name: string, dialog: Dialog, call: Call): HTMLElement {
  const input = h('input', {type: 'text', maxlength: '120', required: true, value: name})
  return form('Rename', () => call('updateGroupInfo', {groupInfo: {name: input.value.trim()}}), dialog.fail, field('Name', input))
}

function addForm(dialog: Dialog, call: Call): HTMLElement {
  const input = h('input', {type: 'text', required: true, autocapitalize: 'none', autocomplete: 'off'})
  return form('Add', () => call('addUserToGroup', {userIDs: peopleIn(input.value)}), dialog.fail, field('Add people', input, 'User IDs, with commas between them'))
}

function memberElement(session: Session, {userID, role}: Member, mine: string, dialog: Dialog, call: Call): HTMLElement {
  const isMe = userID === session.me, name = session.nameOf(userID)
  const select = h('select', {'aria-label': `Role of ${name}`, change: () => call('setRole', {userID, role: select.value}).catch(dialog.fail)},
    ...['owner', 'admin', 'member'].map(each => h('option', {value: each, selected: each === role}, each)))
  const canRemove = !isMe && (mine === 'owner' || (mine === 'admin' && role === 'member'))
  return h('li', {}, avatar(userID, name), h('span', {class: 'member-name'}, isMe ? `${name} (you)` : name, name !== userID && h('small', {}, userID)),
    mine === 'owner' ? select : h('span', {class: 'role'}, role),
    canRemove && iconButton('close', `Remove ${name}`, () => void confirmed('Remove from the group?', `${name} will see nothing of what is written from now on.`, 'Remove')
      .then(async yes => { if (yes) await call('removeUser', {userID}) }).catch(dialog.fail)))
}

function endButtons(session: Session, chatID: string, role: string, dialog: Dialog): HTMLElement {
  const ask = (title: string, question: string, yes: string, operation: string) => () => void confirmed(title, question, yes).then(async sure => {
    if (!sure) return
    await session.client.call(operation, {groupID: chatID})
    dialog.close()
    await session.refresh()
  }).catch(dialog.fail)
  return h('div', {class: 'buttons'},
    h('button', {type: 'button', click: ask('Leave the group?', 'You will see nothing of what is written from now on.', 'Leave', 'leaveGroup')}, 'Leave group'),
    role === 'owner' && h('button', {type: 'button', class: 'danger', click: ask('End the group?', 'Nobody can write any more. It can be read for 30 days.', 'End', 'deleteGroup')}, 'End group'))
}

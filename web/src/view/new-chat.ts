// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// A new chat: with one person, or a group. The server lists nobody, so people are named by their user ID, or by the shared ID that they told.
import type {Session} from '../state/session.ts'
import {field, form, openDialog} from './dialog.ts'
import {h} from './dom.ts'

export function peopleIn(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))]
}

export function openNewChat(session: Session, open: (chatID: string) => void): void {
  const person = h('input', {type: 'text', required: true, autofocus: true, autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false', id: 'new-person'})
  const name = h('input', {type: 'text', required: true, maxlength: '120', id: 'new-name'})
  const members = h('input', {type: 'text', autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false', id: 'new-members'})
  const go = async (chatID: Promise<string>) => {
    const id = await chatID
    dialog.close()
    open(id)
  }
  const fail = (error: unknown) => dialog.fail(error)
  const dialog = openDialog('New chat',
    form('Start chat', () => go(chatWith(session, person.value.trim())), fail, field('Person', person, 'A user ID, or a shared ID')),
    h('hr'),
    h('h3', {}, 'New group'),
    form('Make group', () => go(session.makeGroup(name.value.trim(), peopleIn(members.value))), fail, field('Name', name),
      field('Members', members, 'User IDs, with commas between them')))
}

async function chatWith(session: Session, person: string): Promise<string> {
  try {
    return await session.chatWith(person)
  } catch (error) {
    if ((error as {code?: string}).code !== 'forbidden') throw error
    const {userID} = await session.client.call<{userID: string}>('findUser', {sharedID: person})
    return session.chatWith(userID)
  }
}

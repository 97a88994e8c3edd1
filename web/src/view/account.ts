// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// One's own name, status and shared ID; sign-out.
import type {Session} from '../state/session.ts'
import {field, form, openDialog} from './dialog.ts'
import {h} from './dom.ts'

interface UserInfo { name?: string; status?: string; sharedID?: string }

export function openAccount(session: Session, signOut: () => void): void {
  const name = h('input', {type: 'text', maxlength: '100', autofocus: true})
  const status = h('input', {type: 'text', maxlength: '200'})
  const shared = h('input', {type: 'text', maxlength: '100', autocapitalize: 'none', autocomplete: 'off'})
  let known: UserInfo = {}
  const save = async () => {
    await session.client.call('updateUserInfo', {userInfo: {name: name.value.trim()}})
    if (status.value.trim() !== (known.status ?? '')) await session.client.call('setStatus', {text: status.value.trim()})
    if (shared.value.trim() !== (known.sharedID ?? '')) await session.client.call('setSharedID', {sharedID: shared.value.trim()})
    session.store.shown.names[session.me] = name.value.trim() || session.me
    session.store.saveShown()
    session.onChange(null)
    dialog.close()
  }
  const dialog = openDialog('You', h('p', {class: 'quiet'}, 'Your user ID: ', h('strong', {}, session.me)),
    form('Save', save, error => dialog.fail(error), field('Name', name), field('Status', status), field('Shared ID', shared, 'By this, people can find you')),
    h('hr'), h('div', {class: 'buttons'}, h('button', {type: 'button', class: 'danger', click: signOut}, 'Sign out')))
  session.client.call<{userInfo: UserInfo}>('getUserInfo').then(({userInfo}) => {
    known = userInfo
    name.value = userInfo.name ?? ''
    status.value = userInfo.status ?? ''
    shared.value = userInfo.sharedID ?? ''
  }, dialog.fail)
}

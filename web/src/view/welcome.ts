// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Before somebody is signed in: by the provider, or with a token.
import type {Config} from '../config.ts'
import {readClaims, userIDOf} from '../net/encoding.ts'
import {field, form} from './dialog.ts'
import {h} from './dom.ts'

export interface Welcome { title: string; config: Config | null; problem: string | null; signIn: () => Promise<void>; withToken: (token: string) => Promise<void> }

export function showWelcome(place: HTMLElement, {title, config, problem, signIn, withToken}: Welcome): void {
  const told = h('p', {class: 'problem', role: 'alert'}, problem ?? '')
  const fail = (error: unknown) => { told.textContent = (error as Error).message }
  place.replaceChildren(h('div', {class: 'card'}, h('div', {class: 'logo', 'aria-hidden': 'true'}), h('h1', {}, title), ...parts(config, signIn, withToken, fail), told))
  place.hidden = false
}

function parts(config: Config | null, signIn: () => Promise<void>, withToken: (token: string) => Promise<void>, fail: (error: unknown) => void): Node[] {
  if (!config) return []
  const token = h('textarea', {rows: '3', required: true, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'none', id: 'token'})
  const paste = form('Continue', async () => {
    const text = token.value.trim()
    userIDOf(readClaims(text), config.userClaim, config.prefix)
    await withToken(text)
  }, fail, field('Token', token, 'A JSON Web Token that the server takes. It stays in this tab.'))
  if (config.issuer === null) return [paste]
  return [form('Sign in', signIn, fail), h('details', {}, h('summary', {}, 'Use a token instead'), paste)]
}

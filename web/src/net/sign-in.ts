// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Sign-in by OpenID Connect: the authorization code flow with PKCE (RFC 7636), for a client without a secret. The way back is this page's own address;
// state, the issuer (RFC 9207) and the nonce are checked.
import type {Config} from '../config.ts'
import {readClaims, toBase64url} from './encoding.ts'
import {randomBytes} from './random.ts'
import type {Tokens} from './tokens.ts'

const KEY = 'hyperchat.sign-in'

interface Provider { issuer: string; authorization_endpoint: string; token_endpoint: string; end_session_endpoint?: string }
interface Started { verifier: string; state: string; nonce: string }
interface Answer { access_token?: string; id_token?: string; refresh_token?: string; error?: string; error_description?: string }

export class SignIn {
  #config: Config
  #provider: Provider | null = null

  constructor(config: Config) { this.#config = config }

  async provider(): Promise<Provider> {
    if (this.#provider) return this.#provider
    const answer = await fetch(`${this.#config.issuer!.replace(/\/$/, '')}/.well-known/openid-configuration`)
    if (!answer.ok) throw new Error(`The sign-in service does not answer (${answer.status}).`)
    const provider = await answer.json() as Provider
    if (provider.issuer !== this.#config.issuer) throw new Error('The sign-in service calls itself something else than config.json does.')
    for (const endpoint of [provider.authorization_endpoint, provider.token_endpoint])
      if (new URL(endpoint).protocol !== 'https:') throw new Error('The sign-in service has an address that is not secure.')
    return this.#provider = provider
  }

  /** Leaves the page. */
  async leave(): Promise<void> {
    const {authorization_endpoint} = await this.provider()
    if (!crypto.subtle) throw new Error('Signing in needs https: this page has come by http.')
    const started: Started = {verifier: toBase64url(randomBytes(32)), state: toBase64url(randomBytes(16)), nonce: toBase64url(randomBytes(16))}
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(started.verifier))
    const {clientID, scope, resource, parameters} = this.#config
    sessionStorage.setItem(KEY, JSON.stringify(started))
    const url = new URL(authorization_endpoint)
    const fields = {...parameters, client_id: clientID, response_type: 'code', scope, redirect_uri: here(), state: started.state, nonce: started.nonce,
      code_challenge: toBase64url(new Uint8Array(digest)), code_challenge_method: 'S256', ...(resource !== null && {resource})}
    for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value)
    location.assign(url)
  }

  /** Whether the page's address is the provider's answer. */
  static isBack(): boolean {
    const query = new URLSearchParams(location.search)
    return query.has('state') && (query.has('code') || query.has('error'))
  }

  /** Takes the code out of the address, and gets tokens for it. */
  async back(): Promise<Tokens> {
    const query = new URLSearchParams(location.search), kept = sessionStorage.getItem(KEY)
    history.replaceState(null, '', here())
    sessionStorage.removeItem(KEY)
    if (kept === null) throw new Error('This sign-in was not begun here. Please sign in again.')
    const started = JSON.parse(kept) as Started
    if (query.get('state') !== started.state || (query.get('iss') ?? this.#config.issuer) !== this.#config.issuer)
      throw new Error('This answer belongs to another sign-in. Please sign in again.')
    if (query.has('error')) throw new Error(`The sign-in service refused: ${query.get('error_description') ?? query.get('error')}`)
    return this.#ask({grant_type: 'authorization_code', code: query.get('code') ?? '', redirect_uri: here(), code_verifier: started.verifier}, started.nonce)
  }

  refresh(refresh: string): Promise<Tokens> {
    return this.#ask({grant_type: 'refresh_token', refresh_token: refresh}, null, refresh)
  }

  async #ask(fields: Record<string, string>, nonce: string | null, refresh?: string): Promise<Tokens> {
    const {token_endpoint} = await this.provider()
    const {clientID, resource, token} = this.#config
    const body = new URLSearchParams({...fields, client_id: clientID, ...(resource !== null && {resource})})
    const response = await fetch(token_endpoint, {method: 'POST', body, credentials: 'omit'})
    const answer = await response.json() as Answer
    if (!response.ok) throw Object.assign(new Error(`The sign-in service refused: ${answer.error_description ?? answer.error ?? response.status}`), {refused: response.status < 500})
    if (nonce !== null && answer.id_token !== undefined && readClaims(answer.id_token)['nonce'] !== nonce)
      throw new Error('This answer belongs to another sign-in. Please sign in again.')
    const password = token === 'id' ? answer.id_token : answer.access_token
    if (password === undefined) throw new Error(`The sign-in service sent no ${token} token.`)
    const next = answer.refresh_token ?? refresh
    return {password, ...(next !== undefined && {refresh: next})}
  }
}

function here(): string { return location.origin + location.pathname }

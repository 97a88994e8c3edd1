// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Keeps a token that counts: gets another one before this one ends, if the provider gave a refresh token.
import type {SignIn} from './sign-in.ts'
import {endOf, keepTokens, renewalTime, type Tokens} from './tokens.ts'

const AGAIN_MS = 15_000
const LONGEST_MS = 86_400_000 // a timer takes no more than 24 days

export class Keeper {
  onRenewed: (password: string) => void = () => {}
  onEnding: () => void = () => {}   // there will be no other token: somebody has to sign in
  #tokens: Tokens
  #signIn: SignIn | null
  #timer = 0
  #renewing: Promise<void> | null = null

  constructor(tokens: Tokens, signIn: SignIn | null) {
    this.#tokens = tokens
    this.#signIn = signIn
    this.#wait()
  }

  /** For each login. */
  async password(): Promise<string> {
    if (this.#isOver()) await this.renew()
    if (this.#isOver()) throw new Error('there is no token that counts')
    return this.#tokens.password
  }

  #isOver(): boolean { return (endOf(this.#tokens.password) ?? Infinity) <= Date.now() }

  renew(): Promise<void> { return this.#renewing ??= this.#renew().finally(() => { this.#renewing = null }) }

  end(): void {
    clearTimeout(this.#timer)
    keepTokens(null)
  }

  async #renew(): Promise<void> {
    const {refresh} = this.#tokens
    if (!this.#signIn || refresh === undefined) return this.onEnding()
    try {
      this.#tokens = await this.#signIn.refresh(refresh)
      keepTokens(this.#tokens)
      this.#wait()
      this.onRenewed(this.#tokens.password)
    } catch (error) {
      if ((error as {refused?: boolean}).refused) return this.onEnding()
      this.#later(AGAIN_MS)
    }
  }

  #wait(): void {
    const at = renewalTime(this.#tokens.password, Date.now())
    if (at !== null) this.#later(Math.max(at - Date.now(), 0))
  }

  #later(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => ms > LONGEST_MS ? this.#wait() : void this.renew(), Math.min(ms, LONGEST_MS))
  }
}

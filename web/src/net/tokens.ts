// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// The tokens of this tab. They are in sessionStorage alone, and go with the tab.
import {readClaims} from './encoding.ts'

export interface Tokens { password: string; refresh?: string }

const KEY = 'hyperchat.tokens'
const AHEAD_MS = 120_000

export function keptTokens(): Tokens | null {
  const kept = sessionStorage.getItem(KEY)
  return kept === null ? null : JSON.parse(kept) as Tokens
}

export function keepTokens(tokens: Tokens | null): void {
  if (tokens) sessionStorage.setItem(KEY, JSON.stringify(tokens))
  else sessionStorage.removeItem(KEY)
}

/** In milliseconds since 1970; null: it does not say. */
export function endOf(token: string, part: 'exp' | 'iat' = 'exp'): number | null {
  const end = readClaims(token)[part]
  return typeof end === 'number' ? end * 1000 : null
}

/** When another one should be asked for: two minutes before the end, or a third of its life where that is shorter. */
export function renewalTime(token: string, now: number): number | null {
  const end = endOf(token)
  if (end === null) return null
  const life = end - (endOf(token, 'iat') ?? now)
  return end - Math.min(AHEAD_MS, life / 3)
}

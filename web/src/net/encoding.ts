// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Base64url, and what a token says of itself. The page trusts none of it: the server checks tokens, the page only has to know who it is.

export function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

export type Claims = Record<string, unknown>

export function readClaims(token: string): Claims {
  const part = token.trim().split('.')
  if (part.length !== 3) throw new Error('That is not a token: it has three parts with dots in between.')
  try {
    const bytes = Uint8Array.from(atob(part[1]!.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes))
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return claims as Claims
  } catch { /* the same to the reader */ }
  throw new Error('That is not a token: its middle part cannot be read.')
}

/** A claim by its name, or a member of another one: `realm_access.user`. */
export function readClaim(claims: Claims, name: string): unknown {
  if (name in claims) return claims[name]
  return name.split('.').reduce<unknown>((value, key) => typeof value === 'object' && value !== null ? (value as Claims)[key] : undefined, claims)
}

/** How the server spells a user (docs/protocol.md, "Who is connected"). */
export function userIDOf(claims: Claims, claim: string, prefix: string): string {
  const value = readClaim(claims, claim)
  if (typeof value !== 'string' || value === '') throw new Error(`The token does not say who you are: it has no “${claim}”.`)
  const encode = (text: string) => Array.from(new TextEncoder().encode(text), byte => '%' + byte.toString(16).toUpperCase().padStart(2, '0')).join('')
  return prefix + value.replace(/[%/+#\u0000-\u001f\u007f-\u009f]/g, encode)
}

// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// The policy in index.html cannot know where the broker and the provider are. Once config.json has told, a second policy closes everything else:
// both count.

export function allowOnly(addresses: string[]): void {
  const origins = [...new Set(addresses.map(address => new URL(address).origin))]
  const meta = document.createElement('meta')
  meta.httpEquiv = 'Content-Security-Policy'
  meta.content = `connect-src 'self' ${origins.join(' ')}`
  document.head.append(meta)
}

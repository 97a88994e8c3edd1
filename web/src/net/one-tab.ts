// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// One device, one connection: a second tab would throw the first one out again and again, and write over what it keeps. The newest tab goes on, the one
// before ends. Where the browser has no locks (pages by plain http) the server's own rule has to do.

export function oneTab(user: string, begin: () => void, end: () => void): void {
  if (!navigator.locks) return begin()
  navigator.locks.request(`hyperchat:${user}`, {steal: true}, () => {
    begin()
    return new Promise<void>(() => {}) // as long as the page lives
  }).catch(end)
}

// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Times as people say them, in the browser's language.

const DAY_MS = 86_400_000

function startOfDay(at: number): number { return new Date(at).setHours(0, 0, 0, 0) }
function daysAgo(at: number, now: number): number { return Math.round((startOfDay(now) - startOfDay(at)) / DAY_MS) }

export function clock(at: number): string {
  return new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit'}).format(at)
}

export function dayName(at: number, now: number): string {
  const ago = daysAgo(at, now)
  if (ago === 0) return 'Today'
  if (ago === 1) return 'Yesterday'
  return new Intl.DateTimeFormat(undefined, ago < 300 ? {weekday: 'long', day: 'numeric', month: 'long'} : {dateStyle: 'long'}).format(at)
}

/** For a chat list: as short as it can be told. */
export function shortTime(at: number, now: number): string {
  const ago = daysAgo(at, now)
  if (ago === 0) return clock(at)
  if (ago < 7) return new Intl.DateTimeFormat(undefined, {weekday: 'short'}).format(at)
  return new Intl.DateTimeFormat(undefined, ago < 300 ? {day: 'numeric', month: 'short'} : {dateStyle: 'short'}).format(at)
}

export function lastSeen(at: number, now: number): string {
  if (now - at < 60_000) return 'last seen just now'
  return daysAgo(at, now) === 0 ? `last seen at ${clock(at)}` : `last seen ${dayName(at, now)}, ${clock(at)}`
}

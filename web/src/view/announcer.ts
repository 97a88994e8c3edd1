// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// What a screen reader says by itself: new messages, and what becomes of the connection. Nothing of it is to be seen.
import {h} from './dom.ts'

const KEPT = 5

export class Announcer {
  #log: HTMLElement

  constructor(log: HTMLElement) { this.#log = log }

  say(text: string): void {
    this.#log.append(h('p', {}, text))
    while (this.#log.childElementCount > KEPT) this.#log.firstElementChild!.remove()
  }
}

// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// What the reference client takes from node:events.

type Listener = (...args: unknown[]) => void

export class EventEmitter {
  #listeners = new Map<string, Listener[]>()

  on(name: string, listener: Listener): this {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])
    return this
  }

  emit(name: string, ...args: unknown[]): boolean {
    const listeners = this.#listeners.get(name) ?? []
    for (const listener of listeners) listener(...args)
    return listeners.length > 0
  }
}

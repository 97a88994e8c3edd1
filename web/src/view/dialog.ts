// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Dialogs by <dialog>: the browser keeps the focus inside, and Escape closes them.
import {h, iconButton} from './dom.ts'

export interface Dialog { element: HTMLDialogElement; body: HTMLElement; close(): void; fail(error: unknown): void }

let opened = 0

export function openDialog(title: string, ...children: (Node | string)[]): Dialog {
  const id = `dialog-${++opened}`
  const problem = h('p', {class: 'problem', role: 'alert'})
  const body = h('div', {class: 'dialog-body'}, ...children)
  const element = h('dialog', {'aria-labelledby': id},
    h('header', {}, h('h2', {id}, title), iconButton('close', 'Close', () => element.close())), body, problem)
  element.addEventListener('close', () => element.remove())
  element.addEventListener('click', event => event.target === element && element.close()) // beside it
  document.body.append(element)
  element.showModal()
  element.querySelector<HTMLElement>('[autofocus]')?.focus()
  return {element, body, close: () => element.close(), fail: error => { problem.textContent = wordsOf(error) }}
}

/** What is told to people when an operation is refused. */
export function wordsOf(error: unknown): string {
  const {code, message} = error as {code?: string, message?: string}
  if (code === 'forbidden') return 'That is not allowed, or there is nobody of that name. People have to have signed in once before they can be written to.'
  if (code === 'rate_limited') return 'That was too much in a short time. Please wait a moment.'
  return message ?? String(error)
}

export function field(label: string, input: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement, hint?: string): HTMLElement {
  return h('label', {class: 'field'}, h('span', {}, label), input, hint !== undefined && h('small', {}, hint))
}

/** A form whose button waits until it is done. */
export function form(submit: string, run: () => Promise<void>, fail: (error: unknown) => void, ...children: Node[]): HTMLFormElement {
  const button = h('button', {type: 'submit', class: 'primary'}, submit)
  return h('form', {class: 'stack', submit: (event: Event) => {
    event.preventDefault()
    button.disabled = true
    run().catch(fail).finally(() => { button.disabled = false })
  }}, ...children, button)
}

export function confirmed(title: string, question: string, yes: string): Promise<boolean> {
  return new Promise(resolve => {
    let answer = false
    const dialog = openDialog(title, h('p', {}, question), h('div', {class: 'buttons'},
      h('button', {type: 'button', click: () => dialog.close()}, 'Cancel'),
      h('button', {type: 'button', class: 'danger', autofocus: true, click: () => { answer = true; dialog.close() }}, yes)))
    dialog.element.addEventListener('close', () => resolve(answer))
  })
}

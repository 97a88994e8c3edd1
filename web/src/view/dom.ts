// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// Elements. Text gets into the page as text nodes and attributes alone; the policy in index.html refuses everything else.

type Child = Node | string | null | false
type Attributes = Record<string, string | boolean | null | ((event: never) => void)>

export function h<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value as EventListener)
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? '' : value)
  }
  for (const child of children) if (child !== null && child !== false) element.append(child)
  return element
}

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4',
  group: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.5a3.3 3.3 0 0 1 0 6.3M18 14.5c2.2.8 3.5 2.8 3.5 5.5',
  plus: 'M12 5v14M5 12h14',
  reply: 'M10 6l-6 6 6 6M4 12h9a7 7 0 0 1 7 7',
  send: 'M4 12l16-8-6 16-3-7z',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  down: 'M12 5v14M6 13l6 6 6-6',
  waiting: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2',
  sent: 'M5 13l4.5 4.5L19 7',
  both: 'M2 13l4.5 4.5L15.5 7M11 16.5l1 1L21.5 7',
} as const

export function icon(name: keyof typeof PATHS): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  svg.classList.add('icon')
  path.setAttribute('d', PATHS[name])
  svg.append(path)
  return svg
}

export function iconButton(name: keyof typeof PATHS, label: string, click: () => void, more: Attributes = {}): HTMLButtonElement {
  return h('button', {type: 'button', class: 'icon-button', 'aria-label': label, title: label, click, ...more}, icon(name))
}

/** The first letters of a name, on a colour of its own. */
export function avatar(id: string, name: string): HTMLElement {
  const letters = name.split(/[\s._-]+/).filter(Boolean).slice(0, 2).map(word => Array.from(word)[0]!.toUpperCase()).join('')
  let sum = 0
  for (const char of id) sum = (sum * 31 + char.codePointAt(0)!) % 997
  return h('span', {class: `avatar hue-${sum % 8}`, 'aria-hidden': 'true'}, letters || '?')
}

export interface Item { key: string; signature: string; make(): HTMLElement }

const signatures = new WeakMap<HTMLElement, string>()

/** Makes the children what the items say, leaving alone what is as it was; the focus stays where it was. */
export function fill(parent: HTMLElement, items: Item[]): void {
  const before = new Map(Array.from(parent.children, child => [(child as HTMLElement).dataset['key'], child as HTMLElement]))
  let place = parent.firstElementChild
  for (const {key, signature, make} of items) {
    const old = before.get(key)
    before.delete(key)
    let element = old
    if (!old || signatures.get(old) !== signature) {
      element = make()
      element.dataset['key'] = key
      signatures.set(element, signature)
      if (old) {
        const focused = old.contains(document.activeElement)
        if (old === place) place = old.nextElementSibling
        element.tabIndex = old.tabIndex
        old.replaceWith(element)
        if (focused) (element.matches('[tabindex],button') ? element : element.querySelector<HTMLElement>('button'))?.focus({preventScroll: true})
        if (element.nextElementSibling === place) continue
      }
    }
    if (element === place) place = place!.nextElementSibling
    else parent.insertBefore(element!, place)
  }
  for (const gone of before.values()) gone.remove()
}

/** Arrow keys, Home and End among the children that `selector` names. */
export function arrowKeys(parent: HTMLElement, selector: string): void {
  parent.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return
    const all = Array.from(parent.querySelectorAll<HTMLElement>(selector)), at = all.indexOf((event.target as HTMLElement).closest<HTMLElement>(selector)!)
    const to = {ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1}[event.key]
    if (to === undefined || at < 0) return
    event.preventDefault()
    all[Math.min(Math.max(to, 0), all.length - 1)]?.focus()
  })
}

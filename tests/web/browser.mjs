// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// browser.mjs DIRECTORY CHROMIUM [KEYDIGEST]: headless Chromium, to be driven by a test. Each line on stdin is {"who", "do", "with": [arguments]}, each answer a
// line on stdout, {"result"} or {"error"}. Everybody has a browser context of his own. KEYDIGEST names the one certificate that is believed.
import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {createInterface} from 'node:readline'
import puppeteer from 'puppeteer-core'

const [directory, chromium, digest] = process.argv.slice(2)
const PATIENCE_MS = Number(process.env.HC_PATIENCE ?? 15) * 1000
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const browser = await puppeteer.launch({
  executablePath: chromium, headless: true, userDataDir: `${directory}/profile`,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--lang=en-GB', ...(digest ? [`--ignore-certificate-errors-spki-list=${digest}`] : [])],
})
const pages = new Map()

async function until(condition, what) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await condition().catch(() => null) // the page is just being left
    if (found) return found
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 30))
  }
}

async function open(who, url, {width = 1280, height = 800, dark = false} = {}) {
  const context = await browser.createBrowserContext(), page = await context.newPage()
  const problems = []
  page.on('pageerror', error => problems.push(`error: ${error.message}`))
  page.on('console', message => message.type() === 'error' && problems.push(`console: ${message.text()} ${message.location().url ?? ''}`))
  await page.emulateTimezone('Europe/Vienna')
  pages.set(who, {page, problems})
  await look(page, {width, height, dark})
  await page.goto(url)
}

async function look(page, {width, height, dark}) {
  await page.setViewport({width, height, deviceScaleFactor: 1, hasTouch: false})
  await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: dark ? 'dark' : 'light'}, {name: 'prefers-reduced-motion', value: 'reduce'}])
}

const visible = (page, selector) => page.$(selector).then(element => element?.isVisible())

const DO = {
  look: (page, how) => look(page, how),
  // An element may be made anew between being found and being touched.
  click: (page, selector) => until(async () => await visible(page, selector) && page.click(selector).then(() => true), selector),
  hover: async (page, selector) => { await until(() => visible(page, selector), selector); await page.hover(selector) },
  fill: async (page, selector, text) => {
    await until(() => visible(page, selector), selector)
    await page.focus(selector)
    await page.$eval(selector, field => field.select())
    await page.keyboard.sendCharacter(text)
  },
  type: (page, text) => page.keyboard.type(text),
  press: async (page, ...keys) => { for (const key of keys) await page.keyboard.press(key) },
  sees: (page, selector) => until(() => visible(page, selector), selector).then(() => true),
  misses: (page, selector) => until(async () => !await visible(page, selector), `no ${selector}`).then(() => true),
  count: (page, selector) => page.$$(selector).then(all => all.length),
  texts: (page, selector) => page.$$eval(selector, all => all.map(element => element.textContent)),
  evaluate: (page, code) => page.evaluate(code),
  address: page => page.url(),
  reload: async page => { await page.reload() },
  shot: async (page, path) => { await page.screenshot({path}) },
  axe: async page => {
    await page.evaluate(axe)
    return page.evaluate(`axe.run(document, {resultTypes: ['violations']}).then(result =>
      result.violations.map(({id, help, nodes}) => ({id, help, nodes: nodes.map(node => node.html.slice(0, 200))})))`)
  },
}

async function answer({who, do: what, with: args = []}) {
  if (what === 'open') return open(who, ...args)
  const {page, problems} = pages.get(who)
  return what === 'problems' ? problems : DO[what](page, ...args)
}

console.log(JSON.stringify({result: 'ready'}))
for await (const line of createInterface({input: process.stdin})) {
  try {
    console.log(JSON.stringify({result: await answer(JSON.parse(line)) ?? null}))
  } catch (error) {
    console.log(JSON.stringify({error: error.message}))
  }
}
await browser.close()

// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// The start: config.json, who somebody is, and then the page.
import {loadConfig, type Config} from './config.ts'
import {readClaims, userIDOf} from './net/encoding.ts'
import {Keeper} from './net/keeper.ts'
import {randomUUID} from './net/random.ts'
import {SignIn} from './net/sign-in.ts'
import {oneTab} from './net/one-tab.ts'
import {keepTokens, keptTokens, type Tokens} from './net/tokens.ts'
import {allowOnly} from './policy.ts'
import {Session} from './state/session.ts'
import {Store} from './state/storage.ts'
import {App} from './view/app.ts'
import {showWelcome} from './view/welcome.ts'

const welcomePlace = document.getElementById('welcome')!

/** The device's name is made once for a browser. A device token counts for one device alone, and says which. */
function deviceName(claims: Record<string, unknown>): string {
  if (typeof claims['dev'] === 'string') return claims['dev']
  const KEY = 'hyperchat.device'
  const kept = localStorage.getItem(KEY) ?? `web-${randomUUID().slice(0, 8)}`
  localStorage.setItem(KEY, kept)
  return kept
}

function welcome(config: Config | null, problem: string | null, signIn: SignIn | null): void {
  document.getElementById('app')!.hidden = true
  showWelcome(welcomePlace, {title: config?.title ?? 'HyperChat', config, problem, signIn: () => signIn!.leave(), withToken: async password => {
    keepTokens({password})
    location.reload()
  }})
}

async function begin(config: Config, tokens: Tokens, signIn: SignIn | null): Promise<void> {
  const claims = readClaims(tokens.password), me = userIDOf(claims, config.userClaim, config.prefix)
  const store = await Store.open(me)
  const keeper = new Keeper(tokens, signIn)
  const session = new Session({me, device: deviceName(claims), url: config.broker, token: () => keeper.password(), store})
  const over = (problem: string) => {
    session.client.stop()
    keeper.end()
    welcome(config, problem, signIn)
  }
  keeper.onRenewed = token => void session.client.call('renewToken', {token}).catch(() => session.client.hurry())
  keeper.onEnding = () => {
    session.ending = true
    session.onChange(null)
  }
  session.onTokenEnds = () => void keeper.renew()
  session.onRefused = () => over('The server does not take this sign-in, or it is over. Please sign in again.')
  window.addEventListener('online', () => session.client.hurry())
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && session.client.hurry())
  const signOut = () => {
    session.client.stop()
    keeper.end()
    void store.forget().finally(() => location.replace(location.pathname))
  }
  const again = () => {
    keeper.end()
    location.replace(location.pathname)
  }
  welcomePlace.hidden = true
  new App(session, config.title, {signOut, signInAgain: again})
  oneTab(me, () => session.start(), () => {
    session.client.stop()
    welcome(config, 'The chat goes on in another tab. Load this page again to use it here.', signIn)
  })
}

/** Who is signed in already can wait for the provider. */
async function tokenEndpoint(signIn: SignIn): Promise<string[]> {
  try {
    return [(await signIn.provider()).token_endpoint]
  } catch (error) {
    if (!keptTokens()) throw error
    return []
  }
}

async function main(): Promise<void> {
  let config: Config | null = null, signIn: SignIn | null = null
  try {
    config = await loadConfig()
    document.title = config.title
    if (config.issuer !== null) {
      signIn = new SignIn(config)
      allowOnly([config.broker, config.issuer, ...await tokenEndpoint(signIn)])
    } else allowOnly([config.broker])
    const tokens = signIn && SignIn.isBack() ? await signIn.back() : keptTokens()
    if (!tokens) return welcome(config, null, signIn)
    keepTokens(tokens)
    await begin(config, tokens, signIn)
  } catch (error) {
    welcome(config, (error as Error).message, signIn)
  }
}

void main()

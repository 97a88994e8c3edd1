// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// config.json, which lies beside the page: docs/web.md has its members.

export interface Config {
  title: string
  broker: string            // where the WebSocket is; made absolute
  issuer: string | null     // null: tokens are pasted
  clientID: string
  scope: string
  token: 'access' | 'id'    // which of the provider's tokens is the password
  resource: string | null   // RFC 8707
  parameters: Record<string, string>
  userClaim: string
  prefix: string
}

const DEFAULTS = {title: 'HyperChat', broker: '', issuer: null, clientID: '', scope: 'openid', token: 'access', resource: null, parameters: {}, userClaim: 'sub', prefix: ''}

function isText(value: unknown): value is string { return typeof value === 'string' }

/** An empty address is the one that the page has come from; a path, or one without a scheme, is completed by the page's. */
export function brokerURL(broker: string, page: URL): string {
  const url = new URL(broker || '/mqtt', page)
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw new Error('config.json: broker begins with ws:// or wss://')
  return url.href
}

export function readConfig(json: unknown, page: URL): Config {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('config.json is not an object')
  const given = json as Record<string, unknown>
  for (const name of Object.keys(given)) if (!(name in DEFAULTS)) throw new Error(`config.json: there is no “${name}”`)
  const all = {...DEFAULTS, ...given}
  for (const name of ['title', 'broker', 'clientID', 'scope', 'userClaim', 'prefix'] as const)
    if (!isText(all[name])) throw new Error(`config.json: ${name} is a text`)
  for (const name of ['issuer', 'resource'] as const)
    if (all[name] !== null && !isText(all[name])) throw new Error(`config.json: ${name} is a text`)
  if (all.token !== 'access' && all.token !== 'id') throw new Error('config.json: token is “access” or “id”')
  if (all.issuer !== null && (!(all.issuer as string).startsWith('https://') || !all.clientID)) throw new Error('config.json: issuer begins with https://, and needs clientID')
  if (typeof all.parameters !== 'object' || all.parameters === null || !Object.values(all.parameters).every(isText))
    throw new Error('config.json: parameters are texts')
  return {...all, broker: brokerURL(all.broker, page)} as Config
}

export async function loadConfig(): Promise<Config> {
  const answer = await fetch('config.json', {cache: 'no-cache'})
  if (!answer.ok) throw new Error(`config.json cannot be read (${answer.status})`)
  return readConfig(await answer.json(), new URL(location.href))
}

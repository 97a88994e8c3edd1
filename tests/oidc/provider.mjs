// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// provider.mjs PORT CERTIFICATE KEY: the certified oidc-provider on https://127.0.0.1:PORT, to be driven by a test. Each line on stdin is
// {"do": …, …}, each answer a line on stdout. Tokens come from its own token endpoint, by a grant without a browser: POST /token with
// grant_type=test, user, and if they matter audience (an access token for it; else an ID token), lifetime, alg, name. {"do": "page", "uri"} lets in the
// page at that address: by the code flow with PKCE, as the client `page`, with the provider's own forms, whoever says who he is.
import {readFileSync} from 'node:fs'
import {generateKeyPairSync, randomUUID} from 'node:crypto'
import {createServer} from 'node:https'
import {createInterface} from 'node:readline'
import Provider from 'oidc-provider'

const [port, certificate, key] = process.argv.slice(2)
const issuer = `https://127.0.0.1:${port}`
const CLIENT = {client_id: 'app', client_secret: 'secret', grant_types: ['test'], redirect_uris: [], response_types: []}
const PAGE = {client_id: 'page', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code']}
const PARAMETERS = ['user', 'audience', 'lifetime', 'alg', 'name']

const newKey = (kind, options, alg) =>
  ({...generateKeyPairSync(kind, options).privateKey.export({format: 'jwk'}), kid: randomUUID(), alg, use: 'sig'})
const newKeys = () => [newKey('ec', {namedCurve: 'P-256'}, 'ES256'), newKey('rsa', {modulusLength: 2048}, 'RS256')]

let keys = newKeys(), current
let page                             // {uri, lifetime}: see above
let cacheControl, answers = {}       // path: what is said instead, {status, headers, body}
const counts = {}

function open() {
  current = new Provider(issuer, {
    jwks: {keys},
    clients: page ? [CLIENT, {...PAGE, redirect_uris: [page.uri]}] : [CLIENT],
    cookies: {keys: ['test']},
    enabledJWA: {idTokenSigningAlgValues: ['ES256', 'RS256']},
    clientDefaults: {id_token_signed_response_alg: 'ES256'},
    features: {devInteractions: {enabled: page !== undefined}, resourceIndicators: {enabled: true, getResourceServerInfo: (ctx, resource) => (
      {audience: resource.split('/').pop(), accessTokenFormat: 'jwt', accessTokenTTL: page.lifetime, scope: '', jwt: {sign: {alg: 'ES256'}}})}},
    clientBasedCORS: () => true,
    issueRefreshToken: () => true,
    findAccount: (ctx, id) => ({accountId: id, claims: () => ({sub: id})}),
    extraTokenClaims: ctx => ({name: ctx.oidc.params.name, realm_access: {user: `realm-${ctx.oidc.params.user}`}}),
    ttl: {AccessToken: (ctx, token) => token.resourceServer.accessTokenTTL, IdToken: ctx => Number(ctx.oidc.params.lifetime ?? 3600), Grant: 3600},
  })
  current.registerGrantType('test', grant, PARAMETERS)
  current.on('server_error', (ctx, error) => console.error(error))
}

async function grant(ctx, next) {
  const {params, client, provider} = ctx.oidc
  if (params.audience) {
    const accessToken = new provider.AccessToken({accountId: params.user, client, grantId: 'test', gty: 'test'})
    accessToken.resourceServer = new provider.ResourceServer(params.audience, {
      audience: params.audience, accessTokenFormat: 'jwt', accessTokenTTL: Number(params.lifetime ?? 3600), scope: '', jwt: {sign: {alg: params.alg ?? 'ES256'}},
    })
    ctx.oidc.entity('AccessToken', accessToken) // for extraTokenClaims
    ctx.body = {token: await accessToken.save()}
  } else {
    const idToken = new provider.IdToken({sub: params.user}, {ctx})
    idToken.scope = 'openid'
    ctx.body = {token: await idToken.issue({use: 'idtoken'})}
  }
  await next()
}

function serve(request, response) {
  const path = request.url.split('?')[0]
  counts[path] = (counts[path] ?? 0) + 1
  const answer = answers[path]
  if (answer) return response.writeHead(answer.status ?? 200, answer.headers).end(answer.body)
  if (cacheControl && path === '/jwks') response.setHeader('cache-control', cacheControl)
  return current.callback()(request, response)
}

const server = createServer({cert: readFileSync(certificate), key: readFileSync(key)}, serve)
const listen = () => new Promise(resolve => server.listen(Number(port), '127.0.0.1', resolve))
const DO = {
  rotate: ({keep}) => { keys = [...newKeys(), ...(keep ? keys : [])]; open() },   // keep: the old ones are still published
  say: ({path, answer}) => { if (answer) answers[path] = answer; else delete answers[path] },
  page: ({uri, lifetime = 3600}) => { page = {uri, lifetime}; open() },
  cache: ({value}) => { cacheControl = value },
  counts: () => counts,
  leave: () => { server.closeAllConnections(); return new Promise(resolve => server.close(() => resolve())) },
  return: () => listen(),
}

process.on('warning', () => {})
console.info = console.error // where its notices go: stdout has answers
open()
await listen()
console.log(JSON.stringify({ready: issuer}))
createInterface({input: process.stdin}).on('line', async line => {
  const command = JSON.parse(line)
  console.log(JSON.stringify({result: await DO[command.do](command) ?? null}))
}).on('close', () => process.exit(0))

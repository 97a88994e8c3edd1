// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
import assert from 'node:assert/strict'
import {test} from 'node:test'
import {brokerURL, readConfig} from '../src/config.ts'
import {readClaims, userIDOf} from '../src/net/encoding.ts'
import {renewalTime} from '../src/net/tokens.ts'

const PAGE = new URL('https://chat.example.com/web/?code=1')
const token = (claims: object) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`

test('a user is spelt as the server spells him', () => {
  assert.equal(userIDOf({sub: 'a/b+c#d%é'}, 'sub', 's:'), 's:a%2Fb%2Bc%23d%25é')
  assert.equal(userIDOf({sub: 'a\u0001\u0085'}, 'sub', ''), 'a%01%C2%85')
  assert.equal(userIDOf({realm_access: {user: 'alice'}}, 'realm_access.user', ''), 'alice')
  assert.equal(userIDOf({'https://app.example/id': 'alice'}, 'https://app.example/id', ''), 'alice')
  assert.throws(() => userIDOf({sub: 7}, 'sub', ''))
})

test('what is no token is said to be none', () => {
  assert.deepEqual(readClaims(token({sub: 'é'})), {sub: 'é'})
  for (const text of ['', 'a.b', 'a.!!!.c', `x.${Buffer.from('[1]').toString('base64url')}.y`]) assert.throws(() => readClaims(text), /not a token/)
})

test('another token is asked for two minutes ahead, or a third of a short life', () => {
  assert.equal(renewalTime(token({iat: 0, exp: 3600}), 0), 3_480_000)
  assert.equal(renewalTime(token({iat: 0, exp: 60}), 0), 40_000)
  assert.equal(renewalTime(token({sub: 'x'}), 0), null)
})

test('the broker is where the page has come from unless config.json names another place', () => {
  assert.equal(brokerURL('', PAGE), 'wss://chat.example.com/mqtt')
  assert.equal(brokerURL('', new URL('http://127.0.0.1:9001/')), 'ws://127.0.0.1:9001/mqtt')
  assert.equal(brokerURL('/chat/mqtt', PAGE), 'wss://chat.example.com/chat/mqtt')
  assert.equal(brokerURL('wss://mqtt.example.com:8443', PAGE), 'wss://mqtt.example.com:8443/')
  assert.throws(() => brokerURL('mqtt://mqtt.example.com', PAGE))
})

test('a mistake in config.json is named', () => {
  assert.equal(readConfig({}, PAGE).issuer, null)
  for (const wrong of [[], {isuer: 'https://x'}, {issuer: 'http://x', clientID: 'web'}, {issuer: 'https://x'}, {token: 'refresh'}, {title: 1}, {parameters: {a: 1}}])
    assert.throws(() => readConfig(wrong, PAGE), /config\.json/)
})

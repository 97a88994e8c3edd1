// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
import assert from 'node:assert/strict'
import {test} from 'node:test'
import {linesOf, type Conversation} from '../src/state/lines.ts'

const NOON = new Date(2026, 5, 1, 12).getTime(), MINUTE = 60_000
const said = (messageID: number, senderID: string, body: string, at = NOON) => ({messageID, senderID, body, sentAt: at})
const send = (commandID: string, chatID: string, payload: object) => ({commandID, topic: `hc/chat/${chatID}/send/${commandID}`, payload: JSON.stringify(payload)})
const operation = (name: string, args: object) => ({commandID: 'x', topic: `hc/rpc/${name}/x`, payload: JSON.stringify(args)})
const shows = (more: Partial<Conversation>) => linesOf({chatID: 'c', me: 'alice', messages: [], notes: [], outbox: [], failed: [], first: 1, now: NOON, ...more})

test('messages and notes stand in the order of their numbers', () => {
  const change = {chatID: 'c', transactionID: 3, type: 'groupUpdated', at: NOON}
  const lines = shows({messages: [said(2, 'bob', 'a'), said(4, 'bob', 'b')], notes: [{chatID: 'c', transactionID: 3, change}]})
  assert.deepEqual(lines.map(line => line.key), ['m2', 'n3', 'm4'])
})

test('what waits stands at the end, with what it answers', () => {
  const lines = shows({messages: [said(2, 'bob', 'where?')], outbox: [send('x', 'c', {body: 'here', repliedTo: 2}), send('y', 'other', {body: 'no'})]})
  assert.deepEqual(lines.map(line => [line.kind, line.message?.body]), [['message', 'where?'], ['waiting', 'here']])
  assert.deepEqual(lines[1]!.message!.repliedTo, {messageID: 2, body: 'where?'})
})

test('an edit that waits is shown already, and that it waits', () => {
  const [line] = shows({messages: [said(2, 'alice', 'old')], outbox: [operation('editMessage', {chatID: 'c', messageID: 2, messageBody: 'new'})]})
  assert.deepEqual([line!.message!.body, line!.changing], ['new', true])
})

test('a message that was refused says why', () => {
  const [line] = shows({failed: [{command: send('x', 'c', {body: 'hi'}), error: {code: 'forbidden', message: 'not allowed'}}]})
  assert.deepEqual([line!.kind, line!.text, line!.message!.body], ['failed', 'not allowed', 'hi'])
})

test('a day begins once, and the same sender follows himself for five minutes', () => {
  const at = [NOON, NOON + MINUTE, NOON + 7 * MINUTE, NOON + 24 * 60 * MINUTE]
  const lines = shows({messages: at.map((when, index) => said(index + 1, 'bob', 'x', when))})
  assert.deepEqual(lines.map(line => line.newDay), [true, false, false, true])
  assert.deepEqual(lines.map(line => line.follows), [false, true, false, false])
})

test('what is before the first number that is here without a gap is not shown', () => {
  assert.deepEqual(shows({messages: [said(2, 'bob', 'a'), said(9, 'bob', 'b')], first: 5}).map(line => line.key), ['m9'])
})

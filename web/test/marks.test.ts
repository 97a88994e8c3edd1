// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
import assert from 'node:assert/strict'
import {test} from 'node:test'
import {deliveryOf, raise, Typing, TYPING_MS, type Marks} from '../src/state/marks.ts'

test('a message has come as far as with the slowest of the others', () => {
  const marks: Marks = {}, all = ['alice', 'bob', 'carol']
  raise(marks, 'bob', 5, 5)
  assert.equal(deliveryOf(marks, 5, 'alice', all), 'sent')
  raise(marks, 'carol', 5)
  assert.equal(deliveryOf(marks, 5, 'alice', all), 'received')
  raise(marks, 'carol', 5, 5)
  assert.equal(deliveryOf(marks, 5, 'alice', all), 'read')
  assert.equal(deliveryOf(marks, 6, 'alice', all), 'sent')
})

test('whoever is alone in a chat is read by nobody', () => assert.equal(deliveryOf({}, 1, 'alice', ['alice']), 'sent'))

test('marks only grow, and what is read was received', () => {
  const marks: Marks = {}
  raise(marks, 'bob', 0, 7)
  raise(marks, 'bob', 3, 2)
  assert.deepEqual(marks['bob'], {received: 7, read: 7})
})

test('who types and says no more types for some seconds', () => {
  const typing = new Typing()
  typing.note('c', 'bob', true, 0)
  typing.note('c', 'carol', true, 0)
  typing.note('c', 'carol', false, 1)
  assert.deepEqual(typing.in('c', 1), ['bob'])
  assert.deepEqual(typing.in('c', TYPING_MS), [])
})

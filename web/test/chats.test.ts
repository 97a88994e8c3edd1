// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
import assert from 'node:assert/strict'
import {test} from 'node:test'
import {badge, inOrder, noteMessage, noteOf, replaceChats, type Chats} from '../src/state/chats.ts'

const named = (id: string) => id.toUpperCase()
const preview = (messageID: number, receivedAt: number) => ({messageID, senderID: 'bob', senderName: 'Bob', body: 'hi', receivedAt})
const one = (): Chats => replaceChats({}, [{chatID: 'c', name: 'Bob', peerID: 'bob', unread: 1, mostRecentMessage: preview(5, 100)}])

test('somebody else\'s new message is unread, and the last one', () => {
  const chats = one()
  noteMessage(chats, 'c', {messageID: 6, senderID: 'bob', body: 'news', sentAt: 200}, 'alice', named)
  assert.deepEqual([chats['c']!.unread, chats['c']!.mostRecentMessage!.body, chats['c']!.mostRecentMessage!.senderName], [2, 'news', 'BOB'])
})

test('what the server has counted already is not counted again', () => {
  const chats = one()
  noteMessage(chats, 'c', {messageID: 5, senderID: 'bob', body: 'edited', sentAt: 100}, 'alice', named)
  noteMessage(chats, 'c', {messageID: 3, senderID: 'bob', body: 'old'}, 'alice', named)
  assert.deepEqual([chats['c']!.unread, chats['c']!.mostRecentMessage!.body], [1, 'edited'])
})

test('one\'s own message is never unread', () => {
  const chats = one()
  noteMessage(chats, 'c', {messageID: 6, senderID: 'alice', body: 'mine'}, 'alice', named)
  assert.equal(chats['c']!.unread, 1)
})

test('the server is asked about a chat that is not known, and when the last message was deleted', () => {
  assert.equal(noteMessage(one(), 'new', {messageID: 2, senderID: 'bob'}, 'alice', named), false)
  assert.equal(noteMessage(one(), 'c', {messageID: 5, senderID: 'bob', isDeleted: true}, 'alice', named), false)
})

test('the badge leaves out chats that are muted or were left', () => {
  const chats = replaceChats({gone: {chatID: 'gone', name: 'x', unread: 9}}, [{chatID: 'a', unread: 2}, {chatID: 'b', unread: 4, muted: true}])
  assert.equal(badge(chats), 2)
  assert.deepEqual(inOrder(chats).map(chat => chat.chatID), ['a', 'b'])
})

test('the newest activity is on top', () => {
  const chats = replaceChats({}, [{chatID: 'a', mostRecentMessage: preview(1, 1)}, {chatID: 'b', mostRecentMessage: preview(1, 2)}])
  assert.deepEqual(inOrder(chats).map(chat => chat.chatID), ['b', 'a'])
})

test('changes of a group are told in words', () => {
  const t = (more: object) => ({chatID: 'c', transactionID: 1, type: 'memberAdded', senderID: 'bob', at: 1, ...more})
  const told = (more: object) => noteOf(t(more), 'alice', named)
  assert.equal(told({members: [{userID: 'bob', role: 'owner'}]}), 'BOB made this group')
  assert.equal(told({members: [{userID: 'alice', role: 'member'}, {userID: 'carol', role: 'member'}]}), 'BOB added you, CAROL')
  assert.equal(told({type: 'memberRemoved', userID: 'bob'}), 'BOB left')
  assert.equal(told({type: 'memberRemoved', userID: 'alice'}), 'BOB removed you')
  assert.equal(told({type: 'roleChanged', userID: 'alice', role: 'admin'}), 'BOB made you an admin')
  assert.equal(told({type: 'groupUpdated', name: 'Friday'}), 'BOB named the group “Friday”')
})

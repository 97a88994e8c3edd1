// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// overtaken.mjs: an older page of a chat is asked for, twice at once; before it comes, an edit and a deletion of messages that are on it come to the inbox.
import assert from 'node:assert/strict'
import {connected, connection} from './wire.mjs'

const chat = await connected({epoch: 'e', first: {c: 11}, last: {c: 20}, chats: {c: {}}, behind: {}, outbox: []})
const older = chat.older('c', 10)
const page = await connection.isAsked('fetchDelta')
connection.receives('hc/me/inbox', {chatID: 'c', transactionID: 21, type: 'edit', messageID: 5, senderID: 'alice', at: 3, body: 'five, edited'})
const again = chat.older('c', 10)
connection.receives('hc/me/inbox', {chatID: 'c', transactionID: 22, type: 'delete', messageID: 6, senderID: 'alice', at: 4})
await page.answer({latestTransactionID: 10, updates: [], newMessages: [
  {messageID: 5, senderID: 'alice', sentAt: 1, body: 'five', isEdited: false, isDeleted: false},
  {messageID: 6, senderID: 'alice', sentAt: 2, body: 'six', isEdited: false, isDeleted: false}]})
assert.equal(connection.waiting('fetchDelta').length, 0)
assert.deepEqual(await Promise.all([older, again]), [false, false])
const [five, six] = chat.messages('c')
assert.equal(five.body, 'five, edited')
assert.equal(six.isDeleted, true)
assert.equal(six.body, undefined)

chat.state.first.c = 11
const next = chat.older('c', 5)
assert.deepEqual((await connection.isAsked('fetchDelta')).asked, {chatID: 'c', clientTransactionID: 5, latestTransactionID: 10})
chat.stop()
await assert.rejects(next)
process.exit(0)

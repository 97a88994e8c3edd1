// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// refused.mjs: the marks of a chat that is shown cannot be told, and a chat that was being fetched is not the user's any more. All others go on.
import assert from 'node:assert/strict'
import {connected, connection, settled} from './wire.mjs'

const state = {epoch: 'e', first: {shown: 1, gone: 1}, last: {shown: 20, gone: 7}, chats: {}, behind: {gone: 30}, outbox: []}
const chat = await connected(state, chat => chat.open('shown'))
const told = []
chat.on('live', event => told.push(event))

const gone = await connection.isAsked('fetchDelta'), marks = await connection.isAsked('fetchDelta')
assert.equal(gone.asked.chatID, 'gone')
assert.deepEqual(marks.asked, {chatID: 'shown', clientTransactionID: 20, latestTransactionID: 20})
assert.deepEqual(state.behind, {gone: 30})
await gone.refuse('forbidden')
await marks.refuse('unavailable')
assert.deepEqual(state.behind, {})
assert.equal(connection.ended, false)

// When they can be, a message may come first.
chat.open('shown')
const again = await connection.isAsked('fetchDelta')
connection.receives('hc/me/inbox', {chatID: 'shown', transactionID: 21, type: 'message', senderID: 'alice', at: 3, body: 'hi'})
await again.answer({latestTransactionID: 20, newMessages: [], updates: [{type: 'receipt', userID: 'alice', received: 20, read: 19}]})
assert.deepEqual(told, [{type: 'receipt', userID: 'alice', received: 20, read: 19, chatID: 'shown'}])
assert.equal(state.last.shown, 21)

// What is missing is another matter: it comes after a reconnect.
connection.receives('hc/me/inbox', {chatID: 'shown', transactionID: 25, type: 'message', senderID: 'alice', at: 4, body: 'and'})
const missing = await connection.isAsked('fetchDelta')
chat.open('shown') // the marks come with it
await settled()
assert.equal(connection.waiting('fetchDelta').length, 0)
await missing.refuse('unavailable')
assert.deepEqual(state.behind, {shown: 25})
assert.equal(connection.ended, true)
process.exit(0)

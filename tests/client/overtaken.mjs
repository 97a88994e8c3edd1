// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// overtaken.mjs: an older page of a chat is asked for; before it comes, an edit and a deletion of messages that are on it come to the inbox. The
// broker is in here: each answer is sent when it is to be.
import assert from 'node:assert/strict'
import {EventEmitter, once} from 'node:events'
import {HyperChat} from '../../docs/client-js/hyperchat.mjs'

class Connection extends EventEmitter {
  connected = true
  async subscribeAsync() {}
  end() {}
  publish(topic) { this.emit('published', topic) }
  receives(topic, line) { this.handleMessage({topic, payload: Buffer.from(JSON.stringify(line))}, () => {}) }
  async isAsked(operation) {
    for (;;) {
      const [topic] = await once(this, 'published'), [, , name, id] = topic.split('/')
      if (name === operation) return result => this.receives(`hc/me/reply/${id}`, {result})
    }
  }
}

const connection = globalThis.connection = new Connection()
const state = {epoch: 'e', first: {c: 11}, last: {c: 20}, chats: {c: {}}, behind: {}, outbox: []}
const chat = new HyperChat({url: '', user: 'bob', device: 'phone', token: async () => '', storage: {load: () => state, save() {}}})
await chat.start()

let asked = connection.isAsked('getChatUserID')
connection.emit('connect')
;(await asked)({epoch: 'e'})

asked = connection.isAsked('fetchDelta')
const older = chat.older('c', 10)
const answer = await asked
connection.receives('hc/me/inbox', {chatID: 'c', transactionID: 21, type: 'edit', messageID: 5, senderID: 'alice', at: 3, body: 'five, edited'})
connection.receives('hc/me/inbox', {chatID: 'c', transactionID: 22, type: 'delete', messageID: 6, senderID: 'alice', at: 4})
answer({latestTransactionID: 10, updates: [], newMessages: [
  {messageID: 5, senderID: 'alice', sentAt: 1, body: 'five', isEdited: false, isDeleted: false},
  {messageID: 6, senderID: 'alice', sentAt: 2, body: 'six', isEdited: false, isDeleted: false}]})
await older
const [five, six] = chat.messages('c')
assert.equal(five.body, 'five, edited')
assert.equal(six.isDeleted, true)
assert.equal(six.body, undefined)
process.exit(0)

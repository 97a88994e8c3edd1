// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// A client of bob's with the state that a story gives it, and the broker's end of its connection: each answer is sent when it is to be.
import {EventEmitter, once} from 'node:events'
import {HyperChat} from '../../docs/client-js/hyperchat.mjs'

class Connection extends EventEmitter {
  connected = true
  ended = false
  published = []
  async subscribeAsync() {}
  end() { this.ended = true }
  publish(topic, payload) { this.published.push({topic, payload}); this.emit('published') }
  receives(topic, line) { this.handleMessage({topic, payload: Buffer.from(JSON.stringify(line))}, () => {}) }

  // Calls of the operation that have not been looked at yet.
  waiting(operation) { return this.published.filter(({topic}) => topic.split('/')[2] === operation) }
  async isAsked(operation) {
    while (!this.waiting(operation).length) await once(this, 'published')
    const [call] = this.waiting(operation), reply = `hc/me/reply/${call.topic.split('/')[3]}`
    this.published.splice(this.published.indexOf(call), 1)
    return {
      asked: JSON.parse(call.payload),
      answer: async result => { this.receives(reply, {result}); await settled() },
      refuse: async code => { this.receives(reply, {error: {code, message: code}}); await settled() },
    }
  }
}

// All that follows from what has come has happened.
export const settled = () => new Promise(resolve => setImmediate(resolve))

export const connection = globalThis.connection = new Connection()

export async function connected(state, begin = () => {}) {
  const chat = new HyperChat({url: '', user: 'bob', device: 'phone', token: async () => '', storage: {load: () => state, save() {}}})
  begin(chat)
  await chat.start()
  connection.emit('connect')
  await (await connection.isAsked('getChatUserID')).answer({epoch: state.epoch})
  return chat
}

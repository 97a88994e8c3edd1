// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// drive.mjs URL USER DEVICE TOKEN FILE [PREFIX]: the reference client as a process that a test can drive and kill. FILE has its state. Each line on stdin is
// {"do": method, "with": [arguments]}, e.g. {"do": "send", "with": [{"user": "bob"}, "hi"]}; on stdout, what happened: {"event", …}, and for
// {"do": "history", "with": [chatID]} what it would show.
import {existsSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {createInterface} from 'node:readline'
import {HyperChat} from '../../docs/client-js/hyperchat.mjs'

const [url, user, device, token, file, prefix] = process.argv.slice(2)
const say = (event, rest) => process.stdout.write(JSON.stringify({event, ...rest}) + '\n')

const storage = {
  load: () => existsSync(file) ? JSON.parse(readFileSync(file)) : undefined,
  save: state => { writeFileSync(`${file}.new`, JSON.stringify(state)); renameSync(`${file}.new`, file) },
}
const chat = new HyperChat({url, user, device, token: async () => token, storage, prefix})
chat.on('online', () => say('online'))
chat.on('offline', () => say('offline'))
chat.on('message', (chatID, message) => say('message', {chatID, message}))
chat.on('sent', (commandID, transactionID) => say('sent', {commandID, transactionID}))
chat.on('live', event => say('live', event))
chat.on('failed', (commandID, error) => say('failed', {commandID, error}))

createInterface({input: process.stdin}).on('line', async line => {
  const {do: method, with: args = []} = JSON.parse(line)
  if (method === 'history') say('history', {messages: chat.messages(...args), waiting: chat.state.outbox.length, last: chat.state.last})
  else say('done', {do: method, result: await chat[method](...args)})
}).on('close', () => process.exit(0))
chat.start()

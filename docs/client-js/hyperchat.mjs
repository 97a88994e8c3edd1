// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// A reference client on MQTT.js 5: the algorithm of docs/client.md, complete, with a history that survives everything. Copy it and change it.
//
//   const chat = new HyperChat({url: 'mqtt://localhost', user: 'alice', device: 'phone', token: async () => '…', storage})
//   chat.on('message', (chatID, message) => …)   // new, edited or deleted: what to show now
//   chat.on('sent', (commandID, transactionID) => …)   chat.on('failed', (commandID, error, command) => …)
//   chat.on('live', event => …)   chat.on('refused', error => …)   // the token is not taken
//   chat.open(chatID);  chat.close(chatID)   // it is shown, it is not any more: 'live' tells its marks also after an absence
//   chat.start();  chat.send({chat: chatID}, 'hi');  chat.send({user: 'bob'}, 'hi');  chat.edit(chatID, 12, 'hi!');  await chat.call('ListChats')
//
// storage: {load(): state | undefined, save(state)}: kept before a packet is acknowledged, so nothing that was acknowledged is forgotten; where saving
// takes its time, as in a browser, save returns a promise. web/ uses this file as it is; hyperchat.d.mts has its types.
// prefix: the server's, where it is not hc.
import {randomUUID} from 'node:crypto'
import {EventEmitter} from 'node:events'
import mqtt from 'mqtt'

const PAUSE_MIN_MS = 200, PAUSE_MAX_MS = 30_000, CALL_MS = 15_000
const REFUSED = [4, 5, 0x86, 0x87] // CONNACK, by MQTT 3.1.1 and 5

export class HyperChat extends EventEmitter {
  constructor({url, user, device, token, storage, prefix = 'hc', options = {}}) {
    super()
    Object.assign(this, {url, user, device, token, storage, prefix, options})
    // first, last: chatID → from which number to which all is here; chats: chatID → messageID → Message
    this.state = storage.load() ?? {epoch: null, first: {}, last: {}, chats: {}, behind: {}, outbox: []}
    this.state.first ??= {}
    this.calls = new Map()    // id → {resolve, reject}: RPC without an answer yet
    this.fetching = new Map() // chatID → the highest number that was heard of while its delta is being fetched
    this.opened = new Set()   // chatIDs that are shown to the user
    this.early = new Map()    // chatID → edits and deletes of messages that are not here, while an older page is being fetched
    this.pages = new Map()    // chatID → the promise of the older page that is being fetched
    this.online = false       // what is asked after a connect was answered
    this.heard = null         // while everything is fetched anew: what the inbox tells meanwhile, as above
    this.pause = PAUSE_MIN_MS
  }

  messages(chatID) { return Object.values(this.state.chats[chatID] ?? {}).sort((a, b) => a.messageID - b.messageID) }

  // ---- the connection: one MQTT.js client each, so that it never sends anything again that we send again ourselves ----

  async start() {
    this.stopped = false
    try {
      const password = await this.token()
      if (this.stopped) return
      const client = this.client = mqtt.connect(this.url, {protocolVersion: 5, properties: {sessionExpiryInterval: 86400}, clean: false, ...this.options,
        clientId: `${this.user}/${this.device}`, username: this.user, password, reconnectPeriod: 0})
      client.handleMessage = (packet, acknowledge) => {
        const kept = this.#receive(packet)
        kept ? kept.then(() => acknowledge(), () => client.end(true)) : acknowledge()
      }
      client.on('connect', () => this.#connected(client).catch(() => client.end(true)))
      client.on('error', error => REFUSED.includes(error.code) && this.emit('refused', error)) // 'close' follows
      client.on('close', () => client === this.client && this.#lost())
    } catch { this.#lost() } // no token now
  }

  stop() {
    this.stopped = true
    clearTimeout(this.timer)
    this.client?.end(true)
    this.#forget()
  }

  // There is a network again, or a new token: what is waited for may be tried at once.
  hurry() {
    if (this.client || this.stopped) return
    clearTimeout(this.timer)
    this.pause = PAUSE_MIN_MS
    this.start()
  }

  #forget() {
    this.client = this.heard = null
    this.online = false
    for (const {reject} of this.calls.values()) reject(new Error('the connection was lost'))
    this.calls.clear()
  }

  #lost() {
    this.#forget()
    this.emit('offline')
    if (!this.stopped) this.timer = setTimeout(() => this.start(), this.pause *= 0.5 + Math.random())
    this.pause = Math.min(Math.max(this.pause * 2, PAUSE_MIN_MS), PAUSE_MAX_MS)
  }

  async #connected(client) {
    await client.subscribeAsync(['inbox', 'ack/#', 'reply/#', 'live'].reduce((all, topic) => ({...all, [`${this.prefix}/me/${topic}`]: {qos: 1}}), {}))
    const {epoch} = await this.call('getChatUserID')
    if (epoch !== this.state.epoch) await this.#renew(epoch) // the server's store is another one, or was restored
    for (const command of this.state.outbox) this.#publish(command)
    for (const [chatID, number] of Object.entries(this.state.behind)) this.#catchUp(chatID, number)
    for (const chatID of this.opened) this.#catchUpMarks(chatID)
    this.pause = PAUSE_MIN_MS
    this.online = true
    this.emit('online')
  }

  // ---- sending: kept until it is sent, and sent again until then ----

  send({chat, user}, body, fields = {}) {
    const where = chat ? `chat/${chat}` : `user/${user}`
    return this.#command(commandID => ({topic: `${this.prefix}/${where}/send/${commandID}`, payload: JSON.stringify({body, ...fields})}))
  }
  edit(chatID, messageID, messageBody) { return this.#operation('editMessage', {chatID, messageID, messageBody}) }
  delete(chatID, messageID) { return this.#operation('deleteMessage', {chatID, messageID}) }
  received(chatID, number) { this.client?.publish(`${this.prefix}/chat/${chatID}/received/${number}`, '', {qos: 1}) }
  read(chatID, number) { this.client?.publish(`${this.prefix}/chat/${chatID}/read/${number}`, '', {qos: 1}) }
  typing(chatID, yes = true) { this.client?.publish(`${this.prefix}/chat/${chatID}/typing`, yes ? '' : '0', {qos: 0}) }

  #command(make) {
    const commandID = randomUUID(), command = {commandID, ...make(commandID)}
    this.state.outbox.push(command)
    this.#save()
    if (this.client?.connected) this.#publish(command)
    return commandID
  }

  // An operation that changes something is answered on hc/me/reply/<id>; its id makes it happen once.
  #operation(name, args) { return this.#command(id => ({topic: `${this.prefix}/rpc/${name}/${id}`, payload: JSON.stringify(args)})) }

  #publish({topic, payload, commandID}) {
    this.client?.publish(topic, payload, {qos: 1}, error => error?.code === 0x97 && this.#again(commandID, 1000))
  }

  #again(commandID, ms) {
    setTimeout(() => {
      const command = this.state.outbox.find(c => c.commandID === commandID)
      if (command) this.#publish(command)
    }, ms)
  }

  // The outcome of a command of ours; one that is known already is passed over.
  #settle(commandID, {error, transactionID}) {
    const index = this.state.outbox.findIndex(c => c.commandID === commandID)
    if (index < 0) return
    if (error && ['rate_limited', 'unavailable'].includes(error.code)) return this.#again(commandID, error.retryAfter ?? 1000)
    const [command] = this.state.outbox.splice(index, 1)
    error ? this.emit('failed', commandID, error, command) : this.emit('sent', commandID, transactionID)
  }

  // RPC that only asks.
  call(operation, args = {}) {
    const id = randomUUID()
    return new Promise((resolve, reject) => {
      if (!this.client) return reject(new Error('not connected'))
      this.calls.set(id, {resolve, reject})
      setTimeout(() => this.calls.delete(id) && reject(new Error(`${operation}: no answer`)), CALL_MS).unref?.()
      this.client.publish(`${this.prefix}/rpc/${operation}/${id}`, JSON.stringify(args), {qos: 1})
    })
  }

  // ---- receiving: nothing in here waits, since the answer to what one would wait for comes the same way ----

  #receive({topic, payload}) {
    const text = payload.toString(), [, , kind, id] = topic.split('/')
    if (kind === 'inbox') this.#inbox(text.split('\n').map(line => JSON.parse(line)))
    else if (kind === 'live') for (const line of text.split('\n')) this.emit('live', JSON.parse(line))
    else if (kind === 'ack' && id !== '-') this.#settle(id, JSON.parse(text))
    else if (kind === 'reply') this.#reply(id, JSON.parse(text))
    return this.#save()
  }

  #reply(id, {result, error}) {
    const call = this.calls.get(id)
    if (!call) return this.#settle(id, {error, ...result})
    this.calls.delete(id)
    error ? call.reject(Object.assign(new Error(error.message), error)) : call.resolve(result)
  }

  #inbox(lines) {
    const {last} = this.state, newest = {}
    for (const line of lines) {
      const {chatID, transactionID} = line
      if (line.commandID && line.senderID === this.user) this.#settle(line.commandID, line)
      if (transactionID <= (last[chatID] ?? 0)) continue
      if (this.heard) {
        this.heard.set(chatID, transactionID)
        continue
      }
      const gap = chatID in last && transactionID > last[chatID] + 1
      if (this.fetching.has(chatID) || line.type === 'latest' || gap) {
        this.#catchUp(chatID, transactionID)
        continue
      }
      this.state.first[chatID] ??= transactionID
      this.#apply(chatID, line)
      newest[chatID] = last[chatID] = transactionID
    }
    for (const [chatID, number] of Object.entries(newest)) this.received(chatID, number)
  }

  // Fetches what is between, until it has all that was heard of; lines of this chat that come meanwhile are in it.
  async #catchUp(chatID, heardOf) {
    const running = this.fetching.has(chatID)
    this.fetching.set(chatID, Math.max(heardOf, this.fetching.get(chatID) ?? 0))
    this.state.behind[chatID] = this.fetching.get(chatID) // the lines that tell of it are acknowledged, and do not come again
    if (running) return
    let done = false
    try {
      let delta, wanted
      do {
        wanted = this.fetching.get(chatID)
        delta = await this.call('fetchDelta', {chatID, clientTransactionID: this.state.last[chatID] ?? 0})
        this.#delta(chatID, delta)
      } while (delta.limited || this.fetching.get(chatID) > Math.max(wanted, this.state.last[chatID]))
      this.received(chatID, this.state.last[chatID])
      delete this.state.behind[chatID]
      done = true
    } catch (error) {
      if (error.code === 'forbidden') delete this.state.behind[chatID] // it is not, or no more, one of the user's: nothing of it is missing
      else this.client?.end(true) // what is missing comes after the reconnect
    }
    this.fetching.delete(chatID)
    this.#save()
    return done
  }

  // Marks that moved while the connection was away: neither the inbox nor sync tells them, a delta does, also where nothing else is new. Only they are
  // asked for, and where the answer is an error they stay as they were: nothing else waits for them.
  #catchUpMarks(chatID) {
    const last = this.state.last[chatID]
    if (last === undefined || this.fetching.has(chatID)) return
    this.call('fetchDelta', {chatID, clientTransactionID: last, latestTransactionID: last}).then(delta => this.#take(chatID, delta), () => {})
  }

  // The chat is shown to the user, until it is closed: the marks in it are kept up to date ('live').
  open(chatID) {
    this.opened.add(chatID)
    if (this.online) this.#catchUpMarks(chatID)
  }
  close(chatID) { this.opened.delete(chatID) }

  // The epoch is kept when all is here: a connection that is lost in between begins again.
  async #renew(epoch) {
    Object.assign(this.state, {epoch: null, first: {}, last: {}, chats: {}, behind: {}})
    this.heard = new Map()
    this.#save()
    await this.#sync()
    this.state.epoch = epoch
    const heard = this.heard
    this.heard = null
    for (const [chatID, number] of heard) if (number > (this.state.last[chatID] ?? 0)) this.#catchUp(chatID, number)
    this.#save()
  }

  async #sync() {
    const limited = []
    let next
    do {
      const answer = await this.call('sync', {chats: {}, ...(next && {next})})
      for (const [chatID, delta] of Object.entries(answer.chats)) {
        if (delta.latestTransactionID) this.#delta(chatID, delta)
        if (delta.limited) limited.push(chatID)
      }
      next = answer.next
    } while (next)
    for (const chatID of limited) if (!await this.#catchUp(chatID, (this.state.last[chatID] ?? 0) + 1)) throw new Error('the connection was lost')
  }

  // A page of what was before; false: there is nothing more. Messages come as they are now, with edits that came later. One at a time: who asks while
  // it is being fetched waits for the same.
  older(chatID, items = 50) {
    if (!this.pages.has(chatID)) this.pages.set(chatID, this.#older(chatID, items).finally(() => this.pages.delete(chatID)))
    return this.pages.get(chatID)
  }

  async #older(chatID, items) {
    const to = (this.state.first[chatID] ?? 1) - 1
    const from = Math.max(0, to - items), early = []
    let clientTransactionID = from
    this.early.set(chatID, early)
    try {
      while (clientTransactionID < to) {
        const delta = await this.call('fetchDelta', {chatID, clientTransactionID, latestTransactionID: to})
        this.#take(chatID, delta)
        for (const t of early.splice(0)) this.#apply(chatID, t)
        if (!delta.limited) break
        clientTransactionID = delta.next
      }
    } finally { this.early.delete(chatID) }
    this.state.first[chatID] = from + 1
    await this.#save()
    return from > 0
  }

  #delta(chatID, delta) {
    this.state.first[chatID] ??= delta.from ?? 1
    this.#take(chatID, delta)
    this.state.last[chatID] = delta.limited ? delta.next : delta.latestTransactionID
    this.#save()
  }

  #take(chatID, {newMessages = [], updates = []}) {
    for (const message of newMessages) this.#show(chatID, message)
    for (const update of updates) update.type === 'receipt' ? this.emit('live', {...update, chatID}) : this.#apply(chatID, update)
  }

  // ---- the history: a fold over transactions. Applying one twice does no harm. ----

  #apply(chatID, t) {
    const messages = this.state.chats[chatID] ?? {}
    const message = messages[t.messageID ?? t.transactionID]
    if (t.type === 'message')
      this.#show(chatID, {...t, sentAt: t.at, isEdited: false, isDeleted: false})
    else if (t.type === 'edit' && message && !message.isDeleted)
      this.#show(chatID, {...message, body: t.body, isEdited: true, editedAt: t.at})
    else if ((t.type === 'delete' || t.type === 'void') && message)
      this.#empty(chatID, message, t)
    else if (t.type === 'edit' || t.type === 'delete')
      this.early.get(chatID)?.push(t)
    else if (t.type !== 'void') {
      if (t.type === 'memberRemoved' && t.deleted)
        for (const each of Object.values(messages)) if (each.senderID === t.userID && !each.isDeleted) this.#empty(chatID, each, {})
      this.emit('change', chatID, t) // members, roles, the group's name: see docs/protocol.md
    }
  }

  #empty(chatID, {body, repliedTo, ...rest}, {type, senderID, at, quotes}) {
    this.#show(chatID, {...rest, isDeleted: true, ...(type === 'delete' && {deletedBy: senderID, deletedAt: at})})
    if (quotes === 'keep') return
    for (const reply of Object.values(this.state.chats[chatID]))
      if (reply.repliedTo?.body !== undefined && reply.repliedTo.messageID === rest.messageID)
        this.#show(chatID, {...reply, repliedTo: {messageID: rest.messageID}})
  }

  #show(chatID, {messageID, senderID, sentAt, body, contentType, repliedTo, isEdited, isDeleted, editedAt, deletedBy, deletedAt, cut}) {
    const message = {messageID, senderID, sentAt, body, contentType, repliedTo, isEdited, isDeleted, editedAt, deletedBy, deletedAt, cut}
    ;(this.state.chats[chatID] ??= {})[messageID] = message
    this.emit('message', chatID, message)
  }

  #save() { return this.storage.save(this.state) }
}

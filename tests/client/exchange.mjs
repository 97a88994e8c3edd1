// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// exchange.mjs URL USER TOKEN TO COUNT: MQTT.js sends COUNT messages to TO through a network that cuts, and prints the lines of its inbox, until it is
// killed. Each has a commandID of its own, which is its text, and is sent again after each connect until it has come back. In a browser its
// parameters are the page's, and lines are posted to /heard.
const browser = typeof process === 'undefined' || !process.versions?.node
const [url, user, password, to, count] = browser ? new URLSearchParams(location.search).getAll('a') : process.argv.slice(2)
const mqtt = browser ? globalThis.mqtt : (await import('mqtt')).default
let said = Promise.resolve()
const say = line => { said = browser ? said.then(() => fetch('/heard', {method: 'POST', body: line})) : console.log(line) }

const UNDER_WAY = 10
const waiting = Array.from({length: Number(count)}, (_, n) => `${user}-${n}`)
const flying = new Set()
const client = mqtt.connect(url, {clientId: `${user}/phone`, username: user, password, clean: false, reconnectPeriod: 50})
const send = id => { flying.add(id); client.publish(`hc/user/${to}/send/${id}`, JSON.stringify({body: id}), {qos: 1}) }
const more = () => { while (flying.size < UNDER_WAY && waiting.length) send(waiting.shift()) }

client.on('error', error => say(`error: ${error.message}`))
client.on('connect', () => client.subscribe('hc/me/inbox', {qos: 1}, error => { if (!error) { [...flying].forEach(send); more() } }))
client.on('message', (topic, payload) => {
  for (const line of payload.toString().trimEnd().split('\n')) {
    const {senderID, commandID} = JSON.parse(line)
    if (senderID === user) flying.delete(commandID)
    say(line)
  }
  more()
})

// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
//
// talk.mjs URL CLIENTID USER TOKEN CA TO TEXT: MQTT.js as an app would use it. Subscribes to its inbox, sends TEXT to TO, prints the bodies of what
// comes, one a line, until it is killed. In a browser its parameters are the page's, and lines are posted to /heard.
const browser = typeof process === 'undefined' || !process.versions?.node
const [url, clientId, username, password, ca, to, text] = browser
  ? new URLSearchParams(location.search).getAll('a') : process.argv.slice(2)
const mqtt = browser ? globalThis.mqtt : (await import('mqtt')).default
const more = ca && !browser ? {ca: (await import('node:fs')).readFileSync(ca)} : {}
const say = line => browser ? fetch('/heard', {method: 'POST', body: line}) : console.log(line)

const client = mqtt.connect(url, {clientId, username, password, clean: false, reconnectPeriod: 0, ...more})
client.on('error', error => say(`error: ${error.message}`))
client.on('message', (topic, payload) => {
  for (const line of payload.toString().trimEnd().split('\n')) say(JSON.parse(line).body ?? JSON.parse(line).type)
})
client.on('connect', () => client.subscribe('hc/me/inbox', {qos: 1}, () => client.publish(`hc/user/${to}/send/1`, JSON.stringify({body: text}), {qos: 1})))

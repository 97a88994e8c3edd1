# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""exchange.py PORT USER TOKEN TO COUNT: the same as exchange.mjs, with Paho."""
import json
import sys

import paho.mqtt.client as paho

UNDER_WAY = 10
port, user, token, to, count = sys.argv[1:]
waiting = [f"{user}-{n}" for n in range(int(count))]
flying = set()
version = {"callback_api_version": paho.CallbackAPIVersion.VERSION1} if hasattr(paho, "CallbackAPIVersion") else {}
client = paho.Client(client_id=f"{user}/phone", clean_session=False, **version)


def send(command):
    flying.add(command)
    client.publish(f"hc/user/{to}/send/{command}", json.dumps({"body": command}), qos=1)


def send_more():
    while len(flying) < UNDER_WAY and waiting:
        send(waiting.pop(0))


def on_subscribe(*_):
    for command in list(flying):
        send(command)
    send_more()


def on_message(_, __, message):
    for line in message.payload.decode().splitlines():
        transaction = json.loads(line)
        if transaction["senderID"] == user:
            flying.discard(transaction.get("commandID"))
        print(line, flush=True)
    send_more()


client.username_pw_set(user, token)
client.on_connect = lambda *_: client.subscribe("hc/me/inbox", qos=1)
client.on_subscribe, client.on_message = on_subscribe, on_message
client.reconnect_delay_set(1, 1)
client.connect_async("127.0.0.1", int(port))
client.loop_forever(retry_first_connection=True)

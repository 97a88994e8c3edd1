# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The clients that people have, through a network that cuts: Alice and Bob write to each other, half of the messages each, and every client does what
its library does by itself and no more than docs/client.md asks for: what has not come back is sent again. In the end both have the same, which is what
the store has, each message once. With HC_FULL=1: 1,000 messages and 20 cuts."""
import json
import os
import queue
import random
import shutil
import subprocess
import threading
import time

import broker as brokers
import mqtt
import pytest
from programs import CLIENT, MODULES, Page, need
from proxy import Proxy

FULL = "HC_FULL" in os.environ
MESSAGES, CUTS = (1000, 20) if FULL else (100, 3)
PATIENCE = 240 if FULL else 60
full_only = pytest.mark.skipif(not FULL, reason="more clients: ./test --full")


@pytest.fixture
def exchange(idle_broker):
    """Both devices have been there, so neither is new."""
    idle_broker.websocket = brokers.free_port()
    idle_broker.bottom_lines += [f"listener {idle_broker.websocket} 127.0.0.1", "protocol websockets"]
    idle_broker.set_limits(commands_per_second=100000, commands_burst=100000, connects_per_minute=0, failed_logins_per_minute=0,
                           subscriptions_per_second=10000, calls_per_second=10000)
    idle_broker.start()
    people = [idle_broker.person(name, subscribes=["hc/me/inbox", "hc/me/reply/#"]) for name in ("alice", "bob")]
    idle_broker.chat = people[0].chat_with("bob")
    for person in people:
        person.until(lambda: person.inbox, "the beginning of the chat")
        person.leaves()
    return idle_broker


@pytest.fixture
def cutting(exchange):
    """Makes bad networks before a port, with enough cuts for the test between them."""
    made = []

    def cuts(port, cut_after=(10, 45), reads_packets=True):
        seed = random.randrange(1 << 30)
        print(f"seed {seed}")
        proxy = Proxy(port, seed, reads_packets)
        proxy.cut_after, proxy.cuts_max, proxy.delay = cut_after, CUTS, 0.004
        made.append(proxy)
        return proxy
    yield cuts
    for proxy in made:
        proxy.close()


class End:
    """What one of the two has received, in the order of docs/client.md: what has come already is passed over."""

    def __init__(self, name):
        self.name, self.last, self.messages = name, 0, []

    def takes(self, line):
        transaction = json.loads(line)
        number = transaction["transactionID"]
        if number <= self.last:
            return
        assert self.last in (0, number - 1), f"{self.name} has {self.last}, and {line} comes"
        self.last = number
        if transaction["type"] == "message":
            self.messages.append((number, transaction["senderID"], transaction["body"]))


def reads(end, program):
    """Lines of the program until it has everything."""
    deadline = time.monotonic() + PATIENCE
    while len(end.messages) < MESSAGES:
        try:
            line = program.lines.get(timeout=max(0.01, deadline - time.monotonic())).strip()
        except queue.Empty:
            raise AssertionError(f"{end.name} waits in vain after {len(end.messages)} messages, {end.messages[-1:]}") from None
        if line.startswith("{"):
            end.takes(line)


def is_the_same_everywhere(broker, *ends, cuts):
    assert cuts >= CUTS, "the network was bad enough"
    stored = [(t["transactionID"], t["senderID"], t["body"]) for t in broker.exported(broker.chat) if t["type"] == "message"]
    commands = [f"{name}-{n}" for name in ("alice", "bob") for n in range(MESSAGES // 2)]
    assert sorted(body for _, _, body in stored) == sorted(commands), "each is stored once"
    for end in ends:
        assert end.messages == stored, f"{end.name} has what is stored"


def exchanges(broker, proxy, run):
    """run starts the program of one of the two: name, token, whom to write to, how many."""
    programs = {name: run(name, broker.token(name), other, MESSAGES // 2) for name, other in (("alice", "bob"), ("bob", "alice"))}
    ends = [End(name) for name in programs]
    for end in ends:
        reads(end, programs[end.name])
    is_the_same_everywhere(broker, *ends, cuts=proxy.cuts)


def test_paho_in_python(exchange, cutting, runs):
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import paho.mqtt.client"], capture_output=True).returncode != 0:
        pytest.skip("Paho is missing: install python3-paho-mqtt")
    proxy = cutting(exchange.port)
    exchanges(exchange, proxy, lambda *who: runs(python, CLIENT / "exchange.py", proxy.port, *who))


@full_only
def test_paho_in_c(exchange, cutting, runs, tmp_path):
    if not os.path.exists("/usr/include/MQTTAsync.h"):
        pytest.skip("Paho is missing: install libpaho-mqtt-dev")
    subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", tmp_path / "exchange", CLIENT / "exchange.c", "-lpaho-mqtt3a"], check=True)
    proxy = cutting(exchange.port)
    exchanges(exchange, proxy, lambda *who: runs(tmp_path / "exchange", f"tcp://127.0.0.1:{proxy.port}", *who))


@pytest.fixture
def in_node(runs, tmp_path):
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    shutil.copy(CLIENT / "exchange.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    return lambda url, *who: runs("node", tmp_path / "exchange.mjs", url, *who)


@full_only
def test_mqtt_js_by_tcp(exchange, cutting, in_node):
    proxy = cutting(exchange.port)
    exchanges(exchange, proxy, lambda *who: in_node(f"mqtt://127.0.0.1:{proxy.port}", *who))


@full_only
def test_mqtt_js_by_websocket(exchange, cutting, in_node):
    proxy = cutting(exchange.websocket, reads_packets=False)
    exchanges(exchange, proxy, lambda *who: in_node(f"ws://127.0.0.1:{proxy.port}", *who))


@full_only
def test_mqtt_js_in_a_browser_and_in_node(exchange, cutting, in_node, runs, tmp_path):
    need("chromium", "chromium")
    proxy, pages = cutting(exchange.websocket, reads_packets=False), []

    def run(name, *who):
        url = f"ws://127.0.0.1:{proxy.port}"
        if name == "bob":
            return in_node(url, name, *who)
        pages.append(Page(runs, tmp_path, "", url, name, *who, page="exchange.html"))
        return pages[0]
    try:
        exchanges(exchange, proxy, run)
    finally:
        pages[0].site.shutdown()


# ---- mosquitto_pub, mosquitto_sub, mosquitto_rr ----

class Shell:
    """One of the two with nothing but Mosquitto's own clients: a mosquitto_sub that stays, and a mosquitto_pub for each message, until it succeeds."""

    def __init__(self, port, runs, name, token, to, count):
        self.common = ["-h", "127.0.0.1", "-p", str(port), "-u", name, "-P", token]
        self.program = runs("mosquitto_sub", *self.common, "-i", f"{name}/phone", "-c", "-q", "1", "-t", "hc/me/inbox")
        self.lines, self.name = self.program.lines, name
        self.failed = 0
        threading.Thread(target=self.write, args=(name, to, count), daemon=True).start()

    def succeeds(self, *command):
        """Its output; tried again until it ends well."""
        while True:
            try:
                done = subprocess.run([command[0], *self.common, "-i", f"{self.name}/shell", *command[1:]], capture_output=True, text=True, timeout=5)
                if done.returncode == 0:
                    return done.stdout
            except subprocess.TimeoutExpired:
                pass
            self.failed += 1

    def write(self, name, to, count):
        for n in range(count):
            self.succeeds("mosquitto_pub", "-q", "1", "-t", f"hc/user/{to}/send/{name}-{n}", "-m", json.dumps({"body": f"{name}-{n}"}))


def test_mosquitto_pub_sub_and_rr(exchange, cutting, runs):
    need("mosquitto_sub", "mosquitto-clients")
    proxy, shells = cutting(exchange.port, cut_after=(2, 60)), []

    def run(*who):
        shells.append(Shell(proxy.port, runs, *who))
        return shells[-1]
    exchanges(exchange, proxy, run)
    latest = MESSAGES + 1
    answer = shells[0].succeeds("mosquitto_rr", "-q", "1", "-W", "4", "-t", "hc/rpc/getLatestTransactionID/1", "-e", "hc/me/reply/1",
                                "-m", json.dumps({"chatID": exchange.chat}))
    assert f"{latest}" in answer


# ---- a small device ----

class Small:
    """As PubSubClient: MQTT 3.1.1, QoS 0, a clean session, one loop. What QoS 0 loses it fetches: after each connect, and where a number is missing."""

    def __init__(self, port, name, token, to, count):
        self.port, self.name, self.token, self.to = port, name, token, to
        self.waiting, self.flying = [f"{name}-{n}" for n in range(count)], {}
        self.end, self.chat, self.problem = End(name), None, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.over.is_set():
                try:
                    self.loop(mqtt.Client(self.port, f"{self.name}/phone", username=self.name, password=self.token, clean=True))
                except (OSError, mqtt.Closed):
                    continue
        except AssertionError as failed:
            self.problem = failed

    def loop(self, client):
        client.subscribe("hc/me/inbox", "hc/me/ack/+", "hc/me/reply/+", qos=0)
        self.fetch(client)
        for command in list(self.flying):
            self.send(client, command)
        while not self.over.is_set():
            self.send_what_is_due(client)
            try:
                client.step(time.monotonic() + 0.05)
            except TimeoutError:
                pass
            while client.messages:
                self.take(client, client.messages.pop(0))

    def send(self, client, command):
        self.flying[command] = time.monotonic()
        client.publish(f"hc/user/{self.to}/send/{command}", json.dumps({"body": command}), qos=0)

    def send_what_is_due(self, client):
        for command, at in list(self.flying.items()):
            if time.monotonic() - at > 2:
                self.send(client, command)
        while len(self.flying) < 10 and self.waiting:
            self.send(client, self.waiting.pop(0))

    def fetch(self, client):
        client.publish(f"hc/rpc/fetchDelta/{self.end.last}", json.dumps({"chatID": self.chat, "clientTransactionID": self.end.last}), qos=0)

    def take(self, client, message):
        if message.topic.startswith("hc/me/ack/"):
            if "error" not in json.loads(message.payload):
                self.flying.pop(message.topic.split("/")[-1], None)
        elif message.topic.startswith("hc/me/reply/"):
            self.take_delta(client, json.loads(message.payload)["result"])
        else:
            self.take_lines(client, [json.loads(line) for line in message.payload.decode().splitlines()])

    def take_delta(self, client, delta):
        end = self.end
        end.messages += [(m["messageID"], m["senderID"], m["body"]) for m in delta["newMessages"] if m["messageID"] > end.last]
        end.last = max(end.last, delta.get("next", delta["latestTransactionID"]))
        if delta.get("limited"):
            self.fetch(client)

    def take_lines(self, client, transactions):
        for transaction in transactions:
            if transaction.get("senderID") == self.name:
                self.flying.pop(transaction.get("commandID"), None)
            if transaction["transactionID"] > self.end.last + 1:
                self.fetch(client)
                return
            self.end.takes(json.dumps(transaction))


def test_a_small_device_with_qos_0(exchange, cutting):
    proxy = cutting(exchange.port)
    devices = []
    for name, other in (("alice", "bob"), ("bob", "alice")):
        device = Small(proxy.port, name, exchange.token(name), other, MESSAGES // 2)
        device.chat = exchange.chat
        devices.append(device)
    deadline = time.monotonic() + PATIENCE
    try:
        while any(len(device.end.messages) < MESSAGES for device in devices):
            problem = next((device.problem for device in devices if device.problem), None)
            assert problem is None and time.monotonic() < deadline, (problem, [(device.name, device.end.last, list(device.flying)[:3]) for device in devices])
            time.sleep(0.02)
    finally:
        for device in devices:
            device.over.set()
        for device in devices:
            device.thread.join()
    is_the_same_everywhere(exchange, *(device.end for device in devices), cuts=proxy.cuts)

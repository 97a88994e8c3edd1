# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The reference client on MQTT.js (docs/client-js), through a bad network: what it shows is what the store has."""
import json
import os
import random
import re
import shutil
import subprocess
import threading
import time

import pytest

import broker as brokers
from proxy import Proxy

MODULES = brokers.ROOT / "build/client/node_modules"
FILES = ["docs/client-js/hyperchat.mjs", "tests/client/drive.mjs"]
PATIENCE = 60  # a bad network takes its time


class App:
    """The client as a process of its own, with its state in a file."""
    def __init__(self, broker, name, directory, port, *more):
        self.broker, self.name, self.directory, self.port, self.more = broker, name, directory, port, more
        self.events = []
        self.asked = 0
        self.opens()

    def opens(self):
        program = self.directory / FILES[1]
        if not program.exists():  # beside MQTT.js, where Node.js looks for it
            for file in FILES:
                (self.directory / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(brokers.ROOT / file, self.directory / file)
            (self.directory / "node_modules").symlink_to(MODULES)
        command = ["node", program, f"mqtt://127.0.0.1:{self.port}", self.name, "phone", self.broker.token(self.name), self.directory / f"{self.name}.json",
                   *self.more]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            self.events.append(json.loads(line))

    def is_killed(self):
        self.process.kill()
        self.process.wait()

    def does(self, method, *arguments):
        self.asked += method != "history"
        self.process.stdin.write(json.dumps({"do": method, "with": arguments}) + "\n")
        self.process.stdin.flush()

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{self.name} waits for {what}; last: {[str(event)[:200] for event in self.events[-5:]]}")

    def is_told(self, event, **fields):
        return self.until(lambda: next((e for e in self.events if e["event"] == event and all(e.get(k) == v for k, v in fields.items())), None), event)

    def history(self, chat):
        before = sum(e["event"] == "history" for e in self.events)
        self.does("history", chat)
        return self.until(lambda: [e for e in self.events if e["event"] == "history"][before:], "its history")[-1]


@pytest.fixture
def seed():
    return random.randrange(1 << 30)


@pytest.fixture
def proxy(broker, seed):
    print(f"seed {seed}")
    proxy = Proxy(broker.port, seed)
    yield proxy
    proxy.close()


@pytest.fixture
def apps(broker, proxy, tmp_path):
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    apps = [App(broker, name, tmp_path, proxy.port) for name in ("alice", "bob")]
    yield apps
    for app in apps:
        app.is_killed()


def stored(broker, chat):
    """What there is to be shown: messages with their last text, without those that were deleted."""
    messages = {}
    for t in broker.exported(chat):
        if t["type"] == "message":
            messages[t["messageID"]] = (t["messageID"], t["senderID"], t["body"])
        elif t["type"] == "edit" and t["messageID"] in messages:
            messages[t["messageID"]] = (*messages[t["messageID"]][:2], t["body"])
    return list(messages.values())


def shown(history):
    assert all("body" not in m for m in history["messages"] if m["isDeleted"])
    return [(m["messageID"], m["senderID"], m["body"]) for m in history["messages"] if not m["isDeleted"]]


def test_through_a_bad_network_both_show_what_was_edited_and_deleted(broker, proxy, apps, seed):
    chance = random.Random(seed)
    apps[1].is_told("online")
    chat = broker.person("alice", "laptop").chat_with("bob")
    changed = set()
    for number in range(60):
        sender = apps[number % 2]
        sender.does("send", {"user": apps[1 - number % 2].name}, f"{number}")
        mine = {e["transactionID"] for e in sender.events if e["event"] == "sent" and e.get("transactionID")} - changed
        if number % 3 == 0 and mine:
            message = chance.choice(sorted(mine))
            changed.add(message)
            sender.does(*(("delete", chat, message) if chance.random() < 0.4 else ("edit", chat, message, f"edited {message}")))
        time.sleep(chance.random() * 0.05)
    proxy.is_calm()
    for app in apps:
        app.until(lambda: sum(e["event"] == "done" for e in app.events) == app.asked, "its commands to be taken")
        app.until(lambda: app.history(chat)["waiting"] == 0, "everything to be sent")
    assert proxy.cuts > 0 and proxy.duplicated > 0 and changed
    expected = stored(broker, chat)
    for app in apps:
        app.until(lambda: shown(app.history(chat)) == expected, f"what the store has: {expected}")


def test_through_a_bad_network_both_show_the_same_and_every_message_once(broker, proxy, apps, seed):
    alice, bob = apps
    chance = random.Random(seed)
    bob.is_told("online")  # alice can write to who has been here once
    chat = broker.person("alice", "laptop").chat_with("bob")
    for number in range(120):
        sender, other = (alice, "bob") if number % 2 else (bob, "alice")
        sender.does("send", {"user": other}, f"{sender.name} {number}")
        if number % 40 == 20:
            killed = chance.choice(apps)
            killed.until(lambda: sum(e["event"] == "done" for e in killed.events) == killed.asked, "its commands to be kept")
            killed.is_killed()
            killed.opens()
        time.sleep(chance.random() * 0.05)
    proxy.is_calm()
    for app in apps:
        app.until(lambda: app.history(chat)["waiting"] == 0, "everything to be sent")
        app.until(lambda: len(app.history(chat)["messages"]) == 120, "all messages")
    assert proxy.cuts > 0 and proxy.duplicated > 0
    expected = stored(broker, chat)
    assert sorted(body for _, _, body in expected) == sorted(f"{('bob', 'alice')[n % 2]} {n}" for n in range(120)), "each is stored once"
    assert shown(alice.history(chat)) == expected
    assert shown(bob.history(chat)) == expected


def test_under_another_prefix_it_does_the_same(idle_broker, tmp_path):
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    idle_broker.options["prefix"] = "chat2"
    broker = idle_broker.start()
    alice, bob = apps = [App(broker, name, tmp_path, broker.port, "chat2") for name in ("alice", "bob")]
    try:
        bob.is_told("online")
        alice.does("send", {"user": "bob"}, "hi")
        told = bob.is_told("message")
        chat = told["chatID"]
        assert told["message"]["body"] == "hi"
        bob.does("edit", chat, told["message"]["messageID"], "not his")
        assert bob.is_told("failed")["error"]["code"] == "forbidden"
        for app in apps:
            app.until(lambda app=app: app.history(chat)["waiting"] == 0, "everything to be settled")
    finally:
        for app in apps:
            app.is_killed()


def test_marks_that_moved_meanwhile_are_told_after_the_return(broker, proxy, apps):
    alice, bob = apps
    proxy.is_calm()
    bob.is_told("online")
    chat = broker.person("alice", "laptop").chat_with("bob")
    alice.does("send", {"chat": chat}, "hi")
    number = alice.is_told("sent")["transactionID"]
    bob.is_told("message", chatID=chat)
    alice.does("stop")
    alice.does("open", chat)
    alice.is_told("done", do="open")
    bob.does("read", chat, number)
    laptop = broker.person("alice", "tablet")
    laptop.asks_until(lambda: any(u.get("read") == number for u in laptop.asks("fetchDelta", chatID=chat, clientTransactionID=number)["updates"]
                                  if u["userID"] == "bob"), "that bob has read it")
    assert not any(e["event"] == "live" and e.get("read") == number for e in alice.events)
    alice.does("start")
    alice.is_told("live", type="receipt", chatID=chat, userID="bob", read=number)


def runs(story, directory):
    """What comes on the wire in which order is up to the broker; so the network is in the program."""
    for file in (FILES[0], "tests/client/wire.mjs", f"tests/client/{story}"):
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(brokers.ROOT / file, directory / file)
    (directory / "node_modules/mqtt").mkdir(parents=True)
    (directory / "node_modules/mqtt/package.json").write_text('{"name": "mqtt", "main": "index.js", "type": "module"}')
    (directory / "node_modules/mqtt/index.js").write_text("export default {connect: () => globalThis.connection}")
    ran = subprocess.run(["node", directory / "tests/client" / story], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr


def test_an_edit_that_overtakes_an_older_page_is_not_lost(tmp_path):
    runs("overtaken.mjs", tmp_path)


def test_what_is_refused_for_one_chat_does_not_end_the_connection_for_all(tmp_path):
    runs("refused.mjs", tmp_path)


def test_the_first_steps_of_the_manual_work(broker, tmp_path):
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    steps = re.search(r"```js\n(.*?)```", (brokers.ROOT / "docs/client.md").read_text(), re.S)[1]
    assert steps.count("127.0.0.1:1883") == 1
    (tmp_path / "bob.mjs").write_text(steps.replace("127.0.0.1:1883", f"127.0.0.1:{broker.port}"))
    shutil.copy(brokers.ROOT / FILES[0], tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    broker.person("alice", "phone")
    bob = subprocess.Popen(["node", tmp_path / "bob.mjs"], stdout=subprocess.PIPE, text=True, env={**os.environ, "TOKEN": broker.token("bob")})
    try:
        until_killed = threading.Timer(PATIENCE, bob.kill)
        until_killed.start()
        assert bob.stdout.readline() == "bob hi alice\n"
    finally:
        until_killed.cancel()
        bob.kill()
        bob.wait()

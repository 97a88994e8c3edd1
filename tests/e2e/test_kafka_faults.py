# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The promise of the topic, whatever dies: complete, in order per chat, what is there twice has the same number and the same content.
HC_FULL=1: longer, and with three nodes."""
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import time

import broker as brokers
import kafka as kafkas
import mqtt
import pytest

ONE_BROKER = True
FULL = os.environ.get("HC_FULL") == "1"
ROUNDS = 30 if FULL else 4 if brokers.sanitizer() else 8
PAUSE_S = 60 if FULL else 4
UNBOUNDED = {"commands_per_second": 1000000, "commands_burst": 1000000, "bytes_per_second": "1024M"}
MANY = 300 if brokers.sanitizer() else 1500


class Talk:
    """alice and bob in some chats, and what was sent."""

    def __init__(self, broker, chats=3):
        broker.options |= UNBOUNDED
        self.broker = broker.start()
        self.alice, self.bob = broker.person("alice"), broker.person("bob", subscribes=("hc/me/inbox", "hc/me/reply/#"))
        self.chats = [self.alice.chat_with(self.bob), *[self.alice.makes_group(f"group {i}", self.bob) for i in range(chats - 1)]]
        self.numbers = itertools.count()
        self.heard, self.looked_at = set(), 0

    def sends(self, count):
        """Without waiting for anything."""
        for _ in range(count):
            number = next(self.numbers)
            self.alice.client.publish(f"hc/chat/{self.chats[number % len(self.chats)]}/text/t{number}", f"{number}")
        return self

    def hears_all(self):
        self.bob.until(self.has_heard_all, "everything that was sent")
        return self

    def has_heard_all(self):
        """Asked with each packet, so it looks at what is new alone."""
        self.heard |= {line["body"] for line in self.bob.inbox[self.looked_at:] if line["type"] == "message"}
        self.looked_at = len(self.bob.inbox)
        return len(self.heard) == self.sent()

    def sent(self):
        numbers, self.numbers = itertools.tee(self.numbers)
        return next(numbers)

    def latest(self, chat):
        return self.bob.asks("getLatestTransactionID", chatID=chat)["transactionID"]


def check_topic(talk, reader, seams, patience=60):
    """What is on the topic is what is in the store."""
    for chat in talk.chats:
        reader.reads_up_to(chat, talk.latest(chat), patience=patience)
    talk.broker.stop()
    until = time.monotonic() + 1
    while time.monotonic() < until:
        reader.poll()  # nothing may follow
    for chat in talk.chats:
        stored = talk.broker.exported(chat)
        assert reader.numbers(chat) == [line["transactionID"] for line in stored], "complete, and in order of first appearance"
        records = [record for record in reader.records if record.chat == chat]
        by_number = {line["transactionID"]: line for line in stored}
        assert all(record.value == by_number[record.number] for record in records), "what is repeated is the same"
        steps_back = sum(after.number <= before.number for before, after in itertools.pairwise(records))
        assert steps_back <= seams, f"{steps_back} repetitions, for {seams} times that something went wrong"


def test_chat_goes_on_while_kafka_is_killed_under_load_and_all_of_it_follows(mirrored, kafka, reader):
    talk = Talk(mirrored)
    talk.sends(MANY // 3)
    kafka.kill9()
    try:
        talk.sends(MANY // 3).hears_all()
    finally:
        kafka.start()
    talk.sends(MANY // 3).hears_all()
    check_topic(talk, reader, seams=0)


def test_chat_goes_on_while_kafka_stands_still(mirrored, kafka, reader):
    talk = Talk(mirrored)
    talk.sends(100)
    kafka.is_paused()
    try:
        until = time.monotonic() + PAUSE_S
        while time.monotonic() < until:
            talk.sends(MANY // 10).hears_all()
    finally:
        kafka.goes_on()
    check_topic(talk, reader, seams=0)


def test_a_broker_that_starts_and_stops_without_kafka_loses_nothing(mirrored, kafka, topic, reader):
    mirrored.options["kafka"] = f"127.0.0.1:{brokers.free_port()}"
    talk = Talk(mirrored)
    talk.sends(100).hears_all()
    began = time.monotonic()
    mirrored.stop()
    assert time.monotonic() - began < 5 + (10 if brokers.sanitizer() else 0), "a stop does not wait for Kafka"
    mirrored.options["kafka"] = kafka.servers
    mirrored.start()
    talk.alice.returns()
    talk.bob.returns()
    talk.sends(1).hears_all()
    check_topic(talk, reader, seams=0)


def test_kill_9_of_the_broker_at_random_points(mirrored, reader):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    talk = Talk(mirrored)
    for _ in range(ROUNDS):
        try:
            talk.sends(dice.randrange(1, 200))
            time.sleep(dice.random() * 0.3)
        except mqtt.Closed:
            pass
        mirrored.kill9()
        mirrored.start()
        talk.alice.returns()
    talk.bob.client.close()
    talk.bob.connects()
    check_topic(talk, reader, seams=ROUNDS)


def test_kill_9_of_both(mirrored, kafka, reader):
    talk = Talk(mirrored)
    for _ in range(10 if FULL else 1):
        talk.sends(200)
        kafka.kill9()
        talk.sends(200).hears_all()
        mirrored.kill9()
        kafka.start()
        mirrored.start()
        talk.alice.returns()
        talk.bob.returns()
    check_topic(talk, reader, seams=20)


def test_hyperchatctl_brings_what_a_broker_left(mirrored, kafka, topic, reader):
    mirrored.options |= {"kafka": f"127.0.0.1:{brokers.free_port()}", "kafka_push_topic": "pushes"}
    talk = Talk(mirrored)
    talk.sends(MANY).hears_all()
    latest = {chat: talk.latest(chat) for chat in talk.chats}
    mirrored.stop()
    store = f"sqlite:{mirrored.store}"
    said = ctl_fails(mirrored, "mirror", "--store", store, "--writer", "nobody", "--kafka", kafka.servers)
    writer = said.splitlines()[-1].strip()
    told = mirrored.ctl("mirror", "--store", store, "--writer", writer, "--kafka", kafka.servers, "--topic", topic)
    assert f"{sum(latest.values())} transactions of {writer} are on Kafka now" in told
    assert "pushes about the last of them are not made here" in told
    for chat in talk.chats:
        reader.reads_up_to(chat, latest[chat])
        assert reader.values(chat) == mirrored.exported(chat)
    assert "\n0 transactions" in "\n" + mirrored.ctl("mirror", "--store", store, "--writer", writer, "--kafka", kafka.servers, "--topic", topic)
    told = json.loads(mirrored.ctl("mirror", "--store", store, "--writer", writer, "--kafka", kafka.servers, "--topic", topic, "--json"))
    assert told == {"writer": writer, "transactions": 0, "pushesLeft": True}
    acts = [json.loads(line) for line in mirrored.ctl("audit", "list", "--store", store, "--json").splitlines()]
    assert [act["details"]["transactions"] for act in acts if act["command"] == "mirror" and act["subject"] == writer][::-1] == [sum(latest.values()), 0, 0]


def ctl_fails(broker, *arguments):
    with pytest.raises(AssertionError) as failed:
        broker.ctl(*arguments)
    return str(failed.value)


@pytest.mark.skipif(not FULL, reason="HC_FULL=1")
def test_a_node_of_three_is_killed_under_load(idle_broker, tmp_path):
    if kafkas.what_is_missing():
        pytest.skip(kafkas.what_is_missing())
    kafka = kafkas.Kafka(tmp_path / "kafka", nodes=3).start()
    try:
        topic = kafka.create_topic(kafka.new_name())
        idle_broker.options |= {"kafka": kafka.servers, "kafka_topic": topic}
        reader = kafka.reader(topic)
        talk = Talk(idle_broker)
        for node in kafka.nodes:
            talk.sends(500)
            node.kill9()
            talk.sends(500).hears_all()
            for chat in talk.chats:
                reader.reads_up_to(chat, talk.latest(chat), patience=60)
            kafka.start()
        check_topic(talk, reader, seams=3)
        reader.close()
    finally:
        kafka.end()


class Consumer:
    """docs/kafka-consumer.py in a process of its own."""

    def __init__(self, kafka, topic, file):
        self.command = [sys.executable, brokers.ROOT / "docs/kafka-consumer.py", kafka.servers, topic, file]
        self.file, self.process = file, None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def reads_to_the_end(self):
        subprocess.run([*self.command, "--end"], check=True, timeout=60, stdout=subprocess.DEVNULL)

    def lines(self, chat):
        store = sqlite3.connect(self.file)
        rows = [json.loads(line) for line, in store.execute("SELECT line FROM line WHERE chat = ? ORDER BY number", (chat,))]
        assert store.execute("SELECT count(*) FROM early").fetchone() == (0,)
        store.close()
        return rows


def test_the_example_consumer_has_each_transaction_once_whatever_is_killed(mirrored, kafka, topic, reader, tmp_path):
    talk = Talk(mirrored)
    consumer = Consumer(kafka, topic, tmp_path / "copy.db")
    for _ in range(10 if FULL else 3):
        consumer.start()
        talk.sends(150)
        time.sleep(0.3)
        consumer.kill9()
        mirrored.kill9()
        mirrored.start()
        talk.alice.returns()
    talk.bob.client.close()
    talk.bob.connects()
    check_topic(talk, reader, seams=10)
    consumer.reads_to_the_end()
    for chat in talk.chats:
        assert consumer.lines(chat) == mirrored.exported(chat)

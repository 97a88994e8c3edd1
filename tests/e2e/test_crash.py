# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What survives: kill -9 at any point, a store that is held up, a full disk, a pause."""
import contextlib
import json
import os
import random
import resource
import sqlite3
import subprocess
import time

import broker as brokers
import mqtt
import pytest
from operator_desk import OperatorDesk
from sender import Sender, check_history
from waiting import soon

pytestmark = pytest.mark.host

ROUNDS = int(os.environ.get("HC_ROUNDS", "12" if brokers.sanitizer() else "50"))


def test_kill_9_at_random_points(idle_broker):
    idle_broker.options["commands_burst"] = 100000  # what was not acknowledged is sent once more in the end, all at once
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    sender = Sender(alice, chat)
    for round_ in range(ROUNDS):
        goal = len(sender.acked) + dice.randrange(60)
        for again in dice.sample(sender.unacked(), min(3, len(sender.unacked()))):
            sender.send(again)          # a client that retries, with the same commandID
        try:
            for i in range(dice.randrange(1, 80)):
                sender.send(f"{round_}-{i}")
        except mqtt.Closed:
            pass
        goal = min(goal, len(sender.acked) + len(sender.flying))
        sender.read_until_acked(goal)
        broker.kill9()
        sender.read_what_is_left()
        sender.flying.clear()
        broker.start()
        alice.returns()
        bob.client.close()
        bob.connects()
    for command in sender.unacked():
        sender.send(command)
    sender.read_until_acked(len(set(sender.commands)))
    check_history(broker, sender, bob)


def test_kill_9_before_anybody_reads(broker, alice, bob, chat):
    """PUBACK alone is enough: the sender is gone, too, and nobody sends it again."""
    for i in range(100):
        alice.client.publish_acked(f"hc/chat/{chat}/text/k{i}", f"{i}")
    broker.kill9()
    broker.start()
    bob.returns()
    bob.hears(*[f"{i}" for i in range(100)])
    assert list(dict.fromkeys(bob.numbers(chat))) == list(range(1, 102))


def test_mosquitto_sub_resumes_through_kill_9(broker, alice, bob, chat):
    """mosquitto_sub -c sees every number in order, through twenty crashes."""
    alice.leaves()
    output = broker.directory / "sub.out"
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-u", "bob", "-P", broker.token("bob"), "-i", "bob/script", "-c", "-q", "1",
               "-t", "hc/me/inbox"]
    rounds = min(20, ROUNDS)
    with open(output, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
    try:
        while output.stat().st_size == 0:  # it gives up if its very first connection fails
            assert process.poll() is None, "mosquitto_sub does not get through"
            time.sleep(0.01)
        for round_ in range(rounds):
            alice.returns()
            for i in range(20):
                alice.client.publish(f"hc/chat/{chat}/text/{round_}-{i}", f"{round_}-{i}")
            alice.until(lambda last=f"{round_}-19": last in alice.heard(chat), "the last one")
            broker.kill9()
            broker.start()
        deadline = time.monotonic() + 30 + mqtt.PATIENCE
        while f'"{rounds - 1}-19"' not in output.read_text():
            assert time.monotonic() < deadline and process.poll() is None, "mosquitto_sub waited in vain"
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    numbers = list(dict.fromkeys(line["transactionID"] for line in lines if line["chatID"] == chat))
    assert numbers == list(range(1, rounds * 20 + 2))


# ---- the store is held up ----

class HeldStore:
    """Another process writes into the store and does not finish."""

    def __init__(self, broker):
        self.store = sqlite3.connect(broker.store, timeout=10, isolation_level=None)

    def __enter__(self):
        self.store.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_):
        self.store.execute("ROLLBACK")
        self.store.close()


@pytest.mark.sqlite
def test_while_the_store_is_held_up_senders_wait_and_readers_go_on(broker, alice, bob, chat):
    alice.says("before", chat=chat)
    bob.hears("before")
    with HeldStore(broker):
        alice.sends("meanwhile", chat=chat, id="a1")
        assert bob.asks("getLatestTransactionID", chatID=chat)["transactionID"] == 2
        assert [t["transactionID"] for t in bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)["transactions"]] == [2]
        assert "meanwhile" not in bob.is_up_to_date().heard(), "nobody is shown what a crash could still lose"
        assert "meanwhile" not in alice.heard()
    alice.hears("meanwhile", commandID="a1")
    bob.hears("meanwhile")


@pytest.mark.sqlite
def test_the_log_says_once_that_receipts_cannot_be_stored_and_once_that_they_can(broker, alice, bob, chat):
    alice.says("before", chat=chat)
    bob.hears("before")
    with HeldStore(broker):
        broker.expects_line("the store does not take receipts, trying again: ", lambda: bob.receives(2, chat))
        before = broker.log_text()
        time.sleep(2)  # it is tried again meanwhile
        assert broker.log_text().count("does not take receipts") == before.count("does not take receipts") == 1
    deadline = time.monotonic() + mqtt.PATIENCE
    while "the store takes receipts again" not in broker.log_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert broker.log_text().count("the store takes receipts again") == 1


@pytest.mark.sqlite
def test_devices_that_are_cut_off_at_once_do_not_stand_in_front_of_everybodys_messages(idle_broker, clock):
    idle_broker.options["operators"] = "root"
    broker = idle_broker.start()
    desk, people = OperatorDesk(broker, "root"), [broker.person(f"user{i}") for i in range(60)]
    with contextlib.closing(sqlite3.connect(broker.store, timeout=10, isolation_level=None)) as store:
        def seen_since(seconds):
            return store.execute("SELECT count(*) FROM device WHERE seen_at > ?", ((time.time() + seconds) * 1000,)).fetchone()[0]
        def is_quiet():
            before = store.execute("PRAGMA data_version").fetchone()
            time.sleep(2)
            return store.execute("PRAGMA data_version").fetchone() == before
        soon(lambda: seen_since(-60) == 61, "that all are known")
        soon(is_quiet, "that all that they changed is stored", within=30)
        clock(3600)
        with HeldStore(broker):
            for person in people:
                person.client.close()
            soon(lambda: desk.asks("status")["sessions"] == 1, "that they are gone")
            assert desk.asks("status")["waiting"]["writes"] < 10
        soon(lambda: seen_since(3500) == 60, "when they left", within=15)


@pytest.mark.sqlite
def test_when_each_device_was_here_is_stored_at_the_stop(idle_broker, clock):
    broker = idle_broker.start()
    for i in range(20):
        broker.person(f"user{i}")

    def seen_since(seconds):
        with contextlib.closing(sqlite3.connect(broker.store, timeout=10)) as store:
            return store.execute("SELECT count(*) FROM device WHERE seen_at > ?", ((time.time() + seconds) * 1000,)).fetchone()[0]
    soon(lambda: seen_since(-60) == 20, "that all are known")
    clock(3600)
    broker.stop()
    assert seen_since(3500) == 20


@pytest.mark.sqlite
def test_a_damaged_place_of_a_device_does_not_hold_up_those_of_others(idle_broker):
    idle_broker.options["operators"] = "root"
    broker = idle_broker.start()
    desk, alice, bob, carol = OperatorDesk(broker, "root"), *map(broker.person, ("alice", "bob", "carol"))
    bad, good = alice.chat_with(bob), alice.chat_with(carol)
    with contextlib.closing(sqlite3.connect(broker.store, timeout=10, isolation_level=None)) as store:
        def place(chat, user):
            found = store.execute("SELECT k.number FROM cursor k JOIN chat c ON c.id = k.chat JOIN device d ON d.id = k.device "
                                  "JOIN user u ON u.id = d.user WHERE c.name = ? AND u.name = ?", (chat, user)).fetchone()
            return found and found[0]
        (number,) = store.execute("SELECT id FROM chat WHERE name = ?", (bad,)).fetchone()
        store.execute(f"CREATE TRIGGER damage BEFORE INSERT ON cursor WHEN NEW.chat = {number} BEGIN SELECT RAISE(ABORT, 'damaged'); END")
        for i in range(2, 5):
            for person, chat in ((bob, bad), (carol, good)):
                alice.says(f"message {i}", chat=chat)
                person.hears(f"message {i}")
                person.receives(i, chat)
            soon(lambda i=i: place(good, "carol") == i, "carol's place in the round behind")
        assert place(bad, "bob") in (None, 0, 1)
        soon(lambda: "the store does not take some places of devices" in broker.log_text(), "that the log says so")
        assert desk.asks("drain")["drained"]
        assert desk.asks("drain", action="stop")["draining"] is False
        store.execute("DROP TRIGGER damage")
        alice.says("it is mended", chat=bad)
        bob.hears("it is mended")
        bob.receives(5, bad)
        soon(lambda: place(bad, "bob") == 5, "bob's place")


@pytest.mark.sqlite
def test_what_waits_for_a_held_up_store_survives_kill_9(broker, alice, bob, chat):
    with HeldStore(broker):
        alice.sends("meanwhile", chat=chat, id="a1")
        broker.kill9()
    broker.start()
    bob.returns()
    bob.hears("meanwhile")
    alice.returns()
    alice.publishes(f"chat/{chat}/send/a1", {"body": "meanwhile"})
    assert alice.gets_ack("a1")["transactionID"] == 2


@pytest.mark.sqlite
def test_when_the_journal_is_full_too_senders_are_cut_off_and_lose_nothing(idle_broker):
    idle_broker.options["journal_size"] = "1M"
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    body, taken = "x" * 8000, 0
    with HeldStore(broker):
        try:
            for i in range(400):
                alice.client.publish_acked(f"hc/chat/{chat}/text/f{i}", f"{i} {body}")
                taken += 1
        except mqtt.Closed:
            pass
        assert 0 < taken < 400, "the journal of 1 MB is full before"
    bob.until(lambda: len(bob.heard(chat)) >= taken, "everything that was taken")
    alice.returns()
    for i in range(taken - 1, taken + 10):
        alice.client.publish_acked(f"hc/chat/{chat}/text/f{i}", f"{i} {body}")
    bob.until(lambda: len(bob.heard(chat)) == taken + 10, "what was tried again")
    assert [b.split()[0] for b in bob.heard(chat)] == [f"{i}" for i in range(taken + 10)]


# ---- the disk ----

def limit_files(broker, size):
    resource.prlimit(broker.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.sqlite
def test_a_full_disk_refuses_senders_and_heals(broker, alice, bob, chat):
    alice.says("before", chat=chat)
    bob.hears("before")
    limit_files(broker, 1)
    try:
        try:
            alice.sends("meanwhile", chat=chat, id="a1")
        except mqtt.Closed:
            pass
        answer = bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)
        assert [t["body"] for t in answer["transactions"]] == ["before"]
        assert "meanwhile" not in bob.is_up_to_date().heard()
    finally:
        limit_files(broker, resource.RLIM_INFINITY)
    alice.returns()
    alice.publishes(f"chat/{chat}/send/a1", {"body": "meanwhile"})
    bob.hears("meanwhile")
    alice.says("after", chat=chat)
    bob.hears("after")
    assert bob.heard() == ["before", "meanwhile", "after"]


# ---- pauses ----

def test_a_stopped_process_goes_on_where_it_was(broker, alice, bob, chat):
    broker.is_paused()
    ids = [alice.client.publish(f"hc/chat/{chat}/text/p{i}", f"{i}") for i in range(50)]
    broker.goes_on()
    for packet_id in ids:
        alice.client.answer(mqtt.PUBACK, packet_id)
    bob.hears(*[f"{i}" for i in range(50)])
    assert bob.numbers(chat) == list(range(1, 52))


@pytest.mark.parametrize("what", ["stop", "kill9"])
def test_the_store_is_sound_after(broker, alice, bob, chat, what):
    for i in range(30):
        alice.says(f"{i}", chat=chat)
    getattr(broker, what)()
    broker.ctl("check", "--store", broker.store_uri)
    exported = broker.exported(chat)
    assert [t["transactionID"] for t in exported] == list(range(1, 32))
    assert [t["body"] for t in exported if t["type"] == "message"] == [f"{i}" for i in range(30)]

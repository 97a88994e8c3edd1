# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What MongoDB and the network to it do to a conversation: the server stops, dies, is not there yet, is slow; its answers are lost. Nothing is
lost or doubled, no number is missing, and who only pings never notices."""
import contextlib
import itertools
import os
import random
import threading
import time

import broker as brokers
import mongodb
import mqtt
import pytest
from person import RpcError
from sender import Sender, check_history

pytestmark = pytest.mark.mongodb

ROUNDS = int(os.environ.get("HC_ROUNDS", "4" if brokers.sanitizer() else "8"))
IMPATIENT = "connectTimeoutMS=1000&socketTimeoutMS=1000&serverSelectionTimeoutMS=500"  # so that giving up is a matter of seconds
PINGRESP_MAX_S = 0.5 if brokers.sanitizer() == "" else 3


@pytest.fixture
def server():
    """One for this test alone, which may do with it what it likes; not started."""
    server = mongodb.Server(mongodb.free_port())
    yield server
    server.remove()


@pytest.fixture
def network(server):
    network = mongodb.Network(server.port)
    yield network
    network.close()


@pytest.fixture
def idle_broker(broker_version, idle_broker, network):
    idle_broker.options["store"] = mongodb.uri_of(network.base, mongodb.new_database(), IMPATIENT)
    idle_broker.options["commands_burst"] = 100000
    return idle_broker


@pytest.fixture
def broker(idle_broker, server):
    server.start()
    return idle_broker.start()


class Pinger:
    """Somebody else, who pings every 10 ms and remembers the longest PINGRESP."""

    def __init__(self, broker):
        self.client = broker.client("zoe/watch", user="zoe")
        self.longest, self.count, self.ends, self.failed = 0, 0, False, None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.ends:
                started = time.monotonic()
                self.client.ping()
                self.longest = max(self.longest, time.monotonic() - started)
                self.count += 1
                time.sleep(0.01)
        except (AssertionError, mqtt.Closed) as failed:
            self.failed = failed

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ends = True
        self.thread.join()
        self.client.close()
        if kind is None:
            assert self.failed is None and self.count > 5
            assert self.longest < PINGRESP_MAX_S, f"a PINGRESP took {self.longest:.3f} s"


@contextlib.contextmanager
def paused(server):
    server.is_paused()
    try:
        yield
    finally:
        server.goes_on()


# ---- the server ----

@pytest.mark.parametrize("seconds", [0.5, 4])
def test_a_paused_server_makes_senders_wait_and_nothing_else(broker, server, alice, bob, chat, seconds):
    """Half a second is within the timeouts; after four, calls have given up with an unknown outcome."""
    sender = Sender(alice, chat)
    with Pinger(broker), paused(server):
        for i in range(40):
            sender.send(f"p{i}")
        sender.read_until_acked(40)  # the journal has them
        time.sleep(seconds)
        alice.sort()
        assert not sender.sent(), "nobody is shown what is not stored"
    sender.read_until_sent(40)
    check_history(broker, sender, bob)


def test_a_server_that_is_killed_and_comes_back_loses_and_doubles_nothing(broker, server, alice, bob, chat):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    sender = Sender(alice, chat)
    with Pinger(broker):
        for round_ in range(ROUNDS):
            for i in range(dice.randrange(1, 40)):
                sender.send(f"{round_}-{i}")
            time.sleep(dice.random() * 0.03)
            server.kill9()
            for i in range(dice.randrange(1, 10)):
                sender.send(f"{round_}-down-{i}")
            sender.read_until_acked(len(sender.commands))
            server.start()
        sender.read_until_sent(len(sender.commands))
    check_history(broker, sender, bob)


@pytest.fixture
def south(broker, server, tmp_path):
    """Another broker on the same store, with a good network."""
    directory = tmp_path / "south"
    directory.mkdir()
    database = broker.options["store"].rpartition("/")[2].partition("?")[0]
    south = brokers.Broker(broker.version, directory, store=mongodb.uri_of(server.base, database), writer="south")
    south.issuer, south.options["keys"] = broker.issuer, broker.keys
    yield south.start()
    south.end_whatever()


@pytest.fixture
def patient(idle_broker, network):
    """Its calls wait for long."""
    idle_broker.options |= {"store": mongodb.uri_of(network.base, mongodb.new_database()), "writer": "north"}


def test_what_is_being_read_for_a_device_does_not_come_live_as_well(patient, broker, network, south):
    """What alice writes elsewhere, bob's list tells before this broker heard of it; and it hears of it while it is being read for him."""
    alice, bob = south.person("alice"), broker.person("bob")
    chat = bob.chat_with(alice)
    bob.says("one", chat=chat)
    alice.hears("one")
    bob.is_cut_off()
    collection = {name: b"\x00" + name + b"\x00\x03filter" for name in (b"writers", b"log")}

    def holds(_, request):
        if collection[b"writers"] in request:
            return 0.6
        return 1.5 if collection[b"log"] in request and chat.encode() in request else 0
    network.holds = holds
    alice.says("two", chat=chat)
    bob.inbox.clear()
    bob.connects()
    bob.until(lambda: "two" in bob.heard(), "what was written meanwhile")
    time.sleep(5)  # what is read for him, in three steps, comes now
    network.is_good()
    alice.says("three", chat=chat)
    bob.until(lambda: "three" in bob.heard(), "what was written then")
    numbers = bob.numbers(chat)
    assert numbers == sorted(set(numbers)), f"within a connection numbers rise: {numbers}"


def test_readers_are_told_that_the_store_is_away_and_get_their_answer_later(broker, server, alice, bob, chat):
    alice.says("before", chat=chat)
    bob.hears("before")
    with paused(server), Pinger(broker):
        bob.is_denied("unavailable", "fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)

    def answered():
        try:
            return bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)
        except RpcError as failed:
            assert failed.code == "unavailable", failed
            return None
    assert [t["body"] for t in bob.asks_until(answered, "the answer")["transactions"]] == ["before"]


def test_kill_9_of_the_broker_while_the_server_is_away_loses_nothing(broker, server, alice, bob, chat):
    sender = Sender(alice, chat)
    server.kill9()
    for i in range(30):
        sender.send(f"k{i}")
    sender.read_until_acked(30)
    broker.kill9()
    server.start()
    broker.start()
    bob.returns()
    alice.returns()
    check_history(broker, sender, bob)


# ---- the network ----

def test_a_slow_server_makes_a_conversation_slow_and_not_slower_with_many(broker, network, alice, bob, chat):
    """Each answer of the server takes 200 ms longer. Fifty messages at once share their trips."""
    network.delay = 0.2
    sender = Sender(alice, chat)
    with Pinger(broker):
        started = time.monotonic()
        for i in range(50):
            sender.send(f"s{i}")
        sender.read_until_sent(50)
        took = time.monotonic() - started
    network.is_good()
    assert 0.2 < took < 50 * 0.2
    check_history(broker, sender, bob)


@pytest.mark.parametrize("silent", [False, True], ids=["cut", "silent"])
def test_answers_that_are_lost_after_a_write_change_nothing(broker, network, alice, bob, chat, silent):
    """A part of all writes happens without the broker learning of it."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    network.silent = silent
    network.loses = lambda command: command in mongodb.WRITES and dice.random() < 0.1
    sender = Sender(alice, chat)
    with Pinger(broker) as pinger:
        for round_ in itertools.count():
            if network.lost >= (1 if silent else 3) and round_ >= (2 if silent else 10) and pinger.count > 10:
                break
            for i in range(20):
                sender.send(f"{round_}-{i}")
            sender.read_until_sent(len(sender.commands))
    network.is_good()
    check_history(broker, sender, bob)


def loses_answer(network, number):
    """From now on, the answer to the write with that number; the returned counter tells the number of the next one."""
    count = itertools.count()
    network.lost = 0
    network.loses = lambda command: command in mongodb.WRITES and next(count) == number
    return count


def conversation(broker, turn):
    """Of all that is written somewhere: a chat, messages, an edit, a deletion, a group, marks, a mute, a profile. Returns the chats."""
    alice, bob, carol = (broker.person(f"{name}{turn}") for name in ("alice", "bob", "carol"))
    chat = alice.chat_with(bob)
    first = alice.says("one", chat=chat)["transactionID"]
    bob.hears("one")
    alice.edits(first, chat, "uno")
    bob.says("two", chat=chat)
    alice.deletes(first, chat)
    group = bob.makes_group("friends", alice, id=f"g{turn}")
    bob.adds(carol, to=group)
    alice.says("welcome", chat=group)
    carol.hears("welcome")
    bob.removes(carol, group)
    alice.says("she is gone", chat=group)
    bob.hears("she is gone")
    assert "she is gone" not in carol.is_up_to_date().heard()
    types = [t["type"] for t in bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=0)["transactions"]]
    assert types == ["memberAdded", "void", "void", "message", "delete"]
    assert bob.asks("getLatestTransactionID", chatID=chat)["transactionID"] == 5
    assert [m["userID"] for m in bob.asks("getMembers", groupID=group)["members"]] == sorted([alice.name, bob.name])
    for person in (alice, bob, carol):
        person.leaves()
    return chat, group


def test_whichever_answer_is_lost_the_conversation_is_the_same(broker, network):
    """One answer of each conversation is lost: the first one's, and so on in equal steps."""
    count = loses_answer(network, None)
    conversation(broker, 0)
    writes = next(count)
    assert writes > 20
    for turn in range(1, ROUNDS + 1):
        loses_answer(network, (turn - 1) * writes // ROUNDS)
        for chat in conversation(broker, turn):
            numbers = [t["transactionID"] for t in broker.exported(chat)]
            assert numbers == list(range(1, len(numbers) + 1))
        assert network.lost == 1
    network.is_good()
    broker.ctl("check", "--store", broker.store_uri)

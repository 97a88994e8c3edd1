# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Two brokers, one of each kind where there are both, on one store: who is connected to either has one conversation with all others."""
import json
import os
import random
import threading
import time

import broker as brokers
import conftest
import mongodb
import mqtt
import pytest
from operator_desk import OperatorDesk
from waiting import soon

pytestmark = [pytest.mark.mongodb, pytest.mark.skipif(os.environ.get("HC_STORE") != "mongodb", reason="two brokers share a MongoDB: HC_STORE=mongodb")]

MANY = int(os.environ.get("HC_CLUSTER_MESSAGES", "50" if brokers.sanitizer() else "150"))


@pytest.fixture
def north(idle_broker):
    idle_broker.options |= {"writer": "north", "commands_burst": 100000}
    return idle_broker.opens()


@pytest.fixture
def south(north, tmp_path):
    """On another version of Mosquitto, if the run has one."""
    version = next((version for version in reversed(conftest.VERSIONS) if version != north.version), north.version)
    directory = tmp_path / "south"
    directory.mkdir()
    broker = brokers.Broker(version, directory, store=north.options["store"], writer="south", commands_burst=100000)
    broker.issuer, broker.options["keys"] = north.issuer, north.keys
    yield broker.opens()
    broker.end_whatever()


@pytest.fixture
def alice(north):
    return north.person("alice")


@pytest.fixture
def bob(south):
    bob = south.person("bob")
    bob.asks("ListChats")  # from then on the store knows him
    return bob


@pytest.fixture
def chat(alice, bob):
    return alice.chat_with(bob)


def moves(person, broker):
    """The same device, to another broker."""
    person.is_cut_off()
    person.broker = broker
    person.connects()


def has_all(person, chat, latest):
    """All numbers, each once, in order."""
    person.until(lambda: latest in person.numbers(chat), f"number {latest}")
    numbers = person.numbers(chat)
    assert numbers == list(range(1, latest + 1)), f"{person} got {numbers}"


def latest_of(person, chat):
    return person.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)["snapshot"]["latestTransactionID"]


class Writing:
    """Somebody writes at full speed, on a thread, until he is told to stop or has sent so many, and remembers what was acknowledged (PUBACK)."""

    def __init__(self, person, chat, prefix, count=10 ** 9):
        self.pause = 0 if count < 10 ** 9 else 0.03  # not more than a small server takes, so that others get their turn soon
        self.person, self.chat, self.prefix, self.count = person, chat, prefix, count
        self.sent, self.acked, self.flying, self.ends, self.failed = 0, set(), {}, False, None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while not self.ends and self.sent < self.count:
                body = f"{self.prefix}{self.sent}"
                self.flying[self.person.client.publish(f"hc/chat/{self.chat}/text/{body}", body)] = body
                self.sent += 1
                self.reads_acks(50)
                time.sleep(self.pause)
            self.reads_acks(0)
        except mqtt.Closed:
            self.collect()
        except BaseException as failed:  # for the test's own thread
            self.failed = failed

    def reads_acks(self, left):
        while len(self.flying) > left:
            self.person.client.step(time.monotonic() + mqtt.PATIENCE)
            self.collect()

    def collect(self):
        client = self.person.client
        for answer in [a for a in client.answers if a[0] == mqtt.PUBACK and a[1] in self.flying]:
            client.answers.remove(answer)
            self.acked.add(self.flying.pop(answer[1]))
        self.person.sort()

    def is_done(self):
        self.thread.join()
        if self.failed is not None:
            raise self.failed
        return self

    def stops(self):
        self.ends = True
        return self.is_done()


def outcome(person, command):
    """What became of it: "sent", or the error's code."""
    def found():
        answer = next((ack[1] for ack in person.acks if ack[0] == command), {})
        if "error" in answer:
            return answer["error"]["code"]
        return "sent" if any(t.get("commandID") == command and t["senderID"] == person.name for t in person.inbox) else None
    return person.until(found, f"the outcome of {command}")


def check_store(north):
    """The chains, and all that is derived from the logs."""
    north.ctl("check", "--store", north.options["store"])


# ---- one conversation ----

def test_a_device_that_is_new_hears_a_chat_that_begins_at_another_broker_whatever_others_of_its_user_have_received(north, south):
    """The other broker tells late. By then the user has received all of it, on the device that is there."""
    laptop, bob, carol, phone = south.person("alice", "laptop"), south.person("bob"), south.person("carol"), north.person("alice", "phone")
    carol.asks("ListChats")  # by then the store knows her
    phone.says("here", to=carol)  # and so it is known where it begins
    north.is_paused()
    chat = bob.says("hi", to="alice")["chatID"]
    number = laptop.hears("hi")["transactionID"]
    laptop.receives(number, chat)
    bob.notices(type="receipt", userID="alice", received=number)
    laptop.on("tablet").is_up_to_date()  # before it is told where that begins, the receipt is stored
    north.goes_on()
    bob.says("again", chat=chat)
    phone.hears("hi", "again")


def test_both_sides_see_the_same(alice, bob, chat):
    alice.says("hello", chat=chat)
    bob.hears("hello")
    bob.says("hi", chat=chat)
    alice.hears("hi")
    number = alice.says("a mistake", chat=chat)["transactionID"]
    bob.hears("a mistake")
    alice.edits(number, chat, "mended")
    bob.sees(type="edit", body="mended")
    bob.says("see above", chat=chat, repliedTo=number)
    assert alice.hears("see above")["repliedTo"]["body"] == "mended"
    alice.deletes(number, chat)
    bob.sees(type="delete", messageID=number)
    has_all(alice, chat, latest_of(bob, chat))
    has_all(bob, chat, latest_of(alice, chat))


def test_a_first_message_arrives_at_the_other_broker(alice, bob):
    chat = alice.says("are you there?", to="bob")["chatID"]
    bob.hears("are you there?")
    bob.says("yes", chat=chat)
    alice.hears("yes")
    has_all(bob, chat, 3)
    has_all(alice, chat, 3)


def test_news_arrive_soon(alice, bob, chat):
    bob.is_up_to_date()
    for i in range(5):
        time.sleep(0.3)
        alice.sends(f"m{i}", chat=chat)
        started = time.monotonic()
        bob.hears(f"m{i}")
        assert time.monotonic() - started < (3 if brokers.sanitizer() else 1.5)


def test_two_who_write_at_full_speed_leave_no_gap(north, alice, bob, chat):
    dave, erin = alice.on("tablet"), bob.on("tablet")  # who only listen
    writing = [Writing(alice, chat, "a", MANY), Writing(bob, chat, "b", MANY)]
    for one in writing:
        one.is_done()
    latest = 1 + 2 * MANY
    for person in (alice, bob, dave, erin):
        has_all(person, chat, latest)
        assert sorted(person.heard(chat)) == sorted([f"{who}{i}" for who in "ab" for i in range(MANY)])
    assert [b for b in bob.heard(chat) if b[0] == "a"] == [f"a{i}" for i in range(MANY)]  # each one's in his order
    check_store(north)


def test_the_same_command_at_both_brokers_is_one_message(north, south, alice, bob, chat):
    again = south.person("alice", "tablet")
    for i in range(20):
        threads = [threading.Thread(target=person.sends, args=("once",), kwargs={"chat": chat, "id": f"same{i}"}) for person in (alice, again)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    alice.says("the end", chat=chat)
    bob.hears("the end")
    assert bob.heard(chat) == ["once"] * 20 + ["the end"]
    check_store(north)


# ---- members ----

def test_a_member_who_is_removed_there_writes_nothing_more_here(north, south, alice, bob):
    """Olga removes bob at one broker while he writes at the other, again and again."""
    olga = north.person("olga")
    group = olga.makes_group("club", alice, bob)
    bob.sees(type="groupUpdated")
    for turn in range(4):
        writing = [Writing(bob, group, f"b{turn}-"), Writing(alice, group, f"a{turn}-")]
        time.sleep(0.05 + random.random() * 0.3)
        removed = olga.removes(bob, group)
        time.sleep(0.05)
        for one in writing:
            one.stops()
        bob.sees(type="memberRemoved", transactionID=removed)
        bob.is_up_to_date()
        assert max(bob.numbers(group)) == removed, "bob sees how he goes, and nothing behind it"
        last = alice.says(f"end{turn}", chat=group)["transactionID"]
        late = [t for t in alice.inbox if t["chatID"] == group and t.get("senderID") == "bob" and removed < t["transactionID"] <= last]
        assert not late, f"bob wrote behind his removal at {removed}: {late[:3]}"
        olga.adds(bob, to=group)
        bob.sees(type="memberAdded", chatID=group)
    has_all(alice, group, latest_of(olga, group))
    check_store(north)


def test_who_is_added_there_sees_it_here(north, alice, bob):
    olga = north.person("olga")
    group = olga.makes_group("club", alice)
    for i in range(5):
        alice.says(f"m{i}", chat=group)
    olga.adds(bob, to=group)
    alice.says("welcome", chat=group)
    bob.hears("welcome")
    assert "m4" not in bob.heard(group)
    bob.says("thanks", chat=group)
    olga.hears("thanks")


# ---- devices ----

def test_a_chat_that_is_not_in_memory_comes_back_where_the_device_stood(north, south, alice, bob, chat):
    for i in range(5):
        alice.says(f"m{i}", chat=chat)
    bob.hears("m4")
    bob.receives(6, chat)
    bob.is_up_to_date()
    south.restart()
    bob.returns()
    bob.is_up_to_date()
    alice.says("and now", chat=chat)
    bob.hears("and now")
    assert bob.numbers(chat)[-1] == 7
    assert sorted(set(bob.numbers(chat))) == list(range(1, 8))


def test_a_device_moves_between_brokers_while_others_write(north, south, alice, bob, chat):
    writing = Writing(alice, chat, "m")
    for turn in range(6):
        bob.until(lambda: len(bob.inbox) > turn * 8, "some more")
        moves(bob, north if turn % 2 == 0 else south)
    latest = 1 + writing.stops().sent
    bob.until(lambda: latest in bob.numbers(chat), f"number {latest}")
    assert list(dict.fromkeys(bob.numbers(chat))) == list(range(1, latest + 1)), "no number is missing, and what comes twice is old"


def test_an_ephemeral_connection_hears_what_comes(south, alice, bob, chat):
    alice.says("before", chat=chat)
    bob.hears("before")
    guest = south.client("mosq-random", "bob")
    guest.subscribe("hc/me/inbox")
    guest.publish_acked("hc/rpc/getServerInfo/1", "{}")
    bodies = []
    for i in range(3):
        alice.says(f"m{i}", chat=chat)
    while len(bodies) < 3:
        bodies += [json.loads(line)["body"] for line in guest.next_message("hc/me/inbox").payload.decode().splitlines()]
    assert bodies == ["m0", "m1", "m2"]


# ---- what brokers tell each other ----

def test_a_block_counts_at_the_other_broker(alice, bob, chat):
    alice.says("hello", chat=chat)
    bob.hears("hello")
    bob.asks("blockUser", blockID="alice")

    soon(lambda: outcome(alice, alice.sends("please", chat=chat)) == "forbidden", "alice can still write to bob")
    bob.asks("unblockUser", blockID="alice")
    soon(lambda: outcome(alice, alice.sends("thanks", chat=chat)) == "sent", "alice cannot write to bob again")
    bob.hears("thanks")


@pytest.fixture
def network(north, south):
    """Between south and the store."""
    base, _, database = north.store_uri.rpartition("/")
    network = mongodb.Network(mongodb.port_of(base))
    south.options["store"] = mongodb.uri_of(network.base, database)
    south.restart()
    yield network
    south.stop()
    network.close()


def holds_once(network, *words, kind=b"users"):
    """The next answer about a user (or what else the store keeps) for which the question has all these words is two seconds late. Returns what has been
    held."""
    held = []

    def holds(command, request):
        if held or command != "find" or not all(word in request for word in (b"\x00" + kind + b"\x00", *words)):
            return 0
        held.append(request)
        return 2
    network.holds = holds
    return held


def test_a_bound_that_is_set_while_a_device_is_looked_up_in_a_new_chat_costs_it_nothing_of_that_chat(network, alice, bob):
    """It is connected here, and the chat was made there."""
    bob.is_up_to_date()
    held = holds_once(network, b"bob", kind=b"members")
    group = alice.makes_group("club", bob)
    bob.asks_until(lambda: held, "that it is asked where bob begins in the group")
    assert bob.asks("setDevice", maxBytes=1000)["maxBytes"] == 1000
    assert bob.numbers(group) == [], "he is still being looked up"
    has_all(bob, group, 2)
    has_all(bob, group, alice.says("hi", chat=group)["transactionID"])


def test_a_block_that_is_made_here_counts_also_while_one_that_was_made_there_is_being_read(north, south, network, alice, bob):
    carol = north.person("carol")
    carol.asks("ListChats")
    group = alice.makes_group("club", bob)
    laptop = south.person("alice", "laptop")
    laptop.sees(type="memberAdded")
    held = holds_once(network, b"alice", b"\x10blocks\x00")
    alice.asks("blockUser", blockID="carol")
    laptop.asks_until(lambda: held, "that alice's blocks are read")
    laptop.asks("blockUser", blockID="bob")
    time.sleep(2.5)
    number = bob.says("hidden", chat=group)["transactionID"]
    laptop.until(lambda: number in laptop.numbers(group), "that something is there")
    assert [t["type"] for t in laptop.inbox if t["chatID"] == group and t["transactionID"] == number] == ["void"]


def test_an_account_that_is_deleted_there_is_gone_here(north, south, alice, bob, chat):
    alice.says("a secret", chat=chat)
    bob.hears("a secret")
    elsewhere = south.person("alice", "tablet")
    elsewhere.is_up_to_date()
    alice.asks("deleteAccount")
    elsewhere.client.is_closed()
    bob.sees(type="memberRemoved")

    def is_erased():
        line = bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)["transactions"][0]
        return line.get("body") is None
    soon(is_erased, "the text is still there", within=15)


def test_and_nothing_is_quoted_here_any_more_of_what_it_wrote(south, alice, bob):
    """Two replies alone, so that what this broker remembers is not driven out by them. It reads what others tell in the order in which it was told: once it
    lets a new alice in, it has read that these texts are erased."""
    group = bob.makes_group("club", alice)
    number = alice.says("a secret", chat=group)["messageID"]
    bob.hears("a secret")
    elsewhere = south.person("alice", "tablet")

    reply = bob.says("what?", chat=group, repliedTo=number)
    assert reply["repliedTo"]["body"] == "a secret"
    alice.asks("deleteAccount")
    elsewhere.client.is_closed()
    soon(lambda: is_let_in(south, "alice"), "a new alice is not let in", within=15)
    assert outcome(bob, bob.sends("what?", chat=group, repliedTo=number)) == "gone", "the text is still remembered here"


def presences(person):
    return [(event["userID"], event["online"]) for event in person.is_up_to_date().live if event["type"] == "presence"]


def sees_online(person, *others):
    return [user["online"] for user in person.asks("watchPresence", userIDs=[other.name for other in others])["users"]]


def test_who_hides_there_is_not_seen_here_any_more_and_is_again_when_she_shows_herself(south, alice, bob, chat):
    laptop = south.person("alice", "laptop")
    assert sees_online(bob, alice) == [True]
    alice.asks("setPresence", showOnline=False)
    bob.until(lambda: presences(bob) == [("alice", False)], "that alice hides")
    laptop.leaves()
    laptop.connects()
    tablet = bob.on("tablet")
    assert sees_online(tablet, alice) == [False]
    alice.asks("setPresence", showOnline=True)
    bob.until(lambda: presences(bob) == [("alice", False), ("alice", True)], "that alice shows herself")
    assert presences(tablet) == [("alice", True)]


def test_when_she_was_seen_last_is_not_told_here_by_who_hides_it_there(south, alice, bob, chat):
    laptop = south.person("alice", "laptop")
    assert sees_online(bob, alice) == [True]
    alice.asks("setPresence", showLastSeen=False)
    time.sleep(1)  # by then it is known here
    laptop.leaves()
    bob.until(lambda: presences(bob) == [("alice", False)], "that alice has gone")
    assert "lastSeen" not in next(event for event in bob.live if event["type"] == "presence")


def test_who_shows_herself_here_is_seen_also_while_it_is_being_read_that_she_hid_herself_there(south, network, alice, bob, chat):
    laptop = south.person("alice", "laptop")
    assert sees_online(bob, alice) == [True]
    held = holds_once(network, b"alice", b"\x10favorites\x00")
    alice.asks("setPresence", showOnline=False)
    laptop.asks_until(lambda: held, "that alice's profile is read")
    laptop.asks("setPresence", showOnline=True)
    time.sleep(2.5)
    assert presences(bob) == []
    assert sees_online(bob, alice) == [True]


def test_who_leaves_the_last_chat_in_common_there_is_not_seen_here_any_more_also_where_the_chat_is_not_in_memory(south, alice, bob):
    group = alice.makes_group("club", bob)
    bob.sees(type="memberAdded")
    south.restart()
    bob.returns()
    laptop = south.person("alice", "laptop")
    assert sees_online(bob, alice) == [True]
    alice.asks("leaveGroup", groupID=group)
    bob.until(lambda: presences(bob) == [("alice", False)], "that alice is not seen any more")
    laptop.asks("setPresence", showOnline=False)
    laptop.asks("setPresence", showOnline=True)
    assert presences(bob) == [("alice", False)]


# ---- death ----

def test_kill_9_of_one_broker_while_both_write_loses_nothing(north, south, alice, bob, chat):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    acked = set()
    for turn in range(3):
        writing = [Writing(alice, chat, f"a{turn}-"), Writing(bob, chat, f"b{turn}-")]
        time.sleep(0.1 + dice.random() * 0.2)
        south.kill9()
        time.sleep(dice.random() * 0.2)
        acked = acked.union(*(one.stops().acked for one in writing))
        south.start()
        bob.returns()
    # Each decides what it had taken before what it takes now, south its journal too; and either may come last.
    latest = max(person.says(f"the end of {person.name}", chat=chat)["transactionID"] for person in (alice, bob))
    for person in (alice, bob):
        person.until(lambda: latest in person.numbers(chat), f"number {latest}")
    lost = acked - set(alice.heard(chat))
    assert not lost, f"acknowledged, and not there: {lost}"
    assert list(dict.fromkeys(bob.numbers(chat))) == list(range(1, latest + 1))
    has_all(alice, chat, latest)
    bodies = alice.heard(chat)
    assert len(bodies) == len(set(bodies)), "nothing is doubled"
    check_store(north)


# ---- operators ----

def is_let_in(broker, user):
    try:
        broker.client(f"{user}/tablet", username=user, password=broker.token(user, iat=int(time.time()))).close()
        return True
    except (mqtt.Refused, mqtt.Closed):
        return False


def test_a_ban_holds_on_the_other_broker_as_well_and_so_does_its_end(north, south):
    north.options["operators"] = "olga"
    north.restart()
    desk = OperatorDesk(north)
    bob = south.person("bob")
    desk.asks("ban", user="bob")
    bob.client.is_closed()
    assert not is_let_in(south, "bob") and not is_let_in(north, "bob")
    desk.asks("unban", user="bob")
    deadline = time.monotonic() + mqtt.PATIENCE
    while not is_let_in(south, "bob"):
        assert time.monotonic() < deadline, "bob is not let in again"
        time.sleep(0.1)


def test_who_is_banned_by_a_tool_that_was_given_a_brokers_own_uri_is_cut_off_there_too(north, south):
    """The operator's URI may name the broker: as appName it is offered for brokers that have no `writer`."""
    uri = north.options["store"]
    bob, at_south = north.person("bob"), south.person("bob", "laptop")
    north.ctl("ban", "--store", f"{uri}{'&' if '?' in uri else '?'}appName=north", "--user", "bob")
    bob.client.is_closed()
    at_south.client.is_closed()
    assert not is_let_in(north, "bob") and not is_let_in(south, "bob")


def test_a_ban_of_which_the_other_broker_cannot_be_told_yet_counts_here_and_is_told_later(north, south):
    network = mongodb.Network(mongodb.port_of(north.store_uri))
    north.options |= {"operators": "olga", "store": mongodb.uri_of(network.base, north.store_uri.rpartition("/")[2])}
    north.restart()
    desk, bob, at_south = OperatorDesk(north), north.person("bob"), south.person("bob", "laptop")
    network.loses = lambda command: command.lower() == "findandmodify"  # a notice's number
    desk.asks("ban", user="bob")
    bob.client.is_closed()
    assert not is_let_in(north, "bob")
    at_south.is_up_to_date()
    deadline = time.monotonic() + mqtt.PATIENCE
    while network.lost == 0:
        assert time.monotonic() < deadline, "nobody was to be told"
        time.sleep(0.05)
    network.is_good()
    at_south.client.is_closed()
    north.stop()
    network.close()

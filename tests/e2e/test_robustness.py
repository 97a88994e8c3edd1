# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What clients can do to each other, to themselves and to the broker, by malice or by a bad network."""
import json
import struct
import time

import mqtt
import pytest
from test_crash import HeldStore

pytestmark = pytest.mark.host


def subscribe_packet(packet_id, topic_filter):
    return mqtt.packet(mqtt.SUBSCRIBE, 2, struct.pack("!H", packet_id) + mqtt.binary(topic_filter) + b"\x01")


# ---- bad networks ----

def test_who_is_alive_but_reads_nothing_loses_nothing(broker, alice):
    """His pings arrive and nothing gets to him: longer than the broker needs to notice a dead connection."""
    bob = broker.person("bob", keepalive=1, receive_buffer=4096, clean=True)
    bodies = [f"{i} " + "x" * 15000 for i in range(60)]
    chat = alice.chat_with(bob)
    for body in bodies:
        alice.says(body, chat=chat)
        bob.client.send(mqtt.packet(mqtt.PINGREQ, 0, b""))
    three_times_as_long = time.monotonic() + 3 * 1.5
    while time.monotonic() < three_times_as_long:
        bob.client.send(mqtt.packet(mqtt.PINGREQ, 0, b""))
        alice.asks("ListChats")
        time.sleep(0.01)  # fewer than her calls are bounded to
    bob.client.close()  # what came was never read
    bob.connect_options = {}
    bob.connects()
    bob.hears(*bodies)
    assert bob.numbers(chat) == list(range(1, len(bodies) + 2))


def test_a_session_that_ran_out_is_not_taken_for_one_that_goes_on(idle_broker):
    """The broker has thrown away what it held. That bob subscribes to something else first must not look like a session that was kept."""
    idle_broker.options["outside"] = "allow"
    broker = idle_broker.start()
    alice = broker.person("alice")
    bob = broker.person("bob", version=mqtt.V5, props={"session_expiry": 1}, acknowledges=False)
    chat = alice.chat_with(bob)
    alice.says("one", chat=chat)
    broker.expects_line("Expiring client bob/phone", bob.client.close)
    client = mqtt.Client(broker.port, "bob/phone", connect=False)
    client.send(client.connect_packet("bob", broker.token("bob"), clean=False) + subscribe_packet(7, "weather"))
    client.read_connack()
    assert not client.session_present
    bob.client = client
    client.subscribe("hc/me/#")
    bob.hears("one")


def test_what_is_unsubscribed_at_once_does_not_come_back(broker, alice, chat):
    """A session goes on, and UNSUBSCRIBE follows CONNECT so fast that the broker does not know yet what the device had subscribed."""
    reader = broker.person("bob", "reader", subscribes=("hc/me/inbox", "hc/me/reply/#"))
    reader.is_up_to_date()
    reader.is_cut_off()
    client = mqtt.Client(broker.port, "bob/reader", connect=False)
    client.send(client.connect_packet("bob", broker.token("bob"), clean=False) +
                mqtt.packet(mqtt.UNSUBSCRIBE, 2, struct.pack("!H", 7) + mqtt.binary("hc/me/inbox")))
    client.read_connack()
    assert client.session_present
    client.answer(mqtt.UNSUBACK, 7)
    reader.client = client
    reader.asks("ListChats")
    reader.inbox.clear()
    alice.says("not for him", chat=chat)
    assert reader.is_up_to_date().heard() == []


@pytest.mark.sqlite
def test_a_device_that_is_back_before_the_store_has_what_it_subscribed_listens_to_all_of_it(broker, alice, chat):
    """The store is slow: it has not taken yet that the device is known, and what it subscribes is to follow that."""
    with HeldStore(broker):
        reader = broker.person("bob", "reader", subscribes=["hc/me/reply/#"])
        reader.asks("ListChats")
        reader.client.subscribe("hc/me/inbox")
        reader.asks("ListChats")
        reader.is_cut_off()
        reader.connects(subscribes=False)
        assert reader.client.session_present
    alice.says("for him", chat=chat)
    reader.hears("for him")
    assert reader.is_up_to_date()


def test_a_stranger_who_asks_for_a_chat_leaves_no_word_in_the_log(broker, carol, chat):
    """She could fill it."""
    carol.is_denied("forbidden", "fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)
    carol.is_denied("forbidden", "getMessage", chatID=chat, messageID=1)
    assert "could not answer" not in broker.log_text()


# ---- somebody else's client ID ----

def test_the_owner_of_a_client_id_takes_it_over_and_gets_nothing_of_who_used_it(broker, alice, carol):
    """alice connects as "bob", which is a device of bob's; her MQTT session, with what was on its way to her, falls to him."""
    chat = carol.chat_with(alice)
    broker.person("bob").leaves()
    thief = broker.client("bob", "alice", clean=False, acknowledges=False)
    thief.subscribe("hc/me/#", f"hc/chat/{chat}/events")
    carol.says("for alice", chat=chat)
    thief.next_message("hc/me/inbox")
    owner = broker.person("bob", None)
    carol.says("for alice again", chat=chat)
    alice.hears("for alice", "for alice again")
    assert owner.is_up_to_date().heard() == []
    assert not owner.events and not owner.elsewhere
    with pytest.raises(mqtt.Refused):
        broker.client("bob", "alice")
    carol.says("for bob", to="bob")
    owner.hears("for bob")


@pytest.fixture
def open_broker(idle_broker):
    idle_broker.options["outside"] = "allow"
    idle_broker.anonymous = True
    return idle_broker.start()


def test_who_is_connected_is_not_pushed_out_from_outside(open_broker):
    alice, bob = open_broker.person("alice"), open_broker.person("bob")
    with pytest.raises(mqtt.Refused):
        open_broker.client("bob/phone")
    alice.says("hi", to=bob)
    bob.hears("hi")


def test_who_takes_an_idle_devices_session_from_outside_costs_it_nothing(open_broker):
    alice = open_broker.person("alice")
    bob = open_broker.person("bob", acknowledges=False)
    chat = alice.chat_with(bob)
    alice.says("one", chat=chat)
    bob.client.close()
    for clean in (True, False):
        stranger = until_let_in(open_broker, "bob/phone", clean)
        stranger.subscribe("weather")
        stranger.ping()
        assert not stranger.messages
        stranger.disconnect()
    bob.connect_options = {}
    bob.connects()
    bob.hears("one")


def until_let_in(broker, client_id, clean):
    """The broker may not have noticed yet that the last one is gone."""
    deadline = time.monotonic() + mqtt.PATIENCE
    while True:
        try:
            return broker.client(client_id, clean=clean)
        except mqtt.Refused:
            assert time.monotonic() < deadline


# ---- too much ----

@pytest.fixture
def tight_broker(idle_broker):
    idle_broker.options.update(commands_per_second=1, commands_burst=5)
    return idle_broker.start()


def test_who_connects_again_does_not_get_new_limits(tight_broker):
    alice, bob = tight_broker.person("alice"), tight_broker.person("bob")
    alice.says("first", to=bob)
    for i in range(5):
        alice.sends(f"{i}", to=bob, id=f"a{i}")
    alice.is_refused("rate_limited", "a4")
    alice.returns()
    alice.sends("again", to=bob, id="b1")
    alice.is_refused("rate_limited", "b1")


def test_asking_for_the_events_of_chats_that_are_not_there_is_limited(tight_broker):
    alice = tight_broker.person("alice")
    granted = alice.client.subscribe(*(f"hc/chat/nowhere{i}/events" for i in range(20)))
    assert any(code >= 0x80 for code in granted)
    alice.is_refused("rate_limited")


def test_a_flood_to_many_chats_is_refused_and_ends(tight_broker):
    alice, bob = tight_broker.person("alice"), tight_broker.person("bob")
    for i in range(500):
        alice.client.publish(f"hc/chat/nowhere{i}/text", "x", qos=0)
    alice.until(lambda: any(ack[1]["error"]["code"] == "rate_limited" for ack in alice.acks), "rate_limited")
    bob.says("hi", to=alice)
    alice.hears("hi")


@pytest.mark.parametrize("tail", ["chat/x/send/c1", "chat/x/text/c1", "user/bob/send/c1"])
def test_a_huge_command_is_refused_unread(alice, bob, tail):
    alice.publishes(tail, "[" * 1000000)
    assert alice.is_refused("too_large", "c1")["message"].startswith("payload")
    alice.says("hi", to=bob)


def test_a_huge_operation_is_refused_and_not_sent_for_ever(alice, bob, chat):
    """What a command's record in the journal cannot hold will never be taken: the client must hear that, and keep its connection."""
    call = {"chatID": chat, "messageBody": "hi"}
    alice.publishes("rpc/sendMessage/r1", json.dumps(call) + " " * 100000)
    answer, _ = alice.until(lambda: alice.replies.get("r1"), "the refusal")
    assert answer["error"]["code"] == "too_large"
    alice.publishes("rpc/sync/r2", '{"chats": {}}' + " " * 1000000)
    alice.is_refused("too_large", "r2")
    assert alice.asks("sendMessage", **call)["messageID"] == 2


def test_a_filter_that_can_match_nothing_is_not_kept(broker):
    client = broker.client("alice/phone", "alice")
    assert client.subscribe("hc/me/text/" + "x" * 1000)[0] >= 0x80
    assert client.subscribe("hc/me/" + "/".join("+" * 100), "hc/me/inbox")[1] == 1


def test_one_connection_after_another_gets_its_turn(idle_broker):
    """More connections than one round may hand messages to."""
    idle_broker.options["deliveries_per_tick"] = 16
    broker = idle_broker.start()
    alice = broker.person("alice")
    alice.asks("getServerInfo")
    readers = [broker.person("bob", f"d{i}", subscribes=("hc/me/inbox",)) for i in range(50)]
    chat = alice.chat_with("bob")
    bodies = [f"{i}" for i in range(20)]
    for body in bodies:
        alice.sends(body, chat=chat)
    for reader in readers:
        reader.hears(*bodies)
        assert reader.numbers(chat) == list(range(1, 22))


# ---- a store that is held up ----

def test_the_last_subscription_wins_whatever_the_store_did_meanwhile(idle_broker):
    """Of many changes while the store takes nothing, the last one is what a restarted broker resumes."""
    idle_broker.top_lines = ["persistence true", f"persistence_location {idle_broker.directory}/"]
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bob.is_up_to_date()
    with HeldStore(broker):
        for _ in range(50):
            bob.client.unsubscribe("hc/me/#")
            bob.client.subscribe("hc/me/ack/#", "hc/me/reply/#")
        bob.client.subscribe("hc/me/inbox")
    alice.says("one", chat=chat)
    bob.hears("one")
    bob.is_up_to_date()
    bob.leaves()
    broker.restart()
    bob.connects(subscribes=False)
    assert bob.client.session_present
    alice.returns()
    alice.says("two", chat=chat)
    bob.hears("two")
    assert bob.asks("getServerInfo")


def test_subscribing_and_unsubscribing_without_end_slows_nobody(broker, alice, bob, chat):
    noisy = broker.client("bob/noisy", "bob")
    for _ in range(300):
        packet_id = noisy.next_id()
        noisy.send(subscribe_packet(packet_id, "hc/me/inbox"))
        noisy.send(mqtt.packet(mqtt.UNSUBSCRIBE, 2, struct.pack("!H", packet_id) + mqtt.binary("hc/me/inbox")))
    alice.says("hi", chat=chat)
    bob.hears("hi")
    noisy.subscribe("hc/me/inbox")
    alice.says("still", chat=chat)
    while json.loads(noisy.next_message("hc/me/inbox").payload.decode().splitlines()[-1]).get("body") != "still":
        pass


def test_nothing_is_queued_in_the_broker_for_who_is_away(idle_broker):
    """Its queue is short, and forgets; the store is the queue."""
    idle_broker.listener_lines = ["max_queued_messages 5"]
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob", subscribes=("hc/me/inbox", "hc/me/reply/#"))
    chat = alice.chat_with(bob)
    bob.is_up_to_date()
    bob.leaves()  # not only closed: the broker has to know
    bodies = [f"{i}" for i in range(60)]
    for body in bodies:
        alice.says(body, chat=chat)
    bob.connects()
    bob.hears(*bodies)
    assert "being dropped for client bob" not in broker.log_text()


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_who_takes_all_and_acknowledges_nothing_loses_nothing(idle_broker, version):
    """His TCP takes everything, so only the PUBACKs that do not come tell. The broker's queue is short, and forgets."""
    idle_broker.listener_lines = ["max_queued_messages 500"]
    broker = idle_broker.start()
    alice = broker.person("alice", subscribes=("hc/me/inbox", "hc/me/reply/#"))
    bob = broker.person("bob", version=version, subscribes=("hc/me/text/#", "hc/me/reply/#"))
    chat, count = alice.chat_with(bob), 900
    bob.leaves()
    for i in range(count):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i}")
    alice.until(lambda: len(alice.heard(chat)) == count, "her own messages")
    bob.connect_options["acknowledges"] = False
    bob.returns()
    bob.until(lambda: len(bob.texts) >= 20, "as many as may be in flight")
    for i in range(3):
        bob.client.ping()  # the broker has had time to hand over far more than its queue holds
        alice.is_up_to_date()
    assert "being dropped" not in broker.log_text()
    bob.connect_options["acknowledges"] = True
    bob.returns()
    bob.until(lambda: len({text[2] for text in bob.texts}) == count, "all of them")


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_who_watches_a_busy_chat_and_acknowledges_nothing_loses_no_message(idle_broker, version):
    """Events go out by the broker's own fan-out, into the queue in which inbox messages wait as well."""
    idle_broker.listener_lines = ["max_queued_messages 500"]
    broker = idle_broker.start()
    alice = broker.person("alice", subscribes=("hc/me/inbox", "hc/me/reply/#"))
    bob = broker.person("bob", version=version, subscribes=("hc/me/inbox", "hc/me/reply/#"))
    chat, count = alice.chat_with(bob), 900
    bob.is_up_to_date()
    bob.leaves()
    bob.subscribes += (f"hc/chat/{chat}/events",)
    bob.connect_options["acknowledges"] = False
    bob.connects()
    for i in range(count):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i}")
    alice.until(lambda: len(alice.heard(chat)) == count, "her own messages")
    for _ in range(3):
        bob.client.ping()  # the broker has had time to hand over far more than its queue holds
        alice.is_up_to_date()
    assert "being dropped" not in broker.log_text()
    bob.connect_options["acknowledges"] = True
    bob.returns()
    bob.until(lambda: set(bob.heard(chat)) == {f"{i}" for i in range(count)}, "all of them")


def test_who_acknowledges_gets_every_line_of_a_busy_chats_events(broker, alice, bob, chat):
    assert bob.client.subscribe(f"hc/chat/{chat}/events") == [1]
    for turn in range(10):
        for i in range(100):
            alice.client.publish(f"hc/chat/{chat}/text", f"{turn * 100 + i}")
        bob.until(lambda: len(bob.events) == 100 * (turn + 1), "the events")
    assert [event["body"] for event in bob.events] == [f"{i}" for i in range(1000)]


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_who_comes_back_to_events_that_he_has_not_acknowledged_hears_on(idle_broker, version):
    """The broker asks again whether they are for him, before anything is known of him; 2.0 does not give back the places of what is refused then."""
    idle_broker.set_limits(subscriptions_per_second=10000)  # so they are as if he had not been here, and nothing is kept of him when he goes
    broker = idle_broker.start()
    alice = broker.person("alice")
    bob = broker.person("bob", version=version, subscribes=("hc/me/reply/#",))
    chat, count = alice.chat_with(bob), 40
    bob.leaves()
    bob.subscribes = (f"hc/chat/{chat}/events",)
    bob.connect_options["acknowledges"] = False
    bob.connects()
    for i in range(count):
        alice.says(f"{i}", chat=chat)
    bob.until(lambda: bob.events, "events")
    bob.leaves()
    bob.connect_options["acknowledges"] = True
    bob.subscribes += ("hc/me/inbox",)
    bob.connects()
    alice.says("still here?", chat=chat)
    bob.hears("still here?")
    bob.until(lambda: {"still here?", f"{count - 1}"} <= {event.get("body") for event in bob.events}, "the events that he had not, and those from now on")


def test_what_waits_in_the_brokers_own_queue_has_not_arrived(broker):
    """His TCP takes everything and he says that he is there, for longer than the broker needs to notice that somebody is not; but of what he acknowledges nothing
    more than 20 is in flight. He loses the rest with the connection, and gets it again."""
    keepalive_s, count = 2, 60
    alice = broker.person("alice")
    bob = broker.person("bob", clean=True, keepalive=keepalive_s, subscribes=("hc/me/inbox", "hc/me/reply/#"))
    chat = alice.chat_with(bob)
    bob.is_up_to_date()
    bob.leaves()
    bob.connect_options["acknowledges"] = False
    bob.connects()
    for i in range(count):
        alice.says(f"{i}", chat=chat)
        if i % 6 == 0:
            bob.client.ping()
    for _ in range(8 * keepalive_s):
        bob.client.ping()
        time.sleep(0.5)
    bob.connect_options["acknowledges"] = True
    bob.inbox.clear()
    bob.heard_until = 0
    bob.returns()
    bob.until(lambda: set(bob.heard(chat)) >= {f"{i}" for i in range(20, count)}, "what had not left the broker")


class Flood:
    """Somebody who sends without a pause, and reads nothing until he is done. The broker's queue is as it comes with Mosquitto, and forgets."""

    def __init__(self, idle_broker, version, **limits):
        idle_broker.listener_lines = ["max_queued_messages 1000"]
        idle_broker.set_limits(**limits)
        self.broker = idle_broker.start()
        self.alice = self.broker.person("alice", version=version)
        self.bob = self.broker.person("bob", subscribes=("hc/me/inbox", "hc/me/reply/#"))
        self.chat = self.alice.chat_with(self.bob)
        self.alice.is_up_to_date()

    def loses_nothing(self, topic, payload, answers):
        for turn in range(3):
            for i in range(1000):
                self.alice.client.publish(f"{topic}{turn}-{i}", payload)
            self.bob.says(f"amid it, {turn}", chat=self.chat)
        self.alice.hears(*(f"amid it, {turn}" for turn in range(3)))
        assert "being dropped" not in self.broker.log_text()
        self.alice.until(lambda: answers() > 0, "an answer")


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_a_flood_of_refused_commands_pushes_no_message_out_of_the_brokers_queue(idle_broker, version):
    flood = Flood(idle_broker, version, commands_per_second=1, commands_burst=5)
    flood.loses_nothing(f"hc/chat/{flood.chat}/text/c", "x", lambda: len(flood.alice.acks))


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_a_flood_of_refused_operations_pushes_no_message_out_of_the_brokers_queue(idle_broker, version):
    flood = Flood(idle_broker, version, calls_per_second=1)
    flood.loses_nothing("hc/rpc/getServerInfo/c", "{}", lambda: len(flood.alice.replies))

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Subscribe and it resumes: devices, cursors, slow readers, bounded packets."""
import contextlib
import json
import sqlite3
import subprocess
import time

import auth_plugin
import broker as brokers
import mqtt
import pytest

pytestmark = pytest.mark.host


def test_who_was_away_hears_what_he_missed_then_what_comes(alice, bob, chat):
    bob.leaves()
    for body in ("one", "two", "three"):
        alice.says(body, chat=chat)
    bob.returns()
    bob.hears("one", "two", "three")
    alice.says("four", chat=chat)
    bob.hears("four")
    assert bob.numbers(chat) == [1, 2, 3, 4, 5]


def test_what_was_received_does_not_come_again(alice, bob, chat):
    number = alice.says("one", chat=chat)["transactionID"]
    bob.hears("one")
    bob.receives(number, chat)
    bob.leaves()
    alice.says("two", chat=chat)
    bob.returns()
    bob.hears("two")
    assert bob.heard() == ["one", "two"]


def test_a_connection_that_broke_misses_nothing(alice, bob, chat):
    for i in range(20):
        alice.says(f"{i}", chat=chat)
        if i % 5 == 0:
            bob.is_cut_off()
            bob.returns()
    bob.hears("19")
    seen = bob.numbers(chat)
    assert sorted(set(seen)) == list(range(1, 22)), "none is missing"


def test_connections_that_break_at_once_miss_nothing(alice, bob, chat):
    for i in range(30):
        bob.is_cut_off()
        bob.returns()
        for _ in range(3):
            alice.client.publish(f"hc/chat/{chat}/text", "flood")
    last = alice.says("end", chat=chat)["transactionID"]
    bob.hears("end")
    assert sorted(set(bob.numbers(chat))) == list(range(1, last + 1)), "none is missing"


def test_within_a_connection_numbers_only_rise(alice, bob, chat):
    """At the seam a transaction may come twice; a client ignores what is at or below its last number."""
    for round_ in range(5):
        for i in range(20):
            alice.client.publish(f"hc/chat/{chat}/text", f"{round_}-{i}")
        bob.inbox.clear()
        bob.heard_until = 0
        bob.is_cut_off()
        bob.returns()
        alice.says(f"end {round_}", chat=chat)
        bob.hears(f"end {round_}")
        numbers = bob.numbers(chat)
        assert numbers == list(range(numbers[0], numbers[-1] + 1))


SLOW_LOOP = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/epoll.h>
#include <unistd.h>
int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	static int (*real)(int, struct epoll_event *, int, int);
	if (!real)
		real = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
	usleep(3000);
	return real(epoll, events, max, timeout);
}
"""


@pytest.fixture
def slow_broker(idle_broker, tmp_path, monkeypatch):
    """More comes in between what it publishes and its next look at the network."""
    if brokers.sanitizer():
        pytest.skip("the sanitizer's library has to come first")
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW_LOOP)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD" if idle_broker.version == "system" else "HC_PRELOAD", str(library))
    return idle_broker.start()


@pytest.mark.parametrize("how", ["cut", "taken over"])
def test_lines_for_the_connection_before_do_not_come_ahead_of_older_ones_to_who_begins_anew(slow_broker, how):
    """2.1 hands over what was published only after it has read packets, and to whoever has the client ID by then. He may have to come again then."""
    alice, token = slow_broker.person("alice"), slow_broker.token("bob")
    phones = [slow_broker.person("bob", f"phone-{number}", clean=True) for number in range(20)]
    chat = alice.says("before", to="bob")["chatID"]
    for phone in phones:
        phone.hears("before")
    clients = [mqtt.Client(slow_broker.port, str(phone), connect=False) for phone in phones]
    old = [phone.client for phone in phones]
    for phone, client in zip(phones, clients):
        alice.client.publish(f"hc/chat/{chat}/text", "in the midst")
        alice.client.ping()  # it is in the journal now, and on its way through the store
        if how == "cut":
            phone.client.close()
        client.send(client.connect_packet("bob", token, clean=True))
    for phone, client in zip(phones, clients):
        comes_in(phone, client)
    alice.says("end", chat=chat)
    for phone in phones:
        phone.hears("end")
        numbers = phone.numbers(chat)
        assert numbers == list(range(1, numbers[-1] + 1))
    for client in old:
        client.close()


def test_lines_that_are_on_their_way_are_no_news_for_a_stranger(slow_broker):
    """Who names somebody else's device is refused in that moment like in any other, and the device goes on."""
    alice, mallory = slow_broker.person("alice"), slow_broker.token("mallory")
    phones = [slow_broker.person("bob", f"phone-{number}") for number in range(20)]
    chat = alice.says("before", to="bob")["chatID"]
    for phone in phones:
        phone.hears("before")
    strangers = [mqtt.Client(slow_broker.port, str(phone), connect=False) for phone in phones]
    for stranger in strangers:
        alice.client.publish(f"hc/chat/{chat}/text", "in the midst")
        alice.client.ping()
        stranger.send(stranger.connect_packet("mallory", mallory))
    for stranger in strangers:
        with pytest.raises(mqtt.Refused):
            stranger.read_connack()
        stranger.close()
    begun = time.monotonic()
    alice.says("end", chat=chat)
    for phone in phones:
        phone.hears("end")
    assert time.monotonic() - begun < 2


def test_texts_for_the_connection_before_do_not_come_ahead_of_older_ones_either(slow_broker):
    alice, token = slow_broker.person("alice"), slow_broker.token("bob")
    phones = [slow_broker.person("bob", f"phone-{number}", clean=True, subscribes=("hc/me/text/#",)) for number in range(20)]
    chat = alice.says("before", to="bob")["chatID"]
    for phone in phones:
        phone.reads_text("before")
    clients = [mqtt.Client(slow_broker.port, str(phone), connect=False) for phone in phones]
    for number, (phone, client) in enumerate(zip(phones, clients)):
        alice.client.publish(f"hc/chat/{chat}/text", f"text {number:02}")
        alice.client.ping()
        phone.client.close()
        client.send(client.connect_packet("bob", token, clean=True))
    for phone, client in zip(phones, clients):
        phone.texts.clear()
        try:
            client.read_connack()
            phone.client = client
            client.subscribe("hc/me/text/#")
        except mqtt.Closed:
            phone.connects()
    alice.says("the end", chat=chat)
    for phone in phones:
        phone.reads_text("the end")
        bodies = [body for _, _, body in phone.texts]
        assert bodies == sorted(set(bodies)), str(phone)


@pytest.fixture
def lets_strangers_in(idle_broker, tmp_path):
    idle_broker.options["outside"] = "allow"
    idle_broker.anonymous = True
    idle_broker.bottom_lines.append(auth_plugin.line(tmp_path))


def takes_its_place(stranger):
    if stranger.version == mqtt.V5:
        auth_plugin.goes_on(stranger)
    else:
        stranger.send(stranger.connect_packet(clean=True))


@pytest.mark.parametrize("how", ["without a name", "by AUTH", "in the middle of AUTH"])
@pytest.mark.parametrize("device", ["phone", None])
def test_lines_for_a_connection_that_has_just_gone_reach_no_stranger_who_takes_its_client_id(lets_strangers_in, slow_broker, device, how):
    """He has no token, and need not subscribe anything: 2.1 would hand them to whoever has the client ID by then."""
    alice, bob = slow_broker.person("alice"), slow_broker.person("bob")
    chat = alice.says("before", to="bob")["chatID"]
    ids = [f"bob/{device}-{number}" if device else f"one-of-bobs-{number}" for number in range(20)]
    if how == "without a name":
        strangers = [mqtt.Client(slow_broker.port, name, connect=False) for name in ids]
    else:
        strangers = [auth_plugin.knocks(slow_broker.port, name, at_once=how == "by AUTH") for name in ids]
    phones = [slow_broker.client(name, "bob", clean=True) for name in ids]
    for phone in phones:
        phone.subscribe("hc/me/#")
    for phone, stranger in zip(phones, strangers):
        alice.client.publish(f"hc/chat/{chat}/text", "in the midst")
        alice.client.ping()
        phone.close()
        takes_its_place(stranger)
    bob.hears(*["in the midst"] * 20)
    for stranger in strangers:
        with contextlib.suppress(mqtt.Closed, mqtt.Refused):
            stranger.read_connack()
            stranger.ping()
        assert not stranger.messages
        stranger.close()


def comes_in(phone, client):
    phone.sort()
    phone.inbox.clear()
    phone.heard_until = 0
    try:
        client.read_connack()
        phone.client = client
        client.subscribe("hc/me/#")
    except mqtt.Closed:
        phone.connects()


def test_who_goes_before_he_is_told_where_he_stands_goes_on_there_the_next_time(broker, alice, bob, chat):
    """The first connection after a cut one may be lost at once. What the broker holds for the one before is not sent to the next one ahead of older lines."""
    for i in range(5):
        alice.says(f"{i}", chat=chat)
    bob.hears("4")
    bob.is_up_to_date()  # and so the broker has all his PUBACKs
    bob.is_cut_off()
    broker.is_paused()
    for _ in range(3):
        lost = mqtt.Client(broker.port, "bob/phone", username="bob", password=broker.token("bob"), clean=False, connect=False)
        lost.send(lost.connect_packet(username="bob", password=broker.token("bob"), clean=False))
        lost.close()
    broker.goes_on()
    bob.inbox.clear()
    bob.heard_until = 0
    bob.returns()
    last = alice.says("end", chat=chat)["transactionID"]
    bob.hears("end")
    assert bob.numbers(chat) == [last], "all before was handed over, and acknowledged"


def test_a_restart_of_the_broker_loses_nothing(broker, alice, bob, chat):
    alice.says("one", chat=chat)
    bob.hears("one")
    bob.leaves()
    alice.says("two", chat=chat)
    broker.restart()
    bob.returns()
    bob.hears("two")
    alice.returns()
    assert alice.says("three", chat=chat)["transactionID"] == 4
    bob.hears("three")


@pytest.mark.parametrize("filters", ["hc/me/inbox", "hc/me/text/#"])
@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_who_looks_in_for_a_moment_gets_no_more_than_his_last_visit_again_after_a_restart(broker, alice, end, filters):
    """No visit is as long as the broker needs to notice a dead peer. That nothing of one is held when the device comes back tells that all of it arrived."""
    bob = broker.person("bob", "bell", keepalive=5, subscribes=(filters, "hc/me/reply/#"))
    heard = (lambda: [text for _, _, text in bob.texts]) if "text" in filters else bob.heard
    chat = alice.chat_with(bob)
    bob.leaves()
    for ring in ("ring 1", "ring 2", "ring 3"):
        alice.says(ring, chat=chat)
        bob.returns()
        bob.until(lambda ring=ring: heard() == [ring], "this one and nothing else")
        bob.is_up_to_date()
        bob.leaves()
        bob.inbox.clear()
        bob.texts.clear()
    alice.says("a", chat=chat)  # what was told of his place when he went is in the store before that
    alice.says("b", chat=chat)
    getattr(broker, end)()
    broker.start()
    bob.returns()
    bob.until(lambda: "b" in heard(), "what he missed")
    assert heard()[-2:] == ["a", "b"] and heard()[:-2] in ([], ["ring 3"])


def test_what_was_sent_again_and_is_not_acknowledged_comes_once_more_after_a_crash(broker, alice):
    """That the broker holds it does not tell that it arrived: it dies with the broker."""
    bob = broker.person("bob", "bell", keepalive=5, subscribes=("hc/me/inbox",), acknowledges=False)
    chat = alice.chat_with(bob)
    alice.says("held", chat=chat)
    bob.hears("held")
    bob.returns()
    bob.until(lambda: bob.heard() == ["held", "held"], "it again")
    alice.says("later", chat=chat)
    bob.hears("later")
    time.sleep(1.5)  # cursors are stored once a second
    broker.kill9()
    broker.start()
    bob.inbox.clear()
    bob.heard_until = 0
    bob.connect_options["acknowledges"] = True
    bob.returns()
    bob.hears("held", "later")


def test_who_subscribes_anew_within_a_visit_has_acknowledged_nothing_by_that(broker, alice):
    """What the broker holds is told when a device connects, not when it subscribes."""
    bob = broker.person("bob", "bell", keepalive=5, subscribes=("hc/me/inbox", "hc/me/reply/#"))
    chat = alice.chat_with(bob)
    bob.is_up_to_date()
    bob.returns()
    bob.is_up_to_date()
    bob.client.acknowledges = False
    alice.says("held", chat=chat)
    bob.hears("held")
    bob.client.unsubscribe("hc/me/inbox")
    bob.client.subscribe("hc/me/inbox")
    alice.says("later", chat=chat)
    bob.hears("later")
    time.sleep(1.5)  # cursors are stored once a second
    broker.kill9()
    broker.start()
    bob.inbox.clear()
    bob.heard_until = 0
    bob.returns()
    bob.hears("held", "later")


def test_lines_with_qos_0_are_not_taken_for_held_because_qos_1_was_asked_for_since(broker, alice):
    """They were on their way when the connection was lost, and the broker holds nothing of them."""
    bob = broker.person("bob", "bell", qos=0, subscribes=("hc/me/inbox", "hc/me/reply/#"))
    chat = alice.chat_with(bob)
    bob.is_up_to_date()
    alice.says("on its way", chat=chat)
    bob.client.send(mqtt.packet(mqtt.SUBSCRIBE, 2, b"\x7f\x00" + mqtt.binary("hc/me/inbox") + b"\x01"))
    alice.is_up_to_date()
    time.sleep(0.3)  # nobody reads at that end, so nothing tells that the broker has taken it
    bob.client.close()
    bob.qos = 1
    bob.connects()
    bob.hears("on its way")


def test_who_owed_acknowledgements_when_the_broker_was_restarted_gets_all_of_many_messages(idle_broker):
    """On 2.0 such a connection is served with QoS 0, which nobody acknowledges."""
    idle_broker.top_lines = ["persistence true", f"persistence_location {idle_broker.directory}/"]
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob", acknowledges=False)
    chat = alice.chat_with(bob)
    alice.says("held", chat=chat)
    bob.hears("held")
    bob.is_cut_off()
    broker.restart()
    bob.connect_options["acknowledges"] = True
    bob.connects(subscribes=False)
    alice.returns()
    for i in range(300):
        alice.says(f"{i}", chat=chat)
    bob.hears(*[f"{i}" for i in range(300)])


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_a_device_resumes_without_subscribing_again(idle_broker, version):
    """Where Mosquitto keeps the session over its own restart, nobody sends SUBSCRIBE."""
    idle_broker.top_lines = ["persistence true", f"persistence_location {idle_broker.directory}/"]
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob", version=version)
    chat = alice.chat_with(bob)
    bob.leaves()
    alice.says("missed", chat=chat)
    broker.restart()
    bob.returns(subscribes=False)
    assert bob.client.session_present
    bob.hears("missed")
    alice.returns()
    alice.says("live", chat=chat)
    bob.hears("live")


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_a_clean_session_resumes_as_well(broker, alice, version):
    bob = broker.person("bob", version=version, clean=True)
    chat = alice.chat_with(bob)
    bob.leaves()
    alice.says("missed", chat=chat)
    bob.returns()
    bob.hears("missed")


def test_the_first_device_ever_gets_everything(broker, alice, bob):
    """bob exists since he connected, but no device of his has received anything."""
    bob.leaves()
    alice.says("one", to=bob)
    alice.says("two", to=bob)
    watch = broker.person("bob", "watch")
    watch.hears("one", "two")


def test_a_second_device_starts_where_the_user_has_received(broker, alice, bob, chat):
    alice.says("old", chat=chat)
    number = bob.hears("old")["transactionID"]
    bob.receives(number, chat)
    alice.notices(type="receipt", userID="bob", received=number)
    tablet = bob.on("tablet")
    alice.says("new", chat=chat)
    tablet.hears("new")
    assert tablet.heard() == ["new"]


def test_a_known_device_hears_a_chat_that_began_while_it_was_away(broker, alice, bob):
    """Also when another device of his has received it already."""
    laptop = bob.on("laptop")
    laptop.leaves()
    alice.says("one", to=bob)
    number = bob.hears("one")["transactionID"]
    bob.receives(number, bob.inbox[-1]["chatID"])
    alice.notices(type="receipt", userID="bob", received=number)
    laptop.returns()
    laptop.hears("one")


def test_an_ephemeral_connection_gets_what_comes_only(broker, alice, bob, chat):
    alice.says("before", chat=chat)
    client = broker.client("mosq-random", "bob")
    client.subscribe("hc/me/inbox")
    client.publish_acked("hc/rpc/getServerInfo/1", "{}")
    alice.says("after", chat=chat)
    lines = client.next_message("hc/me/inbox").payload.decode().splitlines()
    assert [json.loads(line)["body"] for line in lines] == ["after"]


def test_each_device_has_its_own_place(broker, alice, bob, chat):
    laptop = bob.on("laptop")
    alice.says("one", chat=chat)
    laptop.hears("one")
    laptop.leaves()
    alice.says("two", chat=chat)
    bob.hears("one", "two")
    bob.receives(3, chat)
    bob.leaves()
    alice.says("three", chat=chat)
    laptop.returns()
    laptop.hears("two", "three")
    bob.returns()
    bob.hears("three")
    assert bob.heard() == ["one", "two", "three"]


# ---- what is subscribed ----

def test_only_what_is_subscribed_comes(broker, alice, chat):
    reader = broker.person("bob", "reader", subscribes=("hc/me/text/#",))
    alice.says("hi", chat=chat)
    reader.reads_text("hi")
    assert reader.inbox == [] and reader.elsewhere == []


def missed_ten(broker, alice, bob, chat):
    """A device of bob's that was there once, and has missed ten messages. Their bodies."""
    reader = broker.person("bob", "reader", subscribes=("hc/me/inbox",))
    reader.sees(type="memberAdded")
    reader.leaves()
    bodies = [f"{i}" for i in range(10)]
    for body in bodies:
        alice.says(body, chat=chat)
    bob.hears(*bodies)
    return reader, bodies


def test_who_asks_for_the_inbox_behind_the_texts_gets_what_it_missed_on_both(broker, alice, bob, chat):
    reader, bodies = missed_ten(broker, alice, bob, chat)
    reader.clean, reader.subscribes = True, ("hc/me/text/#",)
    reader.connects()
    reader.reads_text(bodies[-1])
    assert reader.client.subscribe("hc/me/inbox") == [1]
    reader.hears(*bodies)
    alice.says("live", chat=chat)
    reader.hears("live")
    reader.reads_text("live")
    assert reader.heard() == [*bodies, "live"] and [text[2] for text in reader.texts] == [*bodies, "live"], "nothing comes twice"


def test_who_asks_for_texts_behind_the_inbox_gets_what_it_missed_on_both(broker, alice, bob, chat):
    reader, bodies = missed_ten(broker, alice, bob, chat)
    reader.clean = True
    reader.connects()
    reader.hears(*bodies)
    assert reader.client.subscribe("hc/me/text/#") == [1]
    reader.reads_text(bodies[-1])
    alice.says("live", chat=chat)
    reader.hears("live")
    reader.reads_text("live")
    assert reader.heard() == [*bodies, "live"] and [text[2] for text in reader.texts] == [*bodies, "live"], "nothing comes twice"


def test_who_asks_for_the_inbox_again_misses_nothing_of_the_time_without(broker, alice, bob, chat):
    reader = broker.person("bob", "reader", subscribes=("hc/me/inbox", "hc/me/text/#"))
    alice.says("with", chat=chat)
    reader.hears("with")
    reader.client.unsubscribe("hc/me/inbox")
    alice.says("without", chat=chat)
    reader.reads_text("without")
    reader.client.subscribe("hc/me/inbox")
    reader.hears("without")


def test_text_of_one_chat_alone(broker, alice, carol, bob, chat):
    reader = broker.person("bob", "reader", subscribes=(f"hc/me/text/{chat}/#",))
    carol.says("not for this one", to=bob)
    bob.hears("not for this one")
    alice.says("for this one", chat=chat)
    reader.reads_text("for this one")
    assert [text[2] for text in reader.texts] == ["for this one"]


def test_unsubscribing_ends_it(alice, bob, chat):
    bob.client.unsubscribe("hc/me/#")
    bob.client.subscribe("hc/me/text/#")
    alice.says("hi", chat=chat)
    bob.reads_text("hi")
    assert "hi" not in bob.heard()


@pytest.mark.parametrize("qos", [0, 1])
def test_the_subscription_says_the_qos(broker, alice, chat, qos):
    reader = broker.person("bob", "reader", subscribes=("hc/me/inbox",), qos=qos)
    alice.says("hi", chat=chat)
    reader.hears("hi")
    assert reader.packets[-1].qos == qos


def test_nothing_is_ever_retained(alice, bob, chat):
    alice.says("hi", chat=chat)
    bob.hears("hi")
    assert not any(packet.retain for packet in bob.packets)


# ---- slow, small and stubborn clients ----

def test_a_client_that_stops_reading_disturbs_nobody_and_loses_nothing(broker, alice, carol):
    slow = broker.person("bob", receive_buffer=4096)
    chat, count = alice.chat_with(slow), 900
    body = "x" * 2000
    for i in range(count):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i} {body}")
    alice.until(lambda: len(alice.heard(chat)) == count, "her own messages")
    carol.says("quick", to=alice)
    alice.hears("quick")
    slow.until(lambda: f"{count - 1} {body}" in slow.heard()[-1:], "the last one")
    assert slow.numbers(chat) == list(range(1, count + 2))


def test_unacknowledged_packets_come_again_in_order(broker, alice):
    stubborn = broker.person("bob", acknowledges=False)
    chat = alice.chat_with(stubborn)
    for i in range(50):
        alice.says(f"{i}", chat=chat)
    stubborn.is_cut_off()
    stubborn.connect_options["acknowledges"] = True
    stubborn.inbox.clear()
    stubborn.returns()
    stubborn.until(lambda: "49" in stubborn.heard(), "the last one")
    numbers = list(dict.fromkeys(stubborn.numbers(chat)))
    assert numbers == list(range(1, 52)), "each came, first seen in order"


def test_a_receive_maximum_of_one_is_enough(broker, alice):
    bob = broker.person("bob", version=mqtt.V5, props={"receive_maximum": 1})
    chat = alice.chat_with(bob)
    for i in range(200):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i}")
    bob.hears(*[f"{i}" for i in range(200)])


def test_catch_up_comes_in_few_packets_of_bounded_size(alice, bob, chat):
    bob.leaves()
    for i in range(900):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i} " + "x" * 200)
    alice.until(lambda: len(alice.heard()) == 900, "her own messages")
    bob.packets.clear()
    bob.returns()
    bob.until(lambda: len(bob.heard()) == 900, "900 messages")
    assert bob.numbers(chat) == list(range(1, 902))
    assert max(packet.size for packet in bob.packets) <= 64 * 1024 + 64
    assert len(bob.packets) <= 60


@pytest.mark.sqlite
def test_of_a_chat_that_is_damaged_nothing_comes_and_of_all_others_everything(broker, alice, bob):
    chats = [alice.makes_group(f"g{number}", "bob") for number in range(5)]
    bob.until(lambda: {t["chatID"] for t in bob.inbox} == set(chats), "all groups")
    bob.leaves()
    for chat in chats:
        alice.says("missed", chat=chat)
    broker.stop()
    with sqlite3.connect(broker.store) as store:
        store.execute("UPDATE log SET type = 99 WHERE number = 3 AND chat = (SELECT id FROM chat WHERE name = ?)", [chats[2]])
    store.close()
    broker.start()
    bob.inbox.clear()
    bob.heard_until = 0
    bob.returns()
    others = {chat for chat in chats if chat != chats[2]}
    bob.until(lambda: {t["chatID"] for t in bob.inbox if t.get("body") == "missed"} == others, "what he missed")
    alice.returns()
    for chat in others:
        alice.says("now", chat=chat)
        bob.hears("now", chatID=chat)
    assert not bob.numbers(chats[2])
    assert broker.log_text().count("the store is damaged, and some users wait") == 1


@pytest.mark.parametrize("size", [400, 1000])
def test_nothing_larger_than_the_clients_maximum_is_sent(broker, alice, size):
    bob = broker.person("bob", version=mqtt.V5, props={"maximum_packet_size": size})
    chat = alice.chat_with(bob)
    alice.says("é" * 2000, chat=chat)
    alice.says("short", chat=chat)
    cut = bob.sees(transactionID=2)
    assert cut["cut"] is True and "é" * 2000 != cut["body"] and cut["body"].strip("é") == ""
    bob.hears("short")
    assert all(packet.size <= size for packet in bob.packets)


def test_what_does_not_even_fit_cut_becomes_a_hint(broker, alice):
    bob = broker.person("bob", version=mqtt.V5, props={"maximum_packet_size": 150})
    chat = alice.chat_with(bob)
    alice.says("x" * 2000, chat=chat, contentType="application/" + "y" * 50)
    bob.sees(type="latest", chatID=chat, transactionID=2)
    assert all(packet.size <= 150 for packet in bob.packets)

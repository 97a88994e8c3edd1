# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Nothing larger than the client's bound is ever sent to it: Maximum Packet Size on MQTT 5, setDevice on both."""
import json

import mqtt
import pytest

pytestmark = pytest.mark.host

VERSIONS = [mqtt.V311, mqtt.V5]
LONG = "é" * 2000


class Scale:
    """Weighs everything that a person is sent, from now on."""

    def __init__(self, person):
        self.largest_payload = self.largest_packet = 0
        sort_one = person.sort_one

        def weigh(message):
            self.largest_payload = max(self.largest_payload, len(message.payload))
            self.largest_packet = max(self.largest_packet, message.size)
            sort_one(message)
        person.sort_one = weigh


def everything_happens(alice, bob, chat):
    """Whatever can be sent to bob: inbox, text, acks, errors, answers, receipts, typing, events."""
    assert bob.client.subscribe(f"hc/chat/{chat}/events")[0] < 0x80
    alice.says(LONG, chat=chat)
    alice.says("short", chat=chat)
    bob.says(LONG, chat=chat)
    bob.publishes(f"chat/{chat}/text", LONG)
    bob.publishes(f"chat/{chat}/send", {"body": "x", "y" * 300: 1})
    bob.publishes("chat/nowhere/text/" + "i" * 64, "x")
    number = alice.says("read this", chat=chat)["messageID"]
    alice.reads(number, chat)
    alice.publishes(f"chat/{chat}/typing", "")
    bob.notices(type="typing")
    bob.notices(type="receipt", userID="alice", read=number)
    for operation, arguments in (("getServerInfo", {}), ("fetchSnapshotAndTransactions", {"chatID": chat, "clientTransactionID": 0}),
                                 ("fetchDelta", {"chatID": chat, "clientTransactionID": 0}), ("sync", {"chats": {}}), ("ListChats", {}),
                                 ("getMessage", {"chatID": chat, "messageID": 2}), ("getReaders", {"chatID": chat, "messageID": 2})):
        call = bob.next_command()
        bob.publishes(f"rpc/{operation}/{call}", arguments or "{}")
        bob.until(lambda call=call: bob.replies.get(call), f"an answer of {operation}")
    bob.sees(transactionID=6)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("bound", [256, 1024])
def test_set_device_bounds_everything(broker, alice, version, bound):
    bob = broker.person("bob", version=version)
    chat = alice.chat_with(bob)
    assert bob.asks("setDevice", maxBytes=bound)["maxBytes"] == bound
    scale = Scale(bob)
    everything_happens(alice, bob, chat)
    assert 0 < scale.largest_payload <= bound
    assert next(t for t in bob.inbox if t["transactionID"] == 2).get("cut", False) or {"type": "latest", "chatID": chat, "transactionID": 2} in bob.inbox
    assert bob.texts and all(LONG.startswith(text[2]) or text[2] in ("short", "read this") for text in bob.texts)


@pytest.mark.parametrize("bound", [256, 1024])
def test_the_maximum_packet_size_bounds_everything(broker, alice, bound):
    bob = broker.person("bob", version=mqtt.V5, props={"maximum_packet_size": bound})
    scale = Scale(bob)
    everything_happens(alice, bob, alice.chat_with(bob))
    assert 0 < scale.largest_packet <= bound


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bound_of_a_device_is_known_when_it_comes_back(broker, alice, version):
    bob = broker.person("bob", version=version)
    chat = alice.chat_with(bob)
    bob.asks("setDevice", maxBytes=300)
    bob.leaves()
    for i in range(50):
        alice.says(f"{i} {LONG}", chat=chat)
    scale = Scale(bob)
    bob.returns()
    bob.until(lambda: any(t["transactionID"] == 51 for t in bob.inbox), "the last one")
    bob.reads_text(f"{49} {LONG}".encode()[:300].decode(errors="ignore"), chat)
    broker.restart()
    alice.returns()
    bob.returns()
    alice.says(f"after {LONG}", chat=chat)
    bob.sees(transactionID=52)
    assert 0 < scale.largest_payload <= 300


def test_a_connection_without_a_device_keeps_its_bound_as_long_as_it_lasts(broker, alice, bob, chat):
    random = broker.client("mosq-random", "bob")
    random.subscribe("hc/me/#")
    random.publish_acked("hc/rpc/setDevice/1", '{"maxBytes": 400}')
    assert b'"maxBytes":400' in random.next_message("hc/me/reply/1").payload
    alice.says(LONG, chat=chat)
    line = json.loads(random.next_message("hc/me/inbox").payload)
    assert line["cut"] is True and LONG.startswith(line["body"])
    bob.hears(LONG)


def test_a_bound_set_in_the_midst_of_catching_up_holds_from_its_answer_on(broker, alice):
    """Packets that were ready when setDevice came are made anew."""
    bob = broker.person("bob", receive_buffer=4096)
    chat, count = alice.chat_with(bob), 400
    bob.leaves()
    for i in range(count):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i} " + "x" * 2000)
    alice.until(lambda: len(alice.heard(chat)) == count, "her own messages")
    bob.returns()
    bob.client.publish("hc/rpc/setDevice/bound", '{"maxBytes": 500}')
    bob.until(lambda: "bound" in bob.replies, "the answer")
    scale = Scale(bob)
    bob.until(lambda: bob.inbox and bob.inbox[-1]["transactionID"] == count + 1, "the last one")
    numbers = list(dict.fromkeys(bob.numbers(chat)))
    assert numbers == list(range(1, count + 2)), "each came, first seen in order"
    assert scale.largest_payload <= 500


@pytest.mark.parametrize("bound", [0, 255, -1, 2**32, "1000", 1000.5, None])
def test_a_bound_out_of_range_is_refused(alice, bound):
    assert "maxBytes" in alice.is_denied("bad_request", "setDevice", maxBytes=bound)["message"]


def test_an_answer_asked_for_with_max_bytes_is_cut(alice, bob, chat):
    for _ in range(20):
        alice.says(LONG, chat=chat)
    bob.asks("fetchSnapshotAndTransactions", id="f", chatID=chat, clientTransactionID=1, maxBytes=1000)
    assert len(bob.replies["f"][1].payload) <= 1000
    assert bob.replies["f"][0]["result"]["limited"] is True

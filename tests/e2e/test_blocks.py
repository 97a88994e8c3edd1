# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Blocks: nothing of the blocked one is shown to the blocker, and he sees nothing of the blocker."""
import json

import mqtt
import pytest
from test_crash import HeldStore


def refusal(person, command):
    """The ack's payload as it came, without what names the command."""
    return json.dumps(person.gets_ack(command))


@pytest.fixture
def group(alice, bob, carol):
    """A group of the three; carol made it. Numbers 1 and 2 are its beginning."""
    for person in (alice, bob):
        person.is_up_to_date()
    return carol.asks("createGroupChat", groupName="three", friendIDs=["alice", "bob"])["chatID"]


# ---- the 1:1 chat ----

def test_a_block_closes_the_chat_in_both_directions(alice, bob, chat):
    alice.says("before", chat=chat)
    bob.hears("before")
    alice.asks("blockUser", blockID="bob")
    for who, whom in ((bob, alice), (alice, bob)):
        who.sends("to the chat", chat=chat, id="a1")
        assert "error" in who.gets_ack("a1")
        who.sends("to the person", to=whom, id="a2")
        assert "error" in who.gets_ack("a2")
    assert alice.is_up_to_date().heard() == bob.is_up_to_date().heard() == ["before"]
    alice.asks("unblockUser", blockID="bob")
    bob.says("after", chat=chat)
    alice.hears("after")
    assert alice.numbers(chat) == [1, 2, 3]


def test_who_is_blocked_is_refused_like_somebody_who_writes_to_nobody(broker, alice, bob):
    bob.is_up_to_date()
    alice.asks("blockUser", blockID="bob")
    bob.sends("hi", to="alice", id="a1")
    bob.sends("hi", to="nobody", id="a2")
    assert refusal(bob, "a1") == refusal(bob, "a2")
    v5 = broker.person("bob", "five", version=mqtt.V5)
    assert v5.publishes("user/alice/text/a3", "hi") == v5.publishes("user/nobody/text/a4", "hi")


def test_a_block_counts_for_what_is_sent_before_the_store_has_it(broker, alice, bob, chat):
    """Both wait for the store, in this order; afterwards the message is not there."""
    alice.says("before", chat=chat)
    with HeldStore(broker):
        alice.publishes("rpc/blockUser/1", {"blockID": "bob"})
        bob.is_up_to_date()
    alice.until(lambda: alice.replies.get("1"), "the answer")
    bob.sends("late", chat=chat, id="a1")
    bob.is_refused("forbidden", "a1")


def test_a_block_survives_kill_9(broker, alice, bob, chat):
    alice.says("before", chat=chat)
    with HeldStore(broker):
        alice.publishes("rpc/blockUser/1", {"blockID": "bob"})
        broker.kill9()
    broker.start()
    alice.returns()
    bob.returns()
    assert alice.asks_until(lambda: alice.asks("getBlocked")["blockIDs"], "the block") == ["bob"]
    bob.sends("late", chat=chat, id="a1")
    bob.is_refused("forbidden", "a1")


# ---- typing, receipts ----

def test_typing_and_receipts_pass_neither_way(alice, bob, chat):
    number = alice.says("read me", chat=chat)["messageID"]
    bob.hears("read me")
    alice.asks("blockUser", blockID="bob")
    bob.reads(number, chat)
    bob.publishes(f"chat/{chat}/typing")
    alice.publishes(f"chat/{chat}/typing")
    alice.reads(number, chat)
    assert [e for e in alice.is_up_to_date().live if e.get("userID", e.get("senderID")) == "bob"] == []
    assert [e for e in bob.is_up_to_date().live if e.get("userID", e.get("senderID")) == "alice"] == []


# ---- groups ----

def test_what_a_blocked_one_writes_into_a_group_is_void_for_the_blocker_alone(alice, bob, carol, group):
    bob.says("one", chat=group)
    alice.hears("one")
    alice.asks("blockUser", blockID="bob")
    number = bob.says("two", chat=group)["transactionID"]
    carol.says("three", chat=group)
    carol.hears("two")
    alice.hears("three")
    assert [t["type"] for t in alice.inbox if t["transactionID"] == number and t["chatID"] == group] == ["void"]
    assert "two" not in [text[2] for text in alice.texts]
    alice.asks("unblockUser", blockID="bob")
    bob.says("four", chat=group)
    alice.hears("four")
    assert "two" not in alice.heard(group)


def test_it_stays_void_in_catching_up_and_on_a_new_device(broker, alice, bob, carol, group):
    alice.asks("blockUser", blockID="bob")
    alice.leaves()
    number = bob.says("hidden", chat=group)["transactionID"]
    carol.says("shown", chat=group)
    alice.connects()
    alice.hears("shown")
    alice.asks("unblockUser", blockID="bob")
    laptop = alice.on("laptop")
    laptop.hears("shown")
    for device in (alice, laptop):
        assert [t["type"] for t in device.inbox if t["chatID"] == group and t["transactionID"] == number] == ["void"]
    assert [t["type"] for t in alice.asks("fetchSnapshotAndTransactions", chatID=group, clientTransactionID=number - 1)["transactions"]][0] == "void"
    alice.is_denied("forbidden", "getMessage", chatID=group, messageID=number)
    assert "hidden" not in json.dumps(alice.asks("fetchDelta", chatID=group, clientTransactionID=0))
    assert "hidden" not in json.dumps(alice.asks("ListChats"))


def test_events_of_a_group_leave_out_who_is_blocked(alice, bob, carol, group):
    alice.client.subscribe(f"hc/chat/{group}/events")
    alice.asks("blockUser", blockID="bob")
    bob.says("hidden", chat=group)
    carol.says("shown", chat=group)
    alice.until(lambda: [e for e in alice.events if e.get("body") == "shown"], "the event")
    assert [e for e in alice.events if e.get("senderID") == "bob"] == []


def test_a_quote_of_a_blocked_one_is_hidden_from_the_blocker_alone(broker, alice, bob, carol, group):
    """Live, on the stream of the group, when he comes back, on a new device; the reply itself is shown."""
    alice.client.subscribe(f"hc/chat/{group}/events")
    alice.asks("blockUser", blockID="bob")
    hidden = bob.says("hear me", chat=group)["messageID"]
    reply = carol.says("indeed", chat=group, repliedTo=hidden)
    assert reply["repliedTo"]["body"] == "hear me"
    assert alice.hears("indeed")["repliedTo"] == {"messageID": hidden}
    assert alice.reads_text("indeed", chat=group, sender="carol")
    own = carol.says("well", chat=group, repliedTo=reply["messageID"])
    assert alice.hears("well")["repliedTo"] == own["repliedTo"]
    alice.asks("unblockUser", blockID="bob")
    laptop = alice.on("laptop")
    assert laptop.hears("indeed")["repliedTo"] == {"messageID": hidden}
    for device in (alice, laptop):
        assert [t["type"] for t in device.inbox if t["chatID"] == group and t["transactionID"] > hidden] == ["message", "message"]
        assert "hear me" not in json.dumps(device.inbox)
    carol.says("the end", chat=group)
    alice.until(lambda: [e for e in alice.events if e.get("body") == "the end"], "the event")
    assert "hear me" not in json.dumps(alice.events)
    bob.hears("the end")
    assert bob.inbox[-3]["repliedTo"]["body"] == "hear me"


def test_who_reads_what_is_told_to_neither_of_the_two_where_it_is_asked_for(alice, bob, carol, group):
    number = carol.says("read me", chat=group)["messageID"]
    for person in (alice, bob):
        person.hears("read me")
    alice.asks("blockUser", blockID="bob")
    for person in (alice, bob):
        person.reads(number, group)
    assert sorted(carol.asks("getReaders", chatID=group, messageID=number)["userIDs"]) == ["alice", "bob"]
    for person, other in ((alice, "bob"), (bob, "alice")):
        assert person.asks("getReaders", chatID=group, messageID=number)["userIDs"] == []
        members = person.asks("fetchSnapshotAndTransactions", chatID=group)["snapshot"]["members"]
        assert [member["userID"] for member in members if "read" not in member] == [other]
        updates = person.asks("fetchDelta", chatID=group, clientTransactionID=number)["updates"]
        assert other not in [update["userID"] for update in updates if update["type"] == "receipt"]


def test_who_blocked_one_is_not_added_to_ones_group(alice, bob, carol, group):
    alice.asks("blockUser", blockID="carol")
    bob.is_up_to_date()
    carol.is_denied("forbidden", "createGroupChat", groupName="another", friendIDs=["bob", "alice"])

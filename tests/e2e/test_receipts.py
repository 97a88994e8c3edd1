# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Received, read, typing: what is announced on hc/me/live and what is kept."""
import pytest


def test_read_is_announced_to_the_other(alice, bob, chat):
    number = alice.says("hi", chat=chat)["messageID"]
    bob.reads(number, chat)
    alice.notices(type="receipt", chatID=chat, userID="bob", read=number)


def test_read_means_received(alice, bob, chat):
    number = alice.says("hi", chat=chat)["messageID"]
    bob.reads(number, chat)
    assert alice.notices(type="receipt", chatID=chat, userID="bob", read=number)["received"] == number


def test_received_is_announced_and_is_not_read(alice, bob, chat):
    number = alice.says("hi", chat=chat)["messageID"]
    bob.receives(number, chat)
    assert alice.notices(type="receipt", chatID=chat, userID="bob", received=number)["read"] < number


def test_ones_other_devices_learn_of_it(alice, bob, chat):
    laptop = bob.on("laptop")
    number = alice.says("hi", chat=chat)["messageID"]
    bob.reads(number, chat)
    laptop.notices(type="receipt", chatID=chat, userID="bob", read=number)


def test_many_receipts_are_coalesced(alice, bob, chat):
    for i in range(100):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i}")
    bob.hears("99")
    for number in range(2, 102):
        bob.client.publish(f"hc/chat/{chat}/read/{number}", b"")
    alice.notices(type="receipt", userID="bob", read=101)
    assert len([event for event in alice.live if event["type"] == "receipt" and event["userID"] == "bob"]) <= 100


def test_a_mark_never_goes_back(alice, bob, chat):
    for body in ("one", "two", "three"):
        alice.says(body, chat=chat)
    bob.reads(4, chat)
    alice.notices(type="receipt", userID="bob", read=4)
    bob.reads(2, chat)
    bob.receives(2, chat)
    alice.says("four", chat=chat)
    bob.reads(5, chat)
    alice.notices(type="receipt", userID="bob", read=5)
    marks = [event["read"] for event in alice.live if event["type"] == "receipt" and event["userID"] == "bob"]
    assert marks == sorted(marks)


@pytest.mark.parametrize("above", [3, 1000, 2**53])
def test_a_mark_above_the_latest_is_held_to_it(alice, bob, chat, above):
    alice.says("hi", chat=chat)
    bob.reads(above, chat)
    alice.notices(type="receipt", userID="bob", received=2, read=2)


def test_who_read_is_told(alice, bob, chat):
    number = alice.says("hi", chat=chat)["messageID"]
    assert "bob" not in alice.asks("getReaders", chatID=chat, messageID=number)["userIDs"]
    bob.reads(number, chat)
    alice.notices(type="receipt", userID="bob", read=number)
    assert "bob" in alice.asks("getReaders", chatID=chat, messageID=number)["userIDs"]


def test_marks_survive_a_restart(broker, alice, bob, chat):
    number = alice.says("hi", chat=chat)["messageID"]
    bob.reads(number, chat)
    alice.notices(type="receipt", userID="bob", read=number)
    broker.restart()
    alice.returns()
    assert "bob" in alice.asks("getReaders", chatID=chat, messageID=number)["userIDs"]


def test_a_stranger_cannot_mark(alice, bob, carol, chat):
    alice.says("hi", chat=chat)
    carol.reads(2, chat)
    carol.is_refused("forbidden")


def test_in_a_large_group_nobody_is_told_who_types(idle_broker):
    idle_broker.set_limits(large_group=2)
    broker = idle_broker.start()
    alice, bob, carol = broker.person("alice"), broker.person("bob"), broker.person("carol")
    chat = alice.chat_with(bob)
    team = alice.makes_group("team", bob, carol)
    alice.publishes(f"chat/{team}/typing", "")
    alice.publishes(f"chat/{chat}/typing", "")
    bob.notices(type="typing", chatID=chat)
    assert [event["chatID"] for event in bob.live if event["type"] == "typing"] == [chat]


def test_typing_is_shown_to_the_others_and_stored_nowhere(alice, bob, chat):
    alice.publishes(f"chat/{chat}/typing", "")
    bob.notices(type="typing", chatID=chat, senderID="alice", typing=True)
    alice.publishes(f"chat/{chat}/typing", "0")
    bob.notices(type="typing", chatID=chat, senderID="alice", typing=False)
    assert alice.asks("getLatestTransactionID", chatID=chat)["transactionID"] == 1
    assert not [event for event in alice.is_up_to_date().live if event["type"] == "typing"]


def test_a_stranger_cannot_type(alice, bob, carol, chat):
    carol.publishes(f"chat/{chat}/typing", "")
    carol.is_refused("forbidden")
    alice.says("end", chat=chat)
    bob.hears("end")
    assert not [event for event in bob.live if event["type"] == "typing"]

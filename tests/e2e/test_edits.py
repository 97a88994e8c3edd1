# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Messages that are edited and deleted, by topic and by operation, live and after an absence."""
import sqlite3

import pytest


@pytest.fixture
def hi(alice, bob, chat):
    """alice's message to bob, heard by both."""
    number = alice.says("hi", chat=chat)["messageID"]
    bob.hears("hi")
    return number


def test_an_edit_reaches_everybody_and_is_the_text_from_then_on(alice, bob, chat, hi):
    edit = alice.edits(hi, chat, "hi bob")
    assert bob.sees(type="edit", messageID=hi)["body"] == "hi bob"
    assert edit["transactionID"] == hi + 1
    message = bob.message(hi, chat)
    assert (message["body"], message["isEdited"], message["isDeleted"], message["editedAt"]) == ("hi bob", True, False, edit["at"])
    assert bob.thumbnail(chat)["mostRecentMessage"]["body"] == "hi bob"


def test_a_delete_leaves_who_and_when(alice, bob, chat, hi):
    alice.edits(hi, chat, "hi bob")
    deletion = alice.deletes(hi, chat)
    bob.sees(type="delete", messageID=hi, senderID="alice")
    message = bob.message(hi, chat)
    assert (message["isDeleted"], message["deletedBy"], message["deletedAt"]) == (True, "alice", deletion["at"])
    assert "body" not in message
    thumbnail = bob.thumbnail(chat)
    assert "mostRecentMessage" not in thumbnail and thumbnail["unread"] == 0


def test_the_operations_do_the_same_and_are_done_once(alice, bob, chat, hi):
    answer = alice.asks("editMessage", id="e1", chatID=chat, messageID=hi, messageBody="better")
    assert answer == {"chatID": chat, "messageID": hi, "transactionID": hi + 1}
    assert alice.asks("editMessage", id="e1", chatID=chat, messageID=hi, messageBody="better") == answer
    answer = alice.asks("deleteMessage", id="d1", chatID=chat, messageID=hi)
    assert answer == {"chatID": chat, "messageID": hi, "transactionID": hi + 2}
    assert alice.asks("deleteMessage", id="d1", chatID=chat, messageID=hi) == answer
    bob.sees(type="edit", body="better")
    bob.sees(type="delete", messageID=hi)
    assert bob.is_up_to_date().numbers(chat)[-2:] == [hi + 1, hi + 2]


def test_by_topic_success_is_told_on_ack_and_errors_too(broker, alice, bob, chat, hi):
    button = alice.on("button", subscribes=["hc/me/ack/#"])
    button.publishes(f"chat/{chat}/edit/{hi}", "pressed")
    assert button.gets_ack() == {"chatID": chat, "messageID": hi, "transactionID": hi + 1}
    button.publishes(f"chat/{chat}/edit/{hi}", b"\xff")
    button.is_refused("bad_request")
    for number in ("first", "0", "-1", "18446744073709551616"):
        button.publishes(f"chat/{chat}/edit/{number}", "x")
        button.is_refused("bad_request")
        button.publishes(f"chat/{chat}/delete/{number}", b"")
        button.is_refused("bad_request")
    button.publishes(f"chat/{chat}/delete/{hi}", "not empty")
    button.is_refused("bad_request")
    button.publishes(f"chat/{chat}/edit/1", "no message")
    button.is_refused("forbidden")
    button.publishes(f"chat/{chat}/edit/{hi + 100}", "not there")
    button.is_refused("forbidden")


def test_nobody_edits_or_deletes_what_the_other_one_wrote(alice, bob, carol, chat, hi):
    bob.is_denied("forbidden", "editMessage", chatID=chat, messageID=hi, messageBody="mine")
    bob.is_denied("forbidden", "deleteMessage", chatID=chat, messageID=hi)
    stranger = carol.is_denied("forbidden", "deleteMessage", chatID=chat, messageID=hi)
    assert stranger == carol.is_denied("forbidden", "deleteMessage", chatID="nowhere", messageID=hi)
    assert bob.message(hi, chat)["body"] == "hi"


def test_delete_beats_a_late_edit(alice, bob, chat, hi):
    laptop = alice.on("laptop")
    laptop.deletes(hi, chat)
    alice.publishes(f"chat/{chat}/edit/{hi}", "too late")
    alice.is_refused("gone")
    alice.is_denied("gone", "editMessage", chatID=chat, messageID=hi, messageBody="too late")
    assert bob.message(hi, chat)["isDeleted"]
    assert all(t["type"] != "edit" for t in bob.is_up_to_date().inbox)


def test_a_second_deletion_is_done_and_adds_nothing(alice, bob, chat, hi):
    """A delete that is sent again because its PUBACK was lost, and two devices that delete the same."""
    laptop = alice.on("laptop")
    alice.deletes(hi, chat)
    assert alice.gets_ack() == {"chatID": chat, "messageID": hi, "transactionID": hi + 1}
    alice.publishes(f"chat/{chat}/delete/{hi}")
    assert alice.gets_ack() == {"chatID": chat, "messageID": hi}
    assert laptop.asks("deleteMessage", chatID=chat, messageID=hi) == {"chatID": chat, "messageID": hi}
    bob.is_denied("forbidden", "deleteMessage", chatID=chat, messageID=hi)
    assert bob.is_up_to_date().numbers(chat)[-1] == hi + 1


def test_success_is_told_with_qos_0_and_an_error_with_qos_1(alice, chat, hi):
    button = alice.on("button", subscribes=["hc/me/ack/#"])
    button.publishes(f"chat/{chat}/edit/{hi}", "pressed")
    button.until(lambda: button.acks, "the ack")
    button.publishes(f"chat/{chat}/edit/1", "no message")
    told = button.until(lambda: button.acks[1:] and button.acks, "the error")
    assert [("error" in answer, qos) for _, answer, qos in told] == [(False, 0), (True, 1)]


def test_a_reply_quotes_the_text_as_it_was_with_its_revision(alice, bob, chat, hi):
    bob.says("plain", chat=chat, repliedTo=hi)
    assert alice.hears("plain")["repliedTo"] == {"messageID": hi, "body": "hi"}
    edit = alice.edits(hi, chat, "hello")
    bob.says("edited", chat=chat, repliedTo=hi)
    assert alice.hears("edited")["repliedTo"] == {"messageID": hi, "revision": edit["transactionID"], "body": "hello"}
    alice.edits(hi, chat, "hello again")
    replies = [m for m in alice.asks("fetchDelta", chatID=chat, clientTransactionID=hi)["newMessages"] if "repliedTo" in m]
    assert [m["repliedTo"]["body"] for m in replies] == ["hi", "hello"], "quotes stay as they were"
    assert bob.message(hi, chat)["body"] == "hello again", "opened, the reply leads to the edited message"


def test_a_deleted_message_leads_to_nothing_and_its_quotes_go(alice, bob, chat, hi):
    first = bob.says("indeed", chat=chat, repliedTo=hi)["messageID"]
    alice.deletes(hi, chat)
    assert bob.message(first, chat)["repliedTo"] == {"messageID": hi}
    assert "body" not in bob.message(hi, chat)
    bob.publishes(f"chat/{chat}/send/r1", {"body": "what was it?", "repliedTo": hi})
    bob.is_refused("gone", "r1")


def test_quotes_may_be_kept(alice, bob, chat, hi):
    reply = bob.says("indeed", chat=chat, repliedTo=hi)["messageID"]
    alice.asks("deleteMessage", chatID=chat, messageID=hi, quotes="keep")
    assert bob.message(reply, chat)["repliedTo"] == {"messageID": hi, "body": "hi"}


def test_an_edit_keeps_what_is_not_the_text(alice, bob, chat, hi):
    reply = bob.says("*indeed*", chat=chat, repliedTo=hi, contentType="text/markdown")["messageID"]
    bob.edits(reply, chat, "**indeed**")
    message = alice.message(reply, chat)
    assert (message["body"], message["contentType"], message["repliedTo"]["body"]) == ("**indeed**", "text/markdown", "hi")


def test_who_was_away_gets_nothing_of_what_was_deleted_meanwhile(alice, bob, chat):
    bob.leaves()
    secret = alice.says("a secret", chat=chat)["messageID"]
    alice.edits(secret, chat, "a better secret")
    alice.deletes(secret, chat)
    alice.says("end", chat=chat)
    bob.connects()
    bob.hears("end")
    bob.reads_text("end")
    assert [t["type"] for t in bob.inbox if t["chatID"] == chat and t["transactionID"] >= secret] == ["void", "void", "delete", "message"]
    assert "secret" not in str(bob.inbox) + str(bob.texts)
    assert [m["body"] for m in bob.asks("fetchDelta", chatID=chat, clientTransactionID=1)["newMessages"]] == ["end"]


def test_edits_and_deletes_count_in_a_delta(alice, bob, chat):
    old, gone, new = [alice.says(body, chat=chat)["messageID"] for body in ("old", "gone", "new")]
    alice.edits(old, chat, "old, edited")
    alice.edits(new, chat, "new, edited")
    alice.deletes(gone, chat)
    delta = bob.asks("fetchDelta", chatID=chat, clientTransactionID=gone)
    assert [m["body"] for m in delta["newMessages"]] == ["new, edited"]
    assert [(u["type"], u["messageID"]) for u in delta["updates"] if u["type"] != "receipt"] == [("edit", old), ("delete", gone)]
    synced = bob.asks("sync", chats={chat: gone})["chats"][chat]
    assert synced["newMessages"] == delta["newMessages"]


def test_edits_are_kept_through_a_restart(broker, alice, bob, chat, hi):
    alice.edits(hi, chat, "hello")
    broker.restart()
    alice.returns()
    bob.returns()
    assert bob.message(hi, chat)["body"] == "hello"
    bob.says("quoting", chat=chat, repliedTo=hi)
    assert alice.hears("quoting")["repliedTo"]["body"] == "hello"
    alice.edits(hi, chat, "hello again")
    alice.deletes(hi, chat)
    broker.stop()
    broker.ctl("check", "--store", broker.store_uri)
    broker.start()


@pytest.mark.sqlite
def test_an_edit_that_is_damaged_keeps_nobody_from_older_pages(broker, alice, bob, chat, hi):
    """They come as they were when they ended, and the log says that it is so."""
    edit = alice.edits(hi, chat, "hi bob")["transactionID"]
    end = alice.says("end", chat=chat)["messageID"]
    bob.hears("end")
    bob.receives(end, chat)
    bob.is_up_to_date()
    broker.stop()
    with sqlite3.connect(broker.store) as store:
        store.execute("UPDATE log SET head = x'00' WHERE number = ? AND chat = (SELECT id FROM chat WHERE name = ?)", [edit, chat])
    store.close()
    broker.start()
    bob.returns()
    bob.is_up_to_date()
    assert "the store is damaged" not in broker.log_text()
    page = bob.asks("fetchDelta", chatID=chat, clientTransactionID=hi - 1, latestTransactionID=hi)
    assert [m["body"] for m in page["newMessages"]] == ["hi"]
    broker.has_logged("the store is damaged")

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What was erased is in no file: database, WAL, journal, quarantine, the broker's own persistence and log. And the chain still verifies."""
import json
import struct
import time

import pytest

pytestmark = pytest.mark.host

SECRET = "the-blue-heron-flies-at-noon"
EARLIER = "the-grey-heron-flies-at-nine"
LATER = "the-white-heron-sleeps-at-dusk"
SOON_S = 8        # "a few seconds later", on a busy machine
DAY_MS = 24 * 3600 * 1000


class Files:
    """All that broker and plugin have written."""

    def __init__(self, broker):
        self.broker = broker

    def with_text(self, text):
        """Names of the files that contain it; JSON escapes nothing in these texts."""
        found = []
        for path in sorted(self.broker.directory.rglob("*")):
            if path.is_file() and not path.name.startswith("sanitizer"):
                try:
                    if text.encode() in path.read_bytes():
                        found.append(path.name)
                except FileNotFoundError:
                    continue  # a WAL comes and goes
        return found

    def have(self, text):
        """So that the search would find it."""
        assert self.with_text(text), f"{text!r} is in none of the files"

    def lose(self, *texts):
        """A few seconds from now at the latest they are in none of them."""
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline:
            left = {text: self.with_text(text) for text in texts}
            if not any(left.values()):
                return
            time.sleep(0.1)
        raise AssertionError(f"still there: { {text: names for text, names in left.items() if names} }")


@pytest.fixture
def broker(idle_broker):
    """One that writes down what it has in its queues, often."""
    persistence = idle_broker.directory / "persistence"
    persistence.mkdir()
    persistence.chmod(0o777)
    idle_broker.top_lines += ["persistence true", f"persistence_location {persistence}/", "autosave_interval 1"]
    return idle_broker.start()


@pytest.fixture
def files(broker):
    return Files(broker)


def deletes(person, chat, message):
    """By topic, and waits until it is deleted for good."""
    person.publishes(f"chat/{chat}/delete/{message}")
    person.sees(type="delete", messageID=message)


def edits(person, chat, message, body):
    person.publishes(f"chat/{chat}/edit/{message}", body)
    person.sees(type="edit", messageID=message, body=body)


def check_chain(broker):
    """What is there verifies, whatever was erased."""
    broker.stop()
    broker.ctl("check", "--store", broker.store_uri)


# ---- a deleted message ----

def test_a_deleted_message_is_in_no_file(broker, alice, bob, chat, files):
    message = alice.says(SECRET, chat=chat)["messageID"]
    bob.hears(SECRET)
    files.have(SECRET)
    deletes(alice, chat, message)
    bob.sees(type="delete", messageID=message, senderID="alice")
    files.lose(SECRET)
    check_chain(broker)
    assert files.with_text(SECRET) == []


def test_all_that_an_edited_message_ever_said_is_in_no_file(broker, alice, bob, chat, files):
    message = alice.says(EARLIER, chat=chat)["messageID"]
    edits(alice, chat, message, SECRET)
    edits(alice, chat, message, LATER)
    bob.sees(type="edit", body=LATER)
    for text in (EARLIER, SECRET, LATER):
        files.have(text)
    alice.asks("deleteMessage", chatID=chat, messageID=message)
    files.lose(EARLIER, SECRET, LATER)
    check_chain(broker)


def test_quotes_of_a_deleted_message_are_in_no_file_and_the_replies_stay(broker, alice, bob, chat, files):
    message = alice.says(SECRET, chat=chat)["messageID"]
    reply = bob.says("oh, really", chat=chat, repliedTo=message)
    assert reply["repliedTo"]["body"] == SECRET
    deletes(alice, chat, message)
    files.lose(SECRET)
    shown = bob.asks("getMessage", chatID=chat, messageID=reply["messageID"])["message"]
    assert shown["body"] == "oh, really"
    assert shown["repliedTo"]["messageID"] == message
    assert "body" not in shown["repliedTo"]
    check_chain(broker)


def test_a_quote_stays_where_the_operator_keeps_quotes(idle_broker):
    idle_broker.options["quotes"] = "keep"
    broker = idle_broker.start()
    alice, bob, files = broker.person("alice"), broker.person("bob"), Files(broker)
    chat = alice.chat_with(bob)
    message = alice.says(EARLIER, chat=chat)["messageID"]
    reply = bob.says("oh, really", chat=chat, repliedTo=message)["messageID"]
    edits(alice, chat, message, SECRET)
    deletes(alice, chat, message)
    files.lose(SECRET)  # the text, but not what was quoted of it before
    assert bob.asks("getMessage", chatID=chat, messageID=reply)["message"]["repliedTo"]["body"] == EARLIER
    check_chain(broker)


def test_readers_get_void_where_the_texts_were(broker, alice, bob, chat, files):
    message = alice.says(EARLIER, chat=chat)["messageID"]
    edits(alice, chat, message, SECRET)
    deletes(alice, chat, message)
    bob.is_up_to_date()  # until he acknowledges it, Mosquitto's own file has what was handed over
    files.lose(SECRET)
    alice.says("something else", chat=chat)
    bob.hears("something else")
    laptop = alice.on("laptop", subscribes=("hc/me/reply/#",))
    answer = laptop.asks("sync", chats={chat: message - 1})
    assert EARLIER not in json.dumps(answer) and SECRET not in json.dumps(answer)
    broker.stop()
    types = {t["transactionID"]: t["type"] for t in broker.exported(chat)}
    assert types[message] == types[message + 1] == "void"
    assert types[message + 2] == "delete"


def test_who_was_away_gets_void_for_what_was_deleted_meanwhile(broker, alice, bob, chat, files):
    bob.leaves()
    message = alice.says(SECRET, chat=chat)["messageID"]
    deletes(alice, chat, message)
    files.lose(SECRET)
    bob.returns()
    bob.sees(type="void", transactionID=message)
    bob.sees(type="delete", messageID=message)
    assert SECRET not in bob.heard()


# ---- crashes ----

def test_kill_9_right_after_a_deletion_leaves_nothing_in_the_files(broker, alice, bob, chat, files):
    message = alice.says(EARLIER, chat=chat)["messageID"]
    edits(alice, chat, message, SECRET)
    reply = bob.says("oh, really", chat=chat, repliedTo=message)
    assert reply["repliedTo"]["body"] == SECRET
    deletes(alice, chat, message)
    broker.kill9()
    broker.start()
    files.lose(EARLIER, SECRET)
    check_chain(broker)


def test_kill_9_anywhere_around_a_deletion_leaves_nothing_once_it_is_deleted(broker, alice, chat, files):
    for round in range(8):
        text = f"{SECRET}-{round}"
        message = alice.says(text, chat=chat)["messageID"]
        alice.client.publish(f"hc/rpc/deleteMessage/d{round}", json.dumps({"chatID": chat, "messageID": message}))
        time.sleep(round * 0.0005)
        broker.kill9()
        broker.start()
        alice.returns()
        alice.asks("deleteMessage", id=f"d{round}", chatID=chat, messageID=message)
        files.lose(text)
    check_chain(broker)


# ---- the journal ----

@pytest.mark.sqlite
def test_what_was_decided_is_not_in_the_journal_after_a_restart(broker, alice, bob, chat, files):
    alice.says(SECRET, chat=chat)
    bob.hears(SECRET)
    assert "journal" in files.with_text(SECRET)
    broker.kill9()
    broker.start()
    deadline = time.monotonic() + SOON_S
    while "journal" in files.with_text(SECRET) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "journal" not in files.with_text(SECRET)
    assert "chat.db" in files.with_text(SECRET) + [name.removesuffix("-wal") for name in files.with_text(SECRET)]


def test_a_clean_stop_leaves_nothing_decided_in_the_journal(broker, alice, bob, chat, files):
    alice.says(SECRET, chat=chat)
    bob.hears(SECRET)
    assert "journal" in files.with_text(SECRET)
    broker.stop()
    assert "journal" not in files.with_text(SECRET)
    broker.start()
    bob.returns()
    alice.returns()
    alice.says("goes on", chat=chat)
    bob.hears("goes on")


def test_a_repetition_of_what_was_deleted_stays_in_no_file(broker, alice, bob, chat, files):
    sent = alice.says(SECRET, chat=chat, id="again")
    bob.hears(SECRET)  # and acknowledges it: until then the broker itself keeps it
    deletes(alice, chat, sent["messageID"])
    files.lose(SECRET)
    alice.sends(SECRET, chat=chat, id="again")
    assert alice.gets_ack("again")["messageID"] == sent["messageID"]
    broker.stop()
    assert files.with_text(SECRET) == []


# ---- quarantine ----

def quarantined(sender, topic, payload, at_ms, seq=7):
    """A record as it stands in the quarantine file."""
    def string(text):
        return struct.pack("<H", len(text)) + text.encode() + b"\0"
    record = struct.pack("<BQ", 1, at_ms) + string(sender) + string(f"{sender}/phone") + string(topic)
    record += struct.pack("<I", len(payload)) + payload.encode()
    return struct.pack("<IQ", len(record), seq) + record


def now_ms():
    return int(time.time() * 1000)


def put_in_quarantine(broker, *records):
    path = broker.journal.with_name("journal.quarantine")
    path.write_bytes(b"".join(records))
    return path


def until_lost(path, text):
    deadline = time.monotonic() + SOON_S
    while text.encode() in path.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert text.encode() not in path.read_bytes()


def test_quarantine_keeps_a_text_for_30_days(idle_broker):
    old = quarantined("alice", "hc/chat/x/text", EARLIER, now_ms() - 31 * DAY_MS)
    young = quarantined("alice", "hc/chat/x/text", LATER, now_ms() - 29 * DAY_MS)
    path = put_in_quarantine(idle_broker, old, young)
    idle_broker.start()
    until_lost(path, EARLIER)
    assert path.read_bytes() == old[:12] + bytes(len(old) - 12) + young


def test_a_deletion_erases_what_is_in_quarantine_of_that_chat(broker, alice, bob, carol, chat):
    elsewhere = alice.chat_with(carol)
    here = quarantined("alice", f"hc/chat/{chat}/text", SECRET, now_ms())
    there = quarantined("alice", f"hc/chat/{elsewhere}/text", LATER, now_ms())
    anothers = quarantined("carol", "hc/user/alice/text", EARLIER, now_ms())
    message = alice.says("hello", chat=chat)["messageID"]
    path = put_in_quarantine(broker, here, there, anothers)
    deletes(alice, chat, message)
    until_lost(path, SECRET)
    assert path.read_bytes() == here[:12] + bytes(len(here) - 12) + there + anothers


# ---- accounts ----

def test_a_deleted_account_s_texts_are_in_no_file_and_the_others_stay(broker, alice, bob, chat, files):
    alice.says(SECRET, chat=chat)
    bob.says(LATER, chat=chat)
    alice.hears(LATER)
    path = put_in_quarantine(broker, quarantined("alice", "hc/user/x/text", EARLIER, now_ms()))
    alice.asks("updateUserInfo", userInfo={"name": "Alice-in-no-file"})
    alice.publishes("rpc/deleteAccount/gone", {})
    bob.sees(type="memberRemoved", userID="alice")
    files.lose(SECRET, EARLIER, "Alice-in-no-file")
    assert path.exists()
    assert bob.asks("getMessage", chatID=chat, messageID=3)["message"]["body"] == LATER
    check_chain(broker)

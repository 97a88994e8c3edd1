# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A store that is copied into another one, and one whose schema is older. HC_COPY_TO is where to, with {} for a name of its own, for
example mongodb://127.0.0.1/{}; without it, another file."""
import os
import sqlite3
import uuid

import pytest


@pytest.fixture
def target(idle_broker):
    template = os.environ.get("HC_COPY_TO", f"sqlite:{idle_broker.directory}/{{}}.db")
    return template.format(f"copy_{uuid.uuid4().hex[:12]}")


def moves_to(broker, target):
    broker.stop()
    said = broker.ctl("copy", "--from", broker.options["store"], "--to", target)
    assert "copied and compared" in said
    broker.options["store"] = target
    broker.start()


def test_clients_notice_nothing_when_the_broker_starts_on_a_copy(broker, alice, bob, target):
    bob.asks("getUserInfo")
    epoch = alice.asks("getServerInfo")["epoch"]
    chat = alice.chat_with(bob)
    alice.says("before", chat=chat)
    bob.hears("before", chatID=chat)
    bob.reads(2, chat)
    group = alice.asks("createGroupChat", groupName="Wanderlust", friendIDs=["bob"])["chatID"]
    bob.sees(type="memberAdded", chatID=group)
    bob.is_up_to_date()
    bob.leaves()
    alice.says("while bob was away", chat=chat)
    alice.says("to the group", chat=group)
    moves_to(broker, target)
    bob.returns()
    bob.until(lambda: {"while bob was away", "to the group"} <= set(bob.heard()), "what was written while he was away")
    alice.returns()
    assert alice.asks("getServerInfo")["epoch"] == epoch
    alice.says("after", chat=chat)
    bob.hears("after", chatID=chat)
    assert max(bob.numbers(chat)) == 4
    assert [entry["name"] for entry in alice.asks("ListChats")["chats"] if entry["chatID"] == group] == ["Wanderlust"]


def test_a_repeated_command_is_recognised_on_a_copy(broker, alice, bob, target):
    chat = alice.chat_with(bob)
    alice.says("once", chat=chat, id="the-same")
    bob.hears("once", chatID=chat)
    moves_to(broker, target)
    alice.returns()
    bob.returns()
    alice.says("once", chat=chat, id="the-same")
    alice.says("twice", chat=chat)
    bob.hears("twice", chatID=chat)
    assert {line["transactionID"] for line in bob.inbox if line.get("body") == "once"} == {2}
    assert {line["transactionID"] for line in bob.inbox if line.get("body") == "twice"} == {3}


def test_a_copy_can_be_copied_back(broker, alice, bob, target):
    chat = alice.chat_with(bob)
    alice.says("there", chat=chat)
    moves_to(broker, target)
    alice.returns()
    alice.says("and", chat=chat)
    moves_to(broker, f"sqlite:{broker.directory}/back.db")
    alice.returns()
    bob.returns()
    alice.says("back", chat=chat)
    bob.hears("there", "and", "back", chatID=chat)


# ---- schemas; of a file ----

def with_an_older_schema(broker):
    """As version 4 left it."""
    store = sqlite3.connect(broker.store)
    for table in ("place", "lease", "chat_key", "notice", "registration", "revocation", "signing_key", "audit"):
        store.execute(f"DROP TABLE {table}")
    store.execute("DROP INDEX device_kept")
    store.execute("ALTER TABLE device DROP COLUMN token_until")
    store.execute("CREATE INDEX device_seen ON device (seen_at)")
    store.execute("PRAGMA user_version = 4")
    store.commit()
    store.close()


def test_an_older_schema_is_migrated_at_start(broker, alice, bob):
    chat = alice.chat_with(bob)
    alice.says("old", chat=chat)
    broker.stop()
    with_an_older_schema(broker)
    broker.start()
    bob.returns()
    bob.hears("old", chatID=chat)


def test_an_older_schema_waits_for_the_operator_where_he_wants_that(broker, alice, bob):
    chat = alice.chat_with(bob)
    alice.says("old", chat=chat)
    broker.stop()
    with_an_older_schema(broker)
    broker.options["migrate"] = "manual"
    said = broker.fails_to_start()
    assert "has schema 4" in said and "run 'hyperchatctl migrate' first" in said
    assert "migrated from 4" in broker.ctl("migrate", "--store", f"sqlite:{broker.store}")
    assert '"schemaBefore":4' in broker.ctl("audit", "list", "--store", f"sqlite:{broker.store}", "--json")
    broker.start()
    bob.returns()
    bob.hears("old", chatID=chat)

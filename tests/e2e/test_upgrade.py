# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Stores that older programs wrote (stores/, made by stores/make) are brought up to date and lose nothing; one of a newer program is left alone."""
import json
import pathlib
import sqlite3
import subprocess
import time

import broker as brokers
import mqtt
import pytest
from person import RpcError

ONE_BROKER = True  # it is about the file
pytestmark = pytest.mark.sqlite

STORES = sorted((pathlib.Path(__file__).parent / "stores").glob("schema-*.sql"))
SCHEMA = len(list((brokers.ROOT / "schema/sqlite").glob("*.sql")))
GROUPS, DEVICES, OPERATORS = 4, 6, 7  # the schemas whose programs could do that first
CHANGING = {"lastSeen", "online"}
MARKS = {"received", "read"}  # are not shown any more to whom the other one blocks, and the other way round


class Old:
    """A fixture: what it is, and what people were told by the program that wrote it."""

    def __init__(self, path):
        self.version = int(path.stem.rpartition("-")[2])
        self.sql = path.read_text(encoding="utf-8")
        self.told = [json.loads(line[3:]) for line in self.sql.splitlines() if line.startswith("-- {")]

    def is_put_at(self, file):
        with sqlite3.connect(file) as db:
            db.executescript(self.sql)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("UPDATE device SET seen_at = ?", (int(time.time() * 1000),))  # else they would be forgotten some day
        db.close()

    def chats(self, user):
        (answer,) = [line["result"] for line in self.told if (line["user"], line["operation"]) == (user, "ListChats")]
        return answer["chats"]

    def latest(self, chat):
        return max(line["transactionID"] for told in self.told if told["operation"] == "fetchSnapshotAndTransactions" and told["arguments"]["chatID"] == chat
                   for line in told["result"]["transactions"])


def version_of(file):
    with sqlite3.connect(file) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
    db.close()
    return version


def says_the_same(now, then):
    """Newer programs may say more."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(says_the_same(now.get(name, value if name in MARKS else None), value)
                                             for name, value in then.items() if name not in CHANGING)
    if isinstance(then, list):
        return isinstance(now, list) and len(now) == len(then) and all(map(says_the_same, now, then))
    return now == then


def fails(broker, *arguments):
    done = subprocess.run([str(brokers.CTL), *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, env=broker.ctl_environment())
    assert done.returncode == 1, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stderr


@pytest.fixture(params=STORES, ids=[path.stem for path in STORES])
def old(request, idle_broker):
    old = Old(request.param)
    old.is_put_at(idle_broker.store)
    return old


def test_there_is_a_store_of_each_schema():
    assert [Old(path).version for path in STORES] == list(range(1, SCHEMA + 1)), "the last program of a schema makes one before the next schema comes"


def test_what_was_stored_is_there(idle_broker, old):
    broker = idle_broker.start()
    people = {name: broker.person(name, "desk") for name in ("alice", "bob", "carol")}
    for told in old.told:
        now = people[told["user"]].asks(told["operation"], **told["arguments"])
        assert says_the_same(now, told["result"]), f"{told['user']} is told something else by {told['operation']}:\n{now}\nand was told\n{told['result']}"
    broker.stop()
    assert version_of(broker.store) == SCHEMA
    assert "all in order" in broker.ctl("check", "--store", broker.store_uri)


def test_a_device_that_was_away_goes_on_where_it_stood(idle_broker, old):
    tablet = idle_broker.start().person("bob", "tablet")
    tablet.hears("while the tablet was away")
    tablet.is_up_to_date()
    assert tablet.heard() == ["while the tablet was away"]


def test_the_conversation_goes_on(idle_broker, old):
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    latest = old.latest(chat)
    assert alice.says("after the upgrade", chat=chat)["transactionID"] == latest + 1
    bob.hears("after the upgrade", transactionID=latest + 1)
    assert bob.says("indeed", chat=chat, repliedTo=2)["transactionID"] == latest + 2
    assert alice.edits(2, chat, "hello again")["transactionID"] == latest + 3
    assert alice.deletes(2, chat)["transactionID"] == latest + 4
    bob.reads(latest + 2, chat)
    assert bob.sees(type="delete", chatID=chat)["messageID"] == 2
    assert bob.message(2, chat).get("body") is None
    group = alice.makes_group("later", bob, "carol")
    assert bob.says("in a group", chat=group)["transactionID"] == 3
    broker.stop()
    assert "all in order" in broker.ctl("check", "--store", broker.store_uri)


def test_a_group_goes_on_with_its_roles(idle_broker, old):
    if old.version < GROUPS:
        pytest.skip("its program had no groups")
    broker = idle_broker.start()
    alice, bob, carol = (broker.person(name) for name in ("alice", "bob", "carol"))
    (group,) = [line["chatID"] for line in old.chats("alice") if line.get("name") == "Fernweh"]
    latest = old.latest(group)
    assert bob.removes(carol, group) == latest + 1, "he is an admin"
    with pytest.raises(RpcError):
        carol.asks("addUserToGroup", groupID=group, userIDs=["carol"])
    assert alice.adds(carol, to=group) == latest + 2
    with pytest.raises(RpcError):
        carol.chat_with(bob)  # who blocks her
    assert alice.asks("findUser", sharedID="alice@sea")["userID"] == "alice"


def test_who_was_revoked_or_banned_stays_so(idle_broker, old):
    if old.version < DEVICES:
        pytest.skip("its program could not revoke")
    broker = idle_broker.start()
    with pytest.raises(mqtt.Refused):
        broker.client("erin/phone", "erin", password=broker.token("erin", iat=1700000000))
    broker.person("erin").is_up_to_date()
    assert "signs" in broker.ctl("device-keys", "list", "--store", broker.store_uri)
    if old.version >= OPERATORS:
        with pytest.raises(mqtt.Refused):
            broker.client("mallory/phone", "mallory")
        assert "mallory" in broker.ctl("audit", "list", "--store", broker.store_uri)


def test_an_operator_can_have_it_done_when_he_wants_and_has_a_way_back(idle_broker, old):
    broker = idle_broker
    broker.options["migrate"] = "manual"
    if old.version < SCHEMA:
        before = broker.store.read_bytes()
        assert f"has schema {old.version}, this version needs {SCHEMA}: run 'hyperchatctl migrate' first" in broker.fails_to_start()
        assert f"has schema {old.version}" in fails(broker, "check", "--store", broker.store_uri)
        assert broker.store.read_bytes() == before
    backup = broker.directory / "backup.db"
    assert f"schema {old.version}, checked" in broker.ctl("backup", "--store", broker.store_uri, "--to", backup)
    assert version_of(broker.store) == version_of(backup) == old.version
    said = broker.ctl("migrate", "--store", broker.store_uri)
    assert said.strip() == (f"schema {SCHEMA}, migrated from {old.version}" if old.version < SCHEMA else f"schema {SCHEMA}: nothing to do")
    broker.start()
    broker.person("alice").says("after the upgrade", to="bob")
    broker.stop()
    broker.ctl("restore", "--from", backup, "--store", broker.store_uri, "--journal", broker.journal)
    assert version_of(broker.store) == old.version, "so the program that wrote it can open it"


# ---- a newer one ----

TOOLS = [("check",), ("migrate",), ("export", "--chat", "c"), ("repair",), ("new-epoch",), ("revoke", "--user", "alice"), ("device-keys", "list"), ("audit", "list"),
         ("room", "--id", "hall", "--name", "Hall", "--owner", "alice")]


@pytest.fixture
def newer(idle_broker):
    """Its program was killed, so there is a WAL as well."""
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    bob.is_up_to_date()
    alice.says("from the future", to=bob)
    with sqlite3.connect(broker.store) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    broker.kill9()
    return broker


def files_of(broker):
    return {path.name: path.read_bytes() for path in broker.directory.glob("chat.db*") if not path.name.endswith("-shm")}


def test_a_newer_store_is_refused_by_the_broker_and_left_as_it_is(newer):
    before = files_of(newer)
    assert before["chat.db-wal"]
    assert f"has schema {SCHEMA + 1}, made by a newer version; this one knows up to {SCHEMA}" in newer.fails_to_start()
    assert files_of(newer) == before


@pytest.mark.parametrize("tool", TOOLS, ids=[tool[0] for tool in TOOLS])
def test_a_newer_store_is_refused_by_the_tools_and_left_as_it_is(newer, tool):
    before = files_of(newer)
    said = fails(newer, *tool, "--store", newer.store_uri)
    assert f"schema {SCHEMA + 1}" in said and "newer" in said
    assert files_of(newer) == before


def test_a_backup_of_a_newer_store_is_not_put_in_place(newer):
    backup = newer.directory / "backup.db"
    with sqlite3.connect(newer.store) as db:
        db.execute("VACUUM INTO ?", (str(backup),))
    db.close()
    before = files_of(newer)
    said = fails(newer, "restore", "--from", backup, "--store", newer.store_uri, "--journal", newer.journal)
    assert f"schema {SCHEMA + 1}" in said
    assert files_of(newer) == before

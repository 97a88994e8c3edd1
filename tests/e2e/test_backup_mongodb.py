# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A MongoDB store that is backed up and restored by MongoDB's own mongodump and mongorestore; and one that is behind what was stored."""
import os
import struct
import subprocess

import broker as brokers
import bson
import mongodb
import pytest
from test_reference_client import App, MODULES, shown, stored

ONE_BROKER = True
pytestmark = [pytest.mark.mongodb, pytest.mark.skipif(os.environ.get("HC_STORE") != "mongodb", reason="mongodump of a MongoDB: HC_STORE=mongodb")]

TOOLS = brokers.ROOT / "build/mongo-tools"


def runs(tool, broker, *arguments):
    """On the broker's database."""
    if not (TOOLS / tool).exists():
        pytest.skip(f"{tool} is missing: run scripts/get-mongo-tools")
    done = subprocess.run([str(TOOLS / tool), "--uri", broker.store_uri, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{tool} ended with {done.returncode}: {done.stderr}"


def database_of(broker):
    return broker.store_uri.rpartition("/")[2].partition("?")[0]


def is_dumped(broker, name="hyperchat", *what):
    archive = broker.directory / f"{name}.archive"
    runs("mongodump", broker, "--gzip", f"--archive={archive}", *what)
    return archive


def asks_database(broker, command, kind, value):
    connection = bson.Connection(mongodb.port_of(broker.store_uri))
    answer = connection.command(bson.document((command, kind, value), ("$db", 0x02, bson.text(database_of(broker)))))
    connection.close()
    assert answer["ok"] == 1, answer
    return answer


def is_dropped(broker):
    asks_database(broker, "dropDatabase", 0x10, struct.pack("<i", 1))


def indexes_of(broker, collection):
    return {index["name"]: index["key"] for index in asks_database(broker, "listIndexes", 0x02, bson.text(collection))["cursor"]["firstBatch"]}


def is_restored(broker, *archives):
    """FerretDB 1 refuses what mongorestore says of indexes, and has none but for uniqueness."""
    is_dropped(broker)
    for archive in archives:
        runs("mongorestore", broker, "--gzip", f"--archive={archive}", *(["--noIndexRestore"] if mongodb.has_no_plans() else []))


def gets_a_new_epoch(broker):
    return broker.ctl("new-epoch", "--store", broker.store_uri)


@pytest.fixture
def apps(broker, tmp_path):
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    apps = [App(broker, name, tmp_path, broker.port) for name in ("alice", "bob")]
    yield apps
    for app in apps:
        app.is_killed()


def has_heard(app, chat, body):
    app.until(lambda: body in str(app.history(chat)["messages"]), body)


def test_a_dump_brings_back_what_was_said_before_it_and_clients_fetch_anew(broker, apps):
    alice, bob = apps
    bob.is_told("online")
    chat = broker.person("alice", "laptop").chat_with("bob")
    alice.does("send", {"user": "bob"}, "before")
    has_heard(bob, chat, "before")
    broker.stop()
    dump = is_dumped(broker)
    broker.start()
    alice.does("send", {"user": "bob"}, "lost")
    has_heard(bob, chat, "lost")
    broker.stop()
    is_restored(broker, dump)
    epoch = gets_a_new_epoch(broker)
    assert "all in order" in broker.ctl("check", "--store", broker.store_uri)
    broker.start()
    assert "it was restored, or is another one" in broker.log_text()
    assert broker.person("carol").asks("getServerInfo")["epoch"] in epoch
    alice.does("send", {"user": "bob"}, "after")
    for app in apps:
        app.until(lambda app=app: shown(app.history(chat)) == stored(broker, chat) and "after" in str(app.history(chat)), "what the store has")
        assert "lost" not in str(app.history(chat)["messages"])


def test_a_restored_group_has_the_members_that_it_had(broker, alice, bob, carol):
    group = alice.makes_group("Wanderlust", bob)
    alice.says("before", chat=group)
    broker.stop()
    dump = is_dumped(broker)
    broker.start()
    alice.returns()
    alice.adds(carol, to=group)
    alice.removes(bob, group)
    broker.stop()
    is_restored(broker, dump)
    gets_a_new_epoch(broker)
    broker.start()
    for person in (alice, bob, carol):
        person.returns()
    bob.says("still here", chat=group)
    alice.hears("still here", chatID=group)
    carol.is_denied("forbidden", "getMembers", chatID=group)


@pytest.mark.skipif(mongodb.has_no_plans(), reason="this server refuses what mongorestore says of indexes")
def test_a_restored_database_has_its_indexes(broker, alice, bob):
    alice.chat_with(bob)
    broker.stop()
    before = {collection: indexes_of(broker, collection) for collection in ("log", "dedup", "chats", "members", "devices")}
    assert {"chat", "user"} <= before["members"].keys()
    is_restored(broker, is_dumped(broker))
    assert {collection: indexes_of(broker, collection) for collection in before} == before


def test_a_restored_database_without_a_new_epoch_is_refused(broker, alice, bob):
    chat = alice.chat_with(bob)
    broker.stop()
    dump = is_dumped(broker)
    broker.start()
    alice.returns()
    alice.says("lost", chat=chat)
    broker.stop()
    is_restored(broker, dump)
    said = broker.fails_to_start()
    assert "the store is older than what was stored last" in said and "hyperchatctl new-epoch" in said
    gets_a_new_epoch(broker)
    broker.start()
    alice.returns()
    assert alice.says("again", chat=chat)["transactionID"] == 2, "the number of what was lost"


def test_an_emptied_database_is_noticed(broker, alice, bob):
    alice.chat_with(bob)
    broker.stop()
    is_dropped(broker)
    broker.start()
    assert "it was restored, or is another one" in broker.log_text()


def test_a_dump_that_is_not_of_one_moment_is_found_out(broker, alice, bob):
    """As without --oplog while people write, where each collection is as it was at another time."""
    group = alice.makes_group("Wanderlust", bob)
    most = is_dumped(broker, "most", "--db", database_of(broker), "--excludeCollection=log")
    alice.removes(bob, group)
    log = is_dumped(broker, "log", "--db", database_of(broker), "--collection=log")
    broker.stop()
    is_restored(broker, most, log)
    done = subprocess.run([str(brokers.CTL), "check", "--store", broker.store_uri], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "the store has bob as member, the log as none" in done.stdout, done

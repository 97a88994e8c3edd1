# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Two brokers on one store get a new program one after the other, while people write on both; and what a newer program's schema does to an older
one that still runs."""
import os
import struct
import time

import bson
import mongodb
import mqtt
import pytest
from test_cluster import Writing, alice, bob, chat, check_store, latest_of, moves, north, south  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.mongodb, pytest.mark.skipif(os.environ.get("HC_STORE") != "mongodb", reason="two brokers share a MongoDB: HC_STORE=mongodb")]

SOME = 15


class Client:
    """Somebody whose client is a good one: he writes all the time, goes to another broker when his is gone, and sends again what was not acknowledged."""

    def __init__(self, person, chat, prefix):
        self.person, self.chat, self.prefix, self.turn, self.acked = person, chat, prefix, 0, set()
        self.writes()

    def writes(self):
        self.turn += 1
        self.writing = Writing(self.person, self.chat, f"{self.prefix}{self.turn}-")

    def goes_to(self, broker):
        """Once his connection is gone."""
        writing = self.writing.is_done()
        moves(self.person, broker)
        for body in writing.flying.values():
            self.person.client.publish_acked(f"hc/chat/{self.chat}/text/{body}", body)
        self.acked |= writing.acked | set(writing.flying.values())
        self.writes()

    def changes_to(self, broker):
        """Of his own accord."""
        self.writing.stops()
        self.goes_to(broker)

    def stops(self):
        self.acked |= self.writing.stops().acked


def write_for_a_while(clients):
    """Each gets some messages acknowledged."""
    before = {client: len(client.writing.acked) for client in clients.values()}
    deadline = time.monotonic() + mqtt.PATIENCE
    while any(len(client.writing.acked) < count + SOME for client, count in before.items()):
        assert time.monotonic() < deadline, "nothing is acknowledged any more"
        time.sleep(0.02)


def test_each_broker_is_restarted_while_people_write_and_nothing_is_lost(north, south, alice, bob, chat):
    clients = {"north": Client(alice, chat, "a"), "south": Client(bob, chat, "b")}
    listeners = [north.person("alice", "tablet"), south.person("bob", "tablet")]
    for name, broker, other in (("north", north, south), ("south", south, north)):
        write_for_a_while(clients)
        broker.stop()  # as systemd does
        clients[name].goes_to(other)
        write_for_a_while(clients)
        broker.opens()
        clients[name].changes_to(broker)
        for person in listeners:
            person.broker is broker and person.returns()
    write_for_a_while(clients)
    for client in clients.values():
        client.stops()
    latest = max(person.says(f"the end of {person.name}", chat=chat)["transactionID"] for person in (alice, bob))
    for person in (alice, bob, *listeners):
        person.until(lambda person=person: latest in person.numbers(chat), f"number {latest}")
        new = list(dict.fromkeys(person.numbers(chat)))
        assert new == list(range(new[0], latest + 1)), f"{person} has gaps, or something new out of order"
    written = [line["body"] for line in north.exported(chat) if line["type"] == "message"]
    assert len(written) == len(set(written)), "nothing is doubled"
    lost = set().union(*(client.acked for client in clients.values())) - set(written)
    assert not lost, f"acknowledged, and not there: {lost}"
    assert [line["transactionID"] for line in north.exported(chat)] == list(range(1, latest + 1))
    check_store(north)


# ---- a newer schema under a running broker ----

def int32(number):
    return struct.pack("<i", number)


class Newer:
    """What a newer program does to the database when it starts: another version, more collections, more fields in what it writes."""

    def __init__(self, uri):
        base, _, self.database = uri.rpartition("/")
        self.connection = bson.Connection(mongodb.port_of(base))

    def command(self, *parts):
        answer = self.connection.command(bson.document(*parts, ("$db", 0x02, bson.text(self.database))))
        assert answer["ok"] == 1, answer
        return answer

    def changes_all(self, collection, *fields):
        change = bson.document(("q", 0x03, bson.document()), ("u", 0x03, bson.document(("$set", 0x03, bson.document(*fields)))), ("multi", 0x08, b"\1"))
        return self.command(("update", 0x02, bson.text(collection)), ("updates", 0x04, bson.document(("0", 0x03, change))))["n"]

    def count(self, collection, *fields):
        return self.command(("count", 0x02, bson.text(collection)), ("query", 0x03, bson.document(*fields)))["n"]

    def collections(self):
        batch = self.command(("listCollections", 0x10, int32(1)), ("nameOnly", 0x08, b"\1"))["cursor"]["firstBatch"]
        return [collection["name"] for collection in batch]

    def version(self):
        found = self.command(("find", 0x02, bson.text("store")), ("filter", 0x03, bson.document()))["cursor"]["firstBatch"]
        return next(document["schema"] for document in found if document["_id"] == "store")

    def sets_version(self, version):
        self.changes_all("store", ("schema", 0x10, int32(version)))


FROM_THE_FUTURE = ("later", 0x02, bson.text("from the future"))


@pytest.fixture
def newer(north):
    newer = Newer(north.options["store"])
    yield newer
    newer.connection.close()


def test_a_running_broker_goes_on_under_a_newer_schema_and_spoils_nothing_of_it(north, south, alice, bob, chat, newer):
    """Migrations add collections and indexes, and fields that an older program neither looks at nor takes away."""
    group = alice.makes_group("club", bob)
    alice.asks("updateUserInfo", userInfo={"name": "Alice"})
    alice.is_up_to_date()
    version = newer.version()
    newer.command(("create", 0x02, bson.text("laterOn")))
    marked = {name: newer.changes_all(name, FROM_THE_FUTURE) for name in newer.collections() if name != "store"}
    newer.sets_version(version + 1)
    assert marked["users"] and marked["members"] and marked["chats"] and marked["log"]

    alice.says("still here", chat=chat)
    bob.hears("still here")
    bob.says("so am I", chat=group)
    alice.hears("so am I")
    carol = south.person("carol")
    alice.adds(carol, to=group)
    alice.asks("updateGroupInfo", groupID=group, groupInfo={"name": "the club"})
    alice.asks("updateUserInfo", userInfo={"name": "Alice, later"})
    bob.asks("blockUser", blockID="carol")
    bob.reads(2, chat)
    alice.deletes(2, chat)
    bob.sees(type="delete", messageID=2)
    bob.is_up_to_date()
    for name in ("users", "members", "chats", "devices", "log"):
        assert newer.count(name, FROM_THE_FUTURE) >= marked[name], f"what a newer program wrote into {name} is gone"
    assert newer.version() == version + 1

    north.stop()
    said = north.fails_to_start()
    assert f"the database has schema {version + 1}, this program knows up to {version}: it is too old" in said
    assert newer.version() == version + 1
    bob.says("south goes on", chat=chat)
    newer.sets_version(version)  # for what follows, as if north had its new program
    north.opens()
    alice.returns()
    alice.hears("south goes on")
    check_store(north)


def test_a_newer_program_that_older_ones_must_not_write_beside_can_shut_them_out(north, south, alice, bob, chat, newer):
    """It takes an incarnation, and with it their names as writers."""
    alice.says("before", chat=chat)
    bob.hears("before")
    newer.changes_all("store", ("incarnation", 0x12, struct.pack("<q", 1000)))
    newer.changes_all("writers", ("i", 0x12, struct.pack("<q", 1000)))
    deadline = time.monotonic() + mqtt.PATIENCE
    while 'another process writes as "north" now' not in north.log_text():  # it finds out behind one of these
        assert time.monotonic() < deadline, "it does not find out"
        alice.sends("one of the last", chat=chat)
        time.sleep(0.05)
    alice.sends("waits in the journal", chat=chat)
    alice.is_up_to_date()
    bob.is_up_to_date()
    assert "waits in the journal" not in bob.heard(chat)
    north.kill9()
    north.opens()  # with the new program
    bob.hears("waits in the journal")
    check_store(north)

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""That reading goes by index: each kind of question that a broker asks of a store that is not small is asked again with `explain`, and no
more documents may be looked at than it needs. For servers that have indexes and plans (FerretDB 2, MongoDB itself)."""
import re
import subprocess

import bson
import broker as brokers
import mongodb
import pytest

pytestmark = [pytest.mark.mongodb,
              pytest.mark.skipif(mongodb.has_no_plans(), reason="FerretDB 1 has no plans: FERRETDB=2, or HC_MONGODB for another server")]

FILLED = 20000
EXAMINED_MAX = 300
SMALL = ("store", "writers", "leases", "places", "signingKeys")  # one document for all, for each broker, or a few
READS = ("find", "aggregate", "count", "distinct")


@pytest.fixture
def network():
    network = mongodb.Network(mongodb.port_of(mongodb.shared()))
    yield network
    network.close()


@pytest.fixture
def broker(idle_broker, network):
    """Its store has many other chats already, as store_append of bench/ writes them."""
    database = mongodb.new_database()
    filled = subprocess.run([str(brokers.BUILD / "bench/store_append"), "--chats", "1000", "--fill-each", "1",
                             mongodb.uri_of(mongodb.shared(), database, "appName=filler"), str(FILLED), "1"], capture_output=True, text=True)
    assert filled.returncode == 0, filled.stderr
    idle_broker.options["store"] = mongodb.uri_of(network.base, database)
    idle_broker.options["commands_burst"] = 100000
    return idle_broker.start()


def nodes(plan):
    """All objects of an answer to `explain`, wherever they stand."""
    if isinstance(plan, dict):
        yield plan
    for inner in plan.values() if isinstance(plan, dict) else plan if isinstance(plan, list) else ():
        yield from nodes(inner)


def is_scan(node):
    """MongoDB tells the stage and what it examined; documentdb tells PostgreSQL's plan, in which each index is partitioned by the collection, so
    that an index that is used for nothing else is read whole."""
    if node.get("stage") == "COLLSCAN" or node.get("totalDocsExamined", 0) > EXAMINED_MAX or node.get("Node Type") == "Seq Scan":
        return True
    return "Index Name" in node and not re.search(r"(object_id|document) OPERATOR", node.get("Index Cond", ""))


def are_found_by_index(network, kinds_min):
    """Of all that was recorded on the network."""
    requests, network.seen = network.seen, None
    connection, kinds, bad = bson.Connection(network.target_port), {}, []
    for request in requests:
        if mongodb.command_of(request) in READS:
            asked = bson.decode(bson.body_of(request))
            fields = str(sorted(asked.get("filter", asked.get("query", {}))))
            kinds.setdefault((asked[mongodb.command_of(request)], fields, str(asked.get("sort"))), (request, asked))
    assert len(kinds) >= kinds_min, "reading is what was recorded"
    for (collection, fields, _), (request, asked) in kinds.items():
        plan = connection.explains(request)
        assert plan.get("ok") == 1, f"{asked}: {plan}"
        if collection not in SMALL and any(map(is_scan, nodes(plan))):
            bad.append(f"{collection} by {fields} is searched through\n{asked}\n{plan}")
    connection.close()
    assert not bad, "\n".join(bad)


def test_what_is_read_is_found_by_index(broker, network):
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    for i in range(150):
        alice.sends(f"{i}", chat=chat)
    bob.hears("149")
    group = alice.makes_group("friends", bob)
    alice.edits(3, chat, "three")
    broker.restart()  # and nothing is in memory
    network.seen = []
    alice, bob = broker.person("alice"), broker.person("bob", "laptop")
    bob.asks("ListChats")
    bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=20)
    assert bob.message(3, chat)["body"] == "three"
    assert "three" in str(bob.asks("fetchDelta", chatID=chat, clientTransactionID=1, latestTransactionID=60)["newMessages"])
    bob.asks("getMembers", groupID=group)
    bob.asks("getUserInfo")
    alice.says("again", chat=chat, id="k1")
    bob.hears("again")
    bob.reads(3, chat)
    bob.is_up_to_date()
    are_found_by_index(network, 6)


def test_what_is_read_of_people_is_found_by_index(broker, network):
    alice, bob = broker.person("alice"), broker.person("bob")
    network.seen = []
    alice.asks("updateUserInfo", userInfo={"icon": "iVBORw0KGgo="})
    alice.asks("setSharedID", sharedID="wonder")
    bob.asks("findUser", sharedID="wonder")
    bob.asks("addAsFavorite", favoriteID="alice")
    bob.asks("getFavorites")
    bob.asks("blockUser", blockID="alice")
    bob.asks("unblockUser", blockID="alice")
    link = alice.asks("getInvitationLink", id="1")["invitationLink"]
    bob.asks("retrieveUserIDFromInvitation", invitationLink=link)
    chat = bob.chat_with(alice)
    bob.asks("mute", chatID=chat, until=9007199254740991)
    alice.asks("deleteAccount")
    bob.asks_until(lambda: bob.asks("getFavorites")["favoriteIDs"] == [], "that she is gone")
    are_found_by_index(network, 8)

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Groups: who is in them, who may do what, what newcomers, leavers and large groups see."""
import base64
import json
import os
import sqlite3
import time

import broker as brokers
import mqtt
import pytest
from test_crash import HeldStore

ROLES = brokers.ROOT / "docs/roles.md"


@pytest.fixture
def team(alice, bob, carol):
    """alice's, with bob and carol; everybody has seen its beginning."""
    chat = alice.makes_group("team", bob, carol)
    for person in (alice, bob, carol):
        person.sees(type="groupUpdated", chatID=chat)
    return chat


# ---- making one ----

def test_a_group_begins_with_its_members_and_its_name(alice, bob, carol):
    chat = alice.makes_group("The team", bob, carol, icon="https://example.org/t.png", history="all")
    for person in (alice, bob, carol):
        added = person.sees(type="memberAdded", chatID=chat)
        assert added["transactionID"] == 1 and added["senderID"] == "alice"
        assert {m["userID"]: m["role"] for m in added["members"]} == {"alice": "owner", "bob": "member", "carol": "member"}
        named = person.sees(type="groupUpdated", chatID=chat)
        assert (named["name"], named["icon"], named["history"]) == ("The team", "https://example.org/t.png", "all")
    carol.says("hi", chat=chat)
    bob.hears("hi")
    bob.reads_text("hi", chat=chat, sender=carol)
    snapshot = bob.asks("fetchSnapshotAndTransactions", chatID=chat)["snapshot"]
    assert (snapshot["name"], snapshot["iconURL"], snapshot["history"], snapshot["memberCount"]) == ("The team", "https://example.org/t.png", "all", 3)


def test_the_same_call_makes_one_group(alice, bob):
    first = alice.makes_group("one", bob, id="g1")
    assert alice.makes_group("one", bob, id="g1") == first
    alice.is_denied("id_reused", "createGroupChat", id="g1", groupName="another", friendIDs=["bob"])
    assert len(alice.asks("ListChats")["chats"]) == 1
    assert alice.makes_group("one", bob, id="g2") != first
    assert bob.makes_group("one", alice, id="g1") != first


@pytest.mark.parametrize("call", ["hc/rpc/createGroupChat/g1", "hc/rpc/createGroupChat"])
def test_a_group_survives_kill_9_before_it_is_stored_and_is_made_once(broker, call):
    bob = broker.person("bob")
    bob.asks("ListChats")  # it comes behind the write that makes him known
    client = broker.client("alice/phone", "alice", version=mqtt.V5)
    client.subscribe("hc/me/reply/#")
    with HeldStore(broker):
        client.publish_acked(call, json.dumps({"groupName": "late", "friendIDs": ["bob"]}), props={"response_topic": "hc/me/reply/x"})
        broker.kill9()
    broker.start()
    bob.returns()
    bob.sees(type="groupUpdated", name="late")
    broker.kill9()
    broker.start()
    bob.returns()
    assert [c["name"] for c in bob.asks("ListChats")["chats"]] == ["late"]


def test_an_icon_is_kept_once_and_given_to_everybody(alice, bob, team):
    alice.asks("updateGroupInfo", groupID=team, groupInfo={"icon": "aGVsbG8="})
    icon = bob.thumbnail(team)["iconID"]
    assert bob.asks("getIcon", iconID=icon)["icon"] == "aGVsbG8="
    other = bob.makes_group("other", icon="aGVsbG8=")
    assert bob.thumbnail(other)["iconID"] == icon
    largest = base64.b64encode(os.urandom(32 * 1024)).decode()
    alice.asks("updateGroupInfo", groupID=team, groupInfo={"icon": largest})
    assert bob.asks("getIcon", iconID=bob.thumbnail(team)["iconID"])["icon"] == largest
    alice.is_denied("bad_request", "updateGroupInfo", groupID=team, groupInfo={"icon": "not base64!"})
    alice.is_denied("bad_request", "updateGroupInfo", groupID=team, groupInfo={"icon": "A" * 43700})
    alice.asks("updateGroupInfo", groupID=team, groupInfo={"icon": ""})
    assert "iconID" not in bob.thumbnail(team)


def test_whom_one_cannot_reach_cannot_be_added_and_then_nobody_is(alice, bob, carol, team):
    for whom in (["bob", "nobody"], ["nobody"]):
        assert alice.is_denied("forbidden", "createGroupChat", groupName="x", friendIDs=whom)
    dave = alice.broker.person("dave")
    dave.asks("blockUser", blockID="alice")
    erin = alice.broker.person("erin")
    unknown = alice.is_denied("forbidden", "addUserToGroup", groupID=team, userIDs=["erin", "nobody"])
    assert alice.is_denied("forbidden", "addUserToGroup", groupID=team, userIDs=["erin", "dave"]) == unknown, "blocked looks like not there"
    assert {m["userID"] for m in alice.asks("getMembers", groupID=team)["members"]} == {"alice", "bob", "carol"}
    assert dave.asks("ListChats")["chats"] == [] and erin.asks("ListChats")["chats"] == []
    dave.asks("unblockUser", blockID="alice")
    assert alice.adds(dave, erin, "bob", to=team) is not None
    assert alice.adds(dave, to=team) is None, "who is a member already is passed over"


# ---- who may do what: docs/roles.md, cell by cell ----

def cells():
    """(operation, role, may) of the groups' table."""
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in ROLES.read_text().splitlines() if line.startswith("|")]
    header = rows[0]
    for row in rows[2:]:
        for role in ("owner", "admin", "member", "who is no member"):
            if not row[0].startswith("deleteAccount"):
                yield pytest.param(row[0], role, row[header.index(role)] == "yes", id=f"{row[0]}, {role}".replace(" ", "_"))


class Stage:
    """A group with two of each role beside the actor, a message of his and one of somebody else's."""

    def __init__(self, broker, role):
        self.boss, self.actor = broker.person("boss"), broker.person("actor")
        broker.person("newcomer").leaves()
        for name in ("owner2", "admin2", "member2"):
            broker.person(name).leaves()
        self.chat = self.boss.makes_group("stage", "actor", "owner2", "admin2", "member2")
        for name, other in (("owner2", "owner"), ("admin2", "admin"), ("actor", role)):
            if other in ("owner", "admin"):
                self.boss.asks("setRole", groupID=self.chat, userID=name, role=other)
        self.own = self.actor.says("mine", chat=self.chat)["messageID"]
        self.others = self.boss.says("the boss's", chat=self.chat)["messageID"]
        if role == "who is no member":
            self.boss.removes("actor", self.chat)

    def calls(self, operation):
        chat, group = {"chatID": self.chat}, {"groupID": self.chat}
        return {
            "send, reply": ("sendMessage", {**chat, "messageBody": "x"}),
            "edit his own message": ("editMessage", {**chat, "messageID": self.own, "messageBody": "x"}),
            "edit somebody else's message": ("editMessage", {**chat, "messageID": self.others, "messageBody": "x"}),
            "delete his own message": ("deleteMessage", {**chat, "messageID": self.own}),
            "delete somebody else's message": ("deleteMessage", {**chat, "messageID": self.others}),
            "addUserToGroup": ("addUserToGroup", {**group, "userID": "newcomer"}),
            "removeUser: a member": ("removeUser", {**group, "userID": "member2"}),
            "removeUser: an admin": ("removeUser", {**group, "userID": "admin2"}),
            "removeUser: an owner": ("removeUser", {**group, "userID": "owner2"}),
            "leaveGroup": ("leaveGroup", group),
            "setRole": ("setRole", {**group, "userID": "member2", "role": "admin"}),
            "updateGroupInfo": ("updateGroupInfo", {**group, "groupInfo": {"name": "x"}}),
            "deleteGroup": ("deleteGroup", group),
        }[operation]


@pytest.mark.parametrize("operation, role, may", cells())
def test_the_roles_are_as_documented(broker, operation, role, may):
    stage = Stage(broker, role)
    before = stage.boss.asks("getLatestTransactionID", chatID=stage.chat)["transactionID"]
    name, arguments = stage.calls(operation)
    if may:
        assert stage.actor.asks(name, **arguments)["transactionID"] == before + 1
    else:
        refusal = stage.actor.is_denied("forbidden", name, **arguments)
        assert refusal == stage.actor.is_denied("forbidden", "leaveGroup", groupID="nowhere")
        assert stage.boss.asks("getLatestTransactionID", chatID=stage.chat)["transactionID"] == before


def test_a_pair_is_no_group(alice, bob, carol, chat):
    for operation, more in [("addUserToGroup", {"userID": "carol"}), ("removeUser", {"userID": "bob"}), ("leaveGroup", {}), ("deleteGroup", {}),
                            ("setRole", {"userID": "bob", "role": "admin"}), ("updateGroupInfo", {"groupInfo": {"name": "x"}})]:
        alice.is_denied("forbidden", operation, groupID=chat, **more)


# ---- coming and going ----

def test_who_is_removed_receives_nothing_more_on_any_topic(alice, bob, team):
    bob.client.subscribe(f"hc/chat/{team}/events")
    alice.says("before", chat=team)
    bob.hears("before")
    removal = alice.removes(bob, team)
    assert bob.sees(type="memberRemoved", chatID=team)["userID"] == "bob"
    for i in range(20):
        alice.says(f"after {i}", chat=team)
    bob.is_up_to_date()
    assert bob.numbers(team)[-1] == removal
    assert all(not text.startswith("after") for _, _, text in bob.texts)
    assert max(event["transactionID"] for event in bob.events) <= removal
    bob.publishes(f"chat/{team}/typing")
    bob.is_refused("forbidden")
    assert bob.thumbnail(team) is None
    assert bob.asks("getLatestTransactionID", chatID=team)["transactionID"] == removal


def test_not_even_what_waits_for_him_comes_after_the_removal(broker, alice, bob, carol, team):
    """Neither for one who was away, nor for one who reads slowly."""
    watcher = bob.on("watcher", subscribes=["hc/me/inbox", "hc/me/reply/#", f"hc/chat/{team}/events"])
    watcher.is_cut_off()
    bob.leaves()
    for i in range(50):
        alice.sends(f"{i}: " + "x" * 2000, chat=team)
    removal = alice.removes(bob, team)
    for i in range(50):
        alice.sends(f"secret {i}", chat=team)
    alice.says("end", chat=team)
    carol.hears("end")
    bob.connects()
    watcher.connects(subscribes=False)
    for device in (bob, watcher):
        device.sees(type="memberRemoved", chatID=team, userID="bob")
        device.is_up_to_date()
        assert device.numbers(team)[-1] == removal
        assert "secret" not in str(device.inbox) + str(device.texts) + str(device.events)


def test_who_comes_back_sees_his_times_and_void_between_them(alice, bob, carol, team):
    alice.removes(bob, team)
    secret = alice.says("a secret", chat=team)["transactionID"]
    alice.adds(bob, to=team)
    alice.says("welcome back", chat=team)
    bob.hears("welcome back")
    assert next(t for t in bob.inbox if t["transactionID"] == secret and t["chatID"] == team)["type"] == "void"
    assert "a secret" not in str(bob.inbox)
    bob.is_denied("forbidden", "getMessage", chatID=team, messageID=secret)


def test_a_newcomer_sees_from_then_on_unless_the_group_says_all(alice, bob, team):
    old = alice.says("old", chat=team)["messageID"]
    dave = alice.broker.person("dave")
    joined = alice.adds(dave, to=team)
    alice.says("new", chat=team)
    dave.hears("new")
    assert dave.numbers(team) == [joined, joined + 1]
    assert dave.thumbnail(team)["unread"] == 1
    dave.is_denied("forbidden", "getMessage", chatID=team, messageID=old)
    alice.asks("updateGroupInfo", groupID=team, groupInfo={"history": "all"})
    assert dave.message(old, team)["body"] == "old"
    fetched = dave.asks("fetchSnapshotAndTransactions", chatID=team, clientTransactionID=0)["transactions"]
    assert [t["transactionID"] for t in fetched] == list(range(1, joined + 3))
    alice.removes(dave, team)
    dave.is_denied("forbidden", "getMessage", chatID=team, messageID=old)


def test_when_the_last_owner_leaves_the_eldest_admin_follows(alice, bob, carol, team):
    alice.asks("setRole", groupID=team, userID="carol", role="admin")
    alice.asks("leaveGroup", groupID=team)
    changed = bob.sees(type="roleChanged", userID="carol", role="owner")
    left = bob.sees(type="memberRemoved", userID="alice")
    assert left["transactionID"] == changed["transactionID"] + 1
    assert {m["userID"]: m["role"] for m in bob.asks("getMembers", groupID=team)["members"]} == {"bob": "member", "carol": "owner"}
    carol.is_denied("forbidden", "setRole", groupID=team, userID="carol", role="member")


def test_when_nobody_is_left_the_group_ends(broker, alice):
    chat = alice.makes_group("alone")
    alice.asks("leaveGroup", groupID=chat)
    alice.is_denied("forbidden", "sendMessage", chatID=chat, messageBody="x")
    broker.stop()
    assert [t["type"] for t in broker.exported(chat)] == ["memberAdded", "groupUpdated", "memberRemoved", "groupDeleted"]
    broker.start()


def test_an_ended_group_can_be_read_and_not_written(alice, bob, team):
    number = bob.says("remember me", chat=team)["messageID"]
    alice.asks("deleteGroup", groupID=team)
    bob.sees(type="groupDeleted", chatID=team)
    bob.publishes(f"chat/{team}/text/x1", "x")
    bob.is_refused("forbidden", "x1")
    for operation, more in [("addUserToGroup", {"userID": "bob"}), ("updateGroupInfo", {"groupInfo": {"name": "x"}}), ("deleteGroup", {})]:
        alice.is_denied("forbidden", operation, groupID=team, **more)
    assert bob.message(number, team)["body"] == "remember me"
    assert bob.asks("fetchSnapshotAndTransactions", chatID=team)["snapshot"]["ended"]


# ---- large groups ----

@pytest.fixture
def hall(idle_broker):
    """A group of four with large_group 2: alice, its owner, bob, carol and dave."""
    idle_broker.options["large_group"] = 2
    broker = idle_broker.start()
    people = [broker.person(name) for name in ("alice", "bob", "carol", "dave")]
    chat = people[0].makes_group("hall", *people[1:])
    return broker, chat, *people


def hints(person, chat):
    return [t["transactionID"] for t in person.inbox if t["type"] == "latest" and t["chatID"] == chat]


def test_in_a_large_group_the_inbox_hints_and_events_tell(hall):
    broker, chat, alice, bob, carol, dave = hall
    assert bob.client.subscribe(f"hc/chat/{chat}/events")[0] < 0x80
    command = alice.sends("hear me", chat=chat)
    assert alice.gets_ack(command)["messageID"] == 3, "isSent comes on ack"
    bob.until(lambda: 3 in hints(bob, chat), "a hint")
    bob.until(lambda: [e for e in bob.events if e.get("body") == "hear me"], "the line on events")
    assert bob.numbers(chat) == [] and bob.texts == []
    assert [m["body"] for m in bob.asks("fetchDelta", chatID=chat, clientTransactionID=2)["newMessages"]] == ["hear me"]
    assert bob.thumbnail(chat)["unread"] == 1


def test_hints_are_gathered_while_a_client_is_behind(hall):
    broker, chat, alice, bob, carol, dave = hall
    carol.leaves()
    for i in range(30):
        alice.sends(f"m{i}", chat=chat)
    latest = alice.gets_ack(alice.sends("end", chat=chat))["transactionID"]
    carol.connects()
    carol.until(lambda: latest in hints(carol, chat), "the last hint")
    carol.is_up_to_date()
    assert hints(carol, chat)[-1] == latest and len(hints(carol, chat)) <= 3, "one for all that was missed"
    carol.returns()
    carol.is_up_to_date()
    assert len(hints(carol, chat)) <= 4, "and what was handed over does not come again and again"


def test_who_is_removed_from_a_large_group_learns_of_that_and_nothing_more(hall):
    broker, chat, alice, bob, carol, dave = hall
    removal = alice.removes(bob, chat)
    bob.until(lambda: removal in hints(bob, chat), "a hint about the removal")
    alice.gets_ack(alice.sends("after", chat=chat))
    bob.is_up_to_date()
    assert max(hints(bob, chat)) == removal
    updates = bob.asks("fetchDelta", chatID=chat, clientTransactionID=2)
    assert [u["type"] for u in updates["updates"] if u["type"] != "receipt"] == ["memberRemoved"] and updates["newMessages"] == []


def test_a_group_that_becomes_small_again_brings_lines(hall):
    broker, chat, alice, bob, carol, dave = hall
    alice.removes(dave, chat)
    alice.removes(carol, chat)
    alice.says("small talk", chat=chat)
    bob.hears("small talk")


@pytest.mark.sqlite
@pytest.mark.skipif(brokers.sanitizer() != "", reason="10,000 members take long with a sanitizer")
def test_a_group_of_10000_works(idle_broker):
    broker = idle_broker.start()
    broker.person("alice").leaves()
    broker.stop()
    users = [f"user{i:05}" for i in range(9999)]
    with sqlite3.connect(broker.store) as store:
        store.executemany("INSERT INTO user (name, created_at) VALUES (?, 1)", [(user,) for user in users])
    broker.set_limits(commands_per_second=1000, new_contacts_per_hour=1000000)
    broker.start()
    alice = broker.person("alice")
    chat = alice.makes_group("everybody")
    for i in range(0, len(users), 200):
        alice.adds(*users[i:i + 200], to=chat)
    bob = broker.person("user07777")
    latest = bob.asks("getLatestTransactionID", chatID=chat)["transactionID"]
    assert latest == 2 + 50
    started = time.monotonic()
    number = alice.gets_ack(alice.sends("hi all", chat=chat))["messageID"]
    bob.until(lambda: number in hints(bob, chat), "a hint")
    assert time.monotonic() - started < 5
    assert bob.message(number, chat)["body"] == "hi all"
    assert bob.asks("getReaders", chatID=chat, messageID=number)["count"] == 0
    seen, cursor = [], {}
    while True:
        page = bob.asks("getMembers", groupID=chat, **cursor)
        assert page["count"] == 10000
        seen += [m["userID"] for m in page["members"]]
        if "next" not in page:
            break
        cursor = {"cursor": page["next"]}
    assert seen == sorted(["alice", *users])
    alice.removes(bob, chat)
    bob.is_denied("forbidden", "sendMessage", chatID=chat, messageBody="x")
    broker.stop()
    broker.ctl("check", "--store", broker.store_uri)
    broker.start()


# ---- operators' rooms ----

def test_an_operators_room_has_a_name_that_scripts_know(idle_broker):
    broker = idle_broker.start()
    broker.person("bob").leaves()
    broker.stop()
    broker.ctl("room", "--store", broker.store_uri, "--id", "ops-alerts", "--owner", "alice", "--name", "Alerts", "--history", "all")
    broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.publishes("chat/ops-alerts/text", "disk full")
    alice.hears("disk full")
    alice.adds(bob, to="ops-alerts")
    assert bob.thumbnail("ops-alerts")["name"] == "Alerts"
    assert bob.message(3, "ops-alerts")["body"] == "disk full"
    bob.publishes("chat/ops-alerts/text/b1", "on it")
    alice.hears("on it")

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""People: profiles, favorites, shared IDs, invitations, and what nobody learns of whom."""
import base64
import json
import os
import random
import statistics
import time

import broker as brokers
import mqtt
import pytest
from administrator import Administrator, shows_its_numbers
from test_crash import HeldStore


def raw_answer(person, operation, **arguments):
    """The answer as it came, byte for byte."""
    call = person.next_command()
    person.publishes(f"rpc/{operation}/{call}", arguments or "{}")
    _, message = person.until(lambda: person.replies.get(call), f"the answer of {operation}")
    return message.payload


# ---- profiles ----

def test_a_profile_is_seen_by_others_and_survives_a_restart(broker, alice, bob):
    alice.asks("updateUserInfo", userInfo={"name": "Alice", "icon": "https://a.example/i.png"})
    alice.asks("setStatus", text="at sea", timeZone="Europe/Vienna")
    expected = {"userID": "alice", "name": "Alice", "iconURL": "https://a.example/i.png", "status": "at sea", "timeZone": "Europe/Vienna"}
    assert bob.asks("getUserInfo", userID="alice")["userInfo"] == expected
    broker.restart()
    bob.returns()
    assert bob.asks("getUserInfo", userID="alice")["userInfo"] == expected


def test_the_largest_icon_goes_there_and_back(alice, bob):
    picture = base64.b64encode(os.urandom(32 * 1024)).decode()
    icon = alice.asks("updateUserInfo", userInfo={"icon": picture})["iconID"]
    assert bob.asks("getUserInfo", userID="alice")["userInfo"]["iconID"] == icon
    assert bob.asks("getIcon", iconID=icon)["icon"] == picture
    assert bob.asks("updateUserInfo", userInfo={"icon": picture})["iconID"] == icon, "the same bytes are the same icon"


@pytest.mark.parametrize("icon", ["javascript:alert(1)", "https://a.example/\"x", "not base64!", "data:image/png;base64,AAAA"])
def test_an_icon_that_is_none_is_refused(alice, icon):
    assert "userInfo.icon" in alice.is_denied("bad_request", "updateUserInfo", userInfo={"icon": icon})["message"]


def test_what_is_acknowledged_survives_kill_9(broker, alice, bob):
    alice.asks("getUserInfo")
    with HeldStore(broker):
        alice.publishes("rpc/setStatus/1", {"text": "one"})
        alice.publishes("rpc/setStatus/2", {"text": "two"})
        broker.kill9()
    broker.start()
    bob.returns()
    bob.asks_until(lambda: bob.asks("getUserInfo", userID="alice")["userInfo"].get("status") == "two", "the later status")


@pytest.mark.parametrize("operation, arguments", [("setStatus", {"text": "two"}), ("addAsFavorite", {"favoriteID": "bob"})])
def test_also_of_somebody_whom_the_store_does_not_know_yet(broker, bob, operation, arguments):
    bob.asks("getUserInfo")
    with HeldStore(broker):
        alice = broker.person("alice")
        alice.publishes(f"rpc/{operation}/1", arguments)
        broker.kill9()
    broker.start()
    bob.returns()
    if operation == "setStatus":
        assert bob.asks_until(lambda: "error" not in json.loads(raw_answer(bob, "getUserInfo", userID="alice")), "that alice is known")
        assert bob.asks_until(lambda: bob.asks("getUserInfo", userID="alice")["userInfo"].get("status"), "a status") == "two"
    alice.returns()
    if operation == "addAsFavorite":
        assert alice.asks_until(lambda: alice.asks("getFavorites")["favoriteIDs"], "the favorite") == ["bob"]


def test_a_change_of_who_has_just_come_waits_for_the_store_to_know_him(broker, bob):
    bob.asks("getUserInfo")
    with HeldStore(broker):
        alice = broker.person("alice")
        alice.publishes("rpc/setStatus/1", {"text": "one"})
        time.sleep(1)
    answer, _ = alice.until(lambda: alice.replies.get("1"), "the answer")
    assert "result" in answer, answer


@pytest.mark.sqlite
def test_a_change_that_a_damaged_store_cannot_take_is_given_up_and_others_go_on(broker, alice, bob):
    bob.asks("getUserInfo")
    alice.asks("addAsFavorite", favoriteID="bob")
    broker.stop()
    broker.damages("favorite")
    broker.start()
    alice.returns()
    alice.publishes("rpc/removeFavorite/r1", {"favoriteID": "bob"})
    alice.publishes("rpc/setStatus/s1", {"text": "here"})
    assert "error" in alice.until(lambda: alice.replies.get("r1"), "an error")[0]
    assert "result" in alice.until(lambda: alice.replies.get("s1"), "the answer of what came behind it")[0]
    assert b"removeFavorite" in broker.journal.with_name("journal.quarantine").read_bytes()
    broker.restart()
    alice.returns()
    assert alice.asks("getUserInfo")["userInfo"]["status"] == "here"


@pytest.mark.sqlite
@pytest.mark.parametrize("table", ["device", "block"])
def test_who_waits_for_what_a_damaged_store_cannot_tell_is_spoken_of_in_the_log(idle_broker, table):
    """Once, however many wait and however often it is tried."""
    broker = shows_its_numbers(idle_broker).start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.chat_with(bob)
    broker.stop()
    broker.damages(table)
    broker.start()
    administrator = Administrator(broker)
    alice.returns()
    bob.returns()
    broker.has_logged("the store is damaged, and some users wait")
    administrator.until(lambda numbers: numbers["store_read_failures_total/corrupt"] >= 6, "tries of both, again and again")
    assert broker.log_text().count("the store is damaged") == 1


@pytest.mark.sqlite
def test_while_the_store_is_held_up_a_change_waits(broker, alice):
    alice.asks("getUserInfo")
    with HeldStore(broker):
        alice.publishes("rpc/setStatus/1", {"text": "one"})
        assert "1" not in alice.is_up_to_date().replies
    answer, _ = alice.until(lambda: alice.replies.get("1"), "the answer")
    assert "result" in answer
    assert alice.asks("getUserInfo")["userInfo"]["status"] == "one"


# ---- favorites ----

def test_a_favorite_comes_with_the_chat(alice, bob):
    chat = alice.asks("addAsFavorite", favoriteID="bob")["chatID"]
    assert alice.asks("getFavorites")["favoriteIDs"] == ["bob"]
    bob.sees(type="memberAdded", chatID=chat)
    assert bob.asks("getFavorites")["favoriteIDs"] == []
    assert alice.chat_with(bob) == chat
    alice.asks("removeFavorite", favoriteID="bob")
    assert alice.asks("getFavorites")["favoriteIDs"] == []


def test_a_favorite_nobody_has_ever_heard_of_is_refused(alice):
    alice.is_denied("forbidden", "addAsFavorite", favoriteID="nobody")
    assert alice.asks("getFavorites")["favoriteIDs"] == []


def test_a_favorite_survives_kill_9_with_its_chat(broker, alice, bob):
    bob.asks("getUserInfo")  # the store has him
    with HeldStore(broker):
        alice.publishes("rpc/addAsFavorite/1", {"favoriteID": "bob"})
        broker.kill9()
    broker.start()
    alice.returns()
    assert alice.asks_until(lambda: alice.asks("getFavorites")["favoriteIDs"], "the favorite") == ["bob"]
    alice.sees(type="memberAdded", transactionID=1)


# ---- finding people ----

def test_who_knows_the_shared_id_finds(alice, bob, carol):
    alice.asks("setSharedID", sharedID="Alice 77")
    assert bob.asks("findUser", sharedID="Alice 77")["userID"] == "alice"
    carol.is_denied("conflict", "setSharedID", sharedID="Alice 77")
    bob.is_denied("forbidden", "findUser", sharedID="alice 77")


def test_an_invitation_tells_who_invites_once(broker, alice, bob, carol):
    link = alice.asks("getInvitationLink", id="inv")["invitationLink"]
    assert link.startswith("hyperchat:invite/")
    assert alice.asks("getInvitationLink", id="inv")["invitationLink"] == link
    assert bob.asks("retrieveUserIDFromInvitation", invitationLink=link)["userID"] == "alice"
    carol.is_denied("forbidden", "retrieveUserIDFromInvitation", invitationLink=link)
    for person in (alice, bob):
        person.leaves()
    assert link[-22:].encode() not in b"".join(path.read_bytes() for path in broker.directory.glob("chat.db*")), "only its hash is stored"


def test_the_operator_says_what_a_link_begins_with(idle_broker):
    idle_broker.options["invitation_url"] = "https://chat.example/invite#"
    alice = idle_broker.start().person("alice")
    assert alice.asks("getInvitationLink")["invitationLink"].startswith("https://chat.example/invite#")


def test_a_revoked_invitation_is_over(alice, bob):
    link = alice.asks("getInvitationLink", uses=5)["invitationLink"]
    alice.asks("revokeInvitation", invitationLink=link)
    bob.is_denied("forbidden", "retrieveUserIDFromInvitation", invitationLink=link)


def test_a_revoked_link_does_not_come_to_life_when_a_client_counts_its_ids_from_one_again(broker, alice, bob):
    link = alice.asks("getInvitationLink", id="1", uses=5)["invitationLink"]
    alice.asks("revokeInvitation")
    alice.is_denied("id_reused", "getInvitationLink", id="1")
    broker.restart()
    alice.returns()
    bob.returns()
    alice.is_denied("id_reused", "getInvitationLink", id="1")
    bob.is_denied("forbidden", "retrieveUserIDFromInvitation", invitationLink=link)


# ---- what nobody learns ----

def test_nobody_and_who_has_blocked_one_answer_alike_byte_for_byte(broker, alice, bob, carol):
    alice.asks("setSharedID", sharedID="x")
    link = alice.asks("getInvitationLink", uses=5)["invitationLink"]
    unknown = "hyperchat:invite/" + "A" * 22
    alice.asks("blockUser", blockID="bob")
    assert raw_answer(bob, "getUserInfo", userID="alice") == raw_answer(bob, "getUserInfo", userID="nobody")
    assert raw_answer(bob, "findUser", sharedID="x") == raw_answer(bob, "findUser", sharedID="y")
    assert raw_answer(bob, "retrieveUserIDFromInvitation", invitationLink=link) == \
        raw_answer(bob, "retrieveUserIDFromInvitation", invitationLink=unknown)
    assert raw_answer(bob, "addAsFavorite", favoriteID="alice") == raw_answer(bob, "addAsFavorite", favoriteID="nobody")
    assert raw_answer(bob, "createPeerToPeerChat", receiverUserID="alice") == raw_answer(bob, "createPeerToPeerChat", receiverUserID="nobody")
    assert raw_answer(bob, "blockUser", blockID="alice") == raw_answer(bob, "blockUser", blockID="nobody")
    assert carol.asks("findUser", sharedID="x")["userID"] == "alice"


@pytest.mark.skipif(bool(brokers.sanitizer()), reason="times mean nothing with a sanitizer")
def test_nobody_and_who_has_blocked_one_answer_in_the_same_time(idle_broker):
    """Medians of many, taken in turns, on a machine that does other things: what answers without looking would be far off."""
    idle_broker.set_limits(calls_per_second=1000000)
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.asks("blockUser", blockID="bob")
    times = {"alice": [], "nobody": []}
    for _ in range(300):
        for name in random.sample(list(times), 2):  # in no order: the broker's rounds can favour every other packet
            start = time.perf_counter()
            bob.is_denied("forbidden", "getUserInfo", userID=name)
            times[name].append(time.perf_counter() - start)
    blocked, missing = statistics.median(times["alice"]), statistics.median(times["nobody"])
    assert 0.6 < blocked / missing < 1.7, (blocked, missing)


def test_looking_for_people_is_bounded(idle_broker):
    idle_broker.set_limits(new_contacts_per_hour=3)
    alice = idle_broker.start().person("alice")
    for i in range(3):
        alice.is_denied("forbidden", "findUser", sharedID=f"guess{i}")
    error = alice.is_denied("rate_limited", "findUser", sharedID="guess4")
    assert 0 < error["retryAfter"] <= 3600 * 1000
    alice.is_denied("rate_limited", "getInvitationLink")
    alice.returns()
    alice.is_denied("rate_limited", "setSharedID", sharedID="x")


def test_strangers_whom_one_adds_to_groups_are_new_contacts(idle_broker):
    idle_broker.set_limits(new_contacts_per_hour=4)
    broker = idle_broker.start()
    alice, *others = [broker.person(name) for name in ("alice", "bob", "carol", "dave", "erin")]
    alice.chat_with(others[0])                            # one contact
    group = alice.makes_group("g", "bob")                 # the group is another; bob is known
    alice.adds("carol", "dave", to=group)                 # two strangers
    assert 0 < alice.is_denied("rate_limited", "addUserToGroup", groupID=group, userIDs=["erin"])["retryAfter"] <= 3600 * 1000
    alice.is_denied("rate_limited", "createGroupChat", groupName="h", friendIDs=["erin"])
    alice.sends("hi", to="erin", id="a1")
    alice.is_refused("rate_limited", "a1")
    alice.says("the others go on", chat=group)
    alice.asks("setRole", groupID=group, userID="bob", role="admin")
    others[0].adds("erin", to=group)


def test_whoever_guesses_members_for_a_group_pays_for_it(idle_broker):
    idle_broker.set_limits(new_contacts_per_hour=4)
    alice = idle_broker.start().person("alice")
    group = alice.makes_group("g")
    alice.is_denied("forbidden", "addUserToGroup", groupID=group, userIDs=["guess1", "guess2", "guess3"])
    alice.is_denied("rate_limited", "addUserToGroup", groupID=group, userIDs=["guess4"])


def test_who_is_in_as_many_chats_as_he_may_is_not_added_to_another(idle_broker):
    idle_broker.set_limits(chats_max=2)
    broker = idle_broker.start()
    alice, bob, carol = [broker.person(name) for name in ("alice", "bob", "carol")]
    for _ in range(2):
        carol.makes_group("full", "bob")
    group = alice.makes_group("one more")
    for _ in range(2):
        assert alice.is_denied("forbidden", "addUserToGroup", groupID=group, userIDs=["bob"]) == \
            alice.is_denied("forbidden", "addUserToGroup", groupID=group, userIDs=["nobody"])
        alice.is_denied("forbidden", "createGroupChat", groupName="another", friendIDs=["bob"])
        broker.restart()
        alice.returns()
    bob.returns()
    bob.asks("leaveGroup", groupID=bob.asks("ListChats")["chats"][0]["chatID"])
    alice.adds("bob", to=group)


def test_chats_that_somebody_has_left_make_room_for_others_also_when_he_comes_again(idle_broker):
    idle_broker.set_limits(chats_max=2)
    alice = idle_broker.start().person("alice")
    for number in range(3):
        alice.asks("leaveGroup", groupID=alice.makes_group(f"g{number}"))
    group = alice.makes_group("stays")
    alice.returns()
    alice.says("it is known where she begins", chat=group)
    alice.makes_group("one more")
    alice.is_denied("forbidden", "createGroupChat", groupName="one too many", friendIDs=[])


def test_no_operation_lists_users(alice, bob, carol):
    """What a stranger can call without arguments tells of nobody."""
    for operation in set(carol.asks("getServerInfo")["features"]) - {"deleteAccount"}:
        answer = raw_answer(carol, operation)
        assert b"alice" not in answer and b"bob" not in answer, (operation, json.loads(answer))


def test_people_works_on_mqtt_5_with_a_response_topic(broker, bob):
    client = broker.client("alice/phone", "alice", version=mqtt.V5)
    client.subscribe("hc/me/reply/#")
    client.publish_acked("hc/rpc/addAsFavorite", json.dumps({"favoriteID": "bob"}), props={"response_topic": "hc/me/reply/mine"})
    assert "chatID" in json.loads(client.next_message("hc/me/reply/mine").payload)["result"]

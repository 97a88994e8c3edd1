# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Who is there: told to those who watch and may, and to nobody else."""
import time

import mqtt
import pytest
import schemas


def watches(person, *others):
    return [user["online"] for user in person.asks("watchPresence", userIDs=list(others))["users"]]


def presences(person):
    return [(event["userID"], event["online"]) for event in person.live if event["type"] == "presence"]


def test_who_comes_is_told_at_once_and_who_goes_after_a_while(broker, alice, chat):
    bob = broker.people[1]
    bob.leaves()
    assert watches(alice, "bob") == [True], "he went a moment ago"
    alice.until(lambda: presences(alice) == [("bob", False)], "that bob is gone")
    assert alice.live[-1]["lastSeen"] > 0
    bob.connects()
    alice.until(lambda: presences(alice) == [("bob", False), ("bob", True)], "that bob is there")


def test_a_connection_that_comes_back_within_10_s_is_not_told(alice, bob, chat):
    assert watches(alice, "bob") == [True]
    for _ in range(3):
        bob.leaves()
        bob.connects()
    bob.is_cut_off()
    bob.connects()
    assert presences(alice.is_up_to_date()) == []


def test_one_of_two_connections_is_enough(alice, bob, chat):
    laptop = bob.on("laptop")
    assert watches(alice, "bob") == [True]
    bob.leaves()
    time.sleep(12)
    assert presences(alice.is_up_to_date()) == []
    assert watches(alice, "bob") == [True]
    laptop.leaves()


def test_strangers_hidden_blocked_and_nobody_look_alike(alice, bob, carol, chat):
    def seen(user):
        answer = alice.asks("watchPresence", userIDs=[user])["users"][0]
        assert answer.pop("userID") == user
        return answer
    assert seen("bob") == {"online": True}
    assert seen("nobody") == seen("carol") == {"online": False}
    bob.asks("setPresence", showOnline=False, showLastSeen=False)
    assert seen("bob") == {"online": False}
    bob.asks("setPresence", showOnline=True)
    assert seen("bob") == {"online": True}
    bob.asks("blockUser", blockID="alice")
    assert seen("bob") == {"online": False}
    assert watches(bob, "alice") == [False], "nor does he see her"


def test_a_block_ends_watching_at_once(alice, bob, chat):
    watches(alice, "bob")
    watches(bob, "alice")
    alice.asks("blockUser", blockID="bob")
    alice.until(lambda: presences(alice) == [("bob", False)], "that bob is not seen any more")
    bob.until(lambda: presences(bob) == [("alice", False)], "that alice is not seen any more")
    alice.asks("setPresence", showOnline=False)
    alice.asks("setPresence", showOnline=True)
    assert presences(bob.is_up_to_date()) == [("alice", False)]


def test_who_shares_no_chat_any_more_is_not_watched_any_more(alice, bob, carol):
    for person in (bob, carol):
        person.asks("getUserInfo")
    group = alice.asks("createGroupChat", groupName="g", friendIDs=["bob", "carol"])["chatID"]
    other = alice.asks("createGroupChat", groupName="h", friendIDs=["carol"])["chatID"]
    carol.sees(type="memberAdded", chatID=other)
    assert watches(alice, "bob", "carol") == [True, True]
    assert watches(bob, "alice", "carol") == [True, True]
    alice.asks("removeUser", groupID=group, userID="bob")
    alice.until(lambda: presences(alice) == [("bob", False)], "that bob is not seen any more")
    bob.until(lambda: sorted(presences(bob)) == [("alice", False), ("carol", False)], "that bob sees nobody any more")
    carol.asks("leaveGroup", groupID=group)
    carol.asks("setPresence", showOnline=False)
    alice.until(lambda: ("carol", False) in presences(alice), "that carol hides: they share the other group")


def test_hiding_is_told_and_so_is_showing(alice, bob, chat):
    watches(alice, "bob")
    bob.asks("setPresence", showOnline=False)
    alice.until(lambda: presences(alice) == [("bob", False)], "that bob hides")
    bob.asks("setPresence", showOnline=True)
    alice.until(lambda: presences(alice) == [("bob", False), ("bob", True)], "that bob shows himself")
    assert alice.asks("getUserInfo")["userInfo"]["showOnline"] is True


def test_who_toggles_what_he_shows_is_told_once_a_second_and_how_it_ends(alice, bob, chat):
    assert watches(alice, "bob") == [True]
    begun = time.monotonic()
    for i in range(31):
        bob.asks("setPresence", showOnline=bool(i % 2))
    time.sleep(1.2)
    alice.is_up_to_date()
    assert presences(alice)[-1] == ("bob", False)
    assert len(presences(alice)) <= 1 + time.monotonic() - begun


def test_more_watchers_than_a_tick_tells_are_told_all_the_same(idle_broker):
    idle_broker.set_limits(deliveries_per_tick=16)
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.chat_with(bob)
    desks = [broker.person("alice", f"desk{i}", subscribes=("hc/me/live", "hc/me/reply/#")) for i in range(40)]
    for desk in desks:
        assert watches(desk, "bob") == [True]
    bob.asks("setPresence", showOnline=False)
    for desk in desks:
        desk.until(lambda: presences(desk) == [("bob", False)], "that bob is gone")


def test_watching_others_ends_watching_the_first(alice, bob, carol, chat):
    alice.chat_with(carol)
    assert watches(alice, "bob", "carol") == [True, True]
    assert watches(alice, "carol") == [True]
    bob.asks("setPresence", showOnline=False)
    carol.asks("setPresence", showOnline=False)
    alice.until(lambda: presences(alice) == [("carol", False)], "that carol hides")


def test_no_more_than_200_are_watched(alice):
    alice.asks("watchPresence", userIDs=[f"user{i}" for i in range(200)])
    alice.is_denied("too_large", "watchPresence", userIDs=[f"user{i}" for i in range(201)])


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_last_seen_survives_a_restart(broker, alice, version):
    bob = broker.person("bob", version=version)
    alice.chat_with(bob)
    alice.is_up_to_date()
    bob.leaves()
    watches(alice, "bob")
    alice.until(lambda: presences(alice) == [("bob", False)], "that bob is gone")
    seen = alice.live[-1]["lastSeen"]
    broker.restart()
    alice.returns()
    user = alice.asks("watchPresence", userIDs=["bob"])["users"][0]
    assert user == {"userID": "bob", "online": False, "lastSeen": seen}


def test_who_is_connected_when_the_broker_stops_was_seen_then(broker, alice):
    crowd = [broker.person(f"guest{number}") for number in range(20)]
    for guest in crowd:
        alice.chat_with(guest)
    before = int(time.time() * 1000) - 1
    broker.restart()
    after = int(time.time() * 1000) + 1
    alice.returns()
    users = alice.asks("watchPresence", userIDs=[guest.name for guest in crowd])["users"]
    assert [user["online"] for user in users] == [False] * 20
    assert all(before <= user["lastSeen"] <= after for user in users)


def test_many_who_leave_at_once_are_told_at_once(broker, alice):
    """When they were seen last is stored a few a second, so that the store goes on taking messages; that they are gone is told without that."""
    crowd = [broker.person(f"guest{number}") for number in range(60)]
    alice.asks("createGroupChat", groupName="crowd", friendIDs=[guest.name for guest in crowd])
    assert watches(alice, *[guest.name for guest in crowd]) == [True] * 60
    for guest in crowd:
        guest.leaves()
    gone = time.monotonic()
    alice.until(lambda: len([e for e in alice.live if e["type"] == "presence"]) == 60, "everybody's leaving")
    assert time.monotonic() - gone < 12.5


def test_every_kind_of_line_on_live_is_what_the_schema_says(idle_broker):
    idle_broker.options["leeway"] = 0
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob", token=broker.token("bob", exp=int(time.time()) + 3))
    chat = alice.chat_with(bob)
    assert watches(alice, "bob") == [True]
    bob.reads(1, chat)
    bob.publishes(f"chat/{chat}/typing")
    bob.notices(type="tokenExpired")
    bob.client.is_closed()
    alice.notices(type="presence", online=False)
    bob.connect_options["token"] = broker.token("bob")
    bob.connects()
    alice.notices(type="presence", online=True)
    lines = alice.live + bob.live
    assert {line["type"] for line in lines} == {"receipt", "typing", "presence", "tokenExpires", "tokenExpired"}
    for line in lines:
        assert schemas.is_good("Live", line), line
        for name in line.keys() - {"lastSeen"}:
            assert not schemas.is_good("Live", {**line, name: None}), f"{name} of {line} may be anything"

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Who may be watched is read from the store, and that takes a while: what changes meanwhile counts."""
import time

import mongodb
import pytest
from test_presence import presences

pytestmark = pytest.mark.mongodb
ONE_BROKER = True

HELD_S = 2


@pytest.fixture
def network(idle_broker):
    base, _, database = idle_broker.store_uri.rpartition("/")
    network = mongodb.Network(mongodb.port_of(base))
    idle_broker.options["store"] = mongodb.uri_of(network.base, database)
    yield network
    idle_broker.stop()
    network.close()


@pytest.fixture
def broker(idle_broker, network):
    return idle_broker.start()


@pytest.fixture
def mallory(broker):
    mallory = broker.person("mallory")
    mallory.asks("getUserInfo")
    return mallory


class Watching:
    """Somebody asks to watch others; what the store says about them is on its way for two seconds, the first time or so often."""

    def __init__(self, network, person, *others, held=1):
        self.person, self.left, self.last = person, held, others[-1].encode()
        network.holds = self.holds
        self.id = person.starts("watchPresence", userIDs=list(others))
        person.asks_until(lambda: self.left < held, "that the store is asked for profiles")

    def holds(self, command, request):
        profiles = command == "find" and b"\x00users\x00" in request and b"\x10favorites\x00" in request and self.last in request
        if not profiles or self.left == 0:
            return 0
        self.left -= 1
        return HELD_S

    def is_under_way(self):
        self.person.client.ping()
        self.person.sort()
        return self.id not in self.person.replies

    def online(self):
        return [user["online"] for user in self.person.gets_answer("watchPresence", self.id)["users"]]


def goes_and_comes(person):
    """So that whoever watches him is told."""
    person.asks("setPresence", showOnline=False)
    person.asks("setPresence", showOnline=True)


def test_who_is_blocked_while_he_asks_to_watch_watches_nobody(network, alice, mallory):
    alice.chat_with(mallory)
    watching = Watching(network, mallory, "alice")
    alice.asks("blockUser", blockID="mallory")
    assert watching.is_under_way()
    assert watching.online() == [False]
    goes_and_comes(alice)
    assert presences(mallory.is_up_to_date()) == []


def test_who_hides_while_somebody_asks_to_watch_her_is_not_seen(network, alice, mallory):
    alice.chat_with(mallory)
    watching = Watching(network, mallory, "alice")
    alice.asks("setPresence", showOnline=False)
    assert watching.is_under_way()
    assert watching.online() == [False]
    alice.asks("setPresence", showOnline=False)
    assert presences(mallory.is_up_to_date()) == []


def test_who_leaves_the_last_chat_that_they_share_is_not_seen_by_those_who_asked_before(network, alice, mallory):
    group = alice.makes_group("club", mallory)
    watching = Watching(network, mallory, "alice")
    alice.asks("leaveGroup", groupID=group)
    assert watching.is_under_way()
    assert watching.online() == [False]
    goes_and_comes(alice)
    assert presences(mallory.is_up_to_date()) == []


def test_an_older_question_that_is_answered_later_does_not_take_the_place_of_the_newer_one(network, alice, bob, mallory):
    for person in (alice, bob):
        person.chat_with(mallory)
    watching = Watching(network, mallory, "alice")
    assert [user["online"] for user in mallory.asks("watchPresence", userIDs=["bob"])["users"]] == [True]
    assert watching.is_under_way()
    watching.online()
    goes_and_comes(alice)
    goes_and_comes(bob)
    mallory.until(lambda: presences(mallory) == [("bob", False), ("bob", True)], "that bob hides and comes again, and nothing of alice")


def test_who_changes_something_all_the_time_keeps_nobody_from_watching_others(network, alice, bob, mallory):
    for person in (alice, bob):
        person.chat_with(mallory)
    watching = Watching(network, mallory, "alice", "bob", held=10)
    while watching.is_under_way():
        goes_and_comes(alice)
        time.sleep(0.3)
    assert watching.online() == [False, True]
    assert 10 - watching.left == 4

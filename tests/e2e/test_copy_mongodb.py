# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A file that is moved to MongoDB, with the copy, or the database, killed in the midst of it; and back."""
import os
import subprocess
import time

import broker as brokers
import mongodb
import pytest

ONE_BROKER = True  # hyperchatctl does it all
pytestmark = [pytest.mark.mongodb, pytest.mark.skipif(os.environ.get("HC_STORE") != "mongodb", reason="copies into MongoDB: HC_STORE=mongodb")]

KILLS = 10


@pytest.fixture
def server():
    server = mongodb.Server(mongodb.free_port()).start()
    yield server
    server.remove()


@pytest.fixture
def network(server):
    network = mongodb.Network(server.port)
    yield network
    network.close()


@pytest.fixture
def target(network):
    return mongodb.uri_of(network.base, mongodb.new_database())


@pytest.fixture
def source(idle_broker):
    """A file with something of everything, its broker stopped."""
    broker = idle_broker
    broker.options |= {"store": f"sqlite:{broker.directory}/chat.db", "commands_burst": 100000}
    broker.start()
    alice, bob, carol = (broker.person(name) for name in ("alice", "bob", "carol"))
    alice.asks("updateUserInfo", userInfo={"name": "Alice", "icon": "iVBORw0KGgo="})
    group = alice.makes_group("Wanderlust", bob, carol)
    chat = alice.chat_with(bob)
    for i in range(300):
        alice.client.publish_acked(f"hc/chat/{chat if i % 3 else group}/text/m{i}", f"message {i}")
    number = alice.says("a mistake", chat=chat)["transactionID"]
    alice.edits(number, chat, "mended")
    gone = alice.says("a secret", chat=chat)["transactionID"]
    alice.deletes(gone, chat)
    bob.asks("blockUser", blockID="carol")
    alice.asks("addAsFavorite", favoriteID="bob")
    bob.reads(number, chat)
    carol.is_up_to_date()  # the broker cuts her off: nothing may stand in her way to the answer
    carol.asks("deleteAccount")
    for person in (alice, bob):
        person.is_up_to_date()
    broker.stop()
    broker.chats = (chat, group)
    return broker


class Copying:
    """hyperchatctl copy, while its answers from the database are counted: `writes` of them were of writes."""

    def __init__(self, network, source, target, happens=()):
        """happens: pairs of a number, and what happens in place of the answer of that write. The database has done what was asked."""
        self.writes, self.happens = 0, dict(happens)
        network.loses = self.answered
        self.process = subprocess.Popen([str(brokers.CTL), "copy", "--from", source, "--to", target], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def answered(self, command):
        self.writes += command in mongodb.WRITES
        happens = self.happens.pop(self.writes, None)
        if happens is not None:
            happens(self)
        return happens is not None

    def kill9(self):
        while not hasattr(self, "process"):  # the first write may come while it is being started
            time.sleep(0.001)
        self.process.kill()

    def ends(self):
        """Its exit code, and what it said."""
        said, _ = self.process.communicate(timeout=120)
        return self.process.returncode, said


def copies(network, source, target):
    """All of it; returns the number of writes that it took."""
    copying = Copying(network, source, target)
    code, said = copying.ends()
    assert code == 0 and "copied and compared" in said, said
    return copying.writes


def is_the_same(source, target):
    """Both say the same of their chats, and the copy is sound."""
    source.ctl("check", "--store", target)
    for chat in source.chats:
        assert source.ctl("export", "--store", target, "--chat", chat) == source.ctl("export", "--store", source.store_uri, "--chat", chat)


def is_copied_back(source, target):
    """Into a file, on which a broker goes on as if nothing had been."""
    back = f"sqlite:{source.directory}/back.db"
    assert "copied and compared" in source.ctl("copy", "--from", target, "--to", back)
    is_the_same(source, back)
    source.options["store"] = back
    source.start()
    alice, bob = source.person("alice"), source.person("bob")
    alice.says("back again", chat=source.chats[0])
    bob.hears("back again", chatID=source.chats[0])


def points(writes, count):
    """So many of them, all over, the first one and the last one among them."""
    return sorted({1 + (writes - 1) * i // (count - 1) for i in range(count)})


def test_a_copy_that_is_killed_again_and_again_goes_on_and_is_the_same(source, network, target):
    writes = copies(network, source.store_uri, mongodb.uri_of(network.base, mongodb.new_database()))
    killed = 0
    for point in points(writes, KILLS):
        code, said = Copying(network, source.store_uri, target, {point: Copying.kill9}).ends()
        if code == 0:
            break  # what is there is not written again, so there were fewer
        assert code == -9, said
        killed += 1
    else:
        code, said = Copying(network, source.store_uri, target).ends()
    assert killed >= KILLS // 2
    went_on = "going on with a copy that was interrupted" in said and "copied and compared" in said
    assert code == 0 and (went_on or "is a complete copy already" in said), said  # the last kill may have come behind the last write
    is_the_same(source, target)
    is_copied_back(source, target)


def test_a_database_that_is_killed_and_comes_back_does_not_end_a_copy(source, server, network, target):
    writes = copies(network, source.store_uri, mongodb.uri_of(network.base, mongodb.new_database()))
    during = points(writes, 5)[1:-1]  # what opens the store is not tried again
    code, said = Copying(network, source.store_uri, target, {point: lambda _: server.restart() for point in during}).ends()
    assert code == 0 and "copied and compared" in said, said
    is_the_same(source, target)


def test_a_database_that_stays_away_ends_a_copy_which_goes_on_later(source, server, network, target):
    writes = copies(network, source.store_uri, mongodb.uri_of(network.base, mongodb.new_database()))
    code, said = Copying(network, source.store_uri, target + "?serverSelectionTimeoutMS=1000", {writes // 2: lambda _: server.kill9()}).ends()
    assert code == 1 and "hyperchatctl copy: target: " in said, said
    server.start()
    code, said = Copying(network, source.store_uri, target).ends()
    assert code == 0 and "going on with a copy that was interrupted" in said and "copied and compared" in said, said
    is_the_same(source, target)

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Tokens that are revoked: of a user, of a device, by one broker or several, with a broker or without."""
import contextlib
import json
import sqlite3
import time

import broker as brokers
import mqtt
import pytest
from devices import devices_of, is_cut_off_soon, is_let_in, is_refused, is_told_and_cut_off, kid_of, lamp_token
from waiting import soon


# ---- revoking ----

def revokes(broker, user, *more):
    broker.ctl("revoke", "--store", broker.store_uri, "--user", user, *more)


def test_a_revoked_user_is_cut_off_and_his_tokens_are_refused(broker, alice, bob):
    laptop, old = alice.on("laptop"), broker.token("alice", ttl=7200)
    lamp = broker.person("alice", "lamp", token=lamp_token(alice))
    lamps = lamp.connect_options["token"]
    revokes(broker, "alice")
    for device in (alice, laptop, lamp):
        is_told_and_cut_off(device)
    assert is_refused(broker, old, "alice/phone") and is_refused(broker, lamps)
    assert is_refused(broker, broker.token("alice", iat=None), "alice/phone"), "a token that does not say when it was issued"
    bob.is_up_to_date()
    soon(lambda: is_let_in(broker, broker.token("alice"), "alice/phone"), "a fresh token is refused", within=1.2)
    assert not is_let_in(broker, old, "alice/phone")
    broker.restart()
    assert is_refused(broker, old, "alice/phone") and is_refused(broker, lamps)
    assert is_let_in(broker, broker.token("alice"), "alice/phone")


def test_who_is_banned_in_the_store_is_let_in_again_there_with_a_broker_or_without(broker, alice, bob):
    at_the_store = ("--store", broker.store_uri, "--user", "alice")
    broker.ctl("ban", *at_the_store)
    is_told_and_cut_off(alice)
    assert is_refused(broker, broker.token("alice", iat=int(time.time()) + 2), "alice/phone")
    broker.stop()
    broker.ctl("unban", *at_the_store)
    with pytest.raises(AssertionError, match="alice is not banned"):
        broker.ctl("unban", *at_the_store)
    broker.start()
    soon(lambda: is_let_in(broker, broker.token("alice"), "alice/phone"), "he stays banned")
    broker.ctl("ban", *at_the_store)
    soon(lambda: not is_let_in(broker, broker.token("alice"), "alice/phone"), "he is not banned again")
    broker.ctl("unban", *at_the_store)
    soon(lambda: is_let_in(broker, broker.token("alice"), "alice/phone"), "he stays banned while the broker runs")
    acts = [json.loads(line) for line in broker.ctl("audit", "list", "--store", broker.store_uri, "--json").splitlines()]
    assert [(act["command"], act["result"]) for act in acts[::-1] if act["subject"] == "alice"] == [
        ("ban", "ok"), ("unban", "ok"), ("unban", "alice is not banned"), ("ban", "ok"), ("unban", "ok")]


def test_what_was_issued_in_the_second_of_the_revocation_counts_as_before_it(broker, alice):
    """To the second is all that a token says; so the moment is put early into one, and both sides of it are tried."""
    time.sleep(1.1 - time.time() % 1)
    second = int(time.time())
    before = broker.token("alice", iat=second)
    revokes(broker, "alice")
    assert int(time.time()) == second, "the tool was too slow to show it"
    is_told_and_cut_off(alice)
    assert is_refused(broker, before, "alice/phone")
    assert is_refused(broker, broker.token("alice", iat=second, exp=second + 77), "alice/phone"), "issued behind it, and it does not say so"
    assert is_let_in(broker, broker.token("alice", iat=second + 1), "alice/phone"), "of the next second"


def test_a_renewed_connection_is_as_old_as_its_newest_token(broker, alice):
    carol = broker.person("carol", token=broker.token("carol", iat=int(time.time()) - 10))
    time.sleep(1.1)
    alice.is_up_to_date()
    revokes(broker, "carol")
    is_told_and_cut_off(carol)
    soon(lambda: is_let_in(broker, broker.token("carol"), "carol/phone"), "a fresh token is refused")
    carol = broker.person("carol")
    carol.is_denied("forbidden", "renewToken", token=broker.token("carol", iat=int(time.time()) - 10))
    carol.is_up_to_date()


def test_the_tokens_of_one_device_are_revoked(broker, alice):
    lamp, door = (broker.person("alice", device, token=lamp_token(alice, device)) for device in ("lamp", "door"))
    same = alice.on("tablet")
    revokes(broker, "alice", "--device", "lamp")
    is_told_and_cut_off(lamp)
    revokes(broker, "alice", "--device", "tablet")
    time.sleep(1.2)
    for device in (alice, door, same):
        device.is_up_to_date()
    assert is_refused(broker, lamp.connect_options["token"])


def test_a_revocation_while_no_broker_runs_counts_when_one_does(broker, alice):
    old, token = broker.token("alice"), lamp_token(alice)
    broker.stop()
    revokes(broker, "alice")
    broker.start()
    assert is_refused(broker, old, "alice/phone") and is_refused(broker, token)


def test_who_logs_in_all_the_time_gets_in_by_nothing_old(broker):
    """Logins race with the revocation: once it is in force, none of them is let in, and none that was let in stays."""
    old = broker.token("alice", iat=int(time.time()) - 5)
    clients, done = [], time.monotonic() + 2.5
    told = False
    while time.monotonic() < done:
        if not told and time.monotonic() > done - 1.8:
            revokes(broker, "alice")
            told = True
        try:
            clients.append(mqtt.Client(broker.port, f"c{len(clients)}", username="alice", password=old))
        except (mqtt.Refused, mqtt.Closed):
            time.sleep(0.02)
    assert clients
    for client in clients:
        client.is_closed()
    assert is_refused(broker, old, "alice/phone")


@pytest.mark.parametrize("arguments", [["--user", "a/b"], ["--user", ""], ["--user", "alice", "--device", "a/b"], []])
def test_the_tool_refuses_what_names_nobody(broker, arguments):
    with pytest.raises(AssertionError, match="ended with 2"):
        broker.ctl("revoke", "--store", broker.store_uri, *arguments)


@pytest.mark.sqlite
def test_what_was_missed_is_read_again_with_sighup(broker, alice):
    """A notice may be missed by a broker that could not reach its store for long; once an hour it goes without SIGHUP."""
    store = sqlite3.connect(broker.store)
    store.execute("INSERT INTO revocation VALUES ('alice', ?)", (int(time.time() * 1000) + 1000,))
    store.commit()
    store.close()
    broker.reload()
    is_told_and_cut_off(alice)


@pytest.mark.sqlite
@pytest.mark.parametrize("kind, at", [("banned", 0), ("revoked", 253370764799000)], ids=["a ban", "a ban by an older hyperchatctl"])
def test_a_ban_that_is_told_behind_its_end_keeps_nobody_out_for_long(broker, alice, kind, at):
    def tell():
        store = sqlite3.connect(broker.store)
        store.execute("INSERT INTO notice (kind, subject, writer, at) VALUES (?, 'alice', 'hyperchatctl', ?)", (kind, at or int(time.time() * 1000)))
        store.commit()
        store.close()
    tell()
    try:
        is_cut_off_soon(alice)
    except AssertionError:  # upkeep, which takes away what is years ahead, came before the broker could read it
        tell()
        is_cut_off_soon(alice)
    soon(lambda: is_let_in(broker, broker.token("alice"), "alice/phone"), "he stays banned")


def is_stored_soon(store, user):
    """Who has come is, a moment later."""
    deadline = time.monotonic() + mqtt.PATIENCE
    while store.execute("SELECT created_at FROM user WHERE name = ?", (user,)).fetchone() in (None, (None,)):
        assert time.monotonic() < deadline, f"{user} is not stored"
        time.sleep(0.02)


@pytest.mark.sqlite
def test_deletions_of_accounts_that_were_missed_are_read_again_as_well(broker, alice, bob):
    deleted = [("bob", 1), ("carol", 0)]  # bob's texts are being erased elsewhere; carol's were
    carol = broker.person("carol")
    stamp = int(time.time() * 1000) + 1000
    with contextlib.closing(sqlite3.connect(broker.store)) as store:
        for user, erasing in deleted:
            is_stored_soon(store, user)
            store.execute("UPDATE user SET created_at = NULL, deleted_at = ?, erasing = ? WHERE name = ?", (stamp, erasing, user))
        store.commit()
    broker.reload()
    is_cut_off_soon(bob)
    is_cut_off_soon(carol)
    later = int(stamp / 1000) + 1
    while time.time() < later:
        time.sleep(0.05)
    assert is_refused(broker, broker.token("bob"), "bob/phone", "bob")
    carol.connects()
    alice.is_up_to_date()


@pytest.mark.sqlite
def test_the_tool_and_the_broker_use_one_file_at_once(broker, alice, bob, chat):
    """While messages are written, the tool writes beside them: neither loses anything, and the file is sound."""
    for number in range(30):
        alice.sends(f"m{number}", chat=chat)
        if number % 3 == 0:
            revokes(broker, f"nobody{number}")
    bob.hears("m29")
    assert bob.heard(chat) == [f"m{number}" for number in range(30)]
    broker.stop()
    broker.ctl("check", "--store", broker.store_uri)
    with sqlite3.connect(broker.store) as store:
        assert store.execute("SELECT count(*) FROM revocation").fetchone()[0] == 10


# ---- several brokers ----

@pytest.fixture
def north(idle_broker):
    idle_broker.options |= {"writer": "north"}
    return idle_broker.start()


@pytest.fixture
def south(north, tmp_path):
    directory = tmp_path / "south"
    directory.mkdir()
    broker = brokers.Broker(north.version, directory, store=north.options["store"], writer="south")
    broker.issuer, broker.options["keys"] = north.issuer, north.keys
    yield broker.start()
    broker.end_whatever()


@pytest.mark.mongodb
def test_a_token_of_one_broker_counts_at_the_other(north, south):
    alice = north.person("alice")
    token = lamp_token(alice)
    soon(lambda: is_let_in(south, token), "its key is not known there")


@pytest.mark.mongodb
def test_a_device_that_is_removed_here_is_cut_off_there(north, south):
    alice = north.person("alice")
    token = lamp_token(alice)
    soon(lambda: is_let_in(south, token), "its key is not known there")
    lamp, laptop = south.person("alice", "lamp", token=token), south.person("alice", "laptop")
    laptop.is_up_to_date()
    for device in (lamp, laptop):
        alice.asks("removeDevice", deviceID=device.device)
        is_told_and_cut_off(device)
    assert is_refused(south, token) and is_refused(north, token)
    soon(lambda: list(devices_of(alice)) == ["phone"], "what was on its way there made it anew")
    laptop.connects()
    laptop.is_up_to_date()


@pytest.mark.mongodb
def test_a_user_who_is_revoked_is_cut_off_everywhere(north, south):
    alice, laptop, bob = north.person("alice"), south.person("alice", "laptop"), south.person("bob")
    old = north.token("alice")
    revokes(north, "alice")
    for device in (alice, laptop):
        is_told_and_cut_off(device)
    assert is_refused(north, old, "alice/phone") and is_refused(south, old, "alice/phone")
    bob.is_up_to_date()
    soon(lambda: is_let_in(south, south.token("alice"), "alice/laptop"), "a fresh token is refused")


@pytest.mark.mongodb
def test_a_key_that_is_dropped_counts_nowhere(north, south):
    alice = north.person("alice")
    token = lamp_token(alice)
    soon(lambda: is_let_in(south, token), "its key is not known there")
    lamp = south.person("alice", "lamp", token=token)
    north.ctl("device-keys", "drop", "--store", north.store_uri, f"--kid={kid_of(token)}")
    is_told_and_cut_off(lamp)
    soon(lambda: not is_let_in(north, token) and not is_let_in(south, token), "the key still counts")

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A wrong configuration stops the start: one line says what is wrong and what to do."""
import re

import pytest

pytestmark = pytest.mark.host


def complaint(broker, *words):
    """The start fails and one line of the plugin's has all the words."""
    said = broker.fails_to_start()
    for line in said.splitlines():
        if all(re.search(word, line) for word in words):
            return line
    raise AssertionError(f"no line says {words}:\n{said}")


@pytest.mark.parametrize("name, value, words", [
    ("body_mx", "1", ("plugin_opt_body_mx", "no such option")),
    ("outside", "maybe", ("plugin_opt_outside", "defer, allow, deny")),
    ("leeway", "soon", ("plugin_opt_leeway", "0 to 300")),
    ("readers", "0", ("plugin_opt_readers", "1 to 32")),
    ("journal_size", "1", ("plugin_opt_journal_size", "bytes")),
    ("prefix", "a/b", ("plugin_opt_prefix", "letters")),
    ("keys", None, ("plugin_opt_keys", "missing")),
    ("issuer", None, ("plugin_opt_issuer", "missing")),
    ("audience", None, ("plugin_opt_audience", "missing")),
    ("oidc", "http://login.example.com", ("plugin_opt_oidc", "no https address")),
    ("oidc", "https://issuer.example", ("plugin_opt_oidc", "stands twice")),
    ("issuers_file", "/nowhere/issuers.json", ("plugin_opt_issuers_file", "No such file")),
    ("store", "oracle:x", ("store", "oracle|sqlite")),
    ("limits_file", "/nowhere/limits", ("plugin_opt_limits_file", "No such file")),
])
def test_a_wrong_option_is_named(idle_broker, name, value, words):
    idle_broker.options[name] = value
    complaint(idle_broker, *words)


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AA"}]}', "-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----\n"])
def test_an_unusable_key_set_is_named(idle_broker, content):
    if content is None:
        idle_broker.keys.unlink()
    else:
        idle_broker.keys.write_text(content)
    complaint(idle_broker, "keys", re.escape(str(idle_broker.keys)))


@pytest.mark.sqlite
def test_an_unwritable_store_is_named(idle_broker):
    (idle_broker.directory / "file").write_text("")
    idle_broker.options["store"] = f"sqlite:{idle_broker.directory}/file/chat.db"
    complaint(idle_broker, "store|sqlite|chat.db")


@pytest.mark.sqlite
def test_a_file_that_is_no_store_is_named_and_left_alone(idle_broker):
    idle_broker.store.write_text("my diary" * 200)
    complaint(idle_broker, "store|sqlite|chat.db")
    assert idle_broker.store.read_text() == "my diary" * 200


def test_an_unwritable_journal_is_named(idle_broker):
    idle_broker.options["journal"] = idle_broker.directory / "nowhere" / "journal"
    complaint(idle_broker, "journal")


def test_a_file_that_is_no_journal_is_named_and_left_alone(idle_broker):
    idle_broker.journal.write_text("my diary" * 200)
    complaint(idle_broker, "journal")
    assert idle_broker.journal.read_text() == "my diary" * 200


def test_plugins_of_a_single_listener_are_refused_on_2_0(idle_broker):
    idle_broker.top_lines = ["per_listener_settings true"]
    if idle_broker.version.startswith("2.1"):
        pytest.skip("2.1 ticks plugins of a single listener as well")
    complaint(idle_broker, "per_listener_settings")


def test_a_mount_point_is_refused(idle_broker):
    idle_broker.listener_lines = ["mount_point rooms/"]
    complaint(idle_broker, "mount_point")


def test_two_of_it_are_refused(idle_broker):
    """A second plugin line with the same store would write twice."""
    again = "\n".join([f"plugin {idle_broker.plugin}", *[f"plugin_opt_{n} {v}" for n, v in idle_broker.options.items()]])
    idle_broker.listener_lines = [again]
    idle_broker.fails_to_start()


@pytest.mark.sqlite
def test_a_second_broker_on_the_same_store_is_refused(broker, tmp_path):
    import broker as brokers
    other_directory = tmp_path / "other"
    other_directory.mkdir()
    other = brokers.Broker(broker.version, other_directory, store=f"sqlite:{broker.store}", journal=broker.journal)
    other.fails_to_start()
    broker.person("alice").is_up_to_date()


def test_it_says_at_start_what_runs(broker):
    assert re.search(r"(?i)hyperchat.*\d+\.\d+", broker.log_text())


def test_it_says_at_start_where_store_and_journal_are(broker):
    assert f"hyperchat: the store is sqlite:{broker.store}, the journal {broker.journal}\n" in broker.log_text()


def test_it_starts_and_stops_cleanly_many_times(idle_broker):
    for _ in range(5):
        idle_broker.start().stop()


def test_it_stops_cleanly_while_chats_are_being_loaded(idle_broker):
    """Receipts for chats that are not in memory: each has to be loaded first, and some come back when there is no next tick any more."""
    count = 200
    idle_broker.set_limits(commands_per_second=10000, commands_burst=10000, new_contacts_per_hour=1000000)
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chats = [alice.makes_group("team", bob) for _ in range(count)]
    for _ in range(3):
        broker.restart()
        alice.connects()
        for chat in chats:
            alice.client.publish(f"hc/chat/{chat}/received/1", "", qos=0)
        alice.client.ping()
        broker.stop()
        broker.start()


@pytest.mark.parametrize("doorbell", ["auto", "signal"])
def test_both_doorbells_wake_the_broker(idle_broker, doorbell):
    idle_broker.options["doorbell"] = doorbell
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    for i in range(20):
        alice.says(f"{i}", to=bob)
    bob.hears("19")


def test_a_memory_store_works_and_forgets(idle_broker):
    idle_broker.options["store"] = "memory:"
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.says("hi", to=bob)
    bob.hears("hi")

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A store that is not there when the broker starts: everybody is turned away, in a way that makes clients come again, until it answers."""
import contextlib
import os
import time

import mqtt
import pytest

pytestmark = [pytest.mark.mongodb, pytest.mark.skipif(os.environ.get("HC_STORE") != "mongodb", reason="a file is there: HC_STORE=mongodb")]

SERVER_UNAVAILABLE = 0x88


@pytest.fixture
def server():
    import mongodb
    server = mongodb.Server(mongodb.free_port())
    yield server
    server.remove()


def waits_for(server, broker, more="serverSelectionTimeoutMS=500&connectTimeoutMS=500&socketTimeoutMS=1000"):
    import mongodb
    broker.options["store"] = mongodb.uri_of(server.base, mongodb.new_database(), more)
    return broker


def is_turned_away(broker, version, user="alice"):
    """2.1 tells it to MQTT 5; all others are cut without an answer: a CONNACK would say that the token is wrong."""
    with pytest.raises((mqtt.Refused, mqtt.Closed)) as caught:
        broker.client(f"{user}/phone", user, version=version)
    if version == mqtt.V5 and broker.version == "2.1":
        assert caught.value.code == SERVER_UNAVAILABLE
    else:
        assert isinstance(caught.value, mqtt.Closed)


def is_let_in(broker, user):
    """As soon as the store answers."""
    deadline = time.monotonic() + mqtt.PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(mqtt.Refused, mqtt.Closed):
            broker.client(f"{user}/first", user).close()
            return
        time.sleep(0.1)
    raise AssertionError(f"{user} is never let in:\n{broker.all_output()[-2000:]}")


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_without_the_server_the_broker_starts_turns_people_away_and_recovers(idle_broker, server, version):
    idle_broker.anonymous = True
    broker = waits_for(server, idle_broker).start()
    is_turned_away(broker, version)
    stranger = broker.client("stranger")
    started = time.monotonic()
    stranger.ping()
    assert time.monotonic() - started < 0.5
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        broker.client("x/phone", username="x", password="not.a.token")
    server.start()
    is_let_in(broker, "alice")
    alice, bob = broker.person("alice"), broker.person("bob")
    bob.asks("ListChats")
    alice.says("hi", to=bob)
    bob.hears("hi")
    stranger.close()


def test_what_was_sent_before_a_restart_without_the_server_is_not_lost(idle_broker, server):
    server.start()
    broker = waits_for(server, idle_broker).start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    server.kill9()
    alice.sends("in the journal", chat=chat)
    broker.kill9()
    broker.start()
    is_turned_away(broker, mqtt.V311)
    broker.restart()  # also ends well, and keeps what it could not decide
    server.start()
    is_let_in(broker, "carol")
    bob.returns()
    bob.hears("in the journal")


def test_options_that_kafka_refuses_later_let_nobody_in(idle_broker, server):
    """What was in the journal has to be decided first; a broker that cannot begin must not take anything new before it."""
    server.start()
    broker = waits_for(server, idle_broker).start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    server.kill9()
    alice.sends("in the journal", chat=chat)
    broker.kill9()
    broker.options.update(kafka="127.0.0.1:9", kafka_security_protocol="ssl", kafka_ssl_ca_location="/nonexistent")
    broker.start()
    broker.expects_line("the broker has to be started again", server.start)
    is_turned_away(broker, mqtt.V311)
    broker.stop()
    for name in [name for name in broker.options if name.startswith("kafka")]:
        del broker.options[name]
    broker.start()
    bob.connects()
    bob.hears("in the journal")


def test_a_server_that_hangs_does_not_hold_up_the_start(idle_broker, server):
    server.start()
    server.is_paused()
    started = time.monotonic()
    broker = waits_for(server, idle_broker, more="").start()
    assert time.monotonic() - started < 6
    is_turned_away(broker, mqtt.V311)
    server.goes_on()
    is_let_in(broker, "alice")


def test_a_name_that_dns_does_not_know_is_told_at_start(idle_broker):
    idle_broker.options["store"] = "mongodb+srv://alice:hunter2@no.such.host.invalid/"
    started = time.monotonic()
    broker = idle_broker.start()
    assert time.monotonic() - started < 6
    is_turned_away(broker, mqtt.V311)
    assert '"_mongodb._tcp.no.such.host.invalid"' in broker.log_text() and "hunter2" not in broker.all_output()


def test_a_wrong_uri_stops_the_start(idle_broker):
    idle_broker.options["store"] = "mongodb:nonsense"
    assert "nonsense" not in idle_broker.fails_to_start(), "there may be a password in it"

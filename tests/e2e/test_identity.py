# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Who is connected: tokens, user names, client IDs, expiry, key changes."""
import contextlib
import json
import signal
import time

import mqtt
import pytest
import tokens

pytestmark = pytest.mark.host

VERSIONS = [mqtt.V311, mqtt.V5]


def refused(broker, client_id="alice/phone", **how):
    """The code of a CONNECT that must be refused."""
    with pytest.raises(mqtt.Refused) as caught:
        mqtt.Client(broker.port, client_id, **how)
    return caught.value.code


@pytest.mark.parametrize("version", VERSIONS)
def test_a_token_says_who_one_is(broker, version):
    alice = broker.person("alice", version=version)
    answer = alice.asks("getChatUserID")
    assert (answer["userID"], answer["deviceID"]) == ("alice", "phone")
    assert answer["epoch"] and abs(answer["serverTime"] - time.time() * 1000) < 60_000


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("username", ["", "alice", "jwt"])
def test_the_username_may_be_empty_or_the_user_or_jwt(broker, version, username):
    mqtt.Client(broker.port, "alice/phone", version=version, username=username, password=broker.token("alice")).ping()


def test_the_username_may_be_missing_on_mqtt_5(broker):
    mqtt.Client(broker.port, "alice/phone", version=mqtt.V5, password=broker.token("alice")).ping()


@pytest.mark.parametrize("username", ["bob", "ALICE", "alice ", "JWT"])
def test_any_other_username_is_refused(broker, username):
    assert refused(broker, username=username, password=broker.token("alice")) in (4, 5)


WRONG_TOKENS = {
    "nothing": lambda b: "",
    "no token": lambda b: "alice",
    "three dots": lambda b: "..",
    "expired": lambda b: b.token("alice", ttl=-3600),
    "without exp": lambda b: b.token("alice", exp=None),
    "exp as text": lambda b: b.token("alice", exp=str(int(time.time()) + 3600)),
    "not yet": lambda b: b.token("alice", nbf=int(time.time()) + 3600),
    "another issuer": lambda b: b.token("alice", iss="https://evil.example"),
    "another audience": lambda b: b.token("alice", aud="mail"),
    "audience list without us": lambda b: b.token("alice", aud=["mail", "hyperchat2"]),
    "without user": lambda b: b.token("alice", sub=None),
    "empty user": lambda b: b.token(""),
    "user of 129 bytes": lambda b: b.token("a" * 129),
    "user is a number": lambda b: b.token(17),
    "another key": lambda b: tokens.Issuer().token("alice"),
    "alg none": lambda b: tokens.base64url(b'{"alg":"none"}') + "." + b.token("alice").split(".")[1] + ".",
    "crit": lambda b: b.issuer.sign({"iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": "alice", "exp": int(time.time()) + 60}, {"crit": ["exp"]}),
    "cut signature": lambda b: b.token("alice")[:-2],
    "padded": lambda b: b.token("alice") + "=",
    "above 8 KB": lambda b: b.token("alice", filler="x" * 8192),
}


@pytest.mark.parametrize("what", WRONG_TOKENS)
def test_a_wrong_token_is_refused(broker, what):
    token = WRONG_TOKENS[what](broker)
    for version in VERSIONS:
        code = refused(broker, version=version, username="", password=token)
        assert code in ((4, 5) if version == mqtt.V311 else (0x86, 0x87))
    broker.person("alice").is_up_to_date()


def test_no_password_is_refused(broker):
    assert refused(broker, username="alice") in (4, 5)
    assert refused(broker) in (4, 5)


@pytest.mark.parametrize("password", ["", "nonsense", None])
def test_the_log_says_that_there_was_no_token_where_nobody_else_is_asked(idle_broker, password):
    idle_broker.options["outside"] = "deny"
    broker = idle_broker.start()
    broker.expects_line("login from 127.0.0.1 refused: its password is empty or no token", lambda: refused(broker, username="alice", password=password))


def test_an_audience_list_with_us_is_taken(broker):
    broker.person("alice", token=broker.token("alice", aud=["mail", tokens.AUDIENCE])).is_up_to_date()


@pytest.mark.parametrize("claims, words", [({"exp": 1}, "exp"), ({"iss": "x"}, "iss"), ({"aud": "x"}, "aud"), ({"nbf": 4_000_000_000}, "nbf")])
def test_the_log_says_which_claim_was_wrong(broker, claims, words):
    broker.expects_line(words, lambda: refused(broker, username="", password=broker.token("alice", **claims)))


def test_hyperchatctl_makes_keys_and_tokens(idle_broker):
    idle_broker.ctl("keys", "--out", idle_broker.directory / "made.json")
    idle_broker.options["keys"] = idle_broker.directory / "made.json"
    idle_broker.start()
    token = idle_broker.ctl("token", "--keys", idle_broker.directory / "made.json", "--issuer", tokens.ISSUER, "--audience", tokens.AUDIENCE,
                            "--user", "alice").strip()
    assert idle_broker.person("alice", token=token).asks("getChatUserID")["userID"] == "alice"


# ---- user and client IDs ----

def test_a_user_id_is_percent_encoded(broker):
    token = broker.token("a/b+c#d%e\n")
    client = mqtt.Client(broker.port, "any", username="", password=token)
    client.subscribe("hc/me/#")
    client.publish_acked("hc/rpc/getChatUserID/1", "{}")
    assert b'"userID":"a%2Fb%2Bc%23d%25e%0A"' in client.next_message("hc/me/reply/1").payload


@pytest.mark.parametrize("client_id", ["bob/phone", "alice/a/b", "alice/", "/phone", "alice/+", "alice/#"])
def test_a_client_id_that_is_no_device_of_ones_own_is_refused(broker, client_id):
    assert refused(broker, client_id, username="", password=broker.token("alice")) in (2, 4, 5)


def test_the_bare_user_id_is_a_device_as_well(broker, bob):
    broker.person("alice", device="").leaves()
    bob.says("hi", to="alice")
    broker.person("alice", device="").hears("hi")


def test_a_random_client_id_is_not_taken_from_its_user(broker):
    bob = broker.client("mosq-Xyz", "bob")
    assert refused(broker, "mosq-Xyz", username="", password=broker.token("alice")) in (2, 4, 5)
    bob.ping()


def test_a_device_that_connects_again_takes_over(broker, alice, bob):
    again = broker.person("alice")
    alice.client.is_closed()
    bob.says("hi", to=again)
    again.hears("hi")


# ---- time ----

@pytest.fixture
def strict_broker(idle_broker):
    idle_broker.options["leeway"] = 0
    return idle_broker.start()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_ends_with_its_token_after_a_warning(strict_broker, version):
    expires = int(time.time()) + 3
    alice = strict_broker.person("alice", version=version, token=strict_broker.token("alice", exp=expires))
    assert abs(alice.notices(type="tokenExpires")["at"] - expires * 1000) <= 1000
    assert abs(alice.notices(type="tokenExpired")["at"] - expires * 1000) <= 1000
    assert time.time() >= expires - 1
    reason = alice.client.is_closed()
    assert (reason or 0) >= 0x80 if version == mqtt.V5 else reason is None
    assert time.time() < expires + 10
    assert refused(strict_broker, version=version, username="", password=strict_broker.token("alice", exp=expires)) in (4, 5, 0x86, 0x87)


def test_the_warning_comes_a_minute_before_the_end_and_not_earlier(strict_broker):
    expires = int(time.time()) + 63
    alice = strict_broker.person("alice", token=strict_broker.token("alice", exp=expires))
    assert abs(alice.notices(type="tokenExpires")["at"] - expires * 1000) <= 1000
    assert expires - 60.5 <= time.time() <= expires - 50
    alice.is_up_to_date()


def test_nothing_is_taken_behind_the_end_of_a_token(strict_broker):
    """Not even while she is still connected, to be told so."""
    bob = strict_broker.person("bob")
    expires = int(time.time()) + 3
    alice = strict_broker.person("alice", token=strict_broker.token("alice", exp=expires))
    chat = alice.chat_with(bob)
    with contextlib.suppress(mqtt.Closed):
        while time.time() < expires + 5:
            alice.sends("still here", chat=chat)
            time.sleep(0.05)
    alice.sort()
    assert all(ack["error"]["code"] == "unavailable" for _, ack, _ in alice.acks), "the others were taken"
    bob.is_up_to_date()
    assert max(line["at"] for line in bob.inbox) <= expires * 1000


@pytest.mark.parametrize("version", VERSIONS)
def test_no_other_end_of_a_connection_says_that_the_token_expired(strict_broker, version):
    """Cut off by a second connection, by the broker's end, by a protocol error: nothing of tokens is said."""
    alice = strict_broker.person("alice", version=version)
    strict_broker.person("alice", version=version)
    alice.client.is_closed()
    bob = strict_broker.person("bob", version=version)
    bob.client.send(b"\x00\x00")
    bob.client.is_closed()
    carol = strict_broker.person("carol", version=version)
    strict_broker.stop()
    carol.client.is_closed()
    for person in (alice, bob, carol):
        person.sort()
        assert not [event for event in person.live if event["type"].startswith("token")]
    strict_broker.start()


def test_a_session_whose_device_logs_in_again_lives_as_long_as_the_new_token(strict_broker):
    alice = strict_broker.person("alice", token=strict_broker.token("alice", exp=int(time.time()) + 2))
    alice.connect_options["token"] = strict_broker.token("alice", exp=int(time.time()) + 3600)
    alice.returns()
    bob = strict_broker.person("bob", token=strict_broker.token("bob", exp=int(time.time()) + 3))
    bob.client.is_closed()  # by then the first token of alice has been dead for a second
    alice.is_up_to_date()


def test_a_token_within_the_leeway_is_taken(idle_broker):
    idle_broker.options["leeway"] = 120
    broker = idle_broker.start()
    broker.person("alice", token=broker.token("alice", exp=int(time.time()) - 30)).is_up_to_date()
    assert refused(broker, username="", password=broker.token("alice", exp=int(time.time()) - 150)) in (4, 5)


# ---- enhanced authentication: not ours, and no way around the token ----

@pytest.mark.parametrize("method", ["", "JWT2", "SCRAM-SHA-1"])
def test_a_foreign_authentication_method_is_refused(broker, method):
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        mqtt.Client(broker.port, "alice/phone", version=mqtt.V5, username="alice", password=broker.token("alice"),
                    props={"authentication_method": method, "authentication_data": b"x"})
    broker.person("alice").is_up_to_date()


def test_an_auth_packet_out_of_the_blue_ends_the_connection(broker):
    client = broker.client("alice/phone", "alice", version=mqtt.V5)
    client.send(mqtt.packet(mqtt.AUTH, 0, b"\x18" + mqtt.properties({"authentication_method": "JWT"})))
    client.is_closed()
    broker.person("alice").is_up_to_date()


# ---- SIGHUP ----

def test_a_reload_cuts_nobody(broker):
    people = [broker.person("alice"), broker.person("bob", version=mqtt.V5)]
    nameless = mqtt.Client(broker.port, "carol/phone", version=mqtt.V5, password=broker.token("carol"))
    empty = mqtt.Client(broker.port, "dave/phone", username="", password=broker.token("dave"))
    random = broker.client("mosq-1", "erin", username="jwt")
    broker.reload()
    broker.reload()
    for client in (nameless, empty, random):
        client.ping()
    people[0].says("still here", to=people[1])
    people[1].hears("still here")


def test_a_reload_cuts_nobody_whose_token_would_be_refused_as_new(strict_broker):
    """Mosquitto asks again with the password of the CONNECT."""
    alice = strict_broker.person("alice")
    strict_broker.keys.write_text('{"keys": [%s]}' % json.dumps(tokens.Issuer("two").jwk()))
    strict_broker.reload()
    alice.is_up_to_date()


def test_a_reload_after_the_token_ended_leaves_the_last_word_to_the_session(strict_broker):
    """SIGHUP between the token's end and the session's is no other way to be cut off."""
    expires = int(time.time()) + 2
    alice = strict_broker.person("alice", token=strict_broker.token("alice", exp=expires))
    while time.time() < expires + 0.5:
        strict_broker.reload()
    alice.notices(type="tokenExpired")
    alice.client.is_closed()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reload_keeps_the_sessions_of_devices_that_are_away(idle_broker, version):
    """Those of this run, and those that the broker restored, which have no password."""
    idle_broker.top_lines = ["persistence true", f"persistence_location {idle_broker.directory}/"]
    broker = idle_broker.start()
    alice, bob = broker.person("alice", version=version), broker.person("bob", version=version)
    chat = alice.chat_with(bob)
    bob.leaves()
    broker.reload()
    alice.says("one", chat=chat)
    bob.returns(subscribes=False)
    assert bob.client.session_present
    bob.hears("one")
    bob.leaves()
    alice.leaves()
    broker.restart()
    broker.reload()
    alice.returns()
    alice.says("two", chat=chat)
    bob.returns(subscribes=False)
    assert bob.client.session_present
    bob.hears("two")
    broker.reload()
    bob.is_up_to_date()


def test_a_reload_that_reopens_the_log_goes_on_writing_it(broker, alice):
    """logrotate moves the file and sends SIGHUP."""
    before = broker.directory / "mosquitto.log.1"
    broker.log.rename(before)
    broker.process.send_signal(signal.SIGHUP)
    broker.expects_line("bob/phone", lambda: broker.person("bob").is_up_to_date())
    assert "Reloading config" in before.read_text() and "bob/phone" not in before.read_text()
    alice.is_up_to_date()


def test_a_reload_takes_a_new_key_and_drops_an_old_one(broker):
    new = tokens.Issuer("two")
    tokens.write_keys(broker.keys, broker.issuer, new)
    assert refused(broker, username="", password=new.token("alice")) in (4, 5)
    broker.reload()
    broker.person("alice", token=new.token("alice")).is_up_to_date()
    broker.person("bob").is_up_to_date()
    tokens.write_keys(broker.keys, new)
    broker.reload()
    assert refused(broker, username="", password=broker.token("alice")) in (4, 5)


@pytest.mark.parametrize("broken", ["", "{", '{"keys": []}', '{"keys": [{"kty": "XX"}]}'])
def test_a_broken_key_set_leaves_the_old_one_in_force(broker, broken):
    broker.keys.write_text(broken)
    broker.expects_line("keys", broker.reload)
    broker.person("alice").is_up_to_date()


def test_a_key_that_cannot_be_used_stops_no_other(idle_broker):
    unusable = [{"kty": "XX"}, {"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA"}, {"kty": "RSA", "use": "enc"}, {}]
    idle_broker.keys.write_text(json.dumps({"keys": [*unusable, idle_broker.issuer.jwk()]}))
    idle_broker.start().person("alice").is_up_to_date()
    assert "keys" in idle_broker.log_text()

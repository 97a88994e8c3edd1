# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Single sign-on with a real OpenID provider over TLS: its tokens, several issuers, and AUTH."""
import json
import re
import subprocess
import time

import broker as brokers
import mqtt
import pytest
import tokens
from signing_on import VERSIONS, logs_in, logs_in_soon, needs_provider, refused, sign_on, starts_with_keys
from signing_on import own, shared, signed_on  # noqa: F401 (fixtures)

pytestmark = needs_provider


# ---- tokens ----

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_an_access_token_of_the_provider_is_the_password(signed_on, shared, version, alg):
    token = shared.token("alice", alg=alg)
    assert logs_in(signed_on, token, version=version).asks("getChatUserID")["userID"] == "alice"


def test_an_id_token_is_taken_for_the_client_it_was_issued_to(idle_broker, shared):
    broker = starts_with_keys(sign_on(idle_broker, shared, audience="app"))
    assert logs_in(broker, shared.token("alice", audience=None)).asks("getChatUserID")["userID"] == "alice"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_token_for_another_audience_is_refused(signed_on, shared, version):
    signed_on.expects_line("refused: aud:", lambda: refused(signed_on, shared.token("alice", audience="mail"), version=version))


def test_an_expired_token_is_refused_and_the_log_says_by_how_much(signed_on, shared):
    token = shared.token("alice", lifetime=1)
    time.sleep(2.1)
    signed_on.expects_line(r"refused: exp: expired \d", lambda: refused(signed_on, token))


def test_a_token_of_another_provider_is_refused(signed_on, shared, own):
    signed_on.expects_line("refused: iss:", lambda: refused(signed_on, own.token("alice")))


def test_a_token_that_another_provider_signed_in_the_issuers_name_is_refused(signed_on, shared, own):
    """The same claims, with the other's key under the right kid."""
    stolen, foreign = shared.token("alice").split("."), own.token("alice").split(".")
    refused(signed_on, ".".join([stolen[0], stolen[1], foreign[2]]))


def test_a_claim_path_names_the_user_and_a_claim_his_name(idle_broker, shared):
    broker = starts_with_keys(sign_on(idle_broker, shared, user_claim="realm_access.user", name_claim="name"))
    alice = logs_in(broker, shared.token("alice", name="Alice Doe"), "realm-alice")
    assert alice.asks("getChatUserID")["userID"] == "realm-alice"
    alice.asks_until(lambda: alice.asks("getUserInfo")["userInfo"].get("name") == "Alice Doe", "her name")


def test_the_name_of_the_token_is_for_the_first_login_only(idle_broker, shared):
    broker = starts_with_keys(sign_on(idle_broker, shared, name_claim="name"))
    alice = logs_in(broker, shared.token("alice"))
    alice.asks("updateUserInfo", userInfo={"name": "Ally"})
    broker.restart()
    again = logs_in_soon(broker, shared.token("alice", name="Alice Doe"))
    assert again.is_up_to_date().asks("getUserInfo")["userInfo"]["name"] == "Ally"
    again.asks("updateUserInfo", userInfo={"name": ""})
    broker.restart()
    again = logs_in_soon(broker, shared.token("alice", name="Alice Doe"))
    assert "name" not in again.is_up_to_date().asks("getUserInfo")["userInfo"]


# ---- several issuers ----

def write_issuers(broker, *issuers):
    file = broker.directory / "issuers.json"
    file.write_text(json.dumps({"issuers": issuers}))
    broker.options |= {"keys": None, "issuer": None, "audience": None, "oidc": None, "issuers_file": file}


def of_provider(provider, **more):
    return {"issuer": provider.issuer, "audience": ["hyperchat", "hyperchat-web"], "leeway": 0, **more}


def of_keys(broker, **more):
    return {"issuer": tokens.ISSUER, "audience": tokens.AUDIENCE, "keys": str(broker.keys), **more}


@pytest.fixture
def both(idle_broker, shared):
    """A provider and keys of our own, each with a prefix."""
    sign_on(idle_broker, shared)
    write_issuers(idle_broker, of_provider(shared, prefix="p:"), of_keys(idle_broker, prefix="k:"))
    return starts_with_keys(idle_broker)


def test_several_issuers_name_different_people(both, shared):
    assert logs_in_soon(both, shared.token("alice", audience="hyperchat-web"), "p:alice").asks("getChatUserID")["userID"] == "p:alice"
    assert logs_in(both, both.token("alice"), "k:alice").asks("getChatUserID")["userID"] == "k:alice"


def test_the_key_of_one_issuer_signs_nothing_for_another(both, shared):
    now = int(time.time())
    claims = {"iss": shared.issuer, "aud": "hyperchat", "sub": "alice", "exp": now + 60}
    refused_or_later = (mqtt.Refused, mqtt.Closed)
    with pytest.raises(refused_or_later):
        mqtt.Client(both.port, "x", version=mqtt.V5, username="", password=both.issuer.sign(claims))
    logs_in(both, both.token("alice"), "k:alice").is_up_to_date()


def test_an_issuer_that_is_asked_to_sign_by_one_algorithm_is_not_believed_by_another(idle_broker, shared):
    sign_on(idle_broker, shared)
    write_issuers(idle_broker, of_provider(shared, algorithms="RS256"))
    starts_with_keys(idle_broker)
    logs_in(idle_broker, shared.token("alice", alg="RS256")).is_up_to_date()
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        mqtt.Client(idle_broker.port, "x", version=mqtt.V5, username="", password=shared.token("alice", alg="ES256"))


def test_a_party_that_is_not_authorized_is_refused(idle_broker, shared):
    sign_on(idle_broker, shared)
    write_issuers(idle_broker, of_provider(shared, authorized_parties=["other-app"]))
    starts_with_keys(idle_broker)
    idle_broker.expects_line("refused: client_id:", lambda: refused(idle_broker, shared.token("alice")))


def test_a_reload_takes_a_new_issuer_and_drops_an_old_one(idle_broker, shared):
    sign_on(idle_broker, shared)
    write_issuers(idle_broker, of_keys(idle_broker))
    idle_broker.start()
    bob = logs_in(idle_broker, idle_broker.token("bob"), "bob")
    refused(idle_broker, shared.token("alice"))
    write_issuers(idle_broker, of_provider(shared))
    idle_broker.expects_line("keys of https://127", idle_broker.reload)
    logs_in_soon(idle_broker, shared.token("alice"))
    refused(idle_broker, idle_broker.token("carol"), "carol/phone")
    bob.is_up_to_date()


@pytest.mark.parametrize("content, words", [
    ("{", "not valid JSON"), ('{"issuers": []}', "1 to 16"), ('{"issuers": [{"issuer": "http://a", "audience": "x"}]}', "https"),
    ('{"issuers": [{"issuer": "https://a", "audience": "x", "leway": 3}]}', "leway"), ('{"issuers": [{"issuer": "https://a"}]}', "audience"),
])
def test_a_broken_issuers_file_stops_the_start_and_not_the_reload(idle_broker, content, words):
    write_issuers(idle_broker, of_keys(idle_broker))
    good = idle_broker.options["issuers_file"].read_text()
    idle_broker.options["issuers_file"].write_text(content)
    said = idle_broker.fails_to_start()
    assert re.search(f"plugin_opt_issuers_file: .*{words}", said), said
    idle_broker.options["issuers_file"].write_text(good)
    idle_broker.start()
    idle_broker.options["issuers_file"].write_text(content)
    idle_broker.expects_line("stay in force", idle_broker.reload)
    logs_in(idle_broker, idle_broker.token("alice")).is_up_to_date()


# ---- staying connected ----

def test_a_session_is_renewed_by_a_token_of_the_same_user_only(signed_on, shared):
    alice = logs_in(signed_on, shared.token("alice", lifetime=3))
    alice.is_denied("forbidden", "renewToken", token=shared.token("bob"))
    alice.is_denied("forbidden", "renewToken", token=shared.token("alice", audience="mail"))
    alice.asks("renewToken", token=shared.token("alice", lifetime=60))
    time.sleep(4)
    alice.is_up_to_date()


def by_auth(broker, token, client_id="alice/phone", method="JWT", **how):
    return mqtt.Client(broker.port, client_id, version=mqtt.V5, props={"authentication_method": method, "authentication_data": token, **how})


def auth_again(client, token, method="JWT"):
    client.send(mqtt.packet(mqtt.AUTH, 0, b"\x19" + mqtt.properties({"authentication_method": method, "authentication_data": token})))


def reason_of_auth(client):
    client.wait(lambda: any(kind == mqtt.AUTH for kind, _ in client.others), "AUTH")
    answer = next(rest for kind, rest in client.others if kind == mqtt.AUTH)
    client.others = [other for other in client.others if other[0] != mqtt.AUTH]
    return answer[0] if answer else 0


def test_a_client_may_come_by_auth_and_stay_by_auth(signed_on, shared):
    client = by_auth(signed_on, shared.token("alice", lifetime=3))
    assert client.connack["authentication_method"] == "JWT"
    auth_again(client, shared.token("alice", lifetime=60))
    assert reason_of_auth(client) == 0
    time.sleep(4)
    client.ping()
    client.subscribe("hc/me/#")
    client.publish_acked("hc/rpc/getChatUserID/1", "{}")
    assert b'"userID":"alice"' in client.next_message("hc/me/reply/1").payload


@pytest.mark.parametrize("wrong", ["another user", "another audience", "nonsense", "nothing"])
def test_who_cannot_authenticate_again_is_cut_off(signed_on, shared, wrong):
    token = {"another user": lambda: shared.token("bob"), "another audience": lambda: shared.token("alice", audience="mail"),
             "nonsense": lambda: "a.b.c", "nothing": lambda: ""}[wrong]()
    client = by_auth(signed_on, shared.token("alice"))
    auth_again(client, token)
    client.is_closed()
    by_auth(signed_on, shared.token("alice")).ping()


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_a_login_by_auth_needs_a_token(signed_on, shared, token):
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        by_auth(signed_on, token)
    by_auth(signed_on, shared.token("alice")).ping()


@pytest.mark.parametrize("method", ["", "jwt", "JWT ", "SCRAM-SHA-1"])
def test_only_our_method_is_taken(signed_on, shared, method):
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        by_auth(signed_on, shared.token("alice"), method=method)
    by_auth(signed_on, shared.token("alice")).ping()


@pytest.mark.parametrize("packet", [b"", b"\x18" + mqtt.properties({"authentication_method": "JWT"}),
                                    b"\x18" + mqtt.properties({"authentication_method": "JWT", "authentication_data": b"x"}),
                                    b"\x19" + mqtt.properties({"authentication_method": ""}), b"\x19", b"\x00"])
def test_an_auth_packet_out_of_order_ends_its_own_connection_only(signed_on, shared, packet):
    bob = logs_in(signed_on, shared.token("bob"), "bob")
    client = by_auth(signed_on, shared.token("alice"))
    client.send(mqtt.packet(mqtt.AUTH, 0, packet))
    client.is_closed()
    by_auth(signed_on, shared.token("alice")).ping()
    bob.is_up_to_date()


def test_a_reload_cuts_nobody_who_came_by_auth(signed_on, shared):
    client = by_auth(signed_on, shared.token("alice"))
    signed_on.reload()
    client.ping()


# ---- the clock ----

@pytest.mark.parametrize("jump", [7200, -7200])
def test_a_clock_that_jumps_cuts_nobody_off(idle_broker, clock, jump):
    broker = idle_broker.start()
    people = [broker.person(name, token=broker.token(name, ttl=3600)) for name in ("alice", "bob", "carol")]
    clock(jump)
    with pytest.raises(mqtt.Refused):
        mqtt.Client(broker.port, "x", username="", password=broker.token("dave", ttl=3600))  # by that clock
    time.sleep(2.5)
    for person in people:
        person.is_up_to_date()
    clock(0)
    people[0].says("still here", to=people[1])
    people[1].hears("still here")


# ---- hyperchatctl doctor ----

def doctor(broker, token=None):
    """Its exit code and what it said."""
    command = [str(brokers.CTL), "doctor", "--conf", str(broker.directory / "mosquitto.conf"), *(["--token", "-"] if token else [])]
    done = subprocess.run(command, input=token, capture_output=True, text=True, timeout=60, check=False)
    assert token is None or token not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def test_doctor_knows_what_was_revoked_and_the_tokens_of_devices(broker, alice):
    token, old = alice.asks("createDeviceToken", deviceID="lamp")["token"], broker.token("alice")
    code, said = doctor(broker, token)
    assert code == 0 and 'a device token for the user alice and his device "lamp" alone until' in said
    assert doctor(broker, old)[0] == 0
    broker.ctl("revoke", "--store", broker.store_uri, "--user", "alice", "--device", "lamp")
    code, said = doctor(broker, token)
    assert code == 1 and "the device's tokens were revoked after it was issued" in said
    assert doctor(broker, old)[0] == 0
    broker.ctl("revoke", "--store", broker.store_uri, "--user", "alice")
    code, said = doctor(broker, old)
    assert code == 1 and "the user's tokens were revoked after it was issued" in said
    broker.ctl("device-keys", "rotate", "--store", broker.store_uri)
    code, said = doctor(broker, token[:-5] + "AAAAA")
    assert code == 1 and "refused:" in said


def test_doctor_says_which_keys_there_are_and_whom_a_token_lets_in(signed_on, shared):
    signed_on.person("alice", token=shared.token("alice"))
    code, said = doctor(signed_on, shared.token("alice"))
    assert code == 0 and re.search(r"ES256 +\"[0-9a-f-]{36}\"", said) and "clocks: alike" in said
    assert re.search(r"kept by the broker: 2 keys, \d+ seconds old", said) and "good, for the user alice until" in said


@pytest.mark.parametrize("make, words", [
    (lambda p: p.token("alice", audience="mail"), 'refused: aud: .*\n  it is for "mail"'),
    (lambda p: p.token("alice")[:-4] + "AAAA", "refused: the signature"),
    (lambda p: p.token("alice").replace(".", "", 1), "refused: not a token"),
    (lambda p: "7f3a9c", "opaque access tokens"),
], ids=["audience", "signature", "parts", "opaque"])
def test_doctor_explains_a_refusal_without_the_token(signed_on, shared, make, words):
    code, said = doctor(signed_on, make(shared))
    assert code == 1 and re.search(words, said), said


def test_doctor_says_why_an_issuer_cannot_be_asked_and_goes_by_the_kept_keys(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    token = own.token("alice")
    own.is_away()
    code, said = doctor(broker, token)
    assert code == 1 and "it cannot be asked" in said and "good, for the user alice" in said


# ---- what is written ----

def test_no_token_and_no_secret_is_in_what_the_broker_writes(signed_on, shared):
    token = shared.token("alice")
    logs_in(signed_on, token).is_up_to_date()
    by_auth(signed_on, token).ping()
    refused(signed_on, token[:-4] + "AAAA")
    signed_on.stop()
    for file in signed_on.directory.iterdir():
        if file.is_file():
            assert token.encode()[:60] not in file.read_bytes() or file.suffix == ".py", file

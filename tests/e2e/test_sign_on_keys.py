# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Single sign-on with a real OpenID provider over TLS: its keys as they change, its absence, and whom they are fetched from."""
import json
import random
import re
import time

import mqtt
import provider as providers
import pytest
import tokens
from signing_on import DISCOVERY, JWKS, VERSIONS, logs_in, logs_in_soon, needs_provider, sign_on, starts_with_keys, told_to_try_again
from signing_on import own  # noqa: F401 (fixtures)

pytestmark = needs_provider


# ---- keys that change ----

def test_a_new_key_is_found_when_its_first_token_comes(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    old = own.token("alice")
    own.rotates(keep=True)
    told_to_try_again(broker, own.token("alice"))
    logs_in_soon(broker, own.token("alice")).is_up_to_date()
    logs_in(broker, old).is_up_to_date()


def test_a_key_that_is_not_published_any_more_lets_nobody_in(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    old, alice = own.token("alice"), logs_in(broker, own.token("alice"))
    own.rotates()
    broker.expects_line("keys of https://127", broker.reload)
    told_to_try_again(broker, old)
    alice.is_up_to_date()  # until her token ends
    logs_in(broker, own.token("bob"), "bob").is_up_to_date()


def test_a_flood_of_unknown_kids_is_a_handful_of_fetches(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    bob = logs_in(broker, own.token("bob"), "bob")
    before, start = own.fetches(), time.monotonic()
    header, payload, signature = own.token("alice").split(".")
    for number in range(300):
        forged = tokens.base64url(json.dumps({"alg": "ES256", "kid": f"kid-{number}"}).encode())
        with pytest.raises((mqtt.Refused, mqtt.Closed)):
            mqtt.Client(broker.port, "x", version=random.choice(VERSIONS), username="", password=f"{forged}.{payload}.{signature}")
    bob.is_up_to_date()
    assert own.fetches() - before <= 2 + (time.monotonic() - start) / 10
    assert len(re.findall("is by a key that is not known", broker.log_text())) <= 3


def test_a_kid_that_its_issuer_does_not_have_is_refused_for_good(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    header, payload, signature = own.token("alice").split(".")
    forged = f"{tokens.base64url(json.dumps({'alg': 'ES256', 'kid': 'nobody'}).encode())}.{payload}.{signature}"
    told_to_try_again(broker, forged)
    fetched = own.fetches()
    deadline = time.monotonic() + mqtt.PATIENCE
    while own.fetches() == fetched and time.monotonic() < deadline:
        time.sleep(0.2)
    codes = []
    while 0x87 not in codes:
        assert time.monotonic() < deadline, f"it is told to try again for ever: {codes[-3:]}"
        with pytest.raises((mqtt.Refused, mqtt.Closed)) as caught:
            mqtt.Client(broker.port, "x", version=mqtt.V5, username="", password=forged)
        codes.append(getattr(caught.value, "code", None))
        time.sleep(0.2)


@pytest.mark.parametrize("keys, words", [
    ('{"keys": []}', "empty"), ("<html>", "not valid JSON"), ('{"keys": [{"kty": "oct", "k": "%s"}]}' % ("A" * 43), "everybody can read"),
    ("x" * 600_000, "longer than"),
], ids=["none", "html", "secret", "huge"])
def test_keys_that_cannot_be_used_leave_the_last_good_ones_in_force(idle_broker, own, keys, words):
    broker = starts_with_keys(sign_on(idle_broker, own))
    own.says(JWKS, keys)
    broker.expects_line(f"cannot be fetched, trying again.*{words}", broker.reload)
    logs_in(broker, own.token("alice")).is_up_to_date()


# ---- the provider is away ----

@pytest.mark.parametrize("version", VERSIONS)
def test_before_the_first_keys_are_there_one_is_told_to_try_again_and_the_log_says_it_once(idle_broker, own, version):
    broker = sign_on(idle_broker, own)
    token = own.token("alice")
    own.is_away()
    broker.expects_line("cannot be fetched, trying again", broker.start)
    for _ in range(5):
        told_to_try_again(broker, token, version)
    assert len(re.findall("its keys are not here yet", broker.log_text())) == 1
    own.is_back()
    logs_in_soon(broker, token).is_up_to_date()


def test_a_broker_that_starts_while_the_provider_is_away_takes_the_keys_it_had(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    bob = logs_in(broker, own.token("bob"), "bob")
    token = own.token("alice")
    own.is_away()
    broker.restart()
    bob.returns()
    logs_in(broker, token).says("while it is away", to=bob)
    bob.hears("while it is away")


def test_kept_keys_of_another_issuer_or_damaged_ones_are_not_used(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    token = own.token("alice")
    own.is_away()
    broker.stop()
    kept = next(broker.directory.glob("hyperchat-keys-*.json"))
    assert kept.stat().st_mode & 0o077 == 0 and own.issuer in kept.read_text()
    kept.write_text(kept.read_text().replace(own.issuer, "https://evil.example"))
    broker.expects_line("kept keys .* are not used", broker.start)
    told_to_try_again(broker, token)


def test_a_provider_that_hangs_holds_up_nobody(idle_broker, own):
    broker = starts_with_keys(sign_on(idle_broker, own))
    alice = logs_in(broker, own.token("alice"))
    own.process.send_signal(19)  # it is stopped, and its port still takes connections
    broker.reload()
    for _ in range(20):
        start = time.monotonic()
        alice.client.ping()
        assert time.monotonic() - start < 1
    own.process.send_signal(18)
    alice.is_up_to_date()


# ---- whom we fetch from ----

def test_a_certificate_of_another_authority_is_not_believed(idle_broker, own):
    other = providers.make_authority(own.directory, "other")
    broker = sign_on(idle_broker, own, oidc_ca=other)
    broker.expects_line("cannot be fetched.*certificate", broker.start)
    told_to_try_again(broker, own.token("alice"))


def test_a_certificate_for_another_name_is_not_believed(idle_broker, tmp_path_factory):
    provider = providers.Provider(tmp_path_factory.mktemp("named"), address="DNS:id.example")
    try:
        sign_on(idle_broker, provider).expects_line("cannot be fetched", idle_broker.start)
    finally:
        provider.ends()


@pytest.mark.parametrize("document, words", [
    (lambda p: {"issuer": "https://evil.example", "jwks_uri": f"{p.issuer}/jwks"}, "not to the letter"),
    (lambda p: {"issuer": p.issuer + "/", "jwks_uri": f"{p.issuer}/jwks"}, "not to the letter"),
    (lambda p: {"issuer": p.issuer, "jwks_uri": f"http://127.0.0.1:{p.port}/jwks"}, "no https address"),
    (lambda p: {"issuer": p.issuer, "jwks_uri": "file:///etc/passwd"}, "no https address"),
    (lambda p: {"issuer": p.issuer}, "jwks_uri"),
], ids=["other issuer", "slash", "http", "file", "no keys"])
def test_a_discovery_document_that_says_something_else_is_not_believed(idle_broker, own, document, words):
    own.says(DISCOVERY, json.dumps(document(own)))
    sign_on(idle_broker, own).expects_line(f"cannot be fetched.*{words}", idle_broker.start)


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/", "file:///etc/passwd", DISCOVERY])
def test_a_redirect_to_something_else_than_https_or_in_a_circle_is_not_followed(idle_broker, own, where):
    own.says(DISCOVERY, "", status=302, location=where)
    sign_on(idle_broker, own).expects_line("cannot be fetched", idle_broker.start)

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The vocabulary of the stories of single sign-on: a provider, a broker that believes it, and who is let in."""
import time

import mqtt
import provider as providers
import pytest

needs_provider = pytest.mark.skipif(not providers.is_there(), reason="oidc-provider or Node.js is missing: run scripts/get-oidc-provider")

VERSIONS = [mqtt.V311, mqtt.V5]
JWKS, DISCOVERY = "/jwks", "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that change nothing of it."""
    provider = providers.Provider(tmp_path_factory.mktemp("provider"))
    yield provider
    provider.ends()


@pytest.fixture
def own(tmp_path_factory):
    """For tests that rotate its keys, or send it away."""
    provider = providers.Provider(tmp_path_factory.mktemp("provider"))
    yield provider
    provider.ends()


def sign_on(broker, provider, **options):
    """The broker believes the provider alone."""
    broker.options |= {"keys": None, "issuer": None, "oidc": provider.issuer, "audience": "hyperchat", "oidc_ca": provider.authority, "leeway": 0, **options}
    return broker


def starts_with_keys(broker):
    broker.expects_line(r"keys of https://127\.0\.0\.1:\d+: (ES256|RS256)", broker.start)
    return broker


@pytest.fixture
def signed_on(idle_broker, shared):
    return starts_with_keys(sign_on(idle_broker, shared))


def logs_in(broker, token, user="alice", **how):
    return broker.person(user, token=token, **how)


def refused(broker, token, client_id="alice/phone", version=mqtt.V5, **how):
    """The code of a CONNECT that must be refused for good."""
    with pytest.raises(mqtt.Refused) as caught:
        mqtt.Client(broker.port, client_id, version=version, username="", password=token, **how)
    assert caught.value.code == (0x87 if version == mqtt.V5 else 5)


def told_to_try_again(broker, token, version=mqtt.V5):
    """2.1 says so to MQTT 5; else the connection closes without a CONNACK."""
    with pytest.raises((mqtt.Refused, mqtt.Closed)) as caught:
        mqtt.Client(broker.port, "alice/phone", version=version, username="", password=token)
    if isinstance(caught.value, mqtt.Refused):
        assert caught.value.code == 0x88 and version == mqtt.V5 and broker.version.startswith("2.1")


def logs_in_soon(broker, token, user="alice"):
    """Like a client that connects again whenever it is cut off."""
    deadline = time.monotonic() + mqtt.PATIENCE + 12
    while time.monotonic() < deadline:
        try:
            return logs_in(broker, token, user)
        except mqtt.Closed:
            time.sleep(0.3)
        except mqtt.Refused as caught:
            assert caught.code == 0x88
            time.sleep(0.3)
    raise AssertionError(f"{user} waited in vain to be let in:\n{broker.log_text()[-2000:]}")

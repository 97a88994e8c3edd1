# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Single sign-on with Keycloak over TLS, set up as docs/sign-on.md says."""
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import broker as brokers
import mqtt
import provider as providers
import pytest

HOME = brokers.ROOT / "build/keycloak"
PATIENCE = 400  # it builds itself at its first start: 25 s alone on two cores, minutes beside others

pytestmark = [pytest.mark.skipif(not (HOME / "bin/kc.sh").exists() or shutil.which("java") is None, reason="Keycloak is missing: run scripts/get-keycloak"),
              pytest.mark.xdist_group("keycloak")]

REALM = {
    "realm": "chat", "enabled": True, "defaultSignatureAlgorithm": "ES256",
    "users": [{"username": name, "enabled": True, "email": f"{name}@example.com", "emailVerified": True, "firstName": name.title(), "lastName": "Doe",
               "credentials": [{"type": "password", "value": "secret", "temporary": False}]} for name in ("alice", "bob")],
    "clients": [{"clientId": "chat-app", "publicClient": True, "directAccessGrantsEnabled": True, "protocolMappers": [
        {"name": "for the chat", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
         "config": {"included.custom.audience": "hyperchat", "access.token.claim": "true", "id.token.claim": "false"}}]},
        {"clientId": "mail-app", "publicClient": True, "directAccessGrantsEnabled": True}],
}


class Keycloak:
    def __init__(self, directory):
        self.directory, self.port = directory, brokers.free_port()
        self.base = f"https://127.0.0.1:{self.port}"
        self.issuer = f"{self.base}/realms/chat"
        self.authority = providers.make_authority(directory)
        self.context = ssl.create_default_context(cafile=str(self.authority))
        certificate = providers.make_certificate(directory, self.authority)
        home = directory / "keycloak"
        shutil.copytree(HOME, home, symlinks=True)
        environment = {**os.environ, "KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin", "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx400m"}
        with open(directory / "keycloak.log", "wb") as log:
            self.process = subprocess.Popen([
                home / "bin/kc.sh", "start-dev", "--http-enabled=false", f"--https-port={self.port}", "--http-host=127.0.0.1", f"--hostname={self.base}",
                f"--https-certificate-file={certificate}", f"--https-certificate-key-file={certificate.with_suffix('.key')}"],
                env=environment, stdout=log, stderr=log, start_new_session=True)
        self.waits()
        self.admin = self.grant("master", "admin-cli", "admin", "admin")
        self.calls("POST", "", REALM)

    def waits(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.directory / "keycloak.log").read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{self.base}/realms/master", timeout=5, context=self.context).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise AssertionError((self.directory / "keycloak.log").read_text()[-2000:])

    def grant(self, realm, client, user, password):
        data = urllib.parse.urlencode({"grant_type": "password", "client_id": client, "username": user, "password": password, "scope": "openid"}).encode()
        with urllib.request.urlopen(f"{self.base}/realms/{realm}/protocol/openid-connect/token", data, timeout=60, context=self.context) as response:
            return json.load(response)["access_token"]

    def calls(self, method, path, body=None):
        request = urllib.request.Request(f"{self.base}/admin/realms{path}", method=method, data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60, context=self.context) as response:
            text = response.read()
        return json.loads(text) if text else None

    def token(self, user, client="chat-app"):
        return self.grant("chat", client, user, "secret")

    def rotates(self):
        """A new key that signs from now on."""
        realm = self.calls("GET", "/chat")["id"]
        self.calls("POST", "/chat/components", {"name": "newer", "providerId": "ecdsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": realm,
                                                "config": {"priority": ["200"], "ecdsaEllipticCurveKey": ["P-256"], "active": ["true"], "enabled": ["true"]}})

    def ends(self):
        os.killpg(self.process.pid, 9)  # its own group: the script and its Java
        self.process.wait()


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory):
    keycloak = Keycloak(tmp_path_factory.mktemp("keycloak"))
    yield keycloak
    keycloak.ends()


def test_people_of_a_realm_chat_through_a_change_of_keys(idle_broker, keycloak):
    broker = idle_broker
    broker.options |= {"keys": None, "issuer": None, "oidc": keycloak.issuer, "audience": "hyperchat", "oidc_ca": keycloak.authority,
                       "user_claim": "preferred_username", "name_claim": "name"}
    broker.expects_line(f"keys of {keycloak.issuer}: ES256", broker.start)
    alice = broker.person("alice", token=keycloak.token("alice"))
    bob = broker.person("bob", token=keycloak.token("bob"), version=mqtt.V5)
    alice.says("hi", to=bob)
    bob.hears("hi")
    alice.asks_until(lambda: alice.asks("getUserInfo")["userInfo"].get("name") == "Alice Doe", "her name")
    with pytest.raises(mqtt.Refused):
        mqtt.Client(broker.port, "x", username="", password=keycloak.token("alice", client="mail-app"))

    keycloak.rotates()
    token, deadline = keycloak.token("alice"), time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            mqtt.Client(broker.port, "alice/tablet", version=mqtt.V5, username="", password=token).ping()
            break
        except (mqtt.Closed, mqtt.Refused) as caught:
            assert getattr(caught, "code", 0x88) == 0x88
            time.sleep(0.5)
    else:
        raise AssertionError(broker.log_text()[-2000:])
    alice.asks("renewToken", token=token)

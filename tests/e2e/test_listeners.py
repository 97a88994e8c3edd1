# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The samples of listeners in conf/, spoken to by the clients that people have: mosquitto_pub and mosquitto_sub, Paho in C and in Python, MQTT.js in
Node.js and in a browser. Somebody behind each of them talks with Bob."""
import base64
import json
import os
import re
import signal
import shutil
import subprocess
import time

import broker as brokers
import mqtt
import provider
import pytest
from programs import MODULES, CLIENT, Page, key_digest, need

pytestmark = pytest.mark.host

SAMPLES = {"mqtts": "hyperchat-tls.conf", "ws": "hyperchat-websocket.conf", "wss": "hyperchat-websocket-tls.conf"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    directory = tmp_path_factory.mktemp("authority")
    file = provider.make_authority(directory)
    provider.make_certificate(directory, file)
    return file


@pytest.fixture
def listening(idle_broker, authority):
    """With all samples as they are, but for ports, addresses and where the certificates are."""
    idle_broker.ports, idle_broker.authority = {}, authority
    for scheme, name in SAMPLES.items():
        port = idle_broker.ports[scheme] = brokers.free_port()
        text = (brokers.ROOT / "conf" / name).read_text()
        text, listeners = re.subn(r"^listener \d+.*$", f"listener {port} 127.0.0.1", text, flags=re.M)
        assert listeners == 1
        text = text.replace("/etc/mosquitto/certs/fullchain.pem", str(authority.parent / "server.pem"))
        text = text.replace("/etc/mosquitto/certs/privkey.pem", str(authority.parent / "server.key"))
        idle_broker.listener_lines.append(text)
    return idle_broker.start()


def is_subscribed(broker, client_id):
    """A client that cannot say so itself."""
    deadline = time.monotonic() + mqtt.PATIENCE
    while not re.search(rf"Sending SUBACK to {re.escape(client_id)}", broker.log_text()):
        assert time.monotonic() < deadline, broker.log_text()[-2000:]
        time.sleep(0.02)


def talks(bob, program, text):
    bob.hears(text)
    bob.says("and you?", to="alice")
    program.prints("and you?")


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_sub_and_pub_by_tls(listening, runs, version):
    need("mosquitto_sub", "mosquitto-clients")
    common = ["-V", version, "-h", "127.0.0.1", "-p", listening.ports["mqtts"], "--cafile", listening.authority, "-u", "alice", "-P", listening.token("alice")]
    alice = runs("mosquitto_sub", *common, "-i", "alice/phone", "-c", "-q", 1, "-t", "hc/me/inbox")
    is_subscribed(listening, "alice/phone")
    bob = listening.person("bob")
    subprocess.run([str(part) for part in ["mosquitto_pub", *common, "-i", "alice/script", "-q", 1, "-t", "hc/user/bob/send/1", "-m", '{"body": "hello by TLS"}']],
                   check=True, timeout=mqtt.PATIENCE)
    talks(bob, alice, "hello by TLS")


@pytest.mark.parametrize("scheme", ["ssl", "ws", "wss"])
def test_paho_in_c(listening, runs, scheme):
    need("paho_c_sub", "paho.mqtt.c-examples")
    port = listening.ports["mqtts" if scheme == "ssl" else scheme]
    common = ["-c", f"{scheme}://127.0.0.1:{port}", "-V", "5", "-u", "alice", "-P", listening.token("alice"), "-q", 1,
              *(["--cafile", listening.authority] if scheme != "ws" else [])]
    alice = runs("stdbuf", "-oL", "paho_c_sub", "-t", "hc/me/inbox", "-i", "alice/phone", *common)
    is_subscribed(listening, "alice/phone")
    bob = listening.person("bob")
    subprocess.run([str(part) for part in ["paho_c_pub", "-t", "hc/user/bob/send/1", "-i", "alice/script", "-m", f'{{"body": "hello by {scheme}"}}', *common]],
                   check=True, timeout=mqtt.PATIENCE, stdout=subprocess.DEVNULL)
    talks(bob, alice, f"hello by {scheme}")


PAHO = """
import json, ssl, sys
import paho.mqtt.client as paho
transport, port, authority, token = sys.argv[1:]
version = {"callback_api_version": paho.CallbackAPIVersion.VERSION1} if hasattr(paho, "CallbackAPIVersion") else {}
client = paho.Client(client_id="alice/phone", clean_session=False, transport=transport, **version)
client.username_pw_set("alice", token)
if authority:
    client.tls_set(ca_certs=authority)
def on_subscribe(client, *_):
    client.publish("hc/user/bob/send/1", json.dumps({"body": "hello by Paho"}), qos=1)
def on_message(client, userdata, message):
    print(message.payload.decode(), flush=True)
client.on_connect = lambda client, *_: client.subscribe("hc/me/inbox", qos=1)
client.on_subscribe, client.on_message = on_subscribe, on_message
client.connect("127.0.0.1", int(port))
client.loop_forever()
"""


@pytest.mark.parametrize("scheme", SAMPLES)
def test_paho_in_python(listening, runs, scheme):
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import paho.mqtt.client"], capture_output=True).returncode != 0:
        pytest.skip("Paho is missing: install python3-paho-mqtt")
    bob = listening.person("bob")
    alice = runs(python, "-c", PAHO, "tcp" if scheme == "mqtts" else "websockets", listening.ports[scheme],
                 "" if scheme == "ws" else listening.authority, listening.token("alice"))
    talks(bob, alice, "hello by Paho")


@pytest.mark.parametrize("scheme", SAMPLES)
def test_mqtt_js_in_node(listening, runs, tmp_path, scheme):
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    shutil.copy(CLIENT / "talk.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    bob = listening.person("bob")
    alice = runs("node", tmp_path / "talk.mjs", f"{scheme}://127.0.0.1:{listening.ports[scheme]}", "alice/phone", "alice", listening.token("alice"),
                 "" if scheme == "ws" else listening.authority, "bob", "hello by MQTT.js")
    talks(bob, alice, "hello by MQTT.js")


# ---- a browser ----

@pytest.mark.skipif("HC_FULL" not in os.environ, reason="a browser: ./test --full")
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_mqtt_js_in_a_browser(listening, runs, tmp_path, scheme):
    need("chromium", "chromium")
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    bob = listening.person("bob")
    alice = Page(runs, tmp_path, key_digest(listening.authority.parent / "server.pem"), f"{scheme}://127.0.0.1:{listening.ports[scheme]}", "alice/web",
                 "alice", listening.token("alice"), "", "bob", "hello from a browser")
    try:
        talks(bob, alice, "hello from a browser")
    finally:
        alice.site.shutdown()


# ---- whom the header of a proxy names ----

def upgraded(port, forwarded):
    """A WebSocket whose client claims to come from another address; returns a socket behind the handshake."""
    client = mqtt.Client(port, connect=False)
    client.send((f"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                 f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\nX-Forwarded-For: {forwarded}\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.socket.recv(4096)
    assert b" 101 " in answer.splitlines()[0]
    return client


def framed(packet):
    mask = os.urandom(4)
    return bytes([0x82, 0x80 | 126]) + len(packet).to_bytes(2, "big") + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(packet))


def test_a_websocket_client_cannot_choose_the_address_that_it_fails_from(listening):
    client = upgraded(listening.ports["ws"], "203.0.113.7")
    frame = framed(client.connect_packet("", json.dumps("x.y.z")))
    line = listening.expects_line("hyperchat: login from .* refused", lambda: client.send(frame))
    assert "login from 127.0.0.1 refused" in line
    client.close()


# ---- while the broker reloads ----

@pytest.mark.parametrize("outside", ["defer", "allow"])
def test_who_comes_right_behind_sighup_logs_in(listening, outside):
    """Mosquitto asks about everybody again then, and serves WebSockets before the next tick."""
    listening.stop()
    listening.options["outside"] = outside
    listening.start()
    clients = [upgraded(listening.ports["ws"], "203.0.113.7") for _ in range(20)]
    for number, client in enumerate(clients):
        client.client_id = f"alice/phone-{number}"
        listening.is_paused()
        listening.process.send_signal(signal.SIGHUP)
        client.send(framed(client.connect_packet("alice", listening.token("alice"))))
        listening.goes_on()
        assert client.socket.recv(6) == b"\x82\x04\x20\x02\x00\x00"
        client.send(framed(mqtt.packet(mqtt.SUBSCRIBE, 2, b"\x00\x01" + mqtt.binary("hc/me/inbox") + b"\x01")))
        assert client.socket.recv(7) == b"\x82\x05\x90\x03\x00\x01\x01"
    for client in clients:
        client.close()

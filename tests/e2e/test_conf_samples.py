# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The samples in conf/ that are a whole way of running: each is started as it is, and two people talk. What is put in the place of what, and nothing
else, stands in `adapted` and in PLACES."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import time

import broker as brokers
import kafka as kafkas
import mongodb
import mqtt
import provider
import pytest

pytestmark = pytest.mark.host

CONF = brokers.ROOT / "conf"
ISSUER = "https://login.example.com"
HOST = "chat.example.com"
PLACES = {"/etc/mosquitto/": "etc", "/var/lib/mosquitto/": "lib"}  # -> folders of the test
# The first lines are Debian's /etc/mosquitto/mosquitto.conf.
MAIN = """\
persistence true
persistence_location {directory}/lib/
log_dest file {log}
include_dir {directory}/etc/conf.d
"""


def adapted(text, broker, **values):
    """The plugin's file, folders, ports and addresses of listeners, and the journal's size; what else the test names: option=value."""
    text = text.replace("@HC_PLUGIN_PATH@", str(broker.plugin))
    for place, folder in PLACES.items():
        text = text.replace(place, f"{broker.directory / folder}/")

    def listener(found):
        broker.ports[int(found[1])] = brokers.free_port()
        return f"listener {broker.ports[int(found[1])]} 127.0.0.1"
    text = re.sub(r"^listener (\d+).*$", listener, text, flags=re.M)
    for option, value in {"journal_size": "8M", **values}.items():
        text, found = re.subn(rf"^plugin_opt_{option} .*$", f"plugin_opt_{option} {value}", text, flags=re.M)
        assert found == 1, f"{option} is not in the sample once"
    return text


class SampleBroker(brokers.Broker):
    """A broker with Debian's configuration, and a sample as its conf.d/hyperchat.conf."""

    def __init__(self, version, directory, sample, **values):
        directory.mkdir(exist_ok=True)
        super().__init__(version, directory, store="memory:")
        self.ports = {}
        for folder in ("etc/conf.d", "etc/certs", "lib/metrics"):
            (directory / folder).mkdir(parents=True)
        shutil.copy(CONF / "hyperchat-limits.conf", directory / "etc")
        shutil.copy(self.keys, directory / "etc/hyperchat-keys.json")
        self.sample = adapted((CONF / sample).read_text(), self, **values)
        (directory / "etc/conf.d/hyperchat.conf").write_text(self.sample)
        self.port = self.ports.get(1883) or self.ports[8883]
        self.tls = None

    def configuration(self):
        return MAIN.format(directory=self.directory, log=self.log) + ("user root\n" if os.geteuid() == 0 else "")

    def token(self, user, **claims):
        return super().token(user, iss=ISSUER, **claims)

    def person(self, name, device="phone", **how):
        return super().person(name, device, **({"tls": self.tls} if self.tls else {}), **how)

    def is_in_its_loop(self):
        """It closes the connection of somebody who speaks neither TLS nor MQTT."""
        stranger = mqtt.Client(self.port, connect=False)
        stranger.send(bytes(64))
        stranger.is_closed()

    def doctor_has_no_complaint(self):
        said = self.ctl("doctor", "--conf", self.directory / "mosquitto.conf", "--mosquitto", brokers.executable(self.version))
        assert "store: it opens" in said.replace("store\n  ", "store: ") and "Mosquitto's settings go well with the plugin" in said, said
        complaints = [line for line in said.splitlines() if re.match(r"\s*(WRONG|note)", line) and "is not seen as root" not in line]
        assert complaints == [], said


@pytest.fixture
def starts(broker_version, tmp_path):
    """Starts a broker with a sample; more than one have names."""
    if brokers.executable(broker_version) is None:
        pytest.skip(f"Mosquitto {broker_version} is missing: run scripts/get-brokers")
    running = []

    def start(sample, authority=None, name="broker", **values):
        broker = SampleBroker(broker_version, tmp_path / name, sample, **values)
        if authority:
            certified(broker, authority)
        running.append(broker)
        return broker.start()
    yield start
    for broker in running:
        broker.end_whatever()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return provider.make_authority(tmp_path_factory.mktemp("authority"))


def issued(authority, place):
    """What certbot leaves: the folder of a certificate below live/, with links into archive/."""
    archive, live = place / "archive" / HOST, place / "live" / HOST
    number = len(list(archive.glob("cert*"))) + 1
    for folder in (archive, live):
        folder.mkdir(parents=True, exist_ok=True)
    certificate = provider.make_certificate(archive, authority, f"cert{number}", "IP:127.0.0.1", days=90)
    for name, file in (("fullchain.pem", certificate), ("privkey.pem", certificate.with_suffix(".key"))):
        (live / name).unlink(missing_ok=True)
        (live / name).symlink_to(file)
    return live


def deploys(broker, lineage, **more):
    """certbot runs the hook. Returns what systemctl was told; there is none here."""
    programs, told = broker.directory / "programs", broker.directory / "told"
    programs.mkdir(exist_ok=True)
    told.write_text("")
    for name, line in (("systemctl", f'echo "$*" >>{told}'), ("mosquitto", f'exec {brokers.executable(broker.version)} "$@"')):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "RENEWED_LINEAGE": str(lineage),
                   "HYPERCHAT_ETC": str(broker.directory / "etc"), "HYPERCHAT_OWNER": f"{os.getuid()}:{os.getgid()}", **more}
    subprocess.run([CONF / "hyperchat-letsencrypt"], check=True, env=environment)
    return told.read_text()


def certified(broker, authority):
    deploys(broker, issued(authority, broker.directory / "letsencrypt"))
    broker.tls = ssl.create_default_context(cafile=authority)


def talk(alice, bob):
    bob.asks("getServerInfo")
    alice.says("hi bob", to=bob)
    bob.hears("hi bob")
    bob.says("hi alice", to=alice)
    alice.hears("hi alice")


def by_websocket(broker, tls=None):
    """As a browser: the handshake of a WebSocket with the subprotocol mqtt is answered."""
    port = broker.ports[8443 if tls else 9001]
    with socket.create_connection(("127.0.0.1", port), timeout=mqtt.PATIENCE) as raw:
        with (tls.wrap_socket(raw, server_hostname="127.0.0.1") if tls else raw) as connection:
            connection.sendall(f"GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n".encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 101"), "no WebSocket"


@pytest.mark.sqlite
def test_laptop(starts):
    broker = starts("laptop.conf")
    talk(broker.person("alice"), broker.person("bob"))
    by_websocket(broker)
    broker.doctor_has_no_complaint()


@pytest.mark.sqlite
def test_one_server(starts, authority):
    broker = starts("one-server.conf", authority)
    talk(broker.person("alice"), broker.person("bob"))
    by_websocket(broker, broker.tls)
    broker.doctor_has_no_complaint()
    metrics = broker.directory / "lib/metrics/hyperchat.prom"
    deadline = time.monotonic() + mqtt.PATIENCE
    while not metrics.exists():
        assert time.monotonic() < deadline, "no metrics"
        time.sleep(0.05)


def served(broker, listener):
    """The certificate that a new connection is shown."""
    with socket.create_connection(("127.0.0.1", broker.ports[listener]), timeout=mqtt.PATIENCE) as raw:
        with broker.tls.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
            return connection.getpeercert()["serialNumber"]


@pytest.mark.sqlite
def test_a_renewed_certificate_is_served_after_a_reload_and_nobody_is_disconnected(starts, authority):
    broker = starts("one-server.conf", authority)
    alice, bob = broker.person("alice"), broker.person("bob")
    before = served(broker, 8883)
    deploys(broker, issued(authority, broker.directory / "letsencrypt"))
    broker.reload()
    assert served(broker, 8883) != before
    talk(alice, bob)


@pytest.mark.sqlite
def test_the_hook_restarts_where_a_reload_would_leave_the_old_certificate_to_websockets(starts, authority):
    broker = starts("one-server.conf", authority)
    before = served(broker, 8443)
    told = deploys(broker, issued(authority, broker.directory / "letsencrypt"))
    broker.reload()
    if broker.version.startswith("2.0"):
        assert told == "try-restart mosquitto\n" and served(broker, 8443) == before
        broker.restart()
    else:
        assert told == "try-reload-or-restart mosquitto\n"
    assert served(broker, 8443) != before


@pytest.mark.sqlite
def test_the_hook_reloads_where_there_are_no_websockets(starts, authority):
    broker = starts("one-server.conf", authority)
    sample = broker.directory / "etc/conf.d/hyperchat.conf"
    sample.write_text(broker.sample.replace("protocol websockets", "#protocol websockets"))
    assert deploys(broker, broker.directory / "letsencrypt/live" / HOST) == "try-reload-or-restart mosquitto\n"


@pytest.mark.sqlite
def test_the_hook_makes_files_that_the_broker_reads_and_others_do_not(starts, authority):
    broker = starts("one-server.conf", authority)
    certs = broker.directory / "etc/certs"
    assert sorted(file.name for file in certs.iterdir()) == ["fullchain.pem", "privkey.pem"]
    assert {oct(file.stat().st_mode & 0o777) for file in certs.iterdir()} == {"0o640"}
    before = (certs / "privkey.pem").read_bytes()
    assert deploys(broker, issued(authority, broker.directory / "letsencrypt"), HYPERCHAT_CERTIFICATE="mail.example.com") == ""
    assert (certs / "privkey.pem").read_bytes() == before, "it was another one's certificate"


# ---- several servers ----

@pytest.fixture(scope="module")
def guarded_kafka(tmp_path_factory):
    """One that asks for a password; of SASL's mechanisms the one that the nodes of the tests know."""
    if kafkas.what_is_missing():
        pytest.skip(kafkas.what_is_missing())
    kafka = kafkas.Kafka(tmp_path_factory.mktemp("kafka"), password="of-a-sample")
    yield kafka.start()
    kafka.end()


@pytest.fixture
def many(starts, authority, guarded_kafka):
    """Two servers by the same sample. FerretDB has no replica set and the Kafka of the tests no TLS, so these are left out."""
    topics = {name: guarded_kafka.create_topic(guarded_kafka.new_name()) for name in ("kafka_topic", "kafka_push_topic", "kafka_activity_topic")}
    values = {"store": mongodb.uri_of(mongodb.shared(), mongodb.new_database()), "kafka": guarded_kafka.servers, **topics,
              "kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "PLAIN", "kafka_sasl_password": guarded_kafka.password}
    found = [starts("many-servers.conf", authority, name, writer=name, **values) for name in ("north", "south")]
    found[0].reader = guarded_kafka.reader(topics["kafka_topic"])
    yield found
    found[0].reader.close()


@pytest.mark.mongodb
def test_many_servers(many):
    north, south = many
    alice, bob = north.person("alice"), south.person("bob")
    south.person("alice", "tablet").asks("getServerInfo")
    talk(alice, bob)
    chat = alice.inbox[-1]["chatID"]
    north.reader.reads_up_to(chat, 3)
    assert [value.get("body") for value in north.reader.values(chat) if value["type"] == "message"] == ["hi bob", "hi alice"]
    for broker in many:
        by_websocket(broker, broker.tls)
        broker.doctor_has_no_complaint()

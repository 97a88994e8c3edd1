# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What docker/compose.yaml puts together, without an engine: the composition itself, and the brokers' configuration, Kafka's and the balancer's, as
they are, with this machine's addresses in place of the services' names. The image: scripts/test-image."""
import json
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
import pytest
from test_conf_samples import ISSUER, talk

yaml = pytest.importorskip("yaml", reason="python3-yaml is missing: apt-get install python3-yaml")

ONE_BROKER = True
DOCKER = brokers.ROOT / "docker"
OURS = {"one", "north", "south"}


def composed():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


# ---- the composition ----

@pytest.mark.parametrize("profile", ["one", "many"])
def test_compose_takes_it(profile, tmp_path):
    command, file = ["docker", "compose"], DOCKER / "compose.yaml"
    if subprocess.run([*command, "version"], capture_output=True, check=False).returncode != 0:
        if shutil.which("docker-compose") is None:
            pytest.skip("there is neither docker compose nor docker-compose")
        command, file = ["docker-compose"], tmp_path / "compose.yaml"  # 1.29 does not know `name` yet
        file.write_text(re.sub(r"(?m)^name: .*\n", "", (DOCKER / "compose.yaml").read_text()))
    done = subprocess.run([*command, "-f", file, "--profile", profile, "config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) >= {name for name, service in composed()["services"].items() if profile in service["profiles"]}


def test_the_published_schema_takes_it():
    """COMPOSE_SCHEMA: compose-spec.json of github.com/compose-spec/compose-spec."""
    jsonschema = pytest.importorskip("jsonschema")
    if "COMPOSE_SCHEMA" not in os.environ:
        pytest.skip("COMPOSE_SCHEMA does not say where compose-spec.json is")
    jsonschema.validate(composed(), json.load(open(os.environ["COMPOSE_SCHEMA"], encoding="utf-8")))


def test_every_file_that_is_mounted_is_there_and_every_service_that_is_needed_is_of_the_same_profile():
    services, volumes = composed()["services"], composed()["volumes"]
    for name, service in services.items():
        for source in (volume.split(":")[0] for volume in service.get("volumes", [])):
            assert (DOCKER / source).is_file() if source.startswith("./") else source in volumes, f"{name}: {source}"
        for needed in service.get("depends_on", []):
            assert set(service["profiles"]) <= set(services[needed]["profiles"]), f"{name} needs {needed}"


def test_our_services_are_confined_and_start_as_the_image_says():
    services = composed()["services"]
    assert {name for name, service in services.items() if service["image"] == "hyperchat"} == OURS | {"prepare"}
    for name in OURS:
        service = services[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
        assert not {"command", "entrypoint", "user", "privileged"} & set(service)
    assert [services[name]["hostname"] for name in ("north", "south")] == ["north", "south"], "the writer's name is the host's"


def test_only_the_balancer_or_the_one_broker_can_be_reached_from_outside():
    assert {name for name, service in composed()["services"].items() if "ports" in service} == {"one", "balancer"}


def test_the_replica_set_is_made_of_the_servers_that_there_are_and_brokers_look_for_all_of_them():
    services = composed()["services"]
    servers = [name for name in services if re.fullmatch(r"mongo-\d", name)]
    assert all(services[name]["command"][:3] == ["mongod", "--replSet", "rs0"] for name in servers)
    uri = re.search(r"^plugin_opt_store mongodb://([^/]*)/\S*replicaSet=rs0", (DOCKER / "many.conf").read_text(), re.M)
    assert uri[1].split(",") == servers
    script = (DOCKER / "mongo-init.js").read_text()
    assert "[1, 2, 3].map" in script and "`mongo-${number}:27017`" in script and servers == ["mongo-1", "mongo-2", "mongo-3"]


# ---- health ----

@pytest.mark.parametrize("age, is_open, how, expected", [(0, 1, (), 0), (60, 1, (), 1), (0, 0, (), 1), (0, 0, ("alive",), 0), (60, 1, ("alive",), 1)])
def test_it_is_healthy_while_the_numbers_are_fresh_and_the_store_is_open(tmp_path, age, is_open, how, expected):
    file = tmp_path / "hyperchat.prom"
    file.write_text(f"hyperchat_store_open {is_open}\nhyperchat_collected_timestamp_seconds {time.time() - age:.3f}\n")
    (tmp_path / "hyperchat.conf").write_text(f"plugin /x\nplugin_opt_metrics_file {file}\n")
    done = subprocess.run([DOCKER / "hyperchat-healthy", *how], env={**os.environ, "HYPERCHAT_CONF_DIR": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    assert (done.stdout == "") == (expected == 0), "what is wrong is said"


# ---- the brokers' configuration ----

@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    """What hyperchat-prepare makes; the files' owners are this test's."""
    directory = tmp_path_factory.mktemp("trust")
    programs = tmp_path_factory.mktemp("programs")
    (programs / "chown").write_text("#!/bin/sh\n")
    (programs / "chown").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{brokers.CTL.parent}:{os.environ['PATH']}"}
    for _ in range(2):  # the second time it keeps what there is
        subprocess.run([DOCKER / "hyperchat-prepare", directory], check=True, env=environment)
    return directory


class Composed(brokers.Broker):
    def __init__(self, version, directory, name, trust, places):
        directory.mkdir(exist_ok=True)
        super().__init__(version, directory, store="memory:")
        (directory / "conf.d").mkdir()
        self.tls = ssl.create_default_context(cafile=trust / "ca.pem")
        self.trust, self.name = trust, name
        text = (DOCKER / f"{name}.conf").read_text()
        text = re.sub(r"^listener 8883$", f"listener {self.port} 127.0.0.1", text, flags=re.M)
        text = re.sub(r"^listener 8443$", f"listener {brokers.free_port()} 127.0.0.1", text, flags=re.M)
        places = {"/usr/lib/mosquitto_hyperchat.so": self.plugin, "/trust/": f"{trust}/", "/var/lib/mosquitto/": f"{directory}/",
                  "/tmp/hyperchat.prom": directory / "hyperchat.prom", "/etc/mosquitto/": f"{brokers.ROOT}/conf/", **places}
        for place, here in places.items():
            assert place in text, place
            text = text.replace(place, str(here))
        (directory / "conf.d/hyperchat.conf").write_text(text)

    def configuration(self):
        text = (DOCKER / "mosquitto.conf").read_text().replace("/var/lib/mosquitto/", f"{self.directory}/")
        text = text.replace("/etc/mosquitto/conf.d", f"{self.directory}/conf.d").replace("log_dest stdout", f"log_dest file {self.log}")
        return text + ("user root\n" if os.geteuid() == 0 else "")

    def is_in_its_loop(self):
        stranger = mqtt.Client(self.port, connect=False)
        stranger.send(bytes(64))
        stranger.is_closed()

    def token(self, user, **claims):
        return self.ctl("token", "--keys", self.trust / "hyperchat/keys.json", "--issuer", ISSUER, "--audience", "hyperchat", "--user", user).strip()

    def person(self, name, device="phone", **how):
        return super().person(name, device, **{"tls": self.tls, **how})

    def becomes_healthy(self):
        def healthy():
            return subprocess.run([DOCKER / "hyperchat-healthy"], env={**os.environ, "HYPERCHAT_CONF_DIR": str(self.directory / "conf.d")},
                                  capture_output=True, check=False).returncode == 0
        deadline = time.monotonic() + mqtt.PATIENCE
        while not healthy():
            assert time.monotonic() < deadline, "it does not become healthy"
            time.sleep(0.1)


@pytest.fixture
def starts(broker_version, tmp_path, trust):
    if brokers.executable(broker_version) is None:
        pytest.skip(f"Mosquitto {broker_version} is missing: run scripts/get-brokers")
    running = []

    def start(name, container, places):
        running.append(Composed(broker_version, tmp_path / container, name, trust, places))
        return running[-1].start()
    yield start
    for broker in running:
        broker.end_whatever()


@pytest.mark.sqlite
def test_one(starts):
    broker = starts("one", "one", {})
    talk(broker.person("alice"), broker.person("bob"))
    broker.becomes_healthy()


class ComposedKafka(kafkas.Kafka):
    """By docker/kafka.properties: TLS, and certificates of clients."""

    def __init__(self, directory, trust):
        super().__init__(directory)
        self.trust, node = trust, self.nodes[0]
        text = (DOCKER / "kafka.properties").read_text()
        for place, here in (("kafka:9093", f"127.0.0.1:{node.port}"), ("SSL://:9093", f"SSL://127.0.0.1:{node.port}"),
                            ("localhost:9094", f"127.0.0.1:{node.controller_port}"), ("/trust/", f"{trust}/"),
                            ("/var/lib/kafka/data", str(node.directory / "data"))):
            assert place in text
            text = text.replace(place, here)
        node.configuration = lambda cluster: text

    def client_options(self):
        return {"bootstrap.servers": self.servers, "log_level": 0, "security.protocol": "ssl", "ssl.ca.location": str(self.trust / "ca.pem"),
                "ssl.certificate.location": str(self.trust / "hyperchat/fullchain.pem"), "ssl.key.location": str(self.trust / "hyperchat/privkey.pem")}


@pytest.fixture
def composed_kafka(tmp_path, trust):
    if kafkas.what_is_missing():
        pytest.skip(kafkas.what_is_missing())
    kafka = ComposedKafka(tmp_path / "kafka", trust)
    yield kafka.start()
    kafka.end()


@pytest.fixture
def mongodb_by_tls(tmp_path, trust):
    """FerretDB, as docker/compose.yaml starts mongod: TLS, and certificates of clients. It is no replica set."""
    port = mongodb.free_port()
    (tmp_path / "mongodb").mkdir()
    with open(tmp_path / "mongodb.log", "wb") as log:
        process = subprocess.Popen([mongodb.PROGRAM, "--handler=sqlite", f"--sqlite-url=file:{tmp_path}/mongodb/", f"--state-dir={tmp_path}/mongodb",
                                    "--listen-addr=", f"--listen-tls=127.0.0.1:{port}", f"--listen-tls-cert-file={trust}/mongo/fullchain.pem",
                                    f"--listen-tls-key-file={trust}/mongo/privkey.pem", f"--listen-tls-ca-file={trust}/ca.pem", "--debug-addr=-",
                                    "--telemetry=disable", "--log-level=WARN"], stdout=log, stderr=log, env={**os.environ, "DO_NOT_TRACK": "1"})
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def many(starts, mongodb_by_tls, composed_kafka):
    places = {"mongo-1,mongo-2,mongo-3": f"127.0.0.1:{mongodb_by_tls}", "replicaSet=rs0&": "", "kafka:9093": composed_kafka.servers}

    def named(name):  # the host's name is the test machine's for both
        return {**places, "plugin_opt_readers 8": f"plugin_opt_readers 8\nplugin_opt_writer {name}"}
    return [starts("many", name, named(name)) for name in ("north", "south")]


@pytest.mark.mongodb
def test_many(many, composed_kafka):
    north, south = many
    alice, bob = north.person("alice"), south.person("bob")
    talk(alice, bob)
    for broker in many:
        broker.becomes_healthy()
    reader = composed_kafka.reader("hyperchat.transactions")
    try:
        reader.reads_up_to(alice.inbox[-1]["chatID"], 3, patience=kafkas.START_S)
    finally:
        reader.close()


@pytest.mark.mongodb
def test_the_balancer_brings_clients_to_both(many, tmp_path):
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is missing: install it")
    text, ports = (DOCKER / "haproxy.cfg").read_text(), [brokers.free_port(), brokers.free_port()]
    for place, here in (("bind :8883", f"bind 127.0.0.1:{ports[0]}"), ("bind :8443", f"bind 127.0.0.1:{ports[1]}"),
                        *((f"{broker.directory.name}:8883", f"127.0.0.1:{broker.port}") for broker in many),
                        *((f"{broker.directory.name}:8443", f"127.0.0.1:{broker.port}") for broker in many)):
        assert place in text
        text = text.replace(place, here)
    (tmp_path / "haproxy.cfg").write_text(text)
    process = subprocess.Popen(["haproxy", "-f", tmp_path / "haproxy.cfg"])
    try:
        deadline = time.monotonic() + mqtt.PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", ports[0]), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, "the balancer does not listen"
                time.sleep(0.05)
        people = [many[0].person(name, port=ports[0]) for name in ("alice", "bob", "carol", "dora")]
        talk(people[0], people[1])
        assert all(re.search(r"New client connected from \S+ as (alice|bob|carol|dora)/phone", broker.log_text()) for broker in many)
    finally:
        process.kill()
        process.wait()

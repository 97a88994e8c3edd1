# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Fixtures. HC_BUILD is the build directory whose plugin is tested (build/release), HC_BROKERS the stock Mosquitto versions
(2.0.11,2.0.21,2.1 from scripts/get-brokers, or "system" for the installed one), HC_STORE the backend: sqlite, or mongodb (a server from
scripts/get-ferretdb, or the one that HC_MONGODB names). On the versions of HC_HOST_BROKERS only what depends on the broker's version is
asked: the files that are marked `host`."""
import os

import pytest

import broker as brokers
import kafka as kafkas
import mongodb
import programs
from administrator import shows_its_numbers
from clock import clock  # noqa: F401 (a fixture)

os.environ["MONGOC_DISABLE_SHM"] = "1"  # a broker that is killed would leave libmongoc's counters in /dev/shm

VERSIONS = os.environ.get("HC_BROKERS", "2.0.11,2.0.21,2.1").split(",")
HOST_VERSIONS = [version for version in os.environ.get("HC_HOST_BROKERS", "").split(",") if version]


def pytest_generate_tests(metafunc):
    if "broker_version" in metafunc.fixturenames:
        host = metafunc.definition.get_closest_marker("host") is not None
        one = getattr(metafunc.module, "ONE_BROKER", False) and not metafunc.definition.get_closest_marker("every_broker")
        metafunc.parametrize("broker_version", VERSIONS[:1] if one else VERSIONS + (HOST_VERSIONS if host else []), scope="session")


def pytest_configure(config):
    config.addinivalue_line("markers", "host: depends on what Mosquitto does with packets, sessions, files and signals, not on chats alone")
    config.addinivalue_line("markers", "every_broker: on every version, in a module where ONE_BROKER says that one is enough")
    if not brokers.PLUGIN.exists():
        pytest.exit(f"{brokers.PLUGIN} is missing: cmake --preset release && cmake --build --preset release", returncode=2)
    if brokers.STORE not in ("sqlite", "mongodb"):
        pytest.exit("HC_STORE is sqlite or mongodb", returncode=2)
    config.addinivalue_line("markers", "sqlite: looks at, or holds, the file that SQLite has; only on it")
    config.addinivalue_line("markers", "mongodb: does something to the server; only on it")


def pytest_collection_modifyitems(items):
    missing = mongodb.missing() if brokers.STORE == "mongodb" else None
    other = "sqlite" if brokers.STORE == "mongodb" else "mongodb"
    for item in items:
        if missing or item.get_closest_marker(other):
            item.add_marker(pytest.mark.skip(reason=missing or f"a story of {other}: HC_STORE={other}"))


def pytest_unconfigure():
    mongodb.remove_shared()


def pytest_report_header(config):
    return (f"plugin: {brokers.PLUGIN} (sanitizer: {brokers.sanitizer() or 'none'}), Mosquitto: {', '.join(VERSIONS)}, "
            f"in part: {', '.join(HOST_VERSIONS) or 'none'}, store: {brokers.STORE}")


@pytest.fixture
def idle_broker(broker_version, tmp_path):
    """Configured, not started."""
    if brokers.executable(broker_version) is None:
        pytest.skip(f"Mosquitto {broker_version} is missing: run scripts/get-brokers")
    broker = brokers.Broker(broker_version, tmp_path)
    yield broker
    broker.end_whatever()


@pytest.fixture
def broker(idle_broker):
    return idle_broker.start()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """One node, for all tests of this process: whoever stops it starts it again."""
    if kafkas.what_is_missing():
        pytest.skip(kafkas.what_is_missing())
    kafka = kafkas.Kafka(tmp_path_factory.mktemp("kafka"))
    yield kafka.start()
    kafka.end()


@pytest.fixture
def topic(kafka):
    return kafka.create_topic(kafka.new_name())


@pytest.fixture
def reader(kafka, topic):
    reader = kafka.reader(topic)
    yield reader
    reader.close()


@pytest.fixture
def mirrored(idle_broker, kafka, topic):
    """A broker that brings its transactions to the topic; not started."""
    idle_broker.options |= {"kafka": kafka.servers, "kafka_topic": topic}
    return idle_broker


@pytest.fixture
def observed(idle_broker):
    """A broker whose numbers can be seen; not started."""
    return shows_its_numbers(idle_broker)


@pytest.fixture
def runs():
    """Starts programs, which end with the test."""
    started = []

    def run(*command, **how):
        started.append(programs.Program(*command, **how))
        return started[-1]
    yield run
    for program in started:
        program.ends()


@pytest.fixture
def alice(broker):
    return broker.person("alice")


@pytest.fixture
def bob(broker):
    return broker.person("bob")


@pytest.fixture
def carol(broker):
    return broker.person("carol")


@pytest.fixture
def chat(alice, bob):
    """The chat of alice and bob: number 1 is its beginning, the first message is number 2."""
    return alice.chat_with(bob)

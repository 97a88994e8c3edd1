# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Fixtures. HC_BUILD is the build directory whose plugin is tested (build/release), HC_BROKERS the stock Mosquitto versions
(2.0.11,2.0.21,2.1 from scripts/get-brokers, or "system" for the installed one). On those of HC_HOST_BROKERS only what depends on the
broker's version is asked: the files that are marked `host`."""
import os

import pytest

import broker as brokers

VERSIONS = os.environ.get("HC_BROKERS", "2.0.11,2.0.21,2.1").split(",")
HOST_VERSIONS = [version for version in os.environ.get("HC_HOST_BROKERS", "").split(",") if version]


def pytest_generate_tests(metafunc):
    if "broker_version" in metafunc.fixturenames:
        host = metafunc.definition.get_closest_marker("host") is not None
        metafunc.parametrize("broker_version", VERSIONS + (HOST_VERSIONS if host else []), scope="session")


def pytest_configure(config):
    config.addinivalue_line("markers", "host: depends on what Mosquitto does with packets, sessions, files and signals, not on chats alone")
    if not brokers.PLUGIN.exists():
        pytest.exit(f"{brokers.PLUGIN} is missing: cmake --preset release && cmake --build --preset release", returncode=2)


def pytest_report_header(config):
    return f"plugin: {brokers.PLUGIN} (sanitizer: {brokers.sanitizer() or 'none'}), Mosquitto: {', '.join(VERSIONS)}, in part: {', '.join(HOST_VERSIONS) or 'none'}"


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

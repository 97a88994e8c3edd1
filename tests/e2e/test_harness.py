# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The raw client against a broker without the plugin: what the other tests stand on."""
import mqtt
import pytest

pytestmark = pytest.mark.host


@pytest.fixture
def bare(idle_broker):
    idle_broker.plugin, idle_broker.anonymous = None, True
    return idle_broker.start()


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_goes_round_at_each_qos(bare, version, qos):
    receiver = mqtt.Client(bare.port, "r", version=version)
    assert receiver.subscribe("a/+", qos=2) == [2]
    sender = mqtt.Client(bare.port, "s", version=version)
    assert sender.publish_acked("a/b", "hi", qos=qos) == 0
    message = receiver.next_message()
    assert (message.topic, message.payload, message.qos) == ("a/b", b"hi", qos)


def test_a_topic_alias_stands_for_the_topic(bare):
    client = mqtt.Client(bare.port, "c", version=mqtt.V5)
    client.subscribe("a/b")
    client.publish_acked("a/b", "1", props={"topic_alias": 3})
    client.publish_acked("", "2", props={"topic_alias": 3})
    assert [client.next_message("a/b").payload for _ in range(2)] == [b"1", b"2"]


def test_a_will_comes_when_a_client_is_cut_off(bare):
    watcher = mqtt.Client(bare.port, "w")
    watcher.subscribe("wills")
    mqtt.Client(bare.port, "c", will=("wills", "gone", 1, False)).close()
    assert watcher.next_message("wills").payload == b"gone"


def test_what_a_client_does_not_acknowledge_comes_again(bare):
    client = mqtt.Client(bare.port, "c", clean=False, acknowledges=False)
    client.subscribe("a")
    client.publish_acked("a", "hi")
    assert not client.next_message("a").dup
    client.close()
    again = mqtt.Client(bare.port, "c", clean=False)
    assert again.session_present and again.next_message("a").dup


def test_properties_come_back(bare):
    client = mqtt.Client(bare.port, "c", version=mqtt.V5)
    client.subscribe("a")
    client.publish_acked("a", "hi", props={"response_topic": "b", "correlation_data": b"\x00\x01", "user_property": ("k", "v")})
    found = client.next_message("a").properties
    assert (found["response_topic"], found["correlation_data"], found["user_property"]) == ("b", b"\x00\x01", ("k", "v"))


def test_a_wrong_packet_ends_the_connection(bare):
    client = mqtt.Client(bare.port, "c")
    client.send(b"\x00\x00")
    client.is_closed()

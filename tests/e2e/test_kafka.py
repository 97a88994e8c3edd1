# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Every transaction on a real Kafka: what is there, in which order, and what happens while Kafka is away or does not want it."""
import json
import time

import mqtt
import pytest


@pytest.fixture
def talk(mirrored):
    """alice, bob and their chat on a broker that mirrors."""
    broker = mirrored.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    return broker, alice, bob, alice.chat_with(bob)


def test_a_message_is_on_the_topic_with_its_number(talk, reader):
    broker, alice, bob, chat = talk
    alice.says("hi bob", chat=chat, id="a1")
    line = bob.hears("hi bob")
    record = reader.reads_up_to(chat, 2).records[-1]
    assert record.chat == chat and record.value == {**line}
    assert record.headers == {"type": "message", "transactionID": "2", "epoch": record.headers["epoch"], "writer": record.headers["writer"], "schema": "1"}
    assert f"store epoch {record.headers['epoch']}" in broker.log_text()

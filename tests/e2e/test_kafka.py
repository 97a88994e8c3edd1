# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Every transaction on a real Kafka: what is there, in which order, and what happens while Kafka is away or does not want it."""

import kafka as kafkas
import pytest
import schemas

ONE_BROKER = True  # what is beyond the store knows nothing of the broker's version


@pytest.fixture
def talk(mirrored):
    """alice, bob and their chat on a broker that mirrors."""
    broker = mirrored.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    return broker, alice, bob, alice.chat_with(bob)


@pytest.mark.every_broker
def test_a_message_is_on_the_topic_with_its_number(talk, reader):
    broker, alice, bob, chat = talk
    alice.says("hi bob", chat=chat, id="a1")
    line = bob.hears("hi bob")
    record = reader.reads_up_to(chat, 2).records[-1]
    assert record.chat == chat and record.value == {**line}
    assert record.headers == {"type": "message", "transactionID": "2", "epoch": record.headers["epoch"], "writer": record.headers["writer"], "schema": "1"}
    assert f"store epoch {record.headers['epoch']}" in broker.log_text()


def test_all_kinds_of_transactions_are_there_as_members_get_them(talk, reader):
    broker, alice, bob, chat = talk
    message = alice.says("first", chat=chat)["transactionID"]
    alice.edits(message, chat, "second")
    alice.deletes(message, chat)
    group = alice.makes_group("friends", bob)
    reader.reads_up_to(chat, 4).reads_up_to(group, 2)
    broker.stop()
    for one in (chat, group):
        assert reader.numbers(one) == list(range(1, len(reader.numbers(one)) + 1))
    assert [record.type for record in reader.records if record.chat == group] == ["memberAdded", "groupUpdated"]
    assert reader.values(group) == broker.exported(group)
    schemas.check("kafka-transaction", reader.records)
    assert schemas.refuses("kafka-transaction", reader.records[0], head=None)
    kept = {record.number: record.value for record in reader.records if record.chat == chat}
    assert kept[4] == broker.exported(chat)[3], "what was erased since stands on the topic as it was; the deletion stands behind it"


def test_a_chat_stays_in_one_partition(talk, reader):
    broker, alice, bob, chat = talk
    others = [alice.makes_group(f"group {i}") for i in range(8)]
    for i in range(10):
        alice.says(f"{i}", chat=chat)
    for other in others:
        reader.reads_up_to(other, 2)
    reader.reads_up_to(chat, 11)
    partitions = {}
    for record in reader.records:
        partitions.setdefault(record.chat, set()).add(record.partition)
    assert all(len(of_chat) == 1 for of_chat in partitions.values())
    assert len(set.union(*partitions.values())) > 1


def test_what_was_written_before_kafka_was_there_follows(idle_broker, kafka, topic, reader):
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    alice.says("before", chat=chat)
    broker.stop()
    broker.options |= {"kafka": kafka.servers, "kafka_topic": topic}
    broker.start()
    alice.returns()
    alice.says("after", chat=chat)
    reader.reads_up_to(chat, 3)
    assert reader.numbers(chat) == [1, 2, 3]


def test_a_clean_restart_repeats_nothing(talk, reader):
    broker, alice, bob, chat = talk
    for i in range(50):
        alice.says(f"{i}", chat=chat)
    broker.restart()
    alice.returns()
    alice.says("after", chat=chat)
    reader.reads_up_to(chat, 52)
    assert [record.number for record in reader.records if record.chat == chat] == list(range(1, 53))


# ---- what Kafka does not want ----

def test_a_missing_topic_is_created_and_the_log_says_so(idle_broker, kafka):
    topic = kafka.new_name()
    idle_broker.options |= {"kafka": kafka.servers, "kafka_topic": topic}
    broker = idle_broker
    broker.expects_line(f"Kafka had no topic {topic}: it has been created with Kafka's defaults", broker.start)
    alice = broker.person("alice")
    group = alice.makes_group("friends")
    reader = kafka.reader(topic).reads_up_to(group, 2)
    reader.close()


def test_a_topic_that_is_deleted_is_made_again_and_nothing_new_is_lost(talk, kafka, topic):
    broker, alice, bob, chat = talk
    alice.says("before", chat=chat)
    kafka.reader(topic).reads_up_to(chat, 2).close()
    kafka.delete_topic(topic)
    alice.says("after", chat=chat)
    reader = kafka.reader(topic).reads_up_to(chat, 3, patience=60)
    reader.close()


def test_a_message_that_is_too_large_for_the_topic_goes_there_cut_and_holds_nobody_up(idle_broker, kafka):
    topic = kafka.create_topic(kafka.new_name(), max_message_bytes=2000)
    idle_broker.options |= {"kafka": kafka.servers, "kafka_topic": topic}
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bodies = ["small", "x" * 9000, "small again", *[f"{i}" for i in range(100)]]
    for body in bodies:
        alice.sends(body, chat=chat)
    reader = kafka.reader(topic).reads_up_to(chat, len(bodies) + 1, patience=60)
    assert reader.numbers(chat) == list(range(1, len(bodies) + 2))
    by_number = {record.number: record.value for record in reader.records}
    assert by_number[2]["body"] == "small" and by_number[4]["body"] == "small again"
    assert by_number[3]["cut"] and 0 < len(by_number[3]["body"]) < 2000
    assert f"transaction 3 of chat {chat} was too large for Kafka's topic and went there cut" in broker.log_text()
    reader.close()


def test_batches_that_are_too_large_become_smaller(idle_broker, kafka):
    topic = kafka.create_topic(kafka.new_name(), partitions=1, max_message_bytes=20000)
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    for i in range(200):
        alice.client.publish(f"hc/chat/{chat}/text/m{i}", f"{i} " + "x" * 1000)
    bob.until(lambda: len(bob.heard(chat)) == 200, "all")
    broker.stop()
    broker.options |= {"kafka": kafka.servers, "kafka_topic": topic}
    broker.start()  # it has all of it to send at once
    reader = kafka.reader(topic).reads_up_to(chat, 201, patience=60)
    assert reader.numbers(chat) == list(range(1, 202))
    assert not any("cut" in record.value for record in reader.records)
    assert "set kafka_batch_size" in broker.log_text()
    reader.close()


def test_a_wrong_password_is_said_without_showing_it_and_the_right_one_goes_on(idle_broker, tmp_path):
    if kafkas.what_is_missing():
        pytest.skip(kafkas.what_is_missing())
    kafka = kafkas.Kafka(tmp_path / "kafka", password="hyper-secret-1").start()
    try:
        topic = kafka.create_topic(kafka.new_name())
        broker = idle_broker
        broker.options |= {"kafka": kafka.servers, "kafka_topic": topic, "kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "PLAIN",
                           "kafka_sasl_username": "hyperchat", "kafka_sasl_password": "wrong-secret-2"}
        broker.expects_line("Kafka does not take the login", broker.start)
        alice = broker.person("alice")
        group = alice.makes_group("friends")
        broker.stop()
        broker.options["kafka_sasl_password"] = "hyper-secret-1"
        broker.start()
        reader = kafka.reader(topic).reads_up_to(group, 2, patience=60)
        reader.close()
        assert "wrong-secret-2" not in broker.all_output() and "hyper-secret-1" not in broker.all_output()
    finally:
        kafka.end()


# ---- options ----

@pytest.mark.parametrize("name, value, says", [
    ("kafka_sasl_pasword", "secret-1234", "has no property sasl.pasword"),
    ("kafka_security_protocol", "secret-1234", "does not take this value of security.protocol"),
    ("kafka_acks", "0", "acks is HyperChat's to set"),
])
def test_what_librdkafka_does_not_take_stops_the_start_without_showing_the_value(idle_broker, name, value, says):
    idle_broker.options |= {"kafka": "127.0.0.1:1", name: value}
    said = idle_broker.fails_to_start()
    assert says in said and "secret-1234" not in said


def test_kafka_options_without_kafka_stop_the_start(idle_broker):
    idle_broker.options["kafka_compression_type"] = "lz4"
    assert "have no meaning without plugin_opt_kafka" in idle_broker.fails_to_start()


def test_compression_is_an_option(mirrored, reader):
    mirrored.options["kafka_compression_type"] = "lz4"
    alice = mirrored.start().person("alice")
    reader.reads_up_to(alice.makes_group("friends"), 2)

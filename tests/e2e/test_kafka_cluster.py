# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Kafka behind two brokers on one MongoDB: each brings what it wrote, and what another one left."""
import os

import broker as brokers
import pytest

ONE_BROKER = True
pytestmark = [pytest.mark.mongodb, pytest.mark.skipif(os.environ.get("HC_STORE") != "mongodb", reason="two brokers share a MongoDB: HC_STORE=mongodb")]

MANY = 60
ADOPTED_S = 60  # a lease has to run out, 15 s, on a machine that is busy


@pytest.fixture
def push_topic(kafka):
    return kafka.create_topic(kafka.new_name(), partitions=1)


@pytest.fixture
def pushes(kafka, push_topic):
    reader = kafka.reader(push_topic)
    yield reader
    reader.close()


@pytest.fixture
def north(mirrored, push_topic):
    mirrored.options |= {"writer": "north", "commands_burst": 100000, "kafka_push_topic": push_topic, "push_delay": 3}
    return mirrored.start()


@pytest.fixture
def south(north, tmp_path):
    directory = tmp_path / "south"
    directory.mkdir()
    options = {name: north.options[name] for name in ("store", "kafka", "kafka_topic", "kafka_push_topic", "push_delay", "commands_burst")}
    broker = brokers.Broker(north.version, directory, writer="south", **options)
    broker.issuer, broker.options["keys"] = north.issuer, north.keys
    yield broker.start()
    broker.end_whatever()


def both_write(alice, bob, chat, count, word="m"):
    for number in range(count):
        alice.sends(f"{word}-a{number}", chat=chat)
        bob.sends(f"{word}-b{number}", chat=chat)
    everything = {f"{word}-{who}{number}" for who in "ab" for number in range(count)}
    for person in (alice, bob):
        person.until(lambda: everything <= set(person.heard(chat)), "everything that was written")


def test_what_two_brokers_write_into_one_chat_is_complete_and_each_ones_in_order(north, south, reader):
    alice, bob = north.person("alice"), south.person("bob")
    bob.asks("ListChats")
    chat = alice.chat_with(bob)
    both_write(alice, bob, chat, MANY)
    latest = 1 + 2 * MANY
    reader.until(lambda: len(reader.numbers(chat)) == latest, "all numbers")
    assert sorted(reader.numbers(chat)) == list(range(1, latest + 1))
    for writer in ("north", "south"):
        numbers = list(dict.fromkeys(record.number for record in reader.records if record.headers["writer"] == writer))
        assert len(numbers) >= MANY and numbers == sorted(numbers)
    stored = {line["transactionID"]: line for line in north.exported(chat)}
    assert all(record.value == stored[record.number] for record in reader.records)


def test_who_is_connected_to_the_other_broker_is_not_pushed(north, south, pushes):
    alice, bob, carol = north.person("alice"), south.person("bob"), south.person("carol")
    for person in (bob, carol):
        person.asks("ListChats")
    group = alice.makes_group("friends", bob, carol)
    bob.sees(type="groupUpdated", chatID=group)
    carol.leaves()
    for body in ("one", "two"):
        message = alice.says(body, chat=group)["transactionID"]
        bob.hears(body)
        bob.receives(message, group)
    pushes.until(lambda: any(record.number == message for record in pushes.records), "a push of the last message")
    assert [(record.chat, record.number) for record in pushes.records] == [("carol", message - 1), ("carol", message)]


def test_what_a_broker_left_when_it_was_killed_while_kafka_was_away_is_brought_by_the_other_one(north, south, kafka, reader, pushes):
    alice, bob, carol = north.person("alice"), south.person("bob"), south.person("carol")
    bob.asks("ListChats")
    carol.asks("ListChats")
    chat, other = alice.chat_with(bob), alice.chat_with(carol)
    both_write(alice, bob, chat, 5, "x")
    reader.until(lambda: len(reader.numbers(chat)) == 11, "what was written before")
    carol.leaves()
    kafka.kill9()
    try:
        both_write(alice, bob, chat, MANY)
        message = alice.says("are you there?", chat=other)["transactionID"]
        north.kill9()
    finally:
        kafka.start()
    latest = 1 + 2 * (5 + MANY)
    reader.until(lambda: len(reader.numbers(chat)) == latest and reader.has(other, message), "what north left", patience=ADOPTED_S)
    assert sorted(reader.numbers(chat)) == list(range(1, latest + 1))
    by_north = list(dict.fromkeys(record.number for record in reader.records if record.chat == chat and record.headers["writer"] == "north"))
    assert by_north == sorted(by_north)
    pushes.until(lambda: ("carol", message) in [(record.chat, record.number) for record in pushes.records], "carol's push", patience=ADOPTED_S)
    assert all(record.headers["writer"] == "north" for record in pushes.records if record.chat == "carol")

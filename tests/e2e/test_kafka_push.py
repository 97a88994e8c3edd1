# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""hyperchat.push: who is away is told of each message, once; who is there, or does not want to be told, is not. And hyperchat.activity."""
import time

import administrator
import pytest
import schemas

ONE_BROKER = True


@pytest.fixture
def push_topic(kafka):
    return kafka.create_topic(kafka.new_name(), partitions=1)


@pytest.fixture
def pushing(mirrored, push_topic):
    mirrored.options |= {"kafka_push_topic": push_topic, "push_delay": 1}
    return mirrored


@pytest.fixture
def pushes(kafka, push_topic):
    reader = kafka.reader(push_topic)
    yield reader
    reader.close()


def told(pushes, message, chat):
    """Who was pushed about that message, in order of their names."""
    return sorted(record.chat for record in pushes.records if record.number == message and record.value["chatID"] == chat)


def push_of(pushes, person, message, chat):
    """It comes, and once."""
    def found():
        return [record for record in pushes.records if (record.chat, record.number, record.value["chatID"]) == (person.name, message, chat)]
    pushes.until(found, f"a push of {message} for {person}")
    assert len(found()) == 1
    return found()[0]


def test_a_phone_that_is_away_gets_one_push_that_says_what_to_show(pushing, pushes):
    broker = administrator.shows_its_numbers(pushing).start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.asks("updateUserInfo", userInfo={"name": "Alice Liddell"})
    chat = alice.chat_with(bob)
    bob.asks("registerDevice", platform="apns", pushToken="token-1")
    bob.on("tablet").leaves()
    alice.says("first", chat=chat)
    bob.hears("first")
    bob.reads(2, chat)
    bob.is_up_to_date()
    bob.leaves()
    began = time.time() * 1000
    alice.says("are you there?", chat=chat)
    alice.says("hello? " + "ä" * 200, chat=chat)
    record = push_of(pushes, bob, 4, chat)
    value = dict(record.value)
    assert value.pop("at") - began < 20000 and abs(value.pop("expires") - began - 86400000) < 20000
    assert value == {
        "type": "message", "userID": "bob", "deviceIDs": ["phone", "tablet"],
        "devices": [{"deviceID": "phone", "platform": "apns", "pushToken": "token-1"}], "chatID": chat, "transactionID": 4, "senderID": "alice",
        "senderName": "Alice Liddell", "preview": "hello? " + "ä" * 93, "unread": 2, "mentioned": False, "priority": "high", "collapseKey": chat}
    assert record.headers["chatID"] == chat and record.headers["transactionID"] == "4"
    assert [record.number for record in pushes.records] == [3, 4], "and nobody is told of what he has read"
    administrator.Administrator(broker).until(lambda numbers: numbers.get("kafka_pushes_total") == 2 and
                                              numbers.get("kafka_lag_transactions/push") == 0, "that two pushes were made, and no more are due")
    bob.connects()
    assert bob.thumbnail(chat)["unread"] == value["unread"]
    schemas.check("kafka-push", pushes.records)
    assert schemas.refuses("kafka-push", record, unread="2") and schemas.refuses("kafka-push", record, expires=None)


def test_who_is_there_or_does_not_want_it_is_not_told(pushing, pushes):
    """One group: bob is away, carol is there and acknowledges nothing, dave muted it, erin blocks alice, frank is blocked by her, gina comes when
    the message is there already."""
    broker = pushing.start()
    names = ("alice", "bob", "carol", "dave", "erin", "frank", "gina")
    alice, bob, carol, dave, erin, frank, gina = [broker.person(name) for name in names]
    group = alice.makes_group("friends", bob, carol, dave, erin, frank)
    dave.sees(type="memberAdded", chatID=group)
    dave.asks("mute", chatID=group, until=int(time.time() * 1000) + 3600000)
    erin.asks("blockUser", blockID="alice")
    alice.asks("blockUser", blockID="frank")
    for person in (bob, dave, erin, frank, gina):
        person.leaves()
    carol.client.ping()
    message = alice.says("the pub at eight?", chat=group)["transactionID"]
    alice.adds(gina, to=group)
    value = push_of(pushes, bob, message, group).value
    assert value["chatName"] == "friends" and value["unread"] == 1
    last = alice.says("@bob?", chat=group)["transactionID"]
    assert push_of(pushes, bob, last, group).value["mentioned"]
    pushes.until(lambda: "gina" in told(pushes, last, group), "gina's push of what she sees")
    assert told(pushes, message, group) == ["bob"] and told(pushes, last, group) == ["bob", "gina"]


def test_who_is_connected_is_told_when_his_connection_turns_out_to_be_dead(pushing, pushes):
    """carol's client says nothing more, bob's says that it has the message: both connections are cut."""
    broker = pushing.start()
    alice, bob, carol, dave = [broker.person(name) for name in ("alice", "bob", "carol", "dave")]
    group = alice.makes_group("friends", bob, carol, dave)
    for person in (bob, carol):
        person.sees(type="groupUpdated", chatID=group)
    dave.leaves()
    alice.says("one", chat=group)
    message = alice.says("two", chat=group)["transactionID"]
    bob.hears("two")
    bob.receives(message, group)
    push_of(pushes, dave, message, group)
    assert told(pushes, message, group) == ["dave"]
    bob.is_cut_off()
    carol.is_cut_off()
    assert push_of(pushes, carol, message, group).value["unread"] == 2
    assert sorted((record.chat, record.number) for record in pushes.records if record.chat != "dave") == [("carol", message)]


def test_what_was_deleted_or_edited_meanwhile_is_told_as_it_is_by_then(pushing, pushes):
    broker = pushing.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bob.leaves()
    alice.deletes(alice.says("a secret", chat=chat)["transactionID"], chat)
    edited = alice.says("at seven", chat=chat)["transactionID"]
    alice.edits(edited, chat, "at eight")
    assert push_of(pushes, bob, edited, chat).value["preview"] == "at eight"
    assert [record.number for record in pushes.records] == [edited]


def test_after_kill_9_the_push_comes(pushing, pushes):
    broker = pushing.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bob.leaves()
    message = alice.says("are you there?", chat=chat)["transactionID"]
    broker.kill9()
    broker.start()
    push_of(pushes, bob, message, chat)


def test_while_kafka_is_away_pushes_wait(pushing, pushes, kafka):
    broker = pushing.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bob.leaves()
    kafka.is_paused()
    try:
        message = alice.says("are you there?", chat=chat)["transactionID"]
        time.sleep(2)
    finally:
        kafka.goes_on()
    push_of(pushes, bob, message, chat)


def test_a_topic_of_pushes_that_is_deleted_is_made_again(pushing, pushes, kafka, push_topic):
    broker = pushing.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bob.leaves()
    push_of(pushes, bob, alice.says("before", chat=chat)["transactionID"], chat)
    kafka.delete_topic(push_topic)
    message = alice.says("after", chat=chat)["transactionID"]
    again = kafka.reader(push_topic)
    again.until(lambda: message in [record.number for record in again.records], "the push of what was written behind it", patience=60)
    again.close()


@pytest.mark.parametrize("option, value", [("push_preview", "off"), ("kafka_body", "encrypted")])
def test_a_push_says_nothing_of_the_text_where_it_may_not(pushing, pushes, option, value):
    pushing.options[option] = value
    broker = pushing.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bob.leaves()
    message = alice.says("the blue heron", chat=chat)["transactionID"]
    record = push_of(pushes, bob, message, chat)
    assert "preview" not in record.value and b"heron" not in record.raw
    schemas.check("kafka-push", [record])


def test_pushes_begin_when_they_are_switched_on_on_a_topic_that_is_made(mirrored, kafka):
    broker = mirrored.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    bob.leaves()
    alice.says("before", chat=chat)
    broker.stop()
    topic = kafka.new_name()
    broker.options |= {"kafka_push_topic": topic, "push_delay": 1}
    broker.expects_line(f"Kafka had no topic {topic}: it has been created", lambda: (broker.start(), alice.returns(), alice.says("after", chat=chat)))
    pushes = kafka.reader(topic)
    push_of(pushes, bob, 3, chat)
    assert [record.number for record in pushes.records] == [3]
    pushes.close()


@pytest.mark.parametrize("options, says", [
    ({"kafka_push_topic": "hyperchat.push"}, "have no meaning without plugin_opt_kafka"),
    ({"kafka": "127.0.0.1:1", "kafka_push_topic": "hyperchat.transactions"}, "two of them are the same topic"),
    ({"kafka": "127.0.0.1:1", "kafka_push_topic": "one", "kafka_activity_topic": "one"}, "two of them are the same topic"),
])
def test_topics_that_cannot_work_stop_the_start(idle_broker, options, says):
    idle_broker.options |= options
    assert says in idle_broker.fails_to_start()


# ---- what passes ----

def test_receipts_and_who_comes_and_goes_are_on_the_topic_of_activity(mirrored, kafka):
    topic = kafka.new_name()
    mirrored.options["kafka_activity_topic"] = topic
    broker = mirrored
    broker.expects_line(f"Kafka had no topic {topic}: it has been created", broker.start)
    activity = kafka.reader(topic)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)

    def has(**fields):
        return [record for record in activity.records if all(record.value.get(name) == value for name, value in fields.items())]
    activity.until(lambda: has(type="online", userID="alice") and has(type="online", userID="bob"), "who came")
    for number in range(2, 12):
        alice.says(f"{number}", chat=chat)
    bob.hears("11")
    bob.publishes(f"chat/{chat}/typing", "true")
    for number in range(2, 12):
        bob.receives(number, chat)
    bob.reads(11, chat)
    bob.leaves()
    activity.until(lambda: has(type="receipt", userID="bob", chatID=chat, received=11, read=11), "bob's receipt")
    assert len(has(type="receipt", userID="bob")) < 5, "they come together"
    activity.until(lambda: has(type="offline", userID="bob"), "that bob is gone")
    assert {record.type for record in activity.records} == {"online", "offline", "receipt"}
    assert all(record.chat == record.value["userID"] and record.headers["type"] == record.type for record in activity.records)
    schemas.check("kafka-activity", activity.records)
    assert schemas.refuses("kafka-activity", has(type="offline")[0], at=None)
    activity.close()

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Messages from one to the other: numbers, acknowledgements, idempotency, conditions, replies."""
import time

import mqtt
import pytest

pytestmark = pytest.mark.host


def test_the_first_message_makes_the_chat(alice, bob):
    sent = alice.says("hi", to=bob)
    beginning = bob.sees(type="memberAdded", transactionID=1, senderID="alice")
    assert sorted((m["userID"], m["role"]) for m in beginning["members"]) == [("alice", "member"), ("bob", "member")]
    heard = bob.hears("hi", transactionID=2, messageID=2, senderID="alice")
    assert heard["chatID"] == beginning["chatID"] == sent["chatID"]
    assert len(heard["chatID"]) == 22 and len(heard["head"]) == 22


def test_both_find_the_same_chat_whoever_begins(alice, bob):
    assert alice.chat_with(bob) == bob.chat_with(alice) == alice.chat_with(bob)
    assert alice.says("hi", to=bob)["chatID"] == alice.chat_with(bob)


def test_the_own_transaction_with_its_command_id_is_the_is_sent(alice, bob, chat):
    own = alice.says("hi", chat=chat, id="a1")
    heard = bob.hears("hi")
    assert own["commandID"] == "a1" and own == heard
    assert abs(own["at"] - time.time() * 1000) < 60_000


def test_the_command_id_may_stand_in_the_payload(alice, bob, chat):
    alice.publishes(f"chat/{chat}/send", {"body": "hi", "commandID": "a1"})
    alice.sees(type="message", commandID="a1")


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_qos_and_version_delivers_once(broker, bob, version, qos):
    alice = broker.person("alice", version=version)
    alice.sends("one", to=bob, qos=qos)
    alice.says("two", to=bob)
    bob.hears("two")
    assert bob.heard() == ["one", "two"]


def test_bodies_come_back_byte_for_byte(alice, bob, chat):
    bodies = ["  spaces  ", "line\nbreak\r\n", "tab\t", "\"quotes\" \\ / \b\f", "näïve ☕ 👩‍👩‍👧 \u200f\ufeff", "e\u0301 is not é", "\u0001\u001f\u007f\u0085\u2028", "0", ""]
    bodies = [body for body in bodies if body]
    for body in bodies:
        alice.says(body, chat=chat)
    bob.hears(*bodies)


def test_plain_text_goes_in_and_out(alice, bob, chat):
    assert alice.publishes(f"chat/{chat}/text/a1", "hello\nworld") == 0
    bob.hears("hello\nworld", commandID="a1")
    bob.reads_text("hello world", chat=chat, sender=alice)


def test_text_to_a_person_makes_the_chat(alice, bob):
    alice.publishes("user/bob/text", "hi")
    bob.reads_text("hi", sender=alice)


def test_text_shows_no_control_character_but_tab(alice, bob, chat):
    alice.says("a\tb\u0007c\u001b[0m\u0085d\u007fe\r\nf", chat=chat)
    bob.reads_text("a\tb c [0m d e  f")


def test_client_time_and_content_type_come_back(alice, bob, chat):
    alice.says("{}", chat=chat, contentType="application/json", clientTime=1790000000000)
    assert bob.hears("{}", contentType="application/json")["clientTime"] == 1790000000000


def test_the_other_devices_of_the_sender_hear_it(alice, bob, chat):
    laptop = alice.on("laptop")
    alice.says("hi", chat=chat)
    laptop.hears("hi", senderID="alice")


def test_numbers_have_no_gap_and_heads_chain(alice, bob, chat):
    sent = [alice.says(f"{i}", chat=chat) for i in range(5)]
    bob.hears("4")
    assert [t["transactionID"] for t in sent] == [2, 3, 4, 5, 6]
    assert bob.numbers(chat) == [1, 2, 3, 4, 5, 6]
    assert len({t["head"] for t in bob.inbox}) == 6
    assert {t["transactionID"]: t["head"] for t in alice.inbox} == {t["transactionID"]: t["head"] for t in bob.inbox}


def test_five_hundred_at_once_arrive_in_order(alice, bob, chat):
    bodies = [f"{i}" for i in range(500)]
    for body in bodies:
        alice.client.publish(f"hc/chat/{chat}/text/c{body}", body)
    bob.hears(*bodies)
    alice.hears(*bodies)
    assert bob.numbers(chat) == list(range(1, 502))
    assert len(bob.packets) < 500, "under load several lines share a packet"


def test_two_who_write_at_once_see_the_same_order(alice, bob, chat):
    for i in range(100):
        alice.client.publish(f"hc/chat/{chat}/text", f"a{i}")
        bob.client.publish(f"hc/chat/{chat}/text", f"b{i}")
    for person in (alice, bob):
        person.until(lambda p=person: len(p.heard(chat)) == 200, "200 messages")
    assert alice.heard(chat) == bob.heard(chat)
    assert [b for b in bob.heard(chat) if b[0] == "a"] == [f"a{i}" for i in range(100)]
    assert alice.numbers(chat) == list(range(1, 202))


# ---- acknowledgements ----

def test_without_a_command_id_the_ack_says_the_number(alice, chat):
    alice.publishes(f"chat/{chat}/send", {"body": "hi"})
    assert alice.gets_ack("-") == {"chatID": chat, "messageID": 2, "transactionID": 2}


def test_who_reads_no_inbox_gets_an_ack(broker, bob, chat):
    button = broker.person("alice", "button", subscribes=("hc/me/ack/#",))
    button.publishes(f"chat/{chat}/text/b1", "pressed")
    assert button.gets_ack("b1") == {"chatID": chat, "messageID": 2, "transactionID": 2}
    bob.hears("pressed")


def test_nobody_else_gets_the_ack(alice, bob, chat):
    laptop = alice.on("laptop")
    alice.publishes(f"chat/{chat}/send", {"body": "hi"})
    alice.gets_ack("-")
    for other in (laptop, bob):
        other.hears("hi")
        assert other.is_up_to_date().acks == []


def test_a_success_is_not_acked_to_who_sees_it_in_his_inbox(alice, chat):
    alice.says("hi", chat=chat, id="a1")
    assert alice.is_up_to_date().acks == []


# ---- the same command twice ----

def test_a_repeated_command_adds_nothing_and_gets_the_first_result(alice, bob, chat):
    first = alice.says("hi", chat=chat, id="a1")
    alice.publishes(f"chat/{chat}/send/a1", {"body": "hi"})
    assert alice.gets_ack("a1") == {"chatID": chat, "messageID": first["messageID"], "transactionID": first["transactionID"]}
    alice.says("end", chat=chat)
    bob.hears("end")
    assert bob.heard() == ["hi", "end"]


def test_a_repeated_command_is_known_after_a_restart(broker, alice, bob, chat):
    first = alice.says("hi", chat=chat, id="a1")
    broker.restart()
    alice.returns()
    alice.publishes(f"chat/{chat}/send/a1", {"body": "hi"})
    assert alice.gets_ack("a1")["transactionID"] == first["transactionID"]


def test_the_same_id_with_another_content_is_refused(alice, bob, chat):
    alice.says("hi", chat=chat, id="a1")
    for other in ({"body": "ho"}, {"body": "hi", "contentType": "text/html"}, {"body": "hi", "repliedTo": 2}):
        alice.publishes(f"chat/{chat}/send/a1", other)
        alice.is_refused("id_reused", "a1")
    alice.says("end", chat=chat)
    bob.hears("end")
    assert bob.heard() == ["hi", "end"]


def test_the_same_id_of_another_user_is_another_command(alice, bob, chat):
    assert alice.says("hi", chat=chat, id="x")["transactionID"] == 2
    assert bob.says("hi", chat=chat, id="x")["transactionID"] == 3


def test_a_refused_command_leaves_no_trace_of_its_id(alice, chat):
    alice.sends("hi", chat=chat, id="a1", ifLatest=99)
    alice.is_refused("conflict", "a1")
    assert alice.says("something else", chat=chat, id="a1")["transactionID"] == 2


def test_without_an_id_a_command_counts_as_often_as_it_comes(alice, bob, chat):
    for _ in range(3):
        alice.publishes(f"chat/{chat}/text", "again")
    bob.hears("again", "again", "again")
    assert bob.numbers(chat) == [1, 2, 3, 4]


def test_a_dup_of_qos_1_with_an_id_counts_once(alice, bob, chat):
    alice.publishes(f"chat/{chat}/text/a1", "hi", packet_id=7)
    alice.publishes(f"chat/{chat}/text/a1", "hi", packet_id=7, dup=True)
    alice.says("end", chat=chat)
    bob.hears("end")
    assert bob.heard() == ["hi", "end"]


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_a_dup_of_qos_2_counts_once(broker, bob, version):
    alice = broker.person("alice", version=version)
    topic = "hc/user/bob/text/a1"
    alice.client.publish(topic, "hi", qos=2, packet_id=9)
    alice.client.answer(mqtt.PUBREC, 9)
    alice.client.publish(topic, "hi", qos=2, packet_id=9, dup=True)
    alice.client.answer(mqtt.PUBREC, 9)
    alice.client.send(mqtt.packet(mqtt.PUBREL, 2, b"\x00\x09"))
    alice.client.answer(mqtt.PUBCOMP, 9)
    alice.says("end", to=bob)
    bob.hears("end")
    assert bob.heard() == ["hi", "end"]


def test_a_topic_alias_reaches_the_chat(broker, bob):
    alice = broker.person("alice", version=mqtt.V5)
    alice.client.publish_acked("hc/user/bob/text", "one", props={"topic_alias": 1})
    alice.client.publish_acked("", "two", props={"topic_alias": 1})
    alice.client.publish_acked("", "three", qos=2, props={"topic_alias": 1})
    bob.hears("one", "two", "three")


# ---- compare and append ----

def test_if_latest_wins_when_nothing_came_between(alice, bob, chat):
    assert alice.says("lock", chat=chat, ifLatest=1)["transactionID"] == 2


def test_if_latest_loses_when_something_came_between(alice, bob, chat):
    bob.says("first", chat=chat)
    alice.sends("lock", chat=chat, id="a1", ifLatest=1)
    alice.is_refused("conflict", "a1")
    alice.hears("first")
    assert "lock" not in alice.is_up_to_date().heard()


def test_of_many_who_compare_one_wins(alice, bob, chat):
    laptop = bob.on("laptop")
    for person in (alice, bob, laptop):
        for i in range(10):
            person.client.publish(f"hc/chat/{chat}/send/{person.device}-{person.name}-{i}", f'{{"body": "mine", "ifLatest": 1}}')
    for person in (alice, bob, laptop):
        refusals = person.until(lambda p=person: (p.sort(), sum("error" in a[1] for a in p.acks))[1] >= 9, "the refusals")
        assert refusals <= 10
    assert alice.asks("getLatestTransactionID", chatID=chat)["transactionID"] == 2


# ---- replies ----

def test_a_reply_carries_what_it_answered(alice, bob, chat):
    question = alice.says("lunch?", chat=chat)["messageID"]
    bob.says("yes", chat=chat, repliedTo=question)
    assert alice.hears("yes")["repliedTo"] == {"messageID": question, "body": "lunch?"}


def test_a_quote_is_cut_at_a_character_below_256_bytes(alice, bob, chat):
    question = alice.says("é" * 200, chat=chat)["messageID"]
    bob.says("yes", chat=chat, repliedTo=question)
    assert alice.hears("yes")["repliedTo"]["body"] == "é" * 128


@pytest.mark.parametrize("number", [3, 99, 2**53])
def test_a_reply_to_nothing_is_refused(alice, chat, number):
    alice.says("hi", chat=chat)
    alice.sends("yes", chat=chat, id="a1", repliedTo=number)
    alice.is_refused("forbidden", "a1")


def test_a_reply_to_what_is_no_message_is_refused(alice, chat):
    alice.sends("yes", chat=chat, id="a1", repliedTo=1)
    alice.is_refused("forbidden", "a1")


# ---- limits ----

@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_above_the_budget_every_command_is_refused_and_none_overtakes(idle_broker, version):
    idle_broker.set_limits(commands_per_second=1, commands_burst=20)
    broker = idle_broker.start()
    bob, alice = broker.person("bob"), broker.person("alice", version=version)
    chat = alice.chat_with(bob)
    for i in range(40):
        alice.client.publish(f"hc/chat/{chat}/text/c{i}", f"{i}")
    alice.until(lambda: len(alice.heard()) + len(alice.acks) == 40, "an outcome for each of 40")
    accepted = len(alice.heard())
    assert 10 <= accepted <= 25
    assert alice.heard() == [f"{i}" for i in range(accepted)], "nothing overtakes what was refused"
    for _, answer, qos in alice.acks:
        assert answer["error"]["code"] == "rate_limited" and answer["error"]["retryAfter"] > 0
        assert qos == 1


def test_a_thousand_at_once_are_served(alice, bob, chat):
    for i in range(990):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i}")
    alice.until(lambda: len(alice.heard()) == 990, "990 messages")


def test_new_contacts_are_limited(idle_broker):
    idle_broker.set_limits(new_contacts_per_hour=2)
    broker = idle_broker.start()
    for name in ("bob", "carol", "dave"):
        broker.person(name)
    alice = broker.person("alice")
    alice.says("hi", to="bob")
    alice.says("hi", to="carol")
    alice.sends("hi", to="dave", id="a1")
    alice.is_refused("rate_limited", "a1")
    alice.says("known already", to="bob")


def test_a_body_at_the_limit_is_taken_and_above_refused(alice, bob, chat):
    alice.says("x" * 16384, chat=chat)
    bob.hears("x" * 16384)
    alice.sends("x" * 16385, chat=chat, id="a1")
    alice.is_refused("too_large", "a1")
    alice.publishes(f"chat/{chat}/text/a2", "x" * 16385)
    alice.is_refused("too_large", "a2")


def test_a_reload_changes_a_limit(idle_broker):
    idle_broker.set_limits(body_max=1000)
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.sends("x" * 2000, to=bob, id="a1")
    alice.is_refused("too_large", "a1")
    broker.set_limits(body_max="4K")
    broker.expects_line("body_max: 1000 -> 4096", broker.reload)
    alice.says("x" * 2000, to=bob)
    broker.set_limits(body_max="none")
    broker.expects_line("limits_file line 1: body_max", broker.reload)
    alice.says("y" * 2000, to=bob)

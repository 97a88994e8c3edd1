# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What one user may cost: each budget used up, refused with the time, and given back. (Commands and bytes: test_robustness.py; contacts: test_people.py.)"""
import base64
import time

import mqtt
import pytest
from person import RpcError


@pytest.fixture
def tight(idle_broker):
    """A broker whose limits a test sets."""
    def start(**limits):
        idle_broker.set_limits(**limits)
        return idle_broker.start()
    return start


def refused_by(person, operation, **arguments):
    """Calls until it is rate_limited; how often it was answered, and the error."""
    for count in range(2000):
        try:
            person.asks(operation, **arguments)
        except RpcError as failed:
            assert failed.code == "rate_limited", failed
            return count, failed.error
    raise AssertionError(f"{operation} is not bounded")


def test_typing_is_bounded_and_comes_back(tight):
    broker = tight(typing_per_second=1)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    for _ in range(10):
        alice.publishes(f"chat/{chat}/typing")
    alice.publishes(f"chat/{chat}/typing")
    error = alice.is_refused("rate_limited")
    assert 0 < error["retryAfter"] <= 1100
    bob.is_up_to_date()
    assert len([e for e in bob.live if e["type"] == "typing"]) == 10
    alice.says("messages go on", chat=chat)
    time.sleep(error["retryAfter"] / 1000)
    alice.publishes(f"chat/{chat}/typing")
    bob.until(lambda: len([e for e in bob.live if e["type"] == "typing"]) == 11, "another typing event")


def test_what_is_answered_is_bounded_in_bytes(tight):
    broker = tight(reply_bytes_per_second="10K")
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    alice.says("x" * 15000, chat=chat)
    count, error = refused_by(alice, "getMessage", chatID=chat, messageID=2)
    assert 13 <= count <= 16, "20 seconds' worth"
    assert 0 < error["retryAfter"] < 3000
    bob.asks("getMessage", chatID=chat, messageID=2)
    alice.returns()
    assert refused_by(alice, "getMessage", chatID=chat, messageID=2)[0] == 0, "connecting again gains nothing"
    time.sleep(2)
    alice.asks("getMessage", chatID=chat, messageID=2)


@pytest.mark.parametrize("operation, arguments", [("getServerInfo", {}), ("ListChats", {}), ("setStatus", {"text": "x"})])
def test_every_call_is_bounded(tight, operation, arguments):
    alice = tight(commands_per_second=1, commands_burst=20, calls_per_second=1).person("alice")
    count, error = refused_by(alice, operation, **arguments)
    assert 18 <= count <= 21
    assert 0 < error["retryAfter"] <= 1100


def test_who_has_sent_too_much_can_still_read(tight):
    broker = tight(commands_per_second=1, commands_burst=5)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    for i in range(10):
        alice.sends(f"{i}", chat=chat)
    alice.is_denied("rate_limited", "setStatus", text="x")
    assert alice.asks("ListChats")["chats"][0]["chatID"] == chat


# ---- what is refused costs as well ----

def refusals(person, publishes, count):
    """Publishes so often; the codes of the errors that came, in their order."""
    known = len(person.acks)
    for i in range(count):
        publishes(i)
    person.until(lambda: len(person.acks) == known + count, "an error for each")
    return [answer["error"]["code"] for _, answer, _ in person.acks[known:]]


def test_junk_uses_up_the_bytes_of_calls(tight):
    alice = tight(bytes_per_second="16K").person("alice")
    for i in range(4):
        alice.client.publish(f"hc/rpc/ListChats/j{i}", "[" * 200000)
    alice.until(lambda: len(alice.replies) == 4, "all answers")
    codes = [alice.replies[f"j{i}"][0]["error"]["code"] for i in range(4)]
    assert codes == ["bad_request", "bad_request", "rate_limited", "rate_limited"], "20 seconds' worth, on credit"
    alice.asks("ListChats")


@pytest.mark.parametrize("tail, payload, code", [pytest.param(*case, id=f"{case[0]}-{len(case[1])}") for case in (
    ("chat/{chat}/send/a{i}", "[", "bad_request"), ("chat/{chat}/text/a{i}", b"\xff", "bad_request"), ("chat/{chat}/delete/1/a{i}", "x", "bad_request"),
    ("user/alice/send/a{i}", '{"body": "x"}', "bad_request"), ("chat/{chat}/text/a{i}", "x" * 300000, "too_large"),
    ("chat/{chat}/text/a{i}", "x" * 70000, "too_large"), ("chat/{chat}/read/1", "x", "bad_request"), ("chat/{chat}/typing", "x", "bad_request"),
    ("me/inbox", "x", "forbidden"), ("chat/{chat}/events", "x", "forbidden"), ("nowhere", "x", "bad_request"), ("rpc/setStatus", "{}", "bad_request"))])
def test_what_can_never_be_taken_costs_as_much_as_a_command(tight, tail, payload, code):
    broker = tight(commands_per_second=1, commands_burst=6, calls_per_second=1)
    alice, bob = broker.person("alice", version=mqtt.V5), broker.person("bob")
    chat = bob.chat_with(alice)
    codes = refusals(alice, lambda i: alice.publishes(tail.format(chat=chat, i=i), payload), 8)
    assert codes[:5] == [code] * 5
    assert codes[-1] == "rate_limited"


def test_a_retained_publish_costs_as_much_as_a_command(tight):
    broker = tight(commands_per_second=1, commands_burst=6)
    alice = broker.person("alice", version=mqtt.V5)
    assert refusals(alice, lambda i: alice.publishes("chat/x/text/a1", "x", retain=True), 8)[-1] == "rate_limited"


def test_a_message_that_is_too_much_is_refused_by_the_id_in_its_payload(tight):
    broker = tight(commands_per_second=1, commands_burst=5)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    for i in range(6):
        alice.publishes(f"chat/{chat}/send", {"body": f"{i}"})
    alice.publishes(f"chat/{chat}/send", '{"body": "\\"commandID\\":\\"b1\\"", "contentType": "commandID", "commandID" : "a1"}')
    alice.is_refused("rate_limited", "a1")


def test_icons_are_bounded(tight):
    alice = tight(icons_per_hour=2).person("alice")
    for i in range(2):
        alice.asks("updateUserInfo", userInfo={"icon": base64.b64encode(bytes([i])).decode()})
    assert 0 < alice.is_denied("rate_limited", "updateUserInfo", userInfo={"icon": "AAAA"})["retryAfter"] <= 1800 * 1000
    alice.asks("updateUserInfo", userInfo={"name": "Alice", "icon": "https://a.example/"})


def test_icons_are_bounded_wherever_they_are_given(tight):
    alice = tight(icons_per_hour=3).person("alice")
    group = alice.makes_group("Friends", icon="AAAA")
    alice.asks("updateGroupInfo", groupID=group, groupInfo={"icon": "BBBB"})
    alice.asks("updateUserInfo", userInfo={"icon": "CCCC"})
    for operation, arguments in (("createGroupChat", {"groupName": "Others", "icon": "DDDD"}), ("updateGroupInfo", {"groupID": group, "groupInfo": {"icon": "DDDD"}}),
                                 ("updateUserInfo", {"userInfo": {"icon": "DDDD"}})):
        alice.is_denied("rate_limited", operation, **arguments)
    alice.makes_group("Others", icon="https://a.example/")
    alice.makes_group("More", icon="")


def test_subscriptions_are_bounded_in_number(tight):
    broker = tight(subscriptions_max=3)
    alice = broker.person("alice", subscribes=("hc/me/inbox", "hc/me/live"))
    assert alice.client.subscribe("hc/me/ack/#")[0] < 0x80
    assert alice.client.subscribe("hc/me/reply/#")[0] >= 0x80
    assert alice.client.subscribe("hc/me/inbox")[0] < 0x80, "one that it has"


def test_subscribing_over_and_over_is_bounded(tight):
    broker = tight(subscriptions_per_second=1)
    alice = broker.person("alice", version=mqtt.V5)
    granted = [alice.client.subscribe("hc/me/inbox")[0] for _ in range(70)]
    assert granted[0] < 0x80 and granted[-1] >= 0x80


def test_calls_under_way_are_bounded(tight):
    alice = tight(rpc_in_flight=2).person("alice")
    for i in range(20):
        alice.client.publish(f"hc/rpc/ListChats/f{i}", "{}")
    alice.until(lambda: len(alice.replies) == 20, "all answers")
    errors = [answer["error"] for answer, _ in alice.replies.values() if "error" in answer]
    assert all(error["code"] == "rate_limited" and error["retryAfter"] > 0 for error in errors)

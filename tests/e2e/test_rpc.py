# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Operations: how they are called on both MQTT versions, and what each answers."""
import json
import subprocess
import time

import mqtt
import pytest


@pytest.fixture
def talk(alice, bob, chat):
    """Five messages, numbers 2 to 6: alice, bob, alice, bob, alice."""
    for i, person in enumerate([alice, bob, alice, bob, alice]):
        person.says(f"m{i}", chat=chat)
    bob.hears("m4")
    return chat


# ---- how it is called ----

def test_the_answer_comes_on_the_reply_topic_to_who_asked_alone(alice, bob):
    laptop = alice.on("laptop")
    alice.asks("getServerInfo", id="7")
    assert laptop.is_up_to_date().replies.get("7") is None
    assert bob.is_up_to_date().replies.get("7") is None


def test_mqtt_5_names_the_response_topic_and_correlation(broker):
    client = broker.client("alice/phone", "alice", version=mqtt.V5)
    client.subscribe("hc/me/reply/#")
    client.publish_acked("hc/rpc/getServerInfo", "{}", props={"response_topic": "hc/me/reply/mine/1", "correlation_data": b"\x00\xff"})
    answer = client.next_message("hc/me/reply/mine/1")
    assert answer.properties["correlation_data"] == b"\x00\xff"
    assert "result" in json.loads(answer.payload)


@pytest.mark.parametrize("elsewhere", ["hc/me/inbox", "hc/me/replyx/1", "other/topic", "hc/chat/x/send", "hc/me/reply/", "$SYS/x"])
def test_a_response_topic_elsewhere_is_refused(broker, bob, elsewhere):
    alice = broker.person("alice", version=mqtt.V5)
    code = alice.client.publish_acked("hc/rpc/getServerInfo/7", "{}", props={"response_topic": elsewhere})
    assert code >= 0x80
    assert "7" not in alice.is_up_to_date().replies


def test_a_response_topic_has_at_most_255_bytes(broker):
    alice = broker.person("alice", version=mqtt.V5)
    longest = "hc/me/reply/".ljust(255, "x")
    alice.client.publish_acked("hc/rpc/getServerInfo", "{}", props={"response_topic": longest})
    assert "result" in alice.until(lambda: alice.replies.get(longest.removeprefix("hc/me/reply/")), "the answer")[0]
    assert alice.client.publish_acked("hc/rpc/getServerInfo", "{}", props={"response_topic": longest + "x"}) >= 0x80
    assert "at most 255 bytes" in alice.is_refused("bad_request")["message"]


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_rr_asks(broker, version):
    done = subprocess.run(["mosquitto_rr", "-h", "127.0.0.1", "-p", str(broker.port), "-V", version, "-i", "alice/cli", "-u", "alice", "-P",
                           broker.token("alice"), "-t", "hc/rpc/ListChats/7", "-e", "hc/me/reply/7", "-m", "{}", "-W", "20"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["chats"] == []


def test_without_an_id_and_a_response_topic_it_is_refused(alice):
    alice.publishes("rpc/getServerInfo", "{}")
    alice.is_refused("bad_request")


@pytest.mark.parametrize("payload", ["", "{", "[]", "1", "null", '{"a":1}{"b":2}', '{"chatID":"a","chatID":"b"}', "\xff", '{"x":"\\ud800"}',
                                     '{"x":"\\u0000"}', '{"x":' + "[" * 50 + "]" * 50 + "}"])
def test_what_is_no_object_of_arguments_is_refused(alice, payload):
    alice.publishes("rpc/getLatestTransactionID/7", payload.encode("latin-1"))
    answer, _ = alice.until(lambda: alice.replies.get("7"), "an answer")
    assert answer["error"]["code"] == "bad_request"


@pytest.mark.parametrize("operation, arguments, field", [
    ("getLatestTransactionID", {}, "chatID"),
    ("getLatestTransactionID", {"chatID": 7}, "chatID"),
    ("getLatestTransactionID", {"chatID": ""}, "chatID"),
    ("getLatestTransactionID", {"chatID": "x" * 65}, "chatID"),
    ("getLatestTransactionID", {"chatID": "x", "chatId": "x"}, "chatId"),
    ("getMessage", {"chatID": "x", "messageID": "2"}, "messageID"),
    ("getMessage", {"chatID": "x", "messageID": -1}, "messageID"),
    ("getMessage", {"chatID": "x", "messageID": 1.5}, "messageID"),
    ("getMessage", {"chatID": "x", "messageID": 2**63}, "messageID"),
    ("createPeerToPeerChat", {"receiverUserID": None}, "receiverUserID"),
    ("createPeerToPeerChat", {"receiverUserID": "x" * 129}, "receiverUserID"),
    ("sendMessage", {"chatID": "x"}, "messageBody"),
    ("ListChats", {"pageSize": 0}, "pageSize"),
    ("ListChats", {"pageSize": True}, "pageSize"),
    ("sync", {"chats": []}, "chats"),
    ("sync", {"chats": {"x": "1"}}, "chats"),
    ("fetchDelta", {"chatID": "x", "clientTransactionID": "1"}, "clientTransactionID"),
])
def test_a_wrong_argument_is_named(alice, operation, arguments, field):
    assert field in alice.is_denied("bad_request", operation, **arguments)["message"]


def test_an_unknown_operation_is_refused(alice):
    alice.is_denied("bad_request", "getEverything")


def test_who_names_another_as_himself_is_refused(alice, bob, chat):
    assert alice.asks("createPeerToPeerChat", initiatorID="alice", receiverUserID="bob")["chatID"] == chat
    alice.is_denied("forbidden", "createPeerToPeerChat", initiatorID="bob", receiverUserID="alice")


# ---- about the server ----

def test_the_server_tells_what_it_can(alice):
    info = alice.asks("getServerInfo")
    assert info["version"] and info["epoch"] == alice.asks("getChatUserID")["epoch"]
    assert isinstance(info["features"], list) and info["limits"]["bodyBytes"] == 16384


def test_the_epoch_stays_over_a_restart(broker, alice):
    epoch = alice.asks("getServerInfo")["epoch"]
    broker.restart()
    alice.returns()
    assert alice.asks("getServerInfo")["epoch"] == epoch


# ---- writing ----

def test_send_message_answers_its_numbers(alice, bob, chat):
    assert alice.asks("sendMessage", chatID=chat, messageBody="hi") == {"chatID": chat, "messageID": 2, "transactionID": 2}
    bob.hears("hi")


def test_the_rpc_id_is_the_idempotency_key(alice, bob, chat):
    first = alice.asks("sendMessage", id="s1", chatID=chat, messageBody="hi")
    assert alice.asks("sendMessage", id="s1", chatID=chat, messageBody="hi") == first
    assert alice.is_denied("id_reused", "sendMessage", id="s1", chatID=chat, messageBody="ho")
    assert alice.asks("sendMessage", id="s2", chatID=chat, messageBody="hi")["messageID"] == 3


def test_reply_message_quotes(alice, bob, chat):
    question = alice.says("lunch?", chat=chat)["messageID"]
    bob.asks("replyMessage", chatID=chat, messageID=question, messageBody="yes")
    assert alice.hears("yes")["repliedTo"] == {"messageID": question, "body": "lunch?"}


def test_a_chat_with_nobody_is_refused(alice):
    for nobody in ("nobody", "Bob", "bob%2F"):
        alice.is_denied("forbidden", "createPeerToPeerChat", receiverUserID=nobody)


# ---- reading ----

def test_get_message_tells_all_of_it(alice, bob, talk):
    message = alice.asks("getMessage", chatID=talk, messageID=3)["message"]
    assert (message["messageID"], message["senderID"], message["body"]) == (3, "bob", "m1")
    assert message["sentAt"] > 0 and message["isDeleted"] is False and message["isEdited"] is False


@pytest.mark.parametrize("number, code", [(1, "forbidden"), (99, "forbidden")])
def test_get_message_of_what_is_none_is_refused(alice, talk, number, code):
    alice.is_denied(code, "getMessage", chatID=talk, messageID=number)


def test_the_latest_number(alice, talk):
    assert alice.asks("getLatestTransactionID", chatID=talk)["transactionID"] == 6


def test_snapshot_and_transactions(alice, bob, talk):
    answer = alice.asks("fetchSnapshotAndTransactions", chatID=talk, clientTransactionID=3)
    assert [t["transactionID"] for t in answer["transactions"]] == [4, 5, 6]
    assert answer["epoch"] and "snapshot" in answer
    assert answer["transactions"][-1] == next(t for t in bob.inbox if t["transactionID"] == 6)


def test_transactions_up_to_a_number(alice, talk):
    answer = alice.asks("fetchSnapshotAndTransactions", chatID=talk, clientTransactionID=2, latestTransactionID=4)
    assert [t["transactionID"] for t in answer["transactions"]] == [3, 4]


def test_transactions_from_the_beginning(alice, talk):
    answer = alice.asks("fetchSnapshotAndTransactions", chatID=talk)
    numbers = [t["transactionID"] for t in answer["transactions"]]
    assert numbers[-1] == 6 and numbers == list(range(numbers[0], 7))


def test_a_delta_has_new_messages_and_receipts(alice, bob, talk):
    bob.reads(6, talk)
    alice.notices(type="receipt", userID="bob", read=6)
    delta = alice.asks("fetchDelta", chatID=talk, clientTransactionID=4)
    assert [(m["messageID"], m["body"]) for m in delta["newMessages"]] == [(5, "m3"), (6, "m4")]
    assert "bob" in json.dumps(delta["updates"]) and delta["epoch"]


def test_sync_brings_all_chats_in_one_call(alice, bob, carol, talk):
    other = carol.says("hi", to=alice)["chatID"]
    answer = alice.asks("sync", chats={talk: 5})
    assert answer["epoch"]
    assert [m["body"] for m in answer["chats"][talk]["newMessages"]] == ["m4"]
    assert [m["body"] for m in answer["chats"][other]["newMessages"]] == ["hi"]


def test_who_scrolls_up_on_a_new_device_sees_messages_as_they_are_now(alice, bob, chat):
    for i in range(300):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i}")
    numbers = [alice.sees(type="message", body=f"{i}")["messageID"] for i in range(300)]
    alice.edits(numbers[3], chat, "three")
    alice.edits(numbers[3], chat, "THREE")
    alice.deletes(numbers[4], chat)
    alice.edits(numbers[290], chat, "at the end")
    tablet = bob.on("tablet")
    delta = tablet.asks("sync", chats={})["chats"][chat]
    assert "limited" not in delta and delta["from"] > numbers[50], "what was edited is on an older page"
    shown, to = {m["messageID"]: m for m in delta["newMessages"]}, delta["from"] - 1
    while to > 0:
        have = max(0, to - 60)
        page = tablet.asks("fetchDelta", chatID=chat, clientTransactionID=have, latestTransactionID=to)
        assert "limited" not in page and page["latestTransactionID"] == to
        shown |= {m["messageID"]: m for m in page["newMessages"]}
        to = have
    expected = {number: f"{i}" for i, number in enumerate(numbers) if i != 4} | {numbers[3]: "THREE", numbers[290]: "at the end"}
    assert {number: m["body"] for number, m in sorted(shown.items())} == expected
    assert [number for number, m in sorted(shown.items()) if m["isEdited"]] == [numbers[3], numbers[290]]


def test_who_was_removed_scrolls_up_to_what_there_was_in_his_time(alice, bob):
    group = alice.makes_group("friends", bob)
    first, second, last = [alice.says(body, chat=group)["messageID"] for body in ("one", "two", "three")]
    alice.edits(first, group, "one, for bob")
    alice.removes("bob", group)
    alice.edits(first, group, "one, without bob")
    alice.edits(second, group, "two, without bob")
    alice.deletes(last, group)
    page = bob.asks("fetchDelta", chatID=group, clientTransactionID=first - 1, latestTransactionID=last)
    assert [m["body"] for m in page["newMessages"]] == ["one, for bob", "two"]
    page = alice.asks("fetchDelta", chatID=group, clientTransactionID=first - 1, latestTransactionID=last)
    assert [m["body"] for m in page["newMessages"]] == ["one, without bob", "two, without bob"]


def test_a_long_answer_is_cut_and_says_where_to_go_on(alice, bob, chat):
    for i in range(300):
        alice.client.publish(f"hc/chat/{chat}/text", f"{i} " + "x" * 1000)
    alice.until(lambda: len(alice.heard(chat)) == 300, "her own messages")
    have, bodies = 1, []
    for _ in range(40):
        answer = bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=have)
        assert answer["transactions"], "a bounded answer always moves on"
        bodies += [t["body"].split()[0] for t in answer["transactions"]]
        have = answer["transactions"][-1]["transactionID"]
        if not answer.get("limited"):
            break
    assert bodies == [f"{i}" for i in range(300)]


def test_an_answer_fits_into_the_clients_maximum(broker, alice, bob, chat):
    for i in range(50):
        alice.says(f"{i} " + "x" * 100, chat=chat)
    small = broker.person("bob", "small", version=mqtt.V5, props={"maximum_packet_size": 2000})
    answer = small.asks("fetchSnapshotAndTransactions", id="f", chatID=chat, clientTransactionID=1)
    assert answer["limited"] and answer["transactions"]
    assert small.replies["f"][1].size <= 2000


def test_the_chat_list_shows_the_last_message_and_what_is_unread(alice, bob, carol, talk):
    carol.says("hello", to=bob)
    bob.reads(3, talk)
    chats = bob.asks("ListChats", pageIdx=0, pageSize=10)["chats"]
    assert len(chats) == 2
    first, second = chats
    assert first["mostRecentMessage"]["body"] == "hello" and first["mostRecentMessage"]["senderName"] == "carol" and first["unread"] == 1
    assert second["chatID"] == talk and second["mostRecentMessage"]["body"] == "m4"
    assert second["unread"] == 2, "4 and 6 are alice's; 5 is his own"
    assert second["mostRecentMessage"]["receivedAt"] > 0


def test_the_chat_list_comes_in_pages(broker, alice):
    for name in ("bob", "carol", "dave"):
        broker.person(name).says("hi", to=alice)
    first = alice.asks("ListChats", pageIdx=0, pageSize=2)["chats"]
    second = alice.asks("ListChats", pageIdx=1, pageSize=2)["chats"]
    assert len(first) == 2 and len(second) == 1
    assert len({chat["chatID"] for chat in first + second}) == 3


@pytest.mark.parametrize("operation, arguments", [
    ("getLatestTransactionID", {}), ("fetchSnapshotAndTransactions", {}), ("fetchDelta", {}), ("getMessage", {"messageID": 2}),
    ("getReaders", {"messageID": 2}), ("sendMessage", {"messageBody": "hi"}), ("replyMessage", {"messageID": 2, "messageBody": "hi"}),
])
def test_a_stranger_and_a_missing_chat_look_alike(alice, bob, carol, talk, operation, arguments):
    theirs = carol.is_denied("forbidden", operation, chatID=talk, **arguments)
    nobodys = carol.is_denied("forbidden", operation, chatID="A" * 22, **arguments)
    assert theirs == nobodys


def test_too_many_calls_at_once_are_refused_and_all_are_answered(alice, bob, talk):
    for i in range(100):
        alice.client.publish(f"hc/rpc/fetchDelta/c{i}", json.dumps({"chatID": talk}))
    alice.until(lambda: sum(f"c{i}" in alice.replies for i in range(100)) == 100, "100 answers")
    codes = {answer.get("error", {}).get("code") for answer, _ in alice.replies.values()}
    assert codes <= {None, "rate_limited"} and None in codes


def test_no_answer_and_no_issent_waits_for_the_peers_delayed_acknowledgement(alice, bob, chat):
    """The broker's sockets have Nagle's algorithm on by default: a small packet behind a PUBACK would leave 40 ms later."""
    def a_good_one_takes(action):
        took = []
        for _ in range(20):
            start = time.monotonic()
            action()
            took.append(time.monotonic() - start)
        return sorted(took)[4]  # on a busy machine others take longer, for other reasons
    assert a_good_one_takes(lambda: alice.asks("getServerInfo")) < 0.03, "answered in memory"
    assert a_good_one_takes(lambda: alice.asks("ListChats")) < 0.03, "answered from the store"
    assert a_good_one_takes(lambda: alice.says("hi", chat=chat)) < 0.03, "isSent"

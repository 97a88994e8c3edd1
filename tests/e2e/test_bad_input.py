# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What bad input gets: an error that names the field; no crash, no stall, no partial effect, nothing in the log."""
import random
import struct

import mqtt
import pytest

pytestmark = pytest.mark.host

BAD_PAYLOADS = {
    "empty": b"", "no JSON": b"hi", "an array": b"[]", "a number": b"7", "null": b"null", "cut": b'{"body":"hi"', "two objects": b'{"body":"a"}{"body":"b"}',
    "junk behind": b'{"body":"a"} x', "invalid UTF-8": b'{"body":"\xff"}', "overlong UTF-8": b'{"body":"\xc0\xaf"}', "surrogate in UTF-8": b'{"body":"\xed\xa0\x80"}',
    "NUL": b'{"body":"a\\u0000b"}', "raw NUL": b'{"body":"a\x00b"}', "lone surrogate": b'{"body":"\\ud800"}', "doubled key": b'{"body":"a","body":"b"}',
    "too deep": b'{"body":' + b"[" * 100 + b"]" * 100 + b"}", "very deep": b"[" * 20000, "no body": b"{}", "body a number": b'{"body":7}',
    "body null": b'{"body":null}', "body a list": b'{"body":["a"]}', "unknown key": b'{"body":"a","bdy":"b"}', "ifLatest negative": b'{"body":"a","ifLatest":-1}',
    "ifLatest text": b'{"body":"a","ifLatest":"1"}', "ifLatest fraction": b'{"body":"a","ifLatest":1.0}', "ifLatest huge": b'{"body":"a","ifLatest":99999999999999999999}',
    "repliedTo zero": b'{"body":"a","repliedTo":0}', "repliedTo text": b'{"body":"a","repliedTo":"2"}', "contentType number": b'{"body":"a","contentType":1}',
    "contentType long": b'{"body":"a","contentType":"' + b"x" * 65 + b'"}', "contentType control": b'{"body":"a","contentType":"a\\nb"}',
    "clientTime text": b'{"body":"a","clientTime":"now"}', "clientTime fraction": b'{"body":"a","clientTime":1.5}', "commandID number": b'{"body":"a","commandID":1}',
    "commandID empty": b'{"body":"a","commandID":""}', "commandID long": b'{"body":"a","commandID":"' + b"x" * 65 + b'"}', "commandID slash": b'{"body":"a","commandID":"a/b"}',
}
FIELDS = {"no body": "body", "body a number": "body", "unknown key": "bdy: there is no such member", "ifLatest negative": "ifLatest", "ifLatest text": "ifLatest", "repliedTo text": "repliedTo",
          "contentType number": "contentType", "contentType long": "contentType", "clientTime text": "clientTime", "commandID long": "commandID"}


@pytest.mark.parametrize("what", BAD_PAYLOADS)
def test_a_bad_payload_is_refused_and_changes_nothing(alice, bob, chat, what):
    alice.publishes(f"chat/{chat}/send", BAD_PAYLOADS[what])
    error = alice.is_refused("bad_request")
    assert FIELDS.get(what, "") in error["message"]
    assert alice.says("end", chat=chat)["transactionID"] == 2
    bob.hears("end")


def test_a_refusal_says_what_the_rule_is(alice, chat):
    alice.publishes(f"chat/{chat}/typing", "zzz")
    assert alice.is_refused("bad_request")["message"] == "payload: it must be empty, or 0"
    for operation, argument in (("blockUser", "blockID"), ("createPeerToPeerChat", "receiverUserID")):
        assert alice.is_denied("bad_request", operation, **{argument: "alice"})["message"] == f"{argument}: it must be somebody else's than the caller's own"


@pytest.mark.parametrize("payload", [b"\xff", b"a\x00b", b"\xc3", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80"])
def test_a_bad_text_is_refused(alice, bob, chat, payload):
    alice.publishes(f"chat/{chat}/text/a1", payload)
    alice.is_refused("bad_request", "a1")
    assert alice.says("end", chat=chat)["transactionID"] == 2


BAD_TOPICS = ["chat//send", "chat/{chat}//send", "chat/{chat}/send/", "chat/{chat}/send/" + "x" * 65, "chat/" + "x" * 65 + "/send", "chat/{chat}/sendx", "user//send",
              "user/" + "x" * 129 + "/send", "user/a b/c/send", "chat/{chat}/read", "chat/{chat}/read/", "chat/{chat}/read/x", "chat/{chat}/read/-1", "chat/{chat}/read/01",
              "chat/{chat}/read/1.5", "chat/{chat}/read/99999999999999999999", "chat/{chat}/received/0x1", "rpc/", "rpc//1", "rpc/getServerInfo/", "rpc/getServerInfo/" + "x" * 65]


@pytest.mark.parametrize("topic", BAD_TOPICS)
def test_a_bad_topic_is_refused(broker, bob, topic):
    alice = broker.person("alice", version=mqtt.V5)
    chat = alice.chat_with(bob)
    try:
        assert alice.publishes(topic.format(chat=chat), {"body": "hi"}) >= 0x80
    except mqtt.Closed:
        alice.returns()
    assert alice.says("end", chat=chat)["transactionID"] == 2


@pytest.mark.parametrize("topic", ["hc/chat/+/send", "hc/user/#", "hc/chat/a\x00b/send", "hc/chat/\ufeff\ud7ff/send"])
def test_a_topic_that_mqtt_forbids_or_almost_costs_the_sender_alone(broker, bob, topic):
    client = broker.client("mosq-1", "alice", version=mqtt.V5)
    client.publish(topic, "{}")
    try:
        client.ping()
    except mqtt.Closed:
        pass
    bob.is_up_to_date()


def test_a_payload_above_the_brokers_own_limit_ends_its_connection_alone(broker, alice, bob, chat):
    """2.1 allows 2 MB a packet by itself; 2.0 lets it through, and it is too large for us."""
    if broker.version.startswith("2.1"):
        with pytest.raises(mqtt.Closed):
            alice.publishes(f"chat/{chat}/text/a1", b"x" * (8 << 20))
        alice.returns()
    else:
        alice.publishes(f"chat/{chat}/text/a1", b"x" * (8 << 20))
        alice.is_refused("too_large", "a1")
    alice.says("end", chat=chat)
    bob.hears("end")


@pytest.mark.parametrize("size", [65536, 1 << 20])
def test_a_huge_payload_is_refused(alice, bob, chat, size):
    alice.publishes(f"chat/{chat}/text/a1", b"x" * size)
    alice.is_refused("too_large", "a1")
    alice.publishes(f"chat/{chat}/send/a2", b'{"body":"' + b"x" * size + b'"}')
    alice.is_refused("too_large", "a2")
    alice.says("end", chat=chat)


def test_a_body_is_never_in_the_log(broker, alice, bob, chat):
    alice.says("my-secret-text", chat=chat)
    alice.publishes(f"chat/{chat}/send", '{"body": "my-secret-text", "x": "my-secret-text"}')
    alice.is_refused("bad_request")
    alice.asks("sendMessage", chatID=chat, messageBody="my-secret-text")
    assert "my-secret-text" not in broker.all_output()


def test_an_error_does_not_repeat_what_was_sent(alice, chat):
    alice.publishes(f"chat/{chat}/send", '{"body": 7, "evil<script>": 1}')
    assert "<script>" not in alice.is_refused("bad_request")["message"]


@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_noise_ends_its_own_connection_only(broker, alice, bob, chat, version):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    noise = random.Random(seed)
    for i in range(60):
        client = broker.client(f"mosq-{i}", "carol", version=version)
        kind = noise.randrange(1, 16)
        body = noise.randbytes(noise.randrange(40))
        if noise.random() < 0.5:
            kind, body = mqtt.PUBLISH, mqtt.binary(b"hc/" + noise.choice([b"chat/", b"rpc/", b"user/"]) + noise.randbytes(8)) + body
        try:
            client.send(mqtt.packet(kind, noise.randrange(16), body))
        except mqtt.Closed:
            pass
        client.close()
    alice.says("end", chat=chat)
    bob.hears("end")


@pytest.mark.parametrize("claimed", [b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x7f"])
def test_a_packet_that_claims_to_be_endless_disturbs_nobody(broker, alice, bob, chat, claimed):
    client = broker.client("mosq-1", "carol")
    client.send(bytes([mqtt.PUBLISH << 4]) + claimed + struct.pack("!H", 5) + b"hc/me")
    alice.says("end", chat=chat)
    bob.hears("end")


def test_a_connect_that_never_ends_disturbs_nobody(broker, alice, bob, chat):
    client = mqtt.Client(broker.port, "x", connect=False)
    client.send(client.connect_packet("alice", broker.token("alice"))[:-5])
    alice.says("end", chat=chat)
    bob.hears("end")

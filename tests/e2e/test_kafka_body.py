# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""kafka_body: what of the texts leaves the house. A library that knows nothing of us decrypts what is encrypted."""
import json
import sqlite3

import broker as brokers
import pytest
import schemas

try:
    from jwcrypto import jwe, jwk
except ImportError:
    jwe = None

ONE_BROKER = True
DAY_MS = 24 * 3600 * 1000


def talk(broker):
    """A message, a reply, an edit: numbers 2 to 4."""
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    number = alice.says("the blue heron", chat=chat)["transactionID"]
    bob.hears("the blue heron")
    bob.says("which one?", chat=chat, repliedTo=number)
    alice.edits(number, chat, "the grey heron")
    return chat, alice, bob


def key_of(broker, chat):
    return jwk.JWK.from_json(broker.ctl("chat-key", "--store", broker.store_uri, "--chat", chat))


def decrypted(text, key):
    token = jwe.JWE()
    token.allowed_algs = ["dir", "A256GCM"]
    token.deserialize(text, key)
    assert token.jose_header["kid"] == json.loads(key.export())["kid"]
    return token.payload.decode()


def test_none_leaves_the_texts_at_home(mirrored, reader):
    mirrored.options["kafka_body"] = "none"
    chat, *_ = talk(mirrored.start())
    reader.reads_up_to(chat, 4)
    assert [record.type for record in reader.records] == ["memberAdded", "message", "message", "edit"]
    assert not any(b"heron" in record.raw or b"which" in record.raw for record in reader.records)
    assert reader.records[2].value["repliedTo"] == {"messageID": 2} and reader.records[3].value["messageID"] == 2
    schemas.check("kafka-transaction", reader.records)


@pytest.mark.skipif(jwe is None, reason="python3-jwcrypto is missing: scripts/install-dependencies test")
def test_whoever_has_the_chats_key_reads_what_is_encrypted(mirrored, reader):
    mirrored.options["kafka_body"] = "encrypted"
    broker = mirrored.start()
    chat, alice, bob = talk(broker)
    other = alice.makes_group("herons", bob)
    alice.says("the white heron", chat=other)
    reader.reads_up_to(chat, 4).reads_up_to(other, 3)
    assert not any(b"blue" in record.raw or b"which" in record.raw or b"white" in record.raw for record in reader.records)
    schemas.check("kafka-transaction", reader.records)
    message, reply, edit = [record for record in reader.records if record.chat == chat][1:4]
    key = key_of(broker, chat)
    assert decrypted(message.value["body"], key) == "the blue heron"
    assert decrypted(reply.value["body"], key) == "which one?"
    assert decrypted(reply.value["repliedTo"]["body"], key) == "the blue heron"
    assert decrypted(edit.value["body"], key) == "the grey heron"
    with pytest.raises(Exception, match="InvalidTag"):
        decrypted(message.value["body"], key_of(broker, other))
    assert schemas.refuses("kafka-transaction", message, encrypted=None, body="a..b.c.d", messageID=None)


@pytest.mark.sqlite
@pytest.mark.skipif(jwe is None, reason="python3-jwcrypto is missing: scripts/install-dependencies test")
def test_with_the_chat_its_key_is_erased(mirrored, kafka, reader):
    mirrored.options["kafka_body"] = "encrypted"
    broker = mirrored.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    group = alice.makes_group("herons", bob)
    alice.says("the white heron", chat=group)
    alice.asks("deleteGroup", groupID=group)
    reader.reads_up_to(group, 4)
    assert decrypted(reader.records[2].value["body"], key_of(broker, group)) == "the white heron"
    broker.stop()
    store = sqlite3.connect(broker.store)
    store.execute("UPDATE chat SET ended_at = ended_at - ? WHERE ended_at > 0", (31 * DAY_MS,))
    store.commit()
    store.close()
    broker.start()
    bob.returns()
    bob.asks_until(lambda: bob.asks("fetchSnapshotAndTransactions", chatID=group, clientTransactionID=2)["transactions"][0]["type"] == "void",
                   "that the group is erased")
    with pytest.raises(AssertionError, match="there is no key"):
        broker.ctl("chat-key", "--store", broker.store_uri, "--chat", group)


def test_hyperchatctl_mirrors_as_the_broker_would_have(mirrored, kafka, topic, reader):
    mirrored.options |= {"kafka": f"127.0.0.1:{brokers.free_port()}", "kafka_body": "none"}
    chat, *_ = talk(mirrored.start())
    mirrored.stop()
    with pytest.raises(AssertionError) as nobody:
        mirrored.ctl("mirror", "--store", mirrored.store_uri, "--writer", "nobody", "--kafka", kafka.servers)
    writer = str(nobody.value).splitlines()[-1].strip()
    told = mirrored.ctl("mirror", "--store", mirrored.store_uri, "--writer", writer, "--kafka", kafka.servers, "--topic", topic, "--body", "none")
    assert "4 transactions" in told
    reader.reads_up_to(chat, 4)
    assert not any(b"heron" in record.raw for record in reader.records)

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The end of an account: what goes, what stays, and who cannot come back."""
import time

import mqtt
import pytest


def is_refused(broker, user="alice", **claims):
    try:
        broker.client(f"{user}/phone", password=broker.token(user, **claims), username=user).close()
    except (mqtt.Refused, mqtt.Closed):
        return True
    return False


def comes_back(broker, user="alice", patience=20):
    """A new account, once the old one's texts are erased: with a token of a later second."""
    deadline = time.monotonic() + patience
    while is_refused(broker, user):
        assert time.monotonic() < deadline, broker.all_output()[-2000:]
        time.sleep(0.3)
    return broker.person(user, "again")


def test_who_deletes_his_account_leaves_and_his_texts_go(broker, alice, bob, chat):
    laptop = alice.on("laptop")
    alice.says("a secret", chat=chat)
    bob.hears("a secret")
    alice.asks("updateUserInfo", userInfo={"name": "Alice"})
    alice.asks("deleteAccount")
    for device in (alice, laptop):
        device.client.is_closed()
    removed = bob.sees(type="memberRemoved", chatID=chat)
    assert removed["userID"] == "alice" and removed["deleted"] is True
    bob.asks_until(lambda: bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=1)["transactions"][0]["type"] == "void",
                   "that the text is erased")
    bob.is_denied("forbidden", "getUserInfo", userID="alice")
    bob.sends("are you there", to="alice", id="b1")
    bob.is_refused("forbidden", "b1")


@pytest.mark.sqlite
def test_what_the_store_cannot_erase_is_spoken_of_in_the_log(broker, alice, bob, chat):
    alice.says("a secret", chat=chat)
    broker.stop()
    broker.damages("erasure")
    broker.start()
    alice.returns()
    alice.asks("deleteAccount")
    broker.has_logged("the store does not take the end of accounts")


def test_quotes_of_it_go_too(broker, alice, bob, chat):
    number = alice.says("a secret", chat=chat)["messageID"]
    reply = bob.asks("replyMessage", chatID=chat, messageID=number, messageBody="really?")["messageID"]
    assert bob.asks("getMessage", chatID=chat, messageID=reply)["message"]["repliedTo"]["body"] == "a secret"
    alice.asks("deleteAccount")
    bob.sees(type="memberRemoved", chatID=chat)
    bob.asks_until(lambda: "body" not in bob.asks("getMessage", chatID=chat, messageID=reply)["message"]["repliedTo"], "that the quote is erased")
    assert bob.asks("getMessage", chatID=chat, messageID=reply)["message"]["body"] == "really?"


def test_tokens_from_before_are_refused(broker, alice, bob):
    old = {"iat": int(time.time()) - 5}
    bob.asks("getUserInfo")
    alice.asks("deleteAccount")
    alice.client.is_closed()
    again = comes_back(broker)
    assert is_refused(broker, **old)
    assert is_refused(broker, iat=None)
    assert again.asks("getUserInfo")["userInfo"].get("name") is None
    again.is_denied("forbidden", "renewToken", token=broker.token("alice", **old))
    broker.restart()
    assert is_refused(broker, **old), "also after a restart"
    assert is_refused(broker, iat=None)
    assert not is_refused(broker)


def test_the_same_user_comes_back_as_somebody_new(broker, alice, bob, chat):
    alice.says("before", chat=chat)
    bob.asks("addAsFavorite", favoriteID="alice")
    alice.asks("setSharedID", sharedID="x")
    alice.asks("blockUser", blockID="carol")
    alice.asks("deleteAccount")
    alice.client.is_closed()
    again = comes_back(broker)
    assert again.asks("ListChats")["chats"] == []
    assert again.asks("getBlocked")["blockIDs"] == []
    assert bob.asks("getFavorites")["favoriteIDs"] == []
    bob.is_denied("forbidden", "findUser", sharedID="x")
    bob.says("welcome", to="alice")
    again.hears("welcome")
    assert "before" not in again.is_up_to_date().heard()


def sees_nothing_of_before(again, chat, since):
    """Whoever came back sees the chat's numbers from `since` on, by whatever way he reads."""
    history = again.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=0)
    assert all(t["type"] == "void" for t in history["transactions"] if t["transactionID"] < since), history
    for number in range(1, since):
        again.is_denied("forbidden", "getMessage", chatID=chat, messageID=number)
    assert "old" not in str(again.asks("ListChats")["chats"])
    assert "old" not in str(again.asks("sync", chats={chat: 0}))


def test_who_comes_back_sees_nothing_of_what_was_before(broker, alice, bob, carol, chat):
    """Neither in the 1:1 chat, nor in a group that he was in at the end, nor in one that he had left before."""
    group = bob.asks("createGroupChat", friendIDs=["alice", "carol"], groupName="friends")["chatID"]
    left = bob.asks("createGroupChat", friendIDs=["alice", "carol"], groupName="others")["chatID"]
    for each in (chat, group, left):
        bob.says("old words", chat=each)
        alice.hears("old words")
    alice.asks("leaveGroup", groupID=left)
    alice.asks("deleteAccount")
    alice.client.is_closed()
    again = comes_back(broker)
    for each in (chat, group, left):
        again.is_denied("forbidden", "fetchSnapshotAndTransactions", chatID=each, clientTransactionID=0)
        again.is_denied("forbidden", "getMembers", groupID=each)
    for each in (group, left):
        bob.asks("addUserToGroup", groupID=each, userID="alice")
    since = {each: bob.says("welcome", chat=each)["messageID"] - 1 for each in (group, left)}
    since[chat] = bob.says("welcome", to="alice")["messageID"] - 1
    for each in (chat, group, left):
        again.until(lambda: again.heard(each) == ["welcome"], f"the welcome in {each}")
        sees_nothing_of_before(again, each, since[each])
    assert "old words" not in again.is_up_to_date().heard()
    broker.stop()
    broker.ctl("check", "--store", broker.store_uri)


def test_who_comes_back_may_use_the_same_ids_again(broker, alice, bob, chat):
    """A new account repeats nothing of the old one: neither a message nor a call; and its own repetitions are known, also after a crash."""
    alice.says("old", chat=chat, id="1")
    alice.asks("sendMessage", id="2", chatID=chat, messageBody="old call")
    alice.asks("deleteAccount")
    alice.client.is_closed()
    again = comes_back(broker)
    sent = again.says("new", to="bob", id="1")
    assert sent["commandID"] == "1"
    called = again.asks("sendMessage", id="2", chatID=chat, messageBody="new call")
    bob.hears("new")
    bob.hears("new call")
    broker.kill9()
    broker.start()
    again.returns()
    again.sends("new", to="bob", id="1")
    assert again.gets_ack("1")["transactionID"] == sent["transactionID"]
    assert again.asks("sendMessage", id="2", chatID=chat, messageBody="new call") == called
    again.sends("another", to="bob", id="1")
    again.is_refused("id_reused", "1")


def test_no_old_invitation_comes_to_life_again(broker, alice, bob):
    old = alice.asks("getInvitationLink", id="1")["invitationLink"]
    assert alice.asks("getInvitationLink", id="1")["invitationLink"] == old
    alice.asks("deleteAccount")
    alice.client.is_closed()
    new = comes_back(broker).asks("getInvitationLink", id="1")["invitationLink"]
    bob.is_denied("forbidden", "retrieveUserIDFromInvitation", invitationLink=old)
    assert bob.asks("retrieveUserIDFromInvitation", invitationLink=new)["userID"] == "alice"


def test_a_block_of_him_outlives_his_account(broker, alice, bob, chat):
    bob.asks("blockUser", blockID="alice")
    alice.asks("deleteAccount")
    alice.client.is_closed()
    again = comes_back(broker)
    again.sends("me again", to="bob", id="a1")
    again.is_refused("forbidden", "a1")


def test_it_goes_on_after_kill_9(broker, alice, bob, carol):
    """Many chats, and the broker dies in between, three times."""
    others = [broker.person(f"friend{i}") for i in range(12)]
    chats = [alice.chat_with(other) for other in others]
    for chat in chats:
        alice.says("a secret", chat=chat)
    for other in others:
        other.hears("a secret")
    alice.publishes("rpc/deleteAccount/1")
    for _ in range(3):
        broker.kill9()
        broker.start()
    for other, chat in zip(others, chats):
        other.returns()
        other.sees(type="memberRemoved", chatID=chat)
    comes_back(broker)
    broker.stop()
    for chat in chats:
        exported = broker.exported(chat)
        assert [t["type"] for t in exported] == ["memberAdded", "void", "memberRemoved"] and "a secret" not in str(exported)
    broker.ctl("check", "--store", broker.store_uri)


def test_meanwhile_nobody_logs_in_as_him_and_nothing_is_taken(broker, alice, bob, chat):
    alice.client.publish(f"hc/rpc/deleteAccount/1", "{}")
    for i in range(20):
        try:
            alice.client.publish("hc/user/bob/text", f"late {i}")
        except mqtt.Closed:
            break
    alice.client.is_closed()
    bob.sees(type="memberRemoved", chatID=chat)
    comes_back(broker)
    seen = bob.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=0)["transactions"]
    assert "late" not in str(seen)
    last = [t for t in seen if t["type"] in ("memberAdded", "memberRemoved")][-1]
    assert last["type"] == "memberRemoved", "he is in no chat"


def test_renewing_a_token_extends_the_connection(broker):
    alice = broker.person("alice", token=broker.token("alice", ttl=-25))  # with a leeway of 30 s: five seconds are left
    answer = alice.asks("renewToken", token=broker.token("alice", ttl=3600))
    assert answer["expiresAt"] > (time.time() + 3000) * 1000
    time.sleep(7)
    alice.is_up_to_date()


@pytest.mark.parametrize("what", ["of somebody else", "that is over", "that is none"])
def test_a_token_that_does_not_fit_changes_nothing(broker, alice, what):
    token = {"of somebody else": broker.token("bob"), "that is over": broker.token("alice", ttl=-100), "that is none": "x.y.z"}[what]
    alice.is_denied("forbidden", "renewToken", token=token)
    alice.is_up_to_date()

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The chat list: names, previews, what is unread, who was mentioned, what is muted, and in which order."""
import time

import pytest


def now_ms():
    return int(time.time() * 1000)


def badge(person):
    """As docs/client.md tells it."""
    return sum(chat["unread"] for chat in person.asks("ListChats")["chats"] if not chat["muted"])


def test_activity_orders_and_names_are_shown(alice, bob, carol):
    bob.asks("updateUserInfo", userInfo={"name": "Bob B.", "icon": "https://example.org/bob.png"})
    pair = alice.chat_with(bob)
    team = alice.makes_group("The team", bob, carol, icon="https://example.org/team.png")
    bob.says("in the team", chat=team)
    chats = alice.asks("ListChats")["chats"]
    assert [c["chatID"] for c in chats] == [team, pair]
    assert (chats[0]["name"], chats[0]["iconURL"]) == ("The team", "https://example.org/team.png")
    assert (chats[1]["name"], chats[1]["peerID"], chats[1]["iconURL"]) == ("Bob B.", "bob", "https://example.org/bob.png")
    preview = chats[0]["mostRecentMessage"]
    assert (preview["senderID"], preview["senderName"], preview["body"]) == ("bob", "Bob B.", "in the team")
    alice.says("in the pair", chat=pair)
    assert [c["chatID"] for c in alice.asks("ListChats")["chats"]] == [pair, team]


def test_unread_counts_messages_of_others_that_still_exist(alice, bob, chat):
    numbers = [alice.says(body, chat=chat)["messageID"] for body in ("a", "b", "c")]
    bob.says("mine", chat=chat)
    alice.edits(numbers[0], chat, "a, edited")
    assert bob.thumbnail(chat)["unread"] == 3
    alice.deletes(numbers[2], chat)
    assert bob.thumbnail(chat)["unread"] == 2
    bob.reads(numbers[0], chat)
    assert bob.thumbnail(chat)["unread"] == 1
    assert alice.thumbnail(chat)["unread"] == 1


def test_a_mention_is_seen_until_it_is_read(alice, bob, carol):
    team = alice.makes_group("team", bob, carol)
    bob.asks("updateUserInfo", userInfo={"name": "Bobby"})
    number = alice.says("ask @bobby about it", chat=team)["messageID"]
    bob.hears("ask @bobby about it")
    assert bob.thumbnail(team)["mentioned"] and not carol.thumbnail(team)["mentioned"]
    bob.reads(number, team)
    assert not bob.thumbnail(team)["mentioned"]


def test_a_muted_chat_counts_for_no_badge(alice, bob, carol):
    loud, quiet = alice.chat_with(bob), carol.chat_with(bob)
    alice.says("one", chat=loud)
    carol.says("two", chat=quiet)
    carol.says("three", chat=quiet)
    bob.hears("three")
    assert badge(bob) == 3
    bob.asks("mute", chatID=quiet, until=now_ms() + 3600_000)
    assert bob.thumbnail(quiet)["muted"] and bob.thumbnail(quiet)["unread"] == 2
    assert badge(bob) == 1
    assert not carol.thumbnail(quiet)["muted"], "it is his alone"
    bob.asks("mute", chatID=quiet, until=0)
    assert badge(bob) == 3


def test_muting_survives_a_restart_and_needs_a_membership(broker, alice, bob, carol, chat):
    until = now_ms() + 3600_000
    assert bob.asks("mute", chatID=chat, until=until)["until"] == until
    carol.is_denied("forbidden", "mute", chatID=chat, until=until)
    broker.kill9()
    broker.start()
    bob.returns()
    assert bob.thumbnail(chat)["muted"]


def test_pages_and_cursors_lead_through_the_same_list(alice, bob):
    groups = []
    for i in range(7):
        groups.append(alice.makes_group(f"group {i}"))
        time.sleep(0.002)  # each in a millisecond of its own: within one, the ID decides
    listed = [c["chatID"] for c in alice.asks("ListChats")["chats"]]
    assert listed == groups[::-1]
    pages = [[c["chatID"] for c in alice.asks("ListChats", pageIdx=i, pageSize=3)["chats"]] for i in range(4)]
    assert sum(pages, []) == listed and pages[3] == []
    walked, cursor = [], {}
    while True:
        answer = alice.asks("ListChats", pageSize=2, **cursor)
        walked += [c["chatID"] for c in answer["chats"]]
        if "next" not in answer:
            break
        cursor = {"cursor": answer["next"]}
    assert walked == listed


def test_a_group_that_was_left_or_ended(alice, bob, carol):
    left, ended = alice.makes_group("left", bob, carol), alice.makes_group("ended", bob)
    bob.asks("leaveGroup", groupID=left)
    alice.asks("deleteGroup", groupID=ended)
    assert bob.thumbnail(left) is None
    assert bob.thumbnail(ended)["ended"]


@pytest.mark.parametrize("arguments", [{"cursor": "nonsense"}, {"cursor": "1/x", "pageIdx": 1}, {"pageSize": 0}, {"pageSize": 100000}])
def test_a_wrong_page_is_refused(alice, arguments):
    alice.is_denied("bad_request", "ListChats", **arguments)

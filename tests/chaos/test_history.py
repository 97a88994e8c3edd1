# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The rules: a history in which all is well breaks none, and each kind of lie breaks the one that is about it."""
import pytest
import rules
from history import History, memberships

CHAT = "c"


def line(number, type_="message", by="alice", **more):
    fields = {"chatID": CHAT, "transactionID": number, "type": type_, "senderID": by, "at": 1000 + number, "head": f"h{number}"}
    return {**fields, **({"messageID": number} if type_ == "message" else {}), **more}


def void(number, **more):
    return {"chatID": CHAT, "transactionID": number, "type": "void", "head": f"h{number}", **more}


class Story:
    """A history that is told: alice and bob, later also carol, in one chat."""

    def __init__(self):
        self.events, self.t, self.ops, self.topic = [], 0, 0, None
        self.log = [line(1, "memberAdded", members=[{"userID": user, "role": "member"} for user in ("alice", "bob")])]
        for number, name in enumerate(("alice/phone", "bob/phone")):
            self.opens(number, name)
            self.shows(number, self.log[0])

    def add(self, kind, **fields):
        self.t += 1
        self.events.append({"e": kind, "t": self.t, **fields})

    def opens(self, connection, device):
        self.add("open", connection=connection, who=device.partition("/")[0], device=device, broker=0)

    def shows(self, connection, *lines):
        for each in lines:
            self.add("line", connection=connection, line=each)

    def sends(self, body, by="alice", **more):
        self.ops += 1
        self.add("invoke", op=self.ops, who=by, device=f"{by}/phone", do="message", chat=CHAT, body=body, **more)
        self.add("send", op=self.ops, broker=0, connection=0)
        return self.ops

    def is_ok(self, op, number):
        self.add("ok", op=op, chat=CHAT, number=number)

    def stores(self, body, by="alice", type_="message", **more):
        self.log.append(line(len(self.log) + 1, type_, by, **({"body": body} if body else {}), **more))
        return self.log[-1]

    def says(self, body, by="alice"):
        """All of it, as it should be."""
        op = self.sends(body, by, certain=True)
        self.add("puback", op=op)
        stored = self.stores(body, by)
        self.shows(0, stored)
        self.shows(1, stored)
        self.is_ok(op, stored["transactionID"])
        return stored

    def broken(self):
        events = [*self.events, {"e": "log", "t": self.t, "chat": CHAT, "lines": self.log}]
        if self.topic is not None:
            events += [{"e": "mirrored", "t": 0}]
            events += [{"e": "record", "t": 0, "chat": CHAT, "number": each["transactionID"], "writer": "w", "value": each} for each in self.topic]
        return sorted({rule for rule, _ in rules.broken(History(events))})


@pytest.fixture
def story():
    story = Story()
    story.says("one")
    story.says("two", by="bob")
    return story


def test_a_history_in_which_all_is_well_breaks_no_rule(story):
    for device in ("alice/phone", "bob/phone"):
        story.add("calm", device=device)
    story.topic = list(story.log)
    assert story.broken() == []


def test_what_was_sent_and_is_not_stored_is_found(story):
    story.is_ok(story.sends("three"), 4)
    assert "sent_is_stored_once" in story.broken()


def test_what_was_sent_and_stands_elsewhere_is_found(story):
    op = story.sends("three")
    story.stores("four", by="bob")
    story.stores("three")
    story.is_ok(op, 4)
    assert "sent_is_stored_once" in story.broken()


def test_what_is_stored_twice_is_found(story):
    op = story.sends("three")
    story.stores("three")
    story.stores("three")
    assert story.broken() == ["nothing_is_stored_twice"]
    story.is_ok(op, 4)
    assert story.broken() == ["nothing_is_stored_twice", "sent_is_stored_once"]


def test_two_answers_for_one_command_are_found(story):
    op = story.sends("three")
    story.stores("three")
    story.is_ok(op, 4)
    story.is_ok(op, 3)
    assert "sent_is_stored_once" in story.broken()


def test_what_was_refused_and_is_stored_is_found(story):
    op = story.sends("three")
    story.add("fail", op=op, code="forbidden")
    assert story.broken() == []
    story.stores("three")
    assert story.broken() == ["refused_is_not_stored"]


def test_a_refusal_of_what_was_sent_twice_does_not_say_that_the_first_was_not_taken(story):
    op = story.sends("three")
    story.add("send", op=op, broker=0, connection=0)
    story.add("fail", op=op, code="unavailable")
    story.stores("three")
    assert story.broken() == []


def test_a_puback_for_what_is_nowhere_is_found(story):
    op = story.sends("three", certain=True)
    assert story.broken() == []
    story.add("puback", op=op)
    assert story.broken() == ["what_has_a_puback_is_stored"]


def test_a_text_that_nobody_sent_is_found(story):
    story.stores("boo")
    assert story.broken() == ["nobody_knows_a_text_that_nobody_sent"]


def test_an_append_that_did_not_compare_is_found(story):
    op = story.sends("three", ifLatest=2)
    story.stores("three")
    story.is_ok(op, 4)
    assert story.broken() == ["compare_and_append_compares"]


def test_a_number_that_is_missing_in_the_store_is_found(story):
    del story.log[1]
    assert "numbers_have_no_gap" in story.broken()


def test_a_number_with_two_contents_is_found(story):
    story.sends("another")
    story.add("read", who="bob", chat=CHAT, lines=[{**story.log[1], "body": "another"}])
    assert "a_number_has_one_content" in story.broken()


def test_another_head_is_found_also_where_the_content_is_void(story):
    story.add("read", who="bob", chat=CHAT, lines=[{**story.log[1], "head": "x"}])
    assert story.broken() == ["a_number_has_one_content"]


def test_a_number_that_was_shown_and_is_not_stored_is_found(story):
    story.sends("three")
    story.shows(1, line(4, body="three"))
    assert "a_number_has_one_content" in story.broken()


def test_a_void_that_nobody_deleted_is_found_and_one_that_somebody_did_is_not(story):
    story.log[1] = void(2)
    assert story.broken() == ["what_was_deleted_stays_so_and_nothing_else_is_void"]
    story.stores(None, type_="delete", messageID=2)
    assert story.broken() == []


def test_a_void_shown_to_a_member_is_found(story):
    story.add("read", who="bob", chat=CHAT, lines=[void(2)])
    assert story.broken() == ["members_see_what_is_there"]


def test_what_began_later_and_has_a_lower_number_is_found(story):
    first = story.sends("three")
    story.stores("four", by="bob")
    story.stores("three")
    story.is_ok(first, 5)
    story.is_ok(story.sends("four", by="bob"), 4)
    assert story.broken() == ["real_time"]


def test_a_device_whose_messages_changed_places_is_found(story):
    for body in ("three", "four"):
        story.sends(body)
    story.stores("four")
    story.stores("three")
    assert story.broken() == ["each_device_writes_in_its_order"]


def test_one_that_may_have_been_refused_before_it_was_sent_again_has_no_order(story):
    first = story.sends("three")
    story.sends("four")
    story.add("send", op=first, broker=0, connection=0)
    story.stores("four")
    story.stores("three")
    assert story.broken() == []


def test_an_answer_that_is_not_up_to_date_is_found(story):
    story.add("latest", who="bob", broker=0, chat=CHAT, number=3, asked=story.t + 1)
    assert story.broken() == []
    story.add("latest", who="bob", broker=0, chat=CHAT, number=2, asked=story.t + 1)
    assert story.broken() == ["reading_is_up_to_date"]


def test_numbers_that_come_again_within_a_connection_are_found_and_at_the_seam_they_may(story):
    story.opens(2, "bob/phone")
    story.shows(2, *story.log[1:])
    assert story.broken() == []
    story.shows(2, story.log[2])
    assert story.broken() == ["within_a_connection_numbers_only_rise"]


@pytest.mark.parametrize("connection", [1, 2])
def test_a_line_that_never_came_is_found_within_a_connection_and_behind_it(story, connection):
    for body in ("three", "four"):
        story.sends(body)
        story.stores(body)
    story.opens(2, "bob/phone")
    story.shows(connection, story.log[4])
    assert story.broken() == ["a_device_misses_nothing"]


def test_who_got_nothing_of_the_end_is_found(story):
    story.sends("three")
    story.stores("three")
    assert story.broken() == []
    story.add("calm", device="bob/phone")
    assert story.broken() == ["a_device_misses_nothing"]


def test_who_was_no_member_misses_nothing_and_what_he_is_shown_is_found(story):
    story.stores(None, type_="memberRemoved", userID="bob")
    story.shows(1, story.log[-1])
    story.sends("three")
    secret = story.stores("three")
    story.stores(None, type_="memberAdded", members=[{"userID": "bob", "role": "member"}])
    story.shows(1, story.log[-1])
    story.add("calm", device="bob/phone")
    assert story.broken() == []
    story.add("read", who="bob", chat=CHAT, lines=[secret])
    assert story.broken() == ["no_outsider_sees_anything"]


def test_an_outsider_who_is_shown_anything_is_found(story):
    story.add("read", who="eve", chat=CHAT, lines=[void(2)])
    assert "no_outsider_sees_anything" in story.broken()


def test_who_writes_and_is_no_member_is_found(story):
    story.sends("hello", by="eve", outsider=True)
    story.stores("hello", by="eve")
    assert story.broken() == ["only_members_write"]


def test_a_topic_that_lacks_something_is_found(story):
    story.topic = story.log[:1] + story.log[2:]
    assert story.broken() == ["the_mirror_is_complete"]
    story.topic = []
    assert story.broken() == ["the_mirror_is_complete"]


def test_a_topic_may_repeat_and_not_change_places(story):
    story.topic = [*story.log[:2], *story.log]
    assert story.broken() == []
    story.topic = [story.log[1], *story.log]
    assert story.broken() == ["the_mirror_is_complete"]


def test_a_stall_is_found_unless_the_process_was_stopped(story):
    story.add("metrics", broker="b", longest=3.0)
    assert story.broken() == ["the_broker_does_not_stall"]
    story.events.append({"e": "fault", "t": story.t - 1, "kind": "broker-pause", "on": 0, "seconds": 3})
    assert story.broken() == []


def test_what_the_run_itself_found_counts(story):
    story.add("verdict", what="hyperchatctl check", ok=False, text="no")
    assert story.broken() == ["nothing_else_went_wrong"]


def test_who_comes_and_goes_has_times():
    bob = [{"userID": "bob", "role": "member"}]
    log = [line(1, "memberAdded", members=[{"userID": "alice", "role": "owner"}]), line(2, "memberAdded", members=bob),
           line(3, "memberRemoved", userID="bob"), line(4, "memberAdded", members=bob)]
    assert memberships(log)["bob"][0] == (2, 3) and memberships(log)["bob"][1][0] == 4

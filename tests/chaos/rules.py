# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What must hold of a history. Each rule yields a sentence for everything that breaks it; its name is what a finding is called by."""
from collections import defaultdict
from itertools import pairwise

STALL_S = 1.0  # the broker's thread in one callback, when nothing had stopped the process

SAME = ("type", "senderID", "at", "messageID", "commandID", "userID", "role", "members", "name", "history", "body", "contentType", "quotes")


# ---- commands ----

def sent_is_stored_once(history):
    """Every ok exactly once, under its number."""
    for op in history.ops.values():
        if op.outcome != "ok" or op.number is None:
            if op.outcome == "ok" and op.body is not None and {chat for chat, _ in history.places[op.body]} != {op.chat}:
                yield f"{op!r} was done in {op.chat}, and stands at {sorted(history.places[op.body])}"
            continue
        if len(set(op.results)) > 1:
            yield f"{op!r} was answered with {sorted(set(op.results))}"
        key = (op.chat, op.number)
        line = history.content.get(key)
        if op.number > len(history.logs.get(op.chat, ())):
            yield f"{op!r} was sent as {key}, which the store does not have"
        elif line is None and not history.may_be_erased(*key):
            yield f"{op!r} was sent as {key}, which is void"
        elif op.body is not None and line is not None and history.places[op.body] != {key}:
            yield f"{op!r} was sent as {key}, and its text stands at {sorted(history.places[op.body])}"


def refused_is_not_stored(history):
    for op in history.ops.values():
        if op.outcome == "fail" and op.body is not None and history.places[op.body]:
            yield f"{op!r} was refused ({op.code}), and stands at {sorted(history.places[op.body])}"


def nothing_is_stored_twice(history):
    for op in history.ops.values():
        if op.body is not None and len(history.places[op.body]) > 1:
            yield f"{op!r} stands at {sorted(history.places[op.body])}"
    for chat, lines in history.logs.items():
        deletes = [line["messageID"] for line in lines if line["type"] == "delete"]
        for message in {message for message in deletes if deletes.count(message) > 1}:
            yield f"message {message} of {chat} was deleted {deletes.count(message)} times"


def what_has_a_puback_is_stored(history):
    """Where nothing but a fault could keep the command from being done."""
    for op in history.ops.values():
        if op.certain and op.acked and op.outcome == "unknown" and op.code is None and not history.places[op.body]:
            yield f"{op!r} had its PUBACK, and is nowhere"


def nobody_knows_a_text_that_nobody_sent(history):
    bodies = {op.body for op in history.ops.values()}
    for text, places in history.places.items():
        if text not in bodies:
            yield f"{text!r} at {sorted(places)} was sent by nobody"


def compare_and_append_compares(history):
    for op in history.ops.values():
        if op.if_latest is not None and op.outcome == "ok" and op.number != op.if_latest + 1:
            yield f"{op!r} with ifLatest {op.if_latest} became {op.number}"


# ---- numbers ----

def numbers_have_no_gap(history):
    for chat, lines in history.logs.items():
        numbers = [line["transactionID"] for line in lines]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"the store has {numbers[:5]} … {numbers[-5:]} of {chat}"


def a_number_has_one_content(history):
    """Whoever was shown it, before and after a restart, in the store and on the topic, saw the same or that it is void."""
    heads = {}
    for reader, _, line in history.seen:
        chat, number = line["chatID"], line["transactionID"]
        if number > len(history.logs.get(chat, ())):
            yield f"{reader} shows number {number} of {chat}, which the store does not have"
            continue
        head, first = heads.setdefault((chat, number), (line.get("head"), reader))
        if "head" in line and line["head"] != head:
            yield f"number {number} of {chat} has the head {head} in {first} and {line['head']} in {reader}"
        if line["type"] != "void":
            known = history.content[chat, number]
            differ = [name for name in SAME if line.get(name) != known.get(name) and not (name == "body" and (line.get("cut") or known.get("cut")))]
            if differ:
                yield f"number {number} of {chat} is {known} for one and {line} in {reader}: {', '.join(differ)}"


def what_was_deleted_stays_so_and_nothing_else_is_void(history):
    for chat, lines in history.logs.items():
        for line in lines:
            if line["type"] == "void" and not history.may_be_erased(chat, line["transactionID"]):
                yield f"number {line['transactionID']} of {chat} is void in the store, and nobody deleted it"


# ---- order ----

def real_time(history):
    """What was sent before something else began has the lower number."""
    for chat in history.logs:
        ops = [op for op in history.ops.values() if op.chat == chat and op.outcome == "ok" and op.number is not None]
        ends = sorted(ops, key=lambda op: op.ended)
        highest, at = None, 0
        for op in sorted(ops, key=lambda op: op.invoked):
            while at < len(ends) and ends[at].ended < op.invoked:
                highest = ends[at] if highest is None or ends[at].number > highest.number else highest
                at += 1
            if highest is not None and op.number <= highest.number and op is not highest:
                yield f"{op!r} began when {highest!r} was sent as {highest.number} of {chat}, and became {op.number}"


def each_device_writes_in_its_order(history):
    """As long as it stays with one broker, and none was refused, told or not: what is sent once more comes behind."""
    streams = defaultdict(list)
    for op in history.ops.values():
        place = next(iter(history.places[op.body]), None) if op.body else None
        refused = op.refused or op.code is not None or (len(op.sends) > 1 and not op.certain)
        if place and op.sends and op.do in ("message", "reply") and not refused and len(op.brokers()) == 1:
            streams[op.device, place[0], op.sends[0][1]].append((op.sends[0][0], place[1], op))
    for stream in streams.values():
        for (_, before, first), (_, after, second) in pairwise(sorted(stream, key=lambda entry: entry[0])):
            if after < before:
                yield f"{first!r} became {before}, {second!r}, which it sent later, {after}"


def reading_is_up_to_date(history):
    """A broker's answer knows what the same broker had told to be sent before it was asked."""
    sent = defaultdict(list)
    for op in history.ops.values():
        if op.outcome == "ok" and op.number is not None and len(op.brokers()) == 1:
            sent[op.chat, *op.brokers()].append(op)
    for answer in history.latest:
        late = [op for op in sent[answer["chat"], answer["broker"]] if op.ended < answer["asked"] and op.number > answer["number"]]
        if late:
            yield f"{answer['who']} was told {answer['number']} as the latest of {answer['chat']}, after {late[0]!r} was sent as {late[0].number}"


# ---- delivery ----

def within_a_connection_numbers_only_rise(history):
    for connection in history.connections.values():
        for chat, numbers in connection.numbers.items():
            for before, after in pairwise(numbers):
                if after <= before:
                    yield f"connection {connection.id} of {connection.device} got {after} of {chat} behind {before}"


def missed(history, who, chat, after, before):
    """The first number between the two that he should have got, or None."""
    return next((number for number in range(after + 1, before) if history.is_member(chat, who, number)), None)


def a_device_misses_nothing(history):
    """Within a connection, from one to the next, and in the end. Who is no device has no place: his next connection begins anywhere."""
    had = defaultdict(dict)  # device -> chat -> the highest that it got
    for connection in sorted(history.connections.values(), key=lambda connection: connection.opened):
        place = had[connection.device] if "/" in connection.device else {}
        for chat, numbers in connection.numbers.items():
            for number in numbers:
                hole = missed(history, connection.who, chat, place.get(chat, number), number)
                if hole is not None:
                    yield f"connection {connection.id} of {connection.device} got {number} of {chat} and never {hole}; the last was {place[chat]}"
                place[chat] = max(number, place.get(chat, 0))
    for device in history.calm:
        for chat, lines in history.logs.items():
            hole = missed(history, device.partition("/")[0], chat, had[device].get(chat, 0), len(lines) + 1)
            if hole is not None:
                yield f"{device} has {had[device].get(chat, 'nothing')} of {chat} in the end, and never got {hole}"


def members_see_what_is_there(history):
    for reader, who, line in history.seen:
        chat, number = line["chatID"], line["transactionID"]
        if who and line["type"] == "void" and history.is_member(chat, who, number) and not history.may_be_erased(chat, number):
            yield f"{reader} has number {number} of {chat} as void, which nobody deleted"


# ---- who ----

def no_outsider_sees_anything(history):
    for reader, who, line in history.seen:
        chat, number = line["chatID"], line["transactionID"]
        if who is None or chat not in history.logs:
            continue
        if who not in history.members[chat]:
            yield f"{reader} shows {line} to {who}, who was never a member"
        elif line["type"] != "void" and not history.is_member(chat, who, number) and not history.shows_all(chat):
            yield f"{reader} shows number {number} of {chat} to {who}, who is no member there"


def only_members_write(history):
    for (chat, number), line in history.content.items():
        if number > 1 and chat in history.logs and not history.is_member(chat, line["senderID"], number):
            yield f"number {number} of {chat} is by {line['senderID']}, who is no member there"
    for op in history.ops.values():
        if op.outsider and op.outcome == "ok":
            yield f"{op!r}, an outsider's, was done: {op.chat} {op.number}"


# ---- the mirror ----

def the_mirror_is_complete(history):
    """Everything, and of each writer in the order of first appearance. (That a repetition is the same, the contents tell.)"""
    if not history.mirrored:
        return
    first = defaultdict(dict)  # chat -> number -> who brought it first
    for record in history.records:
        first[record["chat"]].setdefault(record["number"], record["writer"])
    for chat, lines in history.logs.items():
        lacks = [number for number in range(1, len(lines) + 1) if number not in first[chat]]
        if lacks:
            yield f"the topic lacks {lacks[:10]} of {chat}, which has {len(lines)}"
        for writer in set(first[chat].values()):
            numbers = [number for number, by in first[chat].items() if by == writer]
            for before, after in pairwise(numbers):
                if after < before:
                    yield f"the topic has {after} of {chat} for the first time behind {before}, both by {writer}"


# ---- the rest ----

def undisturbed(history):
    """What was measured when the process was not stopped, and its clock not set."""
    stops = [fault for fault in history.faults if fault["kind"] in ("broker-pause", "clock-fault")]
    return [sample for sample in history.metrics
            if not any(fault["t"] - 2 <= sample["t"] <= fault["t"] + fault["seconds"] + 3 for fault in stops)]


def the_broker_does_not_stall(history):
    for sample in undisturbed(history):
        if sample["longest"] > STALL_S:
            yield f"a callback of broker {sample['broker']} took {sample['longest']:.2f} s"


def nothing_else_went_wrong(history):
    for verdict in history.verdicts:
        if not verdict["ok"]:
            yield f"{verdict['what']}: {verdict['text']}"


RULES = [sent_is_stored_once, refused_is_not_stored, nothing_is_stored_twice, what_has_a_puback_is_stored, nobody_knows_a_text_that_nobody_sent,
         compare_and_append_compares, numbers_have_no_gap, a_number_has_one_content, what_was_deleted_stays_so_and_nothing_else_is_void, real_time,
         each_device_writes_in_its_order, reading_is_up_to_date, within_a_connection_numbers_only_rise, a_device_misses_nothing,
         members_see_what_is_there, no_outsider_sees_anything, only_members_write, the_mirror_is_complete, the_broker_does_not_stall,
         nothing_else_went_wrong]


def broken(history):
    """(rule, sentence) of everything that is wrong."""
    return [(rule.__name__, sentence) for rule in RULES for sentence in rule(history)]

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What a run wrote down, as the rules look at it. Pure: no broker, no clock, no file but the one that is read.

A history is a list of events, one JSON object a line, each with its time `t` in seconds of the one clock of the run:

    invoke   op, who, device, do, chat?, body?, certain?, …   a client begins something; `body` is told apart from every other one
    send     op, broker, connection                           each time that it is published
    puback   op                                               the broker has taken it
    refused  op                                               the broker has not taken it and says to try again (0x97)
    ok       op, chat?, number?                               it is sent, with its number
    fail     op, code                                         it never will be
    open     connection, who, device, broker                  a connection is subscribed to its inbox; close: it has ended
    line     connection, line                                 came on hc/me/inbox; `event`: on hc/chat/…/events
    read     who, chat, lines                                 catch-up by RPC
    latest   who, broker, chat, number, asked                 getLatestTransactionID
    calm     device                                           all faults are over, and this device had time to get everything
    log      chat, lines                                      the store's own, at the end
    mirrored                                                  there is a topic, which was read to its end
    record   chat, number, writer, value                      what is on it, in the order of offsets of the chat's partition
    fault    kind, on, seconds                                something was done to it
    metrics  broker, longest                                  the longest callback since the last time, in seconds
    verdict  what, ok, text                                   something else that was checked: the store is sound, a broker died by itself

What begins and neither is `ok` nor `fail` is unknown: it may have happened, once.
"""
import json
from collections import defaultdict


class Op:
    def __init__(self, event):
        self.id, self.who, self.device, self.do = event["op"], event["who"], event["device"], event["do"]
        self.chat, self.body, self.message = event.get("chat"), event.get("body"), event.get("message")
        self.certain = event.get("certain", False)  # nothing but a fault can keep it from being done
        self.if_latest, self.outsider = event.get("ifLatest"), event.get("outsider", False)
        self.invoked, self.ended = event["t"], None
        self.sends, self.acked, self.refused = [], None, False
        self.outcome, self.number, self.code = "unknown", None, None
        self.results = []  # (chat, number) of each ok: a repetition has the first one's

    def __repr__(self):
        return f"{self.do} {self.id} of {self.device}" + (f" ({self.body})" if self.body else "")

    def brokers(self):
        return {broker for _, broker, _ in self.sends}


class Connection:
    def __init__(self, event):
        self.id, self.who, self.device, self.broker = event["connection"], event["who"], event["device"], event["broker"]
        self.opened = event["t"]
        self.numbers = defaultdict(list)  # chat -> numbers as they came on the inbox


class History:
    def __init__(self, events):
        self.ops, self.connections = {}, {}
        self.seen = []                   # (reader, who or None, line): everything that anybody was shown
        self.logs, self.mirrored, self.records = {}, False, []
        self.latest, self.calm, self.faults, self.metrics, self.verdicts = [], set(), [], [], []
        for event in events:
            getattr(self, "take_" + event["e"], self.take_nothing)(event)
        self.make_content()
        self.members = {chat: memberships(lines) for chat, lines in self.logs.items()}

    def take_nothing(self, event):
        """`close`, and whatever later runs note for those who read on."""

    # ---- what clients did ----

    def take_invoke(self, event):
        self.ops[event["op"]] = Op(event)

    def take_send(self, event):
        op = self.ops[event["op"]]
        op.sends.append((event["t"], event["broker"], event["connection"]))
        op.outcome = "unknown" if op.outcome == "fail" else op.outcome

    def take_puback(self, event):
        op = self.ops[event["op"]]
        op.acked = op.acked or event["t"]

    def take_refused(self, event):
        self.ops[event["op"]].refused = True

    def take_ok(self, event):
        op = self.ops[event["op"]]
        op.results.append((event.get("chat"), event.get("number")))
        if op.outcome != "ok":
            op.outcome, op.ended, op.number = "ok", event["t"], event.get("number")
            op.chat = event.get("chat") or op.chat

    def take_fail(self, event):
        """Final only where it was sent once: another time may have been taken, and be decided yet."""
        op = self.ops[event["op"]]
        if op.outcome == "unknown" and len(op.sends) <= 1:
            op.outcome, op.ended, op.code = "fail", event["t"], event["code"]
        else:
            op.code = event["code"]

    # ---- what they were shown ----

    def take_open(self, event):
        self.connections[event["connection"]] = Connection(event)

    def take_line(self, event):
        connection, line = self.connections[event["connection"]], event["line"]
        if line["type"] == "latest":
            return
        connection.numbers[line["chatID"]].append(line["transactionID"])
        self.seen.append((f"the inbox of {connection.device}, connection {connection.id}", connection.who, line))

    def take_event(self, event):
        connection = self.connections[event["connection"]]
        self.seen.append((f"events on connection {connection.id} of {connection.device}", connection.who, event["line"]))

    def take_read(self, event):
        self.seen += [(f"an answer to {event['who']}", event["who"], line) for line in event["lines"]]

    def take_latest(self, event):
        self.latest.append(event)

    def take_calm(self, event):
        self.calm.add(event["device"])

    # ---- what is there at the end ----

    def take_log(self, event):
        self.logs[event["chat"]] = event["lines"]
        self.seen += [("the store", None, line) for line in event["lines"]]

    def take_mirrored(self, event):
        self.mirrored = True

    def take_record(self, event):
        self.records.append(event)
        self.seen.append(("the topic", None, event["value"]))

    def take_fault(self, event):
        self.faults.append(event)

    def take_metrics(self, event):
        self.metrics.append(event)

    def take_verdict(self, event):
        self.verdicts.append(event)

    # ---- what follows from it ----

    def make_content(self):
        """What each number stands for, by whoever was shown more of it than that it is void; and where each body stands."""
        self.content, self.places, self.deleted = {}, defaultdict(set), defaultdict(dict)
        for _, _, line in self.seen:
            if line["type"] == "void":
                continue
            key = (line["chatID"], line["transactionID"])
            self.content.setdefault(key, line)
            if token(line) is not None and not line.get("cut"):
                self.places[token(line)].add(key)
            if line["type"] == "delete":
                self.deleted[line["chatID"]].setdefault(line["messageID"], line["transactionID"])

    def may_be_erased(self, chat, number):
        line = self.content.get((chat, number))
        if line is None:  # nobody saw what it was: some text that was deleted later, if anything was
            return any(by > number for by in self.deleted[chat].values())
        return line["type"] in ("message", "edit") and line["messageID"] in self.deleted[chat]

    def is_member(self, chat, who, number):
        return any(start <= number <= end for start, end in self.members.get(chat, {}).get(who, ()))

    def shows_all(self, chat):
        return any(line.get("history") == "all" for line in self.logs.get(chat, ()))


def token(line):
    """What tells this transaction from all others: a message's or an edit's body, a group's name."""
    return {"message": line.get("body"), "edit": line.get("body"), "groupUpdated": line.get("name")}.get(line["type"])


FOREVER = 1 << 62


def memberships(lines):
    """user -> [(first, last)] of his times, as numbers; both included."""
    times = defaultdict(list)
    for line in lines:
        number = line["transactionID"]
        if line["type"] == "memberAdded":
            for member in line["members"]:
                if not times[member["userID"]] or times[member["userID"]][-1][1] != FOREVER:
                    times[member["userID"]].append((number, FOREVER))
        elif line["type"] == "memberRemoved" and times[line["userID"]]:
            times[line["userID"]][-1] = (times[line["userID"]][-1][0], number)
    return dict(times)


def read_events(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]

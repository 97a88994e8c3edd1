# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""One run: a conversation under faults, and what is left of it held against the rules."""
import collections
import contextlib
import json
import pathlib
import random
import time

import mqtt
import rules
from device import Device
from faults import Injector, plan
from history import History
from person import RpcError
from recorder import Recorder
from workload import Workload
from world import START_S, World

DEVICES = ("alice/phone", "alice/laptop", "bob/phone", "bob/tablet", "carol/phone", "dave/phone", "erin/phone", "frank/phone", "eve/phone")
CALM_S = {"sqlite": 90, "mongodb": 240}  # FerretDB 1 scans, and each kill leaves more to be looked up
TOPIC_S = 90
END = "the run comes to its end"


class Run:
    members, outsiders = ("alice", "bob", "carol", "dave", "erin", "frank"), ("eve",)

    def __init__(self, options, directory):
        self.options, self.seed = options, options.seed
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.recorder = Recorder(self.directory / "history.jsonl")
        self.world = World(options, self.directory, self.recorder)
        self.workload = Workload(self)
        self.pause_s = options.pause or (0.1 if options.store == "sqlite" else 0.5)
        self.devices = [self.make_device(number, name) for number, name in enumerate(DEVICES)]
        self.tokens = {}

    def make_device(self, number, name):
        version = mqtt.V5 if number % 3 == 1 else mqtt.V311
        device = Device(self, name, random.Random(f"{self.seed} {name}"), version=version, clean=number % 4 == 2)
        self.world.adds(device, number % len(self.world.brokers))
        return device

    def broker_of(self, device):
        """Now and then a device goes on at another broker."""
        if device.dice.random() < 0.3:
            device.broker = device.dice.randrange(len(self.world.brokers))
        device.link.target = self.world.brokers[device.broker].port
        return device.broker

    def token(self, user):
        if user not in self.tokens:
            self.tokens[user] = self.world.brokers[0].token(user, ttl=86400)
        return self.tokens[user]

    # ---- what happens ----

    def happens(self):
        """Returns the history."""
        try:
            self.world.start()
            self.begins()
            self.suffers()
            self.calms_down()
            self.reads_back()
        except (AssertionError, RpcError, mqtt.Closed, mqtt.Refused, OSError) as failed:
            self.verdict(END, False, f"{failed!r}"[:3000])
        finally:
            for device in self.devices:
                device.ends = True
            self.world.end()
            self.recorder.close()
        return History(self.recorder.events)

    def begins(self):
        for device in self.devices:
            device.writes = False
            device.broker = self.devices.index(device) % len(self.world.brokers)
            device.start()
        self.waits(lambda: all(device.is_calm() for device in self.devices), 20, "all devices are connected")
        self.makes_chats()
        for device in self.devices:
            device.writes = True

    def makes_chats(self):
        with self.person("alice") as alice:
            for user in self.members[1:] + self.outsiders:
                with self.person(user):
                    pass
            self.workload.steady[alice.chat_with("bob")] = ("alice", "bob")
            for number, members in enumerate((("alice", "bob", "carol", "dave"), ("alice", "bob", "carol"))):
                self.workload.steady[self.makes_group(alice, f"steady {number}", members)] = members
            self.workload.churning[self.makes_group(alice, "churning", ("alice", "dave", "erin", "frank"))] = ("alice", ("dave", "erin", "frank"))
        self.workload.pairs = [("carol", "dave"), ("bob", "erin"), ("erin", "frank"), ("alice", "frank")]

    def makes_group(self, person, name, members):
        op = self.recorder.next_id()
        self.recorder.write("invoke", op=op, who=person.name, device="-", do="group", body=name)
        chat = person.makes_group(name, *members[1:])
        self.recorder.write("ok", op=op, chat=chat, number=None)
        return chat

    @contextlib.contextmanager
    def person(self, user, broker=0):
        """Somebody without a place, straight to the broker."""
        person = self.enters(self.world.brokers[broker], user)
        person.asks("getServerInfo")
        try:
            yield person
        finally:
            person.client.close()

    @staticmethod
    def enters(broker, user):
        """A broker that has just been started lets nobody in before its store has answered."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                return broker.person(user, "", clean=True, subscribes=("hc/me/reply/#",))
            except (mqtt.Closed, mqtt.Refused):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def waits(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not condition():
            failed = next((device for device in self.devices if device.failed), None)
            if failed or time.monotonic() > deadline:
                waiting = {device.device: [command.topic for command in device.pending] for device in self.devices if not device.is_calm()}
                self.verdict(what, False, f"not within {seconds} s: {waiting}" if not failed else f"{failed.device}: {failed.failed!r}")
                return False
            time.sleep(0.05)
        return True

    def verdict(self, what, ok, text=""):
        self.recorder.write("verdict", what=what, ok=ok, text=text)

    def suffers(self):
        """All the faults, each at its time."""
        faults = plan(self.seed, self.options.seconds, self.world.lanes(), list(DEVICES), self.options.only)
        injector, began = Injector(self.world, self.recorder), time.monotonic()
        while time.monotonic() - began < self.options.seconds:
            faults = injector.until(faults, time.monotonic() - began)
            time.sleep(0.005)
        injector.ends_all()

    # ---- the end ----

    def calms_down(self):
        for device in self.devices:
            device.writes = False
        self.world.is_calm()
        settled = lambda: all(device.is_calm() for device in self.devices)  # noqa: E731
        deadline = time.monotonic() + 5
        while not settled() and time.monotonic() < deadline:
            time.sleep(0.05)
        for device in self.devices:
            if not device.is_calm():
                device.settles = True  # what is left is sent again, whatever became of it
        calm = self.waits(settled, CALM_S[self.options.store], "everything came to its end")
        ends = {chat: len(self.exported(chat)) for chat in self.chats()}
        steady = [(device, chat) for device in self.devices for chat, members in self.workload.steady.items() if device.user in members]
        have_all = lambda: all(device.latest.get(chat, 0) >= ends[chat] for device, chat in steady)  # noqa: E731
        calm = calm and self.waits(have_all, CALM_S[self.options.store], "everybody has everything")
        time.sleep(0.5)  # for what is in the other chats
        for device in self.devices:
            device.ends = True
            device.join(10)
            if device.failed:
                self.verdict("a device of the workload", False, f"{device.device}: {device.failed!r}")
            if calm and device.user not in self.outsiders:
                self.recorder.write("calm", device=device.device)

    def chats(self):
        """All that anybody was ever told of."""
        return sorted({event["line"]["chatID"] for event in self.recorder.events if event["e"] == "line"} |
                      {event["chat"] for event in self.recorder.events if event["e"] == "ok" and event.get("chat")})

    def exported(self, chat):
        try:
            return [json.loads(line) for line in self.world.brokers[0].ctl("export", "--store", self.world.store_uri(), "--chat", chat).splitlines()]
        except AssertionError as failed:
            self.verdict("hyperchatctl export", False, str(failed)[:1000])
            return []

    def reads_back(self):
        chats = self.chats()
        self.catches_up(chats)
        for broker in self.world.brokers:
            self.world.dies_by_itself(broker)
            self.world.stops(broker)
        try:
            self.world.brokers[0].ctl("check", "--store", self.world.store_uri())
            self.verdict("hyperchatctl check", True)
        except AssertionError as failed:
            self.verdict("hyperchatctl check", False, str(failed))
        for chat in chats:
            self.recorder.write("log", chat=chat, lines=self.exported(chat))
        if self.world.kafka:
            self.reads_topic()
        self.world.brokers[0].start()
        self.catches_up(chats)
        self.world.stops(self.world.brokers[0])

    def catches_up(self, chats):
        for user in self.members + self.outsiders:
            with self.person(user) as person:
                for chat in chats:
                    with contextlib.suppress(RpcError):  # not his
                        self.recorder.write("read", who=user, chat=chat, lines=self.pages(person, chat))

    @staticmethod
    def pages(person, chat):
        lines, last = [], 0
        while last is not None:
            answer = person.asks("fetchSnapshotAndTransactions", chatID=chat, clientTransactionID=last)
            lines += answer["transactions"]
            last = answer["next"] if answer.get("limited") else None
        return lines

    def reads_topic(self):
        """A broker that is stopped leaves to the next start what Kafka did not take in time: it has to be there for that."""
        self.world.kafka.start()
        for broker in self.world.brokers:
            broker.start()
        wanted = {(line["chatID"], line["transactionID"]) for event in self.recorder.events if event["e"] == "log" for line in event["lines"]}
        reader = self.world.kafka.reader(self.world.topic)
        deadline = time.monotonic() + TOPIC_S
        while time.monotonic() < deadline and wanted - {(record.chat, record.number) for record in reader.records}:
            reader.poll()
        until = time.monotonic() + 1
        while time.monotonic() < until:
            reader.poll()  # what nobody waits for
        reader.close()
        for broker in self.world.brokers:
            self.world.stops(broker)
        self.recorder.write("mirrored")
        for record in reader.records:
            self.recorder.write("record", chat=record.chat, number=record.number, writer=record.headers.get("writer"), value=record.value)


# ---- what it came to ----

def summary(run, history, findings):
    operations = collections.Counter((op.do, op.outcome) for op in history.ops.values())
    longest = max((sample["longest"] for sample in rules.undisturbed(history)), default=0)
    return {"seed": run.seed, "seconds": run.options.seconds, "brokers": [broker.version for broker in run.world.brokers], "store": run.options.store,
            "kafka": run.options.kafka, "faults": dict(collections.Counter(fault["kind"] for fault in history.faults)),
            "operations": {f"{do} {outcome}": count for (do, outcome), count in sorted(operations.items())},
            "transactions": sum(map(len, history.logs.values())), "chats": len(history.logs),
            "lines": sum(len(numbers) for connection in history.connections.values() for numbers in connection.numbers.values()),
            "connections": len(history.connections), "records": len(history.records), "longest": round(longest, 4),
            "findings": sorted({rule for rule, _ in findings})}


def go(options, directory):
    """The summary; what was found is in it, and in the directory."""
    run = Run(options, directory)
    history = run.happens()
    findings = rules.broken(history)
    if any(verdict["what"] == END and not verdict["ok"] for verdict in history.verdicts):
        findings = [found for found in findings if found[0] == "nothing_else_went_wrong"]  # the rest was not read back
    row = summary(run, history, findings)
    (run.directory / "summary.json").write_text(json.dumps(row) + "\n")
    (run.directory / "findings").write_text("".join(f"{rule}: {sentence}\n" for rule, sentence in findings))
    return row, findings

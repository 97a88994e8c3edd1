# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device of the workload: a thread that connects, writes, reads, and connects again, whatever happens to it, and notes down all of it.

It does what the protocol asks of a client: after a lost connection, everything without a PUBACK is sent again, in its order, under the same
commandID. What has its PUBACK is sent again now and then, which must change nothing.
"""
import json
import threading
import time

import mqtt

CONNECT_S, STEP_S = 3, 0.02
WINDOW = 6  # commands under way
READS = ("latest", "read")  # operations whose number is not of something that they made


class Client(mqtt.Client):
    """Impatient: what does not answer at once is tried again."""

    def read_connack(self):
        self.socket.settimeout(CONNECT_S)
        kind, _, reader = self.read_packet(time.monotonic() + CONNECT_S)
        if kind != mqtt.CONNACK:
            raise mqtt.Closed()
        self.session_present, code = reader.byte() & 1, reader.byte()
        if code:
            raise mqtt.Refused(code)


class Command:
    """Something that was begun and has not come to its end."""

    def __init__(self, op, do, topic, payload, command=None, reply=None, qos=1):
        self.op, self.do, self.topic, self.payload, self.command, self.reply, self.qos = op, do, topic, payload, command, reply, qos
        self.packet, self.acked, self.body, self.chat = None, False, None, None
        self.has_id = bool(command or reply)
        self.done = None  # called with the result of an operation


class Device(threading.Thread):
    def __init__(self, run, name, dice, version=mqtt.V311, clean=False, subscribes=("hc/me/inbox", "hc/me/ack/+", "hc/me/reply/#", "hc/me/live")):
        super().__init__(name=name, daemon=True)
        self.run_, self.user, self.dice, self.version, self.clean, self.subscribes = run, name.partition("/")[0], dice, version, clean, subscribes
        self.device, self.recorder = name, run.recorder
        self.broker, self.link = 0, None       # which it is connected to; set by the run
        self.client, self.connection, self.subscribed = None, None, False
        self.pending, self.latest, self.own = [], {}, {}  # own: chat -> numbers of own messages
        self.writes, self.ends, self.failed = True, False, None
        self.takes_over = self.settles = False
        self.next_write = 0

    # ---- its life ----

    def run(self):
        try:
            while not self.ends:
                try:
                    self.connects_if_needed()
                    self.sends_what_is_left()
                    self.writes_something()
                    self.reads(STEP_S)
                except (mqtt.Closed, TimeoutError, OSError, mqtt.Refused):
                    self.loses_its_connection()
        except BaseException as failed:  # for the run's own thread
            self.failed = failed
            raise

    def connects_if_needed(self):
        if self.takes_over:
            self.takes_over = False
            old, self.client = self.client, None  # stays open, until the broker closes it
            self.forgets_packets()
            self.connects()
            if old:
                old.close()
        elif self.client is None:
            self.connects()

    def connects(self):
        self.subscribed = False
        self.broker = self.run_.broker_of(self)
        props = {"session_expiry": 3600} if self.version == mqtt.V5 and not self.clean else None
        client = Client(self.link.port, self.device, username=self.user, password=self.run_.token(self.user), version=self.version, clean=self.clean,
                        props=props)
        self.client, self.connection = client, self.recorder.next_id()
        self.recorder.write("open", connection=self.connection, who=self.user, device=self.device, broker=self.broker)
        body = b"".join(mqtt.binary(name) + b"\x01" for name in self.subscribes)
        start = client.next_id().to_bytes(2, "big") + (b"\0" if self.version == mqtt.V5 else b"")
        client.send(mqtt.packet(mqtt.SUBSCRIBE, 2, start + body))
        for command in list(self.pending):
            if command.has_id and (not command.acked or self.dice.random() < 0.5):
                self.sends(command)

    def forgets_packets(self):
        for command in self.pending:
            command.packet = None
        for command in [command for command in self.pending if not command.has_id and not command.acked]:
            self.pending.remove(command)  # it cannot be sent again: unknown

    def loses_its_connection(self):
        if self.client is not None:
            self.recorder.write("close", connection=self.connection)
            self.client.close()
            self.client = None
        self.forgets_packets()
        time.sleep(0.05 + self.dice.random() * 0.15)

    def is_calm(self):
        return self.client is not None and self.subscribed and not self.pending

    def sends_what_is_left(self):
        """At the end: a client that wants to know what became of it asks by sending it again. What has no ID stays unknown."""
        if self.settles and self.subscribed:
            self.settles = False
            for command in list(self.pending):
                if command.has_id:
                    self.sends(command)
                else:
                    self.drops(command)

    # ---- writing ----

    def writes_something(self):
        if self.writes and self.subscribed and len(self.pending) < WINDOW and time.monotonic() >= self.next_write:
            self.next_write = time.monotonic() + self.dice.random() * self.run_.pause_s
            self.run_.workload.acts(self)

    def begins(self, do, topic, payload, command=None, reply=None, qos=1, **more):
        """Notes it down and sends it. more: what the rules know about it."""
        op = self.recorder.next_id()
        self.recorder.write("invoke", op=op, who=self.user, device=self.device, do=do, **more)
        entry = Command(op, do, topic, json.dumps(payload) if isinstance(payload, dict) else payload, command, reply, qos)
        entry.body, entry.chat = more.get("body"), more.get("chat")
        self.pending.append(entry)
        self.sends(entry)
        return entry

    def sends(self, command):
        self.recorder.write("send", op=command.op, broker=self.broker, connection=self.connection)
        command.packet = self.client.publish(command.topic, command.payload, qos=command.qos)

    def asks(self, do, operation, arguments, **more):
        reply = f"r{self.recorder.next_id()}-{self.run_.seed}"
        return self.begins(do, f"hc/rpc/{operation}/{reply}", arguments, reply=reply, **more)

    def drops(self, command):
        if command in self.pending:
            self.pending.remove(command)

    # ---- reading ----

    def reads(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.client.step(deadline)
            except TimeoutError:
                break
            finally:
                self.sorts()

    def sorts(self):
        answers, self.client.answers = self.client.answers, []
        for kind, packet, codes in answers:
            if kind == mqtt.SUBACK:
                self.subscribed = True
            elif kind == mqtt.PUBACK:
                self.is_acked(packet, codes[0])
        messages, self.client.messages = self.client.messages, []
        for message in messages:
            self.takes(message)

    def is_acked(self, packet, code):
        command = next((command for command in self.pending if command.packet == packet and command.qos), None)
        if command is None:
            return
        if code == 0x97:  # not now
            self.recorder.write("refused", op=command.op)
            time.sleep(0.02)
            self.sends(command)
        elif code < 0x80:
            command.acked = True
            self.recorder.write("puback", op=command.op)

    def takes(self, message):
        head, _, tail = message.topic.partition("/")[2].partition("/")[2].partition("/")
        if head == "inbox":
            for line in message.payload.decode().splitlines():
                self.takes_line(json.loads(line))
        elif head == "ack":
            self.takes_answer(next((c for c in self.pending if c.command == tail), None), json.loads(message.payload))
        elif head == "reply":
            self.takes_answer(next((c for c in self.pending if c.reply == tail), None), json.loads(message.payload))
        elif message.topic.endswith("/events"):
            for line in message.payload.decode().splitlines():
                self.recorder.write("event", connection=self.connection, line=json.loads(line))

    def takes_line(self, line):
        self.recorder.write("line", connection=self.connection, line=line)
        chat, number = line["chatID"], line["transactionID"]
        self.latest[chat] = max(number, self.latest.get(chat, 0))
        self.run_.workload.learns(line)
        if line.get("senderID") != self.user:
            return
        for command in self.pending:
            own = line.get("commandID", "") == command.command if command.command else line.get("body") == command.body
            if command.reply is None and own:
                self.is_ok(command, chat, number)
                break

    def takes_answer(self, command, answer):
        if command is None:
            return
        if "error" in answer:
            self.recorder.write("fail", op=command.op, code=answer["error"]["code"])
            self.drops(command)
            return
        result = answer.get("result", answer)
        if command.done:
            command.done(result)
        self.is_ok(command, result.get("chatID", command.chat), None if command.do in READS else result.get("transactionID"))

    def is_ok(self, command, chat, number):
        self.recorder.write("ok", op=command.op, chat=chat, number=number)
        self.drops(command)
        if command.body is not None and number is not None:
            self.own.setdefault(chat, []).append(number)

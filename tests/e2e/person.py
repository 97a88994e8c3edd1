# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Alice and Bob: what tests are told in.

A Person is one device of a user: an MQTT connection subscribed to everything under hc/me/ (or what the test says), and what it has received,
sorted by topic. `hears`, `notices` and the like read on until what they expect has come, within the client's deadline.
"""
import itertools
import json
import time

import mqtt


class RpcError(Exception):
    def __init__(self, operation, error):
        super().__init__(f"{operation}: {error}")
        self.error, self.code = error, error["code"]


def matches(event, fields):
    return all(event.get(name) == value for name, value in fields.items())


def name_of(someone):
    return someone.name if isinstance(someone, Person) else someone


class Person:
    commands = itertools.count(1)

    def __init__(self, broker, name, device="phone", version=mqtt.V311, subscribes=("hc/me/#",), clean=False, qos=1, **connect):
        self.broker, self.name, self.device, self.version, self.clean, self.qos = broker, name, device, version, clean, qos
        self.subscribes, self.connect_options = subscribes, connect
        self.inbox, self.packets = [], []     # transactions and latest hints; the packets they came in
        self.texts, self.acks, self.live, self.events, self.elsewhere = [], [], [], [], []
        self.replies = {}
        self.heard_until = 0
        self.connects()

    def __repr__(self):
        return f"{self.name}/{self.device}"

    # ---- coming and going ----

    def connects(self, subscribes=True):
        how = dict(self.connect_options)
        if self.version == mqtt.V5 and not self.clean:
            how["props"] = {"session_expiry": 86400, **how.get("props", {})}
        token = how.pop("token", None) or self.broker.token(self.name)
        client_id = f"{self.name}/{self.device}" if self.device else self.name
        how = {"username": self.name, "password": token, **how}
        self.client = mqtt.Client(how.pop("port", self.broker.port), client_id, version=self.version, clean=self.clean, **how)
        if subscribes and self.subscribes:
            granted = self.client.subscribe(*self.subscribes, qos=self.qos)
            assert all(code < 0x80 for code in granted), f"{self} may not subscribe {self.subscribes}: {granted}"

    def leaves(self):
        self.client.disconnect()

    def is_cut_off(self):
        self.sort()  # what the client has read, and acknowledged, was received
        self.client.close()

    def returns(self, subscribes=True):
        """The same device again."""
        self.is_cut_off()
        self.connects(subscribes)

    def on(self, device, **how):
        """The same person on another device."""
        return self.broker.person(self.name, device, **how)

    # ---- receiving ----

    def sort(self):
        while self.client.messages:
            message = self.client.messages.pop(0)
            self.sort_one(message)

    def sort_one(self, message):
        parts = message.topic.split("/")
        if message.topic == "hc/me/inbox":
            self.packets.append(message)
            self.inbox += [json.loads(line) for line in message.payload.decode().splitlines()]
        elif message.topic.startswith("hc/me/text/"):
            self.texts.append((parts[3], parts[4], message.payload.decode()))
        elif message.topic.startswith("hc/me/ack/"):
            self.acks.append((parts[3], json.loads(message.payload), message.qos))
        elif message.topic.startswith("hc/me/reply/"):
            self.replies["/".join(parts[3:])] = (json.loads(message.payload), message)
        elif message.topic == "hc/me/live":
            self.live += [json.loads(line) for line in message.payload.decode().splitlines()]
        elif len(parts) == 4 and parts[1] == "chat" and parts[3] == "events":
            self.events += [json.loads(line) for line in message.payload.decode().splitlines()]
        else:
            self.elsewhere.append(message)

    def until(self, condition, what):
        def sorted_condition():
            self.sort()
            return condition()
        try:
            return self.client.wait(sorted_condition, what)
        except AssertionError as failed:
            raise AssertionError(f"{failed}\n inbox: {self.inbox[-8:]}\n acks: {self.acks[-4:]}\n live: {self.live[-4:]}") from None

    def asks_until(self, condition, what):
        """Asks again and again (condition does the asking) until it is so."""
        deadline = time.monotonic() + mqtt.PATIENCE
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{self} waited in vain for {what}"
            time.sleep(0.05)
        return found

    def sees(self, **fields):
        """The next transaction that has these fields, after the one last seen."""
        def found():
            for index in range(self.heard_until, len(self.inbox)):
                if matches(self.inbox[index], fields):
                    self.heard_until = index + 1
                    return self.inbox[index]
            return None
        return self.until(found, f"a transaction with {fields}")

    def hears(self, *bodies, **fields):
        """Messages with these bodies, in this order. Returns the last one's transaction."""
        for body in bodies:
            transaction = self.sees(type="message", body=body, **fields)
        return transaction

    def heard(self, chat=None):
        """The bodies of all messages received so far, in order."""
        return [t["body"] for t in self.inbox if t.get("type") == "message" and chat in (None, t["chatID"])]

    def numbers(self, chat):
        return [t["transactionID"] for t in self.inbox if t["chatID"] == chat and t["type"] != "latest"]

    def reads_text(self, body, chat=None, sender=None):
        def found():
            return next((t for t in self.texts if t[2] == body and chat in (None, t[0]) and name_of(sender) in (None, t[1])), None)
        return self.until(found, f"the text {body!r}")

    def notices(self, **fields):
        """A live event with these fields."""
        def found():
            return next((event for event in self.live if matches(event, fields)), None)
        return self.until(found, f"a live event with {fields}")

    def gets_ack(self, command="-"):
        def found():
            return next((ack for ack in self.acks if ack[0] == command), None)
        found_ack = self.until(found, f"hc/me/ack/{command}")
        self.acks.remove(found_ack)
        return found_ack[1]

    def is_refused(self, code, command="-"):
        """The command got this error. Returns the error."""
        answer = self.gets_ack(command)
        assert "error" in answer, f"{self} expected {code}, but {command} succeeded: {answer}"
        assert answer["error"]["code"] == code, f"{self} expected {code}, got {answer}"
        return answer["error"]

    def is_up_to_date(self):
        """Everything that the broker had for this connection has been read: a round trip through broker, core and store."""
        self.asks("getServerInfo")
        self.client.ping()
        self.sort()
        return self

    # ---- sending ----

    def next_command(self):
        return f"{self.name[:20]}-{next(Person.commands)}"

    def publishes(self, tail, payload=b"", **how):
        """Publishes below the prefix and waits for the PUBACK. Returns the reason code."""
        payload = json.dumps(payload) if isinstance(payload, dict) else payload
        return self.client.publish_acked(f"hc/{tail}", payload, **how)

    def sends(self, body, to=None, chat=None, id=None, qos=1, **fields):
        """A message to a person or into a chat; does not wait for more than the PUBACK. Returns its commandID."""
        command = id or self.next_command()
        where = f"user/{name_of(to)}" if to is not None else f"chat/{chat}"
        self.publishes(f"{where}/send/{command}", {"body": body, **fields}, qos=qos)
        return command

    def says(self, body, to=None, chat=None, id=None, **fields):
        """The same, and waits until it is sent: the own transaction has come back. Returns that."""
        command = self.sends(body, to, chat, id, **fields)
        return self.until(lambda: self.own(command), f"isSent of {command}")

    def own(self, command):
        for answer in self.acks:
            assert answer[0] != command or "error" not in answer[1], f"{self}'s {command} was refused: {answer[1]}"
        return next((t for t in self.inbox if t.get("commandID") == command and t["senderID"] == self.name), None)

    def starts(self, operation, *, id=None, **arguments):
        """RPC, as on 3.1.1, that is answered some time. Returns its <id>."""
        call = id or self.next_command()
        self.replies.pop(call, None)
        self.publishes(f"rpc/{operation}/{call}", arguments if arguments else "{}")
        return call

    def gets_answer(self, operation, call):
        """The result that came on hc/me/reply/<id>; RpcError for an error."""
        answer, _ = self.until(lambda: self.replies.get(call), f"the answer of {operation}")
        if "error" in answer:
            raise RpcError(operation, answer["error"])
        return answer["result"]

    def asks(self, operation, *, id=None, **arguments):
        """RPC with its answer. Returns the result; RpcError for an error."""
        return self.gets_answer(operation, self.starts(operation, id=id, **arguments))

    def is_denied(self, code, operation, **arguments):
        """RPC that must end in this error. Returns the error."""
        try:
            result = self.asks(operation, **arguments)
        except RpcError as failed:
            assert failed.code == code, f"expected {code}, got {failed.error}"
            return failed.error
        raise AssertionError(f"expected {code}, but {operation} answered {result}")

    def chat_with(self, other):
        """The 1:1 chat with somebody, made if there is none."""
        return self.asks("createPeerToPeerChat", receiverUserID=name_of(other))["chatID"]

    def receives(self, number, chat):
        self.publishes(f"chat/{chat}/received/{number}")

    def reads(self, number, chat):
        self.publishes(f"chat/{chat}/read/{number}")

    # ---- groups, and what becomes of messages ----

    def makes_group(self, name, *members, **more):
        """Returns its chat ID: number 1 is its members, number 2 its name."""
        return self.asks("createGroupChat", groupName=name, friendIDs=[name_of(member) for member in members], **more)["chatID"]

    def adds(self, *whom, to):
        return self.asks("addUserToGroup", groupID=to, userIDs=[name_of(someone) for someone in whom]).get("transactionID")

    def removes(self, whom, chat):
        return self.asks("removeUser", groupID=chat, userID=name_of(whom)).get("transactionID")

    def edits(self, message, chat, body):
        """By topic; waits until it is done and returns the transaction."""
        self.publishes(f"chat/{chat}/edit/{message}", body)
        return self.sees(type="edit", messageID=message, chatID=chat, body=body)

    def deletes(self, message, chat):
        self.publishes(f"chat/{chat}/delete/{message}")
        return self.sees(type="delete", messageID=message, chatID=chat)

    def message(self, message, chat):
        return self.asks("getMessage", chatID=chat, messageID=message)["message"]

    def thumbnail(self, chat):
        """The chat in the chat list; None: it is not there."""
        return next((line for line in self.asks("ListChats")["chats"] if line["chatID"] == chat), None)

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What people do in a run: messages of all kinds, edits, deletions, replies, receipts, repetitions, members who come and go, outsiders who try.

What somebody does next is drawn from his own dice; in which order threads get their turn is not, so two runs of a seed have the same faults and
alike, not equal, conversations.
"""
import itertools
import threading

ACTS = {"message": 50, "first": 3, "edit": 8, "delete": 5, "receipt": 10, "typing": 2, "repeat": 5, "members": 5, "group": 1, "latest": 6, "leave": 1}
MESSAGES = ("text", "send", "send", "rpc", "nameless", "reply", "compare")


class Workload:
    def __init__(self, run):
        self.run, self.lock = run, threading.Lock()
        self.steady, self.churning = {}, {}   # chat -> its members; of those who come and go: whose it is, and who
        self.pairs = []                       # people who write to each other by hc/user
        self.made = itertools.count(1)
        self.messages = {}                    # chat -> the last messages' numbers
        self.done = []                        # what may be repeated: (device, topic, payload, body, command, chat)

    def learns(self, line):
        with self.lock:
            if line["type"] == "message":
                numbers = self.messages.setdefault(line["chatID"], [])
                numbers.append(line["transactionID"])
                del numbers[:-20]

    def chats_of(self, user):
        return [chat for chat, members in self.steady.items() if user in members] + \
               [chat for chat, (_, guests) in self.churning.items() if user in guests]

    def acts(self, device):
        what = "outsider" if device.user in self.run.outsiders else device.dice.choices(list(ACTS), list(ACTS.values()))[0]
        getattr(self, what)(device)

    # ---- messages ----

    def name(self, device):
        """A text that nobody else sends, and its commandID."""
        number = next(self.made)
        return f"{device.device} {number} " + "x" * device.dice.choice((0, 0, 10, 100, 1000)), f"c{number}-{self.run.seed}"

    def message(self, device):
        chats = self.chats_of(device.user)
        if chats:
            chat = device.dice.choice(chats)
            getattr(self, device.dice.choice(MESSAGES))(device, chat, *self.name(device), chat in self.steady)

    def text(self, device, chat, body, command, certain):
        self.message_is(device, f"hc/chat/{chat}/text/{command}", body, command, chat=chat, body=body, certain=certain)

    def send(self, device, chat, body, command, certain):
        self.message_is(device, f"hc/chat/{chat}/send/{command}", {"body": body}, command, chat=chat, body=body, certain=certain)

    def rpc(self, device, chat, body, _, certain):
        device.asks("message", "sendMessage", {"chatID": chat, "messageBody": body}, chat=chat, body=body, certain=certain)

    def nameless(self, device, chat, body, _, certain):
        qos = device.dice.choice((0, 1, 1))
        device.begins("message", f"hc/chat/{chat}/text", body, qos=qos, chat=chat, body=body, certain=certain)

    def reply(self, device, chat, body, command, _):
        numbers = self.messages.get(chat)
        if numbers:
            payload = {"body": body, "repliedTo": device.dice.choice(numbers)}
            device.begins("reply", f"hc/chat/{chat}/send/{command}", payload, command, chat=chat, body=body)

    def compare(self, device, chat, body, command, _):
        latest = device.latest.get(chat)
        if latest:
            payload = {"body": body, "ifLatest": latest}
            device.begins("message", f"hc/chat/{chat}/send/{command}", payload, command, chat=chat, body=body, ifLatest=latest)

    def first(self, device):
        """To a person; who writes first makes the chat."""
        others = [pair[pair.index(device.user) - 1] for pair in self.pairs if device.user in pair]
        if others:
            body, command = self.name(device)
            device.begins("message", f"hc/user/{device.dice.choice(others)}/send/{command}", {"body": body}, command, body=body, certain=True)

    def message_is(self, device, *how, **more):
        """Sent, and kept to be repeated."""
        command = device.begins("message", *how, **more)
        with self.lock:
            self.done.append((device.device, command))
            del self.done[:-50]

    def repeat(self, device):
        """The same command once more, as a client does that has heard nothing: the same result."""
        with self.lock:
            mine = [command for name, command in self.done if name == device.device and command not in device.pending]
        if mine:
            command = device.dice.choice(mine)
            device.pending.append(command)
            device.sends(command)

    # ---- what becomes of them ----

    def edit(self, device):
        self.changes_own(device, "edit", lambda chat, number, body: ("editMessage", {"chatID": chat, "messageID": number, "messageBody": body}))

    def changes_own(self, device, do, make):
        chats = [chat for chat in device.own if chat in self.steady]
        if chats:
            chat = device.dice.choice(chats)
            number, (body, _) = device.dice.choice(device.own[chat][-10:]), self.name(device)
            operation, arguments = make(chat, number, body)
            device.asks(do, operation, arguments, chat=chat, message=number, **({"body": body} if do == "edit" else {}))

    def delete(self, device):
        self.changes_own(device, "delete", lambda chat, number, _: ("deleteMessage", {"chatID": chat, "messageID": number}))

    def receipt(self, device):
        if device.latest:
            chat = device.dice.choice(sorted(device.latest))
            device.client.publish(f"hc/chat/{chat}/{device.dice.choice(('received', 'read'))}/{device.latest[chat]}", b"")

    def typing(self, device):
        for chat in self.chats_of(device.user)[:1]:
            device.client.publish(f"hc/chat/{chat}/typing", b"", qos=0)

    def latest(self, device):
        chats = [chat for chat, members in self.steady.items() if device.user in members]
        if chats:
            chat, asked, broker = device.dice.choice(chats), self.run.recorder.now(), device.broker
            command = device.asks("latest", "getLatestTransactionID", {"chatID": chat})
            command.done = lambda result: self.run.recorder.write("latest", who=device.user, broker=broker, chat=chat, number=result["transactionID"],
                                                                  asked=asked)

    # ---- who is there ----

    def members(self, device):
        mine = [(chat, guests) for chat, (owner, guests) in self.churning.items() if owner == device.user]
        if mine:
            chat, guests = device.dice.choice(mine)
            guest = device.dice.choice(guests)
            if device.dice.random() < 0.5:
                device.asks("add", "addUserToGroup", {"groupID": chat, "userIDs": [guest]}, chat=chat)
            else:
                device.asks("remove", "removeUser", {"groupID": chat, "userID": guest}, chat=chat)

    def leave(self, device):
        mine = [chat for chat, (_, guests) in self.churning.items() if device.user in guests]
        if mine:
            chat = device.dice.choice(mine)
            device.asks("leave", "removeUser", {"groupID": chat, "userID": device.user}, chat=chat)

    def group(self, device):
        body, _ = self.name(device)
        others, name = [user for user in self.run.members if user != device.user], body.strip()[:100]
        device.asks("group", "createGroupChat", {"groupName": name, "friendIDs": device.dice.sample(others, 2)}, body=name)

    def outsider(self, device):
        """He knows the chats' IDs, and gets nothing by them."""
        chat, (body, command) = device.dice.choice(sorted(self.steady)), self.name(device)
        if device.dice.random() < 0.5:
            device.begins("message", f"hc/chat/{chat}/send/{command}", {"body": body}, command, chat=chat, body=body, outsider=True)
        else:
            device.asks("read", "fetchSnapshotAndTransactions", {"chatID": chat}, chat=chat, outsider=True)

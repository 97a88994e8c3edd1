# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Somebody who writes while things go wrong, and what must hold in the end."""
import time

import mqtt


class Sender:
    """Alice, who remembers what was acknowledged (PUBACK) and what was sent (isSent)."""

    def __init__(self, alice, chat):
        self.alice, self.chat = alice, chat
        self.flying = {}        # packet id -> command
        self.commands, self.acked = [], set()

    def send(self, command):
        self.commands.append(command)
        packet_id = self.alice.client.publish(f"hc/chat/{self.chat}/text/{command}", command)
        self.flying[packet_id] = command

    def read_until_acked(self, count):
        """Reads until that many more PUBACKs have come, or the connection is gone."""
        self.read(lambda: len(self.acked) >= count)

    def read_until_sent(self, count):
        """Reads until that many in all have come back with their numbers."""
        self.read(lambda: len(self.sent()) >= count)

    def read_what_is_left(self):
        self.read(lambda: False)

    def read(self, enough):
        try:
            while not enough():
                self.alice.client.step(time.monotonic() + mqtt.PATIENCE)
                self.collect()
        except mqtt.Closed:
            self.collect()

    def collect(self):
        client = self.alice.client
        for answer in [a for a in client.answers if a[0] == mqtt.PUBACK]:
            client.answers.remove(answer)
            if answer[1] in self.flying:
                self.acked.add(self.flying.pop(answer[1]))
        self.alice.sort()

    def unacked(self):
        return [command for command in dict.fromkeys(self.commands) if command not in self.acked]

    def sent(self):
        return {t["commandID"]: t["transactionID"] for t in self.alice.inbox if "commandID" in t and t["senderID"] == "alice"}


def check_history(broker, sender, bob):
    """Everything acknowledged is there once; everything sent is there under its number; no number is missing; bob saw it in order."""
    def missing():
        heard = set(bob.heard(sender.chat))
        return [command for command in sender.commands if command in sender.acked and command not in heard]
    try:
        bob.until(lambda: not missing(), "everything that was acknowledged")
    except AssertionError as failed:
        raise AssertionError(f"{failed}\n missing: {missing()}, {bob} has {bob.numbers(sender.chat)[-1:]}, "
                             f"the store {[t['transactionID'] for t in broker.exported(sender.chat)][-1:]}, "
                             f"refused: {[ack for ack in sender.alice.acks if 'error' in ack[1]][:5]}") from None
    numbers = list(dict.fromkeys(bob.numbers(sender.chat)))
    assert numbers == list(range(1, len(numbers) + 1)), "bob saw every number, in order"
    by_number = {t["transactionID"]: t for t in bob.inbox}
    for command, number in sender.sent().items():
        assert by_number[number]["body"] == command, "what was sent has its final number"
    broker.stop()
    broker.ctl("check", "--store", broker.store_uri)
    stored = [t["body"] for t in broker.exported(sender.chat) if t["type"] == "message"]
    assert len(stored) == len(set(stored)), "nothing is doubled"
    assert sender.acked <= set(stored), "nothing acknowledged is lost"

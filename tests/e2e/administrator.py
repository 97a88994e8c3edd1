# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Who looks at the numbers."""
import time

ROOT = "$SYS/broker/hyperchat"
ACL = "topic read $SYS/#\npattern read $SYS/#\n"  # the first line is for who has no name, the second for everybody


class Administrator:
    """Somebody whom the operator's ACL lets read the broker's own topics."""

    def __init__(self, broker):
        self.client = broker.client("the-administrator")
        assert self.client.subscribe(f"{ROOT}/#")[0] < 0x80
        self.numbers = {}   # what was said last, each time as a whole
        self.history = []   # (name, number), all of them
        self.arriving = {}

    def listens(self):
        for message in self.client.messages:
            name, value = message.topic[len(ROOT) + 1:], message.payload.decode()
            self.arriving[name] = value if name == "version" else float(value)
            self.history.append((name, self.arriving[name]))
            if name == "collected_timestamp_seconds":  # which comes last
                self.numbers = dict(self.arriving)
        self.client.messages.clear()
        return self.numbers

    def until(self, condition, what):
        """Waits until the numbers are so."""
        try:
            self.client.wait(lambda: "version" in self.listens() and condition(self.numbers), what)
        except AssertionError as failed:
            raise AssertionError(f"{failed}; the last numbers: {self.numbers}") from None

    def is_up_to_date(self):
        """All that happened by now is in the numbers: they were collected since. What came before may still wait to be read."""
        now = time.time()
        self.until(lambda numbers: numbers.get("collected_timestamp_seconds", 0) > now, "numbers")
        return dict(self.numbers)


def shows_its_numbers(broker):
    """Configures it: numbers come once a second; who has no name, as the administrator, may read them."""
    acl = broker.directory / "acl"
    acl.write_text(ACL)
    broker.top_lines = [f"acl_file {acl}", "sys_interval 1"]
    broker.anonymous = True
    return broker

#!/usr/bin/env python3
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""kafka-consumer.py SERVERS TOPIC FILE [PROPERTY=VALUE...]: keeps a copy of every chat in a SQLite file, read from Kafka. An example of how to
apply what is on the topic exactly once and in order (docs/kafka.md). It may be killed at any time. Needs confluent_kafka (Debian:
python3-confluent-kafka). Prints what it applies; with the property --end it stops at the end of the topic."""
import sqlite3
import sys

from confluent_kafka import Consumer, TopicPartition

TABLES = """
CREATE TABLE IF NOT EXISTS line (epoch TEXT, chat TEXT, number INTEGER, line TEXT, PRIMARY KEY (epoch, chat, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS early (epoch TEXT, chat TEXT, number INTEGER, line TEXT, PRIMARY KEY (epoch, chat, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS applied (epoch TEXT, chat TEXT, number INTEGER, PRIMARY KEY (epoch, chat)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (part INTEGER PRIMARY KEY, next INTEGER);
"""


class Copy:
    def __init__(self, file):
        self.db = sqlite3.connect(file, isolation_level=None)
        self.db.executescript("PRAGMA journal_mode = WAL;" + TABLES)

    # ---- the rule ----

    def take(self, epoch, chat, number, line):
        """A number that was applied is a repetition. One that is too early waits for those before it: two brokers may write into one chat, and
        what they wrote need not get to Kafka in the order of the numbers."""
        applied = self.applied(epoch, chat)
        if number <= applied:
            return
        self.db.execute("INSERT OR REPLACE INTO early VALUES (?, ?, ?, ?)", (epoch, chat, number, line))
        while (line := self.waiting(epoch, chat, applied + 1)) is not None:
            applied += 1
            self.apply(epoch, chat, applied, line)
            self.db.execute("DELETE FROM early WHERE (epoch, chat, number) = (?, ?, ?)", (epoch, chat, applied))
            self.db.execute("INSERT OR REPLACE INTO applied VALUES (?, ?, ?)", (epoch, chat, applied))

    def applied(self, epoch, chat):
        row = self.db.execute("SELECT number FROM applied WHERE (epoch, chat) = (?, ?)", (epoch, chat)).fetchone()
        return row[0] if row else 0

    def waiting(self, epoch, chat, number):
        row = self.db.execute("SELECT line FROM early WHERE (epoch, chat, number) = (?, ?, ?)", (epoch, chat, number)).fetchone()
        return row[0] if row else None

    # ---- what one does with it ----

    def apply(self, epoch, chat, number, line):
        self.db.execute("INSERT INTO line VALUES (?, ?, ?, ?)", (epoch, chat, number, line))
        print(chat, number, line, flush=True)

    # ---- how far the topic was read: kept with what came of it, in one step ----

    def places(self):
        return dict(self.db.execute("SELECT part, next FROM place"))

    def take_all(self, messages):
        self.db.execute("BEGIN IMMEDIATE")
        for message in messages:
            headers = dict(message.headers())
            self.take(headers["epoch"].decode(), message.key().decode(), int(headers["transactionID"]), message.value().decode())
            self.db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", (message.partition(), message.offset() + 1))
        self.db.execute("COMMIT")


def main(servers, topic, file, *more):
    copy = Copy(file)
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "copy", "enable.auto.commit": False, "auto.offset.reset": "earliest",
                         "enable.partition.eof": True, **dict(one.split("=", 1) for one in more if one != "--end")})
    parts = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    places = copy.places()
    consumer.assign([TopicPartition(topic, part, places.get(part, 0)) for part in parts])
    ended = set()
    while not ("--end" in more and ended == set(parts)):
        messages = consumer.consume(1000, 0.2)
        ended |= {message.partition() for message in messages if message.error()}
        copy.take_all([message for message in messages if not message.error()])
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

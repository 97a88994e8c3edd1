# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A real Kafka (scripts/get-kafka), one node or several, and somebody who reads a topic. Readers and topics are made by Debian's
python3-confluent-kafka."""
import itertools
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import namedtuple

import broker as brokers
import mqtt

try:
    import confluent_kafka
    import confluent_kafka.admin
except ImportError:
    confluent_kafka = None

LIBS = brokers.ROOT / "build/kafka/libs"
START_S = 120  # on a machine that is busy with something else
CLOSE_S = 10
NAMES = itertools.count()

# chat: the key, of a topic of people the user's ID
Record = namedtuple("Record", "chat number type headers value raw partition offset")


def what_is_missing():
    """None: all is there."""
    if confluent_kafka is None:
        return "python3-confluent-kafka is missing: apt-get install python3-confluent-kafka"
    if not list(LIBS.glob("kafka_2.13-*.jar")) or not shutil.which("java"):
        return "Kafka is missing: install Java 17 and Maven, run scripts/get-kafka"
    return None


class Node:
    def __init__(self, directory, number):
        self.directory, self.number = directory / str(number), number
        self.port, self.controller_port = brokers.free_port(), brokers.free_port()
        self.process = None
        self.directory.mkdir(parents=True, exist_ok=True)

    def configuration(self, cluster):
        replicas = min(3, len(cluster.nodes))
        voters = ",".join(f"{node.number}@127.0.0.1:{node.controller_port}" for node in cluster.nodes)
        protocol = "SASL_PLAINTEXT" if cluster.password else "PLAINTEXT"
        lines = {
            "process.roles": "broker,controller", "node.id": self.number, "controller.quorum.voters": voters,
            "listeners": f"{protocol}://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"{protocol}://127.0.0.1:{self.port}", "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": protocol, "log.dirs": self.directory / "data", "num.partitions": 4,
            "default.replication.factor": replicas, "min.insync.replicas": 2 if replicas == 3 else 1,
            "offsets.topic.replication.factor": replicas, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": replicas, "transaction.state.log.min.isr": 1, "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": replicas, "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0, "log.cleaner.dedupe.buffer.size": 4194304, "num.network.threads": 2, "num.io.threads": 2,
            "auto.create.topics.enable": "false", "broker.heartbeat.interval.ms": 500, "broker.session.timeout.ms": 3000,
            "controlled.shutdown.enable": "true", **cluster.more,
        }
        if cluster.password:
            login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
            lines |= {"sasl.enabled.mechanisms": "PLAIN", "sasl.mechanism.inter.broker.protocol": "PLAIN",
                      "listener.name.sasl_plaintext.plain.sasl.jaas.config":
                      f'{login} username="node" password="{cluster.password}" user_node="{cluster.password}" user_hyperchat="{cluster.password}";'}
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    def java(self, *arguments):
        return ["java", "-cp", f"{LIBS}/*", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto",
                "-Djava.net.preferIPv4Stack=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dlog4j2.disable.jmx=true",
                *map(str, arguments)]

    def spawn(self, cluster):
        properties = self.directory / "server.properties"
        properties.write_text(self.configuration(cluster))
        if not (self.directory / "data/meta.properties").exists():
            subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", properties), check=True,
                           capture_output=True, timeout=START_S)
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(self.java("kafka.Kafka", properties), stdout=log, stderr=log)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            assert self.process.poll() is None, f"Kafka ended with {self.process.returncode}:\n{(self.directory / 'server.log').read_text()[-3000:]}"
            return False

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def is_paused(self):
        self.process.send_signal(signal.SIGSTOP)

    def goes_on(self):
        self.process.send_signal(signal.SIGCONT)


class Kafka:
    def __init__(self, directory, nodes=1, password=None, **more):
        """more: Kafka's own settings, with underscores for the dots."""
        self.password = password
        self.more = {name.replace("_", "."): value for name, value in more.items()}
        self.admin_client = None
        self.nodes = [Node(pathlib.Path(directory), number + 1) for number in range(nodes)]

    @property
    def servers(self):
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def client_options(self):
        login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "hyperchat", "sasl.password": self.password}
        return {"bootstrap.servers": self.servers, "log_level": 0, **(login if self.password else {})}

    def start(self):
        for node in self.nodes:
            if node.process is None:
                node.spawn(self)
        deadline = time.monotonic() + START_S
        while not self.answers():
            assert time.monotonic() < deadline, "Kafka does not come up"
            time.sleep(0.1)
        return self

    def answers(self):
        if not all(node.listens() for node in self.nodes):
            return False
        try:
            return len(self.admin().list_topics(timeout=2).brokers) == len(self.nodes)
        except confluent_kafka.KafkaException:
            return False

    def end(self):
        for node in self.nodes:
            if node.process is not None:
                node.kill9()

    def kill9(self):
        for node in self.nodes:
            node.kill9()

    def is_paused(self):
        for node in self.nodes:
            node.is_paused()

    def goes_on(self):
        for node in self.nodes:
            node.goes_on()

    # ---- topics ----

    def admin(self):
        if self.admin_client is None:
            self.admin_client = confluent_kafka.admin.AdminClient({**self.client_options(), "reconnect.backoff.max.ms": 500})
        return self.admin_client

    def new_name(self):
        return f"transactions-{next(NAMES)}"

    def create_topic(self, name, partitions=4, **config):
        topic = confluent_kafka.admin.NewTopic(name, partitions, min(3, len(self.nodes)),
                                               config={key.replace("_", "."): str(value) for key, value in config.items()})
        self.admin().create_topics([topic], operation_timeout=20)[name].result(30)
        return name

    def delete_topic(self, name):
        self.admin().delete_topics([name], operation_timeout=20)[name].result(30)

    def reader(self, topic):
        return Reader(self, topic)


class Reader:
    """Reads a topic from its beginning and keeps everything."""

    def __init__(self, kafka, topic):
        self.kafka, self.topic, self.records = kafka, topic, []
        self.consumer = confluent_kafka.Consumer({**kafka.client_options(), "group.id": f"reader-{next(NAMES)}", "enable.auto.commit": False,
                                                  "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 500, "fetch.wait.max.ms": 20})
        self.assigned = False

    def assign(self):
        """Once the topic is there."""
        try:
            found = self.consumer.list_topics(self.topic, timeout=5).topics[self.topic]
        except confluent_kafka.KafkaException:
            return
        if found.error is None and found.partitions:
            self.consumer.assign([confluent_kafka.TopicPartition(self.topic, number, confluent_kafka.OFFSET_BEGINNING) for number in found.partitions])
            self.assigned = True

    def poll(self, timeout=0.1):
        if not self.assigned:
            self.assign()
            if not self.assigned:
                time.sleep(timeout)
                return
        for message in self.consumer.consume(1000, timeout):
            if message.error() is None:
                headers = {name: value.decode() for name, value in message.headers() or []}
                value = json.loads(message.value())
                self.records.append(Record(message.key().decode(), value.get("transactionID"), value.get("type"), headers, value, message.value(),
                                           message.partition(), message.offset()))

    def until(self, enough, what, patience=mqtt.PATIENCE):
        deadline = time.monotonic() + patience
        while not enough():
            assert time.monotonic() < deadline, f"the topic lacks {what}: {len(self.records)} records, the last {self.records[-3:]}"
            self.poll()
        return self

    def numbers(self, chat):
        """In the order of their first appearance."""
        return list(dict.fromkeys(record.number for record in self.records if record.chat == chat))

    def has(self, chat, number):
        return any(record.chat == chat and record.number == number for record in self.records)

    def reads_up_to(self, chat, number, **how):
        return self.until(lambda: self.has(chat, number), f"number {number} of {chat}", **how)

    def values(self, chat):
        return [record.value for record in self.records if record.chat == chat]

    def close(self):
        """A consumer of librdkafka's may wait for ever where its topic was deleted (confluentinc/librdkafka#4362): then it is left behind."""
        closing = threading.Thread(target=self.consumer.close, daemon=True)
        closing.start()
        closing.join(CLOSE_S)

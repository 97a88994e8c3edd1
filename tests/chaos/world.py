# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The brokers, the store, Kafka and the network of a run, and what faults do to them."""
import contextlib
import os
import pathlib
import signal
import random
import sqlite3
import subprocess
import threading
import time

import administrator
import broker as brokers
import kafka as kafkas
import mongodb
from clock import CLOCK
from links import Link, Network

IMPATIENT = "connectTimeoutMS=1000&socketTimeoutMS=3000&serverSelectionTimeoutMS=500"  # FerretDB 1 scans: less, and it is asked again and again
DISK_SIZE = "48m"
START_S = 60


class World:
    def __init__(self, options, directory, recorder):
        self.options, self.directory, self.recorder = options, pathlib.Path(directory), recorder
        self.network = Network()
        self.links, self.devices = {}, {}    # by device
        self.server = self.store_network = self.kafka = self.topic = self.held = self.disk = None
        self.clock = self.directory / "clock-offset"
        self.watchers, self.starting, self.paused = [], {}, set()
        self.brokers = [self.make_broker(number) for number in range(options.brokers)]

    # ---- making it ----

    def make_broker(self, number):
        directory = self.directory / f"broker-{number}"
        directory.mkdir()
        version = self.options.broker[number % len(self.options.broker)]
        broker = brokers.Broker(version, directory, **self.store_options(number, directory), commands_burst=1000000, commands_per_second=1000000,
                                new_contacts_per_hour=1000000, connects_per_minute=0, failed_logins_per_minute=0, subscriptions_per_second=10000)
        broker.plugin = pathlib.Path(self.options.plugin or brokers.PLUGIN)
        administrator.shows_its_numbers(broker)
        if number:
            broker.issuer, broker.options["keys"] = self.brokers_issuer, self.brokers_keys
        else:
            self.brokers_issuer, self.brokers_keys = broker.issuer, broker.options["keys"]
        return broker

    def store_options(self, number, directory):
        if self.options.store == "sqlite":
            data = directory / "data"
            data.mkdir()
            if os.geteuid() == 0:
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "chaos", str(data)], check=True)
                self.disk = data
            return {"store": f"sqlite:{data}/chat.db", "journal": data / "journal"}
        if number == 0:
            self.server = mongodb.Server(mongodb.free_port()).start()
            self.store_network = mongodb.Network(self.server.port)
        return {"store": mongodb.uri_of(self.store_network.base, "chaos", IMPATIENT), "writer": f"broker-{number}"}

    def start(self):
        if self.options.kafka:
            self.kafka = kafkas.Kafka(self.directory / "kafka").start()
            self.topic = self.kafka.create_topic("chaos")
        self.preload_clock()
        for broker in self.brokers:
            if self.kafka:
                broker.options |= {"kafka": self.kafka.servers, "kafka_topic": self.topic}
            broker.start()
            self.watchers.append(Watcher(self, broker))

    def preload_clock(self):
        """The wall clock of the brokers is what a file says; not beside a sanitizer, whose library has to come first."""
        if not self.has_clock():
            return
        source, library = self.directory / "clock.c", self.directory / "clock.so"
        source.write_text(CLOCK)
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self.clock.write_text("0")
        os.environ |= {"CLOCK_OFFSET": str(self.clock), "HC_PRELOAD": str(library)}

    def has_clock(self):
        return not brokers.sanitizer() and not {"2.0.21", "system"} & set(self.options.broker)

    def lanes(self):
        """What can go wrong here."""
        found = [("broker", number) for number in range(len(self.brokers))] + [("links", 0), ("storm", 0)]
        found += [("sqlite", 0)] if self.options.store == "sqlite" else [("mongodb", 0)]
        found += [("kafka", 0)] if self.options.kafka else []
        found += [("clock", 0)] if self.has_clock() else []
        found += [("partition", 0)] if os.environ.get("HC_CHAOS_NETWORK") else []
        return found

    def adds(self, device, broker):
        device.link = self.links[device.device] = Link(self.network, self.brokers[broker].port)
        self.devices[device.device] = device

    def store_uri(self):
        """Past the bad network."""
        return mongodb.uri_of(self.server.base, "chaos") if self.server else self.brokers[0].store_uri

    # ---- brokers ----

    def dies_by_itself(self, broker):
        """Noted down, and started again."""
        if broker.process is not None and broker.process.poll() is not None:
            code, broker.process = broker.process.returncode, None
            self.recorder.write("verdict", what="a broker ended on its own", ok=False, text=f"{code}: {broker.all_output()[-3000:]}")
            return True
        return False

    def starts(self, broker):
        """Sooner or later: the disk may be full just now, or the network away."""
        deadline, last = time.monotonic() + START_S, None
        while broker.process is None and time.monotonic() < deadline:
            try:
                broker.start()
            except (AssertionError, OSError) as failed:
                last = failed
                if broker.process is not None and broker.process.poll() is None:
                    broker.process.kill()
                    broker.process.wait()
                broker.process = None
        if broker.process is None:
            self.recorder.write("verdict", what="a broker does not start", ok=False, text=str(last)[-3000:])

    def is_starting(self, broker):
        return broker in self.starting and self.starting[broker].is_alive()

    def broker_kill(self, fault):
        broker = self.brokers[fault.on]
        if not self.is_starting(broker) and not self.dies_by_itself(broker):
            broker.kill9()

    def broker_kill_ends(self, fault):
        """On a thread: the network that it needs may be away, and comes back by another fault's end."""
        broker = self.brokers[fault.on]
        if not self.is_starting(broker):
            self.on_a_thread(broker, lambda: self.starts(broker))

    def on_a_thread(self, broker, work):
        self.starting[broker] = threading.Thread(target=work)
        self.starting[broker].start()

    def broker_stop(self, fault):
        """Likewise: it brings to the store what it has, which may be held just now."""
        broker = self.brokers[fault.on]
        if not self.is_starting(broker) and not self.dies_by_itself(broker):
            self.on_a_thread(broker, lambda: (self.stops(broker), time.sleep(fault.seconds), self.starts(broker)))

    def stops(self, broker):
        try:
            broker.stop()
        except AssertionError as failed:
            broker.process = None
            self.recorder.write("verdict", what="a broker does not end well", ok=False, text=str(failed)[-3000:])

    def broker_pause(self, fault):
        if not self.is_starting(self.brokers[fault.on]):
            self.brokers[fault.on].is_paused()
            self.paused.add(fault.on)

    def broker_pause_ends(self, fault):
        if fault.on in self.paused:
            self.paused.discard(fault.on)
            self.brokers[fault.on].goes_on()

    # ---- the network ----

    def link_cut(self, fault):
        for name in fault.more:
            self.links[name].is_cut()

    def link_silent(self, fault):
        for name in fault.more:
            self.links[name].is_silent()

    def link_silent_ends(self, fault):
        """It may go on, or be found to have been lost."""
        for number, name in enumerate(fault.more):
            if number % 2:
                self.links[name].is_cut()
            self.links[name].is_good()

    def link_slow(self, fault):
        for name in fault.more:
            self.links[name].delay = 0.1

    def link_pieces(self, fault):
        for name in fault.more:
            self.links[name].piece = 3

    def link_slow_ends(self, fault):
        for name in fault.more:
            self.links[name].is_good()

    link_pieces_ends = link_slow_ends

    def takeover(self, fault):
        for name in fault.more:
            self.devices[name].takes_over = True

    def storm(self, fault):
        for link in self.links.values():
            link.is_cut()

    def partition(self, fault):
        """In a network of its own: nothing reaches anybody, and the kernels send it again."""
        subprocess.run(["ip", "link", "set", "lo", "down"], check=True)

    def partition_ends(self, fault):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    # ---- the store ----

    def store_held(self, fault):
        """Another process writes into it and does not finish."""
        with contextlib.suppress(sqlite3.OperationalError):
            self.held = sqlite3.connect(self.brokers[0].options["store"].partition(":")[2], timeout=2, isolation_level=None)
            self.held.execute("BEGIN IMMEDIATE")

    def store_held_ends(self, fault):
        if self.held:
            with contextlib.suppress(sqlite3.OperationalError):
                self.held.execute("ROLLBACK")
            self.held.close()
            self.held = None

    def disk_full(self, fault):
        if self.disk:
            with contextlib.suppress(OSError), open(self.disk / "ballast", "wb", buffering=0) as file:
                while file.write(b"\0" * 65536):
                    pass

    def disk_full_ends(self, fault):
        if self.disk:
            (self.disk / "ballast").unlink(missing_ok=True)

    def store_kill(self, fault):
        if not self.is_starting(self.server):
            self.server.kill9()

    def store_kill_ends(self, fault):
        if not self.is_starting(self.server):
            self.on_a_thread(self.server, self.server.start)

    def store_pause(self, fault):
        if not self.is_starting(self.server):
            self.server.is_paused()

    def store_pause_ends(self, fault):
        if not self.is_starting(self.server):
            self.server.goes_on()

    def store_silent(self, fault):
        self.store_network.loses, self.store_network.silent = lambda command: True, True

    def store_lossy(self, fault):
        dice = random.Random(fault.at)
        self.store_network.loses = lambda command: command in mongodb.WRITES and dice.random() < fault.more

    def store_silent_ends(self, fault):
        self.store_network.is_good()

    store_lossy_ends = store_silent_ends

    # ---- Kafka, the clock ----

    def kafka_kill(self, fault):
        self.kafka.kill9()

    def kafka_kill_ends(self, fault):
        for node in self.kafka.nodes:
            node.spawn(self.kafka)  # it takes its time, while all else goes on

    def kafka_pause(self, fault):
        self.kafka.is_paused()

    def kafka_pause_ends(self, fault):
        self.kafka.goes_on()

    def clock_jumps(self, seconds):
        part = self.clock.with_suffix(".new")
        part.write_text(str(seconds))
        part.rename(self.clock)

    def clock_fault(self, fault):
        self.clock_jumps(fault.more)

    def clock_fault_ends(self, fault):
        self.clock_jumps(0)

    # ---- the end ----

    def is_calm(self):
        """All faults are over; every broker runs."""
        for link in self.links.values():
            link.is_good()
        for starting in self.starting.values():
            starting.join()
        for broker in self.brokers:
            self.dies_by_itself(broker)
            if broker.process is None:
                self.starts(broker)

    def end(self):
        """Nothing of the run stays running or mounted."""
        for watcher in self.watchers:
            watcher.ends = True
        for broker in self.brokers:
            if broker.process is not None and broker.process.poll() is None:
                broker.process.send_signal(signal.SIGCONT)
                broker.process.kill()
                broker.process.wait()
        if self.kafka:
            self.kafka.end()
        if self.store_network:
            self.store_network.close()
        if self.server:
            self.server.remove()
        if self.disk:
            self.keep_data()
        self.network.close()

    def keep_data(self):
        kept = self.directory / "data"
        subprocess.run(["cp", "-r", f"{self.disk}/.", str(kept)], check=False)
        subprocess.run(["umount", str(self.disk)], check=True)


class Watcher(threading.Thread):
    """Somebody who reads how long the broker's thread was busy at a time."""

    def __init__(self, world, broker):
        super().__init__(daemon=True)
        self.world, self.broker, self.ends = world, broker, False
        self.start()

    def run(self):
        while not self.ends:
            try:
                watch = administrator.Administrator(self.broker)
                while not self.ends:
                    watch.client.step(time.monotonic() + 5)
                    watch.listens()
                    for name, number in watch.history:
                        if name == "longest_callback_interval_seconds":
                            self.world.recorder.write("metrics", broker=self.broker.directory.name, longest=number)
                    watch.history.clear()
            except Exception:  # whatever the faults do to it: it comes back
                time.sleep(0.2)

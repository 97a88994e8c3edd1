# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""MongoDB for the stories: a server that is started, killed and paused like an operator's, and a bad network before it."""
import asyncio
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import mqtt
import relay

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/ferretdb"
PROGRAM = ROOT / f"build/ferretdb/ferretdb{os.environ.get('FERRETDB', '1')}"
GIVEN = os.environ.get("HC_MONGODB")  # a server that is there: then none is started

DATABASES = itertools.count()


def missing():
    """Why there is no server, or None."""
    return None if GIVEN or PROGRAM.exists() else f"{PROGRAM.relative_to(ROOT)} is missing: run scripts/get-ferretdb"


def has_no_plans():
    return not GIVEN and os.environ.get("FERRETDB", "1") == "1"


def new_database():
    return f"hc_{os.getpid()}_{next(DATABASES)}"


def uri_of(base, database, more=""):
    """The base may have a query of its own: mongodb://host/?replicaSet=rs0"""
    address, _, query = base.partition("?")
    query = "&".join(part for part in (query, more) if part)
    return f"{address.rstrip('/')}/{database}" + (f"?{query}" if query else "")


def port_of(base):
    return int(base.removeprefix("mongodb://").partition("/")[0].rpartition(":")[2])


def free_port():
    import broker  # which has a share of the ports for this process
    return broker.free_port()


class Server:
    """FerretDB with data of its own."""

    def __init__(self, port):
        self.port, self.process = port, None
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="hc-mongodb-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        self.base = f"mongodb://127.0.0.1:{port}"

    def start(self):
        self.process = subprocess.Popen([str(SCRIPT), "run", str(self.directory), str(self.port)])
        deadline = time.monotonic() + mqtt.PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            time.sleep(0.01)
        raise AssertionError(f"the MongoDB server does not start:\n{self.log()}")

    def log(self):
        log = self.directory / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.kill9()
        return self.start()

    def is_paused(self):
        self.process.send_signal(signal.SIGSTOP)

    def goes_on(self):
        self.process.send_signal(signal.SIGCONT)

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.goes_on()
            self.kill9()
        shutil.rmtree(self.directory)


SHARED = []


def shared():
    """The base of the server for all stories of this process that only want one: the given one, or one that is started for them."""
    if GIVEN:
        return GIVEN
    if not SHARED:
        SHARED.append(Server(free_port()).start())
    return SHARED[0].base


def remove_shared():
    while SHARED:
        SHARED.pop().remove()


# ---- the wire ----

OP_MSG = 2013
WRITES = frozenset(("insert", "update", "delete", "findAndModify", "findandmodify"))


def command_of(message):
    """The command's name in an OP_MSG, "" for anything else: its body is a section of kind 0, whose first element's name it is."""
    opcode = struct.unpack_from("<i", message, 12)[0]
    if opcode != OP_MSG or message[20] != 0:
        return ""
    return message[26:message.index(b"\0", 26)].decode()


class Network(relay.Relay):
    """Between the broker and the server; by itself it is a good one. Whole messages are passed on, so that an answer can be lost as such."""

    def __init__(self, server_port):
        self.delay = 0              # seconds for each answer
        self.holds = lambda command, request: 0  # seconds more for this one's
        self.loses = lambda command: False  # asked about each answer: a lost one takes its connection with it
        self.silent = False         # a lost answer leaves the connection open: the client waits for it
        self.lost = 0
        self.seen = None            # a list: each request is added
        super().__init__(server_port)
        self.base = f"mongodb://127.0.0.1:{self.port}"

    def is_good(self):
        self.delay, self.loses, self.silent = 0, lambda command: False, False
        self.holds = lambda command, request: 0

    def ways(self, client, server):
        asked = {}  # request ID -> command, request
        return self.carry_requests(client[0], server[1], asked), self.carry_answers(server[0], client[1], asked)

    async def carry_requests(self, reader, writer, asked):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await self.message(reader)
                asked[struct.unpack_from("<i", message, 4)[0]] = (command_of(message), message)
                if self.seen is not None:
                    self.seen.append(message)
                writer.write(message)
                await writer.drain()

    async def carry_answers(self, reader, writer, asked):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await self.message(reader)
                command, request = asked.pop(struct.unpack_from("<i", message, 8)[0], ("", b""))
                if self.loses(command):
                    self.lost += 1
                    if not self.silent:
                        return
                    continue
                await asyncio.sleep(self.delay + self.holds(command, request))
                writer.write(message)
                await writer.drain()

    @staticmethod
    async def message(reader):
        length = await reader.readexactly(4)
        return length + await reader.readexactly(struct.unpack("<i", length)[0] - 4)

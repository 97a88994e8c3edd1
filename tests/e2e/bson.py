# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""As much of BSON and of MongoDB's wire protocol as it takes to ask a server what a recorded request would cost it."""
import socket
import struct

import mqtt

OP_MSG = 2013
SIZES = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0xFF: 0, 0x7F: 0}
FORMATS = {0x01: "<d", 0x08: "<?", 0x09: "<q", 0x10: "<i", 0x11: "<Q", 0x12: "<q"}


def size_of(kind, data, at):
    """Of a value."""
    length = struct.unpack_from("<i", data, at)[0] if kind not in SIZES and kind != 0x0B else 0
    if kind in SIZES:
        return SIZES[kind]
    if kind == 0x0B:  # regular expression: two strings
        return data.index(b"\0", data.index(b"\0", at) + 1) + 1 - at
    return {0x02: 4 + length, 0x03: length, 0x04: length, 0x05: 5 + length}[kind]


def elements(data):
    """(name, kind, value as bytes) of each."""
    at = 4
    while data[at]:
        kind, end = data[at], data.index(b"\0", at + 1)
        size = size_of(kind, data, end + 1)
        yield data[at + 1:end].decode(), kind, data[end + 1:end + 1 + size]
        at = end + 1 + size


def value(kind, data):
    if kind in (0x03, 0x04):
        inner = {name: value(k, v) for name, k, v in elements(data)}
        return inner if kind == 0x03 else list(inner.values())
    if kind == 0x02:
        return data[4:-1].decode()
    if kind in FORMATS:
        return struct.unpack(FORMATS[kind], data)[0]
    return None if kind == 0x0A else data


def decode(data):
    return value(0x03, data)


def document(*parts):
    """(name, kind, value as bytes) …"""
    body = b"".join(bytes([kind]) + name.encode() + b"\0" + data for name, kind, data in parts)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def text(string):
    data = string.encode()
    return struct.pack("<i", len(data) + 1) + data + b"\0"


def body_of(message):
    """The document of an OP_MSG that has its body first, as all that we send and get."""
    size = struct.unpack_from("<i", message, 21)[0]
    return message[21:21 + size]


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=mqtt.PATIENCE)
        self.stream = self.socket.makefile("rb")

    def command(self, body):
        self.socket.sendall(struct.pack("<iiiiIB", 21 + len(body), 1, 0, OP_MSG, 0, 0) + body)
        head = self.stream.read(4)
        return decode(body_of(head + self.stream.read(struct.unpack("<i", head)[0] - 4)))

    def explains(self, message):
        """What the server says of a recorded request, after doing it."""
        own = [part for part in elements(body_of(message)) if not part[0].startswith("$") and part[0] not in ("lsid", "readConcern", "maxTimeMS")]
        database = next(data for name, _, data in elements(body_of(message)) if name == "$db")
        return self.command(document(("explain", 0x03, document(*own)), ("verbosity", 0x02, text("executionStats")), ("$db", 0x02, database)))

    def close(self):
        self.stream.close()
        self.socket.close()

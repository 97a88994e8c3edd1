# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A raw MQTT client, 3.1.1 and 5.0, for tests that need to decide about each packet.

Synchronous, one socket, no thread: nothing is read before somebody asks for it, so "a client that stops reading" is one that is not asked.
Everything that waits has a deadline. Incoming QoS 1 and 2 are acknowledged when read, unless `acknowledges` is False.
"""
import os
import socket
import struct
import time

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(1, 16)

V311, V5 = 4, 5

# Everything that waits, waits this long: far above what any step takes, also in a sanitizer on a loaded machine.
PATIENCE = float(os.environ.get("HC_PATIENCE", "20"))

# MQTT 5 section 2.2.2.2: name -> (identifier, kind)
PROPERTIES = {
    "payload_format": (0x01, "byte"), "message_expiry": (0x02, "u32"), "content_type": (0x03, "text"), "response_topic": (0x08, "text"),
    "correlation_data": (0x09, "binary"), "subscription_identifier": (0x0B, "varint"), "session_expiry": (0x11, "u32"),
    "assigned_client_id": (0x12, "text"), "server_keepalive": (0x13, "u16"), "authentication_method": (0x15, "text"),
    "authentication_data": (0x16, "binary"), "request_problem": (0x17, "byte"), "will_delay": (0x18, "u32"), "request_response": (0x19, "byte"),
    "response_information": (0x1A, "text"), "server_reference": (0x1C, "text"), "reason_string": (0x1F, "text"), "receive_maximum": (0x21, "u16"),
    "topic_alias_maximum": (0x22, "u16"), "topic_alias": (0x23, "u16"), "maximum_qos": (0x24, "byte"), "retain_available": (0x25, "byte"),
    "user_property": (0x26, "pair"), "maximum_packet_size": (0x27, "u32"), "wildcards_available": (0x28, "byte"),
    "identifiers_available": (0x29, "byte"), "shared_available": (0x2A, "byte"),
}
NAMES = {identifier: (name, kind) for name, (identifier, kind) in PROPERTIES.items()}


class Closed(Exception):
    """The broker closed the connection. `reason` is the code of an MQTT 5 DISCONNECT, None without one."""

    def __init__(self, reason=None):
        super().__init__("the broker closed the connection" + (f" with reason {reason:#x}" if reason is not None else ""))
        self.reason = reason


class Refused(Exception):
    """CONNACK with a code other than 0."""

    def __init__(self, code):
        super().__init__(f"CONNECT was refused with {code:#x}")
        self.code = code


# ---- bytes ----

def varint(number):
    out = b""
    while True:
        out += bytes([number % 128 | (0x80 if number >= 128 else 0)])
        number //= 128
        if number == 0:
            return out


def binary(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("!H", len(data)) + data


def properties(values):
    out = b""
    for name, value in (values or {}).items():
        identifier, kind = PROPERTIES[name]
        out += bytes([identifier])
        out += {"byte": lambda v: bytes([v]), "u16": lambda v: struct.pack("!H", v), "u32": lambda v: struct.pack("!I", v), "varint": varint,
                "text": binary, "binary": binary, "pair": lambda v: binary(v[0]) + binary(v[1])}[kind](value)
    return varint(len(out)) + out


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


class Reader:
    """Takes fields from the front of a packet's body."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, count):
        taken = self.body[self.at:self.at + count]
        assert len(taken) == count, "the broker sent a packet that is too short"
        self.at += count
        return taken

    def byte(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack("!H", self.take(2))[0]

    def u32(self):
        return struct.unpack("!I", self.take(4))[0]

    def varint(self):
        number, shift = 0, 0
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def binary(self):
        return self.take(self.u16())

    def text(self):
        return self.binary().decode()

    def pair(self):
        return self.text(), self.text()

    def rest(self):
        return self.take(len(self.body) - self.at)

    def properties(self):
        length = self.varint()
        end, found = self.at + length, {}
        while self.at < end:
            name, kind = NAMES[self.varint()]
            found[name] = getattr(self, kind)()
        return found


class Message:
    """A PUBLISH that came in."""

    def __init__(self, topic, payload, qos, retain, dup, packet_id, values, size):
        self.topic, self.payload, self.qos, self.retain, self.dup = topic, payload, qos, retain, dup
        self.packet_id, self.properties, self.size = packet_id, values, size

    def __repr__(self):
        return f"<{self.topic}: {self.payload[:200]!r}>"


# ---- the client ----

class Client:
    def __init__(self, port, client_id="", *, version=V311, username=None, password=None, clean=True, keepalive=60, will=None, props=None,
                 receive_buffer=None, connect=True, acknowledges=True, source=None, host="127.0.0.1", tls=None):
        """will = (topic, payload, qos, retain). connect=False only opens the socket, for tests that write the CONNECT themselves. source is the
        address that it comes from, tls an ssl.SSLContext."""
        self.version, self.client_id, self.acknowledges = version, client_id, acknowledges
        self.received = b""
        self.messages = []     # came in, not yet taken by next_message
        self.answers = []      # (kind, packet id, codes) of PUBACK, SUBACK, …, not yet taken
        self.others = []       # AUTH, PINGRESP
        self.packet_id = 0
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        if connect:
            self.send(self.connect_packet(username, password, clean, keepalive, will, props))
            self.read_connack()

    def connect_packet(self, username=None, password=None, clean=True, keepalive=60, will=None, props=None):
        flags = (2 if clean else 0) | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
        body = b""
        if self.version == V5:
            body += properties(props)
        body += binary(self.client_id)
        if will:
            topic, payload, qos, retain = will
            flags |= 4 | qos << 3 | (0x20 if retain else 0)
            body += (properties({}) if self.version == V5 else b"") + binary(topic) + binary(payload)
        body += binary(username) if username is not None else b""
        body += binary(password) if password is not None else b""
        return packet(CONNECT, 0, binary("MQTT") + bytes([self.version, flags]) + struct.pack("!H", keepalive) + body)

    def read_connack(self):
        kind, _, reader = self.read_packet(time.monotonic() + PATIENCE)
        if kind == AUTH:
            self.others.append((AUTH, reader.rest()))
            return
        assert kind == CONNACK, f"expected CONNACK, got packet type {kind}"
        self.session_present, code = reader.byte() & 1, reader.byte()
        self.connack = reader.properties() if self.version == V5 and code < 0x80 else {}
        if code:
            raise Refused(code)

    # -- out --

    def send(self, data):
        """Bytes as they are."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, BrokenPipeError) as gone:
            raise Closed() from gone

    def next_id(self):
        self.packet_id = self.packet_id % 65535 + 1
        return self.packet_id

    def publish_packet(self, topic, payload, qos=1, retain=False, dup=False, packet_id=None, props=None):
        payload = payload.encode() if isinstance(payload, str) else payload
        body = binary(topic)
        if qos:
            body += struct.pack("!H", packet_id)
        if self.version == V5:
            body += properties(props)
        return packet(PUBLISH, (8 if dup else 0) | qos << 1 | (1 if retain else 0), body + payload)

    def publish(self, topic, payload=b"", qos=1, retain=False, dup=False, packet_id=None, props=None):
        """Sends and does not wait. Returns the packet id."""
        packet_id = packet_id or (self.next_id() if qos else None)
        self.send(self.publish_packet(topic, payload, qos, retain, dup, packet_id, props))
        return packet_id

    def publish_acked(self, topic, payload=b"", qos=1, **how):
        """Sends and waits until the handshake is over. Returns the reason code, 0 on MQTT 3.1.1."""
        packet_id = self.publish(topic, payload, qos, **how)
        if qos == 0:
            return 0
        if qos == 1:
            return self.answer(PUBACK, packet_id)[0]
        code = self.answer(PUBREC, packet_id)[0]
        if code < 0x80:
            self.send(packet(PUBREL, 2, struct.pack("!H", packet_id)))
            self.answer(PUBCOMP, packet_id)
        return code

    def subscribe(self, *filters, qos=1, props=None, options=0):
        """Returns the granted QoS or failure code of each."""
        packet_id = self.next_id()
        body = struct.pack("!H", packet_id) + (properties(props) if self.version == V5 else b"")
        for topic_filter in filters:
            body += binary(topic_filter) + bytes([qos | options])
        self.send(packet(SUBSCRIBE, 2, body))
        return self.answer(SUBACK, packet_id)

    def unsubscribe(self, *filters):
        """Returns the reason code of each, on MQTT 5."""
        packet_id = self.next_id()
        body = struct.pack("!H", packet_id) + (properties({}) if self.version == V5 else b"") + b"".join(binary(f) for f in filters)
        self.send(packet(UNSUBSCRIBE, 2, body))
        return self.answer(UNSUBACK, packet_id)

    def acknowledge(self, message):
        self.send(packet(PUBACK if message.qos == 1 else PUBREC, 0, struct.pack("!H", message.packet_id)))

    def ping(self):
        """Returns when the broker has worked through everything that was sent before."""
        self.send(packet(PINGREQ, 0, b""))
        self.wait(lambda: (PINGRESP, b"") in self.others, "PINGRESP")
        self.others.remove((PINGRESP, b""))

    def disconnect(self):
        self.send(packet(DISCONNECT, 0, b""))
        self.close()

    def close(self):
        """As when the network goes away: no DISCONNECT."""
        self.socket.close()

    # -- in --

    def read_packet(self, deadline):
        """(type, flags, Reader). TimeoutError when nothing came, Closed when the broker closed."""
        while True:
            whole = self.cut_packet()
            if whole:
                return whole
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(1 << 16)
            except (ConnectionError, OSError) as gone:
                if isinstance(gone, (TimeoutError, socket.timeout)):
                    raise TimeoutError from None
                raise Closed() from gone
            finally:
                try:
                    self.socket.settimeout(PATIENCE)
                except OSError:
                    pass
            if not more:
                raise Closed()
            self.received += more

    def cut_packet(self):
        """The first whole packet of what was received, or None."""
        data = self.received
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(data):
                return None
            length |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                break
        if len(data) < at + length:
            return None
        self.received = data[at + length:]
        self.packet_size = at + length
        return data[0] >> 4, data[0] & 15, Reader(data[at:at + length])

    def step(self, deadline):
        """Reads one packet and sorts it."""
        kind, flags, reader = self.read_packet(deadline)
        if kind == PUBLISH:
            self.take_publish(flags, reader)
        elif kind in (PUBACK, PUBREC, PUBCOMP):
            packet_id, rest = reader.u16(), reader.rest()
            self.answers.append((kind, packet_id, [rest[0] if rest else 0]))
        elif kind == PUBREL:
            self.send(packet(PUBCOMP, 0, struct.pack("!H", reader.u16())))
        elif kind in (SUBACK, UNSUBACK):
            packet_id = reader.u16()
            if self.version == V5:
                reader.properties()
            self.answers.append((kind, packet_id, list(reader.rest())))
        elif kind == DISCONNECT:
            rest = reader.rest()
            raise Closed(rest[0] if rest else 0)
        else:
            self.others.append((kind, reader.rest()))

    def take_publish(self, flags, reader):
        topic, qos = reader.text(), flags >> 1 & 3
        packet_id = reader.u16() if qos else None
        values = reader.properties() if self.version == V5 else {}
        message = Message(topic, reader.rest(), qos, bool(flags & 1), bool(flags & 8), packet_id, values, self.packet_size)
        self.messages.append(message)
        if qos and self.acknowledges:
            try:
                self.acknowledge(message)
            except Closed:
                pass  # more may have come before the end; who reads on learns of it

    def wait(self, condition, what, patience=None):
        """Reads until condition() is true and returns its value; AssertionError with `what` after the deadline."""
        deadline = time.monotonic() + (patience or PATIENCE)
        while True:
            value = condition()
            if value:
                return value
            try:
                self.step(deadline)
            except TimeoutError:
                raise AssertionError(f"{self.client_id or 'client'} waited in vain for {what}") from None

    def answer(self, kind, packet_id):
        def taken():
            for answer in self.answers:
                if answer[:2] == (kind, packet_id):
                    self.answers.remove(answer)
                    return answer[2] or [0]
            return None
        return self.wait(taken, f"the answer to packet {packet_id}")

    def next_message(self, topic=None):
        """The next message (on that topic), taken out."""
        def taken():
            for message in self.messages:
                if topic is None or message.topic == topic:
                    self.messages.remove(message)
                    return message
            return None
        return self.wait(taken, f"a message on {topic or 'any topic'}")

    def is_closed(self):
        """Waits until the broker has closed the connection and returns the MQTT 5 reason or None."""
        deadline = time.monotonic() + PATIENCE
        reason = None
        try:
            while True:
                self.step(deadline)
        except Closed as closed:
            reason = closed.reason
        except TimeoutError:
            raise AssertionError(f"{self.client_id or 'client'} is still connected") from None
        return reason

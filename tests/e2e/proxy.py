# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A bad network between a client and the broker: it cuts connections in the middle of packets, delays, and sends QoS 1 PUBLISHes twice."""
import asyncio
import random

import relay

PUBLISH, QOS1, DUP = 0x30, 0x02, 0x08


class Proxy(relay.Relay):
    def __init__(self, broker_port, seed, reads_packets=True):
        """Without reads_packets (TLS, WebSocket) it counts pieces of bytes instead, and duplicates nothing."""
        self.random = random.Random(seed)
        self.reads_packets = reads_packets
        self.cut_after = (20, 120)      # packets of one connection, both ways; None: never
        self.delay = 0.02               # seconds at most
        self.duplicates = 0.1           # of the PUBLISHes
        self.cuts_max = None            # then it is a good network; None: any number
        self.cuts = self.duplicated = 0
        super().__init__(broker_port)

    def is_calm(self):
        """From now on it is a good network."""
        self.cut_after, self.delay, self.duplicates = None, 0, 0

    def ways(self, client, broker):
        left = [self.random.randint(*self.cut_after) if self.cut_after else None]
        return self.carry(client[0], broker[1], left), self.carry(broker[0], client[1], left)

    async def carry(self, reader, writer, left):
        try:
            while True:
                packet = await (self.packet(reader) if self.reads_packets else self.piece(reader))
                await asyncio.sleep(self.random.random() * self.delay)
                if self.cut_after and left[0] is not None:
                    left[0] -= 1
                    if left[0] <= 0 and (self.cuts_max is None or self.cuts < self.cuts_max):
                        self.cuts += 1
                        writer.write(packet[: self.random.randrange(len(packet))])
                        await writer.drain()
                        return
                writer.write(packet)
                if self.reads_packets and packet[0] & 0xF6 == PUBLISH | QOS1 and self.random.random() < self.duplicates:
                    self.duplicated += 1
                    writer.write(bytes([packet[0] | DUP]) + packet[1:])
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return

    @staticmethod
    async def piece(reader):
        piece = await reader.read(512)
        if not piece:
            raise asyncio.IncompleteReadError(piece, None)
        return piece

    @staticmethod
    async def packet(reader):
        head = await reader.readexactly(2)
        while head[-1] & 0x80:
            head += await reader.readexactly(1)
        length = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(head[1:]))
        return head + await reader.readexactly(length)

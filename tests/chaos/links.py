# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The network of a run: each device has a link of its own to a broker, which passes on bytes and can be cut, be silent, slow, or in pieces."""
import asyncio
import threading


class Network:
    """One thread for all links."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="links", daemon=True)
        self.thread.start()

    def does(self, work):
        """Runs a coroutine there and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Link:
    def __init__(self, network, target):
        self.network, self.target = network, target  # the broker's port; may be changed for the next connection
        self.delay, self.piece = 0, None             # seconds a read; bytes a write
        self.connections = set()
        network.does(self.listens())

    async def listens(self):
        self.open = asyncio.Event()  # not set: nothing is read, on either side, and both ends see a network that is silent
        self.open.set()
        self.listener = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def connected(self, reader, writer):
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ways = (asyncio.ensure_future(self.carry(reader, broker_writer)), asyncio.ensure_future(self.carry(broker_reader, writer)))
        connection = (ways, (writer, broker_writer))
        self.connections.add(connection)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self.connections.discard(connection)
        self.end(*connection)

    @staticmethod
    def end(ways, writers):
        for way in ways:
            way.cancel()
        for writer in writers:
            writer.transport.abort()

    async def carry(self, reader, writer):
        try:
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self.open.wait()
                size = self.piece or len(data)
                for at in range(0, len(data), size):
                    writer.write(data[at:at + size])
                    await writer.drain()
                    if self.piece and at < 200:
                        await asyncio.sleep(0.0005)
        except OSError:
            return

    # ---- what the run does to it, from its own thread ----

    def is_cut(self):
        """Whatever is on its way is lost."""
        async def cut():
            for connection in list(self.connections):
                self.end(*connection)
        self.network.does(cut())

    def is_silent(self):
        self.network.loop.call_soon_threadsafe(self.open.clear)

    def is_good(self):
        self.delay, self.piece = 0, None
        self.network.loop.call_soon_threadsafe(self.open.set)

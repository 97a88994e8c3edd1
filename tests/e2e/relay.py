# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A TCP server in a thread of its own, for networks that the stories make bad: each connection is passed on to another port."""
import asyncio
import threading


class Relay:
    """Whoever derives from it says in `ways`, for the two ends of a connection, what is carried each way; when one way ends, both are cut."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def run(self, started):
        asyncio.set_event_loop(self.loop)
        listener = self.loop.run_until_complete(asyncio.start_server(self.connected, "127.0.0.1", 0))
        self.port = listener.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()
        rest = asyncio.all_tasks(self.loop)
        for task in rest:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        listener.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def connected(self, reader, writer):
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        ways = [asyncio.ensure_future(way) for way in self.ways((reader, writer), (target_reader, target_writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, target_writer):
            end.transport.abort()

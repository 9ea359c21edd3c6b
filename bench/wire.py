"""What the servers of the benchmarks have in common: requests cut out of a connection, and a server that tells its counts."""

import asyncio
import json
import sys
import time


class Tokens:
    """A bucket of tokens: so many a second, and so many in reserve."""

    def __init__(self, rate, burst):
        self.rate, self.burst = rate, burst
        self.left, self.filled = burst, time.monotonic()

    def room(self, wanted):
        """How much of what is wanted there is room for at this moment; nothing is taken."""
        now = time.monotonic()
        self.left = min(self.burst, self.left + self.rate * (now - self.filled))
        self.filled = now
        return min(wanted, int(self.left))


class Framed(asyncio.Protocol):
    """A connection whose requests go to `answer` one after the other, whole."""

    def __init__(self, store):
        self.store, self.buffer = store, bytearray()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).decode("latin-1")
            lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            self.headers, size = headers, int(headers.get("content-length", 0))
            if headers.get("expect"):
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self.buffer) < end + 4 + size:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + size])
            del self.buffer[: end + 4 + size]
            self.answer(*lines[0].split(" ")[:2], body)


async def served(connection, store):
    """Serve on a port of loopback, which is printed, until stdin ends; then print the store's counts."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: connection(store), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(store.counts), flush=True)
    server.close()

"""What the servers of the benchmarks have in common: requests cut out of a connection, and a server that tells its counts."""

import asyncio
import json
import sys


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
            size = int(headers.get("content-length", 0))
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

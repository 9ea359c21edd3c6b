"""A server that takes logs as Loki, Elasticsearch and an OpenTelemetry collector do, and counts them afterwards.

python bench/logsink.py
python bench/logsink.py --rate 4000000 --burst 6000000

With --rate, Loki takes so many bytes a second, before they were packed, and so many at once as --burst says. Prints its port; and when stdin ends, how many records came, of how many different texts, in how many requests. While
they come it only keeps them, because on many machines its core is half of the client's.
"""

import argparse
import asyncio
import json
import re
import sys
import time
import zlib

LINE = re.compile(rb"bench line (\d+) ")
ITEM = '{"create":{"status":201}}'
ITEMS = f'{{"errors":false,"items":[{",".join([ITEM] * 2500)}]}}'.encode()


class Counts:
    def __init__(self, args):
        self.kept = []
        self.sofar = self.refused = self.raw = 0
        self.args, self.tokens, self.filled = args, args.burst, time.monotonic()

    def loki(self, body, packed):
        if self.args.rate:
            size, now = len(zlib.decompress(body, 31) if packed else body), time.monotonic()
            self.tokens = min(self.args.burst, self.tokens + self.args.rate * (now - self.filled))
            self.filled = now
            if size > self.tokens:
                self.refused += 1
                return b"429 Too Many Requests", b"ingestion rate limit exceeded"
            self.tokens -= size
            self.raw += size
        self.kept.append((body, packed))
        return b"204 No Content", b""

    def bulk(self, body, packed):
        self.kept.append((body, packed))
        self.sofar += 0 if packed else body.count(b"\n") // 2
        if packed:  # as many as most batches have; who asks for errors alone counts no more
            return b"200 OK", ITEMS
        items = ",".join([ITEM] * (body.count(b"\n") // 2))
        return b"200 OK", f'{{"errors":false,"items":[{items}]}}'.encode()

    def otlp(self, body, packed):
        self.kept.append((body, packed))
        return b"200 OK", b""

    def told(self):
        seen, records, size = bytearray(1 << 23), 0, 0  # one for each number of a line
        for body, packed in self.kept:
            numbers = LINE.findall(zlib.decompress(body, 31) if packed else body)
            records += len(numbers)
            size += len(body)
            for number in numbers:
                seen[int(number)] = 1
        return {"records": records, "different": sum(seen), "requests": len(self.kept), "bytes": size} | self.limits()

    def limits(self):
        return {"refused": self.refused, "raw": self.raw}


class Connection(asyncio.Protocol):
    def __init__(self, counts):
        self.counts, self.buffer, self.head, self.size = counts, bytearray(), None, 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while True:
            if self.head is None:
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    return
                lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
                pairs = (line.partition(":") for line in lines[1:])
                self.head = lines[0], {name.lower(): value.strip() for name, _, value in pairs}
                self.size = int(self.head[1].get("content-length", 0))
                del self.buffer[: end + 4]
                if self.head[1].get("expect"):
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self.buffer) < self.size:
                return
            body = bytes(self.buffer[: self.size])
            del self.buffer[: self.size]
            (line, headers), self.head = self.head, None
            self.answer(line.split(" ")[1], body, headers.get("content-encoding") == "gzip")

    def answer(self, path, body, packed):
        if "_bulk" in path:
            status, answer = self.counts.bulk(body, packed)
        elif "/v1/logs" in path:
            status, answer = self.counts.otlp(body, packed)
        elif "/push" in path:
            status, answer = self.counts.loki(body, packed)
        elif path == "/count":  # for a shipper that does not know when it is done
            status, answer = b"200 OK", str(self.counts.sofar).encode()
        else:  # what clients ask before they begin
            status, answer = b"200 OK", b'{"version":{"number":"9.0.0","build_flavor":"default"},"tagline":""}'
        kind = b"application/x-protobuf" if "/v1/logs" in path else b"application/json"
        head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, kind, len(answer)) + answer)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--burst", type=float, default=0)
    counts = Counts(parser.parse_args())
    server = await asyncio.get_running_loop().create_server(lambda: Connection(counts), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(counts.told()), flush=True)
    server.close()


asyncio.run(main())

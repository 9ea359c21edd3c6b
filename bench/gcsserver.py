"""A server that answers Google Cloud Storage's listings and batches of deletions from what names say, at a limited rate.

python bench/gcsserver.py --objects 20000 --rate 1000 --burst 1000

It takes so many deletions a second, each of a batch counting, and so many at once as --burst says; what is too much is
429 within the batch. A batch counts as refused if any of it was. Prints its port, and counts when stdin ends.
"""

import argparse
import asyncio
import bisect
import json
import re
import time
from urllib.parse import parse_qs, urlsplit

from wire import Framed, served

CALL = re.compile(rb"Content-ID: <([^>]+)>")
REPLY = b"--b\r\nContent-Type: application/http\r\nContent-ID: <response-%s>\r\n\r\nHTTP/1.1 %s\r\n\r\n%s\r\n"
SLOW = b'{"error":{"code":429,"message":"too many","errors":[{"reason":"rateLimitExceeded"}]}}'


class Store:
    def __init__(self, args):
        self.args = args
        self.names = [f"run/part-{number:09d}" for number in range(args.objects)]
        self.counts = {"list": 0, "delete": 0, "deleted": 0, "refused": 0}
        self.tokens, self.filled = args.burst, time.monotonic()

    def listing(self, query):
        self.counts["list"] += 1
        after = query.get("pageToken", query.get("startOffset", [""]))[0]
        begin = bisect.bisect_left(self.names, after)
        end = begin + 1000
        items = [{"name": name, "generation": "1", "size": "10"} for name in self.names[begin:end]]
        page = {"kind": "storage#objects", "items": items}
        if end < len(self.names):
            page["nextPageToken"] = self.names[end]
        return b"application/json", json.dumps(page).encode()

    def batch(self, body):
        self.counts["delete"] += 1
        now = time.monotonic()
        self.tokens = min(self.args.burst, self.tokens + self.args.rate * (now - self.filled))
        self.filled = now
        calls = CALL.findall(body)
        room = min(len(calls), int(self.tokens))
        self.tokens -= room
        self.counts["deleted"] += room
        self.counts["refused"] += room < len(calls)
        parts = [REPLY % (call, b"204 No Content", b"") for call in calls[:room]]
        parts += [REPLY % (call, b"429 Too Many Requests", SLOW) for call in calls[room:]]
        return b"multipart/mixed; boundary=b", b"".join(parts) + b"--b--\r\n"


class Connection(Framed):
    def answer(self, method, target, body):
        parts = urlsplit(target)
        if method == "POST":
            kind, answer = self.store.batch(body)
        elif parts.path.endswith("/o"):
            kind, answer = self.store.listing(parse_qs(parts.query))
        else:
            kind, answer = b"application/json", b"{}"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n"
        self.transport.write(head % (len(answer), kind) + answer)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--burst", type=float, default=1000)
    store = Store(parser.parse_args())
    await served(Connection, store)


asyncio.run(main())

"""A server that answers S3's listings and deletions from what its names say, so that what is measured is the client.

python bench/s3server.py --objects 100000 --layout flat --list-ms 80 --delete-ms 300
python bench/s3server.py --objects 100000 --rate 3500 --burst 3500

It keeps nothing: object number n has the key that the layout gives it, any deletion succeeds, and a listing
begins where it is told to. With --rate it takes so many keys a second, each of a DeleteObjects counting, and so many at
once as --burst says; --whole says whether what is too much is refused as a whole, or key by key, as S3 does both.
Prints its port, and counts of requests when stdin ends.
"""

import argparse
import asyncio
import bisect
import re
import time
from urllib.parse import parse_qs, unquote, urlsplit

from wire import Framed, served

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>bench</Name><Prefix>run/</Prefix><KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys>"
    "<EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{token}"
)
ENTRY = (
    "<Contents><Key>%s</Key><LastModified>2026-08-21T12:40:11.000Z</LastModified>"
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>1024</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
OK, SLOW = b"200 OK", b"503 Slow Down"
KEY = re.compile(rb"<Key>([^<]*)</Key>")


def key_of(number, layout, objects):
    if layout == "flat":
        return f"run/part-{number:09d}.parquet"
    each = -(-objects // 256)
    return f"run/{number // each:02x}/part-{number % each:07d}.parquet"


class Store:
    def __init__(self, args):
        self.args = args
        self.keys = [key_of(number, args.layout, args.objects) for number in range(args.objects)]
        self.entries = [ENTRY % key for key in self.keys] if args.objects <= 200_000 else None
        self.counts = {"list": 0, "delete": 0, "deleted": 0, "refused": 0}
        self.tokens, self.filled = args.burst, time.monotonic()

    def listing(self, query):
        self.counts["list"] += 1
        most = int(query.get("max-keys", ["1000"])[0])
        if token := query.get("continuation-token"):
            begin = int(token[0])
        elif after := query.get("start-after") or query.get("marker"):
            begin = bisect.bisect_right(self.keys, after[0])
        else:
            begin = 0
        end = min(len(self.keys), begin + most)
        more = end < len(self.keys)
        token = f"<NextContinuationToken>{end}</NextContinuationToken>" if more else ""
        head = HEAD.format(count=end - begin, most=most, more=str(more).lower(), token=token)
        rows = self.entries[begin:end] if self.entries else [ENTRY % key for key in self.keys[begin:end]]
        return (head + "".join(rows) + "</ListBucketResult>").encode()

    def deletion(self, body):
        self.counts["delete"] += 1
        found = KEY.findall(body)
        room = self.room(len(found))
        if room < len(found):
            self.counts["refused"] += 1
            if self.args.whole:
                return SLOW, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        self.tokens -= room if self.args.rate else 0
        self.counts["deleted"] += room
        if room < len(found):
            slow = b"".join(b"<Error><Key>" + key + b"</Key><Code>SlowDown</Code></Error>" for key in found[room:])
            return OK, b"<DeleteResult>" + slow + b"</DeleteResult>"
        if b"<Quiet>true" in body:
            return OK, b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></DeleteResult>'
        gone = b"".join(b"<Deleted><Key>" + key + b"</Key></Deleted>" for key in found)
        return OK, b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' + gone + b"</DeleteResult>"

    def room(self, wanted):
        """How many keys it takes at this moment."""
        if not self.args.rate:
            return wanted
        now = time.monotonic()
        self.tokens = min(self.args.burst, self.tokens + self.args.rate * (now - self.filled))
        self.filled = now
        return min(wanted, int(self.tokens))


class Connection(Framed):
    def answer(self, method, target, body):
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        store, args = self.store, self.store.args
        if method == "POST" and "delete" in query:
            self.reply(*store.deletion(body), args.delete_ms)
        elif method == "DELETE":
            store.counts["delete"] += 1
            store.counts["deleted"] += 1
            self.reply(b"204 No Content", b"", args.delete_ms)
        elif method == "GET" and "location" in query:
            self.reply(b"200 OK", b"<LocationConstraint>us-east-1</LocationConstraint>", args.list_ms)
        elif method == "GET" and unquote(parts.path).strip("/") == "bench":
            self.reply(b"200 OK", store.listing(query), args.list_ms)
        else:
            self.reply(b"200 OK", b"", args.list_ms)

    def reply(self, status, body, wait):
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: application/xml\r\nx-amz-request-id: 1\r\n\r\n"
        data = head % (status, len(body)) + body
        if wait:
            asyncio.get_running_loop().call_later(wait / 1000, self.transport.write, data)
        else:
            self.transport.write(data)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--layout", choices=["flat", "prefixes"], default="flat")
    parser.add_argument("--list-ms", type=float, default=0)
    parser.add_argument("--delete-ms", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--burst", type=float, default=0)
    parser.add_argument("--whole", action="store_true")
    store = Store(parser.parse_args())
    await served(Connection, store)


asyncio.run(main())

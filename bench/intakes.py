"""Intakes of logs with the limits that their makers document, each of which counts what comes.

python bench/intakes.py --kind elasticsearch --rate 12000 --burst 12000
python bench/intakes.py --kind datadog --rate 50 --period 10
python bench/intakes.py --kind cloudwatch --rate 5 --burst 5

- Elasticsearch: 429 es_rejected_execution_exception once the queue of writes or the memory for them is full, for all of a
  request, or with --items for those of its records that have no more room. So many records a second, and so many at once.
  https://www.elastic.co/docs/troubleshoot/elasticsearch/rejected-requests
- Datadog: 5 MB and 1,000 entries a request (413 beyond), 429 beyond so many requests in each period, whose end and what is
  left of it X-RateLimit-Reset and X-RateLimit-Remaining tell.
  https://docs.datadoghq.com/api/latest/logs/#send-logs, https://docs.datadoghq.com/api/latest/rate-limits/
- CloudWatch: 1,048,576 bytes, of which each event takes 26, and 10,000 events a request; ThrottlingException beyond so many
  requests a second, and so many at once.
  https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html

Prints its port, and counts when stdin ends.
"""

import argparse
import asyncio
import json
import re
import time
import zlib

from wire import Framed, Tokens, served

LINE = re.compile(rb"bench line (\d+) ")
CREATED = b'{"create":{"status":201}}'
BUSY = b'{"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation"}'
TOO_MANY = b"429 Too Many Requests"


class Store:
    def __init__(self, args):
        self.args, self.tokens = args, Tokens(args.rate, args.burst)
        self.period, self.used = 0, 0
        self.seen = bytearray(1 << 21)  # one for each number of a line
        self.counts = {"records": 0, "different": 0, "requests": 0, "refused": 0, "taken": 0}

    def take(self, lines):
        for number in lines:
            self.counts["different"] += not self.seen[int(number)]
            self.seen[int(number)] = 1
        self.counts["records"] += len(lines)
        self.counts["requests"] += 1

    def refuse(self, status, body, headers=()):
        self.counts["refused"] += 1
        return status, body, headers

    def elasticsearch(self, body):
        lines = body.split(b"\n")[1::2]
        room = self.tokens.room(len(lines))
        if room < len(lines) and not self.args.items:
            return self.refuse(TOO_MANY, b'{"error":%s,"status":429}' % BUSY)
        self.tokens.left -= room
        self.counts["taken"] += room
        self.take(LINE.findall(b"\n".join(lines[:room])))
        self.counts["refused"] += room < len(lines)
        self.counts["requests"] -= room < len(lines)
        items = [CREATED] * room + [b'{"create":{"status":429,"error":%s}}' % BUSY] * (len(lines) - room)
        whole = b"false" if room == len(lines) else b"true"
        return b"200 OK", b'{"errors":%s,"items":[%s]}' % (whole, b",".join(items)), ()

    def datadog(self, body):
        now, each = time.time(), self.args.period
        if int(now / each) != self.period:
            self.period, self.used = int(now / each), 0
        limit = int(self.args.rate)
        left = max(0, limit - self.used - 1)
        told = {
            "Limit": limit,
            "Period": int(each),
            "Remaining": left,
            "Reset": int(each - now % each) + 1,
            "Name": "logs",
        }
        headers = [f"X-RateLimit-{name}: {value}" for name, value in told.items()]
        if self.used >= limit:
            return self.refuse(TOO_MANY, b'{"errors":[{"status":"429","title":"Too Many Requests"}]}', headers)
        lines = LINE.findall(body)
        if len(body) > 5_000_000 or len(lines) > 1000:
            return b"413 Payload Too Large", b"{}", headers
        self.used += 1
        self.counts["taken"] += 1
        self.take(lines)
        return b"202 Accepted", b"{}", headers

    def cloudwatch(self, body):
        events = json.loads(body)["logEvents"]
        if not self.tokens.room(1):
            told = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'
            return self.refuse(b"400 Bad Request", told)
        if len(events) > 10_000 or sum(len(event["message"].encode()) + 26 for event in events) > 1_048_576:
            told = b'{"__type":"InvalidParameterException","message":"Upload too large"}'
            return b"400 Bad Request", told, ()
        self.tokens.left -= 1
        self.counts["taken"] += 1
        self.take(LINE.findall(body))
        return b"200 OK", b"{}", ()


class Connection(Framed):
    def answer(self, method, target, body):  # noqa: ARG002 - it takes one kind of request
        packed = self.headers.get("content-encoding") == "gzip"
        status, answer, headers = getattr(self.store, self.store.args.kind)(
            zlib.decompress(body, 31) if packed else body
        )
        if "CreateLog" in self.headers.get("x-amz-target", ""):
            status, answer, headers = b"200 OK", b"{}", ()
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: application/json\r\n%s\r\n"
        more = "".join(f"{header}\r\n" for header in headers).encode()
        self.transport.write(head % (status, len(answer), more) + answer)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=["elasticsearch", "datadog", "cloudwatch"], required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--burst", type=float, default=0)
    parser.add_argument("--period", type=float, default=1)
    parser.add_argument("--items", action="store_true")
    await served(Connection, Store(parser.parse_args()))


asyncio.run(main())

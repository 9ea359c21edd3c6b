"""A server that answers as Kubernetes' API does to who lists and deletes ConfigMaps, and limits deletions.

python bench/kubeserver.py --objects 2000 --rate 100 --burst 100

API Priority and Fairness refuses what finds no seat and no room in a queue with 429 and Retry-After: 1, as it was built
until 1.27; the seats of a priority level and how long each is held make a rate.
https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
Prints its port, and counts when stdin ends.
"""

import argparse
import asyncio
import json
from urllib.parse import parse_qs, urlsplit

from wire import Framed, Tokens, served

KINDS = [{"name": "configmaps", "singularName": "configmap", "namespaced": True, "kind": "ConfigMap"}]
VERBS = ["create", "delete", "get", "list"]
PLACE = "/api/v1/namespaces/ml/configmaps"


class Store:
    def __init__(self, args):
        self.tokens = Tokens(args.rate, args.burst)
        self.left = dict.fromkeys(f"part-{number:06d}" for number in range(args.objects))
        self.counts = {"list": 0, "delete": 0, "deleted": 0, "refused": 0}

    def get(self, path, query):
        if path == "/api/v1":
            kinds = [{**kind, "verbs": VERBS} for kind in KINDS]
            return b"200 OK", {"kind": "APIResourceList", "groupVersion": "v1", "resources": kinds}, b""
        if path == "/apis":
            return b"200 OK", {"kind": "APIGroupList", "groups": []}, b""
        if path == PLACE:
            return b"200 OK", self.listing(query), b""
        return b"404 Not Found", {"kind": "Status", "code": 404}, b""

    def listing(self, query):
        self.counts["list"] += 1
        begin, most = query.get("continue", [""])[0], int(query.get("limit", ["500"])[0])
        names = [name for name in self.left if name > begin][: most + 1]
        page = {"metadata": {"continue": names[most - 1] if len(names) > most else ""}, "kind": "ConfigMapList"}
        return page | {"apiVersion": "v1", "items": [{"metadata": self.metadata(name)} for name in names[:most]]}

    def metadata(self, name):
        labels = {"workflows.argoproj.io/workflow": "bench"}
        return {"name": name, "namespace": "ml", "uid": f"u-{name}", "labels": labels}

    def delete(self, name):
        self.counts["delete"] += 1
        if not self.tokens.room(1):
            self.counts["refused"] += 1
            told = {"kind": "Status", "code": 429, "message": "too many requests, please try again later"}
            return b"429 Too Many Requests", told, b"Retry-After: 1\r\n"
        self.tokens.left -= 1
        if name not in self.left:
            return b"404 Not Found", {"kind": "Status", "code": 404}, b""
        del self.left[name]
        self.counts["deleted"] += 1
        return b"200 OK", {"kind": "Status", "status": "Success"}, b""


class Connection(Framed):
    def answer(self, method, target, body):  # noqa: ARG002 - a deletion's is the same for all
        parts = urlsplit(target)
        if method == "DELETE":
            status, answer, more = self.store.delete(parts.path.rpartition("/")[2])
        else:
            status, answer, more = self.store.get(parts.path, parse_qs(parts.query))
        data = json.dumps(answer).encode()
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: application/json\r\n%s\r\n"
        self.transport.write(head % (status, len(data), more) + data)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--burst", type=float, default=100)
    await served(Connection, Store(parser.parse_args()))


asyncio.run(main())

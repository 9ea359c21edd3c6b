"""Servers that keep values as S3, Google Cloud Storage and Kubernetes do, with what each heeds of conditions."""

import hashlib
import itertools
import json
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

from exitkit.testing.http import Exchange, answer, answer_json
from exitkit.testing.kubespeech import failure
from exitkit.testing.server import Scripted

TOKEN = "token-of-the-store-for-tests"


class Keeper(Scripted):
    """Answers from what it keeps. `requests` are all that came; `faults` are played instead, the first one first."""

    def __init__(self):
        super().__init__((), tls=False, certificate="localhost")
        self.requests, self.faults = [], []

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def serve(self, connection):
        while connection.reader.peek(1):
            exchange = Exchange(connection, self.requests)
            request = exchange.read()
            with self._lock:
                step = self.faults.pop(0) if self.faults else self.reply(request)
            step(exchange)
            if not exchange.again:
                return


class S3Keeper(Keeper):
    """A bucket. `changed` is when objects were written that were not just now. `heeds` says which conditions it knows; without, it writes whatever is asked, or refuses with 501."""

    def __init__(self, *, heeds=True, refuses=False):
        super().__init__()
        self.heeds, self.refuses, self.objects, self.changed = heeds, refuses, {}, {}

    def reply(self, request):
        parts = urlsplit(request.path)
        key, query = unquote(parts.path).split("/", 2)[2:], parse_qs(parts.query, keep_blank_values=True)
        if not key or not key[0]:
            return self._list(query.get("prefix", [""])[0], query.get("start-after", [""])[0])
        name, there = key[0], self.objects.get(key[0])
        if request.method == "PUT":
            return self._put(name, request, there)
        if request.method == "DELETE":
            self.objects.pop(name, None)
            return answer(204)
        if there is None:
            return answer(404, "<Error><Code>NoSuchKey</Code></Error>")
        return answer(200, there, {"ETag": etag(there)})

    def _put(self, name, request, there):
        absent, unchanged = request.headers.get("if-none-match"), request.headers.get("if-match")
        if self.refuses and (absent or unchanged):
            return answer(501, "<Error><Code>NotImplemented</Code></Error>")
        if self.heeds and unchanged and there is None:
            return answer(404, "<Error><Code>NoSuchKey</Code></Error>")
        if self.heeds and ((absent and there is not None) or (unchanged and etag(there) != unchanged)):
            return answer(412, "<Error><Code>PreconditionFailed</Code></Error>")
        self.objects[name] = request.body
        return answer(200, headers={"ETag": etag(request.body)})

    def _list(self, prefix, after):
        rows = "".join(
            f"<Contents><Key>{key}</Key><LastModified>{moment(self.changed.get(key))}</LastModified><Size>1</Size></Contents>"
            for key in sorted(self.objects)
            if key.startswith(prefix) and key > after
        )
        head = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        return answer(200, f"<ListBucketResult>{head}{rows}</ListBucketResult>")


class GCSKeeper(Keeper):
    """A bucket with generations."""

    def __init__(self):
        super().__init__()
        self.objects, self.changed, self._numbers = {}, {}, itertools.count(1_790_000_000_000_001)

    def reply(self, request):
        parts = urlsplit(request.path)
        query = {name: one[0] for name, one in parse_qs(parts.query, keep_blank_values=True).items()}
        if request.method == "POST":
            return self._put(query["name"], query.get("ifGenerationMatch"), request.body)
        name = unquote(parts.path.partition("/o/")[2])
        if not name:
            begin, prefix = query.get("startOffset", ""), query.get("prefix", "")
            items = [self._told(key) for key in sorted(self.objects) if key.startswith(prefix) and key >= begin]
            return answer_json({"kind": "storage#objects", "items": items})
        if request.method == "DELETE":
            return answer(204 if self.objects.pop(name, None) else 404)
        if name not in self.objects:
            return answer_json({"error": {"code": 404, "message": "No such object"}}, 404)
        generation, body = self.objects[name]
        return answer(200, body, {"x-goog-generation": generation})

    def _put(self, name, wanted, body):
        if wanted is not None and wanted != self.objects.get(name, ("0", b""))[0]:
            return answer_json({"error": {"code": 412, "errors": [{"reason": "conditionNotMet"}]}}, 412)
        self.objects[name] = str(next(self._numbers)), body
        return answer_json(self._told(name))

    def _told(self, name):
        generation, body = self.objects[name]
        told = {"kind": "storage#object", "name": name, "generation": generation, "size": str(len(body))}
        return {**told, "updated": moment(self.changed.get(name))}


class ConfigMapKeeper(Keeper):
    """ConfigMaps of any namespace, changed by JSON patches as the API server applies them."""

    def __init__(self):
        super().__init__()
        self.objects, self._numbers = {}, itertools.count(100)

    def kubeconfig(self, folder):
        path = folder / "kubeconfig"
        user, cluster = {"name": "t", "user": {"token": TOKEN}}, {"name": "t", "cluster": {"server": self.url}}
        context = {"name": "t", "context": {"cluster": "t", "user": "t"}}
        known = {"current-context": "t", "contexts": [context], "clusters": [cluster], "users": [user]}
        path.write_text(json.dumps(known))
        return path

    def put(self, place, data, labels=None):
        """A ConfigMap, by whomever."""
        namespace, name = place.split("/")
        metadata = {"namespace": namespace, "name": name, "labels": labels or {}}
        self.objects[place] = self._counted({"kind": "ConfigMap", "metadata": metadata, "data": data})

    def reply(self, request):
        path = urlsplit(request.path).path.split("/")
        namespace, name = path[4], path[6] if len(path) > 6 else ""
        if request.method == "POST":
            body = request.json()
            place = f"{namespace}/{body['metadata']['name']}"
            if place in self.objects:
                return failure(409, "AlreadyExists", f'configmaps "{place}" already exists')
            self.objects[place] = self._counted(body)
            return answer_json(body, 201)
        there = self.objects.get(f"{namespace}/{name}")
        if there is None:
            return failure(404, "NotFound", f'configmaps "{name}" not found')
        if request.method == "GET":
            return answer_json(there)
        assert request.headers["content-type"] == "application/json-patch+json"
        changed = patched(there, request.json())
        if changed is None:
            return failure(422, "Invalid", "the server rejected our request due to an error in our request")
        self.objects[f"{namespace}/{name}"] = self._counted(changed)
        return answer_json(changed)

    def _counted(self, body):
        body["metadata"]["resourceVersion"] = str(next(self._numbers))
        return body


def patched(there, operations):
    """RFC 6902 as far as it is used here; None where it does not apply. What is not there equals null."""
    body = json.loads(json.dumps(there))
    for one in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")[1:]]
        inner = body
        for part in way:
            inner = inner.get(part)
            if not isinstance(inner, dict):
                return None
        if one["op"] == "test" and inner.get(last) != one["value"]:
            return None
        if one["op"] == "add":
            inner[last] = one["value"]
        elif one["op"] == "remove":
            if last not in inner:
                return None
            del inner[last]
    return body


def moment(seconds=None):
    """A moment as S3 and Google write it: this one, or that of Unix seconds."""
    return datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def etag(body):
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'

"""Values as objects of S3 or Google Cloud Storage, which write under a condition."""

import re
import threading
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from exitkit.clients.bucketurl import open_bucket, parse
from exitkit.clients.objects import Bucket, NoSuchObject, Page
from exitkit.errors import ActionError
from exitkit.store import MOST, MOST_LISTED, Store, Value, check_name

_JSON = "application/json"
_PROBE = "exitkit-conditions"
_UNCONDITIONAL = (
    "its server writes without heeding conditions (If-None-Match), so two runs at once may both do what one should"
)
_MOST_PAGES = 1000


class BucketStore(Store):
    """Each value is an object below the prefix, written only if there is none, or if it is still the version known.

    A server other than AWS's own and Google's is asked once in each run whether it heeds that; where it does not, a
    value is looked at before it is written, which does for runs one after the other.
    """

    def __init__(self, url: str) -> None:
        location = parse(url)
        prefix = location.key if not location.key or location.key.endswith("/") else f"{location.key}/"
        self.where, self.location, self.prefix = url, location, prefix
        self._lock = threading.Lock()
        self._bucket: Bucket | None = None
        self._heeds: bool | None = None

    def get(self, name: str) -> Value | None:
        try:
            found = self._opened().get(self._key(name), limit=MOST + 1)
        except NoSuchObject:
            return None
        return Value(found.body, found.version)

    def put_if_absent(self, name: str, data: bytes) -> str:
        if self._conditions():
            return self._opened().add(self._key(name), data, _JSON)
        return "" if self.get(name) is not None else self._put(name, data)

    def put_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        if not self._conditions():
            value = self.get(name)
            return "" if value is None or value.version != version else self._put(name, data)
        try:
            return self._opened().replace(self._key(name), data, version, _JSON)
        except NoSuchObject:
            return ""

    def delete(self, name: str) -> None:
        self._opened().remove(self._key(name))

    def list(self, prefix: str) -> list[str]:
        pages = self._pages(prefix)
        return [name for page in pages for name in map(self._name, page.keys) if name != _PROBE]

    def written(self, prefix: str, after: str) -> dict[str, float]:
        times: dict[str, float] = {}
        for begin in (after, ""):
            for page in self._pages(prefix, begin, timed=True):
                for name, changed in zip(map(self._name, page.keys), page.changed, strict=True):
                    if name in times or len(times) >= MOST_LISTED:
                        return times
                    times[name] = datetime.fromisoformat(f"{changed}+00:00").timestamp()
        return times

    def _pages(self, prefix: str, after: str = "", *, timed: bool = False) -> Iterator[Page]:
        after, token = self.prefix + after if after else "", ""
        for _ in range(_MOST_PAGES):
            page = self._opened().page(self.prefix + prefix, after, token=token, timed=timed)
            yield page
            if not page.more:
                break
            after, token = (page.keys[-1] if page.keys else after), page.token

    def _name(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    def _key(self, name: str) -> str:
        return self.prefix + check_name(name)

    def _opened(self) -> Bucket:
        with self._lock:
            if self._bucket is None:
                self._bucket = open_bucket(self.location, connections=4)
            return self._bucket

    def _conditions(self) -> bool:
        """Whether the server heeds conditions; found out with an object that is the same for all, and then known."""
        if self._heeds is None:
            self._heeds = self.location.scheme == "gs" or self._is_awss_own() or self._finds_out()
            self.lacks = "" if self._heeds else _UNCONDITIONAL
        return self._heeds

    def _is_awss_own(self) -> bool:
        from exitkit.clients.s3 import S3Bucket

        bucket = self._opened()
        url = bucket.account.endpoint_url if isinstance(bucket, S3Bucket) else ""
        return not url or re.search(r"\.amazonaws\.com(\.cn)?$", urlsplit(url).hostname or "") is not None

    def _finds_out(self) -> bool:
        """By writing what is there, which must fail; where it was not, by writing it again."""
        key = f"{self.prefix}{_PROBE}"
        try:
            return any(not self._opened().add(key, b"{}", _JSON) for _ in range(2))
        except ActionError as error:
            if re.search(r"\bNotImplemented\b|\b501\b", str(error)):  # it says so itself
                return False
            raise

    def _put(self, name: str, data: bytes) -> str:
        self._opened().put(self._key(name), data, _JSON)
        there = self._opened().get(self._key(name), limit=MOST + 1)
        if there.body != data:
            told = "what was written does not come back: does another run write there, or is this no server like S3?"
            raise ActionError(f"writing {name}: {told}", reason="server")
        return there.version

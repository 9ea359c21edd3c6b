"""Objects of S3 or Google Cloud Storage to read from, whichever a URL names."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from os.path import commonprefix

from exitkit.argo.record.archivedlogs import Repository
from exitkit.clients.bucketurl import Location, open_bucket
from exitkit.clients.objects import Page
from exitkit.context import Context
from exitkit.errors import ActionError

_PIECE = 4 << 20
"""Bytes of a request; a round trip takes about as long as 1 MiB of an answer."""


class ObjectReader:
    """What is below a URL such as `s3://bucket/prefix/`. Close it."""

    def __init__(self, url: str, context: Context, *, endpoint_url: str = "", region: str = "") -> None:
        scheme, _, rest = url.partition("://")
        name, _, self.prefix = rest.partition("/")
        self.url, self.context = url, context
        # The credentials are those of the environment, as the tools of either find them.
        self._bucket = open_bucket(Location(scheme, name, ""), endpoint_url=endpoint_url, region=region)

    @classmethod
    def of(cls, repository: Repository, context: Context, prefix: str = "") -> "ObjectReader":
        """What a workflow's record names; where the environment names a server of S3, that goes before the record's."""
        named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        served = "" if named else repository.endpoint_url
        return cls(f"{repository.url}/{prefix}", context, endpoint_url=served, region=repository.region)

    def close(self) -> None:
        self._bucket.close()

    def entries(self, prefix: str | None = None) -> Iterator[tuple[str, int]]:
        """Keys below a prefix of the bucket, by default the URL's, and their sizes in bytes. Raises Exhausted and ActionError."""
        for page in self._pages(self.prefix if prefix is None else prefix):
            yield from zip(page.keys, page.sizes, strict=True)

    def dated(self) -> Iterator[tuple[str, int, str]]:
        """As `entries`, with when each was written: UTC times whose order is that of the text."""
        for page in self._pages(self.prefix, timed=True):
            yield from zip(page.keys, page.sizes, page.changed, strict=True)

    def _pages(self, below: str, *, timed: bool = False) -> Iterator[Page]:
        after, token, more = "", "", True
        while more:
            page = self.context.retry(partial(self._bucket.page, below, after, token=token, timed=timed), safe=True)
            yield page
            if page.more and not page.keys and page.token == token:
                raise ActionError(f"listing {self.url}: there is more, and nothing says where", reason="server")
            after, token, more = (page.keys[-1] if page.keys else after), page.token, page.more

    def sizes(self, keys: Sequence[str], owner: str) -> dict[str, int]:
        """Bytes of those of these objects that are there: by one listing where all are in a folder of the owner's."""
        folder = commonprefix(keys).rpartition("/")[0]  # noqa: RUF071 - up to the last folder that all of them have
        if len(keys) > 1 and owner and owner in folder:
            wanted = set(keys)
            return {key: size for key, size in self.entries(f"{folder}/") if key in wanted}
        each = (next(self.entries(key), ("", 0)) for key in keys)  # a key is before all that it is the beginning of
        return {key: size for key, (found, size) in zip(keys, each, strict=True) if found == key}

    def read(self, key: str, size: int, begin: int = 0) -> Iterator[bytes]:
        """The bytes of an object from one on, in pieces. Raises Exhausted and ActionError."""
        while begin < size:
            piece = self.piece(key, begin, min(_PIECE, size - begin))
            if not piece:
                raise ActionError(f"{key} of {self.url} ended at {begin} of {size} bytes: it was replaced meanwhile")
            yield piece
            begin += len(piece)

    def piece(self, key: str, begin: int, count: int) -> bytes:
        """So many bytes from one on."""
        return self.context.retry(partial(self._bucket.get, key, begin=begin, limit=count), safe=True).body

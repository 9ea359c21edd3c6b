"""Folders of a bucket that bear the workflow's name or uid: found level by level, and counted."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from exitkit.clients.bucketurl import Location
from exitkit.clients.objects import Bucket, Progress
from exitkit.context import Context
from exitkit.process.leftovers.bearing import Owners, prefix_template

MOST_REQUESTS = 500
"""Listings of folders in one bucket; each tells of a thousand folders or keys."""

MOST_PAGES = 100
"""Pages of 1000 objects that are counted in one folder."""

MOST_FOUND = 200


@dataclass(frozen=True)
class LeftPrefix:
    """What is left below a prefix: how many objects and bytes, and whether there are `more`."""

    location: Location
    own: str
    objects: int
    size: int
    more: bool = False

    @property
    def place(self) -> str:
        return f"{self.location.scheme}://{self.location.bucket}/{self.location.key}"


@dataclass
class Folders:
    """What was found in one bucket."""

    prefixes: list[LeftPrefix] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scan(bucket: Bucket, where: Location, owners: Owners, depth: int, context: Context) -> Folders:
    """Look below a prefix, so many folders deep. Raises ActionError."""
    walk = _Walk(bucket, where, owners, context)
    waiting = deque([(where.key, 0)])
    while waiting and not walk.is_enough:
        prefix, deep = waiting.popleft()
        if own := owners.of_prefix(prefix):
            walk.count(prefix, own)
        elif owners.by_chance(prefix):
            walk.chance.append(prefix)
        elif deep <= depth:
            waiting += [(folder, deep + 1) for folder in walk.level(prefix)]
    root = f"{where.scheme}://{where.bucket}/"
    if waiting or walk.is_enough:
        walk.found.notes.append(
            f"{root}{where.key} has more folders than were looked at: name the one that runs write to"
        )
    if walk.chance:
        walk.found.notes.append(f"{root}{walk.chance[0]} may bear the workflow's name by chance, and is not counted")
    return walk.found


class _Walk:
    """From level to level of a bucket, in so many requests."""

    def __init__(self, bucket: Bucket, where: Location, owners: Owners, context: Context) -> None:
        self.bucket, self.where, self.owners, self.context = bucket, where, owners, context
        self.found = Folders()
        self.chance: list[str] = []
        self.requests = 0

    @property
    def is_enough(self) -> bool:
        return self.requests >= MOST_REQUESTS or len(self.found.prefixes) >= MOST_FOUND

    def level(self, prefix: str) -> Iterator[str]:
        """The folders right below; keys there that bear the uid are counted at once."""
        token, progress = "", Progress(f"listing {self.where.bucket}")
        while not self.is_enough:
            self.requests += 1
            level = self.context.retry(partial(self.bucket.level, prefix, token), safe=True)
            progress.came(next(iter((*level.folders, *level.keys)), None))
            for key in level.keys:
                if own := self.owners.of_prefix(key):
                    self.count(key, own)
            yield from (folder for folder in level.folders if folder.startswith(prefix) and folder != prefix)
            if not (token := level.token):
                return
            progress.leads_to(token)

    def count(self, prefix: str, own: str) -> None:
        """Nothing is told of a prefix below which there is nothing."""
        objects = size = 0
        after, token, more = "", "", True
        for _ in range(MOST_PAGES):
            page = self.context.retry(partial(self.bucket.page, prefix, after, token=token), safe=True)
            objects, size = objects + len(page.keys), size + sum(page.sizes)
            more = page.more
            if not more:
                break
            after, token = (page.keys[-1] if page.keys else after), page.token
        if objects:
            where = self.where._replace(key=prefix)
            self.found.prefixes.append(LeftPrefix(where, own, objects, size, more))


def steps(prefixes: list[LeftPrefix]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """cleanup.s3 or cleanup.gcs with its settings, one for each bucket."""
    buckets: dict[tuple[str, str], list[str]] = {}
    for left in prefixes:
        if template := prefix_template(left.location.key, left.own):
            buckets.setdefault((left.location.scheme, left.location.bucket), []).append(template)
    for (scheme, bucket), templates in buckets.items():
        uses = "cleanup.s3" if scheme == "s3" else "cleanup.gcs"
        yield uses, {"bucket": bucket, "prefixes": list(dict.fromkeys(templates))}

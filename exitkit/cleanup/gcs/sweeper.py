"""What a cleanup finds in a bucket of Google's and deletes there: listings that overlap, batches of a hundred, folders last."""

import functools
import math
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from exitkit.cleanup.buckets.filters import ObjectFilter, moment
from exitkit.cleanup.buckets.limiter import FIRST, Limiter
from exitkit.cleanup.buckets.listing import Span, parallel_listing
from exitkit.cleanup.buckets.shards import Shard
from exitkit.cleanup.engine.deletion import DeletionOutcome, delete_all
from exitkit.cleanup.engine.reading import check_asked, read, reading
from exitkit.clients.deletion import Refusal
from exitkit.clients.gcs import GCSBucket, Victim, name_of, under
from exitkit.clients.gcs.batch import MOST_CALLS
from exitkit.clients.gcs.json import About, ListedObjects, ManagedFolder, Object
from exitkit.clients.objects import Progress, in_bytes
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.retry import Retry
from exitkit.retry.throttle import Throttle, throttled

if TYPE_CHECKING:
    from exitkit.cleanup.gcs import GCS

T = TypeVar("T")


@dataclass
class GCSBatch:
    """Some victims, which go with one request, or each managed folder with its own."""

    victims: Sequence[Victim]
    sizes: Sequence[int]
    place: str
    prefix: str = ""

    @cached_property
    def names(self) -> Sequence[str]:
        return [name_of(one) for one in self.victims]


class GCSSweeper:
    """The bucket, while one run finds and deletes in it."""

    def __init__(self, settings: "GCS", bucket: GCSBucket, context: Context) -> None:
        self.settings, self.bucket, self.context = settings, bucket, context
        self.clock = context.deadline.clock
        self.limiter = Limiter(settings.concurrency, self.clock)  # of listings
        self.deletions = Limiter(settings.concurrency, self.clock, first=FIRST)
        # Each deletion of a batch counts: https://cloud.google.com/storage/docs/request-rate
        self.throttle = Throttle(context.deadline)
        self.wanted = ObjectFilter(settings, self.clock.time())
        self._told = self._done = 0  # batches that were told, and deletions that came to an end
        self._ended, self._lock = threading.Event(), threading.Lock()

    def find(self, context: Context) -> Iterator[GCSBatch | Refusal]:  # noqa: ARG002 - it is the one that this was opened with
        shard = Shard.read(self.settings.shard) if self.settings.shard else Shard()
        for prefix in self.settings.prefixes:
            span = Span(prefix, shard.after, shard.last)
            for page in self._generations(prefix) if self.settings.versions else self.pages(span):
                yield from self._picked(page, prefix)
        if self.settings.managed_folders:
            for prefix in self.settings.prefixes:
                yield from self._folders(prefix)

    def pages(self, span: Span) -> Iterator[ListedObjects]:
        """Every live object of the span, once."""

        def fetch(after: str, token: str) -> ListedObjects:
            return self._listed(span.prefix, after, token=token)

        return parallel_listing(fetch, span, self.clock, most=self.settings.concurrency)  # type: ignore[return-value]  # pages of its own are cut ones of ours

    def delete(self, batch: GCSBatch, context: Context, most: int) -> DeletionOutcome:
        try:
            folders = [one for one in batch.victims[:most] if isinstance(one, ManagedFolder)]
            if folders:
                return self._delete_folders(folders, context)
            objects = [one for one in batch.victims[:most] if isinstance(one, Object)]
            with self.deletions.request():
                return delete_all(context.retry, objects, name_of, self.bucket.delete, self.throttle)
        finally:
            with self._lock:
                self._done += 1
            self._ended.set()

    def still_there(self, batch: GCSBatch, context: Context, most: int) -> Collection[str]:
        """The names of the first so many of a batch that are listed still, in the same generation. Raises ActionError."""
        victims = [one for one in batch.victims[:most] if isinstance(one, Object)]
        if len(victims) < most:  # then all of them are folders
            names = {one.name for one in batch.victims[:most]}
            return names.intersection(
                folder.name for page in self._pages_of_folders(batch.prefix, context.retry) for folder in page
            )
        asked = {(one.name, one.generation): name_of(one) for one in victims}
        found: set[str] = set()
        for page in self._listed_again(victims, batch.prefix, context.retry):
            found |= {asked[one] for one in zip(page.keys, page.generations, strict=True) if one in asked}
        return found

    def _listed_again(self, victims: Sequence[Object], prefix: str, retry: Retry) -> Iterator[ListedObjects]:
        """What there is from the first of them to the last, and perhaps a little more."""
        first, last = victims[0].name, in_bytes(victims[-1].name)
        ask = functools.partial(self.bucket.page, versions=any(victim.pinned for victim in victims))
        page = self._asked(functools.partial(ask, first), retry)  # the next may begin after its name
        check_asked(page.keys, first, f"listing {self.bucket.name}")
        yield page
        token, more, progress = "", True, Progress(f"listing {self.bucket.name}")
        while more:
            page = self._asked(functools.partial(ask, prefix, first, token=token), retry)
            check_asked(page.keys, prefix, f"listing {self.bucket.name}")
            progress.came((page.keys[0], page.generations[0]) if page.keys else None)
            yield page
            more, token = page.more, page.token
            if page.keys and in_bytes(page.keys[-1]) > last:
                return
            if more:
                progress.leads_to(token)

    def about(self) -> About | None:
        """The bucket's settings, or None where they cannot be had; that is no reason to fail, or to try for long."""
        once = self.context.retry.terms.model_copy(update={"attempts": 1})
        try:
            return self._asked(self.bucket.about, replace(self.context.retry, terms=once))
        except ActionError:
            return None

    def _delete_folders(self, folders: Sequence[ManagedFolder], context: Context) -> DeletionOutcome:
        """One request for each. One that cannot go does not keep the others."""
        refused, gone, unknown, asked = list[Refusal](), list[str](), list[str](), set[ManagedFolder]()

        def went(folder: ManagedFolder) -> bool:
            is_again = folder in asked  # an earlier try, to which no answer came, may be what took it away
            asked.add(folder)
            return self.bucket.delete_folder(folder) or is_again

        for number, one in enumerate(folders):
            try:
                if not throttled(context.retry, self.throttle, functools.partial(went, one)):
                    gone.append(one.name)
            except Exhausted as error:
                left = [folder.name for folder in folders[number:]]
                return DeletionOutcome(gone=gone, refused=refused, unknown=unknown, left=left, error=error)
            except Unknown:
                unknown.append(one.name)
            except ActionError as error:
                refused.append(Refusal(one.name, str(error)))
        return DeletionOutcome(gone=gone, refused=refused, unknown=unknown)

    def _asked(self, request: Callable[[], T], retry: Retry | None = None) -> T:
        """A request that does no harm if it comes twice, sent when there is room for it."""

        def paced() -> T:
            with self.limiter.request():
                return request()

        return (retry or self.context.retry)(paced, safe=True)

    def _listed(self, prefix: str, after: str = "", *, token: str = "", versions: bool = False) -> ListedObjects:
        # What cannot go is told by the deletion itself; only a dry run has to know it from the listing.
        kept = self.context.dry_run
        timed = bool(self.wanted.before)
        ask = functools.partial(self.bucket.page, prefix, after, token=token, timed=timed, kept=kept, versions=versions)
        page = read(functools.partial(self._asked, ask))
        check_asked(page.keys, prefix, f"listing {self.bucket.name}")
        return page

    def _generations(self, prefix: str) -> Iterator[ListedObjects]:
        """Every generation, whose pages lead from one to the next: a page may end between two of one name."""
        token, more, progress = "", True, Progress(f"listing {self.bucket.name}")
        while more:
            page = self._listed(prefix, token=token, versions=True)
            progress.came((page.keys[0], page.generations[0]) if page.keys else None)
            yield page
            more, token = page.more, page.token
            if more:
                progress.leads_to(token)

    def _picked(self, page: ListedObjects, prefix: str) -> Iterator[GCSBatch | Refusal]:
        """What of a page is to go, in batches."""
        picked = list(range(len(page.keys)))
        if not self.wanted.anything:
            changed = page.changed or [""] * len(page.keys)
            picked = [n for n in picked if self.wanted.has(page.keys[n], changed[n], prefix)]
        if self.context.dry_run:
            kept = {n: why for n in picked if (why := self._keeps(page.kept[n]))}
            picked = [n for n in picked if n not in kept]
            yield from (Refusal(f"{self._place}{page.keys[n]}", why) for n, why in kept.items())
        pinned = self.settings.versions
        for begin in range(0, len(picked), MOST_CALLS):
            some = picked[begin : begin + MOST_CALLS]
            victims = [Object(page.keys[n], page.generations[n], pinned) for n in some]
            self._told += 1
            yield GCSBatch(victims, [page.sizes[n] for n in some], self._place, prefix)

    def _folders(self, prefix: str) -> Iterator[GCSBatch]:
        """Managed folders, the deepest first, once what was in them is gone."""
        pages = reading(self._pages_of_folders(prefix, self.context.retry))
        found = [one for page in pages for one in page if self.wanted.has(one.name, one.changed, prefix)]
        for _, level in groupby(sorted(found, key=_depth), key=_depth):
            self._wait()
            self._told += 1
            folders = list(level)
            yield GCSBatch(folders, [0] * len(folders), self._place, prefix)

    def _pages_of_folders(self, prefix: str, retry: Retry) -> Iterator[Sequence[ManagedFolder]]:
        what = f"listing managed folders of {self.bucket.name}"
        token, more, progress = "", True, Progress(what)
        while more:
            some, token = self._asked(functools.partial(self.bucket.folders, prefix, token), retry)
            check_asked([folder.name for folder in some], prefix, what)
            progress.came(some[0].name if some else None)
            yield some
            more = bool(token)
            if more:
                progress.leads_to(token)

    def _wait(self) -> None:
        """Until all that was told is deleted; in a dry run nothing is."""
        while not self.context.dry_run and self._done < self._told:
            self._ended.clear()
            if self._done < self._told:
                self.clock.wait(self._ended, math.inf)

    def _keeps(self, why: str) -> str:
        """Why an object cannot go; nothing where it can, or where the bucket keeps a version of it anyway."""
        if not why or (why[0].isdigit() and why <= moment(self.clock.time())):
            return ""
        if not self.settings.versions and self._is_versioned:
            return ""
        return under("retention policy" if why[0].isdigit() else why)

    @functools.cached_property
    def _is_versioned(self) -> bool:
        about = self.about()
        return about is not None and about.versioned

    @property
    def _place(self) -> str:
        return f"gs://{self.bucket.name}/"


def _depth(folder: ManagedFolder) -> int:
    return -folder.name.count("/")

"""What a cleanup finds in a bucket and deletes there: listings that overlap, and batches that go with one request."""

import functools
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from exitkit.cleanup.buckets.filters import ObjectFilter
from exitkit.cleanup.buckets.limiter import FIRST, Limiter
from exitkit.cleanup.buckets.listing import Span, parallel_listing
from exitkit.cleanup.buckets.shards import Shard
from exitkit.cleanup.engine.deletion import DeletionOutcome, delete_all
from exitkit.cleanup.engine.reading import check_asked, read
from exitkit.clients.deletion import Refusal
from exitkit.clients.objects import Page, Progress, in_bytes
from exitkit.clients.s3 import S3Bucket, Victim, key_of, name_of
from exitkit.clients.s3.request import NotUnderstood
from exitkit.clients.s3.xml import Marked, Upload, are_writable
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.retry.throttle import Throttle, throttled
from exitkit.retry.workers import Workers

if TYPE_CHECKING:
    from exitkit.cleanup.s3 import S3

T = TypeVar("T")
_AT_A_TIME = 8  # requests of a batch whose victims go one by one; the limiter bounds all of them together
_SINGLY = 50  # victims of a batch that go one by one, so that several batches of them go at a time


@dataclass
class S3Batch:
    """Some victims, which go with one request, or `singly`."""

    victims: Sequence[Victim]
    sizes: Sequence[int]
    place: str
    prefix: str = ""
    singly: bool = False

    @cached_property
    def names(self) -> Sequence[str]:
        if isinstance(self.victims[0], str):
            return self.victims  # type: ignore[return-value]  # a batch is of one kind
        return [name_of(one) for one in self.victims]


class S3Sweeper:
    """The bucket, while one run finds and deletes in it."""

    def __init__(self, settings: "S3", bucket: S3Bucket, context: Context) -> None:
        self.settings, self.bucket, self.context = settings, bucket, context
        clock = context.deadline.clock
        self.limiter = Limiter(settings.concurrency, clock)  # of listings
        self.deletions = Limiter(settings.concurrency, clock, first=FIRST)
        # The limit is one of keys a second and prefix, each key of a deletion counting:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
        self.throttles = {prefix: Throttle(context.deadline) for prefix in settings.prefixes}
        self.wanted = ObjectFilter(settings, clock.time())
        self.notes: list[str] = []
        self._lock = threading.Lock()
        self._one_by_one = False  # once the server has turned out not to delete several objects with one request

    def find(self, context: Context) -> Iterator[S3Batch]:  # noqa: ARG002 - it is the one that this was opened with
        settings = self.settings
        shard = Shard.read(settings.shard) if settings.shard else Shard()
        for prefix in settings.prefixes:
            if settings.versions:
                yield from self._marked(prefix, self.bucket.versions)
            else:
                for page in self.pages(Span(prefix, shard.after, shard.last)):
                    yield from self._picked(page.keys, page.keys, page, prefix)
            if settings.uploads:
                yield from self._marked(prefix, self.bucket.uploads)

    def pages(self, span: Span) -> Iterator[Page]:
        def fetch(after: str, token: str) -> Page:
            ask = functools.partial(self.bucket.page, span.prefix, after, token=token, timed=bool(self.wanted.before))
            page = read(lambda: self._asked(ask, self.context))
            check_asked(page.keys, span.prefix, f"listing {self.bucket.name}")
            return page

        return parallel_listing(fetch, span, self.context.deadline.clock, most=self.settings.concurrency)

    def delete(self, batch: S3Batch, context: Context, most: int) -> DeletionOutcome:
        victims, throttle = batch.victims[:most], self.throttles[batch.prefix]
        if not (batch.singly or self._one_by_one):
            try:
                with self.deletions.request():
                    return delete_all(context.retry, victims, name_of, self.bucket.delete, throttle)
            except NotUnderstood:
                with self._lock:
                    if not self._one_by_one:  # several batches may find it out at once
                        self.notes.append(f"{self.bucket.name} takes no DeleteObjects: one request for each object")
                    self._one_by_one = True
        return self._singly(victims, context, throttle)

    def _singly(self, victims: Sequence[Victim], context: Context, throttle: Throttle) -> DeletionOutcome:
        """One request for each, several at a time. One that cannot go does not keep the others."""
        over: list[Exhausted] = []

        def delete(victim: Victim) -> tuple[str, ActionError | None]:
            """Its name, and what kept it or leaves in doubt whether it went."""
            with self.deletions.request():
                if over:  # it is no use to ask for the rest
                    return name_of(victim), over[0]
                try:
                    throttled(context.retry, throttle, functools.partial(self.bucket.delete_one, victim))
                except ActionError as error:
                    over.extend([error] if isinstance(error, Exhausted) else [])
                    return name_of(victim), error
            return name_of(victim), None

        workers = Workers[tuple[str, ActionError | None]](_AT_A_TIME, context.deadline.clock)
        fates = dict[str, ActionError | None]()
        for victim in victims:
            if workers.full:
                fates.update([workers.take()])
            if over:
                break
            workers.start(functools.partial(delete, victim))
        fates.update(workers.rest())
        return _singly_ended([name_of(victim) for victim in victims], fates)

    def still_there(self, batch: S3Batch, context: Context, most: int) -> Collection[str]:
        """The names of the first so many of a batch that are listed still. Raises ActionError."""
        victims = batch.victims[:most]
        names = {name_of(one) for one in victims}
        found: set[str] = set()
        for listed in self._listed_again(victims, batch.prefix, context):
            found |= names.intersection(map(name_of, listed))
        return found

    def _listed_again(self, victims: Sequence[Victim], prefix: str, context: Context) -> Iterator[Sequence[Victim]]:
        """What there is from the first of them to the last, and perhaps a little more."""
        first, last = victims[0], in_bytes(key_of(victims[-1]))
        if isinstance(first, str):
            keys = self._asked(functools.partial(self.bucket.page, first), context).keys  # the next begins after it
            check_asked(keys, first, f"listing {self.bucket.name}")
            yield keys
            yield from self._keys_again(prefix, first, last, context)
        else:
            ask = self.bucket.uploads if isinstance(first, Upload) else self.bucket.versions
            yield from self._marked_again(ask, first.key, "", in_bytes(first.key), context)
            yield from self._marked_again(ask, prefix, first.key, last, context)

    def _keys_again(self, prefix: str, after: str, last: bytes, context: Context) -> Iterator[Sequence[str]]:
        token, more, progress = "", True, Progress(f"listing {self.bucket.name}")
        while more and in_bytes(after) < last:
            page = self._asked(functools.partial(self.bucket.page, prefix, after, token=token), context)
            check_asked(page.keys, prefix, f"listing {self.bucket.name}")
            progress.came(page.keys[0] if page.keys else None)
            yield page.keys
            more = page.more
            after, token = (page.keys[-1], "") if page.keys else (after, page.token)

    def _marked_again(
        self, ask: Callable[[str, str, str], Marked], prefix: str, key: str, last: bytes, context: Context
    ) -> Iterator[Sequence[Victim]]:
        at, more, progress = (key, ""), True, Progress(f"listing {self.bucket.name}")
        while more:
            page = self._asked(functools.partial(ask, prefix, *at), context)
            check_asked([entry.key for entry in page.entries], prefix, f"listing {self.bucket.name}")
            progress.came(page.entries[0] if page.entries else None)
            yield page.entries
            at, more = (page.next_key, page.next_id), page.more
            if any(in_bytes(entry.key) > last for entry in page.entries):
                return
            if more:
                progress.leads_to(at)

    def _asked(self, request: Callable[[], T], context: Context) -> T:
        """A request that does no harm if it comes twice, sent when there is room for it."""

        def paced() -> T:
            with self.limiter.request():
                return request()

        return context.retry(paced, safe=True)

    def _marked(self, prefix: str, ask: Callable[[str, str, str], Marked]) -> Iterator[S3Batch]:
        """Versions or uploads, whose pages lead from one to the next."""
        at, more, progress = ("", ""), True, Progress(f"listing {self.bucket.name}")
        while more:
            page = read(functools.partial(self._asked, functools.partial(ask, prefix, *at), self.context))
            keys = [one.key for one in page.entries]
            check_asked(keys, prefix, f"listing {self.bucket.name}")
            progress.came(page.entries[0] if page.entries else None)
            yield from self._picked(page.entries, keys, page, prefix)
            more, at = page.more, (page.next_key, page.next_id)
            if more:
                progress.leads_to(at)

    def _picked(
        self, victims: Sequence[Victim], keys: Sequence[str], page: Page | Marked, prefix: str
    ) -> Iterator[S3Batch]:
        """What of a page is to go, in batches."""
        sizes = page.sizes
        if not self.wanted.anything:
            changed = page.changed or [""] * len(keys)
            fit = [n for n, key in enumerate(keys) if self.wanted.has(key, changed[n], prefix)]
            victims, keys, sizes = [victims[n] for n in fit], [keys[n] for n in fit], [sizes[n] for n in fit]
        if not victims:
            return
        place = f"s3://{self.bucket.name}/"
        if not isinstance(victims[0], Upload) and are_writable(keys):
            yield S3Batch(victims, sizes, place, prefix)
            return
        single = [isinstance(one, Upload) or not are_writable([key]) for one, key in zip(victims, keys, strict=True)]
        if many := [n for n, one in enumerate(single) if not one]:
            yield S3Batch([victims[n] for n in many], [sizes[n] for n in many], place, prefix)
        few = [n for n, one in enumerate(single) if one]
        for begin in range(0, len(few), _SINGLY):
            some = few[begin : begin + _SINGLY]
            yield S3Batch([victims[n] for n in some], [sizes[n] for n in some], place, prefix, singly=True)


def _singly_ended(names: Sequence[str], fates: Mapping[str, ActionError | None]) -> DeletionOutcome:
    """What became of all of them, of the errors of those that were asked to go."""
    failures = {name: error for name, error in fates.items() if error is not None}
    over = {name: error for name, error in failures.items() if isinstance(error, Exhausted)}
    unknown = [name for name, error in failures.items() if isinstance(error, Unknown)]
    refused = [Refusal(name, str(failures[name])) for name in failures if name not in {*over, *unknown}]
    left = [name for name in names if name in over or name not in fates]
    return DeletionOutcome(refused=refused, unknown=unknown, left=left, error=next(iter(over.values()), None))

"""What a cleanup finds in a bucket and deletes there: listings that overlap, and batches that go with one request."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from exitkit.cleanup.buckets.filters import ObjectFilter
from exitkit.cleanup.buckets.limiter import Limiter
from exitkit.cleanup.buckets.listing import Span, parallel_listing
from exitkit.cleanup.buckets.shards import Shard
from exitkit.cleanup.engine.deletion import DeletionOutcome, delete_all
from exitkit.cleanup.engine.reading import check_asked, read
from exitkit.clients.deletion import PartialResult, Refusal
from exitkit.clients.objects import Page, Progress
from exitkit.clients.s3 import S3Bucket, Victim, name_of
from exitkit.clients.s3.request import NotUnderstood
from exitkit.clients.s3.xml import Marked, Upload, are_writable
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Unknown
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
        self.limiter = Limiter(settings.concurrency, clock)
        self.wanted = ObjectFilter(settings, clock.time())
        self.notes: list[str] = []
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
        victims = batch.victims[:most]
        if not (batch.singly or self._one_by_one):
            try:
                return delete_all(context.retry, victims, name_of, self._delete_once)
            except NotUnderstood:
                self._one_by_one = True
                self.notes.append(f"{self.bucket.name} takes no DeleteObjects: one request for each object")
        return self._singly(victims, context)

    def _delete_once(self, victims: Sequence[Victim]) -> PartialResult[Victim]:
        """One request. A word to be slower that only some of it got counts for the pace as well."""
        with self.limiter.request() as turn:
            found = self.bucket.delete(victims)
            turn.slow = found.slow
        return found

    def _singly(self, victims: Sequence[Victim], context: Context) -> DeletionOutcome:
        """One request for each, several at a time. One that cannot go does not keep the others."""

        def delete(victim: Victim) -> Refusal | str:
            """What kept it, or its name where nobody knows whether it went; "" for one that did."""
            try:
                self._asked(functools.partial(self.bucket.delete_one, victim), context)
            except Exhausted:
                raise
            except Unknown:
                return name_of(victim)
            except ActionError as error:
                return Refusal(name_of(victim), str(error))
            return ""

        workers = Workers[Refusal | str](_AT_A_TIME, context.deadline.clock)
        fates = list[Refusal | str]()
        for victim in victims:
            if workers.full:
                fates.append(workers.take())
            workers.start(functools.partial(delete, victim))
        fates += workers.rest()
        return DeletionOutcome(
            refused=[fate for fate in fates if isinstance(fate, Refusal)],
            unknown=[fate for fate in fates if isinstance(fate, str) and fate],
        )

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
            yield S3Batch(victims, sizes, place)
            return
        single = [isinstance(one, Upload) or not are_writable([key]) for one, key in zip(victims, keys, strict=True)]
        if many := [n for n, one in enumerate(single) if not one]:
            yield S3Batch([victims[n] for n in many], [sizes[n] for n in many], place)
        few = [n for n, one in enumerate(single) if one]
        for begin in range(0, len(few), _SINGLY):
            some = few[begin : begin + _SINGLY]
            yield S3Batch([victims[n] for n in some], [sizes[n] for n in some], place, singly=True)

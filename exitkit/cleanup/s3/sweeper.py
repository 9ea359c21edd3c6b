"""What a cleanup finds in a bucket and deletes there: listings that overlap, and batches that go with one request."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from exitkit.cleanup.buckets.filters import Filters, Wanted
from exitkit.cleanup.buckets.limiter import Pace
from exitkit.cleanup.buckets.listing import Span, spread
from exitkit.cleanup.buckets.shards import Shard
from exitkit.cleanup.engine.deletion import Outcome, insist
from exitkit.clients.deletion import PartialResult, Refusal
from exitkit.clients.objects import Page
from exitkit.clients.s3 import S3Bucket, Victim, name_of
from exitkit.clients.s3.request import AGAIN
from exitkit.clients.s3.xml import Marked, Upload, are_writable
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted

T = TypeVar("T")
_SINGLY = 50  # victims of a batch that go one by one, so that several batches of them go at a time


@dataclass
class Objects:
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


class Picks(Filters, Protocol):
    """What of the bucket is to go; the fields are those of the action."""

    @property
    def prefixes(self) -> Sequence[str]: ...
    @property
    def versions(self) -> bool: ...
    @property
    def uploads(self) -> bool: ...
    @property
    def shard(self) -> str: ...
    @property
    def concurrency(self) -> int: ...


class Sweep:
    """The bucket, while one run finds and deletes in it."""

    def __init__(self, settings: Picks, bucket: S3Bucket, context: Context) -> None:
        self.settings, self.bucket, self.context = settings, bucket, context
        clock = context.deadline.clock
        self.pace = Pace(settings.concurrency, clock)
        self.wanted = Wanted(settings, clock.time())

    def find(self, context: Context) -> Iterator[Objects]:  # noqa: ARG002 - it is the one that this was opened with
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
            return self._asked(ask, self.context)

        return spread(fetch, span, self.context.deadline.clock, most=self.settings.concurrency)

    def delete(self, batch: Objects, context: Context, most: int) -> Outcome:
        victims = batch.victims[:most]
        if batch.singly:
            return self._singly(victims, context)

        return insist(context.retry, victims, name_of, self._delete_once)

    def _delete_once(self, victims: Sequence[Victim]) -> PartialResult[Victim]:
        """One request. A word to be slower that only some of it got counts for the pace as well."""
        with self.pace.request() as turn:
            found = self.bucket.delete(victims)
            turn.slow = any(AGAIN.get(why) == "rate" for why in found.later.values())
        return found

    def _singly(self, victims: Sequence[Victim], context: Context) -> Outcome:
        """One request for each. One that cannot go does not keep the others."""
        refused = []
        for one in victims:
            try:
                self._asked(functools.partial(self.bucket.delete_one, one), context)
            except Exhausted:
                raise
            except ActionError as error:
                refused.append(Refusal(name_of(one), str(error)))
        return Outcome(refused=refused)

    def _asked(self, request: Callable[[], T], context: Context) -> T:
        """A request that does no harm if it comes twice, sent when there is room for it."""

        def paced() -> T:
            with self.pace.request():
                return request()

        return context.retry(paced, safe=True)

    def _marked(self, prefix: str, ask: Callable[[str, str, str], Marked]) -> Iterator[Objects]:
        """Versions or uploads, whose pages lead from one to the next."""
        at, more = ("", ""), True
        while more:
            page = self._asked(functools.partial(ask, prefix, *at), self.context)
            yield from self._picked(page.entries, [one.key for one in page.entries], page, prefix)
            more, before, at = page.more, at, (page.next_key, page.next_id)
            if more and at == before:
                raise ActionError(f"listing {self.bucket.name}: there is more, and nothing says where", reason="server")

    def _picked(
        self, victims: Sequence[Victim], keys: Sequence[str], page: Page | Marked, prefix: str
    ) -> Iterator[Objects]:
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
            yield Objects(victims, sizes, place)
            return
        single = [isinstance(one, Upload) or not are_writable([key]) for one, key in zip(victims, keys, strict=True)]
        if many := [n for n, one in enumerate(single) if not one]:
            yield Objects([victims[n] for n in many], [sizes[n] for n in many], place)
        few = [n for n, one in enumerate(single) if one]
        for begin in range(0, len(few), _SINGLY):
            some = few[begin : begin + _SINGLY]
            yield Objects([victims[n] for n in some], [sizes[n] for n in some], place, singly=True)

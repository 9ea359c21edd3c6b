"""A listing taken at many places at once, by ranges of keys that split while they are listed.

A store lists one page after the other, each a round trip of some 80 ms: a million keys take more than a
minute, whoever deletes how fast. But a listing can begin after any key, also one that nobody has. So
while pages of a range come, its middle is tried; what is found there becomes a range of its own. Every key
is found exactly once, because a range gives up what is behind the new one's beginning before either goes on.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

from exitkit.cleanup.buckets.alphabet import Alphabet
from exitkit.clients.objects import Page, Progress, in_bytes
from exitkit.retry.clock import Clock
from exitkit.retry.workers import Workers

_WORTH = 0.025
"""Seconds of a request from which on it is worth while to send several: below, they only share one server or core."""


@dataclass
class _Range:
    """The keys after `after` up to and with `last`, or to the end if that is None. `pages` came so far."""

    after: str
    last: str | None
    token: str = ""  # how a page without keys goes on
    progress: Progress = field(default_factory=lambda: Progress("listing"))  # since the last key
    pages: int = 0
    listing: bool = False
    over: bool = False


@dataclass(frozen=True)
class _Came:
    """A page, where it was asked for, and the seconds it took; `probe` if it was to find out what is there."""

    after: str
    page: Page
    seconds: float
    range: "_Range | None"


Fetch = Callable[[str, str], Page]
"""Gives the page of keys after one, or with a token the page that this leads to."""


@dataclass(frozen=True)
class Span:
    """The keys that begin with a prefix, come after a key, and come up to and with another, or to the end."""

    prefix: str
    after: str = ""
    last: str | None = None


def parallel_listing(fetch: Fetch, span: Span, clock: Clock, *, most: int) -> Generator[Page, None, None]:
    """Every key of the span, once, in pages of no order. `fetch` is called from several threads, `most` at a time."""
    yield from _Listing(fetch, span, clock, most).pages()


class _Listing:
    """The ranges of one listing, and the requests that are under way; all of it belongs to one thread."""

    def __init__(self, fetch: Fetch, span: Span, clock: Clock, most: int) -> None:
        self.fetch, self.clock = fetch, clock
        self.ranges = [_Range(span.after, span.last)]
        self.workers: Workers[_Came] = Workers(most, clock, "exitkit-list")
        self.alphabet = Alphabet(len(span.prefix))
        self.probes: set[str] = set()
        self.came = self.tried = 0
        self.fastest = float("inf")

    def pages(self) -> Generator[Page, None, None]:
        self._go_on()
        while self.workers.busy:
            came = self.workers.take()
            self.fastest = min(self.fastest, came.seconds)
            page = self._arrived(came)
            self._go_on()
            if page is not None and page.keys:
                yield page

    def _go_on(self) -> None:
        """Send what there is to send: the next page of each range, and then, with what room is left, probes."""
        for one in self.ranges:
            if not (one.listing or one.over) and not self.workers.full:
                one.listing = True
                self._ask(one.after, one)
        if self.fastest >= _WORTH and self.came:
            for one in sorted((r for r in self.ranges if not r.over and r.pages), key=self._width):
                self._probe(one)

    def _width(self, one: _Range) -> tuple[int, int]:
        """The widest range first: the one whose ends differ the soonest."""
        return (self.alphabet.shared(one.after, one.last), -one.pages)

    def _probe(self, one: _Range) -> None:
        for key in self.alphabet.between(one.after, one.last):
            # Every page may be followed by two guesses, and the first by as many as find out what the keys look like.
            if self.workers.full or self.tried >= 2 * self.came + 14:
                return
            if key not in self.probes:
                self.probes.add(key)
                self.tried += 1
                self._ask(key, None)

    def _ask(self, after: str, one: _Range | None) -> None:
        token = one.token if one else ""

        def work() -> _Came:
            began = self.clock.monotonic()
            page = self.fetch(after, token)
            return _Came(after, page, self.clock.monotonic() - began, one)

        self.workers.start(work)

    def _arrived(self, came: _Came) -> Page | None:
        """What of a page is to be told. A guess that found nothing still makes a range shorter."""
        if came.page.keys:
            self.alphabet.learn(came.page.keys)
        found = came.range
        if found is None:
            self.probes.discard(came.after)
            found = self._split(came)
            if found is None:
                return None
        found.listing, found.token = False, ""
        found.pages += 1
        self.came += 1
        page = _cut(came.page, found.last)
        if page.keys:
            found.after = page.keys[-1]
            found.progress = Progress("listing")
        elif not came.page.keys:
            found.token = came.page.token
            found.progress.came(None)
            if came.page.more:
                found.progress.leads_to(found.token)
        found.over = not came.page.more or len(page.keys) < len(came.page.keys) or found.after == found.last
        if found.over:
            self.ranges.remove(found)
        return page

    def _split(self, came: _Came) -> _Range | None:
        """The new range that begins where the guess was, if there is anything in it that is nobody else's."""
        keys = came.page.keys
        holder = next((one for one in self.ranges if _is_inside(came.after, one)), None)
        if holder is None:  # its range has been listed beyond it meanwhile
            return None
        beyond = holder.last
        holder.last = came.after
        if (not keys and not came.page.more) or (keys and beyond is not None and in_bytes(keys[0]) > in_bytes(beyond)):
            return None
        made = _Range(came.after, beyond)
        self.ranges.append(made)
        return made


def _is_inside(key: str, one: _Range) -> bool:
    return in_bytes(one.after) < in_bytes(key) and (one.last is None or in_bytes(key) < in_bytes(one.last))


def _cut(page: Page, last: str | None) -> Page:
    if last is None or not page.keys or in_bytes(page.keys[-1]) <= in_bytes(last):
        return page
    end = bisect_right(page.keys, in_bytes(last), key=in_bytes)
    return replace(page, keys=page.keys[:end], sizes=page.sizes[:end], changed=page.changed[:end])

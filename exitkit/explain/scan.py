"""A log looked through in one pass: quickly over what is known and says nothing, closely at the few lines that are new and do."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, overload

from exitkit.explain import head, ranking, shapes, signs, traces
from exitkit.explain.candidate import ENDING, LAST, Candidate, Findings, judged
from exitkit.explain.lines import Block, blocks, decoded
from exitkit.explain.shapes import Shapes

_AHEAD: Final = 60  # lines after a line that are looked at with it, so that a trace is whole where blocks meet
_BEHIND: Final = 12
_FREE: Final = 1500  # lines that are looked at closely wherever they stand
_EACH: Final = 24  # after those, so many of each block
_DENSE: Final = 2 * _EACH  # new lines in a block, from which on the log is one in which lines differ by ids
_DENSELY: Final = 8  # blocks that are then told apart without hex digits alone, before one is looked at wholly again
_FEW: Final = 8  # lines of a block that are looked for one by one
_KEPT: Final = 3000  # of those looked at, so many are kept
_SEEN: Final = 150_000  # shapes of this log that are remembered; then it begins anew
_TRACEBACK: Final = b"Traceback (most recent call last)"
_LEARNT: Final = 60_000  # shapes of a log that are learnt; far more than are kept


def learn(pieces: Iterable[bytes]) -> Shapes:
    """The shapes of the lines of a log of a run that passed."""
    keys: dict[int, None] = {}
    loose: set[int] = set()
    for block in blocks(pieces):
        coarse = shapes.coarse(block.text, codes=signs.signs().search(block.text) is not None)
        new = [place for place, key in enumerate(coarse) if key not in keys]
        if not new or len(keys) > _LEARNT:
            continue
        if len(keys) > _FREE:
            new = _unlike(block.text, new, loose)
        lines = block.text.split(b"\n")
        for place in new:
            if coarse[place] not in keys:
                keys[coarse[place]] = None
                keys[shapes.fine(lines[place])] = None
    return Shapes.of(keys)


def _unlike(text: bytes, places: list[int], seen: set[int]) -> list[int]:
    """Those of the lines that are not like one seen before even in hex digits, of which ids are made."""
    keys = shapes.loose(text)
    if len(seen) > _SEEN:
        seen.clear()
    unlike = []
    for place in places:
        if keys[place] not in seen:
            seen.add(keys[place])
            unlike.append(place)
    return unlike


def findings(pieces: Iterable[bytes], against: Shapes) -> Findings:
    """The lines of a log that may say why its run failed."""
    scanner = _Scanner(against)
    for window in _windows(blocks(pieces)):
        scanner.look(window)
    ending = scanner.findings.ending
    if new := [(number, line) for number, line in ending if shapes.fine(line) not in against.runs]:
        scanner.findings.ending = deque(new, ENDING)
    return scanner.findings


@dataclass(frozen=True)
class _Window:
    """Lines of a log that are to be looked at, with some `behind` and `ahead` of them; `first` is the number of the first.

    All are texts with LF between the lines; only where a line matters are they taken apart.
    """

    first: int
    text: bytes
    behind: tuple[bytes, ...] = ()
    ahead: bytes | None = None

    @cached_property
    def lines(self) -> list[bytes]:
        """All of them; the first that is to be looked at is that behind as many as are `behind`."""
        ahead = [] if self.ahead is None else self.ahead.split(b"\n")
        return [*self.behind, *self.text.split(b"\n"), *ahead]

    @cached_property
    def count(self) -> int:
        return self.text.count(b"\n") + 1

    def last(self, most: int) -> Iterator[tuple[int, bytes]]:
        """The last lines and their numbers."""
        lines = self.text.rsplit(b"\n", most)[-most:]
        return enumerate(lines, self.first + self.count - len(lines))


def _windows(parts: Iterable[Block]) -> Iterator[_Window]:
    """Blocks with some lines before and after each."""
    behind: tuple[bytes, ...] = ()
    pending: bytes | None = None
    first = 1
    for block in parts:
        text = block.text if pending is None else pending + b"\n" + block.text
        cut = len(text)
        for _ in range(_AHEAD):
            cut = text.rfind(b"\n", 0, cut)
            if cut < 0:
                break
        if cut < 0:
            pending = text
            continue
        window = _Window(first, text[:cut], behind, text[cut + 1 :])
        yield window
        first += window.count
        behind, pending = tuple(window.text.rsplit(b"\n", _BEHIND)[-_BEHIND:]), window.ahead
    if pending is not None:
        yield _Window(first, pending, behind)


class _Scanner:
    def __init__(self, against: Shapes) -> None:
        self.against = against
        self.findings = Findings()
        self.seen: set[int] = set()
        self.loose: set[int] = set()
        self.by_key: dict[int, Candidate] = {}
        self.looked = 0
        self.dense = 0  # blocks for which lines are still told apart without hex digits alone
        self.inside = 0  # number of the line up to which everything belongs to a trace that is known
        self.between: set[int] = set()  # but for these, which others wrote in between

    def look(self, window: _Window) -> None:
        text, found = window.text, self.findings
        found.lines = window.first + window.count - 1
        found.last.extend((number, line) for number, line in window.last(LAST) if line.strip())
        search = signs.signs().search
        said = search(text) is not None
        if not said and not self.against.runs:
            found.ending.extend((number, line) for number, line in window.last(ENDING) if line.strip())
            return
        if self.dense and window.ahead is not None:  # the end of a log is looked at wholly
            self.dense -= 1
            found.ending.extend((number, line) for number, line in window.last(ENDING) if line.strip())
            new = self._rare(window, said=said)
        else:
            new = self._new(text, said=said)
            each = ((window.first + place, window.lines[len(window.behind) + place]) for place in new[-ENDING:])
            found.ending.extend((number, line) for number, line in each if line.strip())
            if self.looked > _FREE and len(new) > _EACH:
                self.dense = _DENSELY if len(new) > _DENSE else 0
                new = _unlike(text, new, self.loose)
        if not new and not (said and _TRACEBACK in text):
            return
        lines, behind = window.lines, len(window.behind)
        marked = [place for place in new if search(lines[behind + place]) is not None] if said else []
        if said and _TRACEBACK in text:
            marked = sorted({*marked, *_tracebacks(text)})
        if self.looked > _FREE and len(marked) > _EACH:
            marked = marked[: _EACH // 2] + marked[-_EACH // 2 :]
        view = _Decoded(lines)
        for place in marked:
            self.looked += 1
            self._candidate(window, view, behind + place)
        if len(self.findings.candidates) > 2 * _KEPT:
            self._drop()

    def _new(self, text: bytes, *, said: bool) -> list[int]:
        """The lines whose shapes were met neither in runs that passed nor before in this log."""
        runs, seen = self.against.runs, self.seen
        if len(seen) > _SEEN:
            seen.clear()
        keys = shapes.coarse(text, codes=said)
        fresh = set(keys).difference(seen, runs)
        if not fresh:
            return []
        new = []
        for place, key in enumerate(keys):
            if key in fresh:
                fresh.remove(key)
                new.append(place)
        seen.update(keys[place] for place in new)
        return new

    def _rare(self, window: _Window, *, said: bool) -> list[int]:
        """Those that are new also without the hex digits that ids are made of, found without a look at the others."""
        keys = shapes.loose(window.text)
        if len(self.loose) > _SEEN:
            self.loose.clear()
        fresh = set(keys).difference(self.loose)
        self.loose |= fresh
        if len(fresh) > _FEW:
            first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
            new = sorted(first[key] for key in fresh)
        else:
            new = sorted(map(keys.index, fresh))
        lines = [window.lines[len(window.behind) + place] for place in new]
        coarse = shapes.coarse(b"\n".join(lines), codes=said) if new else []
        unknown = [key not in self.seen and key not in self.against.runs for key in coarse]
        self.seen.update(coarse)
        return [place for place, is_unknown in zip(new, unknown, strict=True) if is_unknown]

    def _drop(self) -> None:
        """Of too many candidates the first and the last stay, and between them the strongest."""
        candidates = self.findings.candidates
        ends = _KEPT // 4
        middle = sorted(candidates[ends:-ends], key=ranking.strength, reverse=True)[: _KEPT // 2]
        kept = [*candidates[:ends], *sorted(middle, key=lambda one: one.number), *candidates[-ends:]]
        self.findings.candidates = kept
        self.by_key = {one.key: one for one in kept}

    def _candidate(self, window: _Window, view: "_Decoded", place: int) -> None:
        first = window.first - len(window.behind)
        number = first + place
        if number < self.inside and number not in self.between:
            return
        line = view[place]
        if traces.quoted(view, place) or traces.frame(line):
            return
        trace = traces.trace(view, place)
        if trace is None:
            self._add(window, view, place, None)
            if line.rstrip().endswith(":") and place + 1 < len(window.lines) and window.lines[place + 1].strip():
                self._add(window, view, place + 1, None, follows=True)
            return
        self.inside = max(self.inside, first + trace.end)
        self.between = {first + other for other in trace.others}
        self.findings.traces.append(range(first + trace.first, first + trace.end))
        for thrown in trace.thrown:
            self._add(window, view, thrown.index, thrown)
        if not trace.thrown:
            self._add(window, view, place, None)

    def _add(
        self, window: _Window, view: "_Decoded", place: int, thrown: traces.Thrown | None, *, follows: bool = False
    ) -> None:
        number = window.first - len(window.behind) + place
        key = shapes.fine(window.lines[place])
        if key in self.against.runs:
            return
        if known := self.by_key.get(key):
            known.count += known.number != number
            known.thrown = known.thrown or thrown
            return
        new = judged(number, view[place], key, thrown, follows=follows)
        self.by_key[key] = new
        self.findings.candidates.append(new)


def _tracebacks(text: bytes) -> Iterator[int]:
    """The lines with which tracebacks of Python begin: they are all alike, and what they end with is not."""
    begin, place, met = 0, 0, 0
    while met < _EACH and (at := text.find(_TRACEBACK, begin)) >= 0:
        place += text.count(b"\n", begin, at)
        yield place
        begin, met = at + len(_TRACEBACK), met + 1


class _Decoded(Sequence[str]):
    """Lines as text without colours, each decoded where it is asked for."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.texts: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self.lines)))]
        if place not in self.texts:
            self.texts[place] = head.bare(decoded(self.lines[place]))
        return self.texts[place]

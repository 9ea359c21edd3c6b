"""Where to look for more keys: guesses between two of them, in the characters that the keys seen so far are made of."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

_VARIED = 6  # different characters at one place from which on it is taken for a number, a hash or a name
_WIDE = 12  # guesses at the first place that can differ
_LOOKED_AT = 64  # characters of a key; guesses further behind would split what is small


class Alphabet:
    """What stands at each place of the keys of one listing, whose first `fixed` characters are all the same."""

    def __init__(self, fixed: int) -> None:
        self.fixed = fixed
        self._seen: dict[int, set[str]] = {}
        self._varied: set[str] = set()

    def learn(self, keys: Sequence[str]) -> None:
        """Look at some of a page's keys; all of them would take longer than their parsing."""
        for key in {keys[0], keys[-1], *keys[:: max(1, len(keys) // 24)]}:
            for place, sign in enumerate(key[self.fixed : self.fixed + _LOOKED_AT], self.fixed):
                self._seen.setdefault(place, set()).add(sign)
        for signs in self._seen.values():
            if len(signs) >= _VARIED:
                self._varied |= signs

    def shared(self, after: str, last: str | None) -> int:
        """How many characters all keys of a range have in common."""
        if last is None:
            return self.fixed
        return next(
            (n for n, (a, b) in enumerate(zip(after, last, strict=False)) if a != b), min(len(after), len(last))
        )

    def between(self, after: str, last: str | None) -> Iterator[str]:
        """Keys between two, the most useful guesses first: some at the first place that can differ, one at each other."""
        first = True
        for place in range(max(self.fixed, self.shared(after, last)), min(len(after), self.fixed + _LOOKED_AT)):
            begin = after[:place]
            keys = [begin + sign for sign in self._pool(place, after[place])]
            fit = [key for key in keys if last is None or key < last]
            if fit:
                yield from _picked(fit, _WIDE if first else 1)
                first = False

    def _pool(self, place: int, sign: str) -> list[str]:
        """The characters that may come after this one at a place, in order."""
        seen = self._seen.get(place, set())
        pool = set(seen)
        if sign.isascii() and sign.isdigit():
            pool |= set("0123456789Aa")
        elif sign in "abcdefABCDEF" and any(one.isdigit() for one in seen | self._varied):
            pool |= set("bcdefg" if sign.islower() else "BCDEFGa")
        if sign in self._varied or len(seen) > 1:
            pool |= self._varied
        ordered = sorted(pool)
        return ordered[bisect_right(ordered, sign) :]


def _picked(keys: list[str], most: int) -> list[str]:
    """So many of them, evenly spread, with the first."""
    if len(keys) <= most:
        return keys
    return [keys[number * len(keys) // most] for number in range(most)]

"""Whether a condition holds for every row, by its form alone: `id = id`, `TRUE OR x`, `x < :a OR x >= :a`."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from exitkit.cleanup.sql.tokens import bare, is_word, joined, split, words

_Test = Callable[[Mapping[tuple[str, ...], bool]], bool]

_MOST = 12  # conditions whose every combination is tried: 4096
# Each comparison as one of two, of one side with the other, and whether it is denied.
_COMPARISONS = {
    "=": ("=", False, False),
    "<>": ("=", False, True),
    "!=": ("=", False, True),
    "<": ("<", False, False),
    ">=": ("<", False, True),
    ">": ("<", True, False),
    "<=": ("<", True, True),
}


def is_always(signs: Sequence[str], everything: set[str]) -> bool:
    """Whether it holds whatever its conditions come to; `everything` are parameters that any text is LIKE."""
    atoms: dict[tuple[str, ...], None] = {}
    test = _read(signs, atoms, everything)
    if len(atoms) > _MOST:
        return False
    worlds = itertools.product((False, True), repeat=len(atoms))
    return all(test(dict(zip(atoms, world, strict=True))) for world in worlds)


def _read(signs: Sequence[str], atoms: dict[tuple[str, ...], None], everything: set[str]) -> _Test:
    signs = bare(signs)
    deeper = partial(_read, atoms=atoms, everything=everything)
    outer = words(signs)
    if "case" not in outer and "xor" not in outer:
        for parts, decide in ((list(split(signs, {"or", "||"})), any), (list(joined(signs)), all)):
            if len(parts) > 1:
                tests = [deeper(one) for one in parts]
                return lambda world, tests=tests, decide=decide: decide(test(world) for test in tests)  # type: ignore[misc]
        if outer[:1] == ["not"]:
            denied = deeper(signs[1:])
            return lambda world: not denied(world)
    return _atom([one.lower() for one in signs], outer, atoms, everything)


def _atom(signs: list[str], outer: list[str], atoms: dict[tuple[str, ...], None], everything: set[str]) -> _Test:
    if not any(is_word(one) for one in signs):  # the same for all rows, so at best for none
        never = signs in (["false"], ["null"], ["0"], [])
        return lambda _: not never
    for n, one in enumerate(outer):
        if one in _COMPARISONS and n:
            return _comparison(signs[:n], one, signs[n + 1 :], atoms)
    denied = "not" in outer
    if denied:
        at = outer.index("not")
        signs = signs[:at] + signs[at + 1 :]
    if signs[-2:-1] in (["like"], ["ilike"]) and signs[-1] in everything:
        return lambda _: not denied
    key = tuple(signs)
    atoms[key] = None
    return lambda world: world[key] != denied


def _comparison(left: list[str], sign: str, right: list[str], atoms: dict[tuple[str, ...], None]) -> _Test:
    what, turned, denied = _COMPARISONS[sign]
    left, right = list(bare(left)), list(bare(right))
    if left == right:
        same = (what == "=") != denied
        return lambda _: same
    if turned or (what == "=" and left > right):
        left, right = right, left
    key = (what, *left, "", *right)
    atoms[key] = None
    return lambda world: world[key] != denied

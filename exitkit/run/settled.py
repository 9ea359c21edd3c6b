"""What an action gave, taken down once as plain values and within bounds: whoever wrote the action made it."""

from collections.abc import Iterable, Mapping
from itertools import islice

from exitkit.action import Result
from exitkit.errors import ActionError
from exitkit.text import redact

_MOST_VALUES = 5_000
"""Values in a step's facts, at any depth; what real steps give is some hundred."""

_MOST_CHARACTERS = 1 << 20
"""Characters of text in a step's facts, and as many in its output; a template makes no more either."""

_MOST_NOTES, _LONGEST_NOTE = 100, 4_000
_DEPTH = 30

_BEYOND = 8_192
"""Characters beyond a cut in which a secret may end that begins before it; a longer one is known line by line."""


def result(given: object) -> Result | None:
    """The result with nothing in it that an action could still change, or None where it is none."""
    if not isinstance(given, Result):
        return None
    facts, notes = _taken(given.facts, given.notes)
    output = _cut(said(given.output), _MOST_CHARACTERS)
    return Result(summary(given.summary), facts, notes, bool(given.duplicate), output)


def error(given: ActionError) -> ActionError:
    """The error with its facts and notes made plain."""
    try:
        facts: object = given.facts
        notes: object = given.notes
    except Exception:  # a plugin's own kind of error may do anything
        facts, notes = {}, ()
    given.facts, given.notes = _taken(facts, notes)
    return given


def summary(value: object) -> str:
    """What stands in the report for the whole of a step: the text, cut visibly where it is much too long for that."""
    text = said(value)
    if len(text) <= _LONGEST_NOTE:
        return text
    return f"{_cut(text, _LONGEST_NOTE)}… (cut, of {len(text)} characters)"


def said(value: object) -> str:
    """The value as text, also where it cannot say what it is."""
    if type(value) is str:
        return value
    try:
        return str.__str__(str(value))
    except BaseException as failure:  # it may be asked anywhere, also where an error is told
        return f"({type(value).__name__} that cannot be shown: {type(failure).__name__})"


def _taken(facts: object, notes: object) -> tuple[Mapping[str, object], tuple[str, ...]]:
    told = _notes(notes)
    try:
        plain = _Plain()
        found = plain.mapping(facts) if isinstance(facts, Mapping) else {}
        if plain.left_out:
            told = (*told, f"only {plain.values} of its facts are kept; no step may have more")
    except Exception as failure:
        found, told = {}, (*told, f"its facts cannot be read: {type(failure).__name__}")
    return found, told


def _notes(notes: object) -> tuple[str, ...]:
    """A plugin may call anything notes, one text included."""
    if isinstance(notes, str):
        return (_cut(said(notes), _LONGEST_NOTE),)
    try:
        return tuple(_cut(said(note), _LONGEST_NOTE) for note in islice(notes, _MOST_NOTES))  # type: ignore[call-overload]
    except Exception as failure:
        wrong = isinstance(notes, Iterable)
        return (f"its notes cannot be read: {type(failure).__name__}",) if wrong else ()


def _cut(text: str, most: int) -> str:
    """So many characters of it, of which none is the beginning of a secret that the cut made unknown."""
    return text if len(text) <= most else redact.redact(text[: most + _BEYOND])[:most]


class _Plain:
    """One step's facts on the way to plain values: how many there are by now."""

    def __init__(self) -> None:
        self.values = 0
        self.characters = 0
        self.left_out = False

    def mapping(self, given: Mapping[object, object], depth: int = 0) -> dict[str, object]:
        found: dict[str, object] = {}
        for key in given:
            if self._is_full():
                break
            name = said(key)
            self.characters += len(name)
            found[name] = self._value(given[key], depth + 1)
        return found

    def _value(self, value: object, depth: int) -> object:
        self.values += 1
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < _DEPTH and isinstance(value, Mapping):
            return self.mapping(value, depth)
        if depth < _DEPTH and isinstance(value, list | tuple | set | frozenset):
            found = []
            for part in value:
                if self._is_full():
                    break
                found.append(self._value(part, depth + 1))
            return found
        text = said(value)
        room = max(0, _MOST_CHARACTERS - self.characters)
        self.left_out = self.left_out or len(text) > room
        self.characters += len(text)
        return _cut(text, room)

    def _is_full(self) -> bool:
        full = self.values >= _MOST_VALUES or self.characters >= _MOST_CHARACTERS
        self.left_out = self.left_out or full
        return full

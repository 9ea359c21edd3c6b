"""The entries of `workflow.failures`, out of text in whatever state it arrives.

Whole text is read as JSON, entry by entry. Text that is cut or damaged is read so up to where it breaks; from there on
each piece that begins like an entry is read by itself, for its fields if it is no JSON. Everything is linear in the text.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from exitkit.argo import gostring, loosejson
from exitkit.argo.argument import encodable, is_unset
from exitkit.text.plain import plain

FIELDS: Final = ("displayName", "message", "templateName", "phase", "podName", "finishedAt")
"""The fields of Argo's failedNodeStatus (workflow/controller/operator.go)."""

# A Workflow object of 1.5 MiB holds some 5,000 nodes; beyond that somebody sends us objects to fill our memory.
_MOST_ENTRIES = 20_000
# A piece of damaged text that is no entry counts towards this: each costs some microseconds.
_MOST_PIECES = 200_000
_SHOWN = 160  # characters of what could not be read, in a note
_CUT = "workflow.failures was cut off; some failed steps may be missing"
_KEY = re.compile(rf'"({"|".join(FIELDS)})"\s*:\s*')
_ENTRY = re.compile(rf"\{{\s*{_KEY.pattern}")


class Parsed(NamedTuple):
    """The entries as text fields, in the order in which they came, and what is wrong with them."""

    entries: tuple[Mapping[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    truncated: bool = False


def read(text: str) -> Parsed:
    """All entries that the text holds; what is none is shown in a note. Never raises."""
    peeled = loosejson.peel(text)
    text = peeled.text
    if is_unset(text) or text == "null":
        return Parsed((), (_CUT,), truncated=True) if peeled.cut and not text else Parsed()
    start = 1 if text[0] == "[" else 0
    entries, odd, end = _read_whole(text, start) if text[0] in "[{" else ([], _Odd(), 0)
    rest = text[end:].strip(", \t\r\n")
    damaged = rest != ("]" if start else "") and len(entries) <= _MOST_ENTRIES
    if damaged:
        entries += _read_damaged(text, end, _MOST_ENTRIES + 1 - len(entries))
    truncated = peeled.cut or (damaged and text[0] in "[{" and text[-1] != ("]" if start else "}"))
    too_many = len(entries) > _MOST_ENTRIES
    notes = _notes(
        truncated=truncated, unread=rest if damaged else "", odd=odd, too_many=too_many, any_read=bool(entries)
    )
    return Parsed(tuple(entries[:_MOST_ENTRIES]), notes, truncated or too_many)


class _Odd(NamedTuple):
    """How many values were no entries, and as much of them as a note shows."""

    many: int = 0
    text: str = ""

    def and_also(self, value: object) -> "_Odd":
        if len(self.text) > _SHOWN:  # what comes now is not shown
            return _Odd(self.many + 1, self.text)
        text = loosejson.as_text(value)[: 16 * _SHOWN] or "null"
        return _Odd(self.many + 1, f"{self.text}, {text}" if self.many else text)


def _notes(*, truncated: bool, unread: str, odd: _Odd, too_many: bool, any_read: bool) -> tuple[str, ...]:
    """What is missing; what could not be read is shown, cut to a line, as somebody wanted to say something by it."""
    notes = []
    if truncated:
        notes.append(_CUT if any_read or not unread else f"{_CUT}: {_shown(unread)}")
    elif unread and any_read:
        notes.append(f"workflow.failures is damaged; some failed steps may be missing or incomplete: {_shown(unread)}")
    elif unread:
        notes.append(f"workflow.failures is no list of failed steps and was not understood: {_shown(unread)}")
    if odd.many:
        notes.append(f"workflow.failures holds {odd.many} entries that are no failed steps: {_shown(odd.text)}")
    if too_many:
        notes.append(f"workflow.failures holds more than {_MOST_ENTRIES} failed steps; the others were not read")
    return tuple(notes)


def _shown(text: str) -> str:
    """The text in one line, cut visibly."""
    line = " ".join(plain(text[: 16 * _SHOWN]).split())
    return line if len(line) <= _SHOWN and len(text) <= 16 * _SHOWN else f"{line[:_SHOWN].rstrip()}…"


def _read_whole(text: str, start: int) -> tuple[list[dict[str, str]], _Odd, int]:
    """The entries up to the first break, the values that were no entries, and where reading ended."""
    entries: list[dict[str, str]] = []
    odd, end = _Odd(), start
    for value, end in loosejson.entries(text, start):  # noqa: B007 - its last value is the answer
        entry = _as_entry(value)
        if entry is None:
            odd = odd.and_also(value)
        else:
            entries.append(entry)
        if len(entries) + odd.many > _MOST_ENTRIES:
            break
    return entries, odd, end


def _read_damaged(text: str, start: int, most: int) -> list[dict[str, str]]:
    entries = (_read_piece(piece) for piece in islice(_pieces(text, start), _MOST_PIECES))
    return list(islice((entry for entry in entries if entry), most))


def _pieces(text: str, start: int) -> Iterator[str]:
    """The stretches that begin like an entry, each up to the next."""
    begin = None
    for match in _ENTRY.finditer(text, start):
        if begin is not None:
            yield text[begin : match.start()]
        begin = match.start()
    if begin is not None:
        yield text[begin:]


def _read_piece(piece: str) -> dict[str, str] | None:
    for value, _ in loosejson.entries(piece, 0):
        return _as_entry(value)
    keys = list(_KEY.finditer(piece))
    entry = dict.fromkeys(FIELDS, "")
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        raw = piece[key.end() : following.start() if following else len(piece)]
        entry[key[1]] = entry[key[1]] or _read_broken(raw)
    return entry if entry["displayName"] or entry["message"] else None


def _read_broken(raw: str) -> str:
    """A field's value from what stands between its key and the next, which may end in the middle of it."""
    raw = raw.rstrip(", \t\r\n")
    if not raw.startswith('"'):
        return ""  # null, or what was to come is cut off
    without = raw.rstrip(" \t\r\n,}]")
    if len(without) > 1 and without.endswith('"'):
        raw = without[:-1]
    return encodable(gostring.unquote_loose(f'"{raw[1:]}"')[0])


def _as_entry(value: object) -> dict[str, str] | None:
    if not isinstance(value, dict) or not any(field in value for field in FIELDS):
        return None
    return {field: encodable(loosejson.as_text(value.get(field))) for field in FIELDS}

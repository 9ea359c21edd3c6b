"""What Google Cloud Storage tells of a bucket, read from its JSON."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from exitkit.clients.objects import Level, Page
from exitkit.errors import ActionError

_NUMBER = re.compile("[0-9]{1,19}")
_LATER = "9999"  # nothing is old enough whose age nobody knows


class Object(NamedTuple):
    """A generation of an object. `pinned` is one that goes for good, else it is the live one that goes."""

    name: str
    generation: str
    pinned: bool = False


class ManagedFolder(NamedTuple):
    """A managed folder, whose name ends in a slash."""

    name: str
    metageneration: str = ""
    changed: str = ""


@dataclass(frozen=True)
class ListedObjects(Page):
    """A page of objects; `kept` says of each why it cannot go, or nothing, where that was asked for.

    Where a page is cut short these two are not, so that they may be longer than the others.
    """

    generations: Sequence[str] = ()
    kept: Sequence[str] = ()


@dataclass(frozen=True)
class About:
    """What of a bucket's settings bears on a deletion. `soft_delete` is how many seconds it keeps what goes."""

    soft_delete: int = 0
    versioned: bool = False
    hierarchical: bool = False


def read_page(found: Mapping[str, Any], what: str, *, timed: bool, after: str = "") -> ListedObjects:
    """A page of a listing that begins at a name, without the object of that name. Raises ActionError for anything else."""
    if found.get("kind") != "storage#objects":  # an empty answer of something else would mean that nothing is there
        raise ActionError(f"{what}: the answer is no listing: is this Google Cloud Storage?", reason="server")
    items = _items(found, what)
    if items and after and _text(items[0], "name") == after:  # a listing begins at a name, and this one has been seen
        items = items[1:]
    names = [_text(one, "name") for one in items]
    generations = [_text(one, "generation") for one in items]
    sizes = [_text(one, "size") for one in items]
    changed = [_text(one, "updated")[:19] for one in items] if timed else []
    # Without its generation it would go also if it were another one by then.
    if not all(names) or not all(map(_NUMBER.fullmatch, generations + sizes)) or not all(changed):
        raise ActionError(f"{what}: the listing lacks a name, a generation, a size or a time", reason="server")
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise ActionError(f"{what}: a name is no UTF-8, which none of Google's is", reason="server") from None
    token = _text(found, "nextPageToken")
    kept = [_kept(one) for one in items]
    return ListedObjects(names, [int(one) for one in sizes], changed, bool(token), token, generations, kept)


def read_level(found: Mapping[str, Any], what: str) -> Level:
    """A listing up to the next slash. Raises ActionError for anything else."""
    page = read_page(found, what, timed=False)
    folders = found.get("prefixes", [])
    if not isinstance(folders, list) or not all(isinstance(folder, str) and folder for folder in folders):
        raise ActionError(f"{what}: the folders of the listing are none", reason="server")
    return Level(folders, page.keys, page.token)


def read_folders(found: Mapping[str, Any], what: str) -> tuple[list[ManagedFolder], str]:
    """Managed folders, and the next page's token. Raises ActionError for anything else."""
    folders = []
    for one in _items(found, what):
        name, when = _text(one, "name"), _text(one, "updateTime")
        if not name.strip("/"):
            raise ActionError(f"{what}: the listing lacks a name", reason="server")
        folders.append(ManagedFolder(name, _text(one, "metageneration"), when[:19] or _LATER))
    return folders, _text(found, "nextPageToken")


def generation_of(body: bytes, name: str) -> str:
    """The generation of the object of that name of which this tells, as what was written is confirmed; else ""."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    generation = str(found.get("generation", "")) if isinstance(found, dict) and found.get("name") == name else ""
    return generation if _NUMBER.fullmatch(generation) else ""


def read_about(found: Mapping[str, Any]) -> About:
    """The bucket's settings; what is not told is taken for not set."""
    seconds = str(_below(found, "softDeletePolicy").get("retentionDurationSeconds", ""))
    return About(
        soft_delete=int(seconds) if _NUMBER.fullmatch(seconds) else 0,
        versioned=_below(found, "versioning").get("enabled") is True,
        hierarchical=_below(found, "hierarchicalNamespace").get("enabled") is True,
    )


def _kept(item: Mapping[str, Any]) -> str:
    """What keeps an object; for a retention, until when."""
    if item.get("temporaryHold") is True:
        return "temporary hold"
    if item.get("eventBasedHold") is True:
        return "event-based hold"
    return _text(item, "retentionExpirationTime")[:19]


def _items(found: Mapping[str, Any], what: str) -> list[Mapping[str, Any]]:
    items = found.get("items", [])
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise ActionError(f"{what}: the items of the listing are none", reason="server")
    return items


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name, "")
    return value if isinstance(value, str) else ""


def _below(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}

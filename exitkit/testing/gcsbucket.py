"""The state of a bucket of Google Cloud Storage, and how its JSON API speaks of it."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MASK = re.compile(r"(\w+)(?:\(([^()]*)\))?")

Told = tuple[int, dict[str, Any], dict[str, str]]
"""An answer: its status, its JSON, its headers."""


@dataclass
class _Generation:
    name: str
    body: dict[str, Any]
    live: bool = True

    @property
    def number(self) -> str:
        return str(self.body["generation"])


@dataclass(eq=False)
class ScriptedBucket:
    """Objects with their generations, and managed folders.

    `page` is the most that it lists in one answer. `settings` are its own, None if they must not be read.
    `missing` is how a deletion with a condition is refused whose object is not there.
    """

    bucket: str = "models"
    page: int = 1000
    settings: dict[str, Any] | None = field(default_factory=dict)
    missing: int = 404

    def __post_init__(self) -> None:
        self._objects: list[_Generation] = []
        self._folders: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1_790_000_000_000_001)

    def add(self, *names: str, size: int = 5, updated: str = "2026-08-21T12:00:00.123Z", **more: Any) -> str:
        """Objects, in place of those of the same name; the last one's generation. `more` are fields as in JSON."""
        number = ""
        for name in names:
            self._remove_live(name)
            number = str(next(self._numbers))
            body = {"kind": "storage#object", "name": name, "generation": number, "size": str(size)}
            body |= {"metageneration": "1", "updated": updated, "contentType": "x" * 100, **more}
            self._objects.append(_Generation(name, body))
        return number

    def add_folder(self, *names: str, updated: str = "2026-08-21T12:00:00.123Z") -> None:
        for name in names:
            self._folders[name] = {"name": name, "metageneration": "1", "updateTime": updated}

    def names(self, *, versions: bool = False) -> list[str]:
        """What is there, in order; with `versions` once for each generation."""
        return sorted(one.name for one in self._objects if one.live or versions)

    def folders(self) -> list[str]:
        return sorted(self._folders)

    def respond(self, method: str, names: Sequence[str], query: Mapping[str, str]) -> Told:
        """What is answered to a call for what is below the bucket."""
        match method, *names:
            case ["GET"]:
                if self.settings is None:
                    return no(403, "forbidden", "caller does not have storage.buckets.get access")
                return 200, _masked(self.settings, query.get("fields", "")), {}
            case ["GET", "o"]:
                return 200, self._list(query), {}
            case ["GET", "o", name]:
                found = next((one for one in self._objects if one.name == name and one.live), None)
                return (200, _masked(found.body, query.get("fields", "")), {}) if found else _gone(name)
            case ["DELETE", "o", name]:
                return self._delete(name, query)
            case ["GET", "managedFolders"]:
                there = [self._folders[one] for one in self.folders() if one.startswith(query.get("prefix", ""))]
                return 200, _masked(_paged("", there, query, self.page), query.get("fields", "")), {}
            case ["DELETE", "managedFolders", name]:
                return self._delete_folder(name)
        return no(404, "notFound", "Not Found")

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        there = [one for one in self._objects if one.live or query.get("versions") == "true"]
        there = [one for one in there if one.name.startswith(query.get("prefix", ""))]
        there = [one for one in there if one.name.encode() >= query.get("startOffset", "").encode()]
        there.sort(key=lambda one: _position(one.body))
        if sign := query.get("delimiter"):
            return self._level(there, query.get("prefix", ""), sign, query)
        most = min(int(query.get("maxResults", "1000")), self.page)
        found = _paged("storage#objects", [one.body for one in there], query, most)
        return _masked(found, query.get("fields", ""))

    def _level(self, there: list[Any], prefix: str, sign: str, query: Mapping[str, str]) -> dict[str, Any]:
        """What stands right below a prefix, folders by their names alone."""
        rest = {one.name: one.name.removeprefix(prefix) for one in there}
        folders = dict.fromkeys(f"{prefix}{left.partition(sign)[0]}{sign}" for left in rest.values() if sign in left)
        found = {"kind": "storage#objects", "prefixes": list(folders)}
        found["items"] = [one.body for one in there if sign not in rest[one.name]]
        return _masked(found, query.get("fields", ""))

    def _delete(self, name: str, query: Mapping[str, str]) -> Told:
        pinned, wanted = query.get("generation"), query.get("ifGenerationMatch")
        found = [one for one in self._objects if one.name == name and (one.number == pinned if pinned else one.live)]
        if not found:
            return _gone(name) if self.missing == 404 or not wanted else no(412, "conditionNotMet", "Precondition")
        one = found[0]
        if wanted and one.number != wanted:
            return no(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
        keeps_version = not pinned and self._is_versioned
        for held, kind in (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based")):
            if one.body.get(held) and not keeps_version:
                told = f"Object '{self.bucket}/{name}' is under active {kind} hold and cannot be deleted, overwritten"
                return no(403, "forbidden", f"{told} or archived until hold is removed.")
        if (until := one.body.get("retentionExpirationTime")) and not keeps_version:
            told = f"Object '{self.bucket}/{name}' is subject to bucket's retention policy or object retention"
            return no(403, "retentionPolicyNotMet", f"{told} and cannot be deleted or overwritten until {until}")
        if keeps_version:
            one.live = False
        else:
            self._objects.remove(one)
        return 204, {}, {}

    def _delete_folder(self, name: str) -> Told:
        if name not in self._folders:
            return _gone(name)
        inside = [*self.names(), *(one for one in self._folders if one != name)]
        if any(one.startswith(name) for one in inside):
            return no(409, "conflict", f"The managed folder {name} you tried to delete is not empty.")
        del self._folders[name]
        return 204, {}, {}

    def _remove_live(self, name: str) -> None:
        for one in [one for one in self._objects if one.name == name and one.live]:
            one.live = False
            if not self._is_versioned:
                self._objects.remove(one)

    @property
    def _is_versioned(self) -> bool:
        return bool((self.settings or {}).get("versioning", {}).get("enabled"))


def error(status: int, reason: str, message: str) -> dict[str, Any]:
    """An error as the JSON API tells it: https://cloud.google.com/storage/docs/json_api/v1/status-codes."""
    one = {"domain": "global", "reason": reason, "message": message}
    return {"error": {"code": status, "message": message, "errors": [one]}}


def no(status: int, reason: str, message: str) -> Told:
    return status, error(status, reason, message), {}


def _gone(name: str) -> Told:
    return no(404, "notFound", f"No such object: {name}")


def _paged(kind: str, items: list[dict[str, Any]], query: Mapping[str, str], most: int) -> dict[str, Any]:
    """The page that a token leads to, which is where it begins, whatever was deleted before that."""
    rest = [one for one in items if _position(one) >= query.get("pageToken", "").encode()]
    found: dict[str, Any] = {"kind": kind}
    if some := rest[:most]:
        found["items"] = some
    return found | ({"nextPageToken": _position(rest[most]).decode()} if len(rest) > most else {})


def _position(item: Mapping[str, Any]) -> bytes:
    return f"{item['name']}\0{item.get('generation', '')}".encode()


def _masked(body: Mapping[str, Any], mask: str) -> dict[str, Any]:
    """What a mask of fields leaves, one level deep."""
    if not mask:
        return dict(body)
    found = {}
    for name, inner in _MASK.findall(mask):
        if name in body:
            value = body[name]
            wanted = inner.split(",") if inner else None
            found[name] = _only(value, wanted) if wanted else value
    return found


def _only(value: Any, names: Iterable[str]) -> Any:
    if isinstance(value, list):
        return [_only(one, names) for one in value]
    return {name: value[name] for name in names if name in value}

"""All that is left of a workflow, in one line, as facts, and as the steps of a plan that would remove it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exitkit.argo.timestamp import write_moment
from exitkit.process.leftovers import cluster, folders, schemas
from exitkit.process.leftovers.cluster import Cluster
from exitkit.process.leftovers.folders import Folders, LeftPrefix
from exitkit.process.leftovers.schemas import LeftSchema, Schemas
from exitkit.text.redact import printable
from exitkit.text.safe import line
from exitkit.text.units import human_size

_MOST = 200  # of each sort in the facts; the counts are of all
_MOST_TOLD = 5  # kinds and places in the line
_LONGEST = 500
_URL = "      # the url comes from url_file, or from EXITKIT_CLEANUP_SQL_URL\n"


@dataclass
class Inventory:
    """What the looks at each place come to."""

    found: Cluster = field(default_factory=Cluster)
    namespace: str = ""
    elsewhere: str | None = None
    prefixes: list[LeftPrefix] = field(default_factory=list)
    schemas: Schemas = field(default_factory=Schemas)
    notes: list[str] = field(default_factory=list)

    def take_cluster(self, found: Cluster, namespace: str, elsewhere: str | None) -> None:
        self.found, self.namespace, self.elsewhere = found, namespace, elsewhere
        self.notes += found.notes
        if found.foreign:
            labels = ", ".join(sorted({label for label, _ in found.foreign}))
            self.notes.append(f"{labels}: some have the workflow's label and were made before it, so they are not its own, "
                              "and no step is written that would remove them")  # fmt: skip

    def take_folders(self, found: Folders) -> None:
        places = {left.place for left in self.prefixes}
        self.prefixes += [left for left in found.prefixes if left.place not in places]
        self.notes += found.notes

    def take_schemas(self, found: Schemas) -> None:
        self.schemas = found

    @property
    def count(self) -> int:
        return len(self.found.objects) + len(self.prefixes) + len(self.schemas.schemas) + len(self.schemas.tables)

    @property
    def size(self) -> int:
        """Bytes, as far as they are known."""
        sizes = [left.size for left in self.found.objects] + [left.size for left in self.prefixes]
        sizes += [left.size for left in (*self.schemas.schemas, *self.schemas.tables)]
        return sum(size or 0 for size in sizes)

    @property
    def text(self) -> str:
        if not self.count:
            return "nothing is left over"
        parts = list(self._parts())
        more = len(parts) - _MOST_TOLD
        return f"left over: {'; '.join(parts[:_MOST_TOLD])}" + (f"; and {more} more" if more > 0 else "")

    def _parts(self) -> Iterator[str]:
        for label, count in cluster.counts(self.found.objects).items():
            size = sum(left.size or 0 for left in self.found.objects if left.resource.label == label)
            yield f"{count} {label}" + (f" ({human_size(size)})" if size else "")
        for left in self.prefixes:
            more = "more than " if left.more else ""
            yield f"{printable(left.place, 200)} ({more}{left.objects} objects, {human_size(left.size)})"
        for kind, each in (("schema", self.schemas.schemas), ("table", self.schemas.tables)):
            for one in each:
                yield f"{kind} {printable(one.name, 100)}" + (f" ({human_size(one.size)})" if one.size else "")

    def facts(self, plan: str) -> dict[str, object]:
        return {
            "count": self.count,
            "bytes": self.size,
            "text": self.text,
            "kinds": cluster.counts(self.found.objects),
            "objects": [
                {
                    "kind": left.resource.label,
                    "name": line(left.metadata.name, _LONGEST),
                    "namespace": self.namespace,
                    "created": _time(left.metadata.created),
                    "why": line(left.why, _LONGEST),
                    "bytes": left.size,
                    "terminating": left.metadata.terminating,
                }
                for left in self.found.objects[:_MOST]
            ],
            "prefixes": [
                {"place": line(left.place, _LONGEST), "objects": left.objects, "bytes": left.size, "more": left.more}
                for left in self.prefixes[:_MOST]
            ],
            "schemas": _named(self.schemas.schemas),
            "tables": _named(self.schemas.tables),
            "lookedAt": self.found.looked_at,
            "plan": plan,
        }

    def plan(self) -> str:
        """The cleanup steps as a plan in YAML, which name the workflow by templates; empty where there are none."""
        steps = "".join(self._steps())
        return f"steps:\n{steps}" if steps else ""

    def _steps(self) -> Iterator[str]:
        for settings in cluster.steps(self.found):
            elsewhere = {"in_namespace": self.elsewhere} if self.elsewhere else {}
            yield _step("cleanup.kubernetes", {**settings, **elsewhere})
        for uses, settings in folders.steps(self.prefixes):
            yield _step(uses, settings)
        for settings in schemas.steps(self.schemas):
            yield _step("cleanup.sql", settings, _URL)


def _named(each: Iterable[LeftSchema]) -> list[dict[str, object]]:
    shown = list(each)[:_MOST]
    return [{"name": line(left.name, _LONGEST), "bytes": left.size, "tables": left.tables} for left in shown]


def _step(uses: str, settings: Mapping[str, object], comment: str = "") -> str:
    """A step; what JSON writes is YAML too."""
    written = "".join(f"      {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in settings.items())
    return f"  - uses: {uses}\n    with:\n{comment}{written}"


def _time(seconds: float | None) -> str | None:
    return write_moment(datetime.fromtimestamp(seconds, UTC)) if seconds is not None else None

"""PersistentVolumeClaims with the room that they take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exitkit.clients.kubernetes import Kube, ObjectMetadata, ObjectPage, Resource, metadata_of
from exitkit.clients.kubernetes.listing import listed
from exitkit.retry import Retry
from exitkit.text.units import parse_size

CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")

_AT_ONCE = 500


@dataclass(frozen=True)
class VolumeClaim:
    """A claim, and its bytes: what it has, before that what it asks for; None where neither can be read."""

    metadata: ObjectMetadata
    size: int | None

    @property
    def uid(self) -> str:
        return self.metadata.uid


def claims(kube: Kube, retry: Retry, namespace: str) -> Iterator[tuple[VolumeClaim, ...]]:
    """All claims of a namespace, page by page. Needs the right to list them. Raises Exhausted and ActionError."""
    return listed(_Claims(kube), retry, CLAIMS, namespace, {})


@dataclass(frozen=True)
class _Claims:
    kube: Kube

    def page(
        self, resource: Resource, namespace: str, query: Mapping[str, str], token: str = ""
    ) -> ObjectPage[VolumeClaim]:
        return self.kube.page_of(_claim, resource, namespace, {**query, "limit": str(_AT_ONCE)}, token)


def _claim(one: Any) -> VolumeClaim:
    status, spec = (one.get(part) if isinstance(one, dict) else None for part in ("status", "spec"))
    asked = _below(_below(spec, "resources"), "requests")
    return VolumeClaim(metadata_of(one), _size(_below(status, "capacity")) or _size(asked))


def _below(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else None


def _size(resources: Any) -> int | None:
    try:
        return parse_size(str(resources["storage"]))
    except (KeyError, TypeError, ValueError):
        return None

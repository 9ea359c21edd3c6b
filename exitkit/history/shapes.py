"""What the logs of a series' steps looked like when their runs passed: read where one fails, added to where all is well."""

import hashlib
import re

from exitkit.errors import Retryable
from exitkit.explain import Shapes
from exitkit.history import History
from exitkit.retry.clock import Deadline
from exitkit.store import Store
from exitkit.store.bounded import StoreFailure

_SLUG = re.compile(r"[^A-Za-z0-9]+")
_PATIENCE = 0.5
"""Seconds for what earlier runs left: a log is explained without it, too, and no message waits longer than a second."""


def known(history: History, template: str, deadline: Deadline) -> Shapes:
    """The shapes of the template's logs in the last runs that passed; none where nobody can tell. Never raises."""
    name = _name(history.series, template)
    try:
        value = history.store.ask(deadline, lambda store: store.get(name), longest=_PATIENCE)
    except StoreFailure:
        return Shapes()
    return Shapes.load(value.data) if value is not None else Shapes()


def keep(history: History, template: str, shapes: Shapes, deadline: Deadline) -> None:
    """Add those of one more run that passed, whoever else adds theirs at the same time. Raises StoreFailure."""
    name = _name(history.series, template)

    def add(store: Store) -> None:
        value = store.get(name)
        before = Shapes.load(value.data) if value is not None else Shapes()
        data = before.merge(shapes).dump()
        done = store.put_if_unchanged(name, data, value.version) if value else store.put_if_absent(name, data)
        if not done:
            raise Retryable("another run ends at the same time", reason="server")

    history.store.ask(deadline, add)


def _name(series: str, template: str) -> str:
    """A name that people recognise, and no other template of any series has."""
    slug = _SLUG.sub("-", f"{series}-{template}").strip("-")[-60:].strip("-")
    key = f"{series}\\0{template}".encode("utf-8", "replace")
    return f"shapes.{slug}.{hashlib.sha256(key).hexdigest()[:16]}"

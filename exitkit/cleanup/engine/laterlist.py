"""The list of a second run, which must not take the place of the first one's: its own object, once there is something to list."""

import os
from collections.abc import Callable

from exitkit.clients.appendfile import Sink
from exitkit.context import Context


class LaterList:
    """Opened with the first line, so that a second run which finds nothing writes nothing."""

    def __init__(self, opened: Callable[[], Sink]) -> None:
        self._open = opened
        self._sink: Sink | None = None

    @property
    def unopened(self) -> bool:
        return self._sink is None

    def write(self, data: bytes) -> None:
        if self._sink is None:
            self._sink = self._open()
        self._sink.write(data)

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()


def is_first(context: Context) -> bool:
    """Whether no earlier run of this step has begun its list, as far as the store knows."""
    if context.state is None:
        return True
    from exitkit.store.bounded import StoreFailure
    from exitkit.store.receipt import Receipt, encode, name_of

    name = name_of(context.delivery)
    data = encode(Receipt("confirmed", context.deadline.clock.time(), {"list": True}), context.delivery)
    try:
        return bool(context.state.ask(context.deadline, lambda store: store.put_if_absent(name, data)))
    except StoreFailure:  # then it is as it was without a store
        return True


def beside(url: str) -> str:
    """A name of its own beside the first one's: `deleted.ndjson.gz` becomes `deleted-3fa2c1.ndjson.gz`."""
    folder, slash, name = url.rpartition("/")
    stem, dot, ends = name.partition(".")
    return f"{folder}{slash}{stem}-{os.urandom(3).hex()}{dot}{ends}"

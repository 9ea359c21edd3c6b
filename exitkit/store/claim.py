"""Receipts: what a run is about to do, and what came of it, so that what has been done is not done again.

The intent is written before the first byte, where there is no receipt yet, which makes one of two runs the first; the
verdict after it. A run that is at it says so again every few seconds. One that is killed falls silent, and another takes
over, which knows then that it may have arrived.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import replace

from exitkit.errors import AnotherEnd, Unknown
from exitkit.retry.clock import Deadline
from exitkit.store import owner as owners
from exitkit.store.bounded import BoundedStore, StoreFailure
from exitkit.store.receipt import Receipt, Stage, Unreadable, decode, encode, name_of

_LEASE = 10.0
"""Seconds of silence after which a run that holds a receipt is taken for killed, by the clock of whoever waits."""
_SIGN = 3.0  # seconds between two signs of life
_LOOK, _LONGEST_LOOK = 0.2, 2.0  # seconds between two looks at whether another run is through


class Claim:
    """One run's right to a delivery, and what earlier runs came to.

    `receipt` is the last that they left, or None; `odd` says that something stood there which was none, so that an
    earlier run may have delivered. `notes` tell what cannot be promised. It raises nothing where the store fails.
    `began` is when the workflow began, where that tells two of its ends apart.
    """

    def __init__(self, store: BoundedStore, deadline: Deadline, delivery: str, began: str = "") -> None:
        self.receipt: Receipt | None = None
        self.odd = False
        self.notes: list[str] = []
        self._store, self._deadline, self._delivery, self._began = store, deadline, delivery, began
        self._name = name_of(delivery)
        self._lock = threading.Lock()
        self._version = ""
        self._now: Receipt | None = None
        self._kept_off = False
        self._over = threading.Event()

    def take(self, patience: float) -> None:
        """Become the one who delivers, once another run that is at it is through, or has been silent for long enough.

        Raises Unknown where it is still at it after so many seconds, and AnotherEnd where an earlier end has this receipt.
        """
        self._now = self._mine(Receipt("intent", self._deadline.clock.time(), began=self._began))
        try:
            self._take(patience)
        except StoreFailure as failure:
            self._note(f"no receipt kept, so another run may deliver again: {failure}")
            self._look()
        if self._store.lacks:
            self._note(f"{self._store.where}: {self._store.lacks}")
        if self._version:
            self._deadline.clock.spawn(self._give_signs, "exitkit-receipt")

    def write(self, stage: Stage, facts: Mapping[str, object], *, over: bool = False) -> None:
        """Say how far it has come, and with `over` that this run is through with it."""
        receipt = Receipt(stage, self._deadline.clock.time(), facts, began=self._began)
        with self._lock:
            if over:
                self._over.set()
            if self._kept_off:
                return
            self._now = receipt if over else self._mine(receipt)
            try:
                data = encode(self._now, self._delivery)
                self._version = self._store.overwrite(self._deadline, self._name, data, self._version)
            except StoreFailure as failure:
                self._note(f"no receipt kept, so another run may deliver again: {failure}")

    def release(self) -> None:
        """Say no more signs of life."""
        self._over.set()

    def _take(self, patience: float) -> None:
        clock = self._deadline.clock
        until, seen, since, look = clock.monotonic() + patience, "", clock.monotonic(), _LOOK
        lease = min(_LEASE, max(2 * _SIGN, patience * 0.8))  # so that it ends before the patience does
        while True:
            assert self._now is not None
            data = encode(self._now, self._delivery)
            if not seen and (version := self._put(data, "")):
                self.receipt, self._version = None, version
                return
            value = self._store.get(self._deadline, self._name)
            if value is None:
                seen = ""
                continue
            if value.data == data:  # ours, whose confirmation was lost
                self._version = value.version
                return
            if value.version != seen:
                seen, since = value.version, clock.monotonic()
            there = decode(value.data, self._delivery)
            if self._is_settled(there):
                return
            if self._is_free(there, silent=clock.monotonic() - since >= lease):
                earlier = there if isinstance(there, Receipt) else None
                self._began = self._began or (earlier.began if earlier else "")
                mine = replace(self._now, facts=earlier.facts if earlier else {}, began=self._began)
                if version := self._put(encode(mine, self._delivery), value.version):
                    self.receipt, self._now, self._version = earlier, mine, version
                    self._say_odd(there)
                    return
                continue
            if clock.monotonic() >= until or not self._deadline.pause(look):
                raise Unknown("another run is delivering this at the moment, and has not said how it ended")
            look = min(look * 1.5, _LONGEST_LOOK)

    def _put(self, data: bytes, version: str) -> str:
        name = self._name
        if version:
            return self._store.ask(self._deadline, lambda store: store.put_if_unchanged(name, data, version))
        return self._store.ask(self._deadline, lambda store: store.put_if_absent(name, data))

    def _is_settled(self, there: Receipt | Unreadable) -> bool:
        """Whether there is nothing to take: it has been delivered, or what stands there must stay."""
        if isinstance(there, Receipt):
            self._check_end(there)
            self.receipt = there
            return there.stage == "confirmed"
        if there.keep:
            self._kept_off = True
            self._say_odd(there)
        return there.keep

    def _check_end(self, there: Receipt) -> None:
        if self._began and there.began and there.began != self._began:
            raise AnotherEnd

    def _is_free(self, there: Receipt | Unreadable, *, silent: bool) -> bool:
        return silent or not isinstance(there, Receipt) or not there.owner or owners.is_gone(there.owner)

    def _say_odd(self, there: Receipt | Unreadable) -> None:
        if isinstance(there, Unreadable):
            self.odd = True
            self._note(f"{there.why}, so this may be a second delivery")

    def _look(self) -> None:
        """Where nothing can be written, at least do not do again what is said to have been done."""
        try:
            value = self._store.get(self._deadline, self._name)
        except StoreFailure:
            return
        there = decode(value.data, self._delivery) if value is not None else None
        if isinstance(there, Receipt):
            self._check_end(there)
            self.receipt = there
        elif there is not None:
            self._say_odd(there)

    def _give_signs(self) -> None:
        """Say every few seconds that this run is still at it."""
        while not self._deadline.clock.wait(self._over, _SIGN):
            with self._lock:
                if self._over.is_set() or self._now is None or self._store.half_spent or not self._deadline.remaining():
                    return
                now = self._mine(self._now)
                data, known = encode(now, self._delivery), self._version
                try:
                    version = self._put(data, known)
                except StoreFailure:
                    continue
                if not version:  # another took this run for dead
                    return
                self._now, self._version = now, version

    def _mine(self, receipt: Receipt) -> Receipt:
        return replace(receipt, owner=owners.this_process(), sign=os.urandom(6).hex())

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

"""What every target shares: batches by bytes and count, each tried again by itself, and a count that adds up."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from exitkit.action import Action, Result
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Skip
from exitkit.records import Record, status_records
from exitkit.units import human_size

# Reasons for refusals come from the target; a hostile one could send a new text each time.
_MOST_REASONS = 5


@dataclass(frozen=True)
class Batch:
    """Records and, in the same order, what the target encoded them to."""

    records: tuple[Record, ...]
    encoded: tuple[bytes, ...]


@dataclass(frozen=True)
class Answer:
    """What the target said of a batch: how many it took, had already, and refused for good.

    `rejected` has a reason for each that it refused. All three together are the batch's records.
    """

    accepted: int = 0
    duplicate: int = 0
    rejected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Post = Callable[[Batch], Answer]
"""Sends one batch, once. Raises Retryable where all of it should be sent again."""


class Ship(Action):
    """A target. It encodes records and posts batches of them, within its limits."""

    most_bytes: ClassVar[int] = 1 << 20
    """Encoded bytes of a batch, as far as the target documents a limit."""

    most_records: ClassVar[int] = 1000

    @abstractmethod
    def target(self) -> str:
        """Where it goes, for people and without a secret: `Loki at logs.example`."""

    @abstractmethod
    def encode(self, record: Record) -> bytes:
        """The record in the target's form, with what separates it from the next."""

    @abstractmethod
    def open(self, context: Context) -> AbstractContextManager[Post]:
        """What posts the batches of one run, and is closed after the last one.

        A target that keeps nothing open gives `nullcontext(post)`.
        """

    def records(self, context: Context) -> Iterator[Record]:
        """What is shipped: how the workflow ended, then its failures."""
        return status_records(context.workflow, context.deadline.clock.time())

    def is_safe_to_resend(self) -> bool:
        """Whether the target takes a second arrival of a batch for the first."""
        return False

    def run(self, context: Context) -> Result:
        shipment = _Shipment(self, context)
        return shipment.rehearse() if context.dry_run else shipment.ship()


class _Shipment:
    """One run under way: read = accepted + duplicate + rejected + left, at any moment."""

    def __init__(self, target: Ship, context: Context) -> None:
        self.target, self.context = target, context
        self.read = self.accepted = self.duplicate = self.rejected = self.bytes = self.batches = 0
        self.at_end = False
        self.reasons: Counter[str] = Counter()
        self.notes: list[str] = []

    @property
    def left(self) -> int:
        return self.read - self.accepted - self.duplicate - self.rejected

    def rehearse(self) -> Result:
        """Read all, and say what would be shipped."""
        kinds: Counter[str] = Counter()
        example: dict[str, object] = {}
        for batch in self._batches():
            self._check_time()
            self.bytes += sum(map(len, batch.encoded))
            kinds.update(one.kind for one in batch.records)
            example = example or batch.records[0].to_json()
        self._check_read()
        summary = f"would ship {_records(self.read)} ({human_size(self.bytes)}) to {self.target.target()}"
        facts = {"read": self.read, "rejected": self.rejected, "bytes": self.bytes, "kinds": dict(kinds)}
        return Result(summary, {**facts, "example": example}, self._told_reasons())

    def ship(self) -> Result:
        try:
            with self.target.open(self.context) as post:
                for batch in self._batches():
                    self._check_time()
                    self._post(batch, post)
            self._check_read()
            self._check_answers()
        except ActionError as error:
            raise self._with_counts(error) from error.__cause__
        return Result(self._summary(), self._facts(), tuple(self.notes), duplicate=self.accepted == 0)

    def _batches(self) -> Iterator[Batch]:
        records: list[Record] = []
        encoded: list[bytes] = []
        size = 0
        for record in self.target.records(self.context):
            self.read += 1
            one = self.target.encode(record)
            if len(one) > self.target.most_bytes:
                self._reject(f"a record of {human_size(len(one))} is larger than {human_size(self.target.most_bytes)}")
                continue
            if records and (size + len(one) > self.target.most_bytes or len(records) >= self.target.most_records):
                yield Batch(tuple(records), tuple(encoded))
                records, encoded, size = [], [], 0
            records.append(record)
            encoded.append(one)
            size += len(one)
        self.at_end = True
        if records:
            yield Batch(tuple(records), tuple(encoded))

    def _post(self, batch: Batch, post: Post) -> None:
        answer = self.context.retry(lambda: post(batch), safe=self.target.is_safe_to_resend())
        self.batches += 1
        self.bytes += sum(map(len, batch.encoded))
        self.accepted += answer.accepted
        self.duplicate += answer.duplicate
        for reason in answer.rejected:
            self._reject(reason)
        self.notes += [note for note in answer.notes if note not in self.notes]

    def _reject(self, reason: str) -> None:
        self.rejected += 1
        self.reasons[reason if reason in self.reasons or len(self.reasons) < _MOST_REASONS else "other"] += 1

    def _check_time(self) -> None:
        if self.context.deadline.remaining() <= 0:
            raise Exhausted("no time left to ship the next batch", reason="timeout", tries=0)

    def _check_read(self) -> None:
        if self.read == 0:
            raise Skip("there is nothing to ship")

    def _check_answers(self) -> None:
        if self.rejected:
            told = "; ".join(self._told_reasons())
            raise ActionError(f"{self.target.target()} refused {_records(self.rejected)}: {told}", reason="client")
        if self.left:
            raise ActionError(f"{self.target.target()} gave no verdict on {_records(self.left)}", reason="server")

    def _told_reasons(self) -> tuple[str, ...]:
        return tuple(f"{reason} ({count} times)" if count > 1 else reason for reason, count in self.reasons.items())

    def _with_counts(self, error: ActionError) -> ActionError:
        """The same error, which then also tells what arrived and what did not."""
        error.facts = {**error.facts, **self._facts()}
        if self.left:
            rest = "" if self.at_end else ", and the rest was not read"
            error.args = (f"{error}; {self.left} of {_records(self.read)} left{rest}",)
        return error

    def _summary(self) -> str:
        if self.accepted == 0:
            return f"nothing new: {self.target.target()} has {_records(self.read)} already"
        known = f"; {self.duplicate} were there already" if self.duplicate else ""
        return f"shipped {_records(self.accepted)} to {self.target.target()}{known}"

    def _facts(self) -> dict[str, object]:
        return {
            "target": self.target.target(),
            "read": self.read,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "left": self.left,
            "bytes": self.bytes,
            "batches": self.batches,
            "complete": self.at_end and self.left == 0 and self.rejected == 0,
        }


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"

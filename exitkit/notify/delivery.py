"""Deliver once: with a receipt, with the channel's own memory, or honestly not knowing."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from exitkit.action import Result
from exitkit.context import Context
from exitkit.errors import ActionError, Unknown
from exitkit.receipts import Claim, Receipt, Stage

_LOOK = 0.2
"""Seconds between two looks at whether another run is through."""


@runtime_checkable
class PartialDelivery(Protocol):
    """A delivery to several, some of whom may have it while others have not."""

    def achieved(self) -> tuple[Mapping[str, object], tuple[str, ...]]:
        """Facts and notes of who has it by now; no facts where nobody has."""
        ...

    def missing(self) -> list[str]:
        """Who has it not, or may not have it."""
        ...

    def resume(self, facts: Mapping[str, object]) -> None:
        """Leave out who has it by the facts that an earlier run achieved."""
        ...


def deliver(
    context: Context,
    send: Callable[[], Result],
    *,
    safe: bool = False,
    find: Callable[[], Result | None] | None = None,
    part: PartialDelivery | None = None,
) -> Result:
    """Send, unless it has been sent for the same end of the same workflow before.

    `safe` says that the channel takes a second arrival for the first. `find` asks the channel whether
    it has arrived, and is called only where that is in doubt; it returns what it found, or None. `part` tells
    who has it where not all have: it stands in the error and in the receipt, so that a second run leaves them alone.

    Raises Unknown if an earlier run may have delivered it and nobody can tell, and what `send` raises.
    """
    return _Delivery(context, send, safe=safe, find=find, part=part).run()


class _Delivery:
    def __init__(
        self,
        context: Context,
        send: Callable[[], Result],
        *,
        safe: bool,
        find: Callable[[], Result | None] | None,
        part: PartialDelivery | None,
    ) -> None:
        self.context, self.send, self.safe, self.find, self.part = context, send, safe, find, part
        self.doubts = 0  # tries that may have arrived, of this run and of those before
        self.notes: list[str] = []

    def run(self) -> Result:
        claim = self._claim()
        try:
            return self._deliver(claim.receipt)
        except ActionError as error:
            error.notes = (*error.notes, *(note for note in self.notes if note not in error.notes))
            raise
        finally:
            claim.release()

    def _deliver(self, receipt: Receipt | None) -> Result:
        resend = self.context.retry.terms.resend
        if receipt is not None and receipt.stage == "confirmed":
            return Result("already delivered by an earlier run", facts=receipt.facts, duplicate=True)
        if receipt is not None and self.part is not None:
            self.part.resume(receipt.facts)
        if receipt is not None and not (receipt.stage == "partly" and self.part is not None):
            self.doubts = 1
            if not (self.safe or self.find or resend):
                raise Unknown("an earlier run may have delivered this; with retry.resend it would be sent again")
        doubted = self.doubts
        self._write("intent", self._achieved())
        try:
            result = self.context.retry(self._attempt, safe=self.safe or self.find is not None)
        except ActionError as error:
            self._keep(error)
            raise
        self._write("confirmed", result.facts)
        if self.doubts > 1 and not (self.safe or self.find):
            who = "an earlier run" if doubted else "an earlier try"
            self.notes.append(f"{who} may have arrived as well, so it may be there twice; retry.resend asks for that")
        return Result(result.summary, result.facts, (*result.notes, *self.notes), duplicate=result.duplicate)

    def _claim(self) -> Claim:
        """The delivery for this run, once another run that has it at the moment is through with it.

        Raises Unknown if that takes longer than such a delivery should.
        """
        deadline, clock = self.context.deadline, self.context.deadline.clock
        longest = min(deadline.remaining() / 2, 2 * self.context.retry.terms.attempt_timeout)
        until = clock.monotonic() + longest
        while True:
            claims: list[Claim | None] = []
            self._note(lambda: claims.append(self.context.state.claim(self.context.delivery)))  # noqa: B023 - called at once
            claim = claims[0] if claims else Claim()
            if claim is not None:
                self.notes += [claim.note] if claim.note else []
                return claim
            if clock.monotonic() >= until or not deadline.pause(_LOOK):
                raise Unknown("another run is delivering this at the moment, and has not said how it ended")

    def _attempt(self) -> Result:
        if self.doubts and self.find is not None and (found := self.find()) is not None:
            return found
        self.doubts += 1  # also when this attempt is abandoned half-way
        try:
            return self.send()
        except Unknown:
            raise
        except ActionError:
            self.doubts -= 1
            if self._achieved():  # so that it is known even if nobody lives to see the end
                self._write("intent" if self.doubts else "partly", self._achieved())
            raise

    def _achieved(self) -> Mapping[str, object]:
        return self.part.achieved()[0] if self.part is not None else {}

    def _keep(self, error: ActionError) -> None:
        """What was achieved all the same, told with the error and kept for a later run."""
        facts, notes = self.part.achieved() if self.part is not None else ({}, ())
        if facts and self.part is not None:  # a fallback repeats this, for those who have it not
            error.args = (f"for {', '.join(self.part.missing())}: {error}",)
        error.facts = {**facts, **error.facts}
        error.notes = (*error.notes, *(note for note in notes if note not in error.notes))
        in_doubt = self.doubts > 0 or isinstance(error, Unknown)
        if facts:
            self._write("intent" if in_doubt else "partly", facts)
        elif not in_doubt:  # nothing has arrived, so a later run may try again
            self._note(lambda: self.context.state.forget(self.context.delivery))

    def _write(self, stage: Stage, facts: Mapping[str, object]) -> None:
        receipt = Receipt(stage, self.context.deadline.clock.time(), facts)
        self._note(lambda: self.context.state.write(self.context.delivery, receipt))

    def _note(self, step: Callable[[], None]) -> None:
        """A memory that fails must not stop the delivery; it is told once."""
        try:
            step()
        except Exception as error:  # whatever it is, the delivery matters more
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            note = f"no receipt kept, so another run may deliver again: {why}"
            if note not in self.notes:
                self.notes.append(note)

"""Deliver once: with a receipt, with the channel's own memory, or honestly not knowing."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from exitkit.action import Result
from exitkit.context import Context
from exitkit.errors import ActionError, Unknown

if TYPE_CHECKING:
    from exitkit.store.claim import Claim
    from exitkit.store.receipt import Receipt, Stage

_HELD = "an earlier run may have delivered this; with retry.resend it would be sent again"


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


def deliver(  # noqa: PLR0913 - what a delivery is made of, by name
    context: Context,
    send: Callable[[], Result],
    *,
    safe: bool = False,
    find: Callable[[], Result | None] | None = None,
    part: PartialDelivery | None = None,
    again: bool = False,
    flag: Callable[[], None] = lambda: None,
) -> Result:
    """Send, unless it has been sent for the same end of the same workflow before.

    `safe` says that the channel takes a second arrival for the first. `find` asks the channel whether
    it has arrived, and is called only where that is in doubt; it returns what it found, or None. `part` tells
    who has it where not all have: it stands in the error and in the receipt, so that a second run leaves them alone.
    `again` says that what an earlier run may have delivered is sent again, where nobody can tell and `retry.resend`
    says nothing; `flag` is called before what is sent may be a second copy.

    Raises Unknown if an earlier run may have delivered it, nobody can tell and it is held, AnotherEnd if the workflow was
    retried and only its beginning tells, and what `send` raises.
    """
    return _Delivery(context, send, safe=safe, find=find, part=part, again=again, flag=flag).run()


class _Delivery:
    def __init__(  # noqa: PLR0913 - as above
        self,
        context: Context,
        send: Callable[[], Result],
        *,
        safe: bool,
        find: Callable[[], Result | None] | None,
        part: PartialDelivery | None,
        again: bool,
        flag: Callable[[], None],
    ) -> None:
        self.context, self.send, self.safe, self.find, self.part = context, send, safe, find, part
        terms = context.retry.terms
        self.resend = again if terms.resend is None else terms.resend
        self.flag = flag
        self.doubts = 0  # tries that may have arrived, of this run and of those before
        self.claim = _claim(context)
        self.notes: list[str] = []

    def run(self) -> Result:
        try:
            if self.claim is not None:
                terms, left = self.context.retry.terms, self.context.deadline.remaining()
                self.claim.take(min(left / 2, 2 * terms.attempt_timeout))
            result = self._deliver(self.claim.receipt if self.claim is not None else None)
        except ActionError as error:
            error.notes = (*error.notes, *(note for note in self._all_notes() if note not in error.notes))
            raise
        finally:
            if self.claim is not None:
                self.claim.release()
        return Result(result.summary, result.facts, (*result.notes, *self._all_notes()), duplicate=result.duplicate)

    def _deliver(self, receipt: "Receipt | None") -> Result:
        if receipt is not None and receipt.stage == "confirmed":
            return Result("already delivered by an earlier run", facts=receipt.facts, duplicate=True)
        if receipt is not None and self.part is not None:
            self.part.resume(receipt.facts)
        self._doubt(receipt)
        doubted = self.doubts
        try:
            result = self.context.retry(self._attempt, safe=self.safe or self.find is not None)
        except ActionError as error:
            self._keep(error)
            raise
        self._write("confirmed", result.facts, over=True)
        told = self.claim is not None and self.claim.odd
        if self.doubts > 1 and not (self.safe or self.find or told):
            who = "an earlier run" if doubted else "an earlier try"
            self.notes.append(f"{who} may have arrived as well, so it may be there twice; see retry.resend")
        return result

    def _doubt(self, receipt: "Receipt | None") -> None:
        """Whether an earlier run may have delivered it. Raises Unknown where it then is not to be sent."""
        partly = receipt is not None and receipt.stage == "partly" and self.part is not None
        if self.claim is not None and self.claim.odd:
            self.doubts = 1  # nothing says that it was delivered, so that it is not held
        elif receipt is None or receipt.stage == "failed" or partly:
            return
        elif not (self.safe or self.find or self.resend):
            self._write("intent", self._achieved(), over=True)
            raise Unknown(_HELD)
        self.doubts = 1

    def _attempt(self) -> Result:
        if self.doubts and self.find is not None and (found := self.find()) is not None:
            return found
        if self.doubts and not (self.safe or self.find):
            self.flag()
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
        # Where nothing has arrived a later run may try again.
        self._write("intent" if in_doubt else "partly" if facts else "failed", facts, over=True)

    def _write(self, stage: "Stage", facts: Mapping[str, object], *, over: bool = False) -> None:
        if self.claim is not None:
            self.claim.write(stage, facts, over=over)

    def _all_notes(self) -> list[str]:
        kept = self.claim.notes if self.claim is not None else []
        return list(dict.fromkeys([*self.notes, *kept]))


def _claim(context: Context) -> "Claim | None":
    """What makes one of two runs the first; nothing is loaded for it where there is no store."""
    if context.state is None:
        return None
    from exitkit.store.claim import Claim

    return Claim(context.state, context.deadline, context.delivery, context.beginning)

"""Objects of one kind deleted by name and uid, and watched until they are gone."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from exitkit.cleanup.engine.deletion import DeletionOutcome
from exitkit.clients.deletion import Refusal
from exitkit.clients.http import Response, is_doubtful, verdict
from exitkit.clients.kubernetes import Kube, ObjectMetadata, Resource, told
from exitkit.clients.kubernetes.listing import listed
from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.retry import Retry, parse_retry_after
from exitkit.retry.throttle import Throttle, throttled
from exitkit.retry.workers import Workers

_AT_A_TIME = 8  # requests; the API server has some hundreds of places for everybody
_LOOK, _LONGEST_LOOK = 0.5, 5.0  # seconds between two looks at what is still there, the first and the longest

# https://kubernetes.io/docs/concepts/architecture/garbage-collection/#foreground-deletion
_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"


@dataclass(frozen=True)
class _End:
    """What became of one: it goes, was gone already, or stays for a reason.

    `is_failure` says that nothing was answered for good, and `is_doubtful` that it may go all the same.
    """

    victim: ObjectMetadata
    is_gone: bool = False
    refusal: str = ""
    is_failure: bool = False
    is_doubtful: bool = False


@dataclass
class KindDeletion:
    """How objects of one kind go: `options` are those of a deletion, `labels` the selector they were found by.

    `wait` is how many seconds at most they are watched until they are gone; 0 is not at all.
    """

    kube: Kube
    retry: Retry
    resource: Resource
    namespace: str
    labels: str
    options: Mapping[str, Any]
    wait: float
    throttle: Throttle
    _asked: set[str] = field(default_factory=set, init=False)  # uids of what was asked to go before
    _failures: int = field(default=0, init=False)  # how many in a row were not answered
    _hopeless: str = field(default="", init=False)  # why no more are asked to go

    def remove(self, victims: Sequence[ObjectMetadata]) -> DeletionOutcome:
        """Delete them, the failed ones again, and wait. Never raises ActionError: what stays has its reason."""
        workers: Workers[_End] = Workers(_AT_A_TIME, self.retry.deadline.clock, "exitkit-kube")
        ends: list[_End] = []
        waiting = deque(victims)
        while waiting and not self._hopeless:
            if workers.full:
                ends.append(self._ended(workers.take()))
            else:
                workers.start(partial(self._one, waiting.popleft()))
        ends.extend(self._ended(end) for end in workers.rest())
        known, unknown = self._looked_again(ends)
        gone = [end.victim.name for end in known if end.is_gone]
        refused = [Refusal(end.victim.name, end.refusal) for end in known if end.refusal]
        refused += [Refusal(victim.name, f"not asked to go: {self._hopeless}") for victim in waiting]
        if self.wait:
            refused += self._watch([end.victim for end in known if not (end.is_gone or end.refusal)])
        return DeletionOutcome(gone=gone, refused=refused, unknown=unknown)

    def _looked_again(self, ends: Sequence["_End"]) -> "tuple[list[_End], list[str]]":
        """The same, with what became of those that gave no answer; the names of those of which nobody knows it."""
        doubtful = [end.victim for end in ends if end.is_doubtful]
        known = [end for end in ends if not end.is_doubtful]
        try:
            staying = self.staying(doubtful)
        except ActionError:
            return known, [victim.name for victim in doubtful]
        told = "no answer, and still there"
        known += [_End(victim, refusal=told if victim.name in staying else "") for victim in doubtful]
        return known, []

    def staying(self, victims: Sequence[ObjectMetadata]) -> set[str]:
        """The names of those that are there and are not about to go. Raises ActionError."""
        still = self._still({victim.uid: victim for victim in victims})
        return {victim.name for victim in still.values() if not victim.terminating}

    def _ended(self, end: "_End") -> "_End":
        """Where nobody answers, or no time is left, it is no use to ask for the rest."""
        self._failures = self._failures + 1 if end.is_failure else 0
        if self._failures >= _AT_A_TIME or self.retry.deadline.remaining() <= 0:
            self._hopeless = end.refusal or "no time left"
        return end

    def _why(self, error: ActionError) -> str:
        return "no time left" if self.retry.deadline.remaining() <= 0 else str(error)

    def _one(self, victim: ObjectMetadata) -> "_End":
        """Ask for one of them to go."""

        def request() -> bool:
            again = victim.uid in self._asked
            self._asked.add(victim.uid)
            return self._is_gone(victim, again=again)

        try:
            return _End(victim, is_gone=throttled(self.retry, self.throttle, request))
        except Unknown as error:
            return _End(victim, refusal=self._why(error), is_failure=True, is_doubtful=True)
        except Exhausted as error:  # its cause is what was answered, without the number of tries
            why = error.__cause__ if isinstance(error.__cause__, Retryable) else error
            return _End(victim, refusal=str(why), is_failure=True)
        except ActionError as error:
            return _End(victim, refusal=str(error))

    def _is_gone(self, victim: ObjectMetadata, *, again: bool) -> bool:
        """Whether it was gone already; else it goes. Raises Retryable, Unknown and ActionError."""
        # With the uid, an object of the same name that came after it stays.
        options = {**self.options, "preconditions": {"uid": victim.uid}}
        response = self.kube.delete(self.resource, self.namespace, victim.name, options)
        if response.status == 404:
            return not again  # an earlier try may be what took it away
        if response.status == 409:
            return self._conflict(victim, again=again)
        kind, reason, later = verdict(response.status, idempotent=True)
        if kind is None:
            return False
        why = self._reason(response, victim)
        if kind is Retryable:
            now = self.retry.deadline.clock.time()
            after = parse_retry_after(response.headers.get("retry-after"), now)
            raise Retryable(why, reason=reason, after=after, later=later, doubt=is_doubtful(response))
        raise ActionError(why, reason=reason)

    def _conflict(self, victim: ObjectMetadata, *, again: bool) -> bool:
        """409 says that another object has the name by now, or that this one changed at the same moment."""
        page = self.kube.page(self.resource, self.namespace, {"fieldSelector": f"metadata.name={victim.name}"})
        if any(one.uid == victim.uid for one in page.objects):
            raise Retryable("it was changed at the same moment", reason="server")
        return not again

    def _reason(self, response: Response, victim: ObjectMetadata) -> str:
        """Without the object's name, so that the same reasons are counted together."""
        if response.status == 403 and "cannot delete resource" in told(response):
            return f"forbidden: the service account may not delete {self.resource.label} in {self.namespace}"
        said = told(response).replace(f'"{victim.name}"', "it")
        return f"{response.status}: {said}" if said else f"status {response.status}"

    def _watch(self, victims: Sequence[ObjectMetadata]) -> list[Refusal]:
        """Look until all are gone or the wait is over; why those stayed that did."""
        left = {one.uid: one for one in victims}
        deadline, seconds = self.retry.deadline, _LOOK
        end, began = deadline.within(self.wait), deadline.clock.monotonic()
        try:
            while left := self._still(left):
                room = end.remaining()
                if room <= 0 or not deadline.pause(min(seconds, room)):
                    break
                seconds = min(_LONGEST_LOOK, seconds * 1.5)
        except ActionError as error:
            why = f"asked to go, and not known to be gone: {self._why(error)}"
            return [Refusal(one.name, why) for one in left.values()]
        waited = f"still there after {deadline.clock.monotonic() - began:.0f} s"
        return [Refusal(one.name, f"{waited}: {_holder(one)}") for one in left.values()]

    def _still(self, waited: Mapping[str, ObjectMetadata]) -> dict[str, ObjectMetadata]:
        """Those that are there, as they are now; found by their labels alone, because their fields change."""
        if not waited:
            return {}
        pages = listed(self.kube, self.retry, self.resource, self.namespace, {"labelSelector": self.labels})
        return {one.uid: one for page in pages for one in page if one.uid in waited}


def _holder(one: ObjectMetadata) -> str:
    """What keeps an object that was asked to go."""
    others = sorted({*one.finalizers} - {_FOREGROUND, _ORPHAN})
    if others:
        return f"held by the finalizer {', '.join(others)}"
    if _FOREGROUND in one.finalizers:
        return "what it owns is not gone"
    if _ORPHAN in one.finalizers:
        return "what it owns is not set free"
    return "it takes its time to end" if one.terminating else "it is not about to go"

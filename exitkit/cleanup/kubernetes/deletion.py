"""Objects of one kind deleted by name and uid, and watched until they are gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from exitkit.cleanup.engine.deletion import DeletionOutcome, delete_all
from exitkit.clients.deletion import PartialResult, Refusal
from exitkit.clients.http import Response, is_doubtful, verdict
from exitkit.clients.kubernetes import Kube, ObjectMetadata, Resource, told
from exitkit.clients.kubernetes.listing import listed
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.retry import Retry, parse_retry_after
from exitkit.retry.workers import Workers

_AT_A_TIME = 8  # requests; the API server has some hundreds of places for everybody
_ATTEMPT = 64  # deletions of one attempt: at 8 at a time and 1.5 s each they fit into its 15 s
_LOOK, _LONGEST_LOOK = 0.5, 5.0  # seconds between two looks at what is still there, the first and the longest

# https://kubernetes.io/docs/concepts/architecture/garbage-collection/#foreground-deletion
_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"


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
    _asked: set[str] = field(default_factory=set, init=False)  # uids of what was asked to go before

    def remove(self, victims: Sequence[ObjectMetadata]) -> DeletionOutcome:
        """Delete them, the failed ones again, and wait. Never raises ActionError: what stays has its reason."""
        gone: list[str] = []
        refused: list[Refusal] = []
        unknown: list[str] = []
        for begin in range(0, len(victims), _ATTEMPT):
            part = victims[begin : begin + _ATTEMPT]
            try:
                done = delete_all(self.retry, part, lambda one: one.name, self._once)
            except ActionError as error:  # nobody answers, or no time is left: no use in asking for the rest
                why = self._why(error)
                if isinstance(error, Unknown):
                    unknown += [one.name for one in part]
                else:
                    refused += [Refusal(one.name, f"not known to be gone: {why}") for one in part]
                refused += [Refusal(one.name, f"not asked to go: {why}") for one in victims[begin + _ATTEMPT :]]
                break
            gone.extend(done.gone)
            refused.extend(done.refused)
            unknown.extend(done.unknown)
        stayed = {*gone, *unknown, *(one.name for one in refused)}
        if self.wait:
            refused += self._watch([one for one in victims if one.name not in stayed])
        return DeletionOutcome(gone=gone, refused=refused, unknown=unknown)

    def _why(self, error: ActionError) -> str:
        return "no time left" if self.retry.deadline.remaining() <= 0 else str(error)

    def _once(self, victims: Sequence[ObjectMetadata]) -> PartialResult[ObjectMetadata]:
        """One request for each, some at a time."""
        workers: Workers[tuple[ObjectMetadata, str | Refusal | Retryable | None]] = Workers(
            _AT_A_TIME, self.retry.deadline.clock, "exitkit-kube"
        )
        ended = []
        for victim in victims:
            if workers.full:
                ended.append(workers.take())
            workers.start(partial(self._one, victim))
        ended.extend(workers.rest())
        later = {victim: end for victim, end in ended if isinstance(end, Retryable)}
        return PartialResult(
            gone=[victim.name for victim, end in ended if end == "gone"],
            refused=[end for _, end in ended if isinstance(end, Refusal)],
            later={victim: str(end) for victim, end in later.items()},
            after=max((end.after for end in later.values() if end.after), default=None),
            doubtful=[victim for victim, end in later.items() if end.doubt],
        )

    def _one(self, victim: ObjectMetadata) -> tuple[ObjectMetadata, str | Refusal | Retryable | None]:
        """What became of one of them; None where it goes."""
        again = victim.uid in self._asked
        self._asked.add(victim.uid)
        try:
            return victim, self._answered(victim, again=again)
        except Retryable as error:
            return victim, error
        except ActionError as error:
            return victim, Refusal(victim.name, str(error))

    def _answered(self, victim: ObjectMetadata, *, again: bool) -> str | Refusal | Retryable | None:
        # With the uid, an object of the same name that came after it stays.
        options = {**self.options, "preconditions": {"uid": victim.uid}}
        response = self.kube.delete(self.resource, self.namespace, victim.name, options)
        if response.status == 404:
            return None if again else "gone"  # an earlier try may be what took it away
        if response.status == 409:
            return self._conflict(victim, again=again)
        kind, reason, later = verdict(response.status, idempotent=True)
        if kind is None:
            return None
        why = self._reason(response, victim)
        if kind is Retryable:
            now = self.retry.deadline.clock.time()
            after = parse_retry_after(response.headers.get("retry-after"), now)
            return Retryable(why, reason=reason, after=after, later=later, doubt=is_doubtful(response))
        return Refusal(victim.name, why)

    def _conflict(self, victim: ObjectMetadata, *, again: bool) -> str | Retryable | None:
        """409 says that another object has the name by now, or that this one changed at the same moment."""
        page = self.kube.page(self.resource, self.namespace, {"fieldSelector": f"metadata.name={victim.name}"})
        if any(one.uid == victim.uid for one in page.objects):
            return Retryable("it was changed at the same moment", reason="server")
        return None if again else "gone"

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

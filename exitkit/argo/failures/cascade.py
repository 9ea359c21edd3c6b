"""Which failures another one caused: those whose words or log lines say that they lost somebody who had failed as well."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from exitkit.argo.failures import reason
from exitkit.argo.failures.failure import Failure

_MOST: Final = 2000
"""Failures that are compared; of more nobody reads the order."""

_NEAR: Final = timedelta(seconds=60)
"""How much later the end of who was lost may be written down: its pod waits for its logs and artifacts to be stored."""

_LINES: Final = 3
_LONGEST: Final = 4096  # characters of what a failure says

# That somebody else is not there, or no more.
_LOST = re.compile(
    r"connection (?:was )?(?:refused|reset|closed|aborted|lost|timed ?out)|connect(?:ion|ing)? (?:attempt )?(?:failed|timed ?out)"
    r"|(?:could not|cannot|can't|couldn't|failed to|unable to) (?:be )?(?:connect|reach|resolve)|econn(?:refused|reset|aborted)"
    r"|reset by peer|closed by (?:peer|the remote)|closed connection|closed the connection|broken pipe|no route to host"
    r"|host is unreachable|no such host|name or service not known|temporary failure in name resolution|unexpected eof"
    r"|enotfound|ehostunreach|etimedout|not reachable|unavailable: |statuscode\.unavailable|remote process exited"
    r"|peer (?:rank|process|worker|is)|(?:lost|dead|missing) (?:task|executor|worker|rank|node|peer|connection)|socket closed",
    re.IGNORECASE,
)
# Losing one of the same kind, as ranks of one training do, needs no name: nobody else can be meant.
_LOST_PEER = re.compile(
    r"nccl|gloo|mpi[_ ]|remote process exited|peer (?:rank|process|worker)|(?:lost|dead) (?:executor|worker|rank)"
    r"|rendezvous|horovod|connection (?:was )?(?:reset|closed) by peer",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?")
# A service's name in the cluster, as it stands before its namespace: db.ml, db.ml.svc.cluster.local; api.github.com is none.
_INSIDE = re.compile(r"([a-z0-9-]+)\.(?!(?:com|org|net|io|dev|ai|co|cloud|app)$)[a-z0-9-]+(?:\.svc(?:\.[a-z0-9.-]+)?)?")
_TOO_COMMON = frozenset(
    {"main", "run", "step", "task", "job", "host", "server", "connection", "error", "peer", "remote"}
)


def cascades(failures: Sequence[Failure]) -> frozenset[int]:
    """The places in the list of those that another of them caused: they lost it by its name, or lost a peer of theirs.

    Two that lost each other are both causes, as nobody can tell.
    """
    said = [_words(failure) for failure in failures[:_MOST]]
    lost = [place for place, text in enumerate(said) if text and _LOST.search(text)]
    if not lost:
        return frozenset()
    names = [_names(failure) for failure in failures[:_MOST]]
    after: dict[int, set[int]] = {place: _met(said[place], place, names) for place in lost}
    found = {place for place in lost if any(place not in after.get(other, ()) for other in after[place])}
    alone = [
        failures[place] for place in range(len(said)) if place not in set(lost) and not _is_consequence(failures[place])
    ]
    found |= {place for place in lost if _LOST_PEER.search(said[place]) and _was_near(failures[place], alone)}
    return frozenset(found)


def _words(failure: Failure) -> str:
    lines = (line.text for line in failure.lines[:_LINES] if line.stands_out)
    return "\n".join((failure.termination.detail, *lines))[:_LONGEST]


def _names(failure: Failure) -> frozenset[str]:
    """What others may call it: the step, its template, its pod, and the address that a daemon had."""
    address = failure.node.pod_ip if failure.node else ""
    names = (failure.name, failure.template_name, failure.pod_name, address)
    return frozenset(name.lower() for name in names if len(name) > 1) - _TOO_COMMON


def _met(text: str, own: int, names: Sequence[frozenset[str]]) -> set[int]:
    """The places of those whose names stand in the text, in a host's name or by themselves."""
    words = set(_WORD.findall(text.lower()))
    words |= {host[1] for host in map(_INSIDE.fullmatch, words) if host}
    words -= names[own]
    return {place for place, known in enumerate(names) if place != own and not known.isdisjoint(words)}


def _is_consequence(failure: Failure) -> bool:
    return reason.consequence(failure.termination) > 0


def _was_near(failure: Failure, others: Sequence[Failure]) -> bool:
    """Whether one of its own kind, that lost nobody, had ended by then, or a little later."""
    return any(
        other.template_name == failure.template_name
        and (not (failure.finished_at and other.finished_at) or other.finished_at <= failure.finished_at + _NEAR)
        for other in others
    )

"""Why a node failed, read from the message that Argo's controller gives it.

The messages are those of `inferFailedReason` and its neighbours in workflow/controller (operator.go, exec_control.go,
steps.go); what follows the exit code is the container's own termination message and decides nothing.
"""

import re
from typing import Final, NamedTuple

STOPPED: Final = "stopped"
DEADLINE: Final = "deadline"
POD_DELETED: Final = "pod deleted"
PARENT: Final = "child failed"
"""The node failed because a node below it did, or because its retries are used up."""


class Cause(NamedTuple):
    """What a message says: whose fault, the reason in a word or two, the exit code, and the container's own words."""

    container: str = ""
    reason: str = ""
    exit_code: int | None = None
    detail: str = ""


# "main: Error (exit code 1): text"; up to 3.6 without the container; a runtime may leave the reason empty.
_EXIT = re.compile(
    r"(?:(?P<container>[a-z0-9][-a-z0-9]{0,62}): )?(?P<reason>[A-Za-z]{0,64}) ?\(exit code (?P<code>-?[0-9]{1,10})\)"
    r"(?:: (?P<detail>.*))?",
    re.DOTALL,
)
_NEVER_STARTED = re.compile(
    r"Pod failed before (?P<container>[-a-z0-9]{1,63}) container starts due to (?P<reason>[A-Za-z]{1,64})(?:: (?P<detail>.*))?",
    re.DOTALL,
)
# The reasons for which a kubelet lets a container wait (kubernetes pkg/kubelet/images, kuberuntime).
_WAITING = re.compile(
    r"(?P<reason>ImagePullBackOff|ErrImagePull|ErrImageNeverPull|InvalidImageName|ImageInspectError|RegistryUnavailable"
    r"|CreateContainerConfigError|CreateContainerError|RunContainerError|CrashLoopBackOff|Unschedulable)(?:: (?P<detail>.*))?",
    re.DOTALL,
)
# The whole message; a user's text cannot come before these.
_PARENT = re.compile(
    r"child '[^']{0,512}' (?:failed|errored)|No more retries left|retryStrategy\.expression evaluated to false"
    r"|Max duration limit exceeded|Backoff would exceed max duration limit"
    r"|template has failed or errored children and failFast enabled"
    # A step whose pod could not be made; what follows is that step's own message.
    r"|step group deemed errored due to child .*",
    re.DOTALL,
)
_BEGINNINGS = (
    ("workflow shutdown with strategy:", STOPPED),
    ("Stopped with strategy '", STOPPED),
    ("Pod was active on the node longer than the specified deadline", DEADLINE),
    ("Step exceeded its deadline", DEADLINE),
    ("Step exceeded workflow deadline", DEADLINE),
    ("pod deleted", POD_DELETED),
    # What a kubelet writes into pod.status.message (kubernetes pkg/kubelet/eviction, nodeshutdown).
    ("The node was low on resource:", "Evicted"),
    ("The node had condition:", "Evicted"),
    ("Pod The node had condition:", "Evicted"),
    ("Pod ephemeral local storage usage exceeds", "Evicted"),
    ("Container main exceeded its local ephemeral storage limit", "Evicted"),
    ("Usage of EmptyDir volume", "Evicted"),
    ("Pod was terminated in response to imminent node shutdown", "node shutdown"),
    ("Pod was rejected", "rejected"),
)
_VARIES = re.compile(
    r"0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?=[a-f]*[0-9])[0-9a-f]{7,}\b|[0-9]+", re.IGNORECASE
)


def read(message: str) -> Cause:
    """The cause that a message of Argo's names; an empty one for a message that is not Argo's."""
    for pattern in (_EXIT, _NEVER_STARTED, _WAITING):
        match = pattern.match(message)
        if match:
            found = match.groupdict()
            code = found.get("code")
            return Cause(
                container=found.get("container") or "",
                reason=found["reason"],
                exit_code=int(code) if code is not None else None,
                detail=found["detail"] or "",
            )
    if _PARENT.fullmatch(message.strip()):
        return Cause(reason=PARENT)
    for beginning, reason in _BEGINNINGS:
        if message.startswith(beginning):
            return Cause(reason=reason, detail=message)
    return Cause(detail=message)


def consequence(cause: Cause) -> int:
    """How surely something else came first: 0 a failure of its own, 1 killed from outside, 2 stopped with all others.

    143 and 137 are SIGTERM and SIGKILL; a container over its memory says OOMKilled as well.
    """
    if cause.reason == STOPPED:
        return 2
    killed = cause.exit_code in (137, 143) and cause.reason != "OOMKilled"
    return 1 if killed or cause.reason in (DEADLINE, POD_DELETED, PARENT) else 0


def normalise(message: str) -> str:
    """The message without what differs from pod to pod: numbers, addresses, ids, spaces. The exit code stays."""
    cause = read(message)
    # 4 KiB is the longest termination message that Kubernetes keeps.
    detail = " ".join(_VARIES.sub("#", cause.detail[:4096]).split())
    return f"{cause.container}|{cause.reason}|{cause.exit_code}|{detail}"

"""Why a node failed, read from the message that Argo's controller gives it.

The messages are those of `inferFailedReason` and its neighbours in workflow/controller (operator.go, exec_control.go,
steps.go); what follows the exit code is the container's own termination message and decides nothing.
"""

import re
from typing import Final, NamedTuple

STOPPED: Final = "stopped"
DEADLINE: Final = "deadline"
POD_DELETED: Final = "pod deleted"
CONTAINER_DELETED: Final = "container deleted"
DEPENDENCY: Final = "dependency failed"
"""A container of a containerSet did not begin because another one, which it names, had failed."""
PARENT: Final = "child failed"
"""The node failed because a node below it did, or because its retries are used up."""


class Termination(NamedTuple):
    """How a node ended: whose container, the reason in a word or two, the exit code, and the container's own words."""

    container: str = ""
    reason: str = ""
    exit_code: int | None = None
    detail: str = ""


# "main: Error (exit code 1): text"; up to 3.6 without the container; a runtime may leave the reason empty.
# What the container wrote may begin with a line end, and then no space is left before it.
_EXIT = re.compile(
    r"(?:(?P<container>[a-z0-9][-a-z0-9]{0,62}): )?(?P<reason>[A-Za-z]{0,64}) ?\(exit code (?P<code>-?[0-9]{1,10})\)"
    r"(?::\s(?P<detail>.*))?",
    re.DOTALL,
)
# The emissary of a container that waits for another (cmd/argoexec/commands/emissary.go), which ends with 64.
_DEPENDENCY = re.compile(
    r"(?:(?:(?P<container>[a-z0-9][-a-z0-9]{0,62}): )?(?:[A-Za-z]{0,64}) ?\(exit code (?P<code>-?[0-9]{1,10})\): )?"
    r"(?P<detail>dependency \"[^\"\n]{1,63}\" exited with non-zero code.*)",
    re.DOTALL,
)
_NEVER_STARTED = re.compile(
    r"Pod failed before (?P<container>[-a-z0-9]{1,63}) container starts due to (?P<reason>[A-Za-z]{1,64})(?::\s(?P<detail>.*))?",
    re.DOTALL,
)
# The reasons for which a kubelet lets a container wait (kubernetes pkg/kubelet/images, kuberuntime).
_WAITING = re.compile(
    r"(?P<reason>ImagePullBackOff|ErrImagePull|ErrImageNeverPull|InvalidImageName|ImageInspectError|RegistryUnavailable"
    r"|CreateContainerConfigError|CreateContainerError|RunContainerError|CrashLoopBackOff|Unschedulable)(?::\s(?P<detail>.*))?",
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
    ("container deleted", CONTAINER_DELETED),
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


def read(message: str) -> Termination:
    """How the node ended, by a message of Argo's; of one that is not Argo's all is the container's own words."""
    if match := _DEPENDENCY.match(message):
        code = match["code"]
        return Termination(match["container"] or "", DEPENDENCY, int(code) if code else None, match["detail"])
    for pattern in (_EXIT, _NEVER_STARTED, _WAITING):
        match = pattern.match(message)
        if match:
            parts = match.groupdict()
            code = parts.get("code")
            return Termination(
                container=parts.get("container") or "",
                reason=parts["reason"],
                exit_code=int(code) if code is not None else None,
                detail=parts["detail"] or "",
            )
    if _PARENT.fullmatch(message.strip()):
        return Termination(reason=PARENT)
    for beginning, reason in _BEGINNINGS:
        if message.startswith(beginning):
            return Termination(reason=reason, detail=message)
    return Termination(detail=message)


def consequence(end: Termination) -> int:
    """How surely something else came first: 0 a failure of its own, 1 killed from outside, 2 stopped with all others.

    143 and 137 are SIGTERM and SIGKILL; a container over its memory says OOMKilled as well. A container of a
    containerSet that waited for another one, or went with its pod, says less than that one.
    """
    if end.reason in (STOPPED, DEPENDENCY, CONTAINER_DELETED):
        return 2
    killed = end.exit_code in (137, 143) and end.reason != "OOMKilled"
    return 1 if killed or end.reason in (DEADLINE, POD_DELETED, PARENT) else 0

"""What an exit code or a reason means where Argo and Kubernetes say no more."""

from typing import Final

# Argo's executor stands between the kubelet and the program (cmd/argoexec/main.go): what a signal ended becomes 137
# there, whichever signal it was, and 64 and 65 are its own.
_CODES: Final = {
    64: "Argo's own executor failed: the command could not be started, or an artifact, output or dependency is missing",
    65: "Argo's supervisor failed before the command began",
    126: "the command is no program that can be run",
    127: "the command was not found",
    134: "it ended itself by SIGABRT",
    137: "killed by a signal, as the kernel does when memory runs out, and Kubernetes at a deadline or when a pod is deleted",
    139: "it crashed by SIGSEGV, a segmentation fault",
    143: "ended from outside by SIGTERM: a deadline, argo stop, or a pod that was deleted or evicted",
    255: "the program ended with -1, as ssh and some runtimes do for any error of their own",
}
_REASONS: Final = {
    "OOMKilled": "it used more memory than its limit",
    "ContainerStatusUnknown": "its node was lost or the pod was evicted",
    "Unknown": "its node restarted or was lost",
    "StartError": "the container runtime could not start the command",
    "ContainerCannotRun": "the container runtime could not start the command",
    "ImagePullBackOff": "the image cannot be pulled: its name, its tag or the pull secret is wrong",
    "ErrImagePull": "the image cannot be pulled: its name, its tag or the pull secret is wrong",
    "ErrImageNeverPull": "the image is not on the node and must not be pulled",
    "InvalidImageName": "the image's name is not well-formed",
    "CreateContainerConfigError": "a ConfigMap or Secret that the container names is missing",
    "Unschedulable": "no node has room for the pod",
    "stopped": "the workflow was stopped or terminated while this ran",
    "container deleted": "the container went with its pod",
    "pod deleted": "somebody deleted the pod, or its node was drained or lost",
}
# Argo's wait container reports results to the API; most often it is not allowed to.
_NO_RIGHT: Final = "; often the service account may not create and patch workflowtaskresults"


# Of these the container runtime's own words say as much.
_SPEAK: Final = ("OOMKilled", "ContainerStatusUnknown", "Unknown")
_EXECUTOR: Final = 64


def meaning(reason: str, exit_code: int | None, container: str = "", *, said: str = "") -> str:
    """A clause for people, or "" where the reason and the code say all there is to say.

    `said` is what the message says beside them; what repeats it is left out.
    """
    if reason in _REASONS:
        return "" if said and reason not in _SPEAK else _REASONS[reason]
    text = _CODES.get(exit_code, "") if exit_code is not None else ""
    if exit_code == _EXECUTOR:
        text = text.partition(":")[0] if said else text
        return text + _NO_RIGHT if container == "wait" and not said else text
    return "" if said and exit_code not in (137, 139, 143, 255) else text

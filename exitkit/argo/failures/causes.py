"""Causes that are known, each with its cure in half a line, and whether it is the platform's and not the user's.

A plan adds its own under `causes:`, which are looked at before these.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

_MOST = 5_000
"""Characters of a message that are looked through, from its end: Kubernetes keeps 4,096 bytes of a termination message, and
each kind of cause takes its own look at them."""


class Cause(NamedTuple):
    """What is known by a reason, an exit code or a pattern in the message; all that is given must hold.

    `reason` is the container runtime's word or Argo's, as `Failure.reason` has it; `match` a regular expression in RE2's
    language, which takes no longer the more it could mean. `platform` says that nobody who wrote the step can mend it.
    """

    cure: str
    match: str = ""
    reason: str = ""
    exit_code: int | None = None
    platform: bool = False

    def fits(self, reason: str, exit_code: int | None, text: str) -> bool:
        if self.reason and self.reason != reason:
            return False
        if self.exit_code is not None and self.exit_code != exit_code:
            return False
        return not self.match or bool(_pattern(self.match).search(text))


def known(causes: Iterable[Cause], reason: str, exit_code: int | None, text: str) -> Cause | None:
    """The first cause that fits: one of these, which are a plan's, before those below."""
    return _known(tuple(causes), reason, exit_code, text[-_MOST:])


@lru_cache(maxsize=256)
def _known(causes: tuple[Cause, ...], reason: str, exit_code: int | None, text: str) -> Cause | None:
    """Of thousands of failures most say the same."""
    return next((cause for cause in (*causes, *CAUSES) if cause.fits(reason, exit_code, text)), None)


def problem(match: str) -> str:
    """Why a pattern is none, or ""."""
    if not match:
        return ""
    import re2

    options = re2.Options()
    options.log_errors = False  # it would write to the process's stderr by itself
    try:
        re2.compile(match, options)
    except re2.error as error:
        return str(error.args[0].decode() if isinstance(error.args[0], bytes) else error)
    return ""


_REGISTRY = "(?i)unauthorized|authentication required|no basic auth|access denied|denied:|403 forbidden"
_UNREACHED = r"(?i)i/o timeout|dial tcp|connection (?:refused|reset)|TLS handshake|no such host|50[0234] "
_PULLING: Final = ("ImagePullBackOff", "ErrImagePull")
_GONE: Final = ("ContainerStatusUnknown", "Unknown", "NodeLost", "node shutdown")

CAUSES: Final = (
    Cause("raise its memory limit, or let it hold less at a time", reason="OOMKilled"),
    *(
        cause
        for reason in _PULLING
        for cause in (
            Cause("the registry asks to go slower: log in, or pull through a cache", "(?i)toomanyrequests|rate limit", reason, None, True),
            Cause("name a pull secret in the service account's imagePullSecrets", _REGISTRY, reason),
            Cause("correct the image's name or tag", "(?i)not found|manifest unknown|does not exist|name unknown", reason),
            Cause("the registry was not reached from this node", _UNREACHED, reason, None, True),
        )
    ),
    Cause(
        "raise its ephemeral-storage limit, or write to a volume",
        "(?i)ephemeral local storage usage exceeds|exceeded its local ephemeral storage|Usage of EmptyDir volume",
        "Evicted",
    ),
    Cause("the node ran short of it: run it again, and request what it takes", reason="Evicted", platform=True),
    *(Cause("run it again; a retryStrategy with retryPolicy: OnError does so by itself", "", reason, None, True) for reason in _GONE),
    Cause("run it again; a retryStrategy with retryPolicy: OnError does so by itself", reason="pod deleted", platform=True),
    Cause("raise the deadline, or see what it waited for", reason="deadline"),
    Cause(
        "the namespace's ResourceQuota is used up: request less, or have it raised",
        r"(?i)exceeded quota|quota exceeded for|exceeds? .{0,20}ResourceQuota",
        platform=True,
    ),
    Cause("the cluster has no room: request less, or have nodes added", r"Insufficient [a-z./-]+", "Unschedulable", None, True),
    Cause("its nodeSelector, affinity or tolerations fit no node", "", "Unschedulable"),
    Cause("set the securityContext that the namespace demands", r"violates PodSecurity"),
    Cause(
        "let the service account create and patch workflowtaskresults",
        r"cannot (?:create|patch) resource \"workflowtaskresults\"|workflowtaskresults.{0,80}forbidden",
    ),
    Cause(
        "allow this to the cloud role of the step's service account",
        r"AccessDenied|(?i:is not authorized to perform|403 (?:Client Error: )?Forbidden)|does not have [a-z]+\.[a-zA-Z.]+ access"
        r"|PERMISSION_DENIED|AuthorizationFailure|AuthorizationPermissionMismatch|status code: 403",
    ),
    Cause(
        "give the step's service account credentials of the cloud",
        r"(?i)unable to locate credentials|NoCredentials(?:Error|Provider)|could not (?:automatically determine|find default) credentials"
        r"|InvalidAccessKeyId|SignatureDoesNotMatch|Expired ?Token|token has expired|InvalidClientTokenId",
    ),
    Cause(
        "give it a larger volume, or a higher ephemeral-storage limit",
        r"(?i)no space left on device|ENOSPC|disk quota exceeded|disk is full",
    ),
    Cause(
        "the name server did not answer: if it goes on, it is the cluster's DNS",
        r"(?i)temporary failure in name resolution|EAI_AGAIN|server misbehaving|SERVFAIL|lookup .{1,200}: i/o timeout",
        platform=True,
    ),
    Cause(
        "correct the host's name, or see whether this network resolves it",
        r"(?i)name or service not known|no such host|could not resolve host|ENOTFOUND|nodename nor servname|UnknownHostException",
    ),
    Cause(
        "put the authority of that certificate into the image, or mount it",
        r"(?i)certificate verify failed|certificate signed by unknown authority|unable to get local issuer certificate"
        r"|PKIX path building failed",
    ),
    Cause("build the image for this node's architecture", r"(?i)exec format error"),
    Cause("take a smaller batch, or a GPU with more memory", r"CUDA (?:error: )?out of memory|CUDA_ERROR_OUT_OF_MEMORY"),
    Cause("raise -Xmx, and the memory limit with it", r"java\.lang\.OutOfMemoryError"),
    Cause(
        "raise its memory limit, or let it hold less at a time",
        r"\bMemoryError\b|std::bad_alloc|(?i:cannot allocate memory)|JavaScript heap out of memory",
    ),
    Cause(
        "it was asked to go slower: try again later, with pauses in between",
        r"SlowDown|ThrottlingException|Throttling:|TooManyRequests|(?i:too many requests|rate exceeded)|RESOURCE_EXHAUSTED",
    ),
    Cause("see whether that service is up, and its port right", r"(?i)connection refused|ECONNREFUSED"),
)  # fmt: skip
"""In the order in which they are looked at."""


@lru_cache(maxsize=256)
def _pattern(match: str) -> Any:
    """As RE2 compiles it; those of this table are plain enough for Python's own too, and most runs load no RE2."""
    if any(match == cause.match for cause in CAUSES):
        return re.compile(match)
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(match, options)

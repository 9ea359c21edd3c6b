"""Which Kubernetes cluster, and as whom: the pod's service account, or what a kubeconfig says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from exitkit.errors import ActionError
from exitkit.settings import secretfile
from exitkit.text import redact


def _nothing() -> str:
    return ""


def _keep() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class KubernetesAccess:
    """The API's address without a slash at its end, and how to prove who asks.

    `authorization` gives the header's value anew for each request, because tokens rotate. `close` removes what
    was written for this access.
    """

    server: str
    ca_file: str | None = None
    client_cert: str | tuple[str, str] | None = None
    proxy: str | None = field(default=None, repr=False)
    authorization: Callable[[], str] = field(default=_nothing, repr=False)
    close: Callable[[], None] = field(default=_keep, repr=False)


def from_file(path: str) -> str:
    """A bearer token out of a file, read anew because kubelet replaces it. Raises ActionError."""
    try:
        return bearer(secretfile.read(path))
    except ValueError as error:
        told = f"the token {path} {error}: check how the service account is mounted"
    raise ActionError(told, reason="auth")


def bearer(token: str) -> str:
    """The header's value for a token, which is cut from all texts from now on."""
    _keep_quiet_about(token)
    return f"Bearer {token.strip()}"


@lru_cache(maxsize=8)
def _keep_quiet_about(secret: str) -> None:
    redact.remember(secret)

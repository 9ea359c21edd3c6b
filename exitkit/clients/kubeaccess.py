"""Which Kubernetes cluster, and as whom: the pod's service account, or what a kubeconfig says."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from exitkit import redact, secretfile
from exitkit.clock import Clock
from exitkit.errors import ActionError, ConfigError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where kubelet mounts a pod's service account:
https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/."""


def _nothing() -> str:
    return ""


def _keep() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Access:
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


def find(
    kubeconfig: str, context: str, clock: Clock, *, environ: Mapping[str, str] = os.environ, account: Path = ACCOUNT
) -> Access:
    """The kubeconfig that is named, here or in KUBECONFIG; else the pod's own account; else ~/.kube/config.

    May run a program that a kubeconfig names for credentials. Raises ConfigError, and ActionError and its
    kinds from such a program.
    """
    named = kubeconfig or environ.get("KUBECONFIG", "")
    if not named and not context and (own := of_pod(environ, account)):
        return own
    if not kubeconfig and os.pathsep in named:
        raise ConfigError("KUBECONFIG names several files: give kubeconfig, or one that holds what they say together")
    home = environ.get("HOME", "")
    path = named or (f"{home}/.kube/config" if home else "")
    if not named and not (path and Path(path).is_file()):
        raise ConfigError(
            "no Kubernetes cluster is known here: run in a pod whose service account is mounted, or give a kubeconfig"
        )
    from exitkit.clients import kubeconfig as reader  # with lightkube, which a pod does without

    return reader.read(path, context, clock)


def of_pod(environ: Mapping[str, str], account: Path) -> Access | None:
    """The cluster this pod runs in, as its service account; None outside of one, or where no account is mounted."""
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    token = account / "token"
    if not host or not token.is_file():
        return None
    port = environ.get("KUBERNETES_SERVICE_PORT") or "443"
    shown = f"[{host}]" if ":" in host else host
    return Access(
        server=f"https://{shown}:{port}", ca_file=str(account / "ca.crt"), authorization=lambda: from_file(str(token))
    )


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

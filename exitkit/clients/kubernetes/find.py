"""Which Kubernetes cluster: the pod's own, or what a kubeconfig says."""

import os
from collections.abc import Mapping
from pathlib import Path

from exitkit.clients.kubernetes.access import KubernetesAccess, from_file
from exitkit.errors import ConfigError
from exitkit.retry.clock import Clock

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where kubelet mounts a pod's service account:
https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/."""


def find(
    kubeconfig: str, context: str, clock: Clock, *, environ: Mapping[str, str] = os.environ, account: Path = ACCOUNT
) -> KubernetesAccess:
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
    from exitkit.clients.kubernetes import kubeconfig as reader  # with lightkube, which a pod does without

    return reader.read(path, context, clock)


def of_pod(environ: Mapping[str, str], account: Path) -> KubernetesAccess | None:
    """The cluster this pod runs in, as its service account; None outside of one, or where no account is mounted."""
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    token = account / "token"
    if not host or not token.is_file():
        return None
    port = environ.get("KUBERNETES_SERVICE_PORT") or "443"
    shown = f"[{host}]" if ":" in host else host
    return KubernetesAccess(
        server=f"https://{shown}:{port}", ca_file=str(account / "ca.crt"), authorization=lambda: from_file(str(token))
    )

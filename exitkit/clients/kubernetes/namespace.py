"""Which namespace a step of ours may work in."""

import re

from exitkit.errors import ConfigError

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces
_PROTECTED = frozenset({"kube-system", "kube-public", "kube-node-lease"})


def check_namespace(namespace: str) -> None:
    """Raises ConfigError where it is none, or the cluster's own."""
    if not namespace.strip():
        raise ConfigError("the namespace is empty: was a template filled in with nothing?")
    if not _NAMESPACE.fullmatch(namespace):
        raise ConfigError("the namespace is none: up to 63 small letters, digits and hyphens")
    if namespace in _PROTECTED:
        raise ConfigError(f"{namespace} is the cluster's own, and nothing in it is deleted")

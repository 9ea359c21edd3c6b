"""What Argo's executor leaves in every container, found without any configuration."""

import errno
import json
import re
from collections.abc import Mapping
from pathlib import Path

from exitkit.argo.argument import read_regular
from exitkit.argo.nodenames import node_hash, workflow_of

# workflow/executor/emissary writes it for every container, readable for all.
_TEMPLATE = "var/run/argo/template"
_NAMESPACE = "var/run/secrets/kubernetes.io/serviceaccount/namespace"
# A template is part of a Workflow object, which etcd keeps below 1.5 MiB.
_LONGEST_TEMPLATE = 4 * 2**20
_LONGEST_NAMESPACE = 253
# https://www.w3.org/TR/trace-context/#traceparent-header; all zeros mean none, version ff is forbidden.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# HOSTNAME is the pod's name cut to what a host name may have (HOST_NAME_MAX less one).
_LONGEST_HOSTNAME = 63


def namespace(root: Path) -> str:
    """The pod's namespace, as the service account's mount tells it, or ""."""
    try:
        text = _read(root / _NAMESPACE, _LONGEST_NAMESPACE).strip()
    except OSError:
        return ""
    return text if re.fullmatch(r"[a-z0-9][-a-z0-9.]*", text) else ""


def template(environ: Mapping[str, str], root: Path) -> tuple[dict[str, object], str]:
    """The template that runs in this pod, and what was wrong with it. Without one, both are empty.

    Up to Argo 3.5 it is in ARGO_TEMPLATE, which says "offloaded" where it would be too long.
    """
    text = environ.get("ARGO_TEMPLATE", "")
    if text in ("", "offloaded"):
        try:
            text = _read(root / _TEMPLATE, _LONGEST_TEMPLATE)
        except FileNotFoundError:
            return {}, ""
        except OSError as error:
            return {}, f"/{_TEMPLATE} cannot be read: {error.strerror or 'no reason given'}"
    try:
        found = json.loads(text) if len(text) <= _LONGEST_TEMPLATE else None
    except (ValueError, RecursionError):
        found = None
    return (
        (found, "")
        if isinstance(found, dict)
        else ({}, "Argo's template of this pod is no JSON object and was not read")
    )


def pod_name(environ: Mapping[str, str], node_id: str, template_name: object) -> str:
    """The name of this pod, or "" where HOSTNAME is the node's (hostNetwork) or was cut and nothing completes it."""
    host, digits = environ.get("HOSTNAME", ""), node_hash(node_id)
    if not node_id or host.endswith(f"-{digits}") or host == node_id:
        return host
    between = f"-{template_name}" if isinstance(template_name, str) and template_name else ""
    whole = f"{workflow_of(node_id)}{between}-{digits}"
    return whole if len(host) == _LONGEST_HOSTNAME and whole.startswith(host) else ""


def traceparent(environ: Mapping[str, str]) -> tuple[str, str]:
    """The span that Argo runs this pod in, and what was wrong with it."""
    text = environ.get("TRACEPARENT", "")
    if not text or _TRACEPARENT.fullmatch(text):
        return text, ""
    return "", "TRACEPARENT is no W3C trace context and was not used"


def _read(path: Path, limit: int) -> str:
    """The text of a file that may be a link, for the kubelet's mounts are links. Raises OSError."""
    data = read_regular(path, limit + 1, follow=True)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is longer than {limit} bytes")
    return data.decode("utf-8", "replace")

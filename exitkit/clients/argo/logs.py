"""Where Argo archived the logs of a workflow, as its nodes tell: whatever the repository's keyFormat is.

https://argo-workflows.readthedocs.io/en/latest/configure-artifact-repository/#configure-the-key-format
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from exitkit.argo.nodenames import node_hash
from exitkit.clients.kubernetes import WORKFLOWS, Kube
from exitkit.errors import ActionError
from exitkit.retry import Retry
from exitkit.text.units import human_size

_LOGS = "-logs"
"""What follows a container's name in that of its log's artifact."""

_MOST_NODES = 128 << 20
"""Bytes of nodes when they are unpacked. A Workflow is below 1.5 MiB in etcd, and gzip makes at most a 100th of JSON."""

_LONGEST_PREFIX = 242
"""Characters of a pod's name before its hash (ensurePodNamePrefixLength in workflow/util/pod_name.go)."""


@dataclass(frozen=True)
class LogKey:
    """The key of an archived log in the repository's bucket, and whose log it is."""

    key: str
    pod: str
    container: str


def log_keys(kube: Kube, retry: Retry, namespace: str, name: str) -> list[LogKey]:
    """Every archived log that the workflow's nodes tell of by now, each once.

    Needs the right to get workflows. Raises Exhausted, and ActionError where the nodes cannot be had.
    """
    if not namespace:
        raise ActionError("the workflow's namespace is not known", reason="client")
    what = f"reading the workflow {name}"
    found = retry(partial(kube.get, WORKFLOWS.path(namespace, name), what=what), safe=True)
    status = _mapping(_mapping(found).get("status"))
    nodes = _mapping(status.get("nodes"))
    if not nodes and status.get("compressedNodes"):
        nodes = _unpacked(status["compressedNodes"], name)
    if not nodes and status.get("offloadNodeStatusVersion"):
        raise ActionError(f"the nodes of {name} are in Argo's database and not in the API", reason="client")
    annotations = _mapping(_mapping(_mapping(found).get("metadata")).get("annotations"))
    by_id = annotations.get("workflows.argoproj.io/pod-name-format") == "v1"
    keys = (one for node in nodes.values() for one in _of_node(_mapping(node), name, by_id=by_id))
    return sorted(set(keys), key=lambda one: one.key)


def _of_node(node: Mapping[str, Any], workflow: str, *, by_id: bool) -> Iterator[LogKey]:
    identity = node.get("id")
    artifacts = _mapping(node.get("outputs")).get("artifacts")
    if node.get("type") != "Pod" or not isinstance(identity, str) or not isinstance(artifacts, list):
        return
    for one in map(_mapping, artifacts):
        name = one.get("name")
        key = (_mapping(one.get("s3")) or _mapping(one.get("gcs"))).get("key")
        if not isinstance(name, str) or not name.endswith(_LOGS) or not isinstance(key, str):
            continue
        container = name.removesuffix(_LOGS)
        folder, _, file = key.rpartition("/")
        if file != f"{container}.log":  # an artifact of the template's own
            continue
        last, digits = folder.rpartition("/")[2], node_hash(identity)
        # The default key has the pod's name, which is that of its node's hash.
        pod = last if digits and node_hash(last) == digits else _pod_of(node, identity, workflow, by_id=by_id)
        yield LogKey(key, pod, container)


def _pod_of(node: Mapping[str, Any], identity: str, workflow: str, *, by_id: bool) -> str:
    """As Argo names a node's pod (GeneratePodName in workflow/util/pod_name.go)."""
    if by_id or identity == workflow:
        return identity
    template = _mapping(node.get("templateRef")).get("template") or node.get("templateName") or ""
    inline = ".inline" in str(node.get("name") or "")
    prefix = f"{workflow}-{template}" if template and not inline else workflow
    return f"{prefix[:_LONGEST_PREFIX]}-{node_hash(identity)}"


def _unpacked(packed: object, workflow: str) -> Mapping[str, Any]:
    """The nodes of `compressedNodes`: gzip, or since Argo 4.1 also zstd or brotli, which Python cannot read everywhere."""
    try:
        data = base64.b64decode(str(packed), validate=True)
        if data[:2] != b"\x1f\x8b":
            raise ActionError(f"the nodes of {workflow} are packed otherwise than by gzip", reason="client")
        unpacker = zlib.decompressobj(31)
        text = unpacker.decompress(data, _MOST_NODES)
        if unpacker.unconsumed_tail:
            told = f"the nodes of {workflow} are more than {human_size(_MOST_NODES)}"
            raise ActionError(told, reason="client")
        return _mapping(json.loads(text))
    except (binascii.Error, zlib.error, ValueError, RecursionError) as error:
        raise ActionError(f"the packed nodes of {workflow} cannot be read: {type(error).__name__}") from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

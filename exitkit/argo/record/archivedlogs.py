"""Where Argo archived the logs of a workflow, as its record tells: in which bucket, and under keys of any keyFormat.

https://argo-workflows.readthedocs.io/en/latest/configure-artifact-repository/#configure-the-key-format
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from exitkit.argo.nodenames import node_hash
from exitkit.argo.record import Node, WorkflowRecord, loose

_LOGS = "-logs"
"""What follows a container's name in that of its log's artifact."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?")
_AMAZON = re.compile(r"s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True)
class LogKey:
    """The key of an archived log in the repository's bucket, and whose log it is."""

    key: str
    pod: str
    container: str


class Repository(NamedTuple):
    """The bucket as a URL; where it is not AWS's own, the address that serves it, and the region, "" for the usual ones."""

    url: str
    endpoint_url: str = ""
    region: str = ""


def repository(record: WorkflowRecord) -> Repository | None:
    """Where its artifacts are kept; None where that is nowhere, or in a kind of store that exitkit does not read."""
    kept = record.artifact_repository
    s3, gcs = loose.mapping(kept.get("s3")), loose.mapping(kept.get("gcs"))
    scheme, store = ("s3", s3) if s3 else ("gs", gcs)
    bucket = loose.text(store, "bucket")
    if not _BUCKET.fullmatch(bucket):
        return None
    endpoint = loose.text(store, "endpoint")
    if scheme == "gs" or not _HOST.fullmatch(endpoint) or _AMAZON.fullmatch(endpoint):
        return Repository(f"{scheme}://{bucket}", region=loose.text(store, "region"))
    plain = "http" if loose.flag(store.get("insecure")) else "https"
    return Repository(f"s3://{bucket}", f"{plain}://{endpoint}", loose.text(store, "region"))


def log_keys(record: WorkflowRecord) -> list[LogKey]:
    """Every archived log that the workflow's nodes tell of in this reading, each once."""
    pods = (node for node in record.nodes.values() if node.type == "Pod")
    return sorted({key for node in pods for key in _of_node(record, node)}, key=lambda key: key.key)


def _of_node(record: WorkflowRecord, node: Node) -> Iterator[LogKey]:
    for artifact in node.artifacts:
        name = loose.text(artifact, "name")
        key = loose.text(loose.mapping(artifact.get("s3")) or loose.mapping(artifact.get("gcs")), "key")
        container = name.removesuffix(_LOGS)
        folder, _, file = key.rpartition("/")
        if not node.id or not name.endswith(_LOGS) or file != f"{container}.log":  # an artifact of the template's own
            continue
        last, digits = folder.rpartition("/")[2], node_hash(node.id)
        # The default key has the pod's name, which is that of its node's hash.
        yield LogKey(key, last if digits and node_hash(last) == digits else record.pod_name(node), container)

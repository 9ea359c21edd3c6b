"""What is shipped: the end of the workflow and its failures as records, each with an id of its own.

The id is made of where a record comes from, and of nothing that changes when it is made again: the
workflow's uid, the kind, the node and when it ended, the container and the line number. So a second run of the same exit
handler ships the same ids, and a target or a reader can tell them apart from news.
"""

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from exitkit import message
from exitkit.argo.failures import Failure
from exitkit.argo.timestamp import _EPOCH, _LAST, _NANO, rfc3339
from exitkit.argo.workflow import Workflow
from exitkit.text.safe import clean, line, safe_values

Kind = Literal["status", "failure", "log"]
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Record:
    """One thing that happened.

    `time` is in Unix nanoseconds: a target that takes a second arrival for the first, such as Loki,
    compares it to the last digit. `message` may have several lines; secrets are cut out of everything.
    """

    id: str
    time: int
    kind: Kind
    level: Level
    message: str
    attributes: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """For machines, the id first; `time` as RFC 3339 with nanoseconds."""
        return {
            "id": self.id,
            "time": rfc3339(self.time),
            "kind": self.kind,
            "level": self.level,
            "message": self.message,
            "attributes": dict(self.attributes),
        }


def status_records(workflow: Workflow, now: float = 0.0) -> Iterator[Record]:
    """How the workflow ended, then each failure in the order in which they finished.

    `now`, in Unix seconds, is the time of a record where no fact tells a better one.
    """
    end = end_of(workflow, now)
    yield _status(workflow, end)
    seen: Counter[str] = Counter()
    for one in sorted(workflow.failures, key=_order):
        first = _failure_id(workflow, one, 0)
        yield _failure(workflow, one, _failure_id(workflow, one, seen[first]), end)
        seen[first] += 1


def identify(  # noqa: PLR0913 - each is a part of the origin
    workflow: Workflow, kind: Kind, node: str, *, ended: str = "", container: str = "", line: int = 0
) -> str:
    """The first 130 bits of a sha256 over the record's origin, as 26 characters of a-z2-7.

    `ended` tells the ends of a workflow apart that was retried under the same uid.
    """
    workflow = workflow.as_told
    created = workflow.creation_timestamp.isoformat() if workflow.creation_timestamp else ""
    identity = workflow.uid or f"{workflow.namespace}/{workflow.name}/{created}"
    parts = ("exitkit.record1", identity, kind, node, ended, container, str(line))
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).digest()
    return base64.b32encode(digest).decode()[:26].lower()


def _status(workflow: Workflow, end: int) -> Record:
    told = message.build(workflow)
    # Of the arguments alone, which are the same in a second run, whether or not the record can then be read.
    identity = workflow.as_told
    finished = max((one.finished_at.isoformat() for one in identity.failures if one.finished_at), default="")
    attributes = {
        **workflow_attributes(workflow),
        "status": line(workflow.status, 100),
        "url": workflow.url,
        "entrypoint": line(workflow.main_entrypoint, 200),
        "duration": workflow.duration if math.isfinite(workflow.duration or 0) else None,
        "failures": len(workflow.failures),
        "subject": line(workflow.subject, 300),
        "parameters": safe_values(workflow.parameters),
        "outputs": safe_values(workflow.outputs),
        "labels": safe_values(workflow.labels),
    }
    return Record(
        id=identify(identity, "status", identity.scope, ended=f"{identity.status} {finished}"),
        time=end,
        kind="status",
        level="info" if told.good else "error" if told.bad else "warning",
        message=clean(": ".join(part for part in (told.title, told.summary) if part)),
        attributes=_given(attributes),
    )


def _failure_id(workflow: Workflow, one: Failure, number: int) -> str:
    """`number` tells apart what nothing else does, as where Argo named no pod."""
    ended = one.finished_at.isoformat() if one.finished_at else ""
    node = one.pod_name or one.display_name
    return identify(workflow, "failure", node, ended=ended, container=one.container, line=number)


def _failure(workflow: Workflow, one: Failure, identity: str, end: int) -> Record:
    attributes = {
        **workflow_attributes(workflow),
        "status": line(workflow.status, 100),
        "url": workflow.failure_url(one),
        "step": line(one.display_name, 500),
        "template": line(one.template_name, 500),
        "phase": line(one.phase, 100),
        "pod": line(one.pod_name, 500),
        "container": line(one.container, 200),
        "exitCode": one.exit_code,
        "reason": line(one.reason, 200),
        "tries": one.tries if one.tries > 1 else None,
        "host": line(one.node.host, 300) if one.node else "",
        "inputs": safe_values(one.inputs),
        "cure": line(one.cure, 200),
        "said": line(one.lines[0].shown, 500) if one.lines else "",
    }
    return Record(
        id=identity,
        time=_nanoseconds(one.finished_at) if one.finished_at else end,
        kind="failure",
        level="error",
        message=clean(one.message) or "failed without a message",
        attributes=_given(attributes),
    )


def workflow_attributes(workflow: Workflow) -> dict[str, object]:
    """What every record of a workflow tells of it."""
    return _given(
        {
            "workflow": line(workflow.name, 300),
            "namespace": line(workflow.namespace, 300),
            "uid": line(workflow.uid, 100),
        }
    )


def _given(attributes: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in attributes.items() if value not in ("", None, {})}


def _order(one: Failure) -> tuple[bool, str, str, str, str]:
    """Those without a time last, in an order that does not hang on how Argo listed them."""
    finished = one.finished_at.astimezone(UTC).isoformat() if one.finished_at else ""
    return (not finished, finished, one.display_name, one.pod_name, one.message)


def end_of(workflow: Workflow, now: float) -> int:
    """When the workflow ended, or else was created, in Unix nanoseconds; `now`, in Unix seconds, where no fact tells."""
    ended = workflow.ended_at or workflow.as_told.creation_timestamp
    return min(_nanoseconds(ended), _LAST) if ended else int(now * _NANO)


def _nanoseconds(time: datetime) -> int:
    # Integers: a float of this size has lost the microseconds.
    return max(0, (time - _EPOCH) // timedelta(microseconds=1) * 1000)

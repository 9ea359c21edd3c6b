"""A workflow's end as data for machines: JSON of a stable shape, a CloudEvent around it, a signature over it."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from exitkit.argo.timestamp import write_moment
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.message import Level, Message, ShownFailure
from exitkit.message.markup import clean, fit
from exitkit.text.safe import safe_values

VERSION = 1
"""Raised when a key changes its meaning; a new key does not change it."""

_STEPS = 20
_NAME = 300  # Kubernetes allows 253
_LONGEST = (
    1000  # characters of one failure: ten of them leave room below the 20 kB that Standard Webhooks calls a good size
)


def data(message: Message, level: Level, context: Context) -> dict[str, Any]:
    """What happened, as JSON would show it.

    `version`, `id` (the same in every run for the same end), `status` in Argo's words, `title`, `summary`, `link`
    and `workflow` are always there; above `line` also `failures` (step, and `steps` with all that have the message;
    the message, of several lines, the one that says most first; `lines` of its log with their numbers; count, exitCode, reason, container, link; the root
    cause first), `more`
    (how many other messages there are), `facts` and `notes`, though fewer of them in each simpler level, `text`
    where the user gave one, and where a store is set `usual` and `changed`: how the run did beside earlier ones, and what
    is another than in the last success.
    """
    workflow = context.workflow
    told: dict[str, Any] = {
        "version": VERSION,
        "id": context.delivery,
        "status": workflow.status,
        "title": clean(message.title),
        "summary": clean(message.summary),
        "link": clean(message.link),
        "workflow": _workflow(workflow, whole=level == "rich"),
    }
    if level == "line":
        return told
    shown = message.failures[: {"rich": 10, "reduced": 3}.get(level, 1)]
    told |= {
        "failures": [_failure(failure, whole=level == "rich") for failure in shown],
        "more": len(message.failures) - len(shown) + message.more,
        "facts": {clean(label): clean(value) for label, value in message.facts} if level == "rich" else {},
        "notes": [clean(note) for note in message.footer()],
    }
    told |= {key: clean(text) for key, text in (("usual", message.usual), ("changed", message.changed)) if text}
    return told | ({"text": fit(message.text, 8000 if level == "rich" else 500)} if message.text else {})


def _failure(failure: ShownFailure, *, whole: bool) -> dict[str, Any]:
    return {
        "step": clean(failure.step),
        "steps": [clean(name) for name in (failure.step, *failure.others)][: _STEPS if whole else 3],
        "message": clean(failure.whole(_LONGEST if whole else 200)),
        "count": failure.count,
        "exitCode": failure.exit_code,
        "reason": clean(failure.reason),
        "container": clean(failure.container),
        "link": clean(failure.link),
        **({"cure": clean(failure.advice)} if failure.advice else {}),
        **({"lines": [clean(line) for line in failure.lines]} if failure.lines and whole else {}),
    }


def cloudevent(payload: Any, context: Context) -> dict[str, Any]:
    """The payload inside a CloudEvent 1.0 in structured mode, so that a signature covers its attributes too.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
    """
    workflow = context.workflow
    ended = workflow.ended_at
    return {
        "specversion": "1.0",
        "id": context.delivery,
        "source": f"argo://{_part(workflow.namespace)}/{_part(workflow.name)}",
        "type": f"io.exitkit.{_kind(workflow)}.v1",
        **({"subject": fit(workflow.name, _NAME)} if workflow.name else {}),
        **({"time": write_moment(ended)} if ended else {}),
        "datacontenttype": "text/plain" if isinstance(payload, str) else "application/json",
        "data": payload,
    }


def plain(value: Any) -> Any:
    """The value as JSON has it: texts cleaned, and what JSON does not know, such as a date, as text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else clean(str(value))


def encode(payload: Any) -> bytes:
    """The bytes to send. Raises ValueError for a number that JSON does not have."""
    if isinstance(payload, str):
        return clean(payload).encode()
    return json.dumps(plain(payload), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def key(secret: str) -> bytes:
    """The bytes to sign with: what `whsec_` stands before is base64, anything else is taken as it is.

    Raises ValueError.
    """
    coded = secret.strip().removeprefix("whsec_").strip()
    if not coded.strip("="):  # without the prefix in these words, which would be cut out as the secret that it is
        raise ValueError(
            "is empty but for the prefix, so there is no key to sign with" if secret.strip() else "is empty"
        )
    if not secret.strip().startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what stands after whsec_ is not base64") from None


def signature(secret: str, identity: str, at: int, body: bytes) -> str:
    """The value of webhook-signature; `at` is in Unix seconds.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    signed = f"{identity}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()


def _workflow(workflow: Workflow, *, whole: bool) -> dict[str, Any]:
    known: dict[str, Any] = {
        "name": fit(workflow.name, _NAME),
        "namespace": fit(workflow.namespace, _NAME),
        "uid": fit(workflow.uid, _NAME),
        "status": workflow.status,
        "duration": workflow.duration,
        "creationTimestamp": write_moment(workflow.creation_timestamp),
        **({"startedAt": write_moment(workflow.started_at)} if workflow.started_at else {}),
        **({"finishedAt": write_moment(workflow.finished_at)} if workflow.finished_at else {}),
        "cronWorkflow": fit(workflow.cron, _NAME),
        "workflowTemplate": fit(workflow.workflow_template, _NAME),
    }
    if workflow.step:
        known["step"] = fit(workflow.step, _NAME)
    if whole:
        known |= {"parameters": safe_values(workflow.parameters), "labels": safe_values(workflow.labels)}
    return known


def _kind(workflow: Workflow) -> str:
    """Of what it tells: who waits for a workflow's end must not take a step's for it."""
    if workflow.step:
        return f"step.{workflow.status.lower() if workflow.step_ended else 'ended'}"
    return f"workflow.{workflow.status.lower() or 'unknown'}"


def _part(text: str) -> str:
    return quote(fit(text, _NAME), safe="", errors="replace") or "-"

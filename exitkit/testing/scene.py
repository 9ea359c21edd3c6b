"""A workflow's end to test with: a realistic one, a hostile one, and the context that an action gets."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

from exitkit.argo.argument import encodable
from exitkit.argo.gather import gather
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.plan import samples
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Clock, Deadline
from exitkit.testing.clock import FakeClock

NASTY = (
    "\"quotes\" 'and' `ticks` $(id) ; rm -rf / \\\\ %s {0} {{ workflow.name }} {% raw %}\r\n"
    "Bcc: all@example.com\n\n.\n<!channel> <@U1|me> @everyone *b* _i_ [x](javascript:alert(1)) <script>&amp;\x1b[31m"
    "\x1b]0;title\x07\x00\x08\u202e\u2028\ufeff\ud83d\udc4d \U000e0067 \ud800 ../../etc/passwd =cmd|'/c calc'!A0"
)
"""What a person who dislikes us would name a workflow: each channel's own danger is somewhere in it."""


def failed_workflow(**facts: Any) -> Workflow:
    """A training run of which four steps failed, as Argo tells it; `facts` replaces what is said of it.

    The keys are those of `exitkit.argo.workflow.FACTS`, the values text as Argo sends it.
    """
    return gather({**samples.facts(), **facts}, {})


@cache
def hostile_workflow(size: int = 300_000) -> Workflow:
    """A failed workflow in whose facts everything is hostile or broken, the name `size` characters long.

    Half of it came through the door and was cleaned there. The other half stands as nobody should let
    it in, because an action must not rely on what others have cleaned; only what becomes part of a URL
    can be encoded, as `gather` promises.
    """
    text = (NASTY * (size // len(NASTY) + 1))[:size]
    pairs = [{"name": NASTY, "value": text}, {"name": "", "value": NASTY}]
    failures = [
        {
            "displayName": f"{NASTY}({number})",
            "message": text if number == 0 else f"{NASTY} {number}",
            "templateName": NASTY,
            "phase": "Failed",
            "podName": NASTY,
            "finishedAt": NASTY if number % 2 else "2026-08-21T12:40:11Z",
        }
        for number in range(50)
    ]
    workflow = failed_workflow(
        parameters=json.dumps(pairs),
        labels=json.dumps({NASTY: NASTY, "team": text}),
        annotations=json.dumps({NASTY: NASTY}),
        failures=json.dumps(failures),
        duration="-1e999",
        creation_timestamp=NASTY,
    )
    return replace(
        workflow,
        name=encodable(text),
        namespace=encodable(NASTY),
        uid=encodable(NASTY),
        message=text,
        service_account_name=NASTY,
    )


def context(
    *,
    workflow: Workflow | None = None,
    clock: Clock | None = None,
    seconds: float = 300.0,
    terms: RetryPolicy | None = None,
    **others: Any,
) -> Context:
    """What an action is run with: `MyAction(...).run(context(dry_run=True))`.

    By default the workflow is `failed_workflow()` and the clock a FakeClock, so that no retry sleeps.
    `seconds` is the time until the deadline, `terms` how often is tried; `others` are fields of Context.
    """
    retry = Retry(terms or RetryPolicy(), Deadline(seconds, clock or FakeClock()))
    made = {"retry": retry, "step": "step", **others}
    return Context(workflow=workflow or failed_workflow(), **made)

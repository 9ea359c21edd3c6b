"""`exitkit doctor`: what of the place it stands in would be wrong in a run, told beforehand; it sends and deletes nothing."""

import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exitkit.argo.workflow import Workflow
from exitkit.cli.doctor import place, steps
from exitkit.cli.doctor.finding import Finding
from exitkit.errors import ConfigError
from exitkit.plan import Plan, find
from exitkit.text import redact
from exitkit.version import __version__


class Asked(NamedTuple):
    """What the doctor was called with: the plan's name, what is known of the workflow, and two folders or ""."""

    plan: list[str]
    workflow: Workflow
    state: str
    output_dir: str


def examine(asked: Asked, environ: Mapping[str, str]) -> list[Finding]:
    """Everything, from what is nearest to what is farthest."""
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding("ok", "versions", f"exitkit {__version__}, Python {version}")]
    findings += _facts(asked.workflow)
    findings += place.folders(asked.state, asked.output_dir)
    findings += place.network()
    plan = None
    try:
        plan, words = _plan(asked.plan, environ)
        findings.append(Finding("ok", "plan", words))
    except ConfigError as error:
        findings += [Finding("wrong", "plan", line) for line in str(error).splitlines()]
    if plan is not None:
        findings += steps.findings(plan, asked.workflow, environ)
    findings += place.cluster(plan, asked.workflow, environ)
    return findings


def told(findings: list[Finding]) -> str:
    """A line each, and what comes of it."""
    lines = [f"{one.level:<5}  {one.what}: {redact.printable(redact.redact(one.text), 500)}" for one in findings]
    wrong = sum(one.level == "wrong" for one in findings)
    return "\n".join([*lines, "", f"{wrong} wrong" if wrong else "nothing wrong"])


def _plan(named: list[str], environ: Mapping[str, str]) -> tuple[Plan, str]:
    """The plan that a run here would have, looked at as `check` does. Raises ConfigError."""
    there = named or environ.get("EXITKIT_PLAN") or find.is_there()
    if there:
        plan = find.find_plan(named, environ, care="thorough")
        count = len(plan.each())
        return plan, f"{count} {'step' if count == 1 else 'steps'}, nothing wrong"
    channels = find.without_plan(environ)
    if channels is not None:
        return (
            channels,
            f"there is none; told are {', '.join(step.uses for step in channels.each())}, by the environment",
        )
    return find.everybody({}), "there is none, and the environment has no channel: the message goes to the pod's log"


def _facts(workflow: Workflow) -> Iterator[Finding]:
    known = [
        name
        for name, value in (
            ("name", workflow.name),
            ("namespace", workflow.namespace),
            ("uid", workflow.uid),
            ("status", workflow.status),
        )
        if value
    ]
    missing = [name for name in ("name", "namespace", "uid", "status") if name not in known]
    if known:
        yield Finding("ok", "facts", f"{', '.join(known)} of the workflow are known")
    if missing:
        told_by = "the shipped templates pass them; here they are flags such as --status Failed"
        yield Finding("note", "facts", f"{', '.join(missing)} not known: {told_by}")
    for note in workflow.notes:
        yield Finding("note", "facts", note)

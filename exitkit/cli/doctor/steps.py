"""Each step of a plan: its library, its settings with the secrets that are here, its servers, its folders."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from exitkit import settings
from exitkit.action import Action
from exitkit.argo.workflow import Workflow
from exitkit.cli.doctor import place
from exitkit.cli.doctor.finding import Finding
from exitkit.clients import reach
from exitkit.errors import ActionError, ConfigError
from exitkit.plan import Plan, Step, misread, registry, template

_URLS = ("webhook_url", "url", "endpoint_url", "api_url", "server")
_FOLDERS = ("folder", "path", "dead_letter")


def findings(plan: Plan, workflow: Workflow, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Of each step, in the plan's order."""
    known = workflow.facts() if workflow.name else misread.facts("failed")
    for step in plan.each():
        try:
            action = _made(step, known, environ)
        except ConfigError as error:
            yield Finding("wrong", step.id, str(error))
            continue
        if action is not None:
            yield from _servers(step.id, action)
            yield from _folders(step.id, action)
        else:
            yield Finding("note", step.id, "hangs on what earlier steps come to, and was not tried")


def _made(step: Step, known: Mapping[str, Any], environ: Mapping[str, str]) -> Action | None:
    """The action as a run would make it; None where only the run can. Raises ConfigError."""
    registry.check_extra(step.uses)
    kind = registry.find(step.uses)
    try:
        given = template.render(step.with_, {"workflow": known, "steps": {}}, lenient=kind.lenient)
    except ConfigError:
        return None
    action = settings.load(kind, given, environ, registry.prefix(step.uses))
    action.check_extras()
    return action


def _servers(name: str, action: Action) -> Iterator[Finding]:
    urls = _urls(action)
    for url in urls:
        try:
            yield Finding("ok", name, reach.reach(url, _text(action, "ca_file") or None))
        except (ActionError, ConfigError) as error:
            yield Finding("wrong", name, str(error))
    if not urls:
        yield Finding("ok", name, "its settings are complete")


def _urls(action: Action) -> list[str]:
    """Where it goes, as far as its settings say: the first that is given, as a webhook stands for Slack's API."""
    for name in _URLS:
        url = _text(action, name)
        if url and reach.port_of(url) is not None:
            return [url]
    host, port = _text(action, "host"), getattr(action, "port", None)
    if host and port is None:
        from exitkit.notify.email.posting import PORTS

        port = PORTS.get(_text(action, "tls"))
    return [f"tcp://{host}:{port}"] if host and isinstance(port, int) else []


def _folders(name: str, action: Action) -> Iterator[Finding]:
    for key in _FOLDERS:
        path = _text(action, key)
        if path.startswith("/") and (problem := place.unwritable(path)):
            yield Finding("wrong", name, f"{key} {path}: {problem}")


def _text(action: Action, name: str) -> str:
    value = getattr(action, name, "")
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return str(value) if isinstance(value, str | Path) else ""

"""What exitkit says of itself and of a plan: the actions, their settings, the schema, a preview."""

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from exitkit.cli import flags
from exitkit.errors import ConfigError
from exitkit.plan import registry, schema
from exitkit.run.report import Report
from exitkit.settings import fields
from exitkit.text import redact
from exitkit.text.safejson import dumps


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def show_actions(names: list[str]) -> None:
    """All actions a line each, or each named one with its settings. Raises ConfigError."""
    if names:
        for name in names:
            say(_settings_of(name))
        return
    known = registry.names()
    width = max(map(len, known))
    for name in known:
        given = registry.origin(name)
        giver = "" if given == "exitkit" else f"  ({given})"
        say(f"{name:<{width}}  {_help_or_fault(name)}{giver}")


def show_schema() -> None:
    say(json.dumps(schema.plan_schema(), indent=2))


def show_preview(report: Report, made_up: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
    """Each step: whether it would run, and what it would do or send; with which secrets made up, by its id."""
    for entry in report.entries:
        say(f"{entry.step} ({entry.uses}): {redact.printable(redact.redact(entry.summary), 2000)}")
        for key, value in entry.facts.items():
            for line in _shown(_without_html(value) if key == "payload" else value).splitlines():
                say(f"  {line}" if key == "payload" else f"  {key}: {line}")
        for note in entry.notes:
            say(f"  note: {redact.printable(note, 400)}")
        for name in made_up.get(entry.step, ()):
            say(f"  note: {name} is not known here, and made up to show this")
        say("")


def _without_html(payload: object) -> object:
    """A page is thousands of characters that nobody reads."""
    if not isinstance(payload, Mapping) or not isinstance(payload.get("html"), str):
        return payload
    return {**payload, "html": f"({len(payload['html'])} characters; preview --html shows them)"}


def show_html(report: Report) -> None:
    """The HTML of each mail that would be sent. Raises ConfigError where there is none."""
    payloads = [entry.facts.get("payload") for entry in report.entries]
    pages = [str(payload["html"]) for payload in payloads if isinstance(payload, Mapping) and payload.get("html")]
    if not pages:
        why = "; ".join(f"{entry.step}: {entry.summary}" for entry in report.entries)
        raise ConfigError(f"no step of the plan would send HTML; such is notify.email ({redact.redact(why)})")
    for page in pages:
        say(redact.redact(page))


def _help_or_fault(name: str) -> str:
    """What the action does, or why it cannot be used; one that is broken must not hide the others."""
    try:
        registry.check_unique(name)
        return registry.help_of(registry.find(name))
    except ConfigError as error:
        return redact.printable(f"! {str(error).removeprefix(f'{name}: ')}", 300)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return "\n".join(redact.printable(line, 2000) for line in redact.redact(value).splitlines())
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(json.loads(dumps(value)), indent=2, ensure_ascii=False)
    return dumps(value)


def _settings_of(name: str) -> str:
    action = registry.find(name)
    columns = min(100, shutil.get_terminal_size().columns)
    lines = [f"{name}: {registry.help_of(action)}"]
    secrets = fields.secrets_of(action)
    for key, field in fields.keys(action).items():
        twin = f", {key}_file" if key in secrets else ""
        must = " (required)" if field.is_required() else ""
        lines.append(f"  {key}{twin}{must}")
        text = flags.help_of(key, field, registry.prefix(name))
        lines += textwrap.wrap(text, columns, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines)

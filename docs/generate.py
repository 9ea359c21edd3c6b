"""Write the pages that come from the declarations: actions, command line, facts, schema.

`python docs/generate.py` writes them; with `--check` it writes nothing, names those that differ from
what would be written, and exits 1 if there are any. Installed plugins play no part.
"""

import contextlib
import inspect
import io
import json
import os
import shlex
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from pydantic import TypeAdapter

from exitkit import cli
from exitkit.action import Action
from exitkit.argo.facts import FACTS
from exitkit.argo.record import joined, read
from exitkit.builtin import BUILTIN, KINDS
from exitkit.cli import commands, typerapp
from exitkit.cli import flags as options
from exitkit.plan import misread, registry, schema
from exitkit.settings import fields
from exitkit.testing import failed_workflow
from exitkit.text.units import Bytes, Seconds

DOCS = Path(__file__).resolve().parent
# The help is wrapped at this width wherever the pages are made.
COLUMNS = "80"

_IN_THE_IMAGE = {"aws", "gcp", "sql", "kubernetes"}  # as the Makefile locks them for it
_GENERATED = "<!-- Written by docs/generate.py; do not edit. -->\n"
_DURATION = TypeAdapter(Seconds).json_schema()["anyOf"]
_SIZE = TypeAdapter(Bytes).json_schema()["anyOf"]
_PLAIN = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": ""}


def pages() -> dict[str, str]:
    """What is written: the path below docs/, and the text."""
    with _only_builtin():
        made = {f"actions/{name.replace('.', '/')}.md": action_page(name) for name in BUILTIN}
        return {
            **made,
            "actions/README.md": actions_page(),
            "cli.md": cli_page(),
            "facts.md": facts_page(),
            "exitkit.schema.json": json.dumps(schema.plan_schema(BUILTIN), indent=2, ensure_ascii=False) + "\n",
        }


def action_page(name: str) -> str:
    action = registry.find(name)
    rest = inspect.cleandoc(action.__doc__ or "").partition("\n")[2]
    prose = "\n\n".join(_paragraph(part) for part in rest.split("\n\n") if part.strip())
    example = example_of(name)
    extra = BUILTIN[name].extra
    has = "The image has it." if extra in _IN_THE_IMAGE else "The image has it as `exitkit:<version>-full`."
    needs = f"Needs the extra `{extra}`: `pip install 'argo-exitkit[{extra}]'`. {has}\n" if extra else ""
    parts = [
        f"# {name}\n",
        _GENERATED,
        f"{registry.help_of(action)}\n",
        f"{prose}\n" if prose else "",
        needs,
        "## In a plan\n",
        f"```yaml\n{example}```\n",
        "## As a command\n",
        f"```console\n$ {command_of(name, action, example)}\n```\n",
        "## Settings\n",
        settings_table(name, action),
        "## Facts\n",
        facts_table(action),
        "[How settings are given](../README.md#settings) · [All actions](../README.md)\n",
    ]
    return "\n".join(part for part in parts if part)


def _paragraph(text: str) -> str:
    """Text of a docstring; what is indented there is YAML."""
    if text.startswith("    "):
        return f"```yaml\n{textwrap.dedent(text)}\n```"
    return " ".join(text.split())


def example_of(name: str) -> str:
    """The plan that shows the action; the one place for it, which the tests read too."""
    return (DOCS / "examples" / f"{name}.yaml").read_text(encoding="utf-8")


def command_of(name: str, action: type[Action], example: str) -> str:
    """The command that does what the example's step does."""
    steps = yaml.safe_load(example)["steps"]
    each = [one for step in steps for one in step.get("parallel", [step])]
    given = next(step for step in each if step["uses"] == name).get("with", {})
    known = {flag.field: flag for flag in options.flags("action", action, "")}
    words = [word for key, value in given.items() for word in _typed(known[key], value)]
    line = " ".join(["exitkit", *name.split("."), *words])
    return line if len(line) <= 90 else " \\\n    ".join([f"exitkit {name.replace('.', ' ')}", *words])


def settings_table(name: str, action: type[Action]) -> str:
    """The action's own settings first, then those that all of its kind have."""
    made = action.model_json_schema(by_alias=True)
    shared = {key for one in action.__mro__[1:] if hasattr(one, "model_fields") for key in fields.keys(one)}
    secrets = fields.secrets_of(action)
    rows = []
    for key, field in sorted(fields.keys(action).items(), key=lambda one: one[0] in shared):
        variable = registry.prefix(name) + key.upper()
        twin = [f"`{key}_file`", f"`{variable}_FILE`"] if key in secrets else ["", ""]
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = "required" if field.is_required() else _code(default)
        keys, variables = _both(f"`{key}`", twin[0]), _both(f"`{variable}`", twin[1])
        rows.append(
            [
                keys,
                _kind(made["properties"][key], made),
                shown,
                variables,
                (field.description or "").replace("<", "&lt;"),
            ]
        )
    return _table(["key", "type", "default", "variable", "meaning"], rows)


def facts_table(action: type[Action]) -> str:
    """What later steps can read of it; every step has the first two."""
    named = {
        "outcome": "`ok`, `skipped`, `failed`, `unknown` or `duplicate`",
        "summary": "what became of it, in a line",
        **(action.gives or {}),
    }
    rows = [[f"`steps.<id>.{name}`", meaning] for name, meaning in named.items()]
    return "What later steps can read of it; what there is nothing of is not there.\n\n" + _table(["fact", "is"], rows)


def actions_page() -> str:
    parts = ["# Actions\n", _GENERATED]
    for kind, text in KINDS.items():
        names = [name for name in BUILTIN if name.partition(".")[0] == kind]
        rows = [[f"[{name}]({name.replace('.', '/')}.md)", registry.help_of(registry.find(name))] for name in names]
        parts += [f"## {kind}\n", f"{text}\n", _table(["action", "what it does"], rows)]
    return "\n".join([*parts, _HOW_SETTINGS_ARE_GIVEN])


def cli_page() -> str:
    lines: list[list[str]] = [[], *([name] for name in typerapp.COMMANDS)]
    lines += [[kind] for kind in KINDS]  # an action's own flags stand on its page
    parts = ["# The command line\n", _GENERATED, _ABOUT_THE_COMMAND_LINE]
    for words in lines:
        command = " ".join(["exitkit", *words])
        parts += [f"## {command}\n", f"```text\n{_help(words)}\n```\n"]
    return "\n".join(parts)


def facts_page() -> str:
    flags = {flag.field: flag.name for flag in commands.fact_flags()}
    rows = [
        [
            f"`{flags[fact.name]}`",
            "<br>".join(f"`{one}`" for one in (fact.variable, *fact.also)),
            f"`{{{{{fact.argo}}}}}`" if fact.argo else "",
            fact.help,
        ]
        for fact in FACTS
    ]
    told = failed_workflow()
    known = joined.informed(told, read(_record(told.name)))
    rows_read = [[f"`workflow.{key}`", _example(value)] for key, value in _flat(known.facts())]
    parts = [
        "# Facts\n",
        _GENERATED,
        _ABOUT_FACTS,
        _table(["flag", "variable", "in Argo", "meaning"], rows),
        "## In templates and conditions\n",
        (
            "Each under Argo's own name where Argo has one; here as they are for the workflow of `exitkit demo`, with its "
            "[record](record.md), without which `startedAt`, `finishedAt`, `submittedBy`, `counts` and `subjectNode` are empty.\n"
        ),
        _table(["name", "for example"], rows_read),
        "## What earlier runs left\n",
        "Where a `state` is set; what each means says [Once, and remembered](once.md).\n",
        _table(
            ["name", "for example"], [[f"`history.{key}`", _example(value)] for key, value in _flat(misread.HISTORY)]
        ),
    ]
    return "\n".join(parts)


def _record(name: str) -> dict[str, Any]:
    """What the cluster would have of that workflow: its own node, and a step's."""
    times = {"startedAt": "2026-08-21T12:18:51Z", "finishedAt": "2026-08-21T12:40:11Z"}
    inputs = {"parameters": [{"name": "shard", "value": "1"}]}
    fit = {"id": f"{name}-1", "name": f"{name}[0].fit(1:1)", "displayName": "fit(1:1)", "type": "Pod", **times}
    fit |= {"phase": "Failed", "message": "main: OOMKilled (exit code 137)", "inputs": inputs}
    root = {"id": name, "name": name, "type": "Steps", "phase": "Failed", **times, "templateName": "main"}
    labels = {"workflows.argoproj.io/creator-preferred-username": "ada"}
    return {
        "kind": "Workflow",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {"phase": "Running", "startedAt": times["startedAt"], "nodes": {name: root, f"{name}-1": fit}},
    }


def main(argv: list[str]) -> int:
    """Write the pages, or with `--check` say which differ."""
    made = pages()
    there = {str(path.relative_to(DOCS)) for path in DOCS.glob("actions/**/*.md")}
    stale = sorted(there - set(made))
    differing = [name for name, text in made.items() if _read(DOCS / name) != text]
    if "--check" in argv:
        for name in [*differing, *stale]:
            print(f"docs/{name} is not what docs/generate.py writes")
        return 1 if differing or stale else 0
    for name in differing:
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(made[name], encoding="utf-8")
        print(f"wrote docs/{name}")
    for name in stale:
        print(f"docs/{name} belongs to no action; remove it")
    return 0


@contextlib.contextmanager
def _only_builtin() -> Iterator[None]:
    with mock.patch.object(registry, "_plugins", dict), mock.patch.dict(os.environ, {"COLUMNS": COLUMNS}):
        yield


def _help(words: list[str]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = cli.run([*words, "--help"], environ={})
    if code:
        raise SystemExit(f"exitkit {' '.join(words)} --help ended with {code}")
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def _typed(flag: options.Flag, value: Any) -> list[str]:
    """The words of one setting on the command line, each flag with its value."""
    if flag.switch:
        return [flag.name if value else f"--no-{flag.name[2:]}"]
    if flag.repeated:
        each = [f"{key}={one}" for key, one in value.items()] if isinstance(value, dict) else value
    else:
        each = [value if isinstance(value, str | int | float) else json.dumps(value)]
    return [f"{flag.name} {shlex.quote(str(one))}" for one in each]


def _kind(one: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in one:
        inner = whole["$defs"][str(one["$ref"]).rpartition("/")[2]]
        return f"mapping of {', '.join(f'`{key}`' for key in inner.get('properties', {}))}"
    if "enum" in one or "const" in one:
        return _either([f"`{value}`" for value in one.get("enum", [one.get("const")])])
    if "anyOf" in one:
        if one["anyOf"] in (_DURATION, _SIZE):
            return "duration" if one["anyOf"] == _DURATION else "size"
        return _either(list(dict.fromkeys(word for each in one["anyOf"] if (word := _kind(each, whole)))))
    if one.get("type") == "array":
        inner = _kind(one.get("items", {}), whole)
        return f"list of {inner}s" if inner.endswith("number") else f"list of {inner}"
    if one.get("type") == "object":
        inner = one.get("additionalProperties")
        return f"mapping of {_kind(inner, whole)}" if isinstance(inner, dict) else "mapping"
    if one.get("format") in ("password", "path"):
        return "secret" if one["format"] == "password" else "path"
    return _PLAIN[one["type"]] if "type" in one else "anything"


def _flat(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in facts.items():
        if isinstance(value, dict) and value and before == "" and key not in ("parameters", "labels", "annotations"):
            yield from _flat(value, f"{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{before}{key}", [*value[0]]
        elif isinstance(value, dict) and value:
            yield f"{before}{key}.{next(iter(value))}", next(iter(value.values()))
        else:
            yield f"{before}{key}", value


def _example(value: object) -> str:
    if isinstance(value, list) and value:
        return f"a list; each has {', '.join(f'`{key}`' for key in value)}"
    return _code(value)


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _both(one: str, other: str) -> str:
    return f"{one}<br>{other}" if other else one


def _code(value: object) -> str:
    if value is None or value in ("", [], {}, ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else options.default_text(value)}`"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


_HOW_SETTINGS_ARE_GIVEN = """## Settings

Every setting of every action can be given in three ways; the first that gives it counts, and else its default:

1. a flag: `--channel '#ops'`, with hyphens for underscores; the flag of a list or a mapping is repeated
   (`--to a@example.com --to b@example.com`, `--facts Date=today`), and anything deeper is written as YAML or JSON;
2. a key under `with:` in a plan;
3. an environment variable: `EXITKIT_`, the action's name and the key, in capitals; lists have commas between
   (`a,b`), mappings too (`Date=today,Team=ops`); an empty variable is none.

A secret can also be the content of a file, named by `<key>_file` in the same ways; the line end at its end is cut. Secrets are never printed, and are cut from every message that is.

Durations are seconds, or such as `90s`, `5m`, `1h30m`, `7d`; sizes are bytes, or such as `64Ki`, `10Mi`, `5G`.
Every text may be a template with the workflow's facts in it: `{{ workflow.name }}` ([all facts](../facts.md)).
"""

_ABOUT_THE_COMMAND_LINE = """Exit codes: 0 fine · 1 a step failed · 2 the plan or a flag is wrong, and nothing has run · 3 the deadline cut the run ·
130 and 143 ended by a signal.
"""

_ABOUT_FACTS = """What is known of the finished workflow. Each fact has a flag on every command that acts, and a variable, which the
flag goes before. A tag that Argo did not fill, such as `{{workflow.failures}}` as it stands, is taken for unset. What is
not given is found where it can be, and a value that is broken is noted in the report; it never stops a message.

Wherever Argo's JSON is taken it may also be in base64, quoted once more or several times, or cut at its end, which is
noted. `--workflow` takes all of Argo's `workflow` at once; what has a flag or a variable of its own goes before it.

## How to take them in a template of your own

The templates in [deploy/](../deploy/workflow-template.yaml) take every fact themselves, and their hook has no arguments.
A template of your own does the same by expressions in its own body, each an argument of its own:

```yaml
args:
  - notify
  - --workflow
  - "{{=sprig.b64enc(toJson(sprig.omit(workflow, 'failures', 'parameters', 'labels', 'annotations', 'outputs')))}}"
  - --failures
  - "{{=sprig.b64enc(sprig.trunc(54000, workflow?.failures ?? ''))}}"
  - --labels
  - "{{=sprig.b64enc(sprig.trunc(6000, workflow.labels.json))}}"
```

Do not pass them as a hook's arguments, and do not write `{{workflow.failures}}` or `{{workflow.parameters.json}}` as
they stand, although that works with most texts:

- Argo looks for tags again in what it has put in. A failure's message with `{{=foo(}}` in it, as template engines print
  them, keeps the exit pod from being made, and a workflow that succeeded after a retry ends in Error.
- A parameter or an annotation with a character that Go does not print (DEL, some emoji) keeps the workflow from starting.
- `{{steps.train.status}}` in the hook of a step with `withItems` fails the workflow before its first step, and
  `{{workflow.failures}}` in any step's hook makes its spec invalid.
- More than 128 KiB of arguments need a ConfigMap, which Argo's controller may not make as it is installed.

What is cut to stay below that is noted in the message.

## The hook of a step

It is the hook of a workflow, on a step or a task, with nothing passed, also with `withItems`, `withParam` and retries:

```yaml
- - name: train
    template: train
    hooks:
      exit:
        templateRef: {name: exitkit, template: notify}
```

The workflow's status is still Running then. Where the workflow's [record](record.md) can be read, the message says how
step `train` itself ended, and `workflow.subjectNode` has its inputs, outputs and exit code; else that it ended and the
workflow goes on. `workflow.step` is the step's name, and empty in the workflow's own handler.
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

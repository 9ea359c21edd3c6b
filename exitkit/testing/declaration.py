"""What is wrong with an action as it is declared, in words; each function gives a list, empty if all is well."""

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from exitkit import builtin
from exitkit.action import Action
from exitkit.cli import commands, flags
from exitkit.plan import check, registry, schema
from exitkit.settings import fields

SDKS = frozenset(
    {"apprise", "boto3", "botocore", "duckdb", "google", "kubernetes", "lightkube", "slack_sdk", "sqlalchemy"}
)
"""Packages that take long to load, or that only an extra brings."""

# Words that a step has already; an action's own would be a second owner.
_OF_THE_STEP = re.compile(r"(retry|retries|attempts?)(_.*)?|timeout|.*_retries|max_attempts")
_NAME = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9_]*")
_FIRST_WORDS = {"a", "an", "the", "this", "it", "action"}
_LONGEST_HELP = 100


def field_faults(action: type[Action]) -> list[str]:
    found = [f"{name} has no description" for name, one in action.model_fields.items() if not one.description]
    names = [name for name in action.model_fields if _OF_THE_STEP.fullmatch(name)]
    return found + [f"{name} belongs to the step, in retry: and timeout:" for name in names]


def help_faults(action: type[Action]) -> list[str]:
    text = (vars(action).get("__doc__") or "").strip().partition("\n")[0].strip()
    if not text:
        return ["the class has no docstring of its own"]
    first = text.partition(" ")[0].lower()
    third_person = first.endswith("s") and not first.endswith("ss")
    found = [] if text.endswith(".") else ["the first line does not end with a period"]
    if third_person or first.endswith("ing") or first in _FIRST_WORDS or not text[0].isupper():
        found.append(f"the first line is not imperative: {text!r}")
    if len(text) > _LONGEST_HELP:
        found.append(f"the first line has {len(text)} characters, {_LONGEST_HELP} are allowed")
    return found


def name_faults(name: str, action: type[Action]) -> list[str]:
    if not _NAME.fullmatch(name):
        return [f"{name!r} is not of the form kind.name in small letters"]
    kind, _, leaf = name.partition(".")
    found = []
    if action.__name__.lower() != leaf.replace("_", ""):
        found.append(f"the class {action.__name__} is not named after {leaf}")
    if name in builtin.BUILTIN and action.__module__ != f"exitkit.{name}":
        found.append(f"the module {action.__module__} is not exitkit.{name}")
    if leaf not in action.__module__.rpartition(".")[2]:
        found.append(f"the module {action.__module__} does not bear the name {leaf}")
    if kind in _kinds() and not issubclass(action, _kinds()[kind]):
        found.append(f"{action.__name__} is no {_kinds()[kind].__name__}, as those of the kind {kind} are")
    if name in registry.names() and registry.find(name) is not action:
        found.append(f"{name} is installed as another class, {registry.find(name).__qualname__}")
    return found


_ASKED_FOR = {"literal", "guard_origin"}  # what whoever binds a step asks of the actions that have it


def method_faults(action: type[Action]) -> list[str]:
    # A kind may have several classes to begin with, all in its wing and none an action of its own.
    leaves = {one.where.partition(":")[0] for one in builtin.BUILTIN.values()}
    kind = next(one for one in action.__mro__ if issubclass(one, Action) and _is_trunk(one.__module__, leaves))
    own = action.__mro__[: action.__mro__.index(kind)]
    extra = sorted(
        {
            name
            for one in own
            if issubclass(one, Action)
            for name, value in vars(one).items()
            if not name.startswith(("_", "model_")) and (callable(value) or isinstance(value, _WRAPPED))
        }
        - set(dir(kind))
        - set(action.model_fields)
        - _ASKED_FOR
    )
    return [f"{name} is public, and nobody calls it: begin it with an underscore" for name in extra]


def _is_trunk(module: str, leaves: Collection[str]) -> bool:
    return module.startswith("exitkit.") and module not in leaves


def flag_faults(name: str, action: type[Action]) -> list[str]:
    given = flags.flags("action", action, registry.prefix(name))
    reached = {flag.field for flag in given}
    wanted = {one.alias or field for field, one in action.model_fields.items()}
    wanted |= {f"{secret}_file" for secret in fields.secrets_of(action)}
    found = [f"{field} has no flag" for field in sorted(wanted - reached)]
    spoken = {"--help"}
    for flag in [*given, *commands.run_flags(), *commands.fact_flags(), *flags.flags("terms", check.When, "")]:
        names = {flag.name, f"--no-{flag.name[2:]}"} if flag.switch else {flag.name}
        found += [f"{one} is the flag of something else, too" for one in sorted(names & spoken)]
        spoken |= names
    return found


def schema_faults(action: type[Action], example: Mapping[str, Any]) -> list[str]:
    made = json.loads(json.dumps(schema.settings_schema(action)))
    plain = json.loads(json.dumps(dict(example), default=str))
    found = [f"{key} is not in the schema" for key in plain if key not in made["properties"]]
    try:
        import jsonschema
    except ImportError:
        return found
    jsonschema.Draft202012Validator.check_schema(made)
    return found + [one.message for one in jsonschema.Draft202012Validator(made).iter_errors(plain)]


def loaded_by(module: str) -> set[str]:
    """The top-level packages that are loaded once the module is, in an interpreter of its own."""
    code = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert ran.returncode == 0, f"{module} cannot be imported by itself: {ran.stderr[-600:]}"
    return set(ran.stdout.split())


def secrets_in(value: object) -> list[str]:
    """Every secret in there, at any depth."""
    if isinstance(value, SecretStr):
        return [value.get_secret_value()] if value.get_secret_value() else []
    if isinstance(value, BaseModel):
        return [found for name in type(value).model_fields for found in secrets_in(getattr(value, name))]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple | set) else ()
    return [found for one in inner for found in secrets_in(one)]


def snapshot(folder: Path) -> list[tuple[str, bytes, int]]:
    """All files below the folder, with what is in them and when it was written."""
    return sorted(
        (str(path), path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns) for path in _below(folder)
    )


_WRAPPED = (property, classmethod, staticmethod)


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def _kinds() -> dict[str, type[Action]]:
    """The kinds that have a class of their own: those of the name's module that are an Action."""
    found: dict[str, type[Action]] = {}
    for kind in builtin.KINDS:
        one = getattr(importlib.import_module(f"exitkit.{kind}"), kind.capitalize(), None)
        if inspect.isclass(one) and issubclass(one, Action):
            found[kind] = one
    return found

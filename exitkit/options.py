"""From a settings model to a command's flags, totally: every field has a flag, whatever its type.

Typer carries text, pydantic validates it. No field has a hook for the command line.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from exitkit import fields, settings
from exitkit.errors import ConfigError

_VALUES: Mapping[fields.Shape, str] = {"mapping": "KEY=VALUE", "structure": "YAML"}

Given = dict[str, dict[str, Any]]
"""What was typed: group, then field, then value."""


@dataclass(frozen=True)
class Flag:
    """One flag: the group and field that it sets, its name, what help says of it, and of its value."""

    group: str
    field: str
    name: str
    help: str
    repeated: bool = False
    switch: bool = False
    value: str = "TEXT"


def flags(group: str, model: type[BaseModel], prefix: str) -> list[Flag]:
    """The flags of a model's fields, with `<secret>-file` beside each secret."""
    found = []
    secrets = fields.secrets_of(model)
    for name, field in model.model_fields.items():
        kind = fields.shape(field)
        key = field.alias or name
        found.append(
            Flag(
                group,
                key,
                "--" + key.replace("_", "-"),
                help_of(name, field, prefix),
                repeated=kind in ("list", "mapping"),
                switch=kind == "flag",
                value=_VALUES.get(kind, "TEXT"),
            )
        )
        if name in secrets:
            found.append(
                Flag(group, f"{key}_file", f"--{key.replace('_', '-')}-file", f"A file that holds {key}.", value="PATH")
            )
    return found


def command(  # noqa: PLR0913 - what a command is
    name: str,
    text: str,
    given: list[Flag],
    run: Callable[[Given, list[str]], None],
    *,
    argument: str = "",
    context: bool = False,
) -> Callable[..., None]:
    """A function with one parameter for each flag, which calls `run` with what was typed.

    `argument` names an optional positional one. Raises ValueError if two flags have one name.
    """
    taken = {"--help": "every command"}
    for flag in given:
        for one in _names(flag):
            if one in taken:
                raise ValueError(f"{name}: {flag.group} and {taken[one]} both have {one}")
            taken[one] = flag.group
    parameters = [_parameter(flag) for flag in given]
    if argument:
        hint = Annotated[list[str] | None, typer.Argument(metavar=f"[{argument}]", show_default=False)]
        parameters.insert(
            0, inspect.Parameter("argument_", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        )
    if context:
        parameters.insert(0, inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))

    def body(**values: Any) -> None:
        if context and values.pop("ctx").invoked_subcommand is not None:
            if any(value not in (None, []) for value in values.values()):
                raise ConfigError(f"put the flags after the action: exitkit {name} ACTION --flag …")
            return
        arguments = values.pop("argument_", None) or []
        run(_typed(given, values), arguments)

    body.__name__ = name
    body.__doc__ = text
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body.__annotations__ = {one.name: one.annotation for one in parameters}
    return body


def read(model: type[BaseModel], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Typed text as the values of a model's fields. Raises SettingsError."""
    by_key = {field.alias or name: (name, field) for name, field in model.model_fields.items()}
    values: dict[str, Any] = {}
    for key, text in typed.items():
        if key in by_key and not isinstance(text, bool):
            name, field = by_key[key]
            values[key] = settings.from_text(name, field, text)
        else:
            values[key] = text
    return values


def help_of(name: str, field: FieldInfo, prefix: str) -> str:
    """The description, the choices, the default and the variable."""
    text = field.description or name
    choices = [str(one) for inner in _literals(field.annotation) for one in get_args(inner)]
    told = [f"one of {', '.join(choices)}"] if choices else []
    default = field.default if field.default_factory is None else field.default_factory()  # type: ignore[call-arg]
    if not field.is_required() and default not in (None, "", (), [], {}, False):
        told.append(f"default: {default_text(default)}")
    told += [f"env: {prefix}{(field.alias or name).upper()}"] if prefix else []
    return f"{text} [{'; '.join(told)}]" if told else text


def default_text(default: Any) -> str:
    """A default as one would type it."""
    if isinstance(default, BaseModel):
        return ", ".join(f"{key}={default_text(value)}" for key, value in default)
    if isinstance(default, list | tuple):
        return ",".join(map(str, default))
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _parameter(flag: Flag) -> inspect.Parameter:
    option = typer.Option(
        "/".join(_names(flag)), help=flag.help, show_default=False, metavar=None if flag.switch else flag.value
    )
    kind: Any = bool if flag.switch else list[str] if flag.repeated else str
    return inspect.Parameter(
        _identifier(flag), inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _names(flag: Flag) -> tuple[str, ...]:
    return (flag.name, f"--no-{flag.name[2:]}") if flag.switch else (flag.name,)


def _typed(given: list[Flag], values: Mapping[str, Any]) -> Given:
    typed: Given = {flag.group: {} for flag in given}
    for flag in given:
        value = values[_identifier(flag)]
        if value not in (None, []):
            typed[flag.group][flag.field] = value
    return typed


def _identifier(flag: Flag) -> str:
    return f"{flag.group}__{flag.field}".replace("-", "_")


def _literals(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return [annotation]
    return [found for one in get_args(annotation) for found in _literals(one)]

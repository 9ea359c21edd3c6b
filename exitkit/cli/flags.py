"""From a settings model to a command's flags, totally: every field has a flag, whatever its type.

Typer, or for a plain line `plain`, carries text; pydantic validates it. No field has a hook for the command line.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from exitkit import settings
from exitkit.settings import fields

_VALUES: Mapping[fields.Shape, str] = {"mapping": "KEY=VALUE", "structure": "YAML"}

Given = dict[str, dict[str, Any]]
"""What was typed: group, then field, then value."""


class Flag(NamedTuple):
    """One flag: the group and field that it sets, its name, what help says of it, and of its value."""

    group: str
    field: str
    name: str
    help: str
    repeated: bool = False
    switch: bool = False
    value: str = "TEXT"

    @property
    def names(self) -> tuple[str, ...]:
        """As it is typed, on and off."""
        return (self.name, f"--no-{self.name[2:]}") if self.switch else (self.name,)

    @property
    def identifier(self) -> str:
        """What it is called among the values of its command."""
        return f"{self.group}__{self.field}".replace("-", "_")


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


class Command(NamedTuple):
    """What a command takes and does: `run` gets what was typed for its flags, and its words.

    `argument` names an optional word; none is taken where it is empty. `context` says that it stands for a group,
    and runs only where none of the group's commands is named.
    """

    name: str
    text: str
    flags: tuple[Flag, ...]
    run: Callable[[Given, list[str]], None]
    argument: str = ""
    context: bool = False

    def given(self, values: Mapping[str, Any]) -> Given:
        """By group, from values by identifier; what was not typed is left out."""
        typed: Given = {flag.group: {} for flag in self.flags}
        for flag in self.flags:
            value = values.get(flag.identifier)
            if value not in (None, []):
                typed[flag.group][flag.field] = value
        return typed


def command(  # noqa: PLR0913 - what a command is
    name: str,
    text: str,
    given: list[Flag],
    run: Callable[[Given, list[str]], None],
    *,
    argument: str = "",
    context: bool = False,
) -> Command:
    """The command of these flags. Raises ValueError if two of them have one name."""
    taken = {"--help": "every command"}
    for flag in given:
        for one in flag.names:
            if one in taken:
                raise ValueError(f"{name}: {flag.group} and {taken[one]} both have {one}")
            taken[one] = flag.group
    return Command(name, text, tuple(given), run, argument, context)


def plain(command: Command, words: list[str]) -> tuple[Given, list[str]] | None:
    """What was typed, where it is flags with their values and nothing else; None leaves it to Typer.

    Typer would come to the same. Loading it takes longer than anything else that most commands do, so it gets
    only the lines about which it has something to say: those that are wrong, and those that ask for help.
    """
    known = {name: flag for flag in command.flags for name in flag.names}
    values: dict[str, Any] = {}
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "-" or not word.startswith("-"):
            arguments.append(word)
            continue
        name, equals, told = word.partition("=")
        flag = known.get(name)
        value = told if equals or flag is None or flag.switch else next(rest, None)
        if flag is None or value is None or (flag.switch and equals):
            return None
        if flag.switch:
            values[flag.identifier] = name == flag.name
        elif flag.repeated:
            values.setdefault(flag.identifier, []).append(value)
        else:
            values[flag.identifier] = value
    return (command.given(values), arguments) if command.argument or not arguments else None


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


def _literals(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return [annotation]
    return [found for one in get_args(annotation) for found in _literals(one)]

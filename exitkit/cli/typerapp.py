"""The commands as Typer has them: with help, and with words for what is typed wrong."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exitkit.builtin import KINDS
from exitkit.errors import ConfigError
from exitkit.version import __version__

if TYPE_CHECKING:
    from exitkit.cli.commands import CommandSession
    from exitkit.cli.flags import Command, Flag

COMMANDS = {
    "run": "Run a plan, by default exitkit.yaml.",
    "check": "Say what is wrong with a plan, and run nothing.",
    "preview": "Show what a plan would do and send, and do nothing.",
    "explain": "Show the lines of a log that say why its run failed.",
    "actions": "List the actions, or the settings of one.",
    "schema": "Print the JSON Schema of a plan, for editors.",
    "manifest": "Print what puts exitkit into a cluster, with the rights that a plan needs.",
    "doctor": "Say what of this place would be wrong in a run, and send nothing.",
    "demo": "Run a plan on a failed workflow's facts, to try it out.",
    "completion": "Print a script that completes commands and flags, for bash, zsh or fish.",
    "help": "Show what a command does and takes.",
    "version": "Show the version.",
}
"""What stands beside the four kinds of action, and its help."""

_ABOUT = "What should happen when an Argo workflow ends: tell people, clean up, ship the logs, report."


# Of the library that Typer stands on, which it brings along under a name of its own.
_TYPED_WRONG: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def run(argv: list[str], session: "Callable[[], CommandSession]") -> str:
    """Run the line, and say on standard error and in what is returned what was typed wrong; "" if nothing was.

    Raises SystemExit with the exit code where the line itself asks for an end, as `--help` does.
    """
    try:
        code = build(argv, session)(argv, prog_name="exitkit", standalone_mode=False)
    except _TYPED_WRONG as error:
        shown: Any = error
        shown.show()
        words: str = shown.format_message()
        if "Usage:" in words:  # something is missing, and the help is the message
            return f"more is to be said after {' '.join(['exitkit', *argv])}"
        return words[:1].lower() + words[1:].rstrip(".")
    except typer.Abort:
        code = 1
    if isinstance(code, int) and code:
        raise SystemExit(code)
    return ""


def build(argv: list[str], session: "Callable[[], CommandSession]") -> typer.Typer:
    """The commands as far as this line needs them: making all would cost more than most runs take."""
    app = typer.Typer(
        help=_ABOUT,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
    )
    app.callback()(_root)
    word = next((one for one in argv if not one.startswith("-")), "")
    for name, text in COMMANDS.items():
        app.command(name, help=text)(_command(name, session()) if word == name else _placeholder)
    for kind, text in KINDS.items():
        group = typer.Typer(help=text, rich_markup_mode=None, no_args_is_help=kind != "notify")
        group.command("placeholder")(_placeholder)
        app.add_typer(_kind(kind, group, argv, session()) if word == kind else group, name=kind)
    return app


def function(command: "Command") -> Callable[..., None]:
    """A function with one parameter for each flag, which runs the command with what was typed."""
    parameters = [_parameter(flag) for flag in command.flags]
    if command.argument:
        hint = Annotated[list[str] | None, typer.Argument(metavar=f"[{command.argument}]", show_default=False)]
        parameters.insert(
            0, inspect.Parameter("argument_", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        )
    if command.context:
        parameters.insert(0, inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))

    def body(**values: Any) -> None:
        if command.context and values.pop("ctx").invoked_subcommand is not None:
            if any(command.given(values).values()):
                raise ConfigError(f"put the flags after the action: exitkit {command.name} ACTION --flag …")
            return
        arguments = values.pop("argument_", None) or []
        command.run(command.given(values), arguments)

    body.__name__ = command.name
    body.__doc__ = command.text
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body.__annotations__ = {one.name: one.annotation for one in parameters}
    return body


def _command(name: str, session: "CommandSession") -> Callable[..., None]:
    from exitkit.cli import commands

    command = commands.named(session, name)
    return function(command) if command is not None else _placeholder


def _kind(kind: str, group: typer.Typer, argv: list[str], session: "CommandSession") -> typer.Typer:
    """`exitkit notify` and those of its actions that the line needs."""
    from exitkit.cli import commands

    group.registered_commands.clear()
    if kind == "notify":
        group.callback(invoke_without_command=True)(_command(kind, session))
    else:
        group.callback()(_nothing)
    needed = _needed(kind, argv)
    for name in needed:
        short = name.partition(".")[2]
        try:
            command = commands.named(session, kind, short)
        except ConfigError:
            if needed == [name]:
                raise
            continue  # a plugin that is broken; `exitkit actions` says how
        if command is not None:
            group.command(short, help=command.text)(function(command))
    return group


def _needed(kind: str, argv: list[str]) -> list[str]:
    """The action that is named, none where flags follow the kind at once, and else all, for the help."""
    from exitkit.plan import registry

    after = argv[argv.index(kind) + 1 :]
    if after and after[0].startswith("-") and not {"--help", "-h"} & set(after):
        return []
    named = f"{kind}.{after[0]}" if after else ""
    if registry.is_known(named):
        return [named]
    return registry.of_kind(kind)


def _parameter(flag: "Flag") -> inspect.Parameter:
    option = typer.Option(
        "/".join(flag.names), help=flag.help, show_default=False, metavar=None if flag.switch else flag.value
    )
    kind: Any = bool if flag.switch else list[str] if flag.repeated else str
    return inspect.Parameter(
        flag.identifier, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's form of a callback
    if wanted:
        typer.echo(f"exitkit {__version__}")
        raise typer.Exit


def _root(
    *,
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
    ),
) -> None:
    """Nothing more: the option ends the run by itself."""


def _nothing() -> None: ...


def _placeholder() -> None: ...

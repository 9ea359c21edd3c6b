"""The command line: from what was typed to a plan, a run, and an exit code."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import typer

import exitkit
from exitkit.actions import BUILTIN, KINDS
from exitkit.errors import ConfigError, ExitkitError

if TYPE_CHECKING:
    from exitkit.commands import Session
    from exitkit.stop import Stop

COMMANDS = {
    "run": "Run a plan, by default exitkit.yaml.",
    "check": "Say what is wrong with a plan, and run nothing.",
    "preview": "Show what a plan would do and send, and do nothing.",
    "actions": "List the actions, or the settings of one.",
    "schema": "Print the JSON Schema of a plan, for editors.",
    "demo": "Run a plan on a failed workflow's facts, to try it out.",
}
"""What stands beside the four kinds of action, and its help."""

_ABOUT = "What should happen when an Argo workflow ends: tell people, clean up, ship the logs, report."


def run(argv: list[str], stop: "Stop | None" = None, environ: Mapping[str, str] | None = None) -> int:
    """The exit code of a command line without the program's name."""
    line = _Line(argv, dict(os.environ if environ is None else environ), stop)
    try:
        build(line)(argv, prog_name="exitkit", standalone_mode=True)
    except SystemExit as ended:  # how Typer says that it is done, also with usage errors, which are 2
        if ended.code:
            return ended.code if isinstance(ended.code, int) else 1
    except ExitkitError as error:
        _say(str(error))
        return error.exit_code
    except BrokenPipeError:
        return 0
    return line.made.exit_code if line.made else 0


class _Line:
    """What was typed, and the session that it leads to, made only by a command that needs it."""

    def __init__(self, argv: list[str], environ: Mapping[str, str], stop: "Stop | None") -> None:
        self.argv, self.environ, self.stop = argv, environ, stop
        self.made: Session | None = None
        self.words = [one for one in argv if not one.startswith("-")]

    def needed(self, kind: str) -> list[str]:
        """The action that is named, none where flags follow the kind at once, and else all, for the help."""
        from exitkit import registry

        after = self.argv[self.argv.index(kind) + 1 :]
        if after and after[0].startswith("-") and "--help" not in after:
            return []
        named = f"{kind}.{after[0]}" if after else ""
        if named in BUILTIN or named in registry.of_kind(kind):
            return [named]
        return registry.of_kind(kind)

    def session(self) -> "Session":
        from exitkit import log
        from exitkit.commands import Session

        log.set_up(self.environ.get("EXITKIT_LOG", "warning"))
        self.made = Session(self.environ, self.stop)
        return self.made


def build(line: _Line) -> typer.Typer:
    """The commands as far as this line needs them: making all would cost more than most runs take."""
    app = typer.Typer(
        help=_ABOUT,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
    )
    app.callback()(_root)
    word = line.words[0] if line.words else ""
    for name, text in COMMANDS.items():
        app.command(name, help=text)(_command(name, line) if word == name else _placeholder)
    for kind, text in KINDS.items():
        group = typer.Typer(help=text, rich_markup_mode=None, no_args_is_help=kind != "notify")
        group.command("placeholder")(_placeholder)
        app.add_typer(_kind(kind, group, line) if word == kind else group, name=kind)
    return app


def _command(name: str, line: _Line) -> Callable[..., None]:
    from exitkit import commands

    return commands.BY_NAME[name](line.session())


def _kind(kind: str, group: typer.Typer, line: _Line) -> typer.Typer:
    """`exitkit notify` and those of its actions that the line needs."""
    from exitkit import commands, registry

    session = line.session()
    group.registered_commands.clear()
    if kind == "notify":
        group.callback(invoke_without_command=True)(commands.notify_all(session))
    else:
        group.callback()(_nothing)
    needed = line.needed(kind)
    for name in needed:
        try:
            action = registry.find(name)
        except ConfigError:
            if needed == [name]:
                raise
            continue  # a plugin that is broken; `exitkit actions` says how
        short = name.partition(".")[2]
        group.command(short, help=registry.help_of(action))(commands.action_command(name, action, session))
    return group


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's form of a callback
    if wanted:
        typer.echo(f"exitkit {exitkit.__version__}")
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


def _say(text: str) -> None:
    from exitkit import redact

    for line in redact.redact(text).splitlines() or [""]:
        typer.echo(f"exitkit: {redact.printable(line, 4000)}", err=True)

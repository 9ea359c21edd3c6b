"""The command line: from what was typed to a plan, a run, and an exit code."""

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from exitkit import stdout
from exitkit.builtin import KINDS
from exitkit.errors import ExitkitError

if TYPE_CHECKING:
    from exitkit.cli.commands import CommandSession
    from exitkit.signals import Stop


_COMMANDS = ("run", "check", "preview", "explain", "actions", "schema", "manifest", "doctor", "demo", "completion")
"""The commands beside the four kinds of action that do something."""

USAGE = 2
"""The exit code for what is wrong with a plan, a flag or a variable."""


def run(argv: list[str], stop: "Stop | None" = None, environ: Mapping[str, str] | None = None) -> int:
    """The exit code of a command line without the program's name."""
    line = _Line(_meant(argv), dict(os.environ if environ is None else environ), stop)
    try:
        if not line.plainly():
            from exitkit.cli import typerapp

            wrong = typerapp.run(line.argv, line.session)
            if wrong:
                return line.refused(wrong)
    except SystemExit as ended:  # how Typer says that it is done
        if ended.code:
            return ended.code if isinstance(ended.code, int) else 1
    except ExitkitError as error:
        _say(str(error))
        return line.refused(str(error)) if error.exit_code == USAGE else error.exit_code
    except BrokenPipeError:
        return 1  # as Typer has it
    except OSError as error:  # standard output is full
        _say(f"standard output cannot be written: {(error.strerror or 'i/o error').lower()}")
        stdout.drop(sys.stdout)
        return 1
    return line.made.exit_code if line.made else 0


class _Line:
    """What was typed, and the session that it leads to, made only by a command that needs it."""

    def __init__(self, argv: list[str], environ: Mapping[str, str], stop: "Stop | None") -> None:
        self.argv, self.environ, self.stop = argv, environ, stop
        self.made: CommandSession | None = None

    def plainly(self) -> bool:
        """Run a line about which Typer has nothing to say; whether this was one."""
        word, *words = self.argv or [""]
        if word == "completion" and words[:1] == ["words"]:  # which are a line of their own, flags included
            from exitkit.cli import about, commands, completion

            session = self.session()
            named = partial(commands.named, session)
            about.say("\n".join(completion.candidates(words[1:], commands.BY_NAME, named)))
            return True
        if (word not in KINDS and word not in _COMMANDS) or {"--help", "-h"} & set(words):
            return False
        from exitkit.cli import commands, flags

        short = words.pop(0) if word in KINDS and words and not words[0].startswith("-") else ""
        with stdout.apart():  # it may import a plugin
            command = commands.named(self.session(), word, short)
        if command is None:
            return False
        found = flags.plain(command, words)
        if found is None:
            return False
        command.run(*found)
        return True

    def refused(self, text: str) -> int:
        """The exit code, after the error has been told wherever the end of a run is told."""
        word = self.argv[0] if self.argv else ""
        if (word in KINDS or word == "run") and "--help" not in self.argv:
            from exitkit.cli import refusal

            return refusal.tell(self.session(), self.argv, text)
        return USAGE

    def session(self) -> "CommandSession":
        from exitkit.cli import log
        from exitkit.cli.commands import CommandSession

        if self.made is None:
            from exitkit.settings import credentials

            credentials.learn(self.environ)  # before anything is told
            log.set_up(self.environ.get("EXITKIT_LOG", "warning"))
            self.made = CommandSession(self.environ, self.stop)
        return self.made


def _meant(argv: list[str]) -> list[str]:
    """`help notify` and `version` as the options that they stand for."""
    if argv[:1] == ["help"]:
        return [*argv[1:], "--help"]
    return ["--version"] if argv == ["version"] else argv


def _say(text: str) -> None:
    from exitkit.text import redact

    for line in redact.redact(text).splitlines() or [""]:
        sys.stderr.write(f"exitkit: {redact.printable(line, 4000)}\n")

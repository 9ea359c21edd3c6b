"""Completion in a shell: the script that the shell loads, and the words that it asks for."""

import sys
from typing import TYPE_CHECKING

from exitkit.builtin import KINDS
from exitkit.errors import ConfigError

if TYPE_CHECKING:
    from exitkit.cli.commands import Session

_BASH = """\
_exitkit() {
    local IFS=$'\\n'
    COMPREPLY=($(exitkit completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _exitkit exitkit
"""
_SCRIPTS = {
    "bash": _BASH,
    "zsh": f"autoload -U +X bashcompinit && bashcompinit\n{_BASH}",
    "fish": "complete -c exitkit -a '(exitkit completion words (commandline -opc)[2..] (commandline -ct))'\n",
}


def tell(words: list[str], session: "Session") -> None:
    """Print the script for a shell, or for `words …` what the last of them can become. Raises ConfigError."""
    if words[:1] == ["words"]:
        for candidate in candidates(words[1:], session):
            sys.stdout.write(candidate + "\n")
        return
    if len(words) != 1 or words[0] not in _SCRIPTS:
        raise ConfigError(f"say for which shell: {', '.join(_SCRIPTS)}; such as exitkit completion bash")
    sys.stdout.write(_SCRIPTS[words[0]])


def candidates(words: list[str], session: "Session") -> list[str]:
    """What the last of the words can become, with the words before it as they stand."""
    from exitkit.cli import commands
    from exitkit.plan import registry

    *before, begun = words or [""]
    if not before:
        known = [*KINDS, *commands.BY_NAME, "help", "version", "--help", "--version"]
    elif before[0] in KINDS and len(before) == 1 and not begun.startswith("-"):
        known = [name.partition(".")[2] for name in registry.of_kind(before[0])]
    else:
        short = before[1] if before[0] in KINDS and len(before) > 1 else ""
        try:
            command = commands.named(session, before[0], short)
        except ConfigError:  # a plugin that is broken
            command = None
        known = [name for flag in command.flags for name in flag.names] + ["--help"] if command else []
        if before[0] == "actions" or before[:1] == ["help"]:
            known += registry.names()
    return sorted(name for name in known if name.startswith(begun))

"""Completion in a shell: the script that the shell loads, and the words that it asks for."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from exitkit.builtin import KINDS
from exitkit.errors import ConfigError

if TYPE_CHECKING:
    from exitkit.cli.flags import Command

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


def script(words: list[str]) -> str:
    """What a shell is to load. Raises ConfigError where it is not said which."""
    if len(words) != 1 or words[0] not in _SCRIPTS:
        raise ConfigError(f"say for which shell: {', '.join(_SCRIPTS)}; such as exitkit completion bash")
    return _SCRIPTS[words[0]]


def candidates(words: list[str], names: Iterable[str], named: "Callable[[str, str], Command | None]") -> list[str]:
    """What the last of the words can become, with the words before it as they stand.

    `names` are those of the commands beside the kinds of action, `named` finds a command by its first two words.
    """
    from exitkit.plan import registry

    *before, begun = words or [""]
    if not before:
        known = [*KINDS, *names, "help", "version", "--help", "--version"]
    elif before[0] in KINDS and len(before) == 1 and not begun.startswith("-"):
        known = [name.partition(".")[2] for name in registry.of_kind(before[0])]
    else:
        try:
            command = named(before[0], before[1] if before[0] in KINDS and len(before) > 1 else "")
        except ConfigError:  # a plugin that is broken
            command = None
        known = [name for flag in command.flags for name in flag.names] + ["--help"] if command else []
        known += registry.names() if before[0] == "actions" else []
    return sorted(name for name in known if name.startswith(begun))

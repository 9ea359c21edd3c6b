"""Long text made short: the line that says most, and its beginning and end with what lies between left out visibly."""

import re

# Both are compiled where a workflow has failed, and not at each start.
# Lines that only say where, or that something ended: frames of Python, Java, Node.js and Go, rules, brackets and
# carets, and the last words of shells, make, npm, Node.js and Argo's own executor.
_SAYS_NOTHING = (
    r'at \S.*|File ".*|\.{3} [0-9]+ (?:more|common frames omitted)|goroutine [0-9]+ .*|\S+\(0x[0-9a-f, x.]*\)|\S+\.go:[0-9]+(?: \+0x[0-9a-f]+)?'
    r"|[\W_]*|Node\.js v[0-9.]+|(?:[Ee]rror: )?exit status [0-9]+|(?:command|script) (?:terminated with|exited with|returned) "
    r"(?:exit )?(?:code|status) [0-9]+|make(?:\[[0-9]+\])?: (?:\*\*\* .*|Leaving directory .*)|npm (?:ERR!|error)(?: code \w+|.*debug.*\.log| A complete log.*)?"
    r"|.*\bargo=true\b.*|.*\bsub-process exited\b.*|For further information visit .*|note: run with `RUST_BACKTRACE=.*"
)
# What a program logs while nothing is wrong: it may follow the line that matters.
_CALM = r"\b(?:INFO|DEBUG|TRACE)\b|\blevel=\"?(?:info|debug|trace)\b|\"level\": ?\"(?:info|debug)\""
_TRACEBACK = "Traceback (most recent call last)"
_LONGEST_LOOK = 65_536  # characters from the end in which the line is looked for
_MOST_LINES = 400


def last_line(text: str) -> str:
    """The last line that says what went wrong, without the space around it; "" if none says anything.

    Of a Python traceback it is the line that names the exception, whatever follows it; stack frames, rules and lines
    that only say that something ended are passed over, and so is what was logged as information, if there is more.
    """
    tail = text[-_LONGEST_LOOK:]
    lines = [line for line in tail.splitlines() if line.strip()][-_MOST_LINES:]
    if named := _exception(lines):
        return named
    said = [line.strip() for line in lines if not re.fullmatch(_SAYS_NOTHING, line.strip())]
    return next((line for line in reversed(said) if not re.search(_CALM, line)), said[-1] if said else "")


def excerpt(text: str, limit: int) -> str:
    """The text in at most so many characters: where it is longer, its beginning and, as causes stand there, more of its end.

    It is cut between lines where that costs little, and a line of its own says how much is left out.
    """
    if len(text) <= limit:
        return text
    room = limit - 40  # for the line between
    if room < 80:
        return text[: max(0, limit - 1)] + "…" if limit > 0 else ""
    head, tail = text[: room // 3], text[-(room - room // 3) :]
    begin = head.rfind("\n", len(head) // 2)
    head = head[:begin] if begin > 0 else head
    end = tail.find("\n", 0, len(tail) // 3)
    tail = tail[end + 1 :] if end >= 0 else tail
    return f"{head}\n… {len(text) - len(head) - len(tail):,} characters left out …\n{tail}"


def _exception(lines: list[str]) -> str:
    """The line after the frames of the last Python traceback."""
    begin = next((number for number in reversed(range(len(lines))) if _TRACEBACK in lines[number]), None)
    if begin is None:
        return ""
    # A log may put something in front of each line; the frames are those that are indented more than the first.
    indent = len(lines[begin]) - len(lines[begin].lstrip())
    for line in lines[begin + 1 :]:
        if len(line) - len(line.lstrip()) <= indent:
            return line.strip()
    return ""

"""Stack traces in a log: which line names what was thrown, what caused it, and where in the user's own code that was."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, overload

MOST = 300
"""Lines that belong to one trace at most."""

_PYTHON = "Traceback (most recent call last)"
_PYTHON_FRAME = re.compile(r'\s*File "([^"]+)", line (\d+)(?:, in (.+))?')
# Java, Node.js, .NET, Ruby, PHP, Rust.
_FRAME = re.compile(
    r"\s+at \S|\s*\.{3} \d+ (?:more|common frames omitted)|\s+from \S+:\d+:in |\s*#\d+ \S.*\(\d+\)|\s+\d+: +(?:0x[0-9a-f]+ - )?[\w<:]"
    r"|\s*-{3} End of (?:inner )?(?:exception )?stack trace|at \S+ ?\([\w.$]+(?::\d+)?\)$|\s+at$|CallStack \(from|\s+\w+, called at "
)
_CAUSED = re.compile(
    r"\s*(?:Caused by:|Suppressed:|Wrapped by:|\[cause\]:|\[errors\]:|Inner exception:|---> )\s*\S", re.IGNORECASE
)
_PLACES = (
    re.compile(
        r"\s+at (?:async )?(?:new )?([\w.$<>/\[\] ]+?) ?\(((?:file://)?[^()\s]+?\.\w+:\d+)(?::\d+)?\)"
    ),  # Java, Node.js
    re.compile(r"\s+at ()((?:file://)?/?[^()\s]+?\.\w+:\d+)(?::\d+)?$"),  # Node.js, Rust
    re.compile(r"\s+at (\S.*?) in (\S+?:line \d+)"),  # .NET
    re.compile(r"\s+from ()(\S+:\d+):in "),  # Ruby
    re.compile(r"\s*#\d+ ()(\S+\(\d+\))"),  # PHP
)
_OPENS = re.compile(r"\[\s*$")  # a list of errors, which follow
_GO_FRAME = re.compile(r"\s+(\S+\.go:\d+)(?: \+0x[0-9a-f]+)?$")
_GO_CALL = re.compile(
    r"(?:goroutine \d+ \[|created by |[\w./*()-]+\(.*\)$|\[signal |exit status|panic: |\t|\s*$|runtime\.|main\.|\s+(?:/|panic:|\[recovered))"
)
_GO = re.compile(r"(?:panic|fatal error): \S|http: panic serving")
_RUST = re.compile(r"thread '[^']*'(?: \(\d+\))? panicked at ((?:[\w./-]+:\d+:\d+)?)")
_RUST_OLD = re.compile(r"panicked at '.*', (\S+:\d+):\d+")
_RUST_FRAME = re.compile(r"stack backtrace:|\s+\d+: |\s+at |note: ")
# Code that is not the user's: what a language or its packages bring along.
_LIBRARIES: Final = re.compile(
    r"site-packages|dist-packages|/lib(?:64)?/python\d|<frozen |/usr/lib/|<string>|node_modules|node:|internal/|\(internal|<anonymous>|native|webpack"
    r"|/go/pkg/mod/|/usr/local/go/|/go/\d[\d.]*/|/src/(?:runtime|testing|net/http)/|/rustc/|\.cargo/|library/(?:std|core)/|/gems/|/vendor/"
    r"|^(?:java|javax|jdk|sun|com\.sun|scala|kotlin|kotlinx|groovy|akka|io\.netty|io\.grpc|org\.(?:apache|spring|junit|hibernate|codehaus|gradle|eclipse|jboss|slf4j|mockito|testng|postgresql)\w*|com\.(?:google|fasterxml|zaxxer|mysql|amazonaws|microsoft)|reactor|software\.amazon|System|Microsoft|py4j)[.\w$]*\."
)
EXCEPTION: Final = re.compile(
    r"(?:Caused by: |Exception in thread \"[^\"]*\" |Uncaught |Unhandled |[Ee]rror: |E {1,7}|\| |\(node:\d+\) )*"
    r"(?:[A-Za-z_$][\w$]*(?:\.|::))*[A-Z]\w*(?:Error|Exception|Failure|Fault|Exit|Interrupt|Timeout|Refused|Denied|Found)(?: \[\w+\])?(?:\s*[:(]|$| at \S)"
)
"""What a message begins with that names an exception."""

_CHAINED = re.compile(r"(?:The above exception was the direct cause|During handling of the above exception)")
_GROUP = re.compile(r"\w*ExceptionGroup: .*\(\d+ sub-exceptions?\)")
_NUMBERED = re.compile(r"\s*>? *\d+ \| |\s*-{2,}> \d+ ")  # code as Jest, Rust and IPython quote it
_CARETS = re.compile(r"[\s|]*[~^-]*[\^~][\s~^-]*$")
_STAMP = re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?|\d\d:\d\d:\d\d(?:[.,]\d+)?")
# As kubelet, and container runtimes in their files, write them.
_COLLECTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.?\d*(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?")
_LOGGED = re.compile(
    r"\[?\d{4}[-/]\d\d[-/]\d\d|\[?(?:\d\d/\d\d/\d\d,? )?\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d |[IWEF]\d{4} |\[[\w -]{1,30}\] |(?:INFO|DEBUG|WARN(?:ING)?|ERROR)\b"
)
_NAMES_WHAT = re.compile(r"[A-Za-z_][\w.]*(?:: .*|:)?$")


@dataclass(frozen=True)
class Thrown:
    """A line that names what was thrown: its index, the place in the user's own code, and its part in a chain.

    `root` is what began the chain, `later` what came of it or only wraps others.
    """

    index: int
    place: str = ""
    root: bool = False
    later: bool = False


@dataclass(frozen=True)
class StackTrace:
    """From the index `first` to before `end`, and what was thrown, as it stands there; the rest is frames and code.

    `others` are lines in between that somebody else wrote.
    """

    first: int
    end: int
    thrown: tuple[Thrown, ...] = ()
    others: tuple[int, ...] = ()


class _Uncollected(Sequence[str]):
    """Lines without the time that kubelet or a collector of logs has put before each."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [_uncollected(line) for line in self.lines[place]]
        return _uncollected(self.lines[place])


def _uncollected(line: str) -> str:
    stamp = _COLLECTED.match(line)
    return line[stamp.end() :] if stamp else line


def trace(lines: Sequence[str], index: int) -> StackTrace | None:
    """The trace that begins with this line, if one does. Lines are without colours."""
    if _COLLECTED.match(lines[index]):
        lines = _Uncollected(lines)
    line = lines[index]
    at = line.find(_PYTHON)
    if at >= 0:
        return _python(lines, index, at)
    if _GO.search(line):
        return _go(lines, index)
    if _RUST.search(line) or _RUST_OLD.search(line):
        return _rust(lines, index)
    if index + 1 < len(lines) and _PYTHON_FRAME.match(lines[index + 1]):
        return _headless(lines, index)
    return _framed(lines, index)


def quoted(lines: Sequence[str], index: int) -> bool:
    """Whether the line is code that is quoted: carets point at it from below, or it stands under a frame of Python's."""
    lines = _Uncollected(lines)
    if index and _PYTHON_FRAME.match(lines[index - 1]) and lines[index][:1] in " \t":
        return True
    if _NUMBERED.match(lines[index]):
        return True
    return index + 1 < len(lines) and bool(_CARETS.match(lines[index + 1])) and not lines[index + 1].isspace()


def frame(line: str) -> bool:
    """Whether the line only says where."""
    line = _uncollected(line)
    return bool(_FRAME.match(line) or _PYTHON_FRAME.match(line) or _GO_FRAME.match(line))


def _python(lines: Sequence[str], index: int, at: int) -> StackTrace:
    """Frames are further in than the first line; the one that is not names the exception. Others may write in between."""
    for word in ("Exception Group ",):
        at -= len(word) if lines[index][:at].endswith(word) else 0
    prefix = _written(lines[index][:at])
    frames: list[tuple[str, str, str]] = []
    others: list[int] = []
    for place in range(index + 1, min(len(lines), index + MOST)):
        line = lines[place]
        before, rest = _written(line[:at]), line[at:]
        if before.strip() != prefix.strip() and prefix.strip():
            parted = _parted(line, prefix)
            if parted is None:
                others.append(place)
                continue
            rest = parted
        if not rest.strip() or rest[:1] in " \t":
            if found := _PYTHON_FRAME.match(rest):
                frames.append((found[1], found[2], found[3] or ""))
            continue
        if _LOGGED.match(rest) or (not prefix and not _NAMES_WHAT.match(rest) and not EXCEPTION.match(rest)):
            others.append(place)
            continue
        chained = any(_CHAINED.search(one) for one in lines[place + 1 : place + 4])
        caused = any(_CHAINED.search(one) for one in lines[max(0, index - 3) : index])
        later = bool(_GROUP.match(rest)) or (caused and not chained)
        return StackTrace(
            index, place + 1, (Thrown(place, _own(frames), chained and not caused, later),), tuple(others)
        )
    return StackTrace(index, index + 1)


def _headless(lines: Sequence[str], index: int) -> StackTrace:
    """Frames of Python's below another line than the usual: that of a framework, or the rest of one that was cut."""
    line = lines[index]
    found = _python(lines, index, len(line) - len(line.lstrip()))
    return StackTrace(index, found.end, (Thrown(index, later=bool(found.thrown)), *found.thrown), found.others)


def _written(text: str) -> str:
    """What a writer puts before each line, in which only the time differs, and the sides of an exception group."""
    return _STAMP.sub("#", text).replace("+", "|")


def _parted(line: str, prefix: str) -> str | None:
    """What the same writer wrote, where its time is longer or shorter than before; None if it is another's line."""
    stamp = _STAMP.search(line[:120])
    if stamp is None or "#" not in prefix:
        return None
    head, tail = prefix.split("#", 1)
    begin = stamp.end() + len(tail)
    same = line[: stamp.start()].replace("+", "|") == head and line[stamp.end() : begin].replace("+", "|") == tail
    return line[begin:] if same else None


def _own(frames: list[tuple[str, str, str]]) -> str:
    """The innermost frame of the user's own code, else the innermost."""
    for path, number, name in reversed(frames):
        if not _LIBRARIES.search(path):
            return f"{path}:{number}" + (f" in {name}" if name and name != "<module>" else "")
    return f"{frames[-1][0]}:{frames[-1][1]}" if frames else ""


def _framed(lines: Sequence[str], index: int) -> StackTrace | None:
    """A line with frames below it, perhaps after others of its message; and what caused it, with its own frames."""
    begin = next((place for place in range(index + 1, min(len(lines), index + 8)) if _FRAME.match(lines[place])), None)
    if begin is None or any(not _goes_on(lines[place]) for place in range(index + 1, begin)):
        return None
    said = [place for place in range(index + 1, begin) if _names(lines[place]) or _CAUSED.match(lines[place])]
    names, places, place = [index, *said], [""] * (1 + len(said)), begin
    blank = 0
    while place < min(len(lines), index + 10 * MOST):
        line = lines[place]
        if (_CAUSED.match(line) and not _OPENS.search(line)) or (line[:1] in " \t" and _names(line)):
            names.append(place)
            places.append("")
        elif _FRAME.match(line):
            places[-1] = places[-1] or _place(line)
        elif not line.strip() and blank < 1:
            blank += 1
            place += 1
            continue
        elif not (line[:1] in " \t}" and _goes_on(line)):
            break
        blank = 0
        place += 1
    causes = [number for number, name in enumerate(names) if "uppressed" not in lines[name]]
    root = causes[-1]
    return StackTrace(
        index,
        place,
        tuple(
            Thrown(name, places[number] or places[0], number == root and len(causes) > 1, number != root)
            for number, name in enumerate(names)
        ),
    )


def _names(line: str) -> bool:
    """Whether the line names an exception; in JavaScript that may be just an Error."""
    return bool(EXCEPTION.match(line.strip())) or line.lstrip().startswith("Error: ")


def _goes_on(line: str) -> bool:
    """Whether the line may belong to the message above it."""
    return not _LOGGED.match(line) and not line.startswith(("Traceback", "+ ", "$ "))


def _place(line: str) -> str:
    for pattern in _PLACES:
        if found := pattern.match(line):
            name, where = found[1], found[2]
            return "" if _LIBRARIES.search(name) or _LIBRARIES.search(where) else where
    return ""


def _go(lines: Sequence[str], index: int) -> StackTrace | None:
    """A panic of Go: what it says, and the first goroutine's first file that is not Go's own or a package's."""
    where, begun, place = "", False, index + 1
    while place < min(len(lines), index + 10 * MOST):
        line = lines[place]
        begun = begun or "goroutine " in line
        if not _GO_CALL.match(line) or (not begun and place > index + 8):
            break
        if (found := _GO_FRAME.match(line)) and not where and not _LIBRARIES.search(found[1]):
            where = found[1]
        place += 1
    return StackTrace(index, place, (Thrown(index, where, root=True),)) if begun else None


def _rust(lines: Sequence[str], index: int) -> StackTrace:
    """A panic of Rust; since 1.73 what it says is in the next line."""
    line = lines[index]
    if old := _RUST_OLD.search(line):
        return StackTrace(index, index + 1, (Thrown(index, old[1], root=True),))
    found = _RUST.search(line)
    where = found[1].rpartition(":")[0] if found else ""
    place = "" if _LIBRARIES.search(where) else where
    end = index + 1
    while end < min(len(lines), index + MOST) and (end == index + 1 or _RUST_FRAME.match(lines[end])):
        end += 1
    if index + 1 < len(lines) and lines[index + 1].strip():
        return StackTrace(index, end, (Thrown(index, place), Thrown(index + 1, place, root=True)))
    return StackTrace(index, end, (Thrown(index, place, root=True),))

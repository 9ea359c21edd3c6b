"""Long text made short: the line that says most, and its beginning and end with what lies between left out visibly."""

import re

# All are compiled where a workflow has failed, and not at each start.
# Lines that only say where, that something ended, or what to read: of languages, shells, build tools and test runners.
_SAYS_NOTHING = (
    r"[\W_]*"
    # Frames: Java and Node.js, Python, IPython, Go, Ruby, PHP, Terraform.
    r"|at \S.*|\.{3} [0-9]+ (?:more|common frames omitted)"
    r'|File ".*|(?:Cell )?In ?\[.*|-+> ?[0-9]+ .*'
    r"|goroutine [0-9]+ .*|\S+\.go:[0-9]+(?: \+0x[0-9a-f]+)?|\S+\((?:0x[0-9a-f, x.]*|\.{3})\)|[\w/]+\.[\w.(*)]+\(\)|created by \S+.*"
    r"|from \S+:[0-9]+:in .*|#[0-9]+ .*|Stack trace:|thrown in .* on line [0-9]+|on \S+ line [0-9]+.*"
    # That it ended: shells, their traces and times, make, MPI, Argo's executor.
    r"|(?:[Ee]rror: )?exit status [0-9]+|[Ee]xit code: *[0-9]+|\++ \S.*|(?:real|user|sys)\s+[0-9]+m[0-9.]+s"
    r"|(?:command|script|process|container|\S*:)? ?(?:terminated with|exited with|returned) (?:exit )?(?:code|status):? [0-9]+"
    r"|make(?:\[[0-9]+\])?: (?:\*\*\* .*|Leaving directory .*)"
    r"|mpirun detected that .*|the job to be terminated\..*|Process name: .*"
    r"|.*\bargo=true\b.*|.*\bsub-process exited\b.*"
    # What comes after the error: R, Perl, Node.js, npm, pip, cargo, Maven, Gradle, Snakemake, dbt, pytest, pydantic.
    r"|Execution halted|Calls: .*|(?:BEGIN|Compilation) failed(?:--.*| in require.*)|Node\.js v[0-9.]+"
    r"|npm (?:ERR!|error)(?: (?:code|errno|path|syscall|command|dest|cwd|workspace|location)\b.*|.*debug.*\.log| A complete log.*"
    r"|.*This is related to npm not being able.*)?"
    r"|\[notice\] .*|WARNING: (?:Running pip as|You are using pip|There was an error checking).*|You should consider upgrading via .*"
    r"|note: run with `RUST_BACKTRACE=.*|For more information (?:about|on) .*|error: (?:could not compile|aborting due to) .*"
    r"|\[ERROR\] (?:To see the full|Re-run Maven|For more information|\[Help [0-9]\]).*|\[ERROR\]|> Run with --.*|\* Get more help .*"
    r"|BUILD FAILED.*|FAILURE: Build failed.*"
    r"|Shutting down, this might take some time\.|Exiting because a job execution failed.*|Complete log: .*"
    r"|(?:[0-9:]+ +)?Done\. PASS=.*|compiled (?:code|SQL) at .*|=+ .*\bin [0-9.]+s.* =+|For further information visit .*"
    r"|\(Background on this error at: .*|.*\bResourceWarning: .*"
)
# What a program logs while nothing is wrong: it may follow the line that matters.
_CALM = (
    r"\b(?:INFO|DEBUG|TRACE)\b|\blevel=\"?(?:info|debug|trace)\b"
    r"|\"(?:level|severity|levelname|lvl)\": ?(?:\"(?:info|debug|trace|notice)\"|[1-3]0\b)"
)
# What a box or a tree of errors puts before each line, as Terraform and Python's exception groups do.
_FRAME = r"\s*[|│╷╵] ?"
_TRACEBACK = "Traceback (most recent call last)"
_LONGEST_LOOK = 65_536  # characters from the end in which the line is looked for
_LONGEST_LINE = 1000
_MOST_LINES = 400


def last_line(text: str) -> str:
    """The last line that says what went wrong, without the space around it; "" if none says anything.

    Of a Python traceback it is the line that names the exception, whatever follows it; stack frames, rules and lines
    that only say that something ended are passed over, and so is what was logged as information, if there is more.
    """
    tail = text[-_LONGEST_LOOK:]
    lines = [re.sub(_FRAME, "", line) for line in tail.splitlines() if line.strip()][-_MOST_LINES:]
    if named := _exception(lines):
        return named
    said = [line.strip() for line in lines if _says_something(line)]
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
        if len(line) - len(line.lstrip()) <= indent and _says_something(line):
            return line.strip()
    return ""


def _says_something(line: str) -> bool:
    # None of those lines is long, and a long one could take long.
    return len(line) > _LONGEST_LINE or re.fullmatch(_SAYS_NOTHING, line.strip()) is None

"""Where a report goes: the terminal, Argo's output parameters, and the termination message."""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from exitkit import stdout
from exitkit.clients import wholefile
from exitkit.run.report import Report, outputs
from exitkit.text import redact
from exitkit.text.safejson import dumps

Format = Literal["auto", "json", "table"]

FILES = ("report", "outcome", "exit-code", "summary")
"""What is written into the folder for a report."""


class Place(NamedTuple):
    """Where a report is to be written: its form on standard output, a folder or "", and each parameter's file."""

    form: Format
    folder: str = ""
    declared: Mapping[str, str] = {}


def write(
    report: Report, place: Place, decided: Callable[[int], None] = lambda _: None, *, root: Path = Path("/")
) -> Report:
    """Write the report where Argo can read it, and print it; the report as it is then told everywhere.

    What cannot be written is told, not raised, and changes the exit code in all places. `decided` hears of the exit
    code before anything is printed. Where a step was asked to print something, that is all of stdout, and the
    report goes to stderr. Of a refused plan nothing is printed, as its error has been.
    """
    report = fill(report, place, root)
    decided(report.exit_code)
    if report.refused:
        return report
    wanted = [one.output for one in report.entries if one.output]
    own = stdout.stream()
    failures = [
        failure
        for text in wanted
        if (failure := _print(text, text.encode("ascii", "backslashreplace").decode(), own)) is not None
    ]
    failure = show(report, place.form, sys.stderr if wanted else own)
    failures += [failure] if failure is not None else []
    if not failures:
        if report.unwritten and not wanted:
            show(report, place.form, sys.stderr)
        return report
    told = replace(report, unwritten=True, notes=(*report.notes, f"standard output: {_why(failures[0])}"))
    told = fill(told, place, root)
    decided(told.exit_code)
    show(told, place.form, sys.stderr)
    return told


def show(report: Report, form: Format, stream: TextIO) -> OSError | None:
    """As a table on a terminal and as one line of JSON elsewhere, unless asked for one of them.

    What kept it from being written, unless that is a reader who has gone.
    """
    terminal = stream.isatty()
    if form == "json" or (form == "auto" and not terminal):
        text = dumps(report.to_json())
        plain = json.dumps(json.loads(text))
    else:
        import shutil  # costs a start more than the rest of this

        colour = terminal and "NO_COLOR" not in os.environ
        text = report.table(width=shutil.get_terminal_size().columns, colour=colour)
        plain = text.encode("ascii", "backslashreplace").decode()
    return _print(text, plain, stream)


def declared(template: Mapping[str, Any]) -> dict[str, str]:
    """The template's output parameters and their files. One that is missing would make the node an Error."""
    found = {}
    declared = template.get("outputs")
    parameters = declared.get("parameters") if isinstance(declared, Mapping) else None
    for parameter in parameters if isinstance(parameters, list) else []:
        source = parameter.get("valueFrom") if isinstance(parameter, Mapping) else None
        path = source.get("path") if isinstance(source, Mapping) else None
        if isinstance(path, str) and path.startswith("/"):
            found[str(parameter.get("name", ""))] = path
    return found


def say(text: str) -> None:
    """A line on stderr, which the log may not reach."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"exitkit: {redact.printable(redact.redact(text), 1000)}\n")
        sys.stderr.flush()


def fill(report: Report, place: Place, root: Path = Path("/")) -> Report:
    """Write the files, all of them or, where one cannot be, those that can with that told; the report as told there.

    So no file tells another exit code than the process does.
    """
    problems = [] if report.unwritten else _write_all(report, place)
    if problems:
        for problem in problems:
            say(problem)
        report = replace(report, unwritten=True, notes=(*report.notes, *problems))
    if report.unwritten:
        _write_each(report, place)
    if report.failures or report.refused:  # also where they do not count, as they should still be known
        with contextlib.suppress(OSError):  # Kubernetes makes the file; where it is not, nobody reads it
            wholefile.overwrite(str(root / "dev/termination-log"), report.termination())
    return report


def _write_all(report: Report, place: Place) -> list[str]:
    """Write all files, or none where one cannot be; what could not be written, and why."""
    problems = []
    with wholefile.WholeFiles() as files:
        for path, text in _files(report, place):
            try:
                files.add(path, text)
            except (OSError, ValueError) as error:  # no path at all is a ValueError
                problems.append(_unwritable(path, error))
        problems += [] if problems else [_unwritable(path, error) for path, error in files.place()]
    return problems


def _write_each(report: Report, place: Place) -> None:
    """Write what can be written, of which nothing that an earlier one told is left."""
    for path, text in _files(report, place):
        try:
            wholefile.write(path, text)
        except (OSError, ValueError):
            wholefile.remove(path)


def _files(report: Report, place: Place) -> list[tuple[str, str]]:
    """Each file that is asked for, and what it is to hold."""
    texts = outputs(report) if place.folder or place.declared else {}
    named = [(name, f"{place.folder}/{name}") for name in FILES] if place.folder else []
    return [(path, texts.get(name, "")) for name, path in [*named, *place.declared.items()]]


def _unwritable(path: str, error: Exception) -> str:
    return f"{redact.printable(path, 300)} cannot be written: {_why(error)}"


def _print(text: str, plain: str, stream: TextIO) -> OSError | None:
    try:
        (text + "\n").encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # a terminal that is not UTF-8
        text = plain
    try:
        stream.write(text + "\n")
        stream.flush()
    except OSError as error:
        stdout.drop(stream)
        return error if error.errno != errno.EPIPE else None  # whoever read it is gone; the exit code still tells
    except ValueError:
        return None
    return None


def _why(error: Exception) -> str:
    return (error.strerror or "i/o error") if isinstance(error, OSError) else "not a path"

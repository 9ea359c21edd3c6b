"""Where a report goes: the terminal, Argo's output parameters, and the termination message."""

import json
import os
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TextIO

from exitkit.run.report import Report, outputs
from exitkit.text import redact
from exitkit.text.safejson import dumps

Format = Literal["auto", "json", "table"]

# Others read these files: Argo's executor, and whoever mounts the volume.
_MODE, _FOLDER_MODE = 0o644, 0o755


def write(report: Report, *, form: Format, template: Mapping[str, Any], folder: str, root: Path = Path("/")) -> None:
    """Print the report, and write it where Argo can read it. What cannot be written is told, not raised.

    Where a step was asked to print something, that is all of stdout, and the report goes to stderr.
    """
    wanted = [one.output for one in report.entries if one.output]
    for text in wanted:
        _print(text, text.encode("ascii", "backslashreplace").decode(), sys.stdout)
    show(report, form, sys.stderr if wanted else sys.stdout)
    found = outputs(report)
    files = {name: Path(folder) / name for name in ("report", "outcome", "exit-code", "summary")} if folder else {}
    declared = _declared(template)
    for name, path in [*files.items(), *declared.items()]:
        _write(path, found.get(name, ""))
    if report.failures:  # also where they do not count, as they should still be known
        _terminate(report, root / "dev/termination-log")


def show(report: Report, form: Format, stream: TextIO) -> None:
    """As a table on a terminal and as one line of JSON elsewhere, unless asked for one of them."""
    terminal = stream.isatty()
    if form == "json" or (form == "auto" and not terminal):
        text = dumps(report.to_json())
        plain = json.dumps(json.loads(text))
    else:
        colour = terminal and "NO_COLOR" not in os.environ
        text = report.table(width=shutil.get_terminal_size().columns, colour=colour)
        plain = text.encode("ascii", "backslashreplace").decode()
    _print(text, plain, stream)


def _print(text: str, plain: str, stream: TextIO) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except UnicodeEncodeError:  # a terminal that is not UTF-8
        stream.write(plain + "\n")
    except OSError:  # whoever read it is gone, or the disk is full; the exit code still tells
        pass


def _declared(template: Mapping[str, Any]) -> dict[str, Path]:
    """The template's output parameters and their files. One that is missing would make the node an Error."""
    found = {}
    declared = template.get("outputs")
    parameters = declared.get("parameters") if isinstance(declared, Mapping) else None
    for one in parameters if isinstance(parameters, list) else []:
        source = one.get("valueFrom") if isinstance(one, Mapping) else None
        path = source.get("path") if isinstance(source, Mapping) else None
        if isinstance(path, str) and path.startswith("/"):
            found[str(one.get("name", ""))] = Path(path)
    return found


def _write(path: Path, text: str) -> None:
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            path.parent.chmod(_FOLDER_MODE)  # the umask keeps others out, and these are for others
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        path.chmod(_MODE)
    except (OSError, ValueError) as error:  # no path at all is a ValueError
        why = error.strerror if isinstance(error, OSError) else "not a path"
        print(f"exitkit: {redact.printable(str(path), 300)} cannot be written: {why}", file=sys.stderr)  # noqa: T201 - the log may be off


def _terminate(report: Report, path: Path) -> None:
    """Kubernetes makes the file for us; where it is not, nobody reads it."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            path.write_bytes(report.termination())
    except OSError:
        pass

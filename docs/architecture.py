"""Draw the house, and follow three trips through it: the picture and the lists of docs/architecture.md, made from the code.

`python docs/architecture.py` writes them; with `--check` it writes nothing, and exits 1 if they are not what it would
write. A trip is followed by running it against a scripted server, with a tracer that notes each module a piece of
data passes through: as an argument, or as what is given back.
"""

import ast
import contextlib
import io
import os
import re
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from exitkit.cli import run
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "exitkit"
PAGE, PICTURE = DOCS / "architecture.md", DOCS / "pictures" / "house.svg"

WINGS = ("notify", "cleanup", "ship", "process")
_MARK = "k7-marker"
# Looking further into what is handed over would cost more than it shows.
_DEPTH, _MOST_ITEMS = 5, 40
_BLOCK = re.compile(r"(<!-- trip (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


# The picture.


def modules() -> dict[str, Path]:
    """Dotted name and file of each module of the package, without what is for tests."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name != "exitkit" and not name.startswith("exitkit.testing"):
            found[name] = path
    return found


def first_line(path: Path) -> str:
    """What a module says it is for."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def arrows(found: Mapping[str, Path]) -> dict[str, set[str]]:
    """For each room the rooms that it imports, lazily or not, but not for types only."""
    rooms: dict[str, set[str]] = defaultdict(set)
    for name, path in found.items():
        here = _room(name)
        rooms[here] |= {_room(one) for one in _imports(ast.parse(path.read_text("utf-8")))} - {"", here}
    return rooms


def floors(rooms: Mapping[str, set[str]]) -> list[list[str]]:
    """The rooms from the ground up: each stands above all that it imports, and the wings side by side."""
    height: dict[str, int] = {}

    def of(room: str) -> int:
        if room not in height:
            height[room] = 1 + max((of(other) for other in rooms.get(room, ())), default=-1)
        return height[room]

    levels: dict[int, list[str]] = defaultdict(list)
    top = max((of(room) for room in rooms if room in WINGS), default=0)
    for room in rooms:
        levels[top if room in WINGS else of(room)].append(room)
    return [sorted(levels[number], key=lambda room: (room not in WINGS, room)) for number in sorted(levels)]


def picture() -> str:
    """The floors as rows, the highest on top; an arrow for each room that another one uses and reaches in no other way."""
    found = modules()
    rooms = arrows(found)
    rows = list(reversed(floors(rooms)))
    width, row_height, box_height = 1080, 118, 74
    height = row_height * len(rows) + 16
    places: dict[str, tuple[float, float, float]] = {}
    boxes = []
    for number, row in enumerate(rows):
        step = width / len(row)
        box = min(step - 18, 235)
        for index, room in enumerate(row):
            left, top = index * step + (step - box) / 2, number * row_height + 16
            places[room] = (left + box / 2, top, box)
            boxes.append(_box(room, found, (left, top, box, box_height)))
    lines = []
    for room, others in sorted(rooms.items()):
        for other in sorted(_nearest(others, rooms)):
            (x1, y1, _), (x2, y2, _) = places[room], places[other]
            lines.append(f'<line x1="{x1:.0f}" y1="{y1 + box_height:.0f}" x2="{x2:.0f}" y2="{y2 - 3:.0f}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="The rooms of exitkit by floor; arrows lead down to what a room uses">\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#7a8aa0"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        '<g stroke="#7a8aa0" stroke-width="1" marker-end="url(#tip)">\n'
        + "\n".join(line.replace("/>", ' marker-end="url(#tip)"/>') for line in lines)
        + '\n</g>\n<g font-family="Helvetica, Arial, sans-serif">\n'
        + "\n".join(boxes)
        + "\n</g>\n</svg>\n"
    )


def _box(room: str, found: Mapping[str, Path], place: tuple[float, float, float, float]) -> str:
    """A room at a place: left, top, width, height."""
    left, top, width, height = place
    own = [name for name in found if _room(name) == room]
    inner = sorted({name.split(".")[2] for name in own if name.count(".") > 1})
    inner = inner or first_line(found[own[0]]).split(":")[0].rstrip(".").split()
    lines = _wrapped(inner, int(width / 5.6))
    fill = "#e7f0fa" if room in WINGS else "#f5f5f2"
    texts = "".join(
        f'<text x="{left + width / 2:.0f}" y="{top + 36 + 12 * number:.0f}" text-anchor="middle" font-size="10" '
        f'fill="#555">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height}" rx="6" fill="{fill}" '
        f'stroke="#2f5d8a"/><text x="{left + width / 2:.0f}" y="{top + 19:.0f}" text-anchor="middle" font-size="14" '
        f'font-weight="600" fill="#1d1c1d">{room}</text>{texts}'
    )


def _wrapped(words: list[str], width: int) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= width:
            lines[-1] = longer
        elif len(lines) == 3:
            return [*lines[:2], lines[2] + " …"]
        else:
            lines.append(word)
    return lines


def _nearest(others: set[str], rooms: Mapping[str, set[str]]) -> set[str]:
    """Those that are reached in no other way, so that the picture can be read."""

    def below(room: str) -> set[str]:
        return {one for other in rooms.get(room, ()) for one in ({other} | below(other))}

    return others - {one for other in others for one in below(other)}


def _room(name: str) -> str:
    return name.split(".")[1] if name.startswith("exitkit.") else ""


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield from _imports(child)


# The trips.


def failure_to_slack() -> list[str]:
    """The modules that the text of a failure passes on its way into Slack's JSON."""
    failures = f'[{{"displayName":"fit","message":"main: {_MARK} (exit code 1)","podName":"train-fit-1"}}]'
    with ScriptedHTTP([answer(200, b"ok")]) as server:
        argv = ["notify", "slack", "--webhook-url", f"{server.url}/services/T/B/x", "--failures", failures]
        passed = followed(argv)
        assert _MARK.encode() in server.requests[0].body
    return passed


def line_to_loki(folder: Path) -> list[str]:
    """The modules that a line of a file passes on its way to Loki."""
    log = folder / "app.log"
    log.write_text(f"2026-11-23T07:57:41Z {_MARK}\n", encoding="utf-8")
    with ScriptedHTTP([answer(204)]) as server:
        argv = ["ship", "loki", "--url", server.url, "--from", str(log), "--no-gzip", "--dead-letter", ""]
        passed = followed(argv)
        assert _MARK.encode() in server.requests[0].body
    return passed


def key_to_deletion() -> list[str]:
    """The modules that a key of S3 passes from the listing to its deletion."""
    key = f"runs/train-x7k2p/{_MARK}"
    listing = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        "<Name>models</Name><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><EncodingType>url</EncodingType>"
        f"<Prefix>runs/train-x7k2p/</Prefix><Contents><Key>{key}</Key><Size>5</Size>"
        "<LastModified>2026-11-23T07:57:41.000Z</LastModified></Contents></ListBucketResult>"
    )
    deleted = '<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
    headers = {"Content-Type": "application/xml"}
    with ScriptedHTTP([answer(200, text.encode(), headers=headers) for text in (listing, deleted)]) as server:
        argv = ["cleanup", "s3", "--bucket", "models", "--prefixes", "runs/train-x7k2p/", "--name", "train-x7k2p"]
        argv += ["--endpoint-url", server.url, "--region", "us-east-1", "--concurrency", "1"]
        keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-real-one-k7"}
        with mock.patch.dict(os.environ, keys):  # which is where botocore looks
            passed = followed(argv)
        assert _MARK.encode() in server.requests[-1].body
    return passed


def followed(argv: list[str]) -> list[str]:
    """Run a command line; the modules that the marker passed, in the order in which it first came to each."""
    passed: dict[str, None] = {}
    said = io.StringIO()
    with _tracing(passed), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = run(argv, environ={})
    assert code == 0, (argv, code, said.getvalue())
    return list(passed)


@contextlib.contextmanager
def _tracing(passed: dict[str, None]) -> Iterator[None]:
    def profile(frame: FrameType, event: str, value: Any) -> None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith("exitkit.") or name.startswith("exitkit.testing") or name in passed:
            return
        if event == "call":
            code = frame.f_code
            values = [frame.f_locals.get(one) for one in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]]
        elif event == "return":
            values = [value]
        else:
            return
        if any(_holds(one, _DEPTH) for one in values):
            passed[name] = None

    before: Callable[..., Any] | None = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]


def _holds(value: Any, depth: int) -> bool:
    """Whether the marker is in it. Properties are not asked, which would be a trip of our own."""
    if isinstance(value, str):
        return _MARK in value
    if isinstance(value, bytes | bytearray):
        return _MARK.encode() in value
    if depth == 0 or value is None or isinstance(value, int | float | type):
        return False
    if isinstance(value, dict):
        return any(_holds(one, depth - 1) for pair in list(value.items())[:_MOST_ITEMS] for one in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return any(_holds(one, depth - 1) for one in list(value)[:_MOST_ITEMS])
    if type(value).__module__.startswith("exitkit."):
        own = getattr(value, "__dict__", None) or {
            name: getattr(value, name, None) for name in getattr(type(value), "__slots__", ())
        }
        return any(_holds(one, depth - 1) for one in list(own.values())[:_MOST_ITEMS])
    return False


# The page.


def trips() -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        return {
            "failure": failure_to_slack(),
            "line": line_to_loki(Path(folder)),
            "key": key_to_deletion(),
        }


def page(text: str) -> str:
    """The page with its lists as they are today."""
    found, passed = modules(), trips()

    def block(match: re.Match[str]) -> str:
        names = passed[match[2]]
        rows = [f"{number}. `{name}`: {first_line(found[name])}" for number, name in enumerate(names, 1)]
        return "".join((match[1], "\n", "\n".join(rows), "\n\n", match[3]))

    return _BLOCK.sub(block, text)


def main(argv: list[str]) -> int:
    """Write the page's lists and the picture, or with `--check` say which differ."""
    made = {PAGE: page(PAGE.read_text("utf-8")), PICTURE: picture()}
    differing = [
        path for path, text in made.items() if not path.exists() or _gist(path.read_text("utf-8")) != _gist(text)
    ]
    for path in differing:
        if "--check" not in argv:
            path.write_text(made[path], encoding="utf-8")
        print(f"{path.name} {'is not what docs/architecture.py writes' if '--check' in argv else 'written'}")
    return 1 if differing and "--check" in argv else 0


def _gist(text: str) -> list[str]:
    """The lines without the order of a trip: which of two threads comes first is the machine's."""
    return sorted(re.sub(r"^\d+\. ", "", line) for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How well `exitkit explain` finds the line that says why, on pairs of logs whose lines people have marked, and how fast.

The folder has a folder for each pair: `pass.log.gz`, `fail.log.gz`, and `labels`, where `E 12-14` says that these
lines are the error; `labels2` is a second person's, and then a hit must stand in both. Aims that are missed are
reported and are no failure.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from measure import BIN, PYTHON, environment, taken, versions

EXITKIT = [PYTHON, str(BIN / "exitkit")]
TOPS = (1, 3, 5)
AIMS = {("compared", 1): 80, ("compared", 3): 95, ("alone", 3): 75}  # percent
LINES = 1_000_000
SECONDS, MIB = 1.0, 64  # a million lines on one core, whatever the size


class Pair(NamedTuple):
    name: str
    passed: Path
    failed: Path
    marked: frozenset[int]


def pairs(folder):
    return [
        Pair(one.name, one / "pass.log.gz", one / "fail.log.gz", marked(one))
        for one in sorted(folder.iterdir())
        if (one / "fail.log.gz").exists()
    ]


def marked(folder):
    """The lines that all who marked them call the error."""
    each = [ranges(path.read_text()) for path in (folder / "labels", folder / "labels2") if path.exists()]
    return frozenset.intersection(*each)


def ranges(text):
    found = re.findall(r"^E (\d+)(?:-(\d+))?", text, re.MULTILINE)
    return frozenset(number for first, last in found for number in range(int(first), int(last or first) + 1))


def hits(pair, *against):
    """Whether one of the first 1, 3, 5 lines is a marked one, as the command tells them."""
    command = [*EXITKIT, "explain", str(pair.failed), *against, "--top", str(max(TOPS)), "--format", "json"]
    done = subprocess.run(command, capture_output=True, check=True)
    lines = [line["line"] in pair.marked for line in json.loads(done.stdout)]
    return [any(lines[:top]) for top in TOPS]


def quality(folder):
    found = pairs(folder)
    print(f"{len(found)} pairs of logs\n\n| | first | among 3 | among 5 |\n|---|---:|---:|---:|")
    for name in ("compared", "alone"):
        each = [hits(pair, *(["--against", str(pair.passed)] if name == "compared" else [])) for pair in found]
        counts = [sum(column) for column in zip(*each, strict=True)]
        cells = [f"{count} ({100 * count / len(found):.0f} %)" for count in counts]
        print(f"| {name} | {' | '.join(cells)} |")
        for top, count in zip(TOPS, counts, strict=True):
            if (name, top) in AIMS and 100 * count < AIMS[name, top] * len(found):
                print(f"missed: {AIMS[name, top]} % {name}, among {top}", file=sys.stderr)


def calm(number):
    return b"2026-11-27T07:%02d:%02d.%03dZ INFO worker-%d processed batch %d of %d rows in %d ms\n" % (
        number // 60 % 60, number % 60, number % 1000, number % 8, number, number * 3, number % 400,
    )  # fmt: skip


def mixed(number):
    if number % 50 == 0:
        return b"2026-11-27T07:00:00Z WARN could not reach cache-%d, retrying (errors=0)\n" % (number % 7)
    if number % 10 == 0:
        return b'{"level":"info","msg":"request","error":null,"id":"%016x"}\n' % random.getrandbits(64)
    return calm(number)


def alarming(number):
    store = random.choice((b"alpha", b"beta", b"gamma"))
    return b"2026-11-27T07:00:00Z ERROR %s cannot store row %d id=%016x\n" % (store, number, random.getrandbits(64))


def speed(folder):
    """Logs of one and of three million lines: nothing wrong, some noise, and an error with an id of its own in each line."""
    env = environment(str(folder))
    print("\n| log | lines | MB | cpu s | lines per s | peak MiB |\n|---|---:|---:|---:|---:|---:|")
    for line, count in ((calm, LINES), (mixed, LINES), (alarming, LINES), (mixed, 3 * LINES)):
        path, passed = folder / "fail.log", folder / "pass.log"
        with path.open("wb") as file:
            file.writelines(map(line, range(count)))
            file.write(b"ValueError: negative price\n")
        with passed.open("wb") as file:
            file.writelines(map(line, range(20_000)))
        cost = taken([*EXITKIT, "explain", str(path), "--against", str(passed), "--top", "3"], env, str(folder))
        size, peak = path.stat().st_size / 1e6, cost.peak / 2**20
        rate = count / cost.cpu
        print(f"| {line.__name__} | {count:,} | {size:.0f} | {cost.cpu:.2f} | {rate:,.0f} | {peak:.0f} |")
        if cost.cpu > SECONDS * count / LINES or peak > MIB:
            print(f"missed: a million lines a second in {MIB} MiB, {line.__name__}", file=sys.stderr)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?", type=Path, help="pairs of logs; without it only the speed is measured")
    folder = options.parse_args().folder
    print(versions("argo-exitkit"))
    random.seed(1)
    if folder:
        quality(folder)
    with tempfile.TemporaryDirectory() as place:
        speed(Path(place))


if __name__ == "__main__":
    main()

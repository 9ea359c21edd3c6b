"""Logs of many programs that failed: the line that says why is found, first or among three."""

import re
from pathlib import Path

import pytest

from exitkit.explain import learn, rank

TEXT = (Path(__file__).parent / "logs.txt").read_text("utf-8")
LOGS = dict(re.findall(r"^=== (\S+)\n(.*?)(?=^=== \S+\n|\Z)", TEXT, re.DOTALL | re.MULTILINE))
# What a marked line says only a little better than another, or after it; among three it must be.
NEARLY = {"argo-sidecar", "flink", "kubelet", "oom-java", "prefect", "rspec"}


def unmarked(text):
    """The log, and the numbers of its marked lines."""
    lines = text.split("\n")
    marked = {number for number, line in enumerate(lines, 1) if line.startswith("!")}
    return "\n".join(line.removeprefix("!") for line in lines).encode(), marked


@pytest.mark.parametrize("name", LOGS)
def test_the_line_that_says_why_is_found(name):
    """Whatever wrote the log, and without one of a run that passed."""
    log, marked = unmarked(LOGS[name])
    lines = [line.number for line in rank([log], top=3)]
    assert not marked or marked & set(lines if name in NEARLY else lines[:1])


@pytest.mark.parametrize("name", LOGS)
def test_what_stands_before_each_line_changes_nothing(name):
    """Times as a cluster's log collector writes them, ends of lines as on Windows, and colours."""
    log, marked = unmarked(LOGS[name])
    for change in (
        lambda line: b"2026-11-27T07:00:00.123456789Z " + line,
        lambda line: line + b"\r",
        lambda line: b"\x1b[31m" + line + b"\x1b[0m" if line.strip() else line,
    ):
        lines = [line.number for line in rank([b"\n".join(map(change, log.split(b"\n")))], top=3)]
        assert not marked or marked & set(lines), name


NOISE = b"\n".join(unmarked(LOGS[name])[0] for name in ("node", "python-chained", "spark", "terraform", "pip")) + b"\n"
KNOWN = learn([NOISE])


@pytest.mark.parametrize("name", LOGS)
def test_what_runs_that_passed_had_is_left_out(name):
    """However alarming it is, and also where all of it stands before what failed."""
    log, marked = unmarked(LOGS[name])
    new = {number for number in marked if learn([log.split(b"\n")[number - 1]]).runs.keys() - KNOWN.runs.keys()}
    lines = [line.number - NOISE.count(b"\n") for line in rank([NOISE + log], KNOWN, top=3)]
    assert min(lines, default=1) > 0
    assert not new or new & set(lines)

"""What is told of a log's best lines, and what a log of any size may cost."""

import asyncio
import itertools
import random
import traceback

import pytest

from exitkit.explain import LONGEST, Shapes, learn, rank, scan
from exitkit.text import redact


def printed(work):
    """What Python prints of what the work raises."""
    try:
        work()
    except BaseException as error:  # of groups as well
        return "".join(traceback.format_exception(error))
    raise AssertionError("nothing was raised")


class Unpriced(Exception):
    """A name that no list of words has."""


def load():
    raise Unpriced("no rate for EUR/ABC")


def chained():
    try:
        load()
    except Unpriced as error:
        raise RuntimeError("stage failed") from error


async def grouped():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(load))


@pytest.mark.parametrize("work", [load, chained, lambda: asyncio.run(grouped())])
def test_a_traceback_is_told_by_what_was_raised_first_and_where(work):
    """As this Python prints it: alone, as a cause, and in an ExceptionGroup; the place is not the library's."""
    first = rank([f"INFO start\n{printed(work)}INFO cleaning up\n".encode()])[0]
    assert first.text.endswith("test_rank.Unpriced: no rate for EUR/ABC")
    path, _, rest = first.place.partition(":")
    assert path.endswith("test_rank.py")
    assert rest.endswith(" in load")


def test_a_traceback_is_whole_where_pieces_and_blocks_meet():
    """Wherever in a log of many blocks it stands."""
    trace = printed(load).encode()
    for before in range(2_600, 2_700, 9):
        calm = b"".join(
            b"INFO row %d of the table of all the prices was read and is as it was\n" % row for row in range(before * 2)
        )
        first = rank([calm, trace, calm[:100_000]])[0]
        assert first.number == before * 2 + trace.count(b"\n")
        assert first.place.endswith(" in load")


def test_workers_that_write_at_the_same_time_are_told_apart():
    """Each with its name before its lines, and one of them with a traceback."""
    trace = [f"[w1] {line}" for line in printed(load).splitlines()]
    calm = [f"[w2] INFO row {number}" for number in range(len(trace))]
    mixed = itertools.chain.from_iterable(zip(trace, calm, strict=True))
    first = rank(["\n".join(mixed).encode()])[0]
    assert first.text == "[w1] test_rank.Unpriced: no rate for EUR/ABC" or first.text.startswith("[w1] ")
    assert first.said.endswith("Unpriced: no rate for EUR/ABC")
    assert first.place.endswith(" in load")


def test_the_innermost_place_of_ones_own_is_told():
    """Frames of packages, of a language's own library and of its runtime are passed over."""
    log = """panic: boom

goroutine 1 [running]:
runtime.gopanic({0x1, 0x2})
	/usr/local/go/src/runtime/panic.go:884 +0x212
github.com/lib/pq.(*conn).send(0x0)
	/go/pkg/mod/github.com/lib/pq@v1.10.9/conn.go:1023 +0x1c
main.load(...)
	/src/load.go:12 +0x5
"""
    assert rank([log.encode()])[0].place == "/src/load.go:12"


def test_a_million_kinds_of_error_take_bounded_memory(monkeypatch):
    """What is kept of a log is bounded by number; the last one is found all the same, and the first."""
    for name, most in (("_FREE", 200), ("_KEPT", 100), ("_SEEN", 500)):
        monkeypatch.setattr(scan, name, most)
    random.seed(2)
    words = ["".join(random.choices("ghijklmnopqrstuvw", k=9)) for _ in range(30_000)]
    log = "\n".join(f"ERROR {word} failed" for word in words).encode()
    scanner = scan.findings([log, b"\nfatal: no space left on device\n"], Shapes())
    assert len(scanner.candidates) <= 200 + 2 * 24
    assert scanner.lines == 30_001
    assert rank([log, b"\nfatal: no space left on device\n"], top=1)[0].number == 30_001


@pytest.mark.parametrize("at", [1_500, 20_011, 39_000, 39_999])
def test_among_lines_that_differ_by_ids_another_one_is_found(at):
    """Wherever it stands, also where all others are alarming and new."""
    lines = [f"ERROR cannot store row {n} id={(n * 0x9E3779B97F4A7C15) % 2**64:016x}" for n in range(40_000)]
    known = learn([("\n".join(lines[:2_000]) + "\n").encode()])
    lines[at] = "ValueError: negative price"
    found = rank([("\n".join(lines) + "\n").encode()], known, top=1)
    assert [(line.number, line.text) for line in found] == [(at + 1, "ValueError: negative price")]


def test_secrets_are_cut_out():
    """Those that are known, and what looks like one."""
    redact.remember("hunter2-hunter2")
    log = b"ERROR cannot log in to https://ann:pw123456@db.example with hunter2-hunter2\n"
    line = rank([log])[0]
    assert "hunter2" not in line.text + line.said
    assert "pw123456" not in line.text + line.said
    assert "cannot log in" in line.text


def test_a_line_is_fit_to_be_shown():
    """Without colours and controls, in one line, and not too long."""
    line = rank([b"\x1b[1;31mERROR\x1b[0m bad \x1b]0;title\x07 \x07\xe2\x80\xae " + b"x" * 5000])[0]
    assert line.text.startswith("ERROR bad")
    assert len(line.text) == LONGEST
    assert line.text.isprintable()


def test_what_was_said_first_stands_for_what_repeats_it():
    """A summary that quotes the cause is not a second line, as long as there are others."""
    log = b"""ERROR load: relation "orders" does not exist
INFO stopping
ERROR main: load failed: relation "orders" does not exist
WARN 3 rows were left
fatal: cannot write report
"""
    lines = [line.number for line in rank([log], top=2)]
    assert lines == [1, 5]


def test_the_best_come_first_with_scores_that_fall():
    """And no more than asked for, each once."""
    log = b"error: a is missing\nerror: cannot find b\nfatal: c refused\nwarning: d\nexit code 1\n"
    for top in range(1, 8):
        lines = rank([log], top=top)
        assert len(lines) == min(top, 5)
        assert len({line.number for line in lines}) == len(lines)
        scores = [line.score for line in lines]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score < 1 for score in scores)


def test_where_nothing_is_new_the_end_is_told():
    """A log that is a part of one that passed ends where the run did."""
    passed = b"start\nread a\nread b\nwrite c\ndone\n"
    lines = rank([b"start\nread a\nread b\n"], learn([passed]))
    assert lines[0].number == 3

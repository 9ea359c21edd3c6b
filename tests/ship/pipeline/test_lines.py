"""A log cut into records as it streams by."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.ship.pipeline.lines import LONGEST, PIECE, Origin, chunks, parse_time
from exitkit.testing import failed_workflow
from exitkit.text import redact

NANO = 10**9

START = 1_790_000_000_000_000_000
WORKFLOW = failed_workflow()


def origin(**more):
    return Origin(WORKFLOW, "pod a", "a", "main", time=START, attributes={"pod": "a"}, **more)


def cut(*pieces, **more):
    return [record for chunk in chunks(pieces, origin(**more)) for record in chunk.records()]


def messages(*pieces, **more):
    return [one.message for one in cut(*pieces, **more)]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\n\n\nb\n", ["a", "", "", "b"]),
        (b"10%\r20%\rdone\n", ["10%\r20%\rdone"]),
        (b"\xff\xfe caf\xc3\xa9\n", ["\\xff\\xfe café"]),
        (b"nul\x00tab\t\x1b[31mred\n", ["nul\x00tab\t\x1b[31mred"]),
        ("a\u2028b\x85c\n".encode(), ["a\u2028b\x85c"]),
    ],
)
def test_lines_are_what_was_printed(data, lines):
    """Only a line feed ends one; broken UTF-8 stays readable, and a missing last line feed loses nothing."""
    assert messages(data) == lines


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 60))
def test_the_pieces_make_no_difference(parts, size):
    """A network cuts where it likes; records and ids are the same."""
    data = b"\n".join(parts)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert cut(*pieces) == cut(data)


def test_pieces_larger_than_ours_make_no_difference():
    """Nor where a line spans several of them."""
    data = b"".join(b"%d " % n * (n % 50) + b"\n" for n in range(20_000))
    assert cut(data) == cut(*(data[at : at + 100_000] for at in range(0, len(data), 100_000)))
    assert len(cut(data)) == 20_000


def test_a_long_line_becomes_several_records_that_say_so():
    """All of it is there; the first part has the line's own id, and no id comes twice."""
    line = "x" * LONGEST + "y" * LONGEST + "end"
    found = cut(f"before\n{line}\nafter\n".encode())
    assert [one.message for one in found][0::4] == ["before", "after"]
    parts = found[1:4]
    assert "".join(one.message for one in parts) == line
    assert [(one.attributes["part"], one.attributes["parts"]) for one in parts] == [(1, 3), (2, 3), (3, 3)]
    assert found[1].id == cut(b"before\nb\n")[1].id
    assert len({one.id for one in found}) == 5
    assert sorted({one.time for one in parts}) == [one.time for one in parts]


@pytest.mark.parametrize(("character", "count"), [("x", LONGEST), ("ü", LONGEST // 2), ("👍", LONGEST // 4)])
def test_a_line_of_64_kib_is_one_record_and_of_a_byte_more_two(character, count):
    """The limit is in bytes of UTF-8, and no character is cut."""
    (whole,) = cut(f"{character * count}\n".encode())
    assert whole.message == character * count
    first, second = cut(f"{character * count}{character}\n".encode())
    assert (first.message, second.message) == (character * count, character)


@pytest.mark.parametrize("stamped", [True, False])
def test_parts_and_the_lines_behind_them_have_times_of_their_own(stamped):
    """In their order, also where lines follow at once: a target that sorts by time keeps it."""
    stamp = "2026-11-23T07:00:01.000000001Z "
    lines = [f"{stamp}{'x' * (3 * LONGEST)}", f"{stamp}b", f"{stamp}c", "2026-11-23T07:00:02.000000000Z d"]
    found = [
        record
        for chunk in chunks([("\n".join(lines) + "\n").encode()], origin(stamped=stamped))
        for record in chunk.records()
    ]
    times = [record.time for record in found]
    assert len(set(times)) == len(times)
    assert times == sorted(times)
    assert times[-1] % NANO == 0


def test_lines_that_held_a_secret_are_counted():
    """What is shipped differs from what was written only there, and the report says in how many lines."""
    told = []
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    data = f"one\n{key}\ntwo {key} {key}\nthree\n".encode()
    list(chunks([data], origin(redacted=told.append)))
    assert sum(told) == 2


def test_a_line_without_end_does_not_fill_the_memory():
    """A gigabyte without a line feed would be cut all the same; here it is 64 MiB."""
    tracemalloc.start()
    count = sum(len(chunk) for chunk in chunks((b"x" * PIECE for _ in range(256)), origin()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 256 * PIECE // LONGEST
    assert peak < 16 << 20


def test_memory_does_not_grow_with_the_log():
    """64 MiB of lines are read within a few."""
    piece = b"a line of some length, as logs have them, and a bit more\n" * 4096
    tracemalloc.start()
    count = sum(len(chunk) for chunk in chunks((piece for _ in range(280)), origin()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 280 * 4096
    assert peak < 8 << 20


# Times.


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23T07:57:41.123456789Z x", 1_795_420_661_123_456_789),
        ("2026-11-23T07:57:41Z", 1_795_420_661_000_000_000),
        ("2026-11-23 07:57:41,123 INFO", 1_795_420_661_123_000_000),
        ("2026-11-23T08:57:41.5+01:00 x", 1_795_420_661_500_000_000),
        ("2026-11-23T07:57:41] x", 1_795_420_661_000_000_000),
        ("2026-13-23T07:57:41Z", None),
        ("2026-11-23", None),
        ("hello", None),
        ("2026-11-23T07:57:41x", None),
    ],
)
def test_a_time_at_the_beginning_is_understood(text, time):
    """As RFC 3339 and the logging of Python and Java write it."""
    assert parse_time(text) == time


def test_kubelets_time_is_taken_off():
    """To the nanosecond, with fewer digits, with an offset; an empty line stays one."""
    found = cut(
        b"2026-11-23T07:57:41.123456789Z a b\n2026-11-23T07:57:41.1234Z c\n2026-11-23T08:57:42.5+01:00 d\n"
        b"2026-11-23T07:57:43.1Z \n2026-11-23T07:57:44.1Z\n",
        stamped=True,
    )
    assert [(one.time - 1_795_420_661_000_000_000, one.message) for one in found] == [
        (123_456_789, "a b"),
        (123_400_000, "c"),
        (1_500_000_000, "d"),
        (2_100_000_000, ""),
        (3_100_000_000, ""),
    ]


def test_lines_of_one_moment_stay_in_order_and_unlike():
    """A target that tells records apart by time and text keeps both of two equal lines."""
    found = cut(b"2026-11-23T07:57:41.5Z a\n" * 3 + b"2026-11-23T07:57:41.6Z a\n", stamped=True)
    assert [one.time % 10**9 for one in found] == [500_000_000, 500_000_001, 500_000_002, 600_000_000]


def test_what_has_no_time_of_kubelets_is_kept_whole():
    """With the time of the line before it."""
    found = cut(b"2026-11-23T07:57:41.5Z a\nfailed to read: x\n2026-99-23T07:57:41.5Z b\n", stamped=True)
    assert [one.message for one in found] == ["a", "failed to read: x", "2026-99-23T07:57:41.5Z b"]
    assert found[1].time - found[0].time == 1


def test_lines_without_time_follow_each_other():
    """By a nanosecond each; a later time in a line is taken over, and an earlier one is not."""
    found = cut(b"a\n2026-11-23T07:57:41Z c\n  d\n2020-01-01T00:00:00Z old\n")
    first = 1_795_420_661_000_000_000
    assert [one.time for one in found] == [first - 1, first, first + 1, first + 2]


def test_a_log_without_times_has_that_of_the_workflows_end():
    """Which is the same in each run, and each line has its own."""
    found = cut(b"a\n" * 2500)
    assert [one.time for one in found] == [START + 1 + number for number in range(2500)]


@pytest.mark.parametrize("form", ["2026-08-21T12:40:{:02d}.000000000Z", "2026-08-21 12:40:{:02d}"])
def test_a_line_before_the_workflows_end_has_its_own_time(form):
    """As nearly all have: a log is written before the workflow ends."""
    lines = [form.format(second) + " text" for second in range(3)]
    assert parse_time(lines[0]) < START
    assert [one.time for one in cut("\n".join(lines).encode())] == [parse_time(one) for one in lines]


def test_times_that_begin_late_in_a_log_are_taken():
    """Also where a thousand lines had none, which keep that of the end."""
    found = cut(b"a\n" * 1000 + b"2026-08-21T12:40:07Z b\nc\n")
    assert found[999].time == START + 1000
    assert [one.time for one in found[1000:]] == [1_787_316_007_000_000_000, 1_787_316_007_000_000_001]


@pytest.mark.parametrize("late", [b"2099-12-31 23:59:59 is the end", b"2099-12-31T23:59:59.000Z is the end"])
def test_a_time_to_come_is_none_of_a_line(late):
    """Or all lines after it would have one that targets refuse."""
    found = cut(late + b"\n2026-08-21T12:40:07.000Z b\n" + late + b"\nc\n", latest=START)
    first = 1_787_316_007_000_000_000
    assert [one.time for one in found] == [first - 1, first, first + 1, first + 2]


# Secrets and ids.


def test_secrets_are_cut_and_lines_keep_their_numbers():
    """The id of a line does not hang on what is a secret."""
    plain = cut(b"a\npassword=hunter2\nb\n")
    assert [one.message for one in plain] == ["a", "password=***", "b"]
    with redact.forget_all():
        redact.remember("bbbb")
        assert [one.id for one in cut(b"a\nbbbb\nb\n")] == [one.id for one in plain]


def test_records_tell_where_they_come_from():
    """Kind, attributes, and an id that is the same in each run."""
    (one,) = cut(b"a\n")
    assert (one.kind, one.attributes) == ("log", {"pod": "a"})
    assert cut(b"a\n") == [one]
    assert cut(b"a\n", variant="tail=1")[0].id != one.id


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=6), st.integers(0, 700_000))
def test_chunks_hang_on_the_log_and_not_on_how_it_came(sizes, long):
    """So that batches, and the names of objects made of them, are the same in every run."""
    data = b"short line\n" * 60_000 + b"x" * long + b"\n" + b"another line\n" * 30_000
    pieces, at = [], 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    assert [len(chunk) for chunk in chunks(pieces, origin())] == [len(chunk) for chunk in chunks([data], origin())]


STAMPS = st.sampled_from(
    [
        "2026-11-23T07:57:41.{:09d}Z",
        "2026-11-23T07:57:4{}.{:03d}Z",
        "2026-11-23 07:57:41,{:03d}",
        "2026-11-23T07:57:41Z",
        "2026-11-23T07:57:41.٣٣{:01d}Z",
        "2026-11-23T07:57:4{}.{:09d}+02:00",
        "9026-11-23T07:57:41.{:06d}Z",
        "x{}",
        "",
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(STAMPS, st.integers(0, 9), st.integers(0, 999)), min_size=1, max_size=8), st.booleans())
def test_times_are_the_same_however_they_are_read(parts, alike):
    """All at once where they are alike, or one after the other."""
    if alike:
        parts = [(parts[0][0], *rest) for _, *rest in sorted(parts, key=lambda one: one[1:])]
    lines = [
        form.format(*((second, more) if form.count("{") == 2 else (more,))) + " text" for form, second, more in parts
    ]
    owns = [own if (own := parse_time(line) or 0) <= origin().latest else 0 for line in lines]
    expected, told = [], next((own - place - 1 for place, own in enumerate(owns) if own), START)
    for own in owns:
        told = max(own, told + 1)
        expected.append(told)
    assert [one.time for one in cut("\n".join(lines).encode())] == expected

"""The logs of what failed are read once a run, and nobody waits for them for longer than for the record."""

import threading

import pytest

from exitkit.argo.failures import Failure, Failures
from exitkit.errors import ActionError
from exitkit.explain import Shapes
from exitkit.logreader import CAUSES, LINES, LogPart, LogReader, NoLogs
from exitkit.recordreader import PATIENCE, SHARES
from exitkit.retry import show
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock


def failed(*messages):
    """One failure for each message, each of a pod of its own."""
    return Failures(
        all=tuple(
            Failure(display_name=f"s{number}", message=message, template_name=f"t{number}", pod_name=f"pod-{number}")
            for number, message in enumerate(messages)
        )
    )


ONE = failed("main: Error (exit code 1)")


@pytest.fixture
def clock():
    return FakeClock(patience=0.2)


@pytest.fixture
def reader(clock):
    """Makes a reader of what a function of the failure and the deadline gives."""

    def make(fetch, deadline=None):
        return LogReader(lambda: fetch, deadline or Deadline(60, clock))

    return make


def test_a_log_is_read_once_and_only_when_somebody_asks(clock, reader):
    """Whoever asks, and from whichever thread."""
    asked = []

    def fetch(failure, deadline):
        asked.append(failure.pod_name)
        return [LogPart([b"INFO a\n", b"ValueError: b\n"])]

    deadline = Deadline(60, clock)
    logs = reader(fetch, deadline)
    assert asked == []
    answers = []
    for _ in range(5):
        clock.spawn(lambda: answers.append(logs.lines(ONE, deadline)), "asks")
    deadline.wait(threading.Event(), lambda: len(answers) == 5, 5)
    assert [[line.text for line in answer["pod-0", "main"]][:1] for answer in answers] == [["ValueError: b"]] * 5
    assert (asked, logs.note) == (["pod-0"], "")


@pytest.mark.parametrize(
    ("signs", "seconds"),
    [
        ((), PATIENCE),
        (("connecting",), PATIENCE * SHARES["connecting"]),
        (("connecting", "sent"), PATIENCE * SHARES["sent"]),
        (("connecting", "sent", "answered"), PATIENCE),
    ],
    ids=["busy", "no connection", "no answer", "no end of it"],
)
def test_the_less_a_log_gives_the_less_it_is_waited_for(clock, reader, signs, seconds):
    """As with the record."""

    def fetch(failure, until):
        for sign in signs:
            show(sign)
        threading.Event().wait(30)

    assert reader(fetch).lines(ONE, Deadline(60, clock)) == {}
    assert clock.monotonic() == pytest.approx(seconds)


def test_a_store_that_takes_its_time_is_no_silence_of_the_cluster(clock):
    """What earlier runs left is asked for first."""

    def known(failure, deadline):
        deadline.pause(0.5)
        return Shapes()

    def fetch(failure, until):
        until.pause(0.2)
        return [LogPart([b"ValueError: b\n"])]

    deadline = Deadline(60, clock)
    lines = LogReader(lambda: fetch, deadline, known).lines(ONE, deadline)
    assert (shown(lines["pod-0", "main"]), clock.monotonic()) == (["1: ValueError: b"], pytest.approx(0.7))


def test_what_hangs_holds_up_all_messages_together_for_a_second_at_most(clock, reader):
    """Two channels after each other wait no longer than one; and near the end of time for a tenth of what is left."""

    def hang(failure, until):
        show("answered")
        threading.Event().wait(30)

    for seconds, most in ((60, PATIENCE), (4, 0.4)):
        deadline = Deadline(seconds, clock)
        logs = reader(hang, deadline)
        began = clock.monotonic()
        assert logs.lines(ONE, deadline) == {}
        assert logs.lines(ONE, deadline) == {}
        assert clock.monotonic() - began == pytest.approx(most)
        assert logs.note == "they did not come in time"


def test_of_several_logs_those_that_came_are_told(clock, reader):
    """A node that is gone does not keep back what another has said."""
    several = failed("main: Error (exit code 1)", "main: Error (exit code 2)")

    def fetch(failure, until):
        if failure.pod_name == "pod-0":
            threading.Event().wait(30)
        return [LogPart([b"ValueError: b\n"])]

    logs = reader(fetch)
    assert list(logs.lines(several, Deadline(60, clock))) == [("pod-1", "main")]


def test_only_the_first_causes_are_read(clock, reader):
    """And of those with one message one pod; what has no log is not asked for."""
    asked = []
    logs = reader(lambda failure, until: asked.append(failure.pod_name) or [])
    many = failed("ImagePullBackOff: x", *(f"main: Error (exit code {number})" for number in range(1, 9)))
    logs.lines(many, Deadline(60, clock))
    assert len(asked) == CAUSES
    assert "pod-0" not in asked
    alike = Failures(all=tuple(Failure(f"s{n}", "main: Error (exit code 1)", "t", pod_name=f"p{n}") for n in range(50)))
    asked.clear()
    logs.lines(alike, Deadline(60, clock))
    assert asked == ["p0"]


@pytest.mark.parametrize("error", [ActionError("no right", reason="auth"), ZeroDivisionError("pw123456")])
def test_what_goes_wrong_is_a_note_and_no_failure(clock, reader, error):
    """Whatever it is; of what nobody thought of only the kind is told."""

    def pieces():
        yield b"ValueError: b\n"
        raise error

    def fetch(failure, until):
        yield LogPart(pieces())

    logs = reader(fetch)
    assert logs.lines(ONE, Deadline(60, clock)) == {}
    assert logs.note in ("no right", "they could not be read: ZeroDivisionError")


BEGINNING = [b"a\nWARN x not found\n", b"b\n"]
END = [b"c\nOSError: disk full\n"]


def cut():
    return True


def shown(lines):
    return [line.shown for line in lines]


def test_lines_behind_what_is_left_out_have_no_number(clock, reader):
    """Of a log that is too long both ends are read."""
    logs = reader(lambda failure, until: [LogPart(END, is_end=True), LogPart(BEGINNING, is_cut=cut)])
    lines = logs.lines(ONE, Deadline(60, clock))["pod-0", "main"]
    assert (lines[0].number, lines[0].shown) == (0, "OSError: disk full")
    assert lines[0].facts()["line"] is None
    assert ("2: WARN x not found") in shown(lines)
    assert len(lines) <= LINES


def test_of_a_log_that_is_whole_after_all_each_line_has_its_number(clock, reader):
    """Its end was read before, and says nothing more."""
    logs = reader(lambda failure, until: [LogPart(END, is_end=True), LogPart(BEGINNING + END)])
    lines = shown(logs.lines(ONE, Deadline(60, clock))["pod-0", "main"])
    assert lines[0] == "5: OSError: disk full"
    assert len(lines) == len(set(lines))


def test_a_message_that_waits_no_longer_has_what_was_read_by_then(clock, reader):
    """The end of a long log is read first; its beginning comes too late for this message, and in time for the next."""
    goes_on = threading.Event()

    def fetch(failure, until):
        show("answered")
        yield LogPart(END, is_end=True)
        goes_on.wait(30)
        yield LogPart(BEGINNING, is_cut=cut)

    deadline = Deadline(60, clock)
    logs = reader(fetch, deadline)
    assert shown(logs.lines(ONE, deadline)["pod-0", "main"])[0] == "OSError: disk full"
    assert (clock.monotonic(), logs.note) == (pytest.approx(PATIENCE), "")
    goes_on.set()
    deadline.wait(threading.Event(), lambda: logs._read["pod-0", "main"] is not None, 5)
    assert "2: WARN x not found" in shown(logs.lines(ONE, deadline)["pod-0", "main"])


def test_what_breaks_off_leaves_what_was_read(clock, reader):
    """With a note of what broke."""

    def fetch(failure, until):
        yield LogPart(END, is_end=True)
        raise ActionError("gone", reason="network")

    logs = reader(fetch)
    assert shown(logs.lines(ONE, Deadline(60, clock))["pod-0", "main"])[0] == "OSError: disk full"
    assert logs.note == "gone"


def test_without_a_cluster_nothing_is_asked(clock):
    """Nor noted."""
    assert NoLogs().lines(ONE, Deadline(60, clock)) == {}
    assert NoLogs().note == ""

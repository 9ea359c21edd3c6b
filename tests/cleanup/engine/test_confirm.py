"""A person is asked only where one is, and only a clear yes is one."""

import io

import pytest

from exitkit.cleanup.engine import confirm
from exitkit.errors import ActionError


class Stream(io.StringIO):
    def __init__(self, text="", *, there=True):
        super().__init__(text)
        self.there = there

    def isatty(self):
        return self.there


@pytest.fixture
def person(monkeypatch):
    """Somebody who types what is given; gives what they see."""

    def sits(stdin, stderr=None):
        shown = stderr or Stream()
        monkeypatch.setattr("sys.stdin", stdin if isinstance(stdin, io.TextIOBase) else Stream(stdin))
        monkeypatch.setattr("sys.stderr", shown)
        return shown

    return sits


@pytest.mark.parametrize(
    ("stdin", "stderr", "there"),
    [(True, True, True), (False, True, False), (True, False, False), (False, False, False)],
)
def test_somebody_is_there_who_can_type_and_read(person, stdin, stderr, there):
    """A question that goes to a file is seen by nobody, and an answer from a pipe is nobody's."""
    person(Stream(there=stdin), Stream(there=stderr))
    assert confirm.is_there() is there


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "yes\n", " YES \n", "y", "y\r\n"])
def test_yes_is_yes(person, answer):
    """In either case, with blanks around it."""
    person(answer)
    assert confirm.agrees("go on?") is True


@pytest.mark.parametrize(
    "answer", ["n\n", "no\n", "\n", " \n", "yikes\n", "ye\n", "yy\n", "ok\n", "1\n", "true\n", "\ufeffy\n"]
)
def test_anything_else_is_no(person, answer):
    """Also only Return, and what merely begins like a yes."""
    person(answer)
    assert confirm.agrees("go on?") is False


def test_one_line_is_the_answer(person):
    """What is typed ahead does not count for this question."""
    person("n\ny\n")
    assert confirm.agrees("go on?") is False
    assert confirm.agrees("really?") is True


def test_the_question_is_seen_before_the_answer_is_waited_for(person, capsys):
    """On standard error, as the report goes to standard output, and without a line's end that would send it."""
    seen = []

    class Waiting(Stream):
        def readline(self):
            seen.append(shown.flushed)
            return "y\n"

    class Buffered(Stream):
        flushed = ""

        def flush(self):
            self.flushed = self.getvalue()

    shown = person(Waiting(), Buffered())
    confirm.agrees("a\nb; go on?")
    assert seen == ["a\nb; go on? [y/N] "]
    assert capsys.readouterr().out == ""


class Broken(Stream):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def readline(self):
        raise self.error


@pytest.mark.parametrize(
    "stdin",
    [
        Stream(""),
        Broken(OSError(5, "Input/output error")),
        Broken(ValueError("I/O operation on closed file")),
        Broken(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")),
    ],
)
def test_no_answer_is_an_error_and_no_consent(person, stdin):
    """The terminal was closed, or what came is no text."""
    person(stdin)
    with pytest.raises(ActionError, match="nobody answered, so nothing was done"):
        confirm.agrees("go on?")


def test_a_person_who_interrupts_is_heard(person):
    """Control-C leaves as it is."""
    person(Broken(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        confirm.agrees("go on?")

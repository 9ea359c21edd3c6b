"""The line that says most, and long text with what lies between left out visibly."""

import pytest

from exitkit.text.excerpt import excerpt, last_line

TRACEBACK = """Traceback (most recent call last):
  File "/app/train.py", line 12, in <module>
    main()
    ^^^^^^
  File "/app/train.py", line 9, in main
    frame["price"]
KeyError: 'price'"""
JAVA = """Exception in thread "main" java.lang.RuntimeException: load failed
\tat com.example.Load.main(Load.java:12)
Caused by: java.sql.SQLException: relation "orders" does not exist
\tat org.postgresql.Driver.query(Driver.java:99)
\t... 12 more"""
NODE = """/app/index.js:3
    throw new Error("no token");
    ^

Error: no token
    at Object.<anonymous> (/app/index.js:3:9)
    at node:internal/main/run_main_module:23:47

Node.js v20.11.0"""
GO = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.load(0x5)
\t/app/main.go:12 +0x1d
exit status 2"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TRACEBACK, "KeyError: 'price'"),
        (f"{TRACEBACK}\n\nINFO bye\n", "KeyError: 'price'"),
        (
            f"ValueError: first\n\nDuring handling of the above exception, another exception occurred:\n\n{TRACEBACK}",
            "KeyError: 'price'",
        ),
        (
            f"{TRACEBACK[:-17]}pydantic.ValidationError: 1 error for Row\nprice\n  must be a number\n",
            "pydantic.ValidationError: 1 error for Row",
        ),
        (JAVA, 'Caused by: java.sql.SQLException: relation "orders" does not exist'),
        (NODE, "Error: no token"),
        (GO, "panic: runtime error: index out of range [5] with length 3"),
        ("loading\nload: no space left on device\nexit status 1\n", "load: no space left on device"),
        ("cc: x.c:3: error: no member\nmake: *** [all] Error 1", "cc: x.c:3: error: no member"),
        ('boom\ntime="2026-08-21" level=info msg="sub-process exited" argo=true error="<nil>"', "boom"),
        ("2026-08-21 ERROR no such table\n2026-08-21 INFO closing", "2026-08-21 ERROR no such table"),
        ("all INFO here", "all INFO here"),
        ("exit status 1", ""),
        ("---\n}\n", ""),
        ("", ""),
    ],
)
def test_the_line_that_says_what_went_wrong(text, line):
    """Not where, and not that something ended."""
    assert last_line(text) == line


def test_a_short_text_stays_as_it_is():
    """Nothing is left out that would fit."""
    assert excerpt("a\nb", 3) == "a\nb"


def test_a_long_text_keeps_its_beginning_and_more_of_its_end():
    """With its line ends, and a line that counts what is missing."""
    text = "\n".join(f"line {n}" for n in range(500))
    short = excerpt(text, 400)
    lines = short.split("\n")
    assert len(short) <= 400
    assert (lines[0], lines[-1]) == ("line 0", "line 499")
    (gap,) = [line for line in lines if line.startswith("…")]
    left_out = int(gap.split()[1].replace(",", ""))
    assert left_out == len(text) - (len(short) - len(gap) - 2)
    assert lines.index(gap) < len(lines) / 2


@pytest.mark.parametrize("limit", range(0, 300, 7))
def test_no_limit_is_passed(limit):
    """Also where the text is one long line."""
    for text in ("x" * 1000, "ab\n" * 400):
        assert len(excerpt(text, limit)) <= limit

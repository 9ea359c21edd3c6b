"""The line that says most, and long text with what lies between left out visibly."""

import time

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


IPYTHON = (
    'Exception encountered at "In [2]":\nZeroDivisionError          Traceback (most recent call last)\n'
    "Cell In[2], line 1\n----> 1 1/0\n\nZeroDivisionError: division by zero"
)
GROUP = (
    '  + Exception Group Traceback (most recent call last):\n  |   File "x.py", line 1, in <module>\n'
    "  | ExceptionGroup: unhandled errors in a TaskGroup\n  +-+---------------- 1 ----------------\n"
    '    | Traceback (most recent call last):\n    |   File "x.py", line 1, in f\n'
    "    | ValueError: bad row 7\n    +------------------------------------"
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (IPYTHON, "ZeroDivisionError: division by zero"),
        (GROUP, "ValueError: bad row 7"),
        (
            "panic: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/x.go:8 +0x1d\nexit status 2",
            "panic: ",
        ),
        ("+ psql -c x\npsql: error: no password\n+ exit 1", "psql: error: "),
        (
            "ERROR: No matching distribution found for foo\n[notice] To update, run: pip install -U pip",
            "ERROR: No matching",
        ),
        (
            "npm ERR! enoent no such file\nnpm ERR! enoent This is related to npm not being able to find a file.",
            "npm ERR! enoent no",
        ),
        ("╷\n│ Error: Invalid provider\n│ \n│   on main.tf line 3\n╵", "Error: Invalid provider"),
        ("07:00:00  Database Error\n  column x does not exist\n07:00:00  Done. PASS=3 WARN=0 ERROR=1", "column x"),
        ("FAILED t.py::a - assert 1 == 2\n======= 1 failed in 0.05s =======", "FAILED t.py"),
        ("Error in library(foo) : there is no package\nCalls: main\nExecution halted", "Error in library"),
        ("x.rb:3:in `foo': no bar (NoMethodError)\n\tfrom x.rb:5:in `<main>'", "x.rb:3"),
        ("PHP Fatal error: no db\nStack trace:\n#0 {main}\n  thrown in /x.php on line 3", "PHP Fatal error"),
        ("Can't locate Foo.pm\nBEGIN failed--compilation aborted at x.pl line 1.", "Can't locate"),
        ("error[E0308]: mismatched types\nerror: could not compile `x` due to 1 previous error", "error[E0308]"),
        ("[ERROR] Failed to execute goal\n[ERROR] \n[ERROR] Re-run Maven using the -X switch", "[ERROR] Failed"),
        ('{"level":50,"msg":"no disk"}\n{"level":30,"msg":"bye"}', '{"level":50'),
        ('{"severity":"ERROR","message":"no disk"}\n{"severity":"INFO","message":"bye"}', '{"severity":"ERROR"'),
    ],
)
def test_what_languages_and_tools_say_last_is_passed_over(text, line):
    """Frames, hints and summaries follow the line that matters, with every tool in its own words."""
    assert last_line(text).startswith(line)


def test_a_line_made_to_take_long_does_not():
    """A message is data, and may be anything."""
    begun = time.process_time()
    for unit in ("debug", "argo=true ", "(", "0x", "in 1s "):
        last_line("npm ERR! " + unit * (60_000 // len(unit)))
        last_line("= " + unit * (900 // len(unit)))
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("limit", range(0, 300, 7))
def test_no_limit_is_passed(limit):
    """Also where the text is one long line."""
    for text in ("x" * 1000, "ab\n" * 400):
        assert len(excerpt(text, limit)) <= limit

"""YAML by 1.2's core rules, with the place of everything in it, and an end to everything."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.errors import ConfigError
from exitkit.settings import yamltext


def wrong(text):
    with pytest.raises(ConfigError) as caught:
        yamltext.read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        ("NO", "NO"),
        ("7", 7),
        ("-7", -7),
        ("007", 7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("1.2.3", "1.2.3"),
        ("<<", "<<"),
        ("=", "="),
        ('"7"', "7"),
        ("'true'", "true"),
        ("!!str 7", "7"),
        ("!!int 7", 7),
        ("!!int seven", "seven"),
        ("1e999", float("inf")),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(text, value):
    """Norway is a country, a date is text, and half past twelve is no number."""
    found = yamltext.read(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_everything_has_a_place():
    """A value stands at its key, an item at itself, and what is not there at what is around it."""
    document = yamltext.read("steps:\n  - uses: a\n    with:\n      list: [1,\n        2]\n  - b\n")
    places = {
        (): (1, 1),
        ("steps",): (1, 1),
        ("steps", 0): (2, 5),
        ("steps", 0, "uses"): (2, 5),
        ("steps", 0, "with", "list"): (4, 7),
        ("steps", 0, "with", "list", 1): (5, 9),
        ("steps", 1): (6, 5),
        ("steps", 0, "with", "missing", "deeper"): (3, 5),
        ("nowhere",): (1, 1),
    }
    assert {path: document.place(path) for path in places} == places


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "4:3: the key 'c' stands here twice"),
        ("a: 1\n'a': 2\n", "2:1: the key 'a' stands here twice"),
        ("1: a\n'1': b\n", "2:1: the key '1' stands here twice"),
        ("? [a]\n: 1\n", "1:3: a key must be a word"),
        ("a: b: c\n", "1:5: not YAML"),
        ("steps:\n\t- a\n", "2:1: not YAML"),
        ("a: [1, 2\n", "2:1: not YAML"),
        ("a: *x\n", "1:4: not YAML"),
        ("a: 'x\n", "2:1: not YAML"),
        ("--- a\n--- b\n", "2:1: not YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "1:4: ! begins a tag"),
        ("a: !x {b: 1}\n", "1:4: ! begins a tag in YAML, and there is no '!x'; put"),
        ("a: !x b\n", "1:4: ! begins a tag in YAML, and there is no '!x'; put"),
        ("a: !!set {b}\n", "1:4: ! begins a tag"),
        ("a: !!binary aGk=\n", "1:4: ! begins a tag"),
        ("a: !!bool yes\n", "1:4: ! begins a tag"),
        ("a:\n\xa0\xa0b: 1\n", "2:1: a no-break space"),
        ("a: 1\nb: \x07\n", "2:4: not YAML: an unacceptable character"),
        ("a: \x00", "1:4: not YAML: an unacceptable character"),
        ("&a [*a]", "1:1: too large or nested too deep"),
        ("&a {b: *a}", "1:1: too large or nested too deep"),
        ("%YAML 3.0\n---\na", "1:1: not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(text, told):
    """Where, and what."""
    assert wrong(text).startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 50_000,
        "- a\n" * 250_000,
        "a: " + "x" * (1 << 20),
        "a: &a ["
        + "x," * 100
        + "]\nb: &b ["
        + "*a," * 100
        + "]\nc: &c ["
        + "*b," * 100
        + "]\nd: ["
        + "*c," * 100
        + "]",
        "\n".join(f"k{number}: 1" for number in range(60_000)),
    ],
    ids=["brackets", "braces", "dashes", "items", "text", "aliases", "keys"],
)
def test_a_plan_that_is_too_much_is_refused_soon(text):
    """Neither memory nor the deadline goes into reading it."""
    began = time.thread_time()
    assert "too" in wrong(text) or "longer than" in wrong(text)
    assert time.thread_time() - began < 20


def test_an_alias_is_what_it_stands_for():
    """Used within reason, it saves writing."""
    assert yamltext.read("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ": ",
                "- ",
                "\n",
                "  ",
                "[",
                "]",
                "{",
                "}",
                ",",
                "&x ",
                "*x",
                "!",
                "!!int ",
                "'",
                '"',
                "|",
                ">",
                "%",
                "? ",
                "#",
                "\t",
                "1",
                "~",
                "---",
                "\\",
                "\ufeff",
                "\x85",
                "é",
            ]
        ),
        max_size=25,
    ).map("".join)
    | st.text(max_size=50)
)
def test_only_config_errors_leave(text):
    """Any text is data or a ConfigError that begins with a line and a column within it."""
    try:
        yamltext.read(text)
    except ConfigError as error:
        line, column, _ = str(error).split(":", 2)
        assert (
            1
            <= int(line)
            <= text.count("\n")
            + text.count("\r")
            + text.count("\x85")
            + text.count("\u2028")
            + text.count("\u2029")
            + 2
        )
        assert int(column) >= 1

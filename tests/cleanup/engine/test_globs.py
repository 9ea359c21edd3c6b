"""Globs: what they stand for, as a shell has it, and in a time that grows with the text alone."""

import fnmatch
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.cleanup.engine.globs import Globs, NameGlob, escaped, is_magic
from exitkit.cleanup.files.pattern import Pattern

SIGNS = "ab-]![*?.\\^é\udc80\n"


@pytest.mark.parametrize("glob", ["*-*-*-*-*.tmp", "*-" * 40 + "x", "**/" + "*-*/**/" * 8 + "x", "[!a]*" * 20 + "z"])
def test_many_wildcards_take_no_longer_than_one(glob):
    """Whatever the key: one that looks back would take longer than the universe has been there."""
    for key in ("-" * 900, "-/" * 450, "ab-" * 300):
        assert not Globs([glob]).match(key)
        assert not Pattern(f"/{glob}").holds(f"/{key}")


@settings(max_examples=150)
@given(st.text(SIGNS, min_size=1, max_size=7), st.text(SIGNS, max_size=7))
def test_a_glob_for_a_name_is_a_shells(glob, name):
    """As fnmatch has it; a range that ends before it begins is an error, and no silent nothing."""
    try:
        found = NameGlob(glob).match(name)
    except ValueError:
        assert re.search(r"\[.*-.*\]", glob, re.DOTALL)
        return
    assert found == (re.compile(fnmatch.translate(glob)).match(name) is not None)


@given(st.text(SIGNS + "/", min_size=1, max_size=8), st.text(SIGNS, max_size=4))
def test_what_is_escaped_stands_for_itself(text, more):
    """And for nothing else."""
    if text.strip("/"):
        name = text.replace("/", "x")
        assert NameGlob(escaped(name)).match(name)
        assert NameGlob(escaped(name)).match(name + more) == (not more)


@pytest.mark.parametrize(
    ("globs", "path", "fits"),
    [
        (["*.tmp"], "a/b/c.tmp", True),
        (["*.tmp"], "c.tmp/x/y", True),
        (["logs/*.txt"], "logs/a.txt", True),
        (["logs/*.txt"], "x/logs/a.txt", False),
        (["logs/**"], "logs/a/b", True),
        (["**/b"], "b", True),
        (["**/b"], "a/a/b", True),
        (["a?c"], "a/c", False),
        (["a[!x]c"], "a/c", False),
        (["a[.-0]c"], "a/c", False),
        (["a[.-0]c"], "a.c", True),
        (["a[/]c"], "a/c", False),
        (["x", "y"], "y", True),
        (["*"], "a\udcff/b\n", True),
        (["caf?"], "café", True),
        (["a?"], "a\udcff", True),
    ],
)
def test_what_is_below_a_place(globs, path, fits):
    """A wildcard stands for no slash; a byte that is not UTF-8 is one character."""
    assert Globs(globs).match(path) is fits


def test_no_glob_matches_nothing():
    """As where none is given."""
    assert not Globs([])
    assert not Globs([]).match("a")
    assert is_magic("a[")

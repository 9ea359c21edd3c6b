"""Go's own verdicts are in data/gostring/vectors.jsonl, written by the generate.go beside it."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.argo.gostring import quote, unquote, unquote_loose

LINES = (Path(__file__).parents[1] / "data/gostring/vectors.jsonl").read_text("utf-8")
VECTORS = [json.loads(line) for line in LINES.split("\n") if line]
QUOTED = [vector for vector in VECTORS if "q" in vector]
UNQUOTED = [vector for vector in VECTORS if "u" in vector]


def go_text(data):
    """Bytes as Go's loops over a string see them: U+FFFD for each byte that is no UTF-8."""
    return re.sub("[\udc80-\udcff]", "\ufffd", bytes.fromhex(data).decode("utf-8", "surrogateescape"))


def unquote_or_none(literal):
    try:
        return unquote(literal)
    except ValueError:
        return None


def newer_than_python(text):
    """Whether Go may know a character, as its Unicode tables are newer, that Python does not."""
    return any(unicodedata.category(char) == "Cn" for char in text)


def test_there_are_vectors_of_every_kind():
    """The tests below have something to check."""
    assert len(QUOTED) > 1000
    assert sum(vector["b"] is None for vector in UNQUOTED) > 300
    assert sum(vector["b"] is not None for vector in UNQUOTED) > 300


def test_unquote_reads_whatever_go_quotes():
    """Every literal that strconv.Quote wrote is read as the bytes it was made of."""
    assert [vector for vector in QUOTED if unquote_or_none(vector["q"]) != go_text(vector["b"])] == []


def test_unquote_accepts_and_refuses_as_go_does():
    """On text that is perhaps a literal, strconv.Unquote and unquote come to the same verdict."""
    wrong = [
        vector
        for vector in UNQUOTED
        if unquote_or_none(vector["u"]) != (None if vector["b"] is None else go_text(vector["b"]))
    ]
    assert wrong == []


def test_quote_writes_what_go_writes():
    """quote and strconv.Quote agree to the byte, on all characters that both know."""
    texts = [(bytes.fromhex(vector["b"]).decode("utf-8", "surrogateescape"), vector["q"]) for vector in QUOTED]
    assert [(text, literal) for text, literal in texts if quote(text) != literal and not newer_than_python(text)] == []


@pytest.mark.parametrize(
    ("literal", "position"),
    [
        ("", 0),
        ('"', 0),
        ("'a'", 0),
        ('"abc', 4),
        ('"ab\\qcd"', 3),
        ('"ab\ncd"', 3),
        ('"ab"cd"', 3),
        ('"\\ud800"', 1),
        ('"\\400"', 1),
        ("`ab", 3),
        ("`a`b`", 2),
    ],
)
def test_a_refusal_names_the_position(literal, position):
    """Whoever reads the error finds the place."""
    with pytest.raises(ValueError, match=rf"position {position}$"):
        unquote(literal)


@given(st.text())
def test_what_is_quoted_can_be_unquoted(text):
    """quote loses nothing but lone surrogates, which Go has not."""
    assert re.sub("[\ud800-\udfff]", "\ufffd", text) == unquote(quote(text))


@given(st.text(st.sampled_from('\\"xuU01fd8anrt\n`é😀')))
def test_any_text_is_read_or_refused(text):
    """unquote raises nothing but ValueError."""
    unquote_or_none(f'"{text}"')


@given(st.text())
def test_loose_reading_equals_exact_reading_where_that_works(text):
    """A whole literal is read alike by both."""
    assert (unquote(quote(text)), True) == unquote_loose(quote(text))


@given(st.text(), st.data())
def test_a_cut_literal_gives_the_beginning_of_its_text(text, data):
    """Cutting costs only what was cut, at most one character more."""
    literal = quote(text)
    cut = data.draw(st.integers(1, len(literal) - 1))
    got, closed = unquote_loose(literal[:cut])
    # The bytes of one character come as several escapes only from Go, not from quote, so no half character remains.
    assert (unquote(literal).startswith(got), closed) == (True, False)


@pytest.mark.parametrize(
    ("damaged", "text", "closed"),
    [
        ('"a "b" c"', 'a "b" c', True),
        ('"a\\qb\\n"', "a\\qb\n", True),
        ('"a\\q\\"', 'a\\q"', False),
        ('"a\\q\\\\"', "a\\q\\", True),
        ('"a\\qb', "a\\qb", False),
        ('"a\\q\\Uffffffff"', "a\\q\ufffd", True),
        ('"', "", False),
    ],
)
def test_damage_stands_for_itself(damaged, text, closed):
    """One broken escape or bare quote does not cost the rest."""
    assert (text, closed) == unquote_loose(damaged)

"""Label and field selectors, read so that nothing is asked for that nobody meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.cleanup.kubernetes.selectors import Requirement, check_fields, parse
from exitkit.errors import ConfigError


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("a=b", [Requirement("a", ("b",))]),
        ("a==b", [Requirement("a", ("b",))]),
        ("a!=b", [Requirement("a")]),
        ("a", [Requirement("a")]),
        ("!a", [Requirement("a")]),
        ("a in (b, c)", [Requirement("a", ("b", "c"))]),
        ("a notin (b)", [Requirement("a")]),
        ("x.io/a = b , c", [Requirement("x.io/a", ("b",)), Requirement("c")]),
        ("a in (b,c),d=e", [Requirement("a", ("b", "c")), Requirement("d", ("e",))]),
    ],
)
def test_conditions_are_understood(selector, found):
    """Those of equality and of sets."""
    assert list(parse(selector)) == found


@pytest.mark.parametrize(
    "selector",
    [
        "",
        " ",
        ",",
        "a,",
        "a=",
        "a in ()",
        "a in (b,)",
        "a in b",
        "a in (b",
        "=b",
        "a=b=c",
        "a b",
        "-a=b",
        "a=-b",
        "a" * 64,
        "a=\n",
    ],
)
def test_what_is_empty_or_none_is_refused(selector):
    """As a template leaves it."""
    with pytest.raises(ConfigError):
        parse(selector)


@pytest.mark.parametrize("selector", ["status.phase=Failed", "status.phase!=Running,metadata.name=a", "a=x\\,y"])
def test_field_selectors(selector):
    """With an escaped comma too."""
    check_fields(selector)


@pytest.mark.parametrize("selector", ["", "status.phase=", "status.phase", "a=b,", "=b"])
def test_field_selectors_without_a_value_are_refused(selector):
    """They would select everything, or nothing."""
    with pytest.raises(ConfigError):
        check_fields(selector)


@given(st.text("ab=!,() \n\tin.x/-", max_size=20))
def test_any_text_is_conditions_or_an_error(text):
    """Never anything else."""
    try:
        assert parse(text)
    except ConfigError as error:
        assert str(error)

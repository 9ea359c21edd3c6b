"""Durations and sizes are read as people write them, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from exitkit.text.units import Bytes, Seconds, human_duration, human_size, parse_duration, parse_size


class Both(BaseModel):
    pause: Seconds = 0
    room: Bytes = 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("7d", 604_800),
        ("250ms", 0.25),
        (" 5m ", 300),
        ("0", 0),
    ],
)
def test_a_duration_is_read_in_gos_words(text, seconds):
    """Every form that Argo's own fields take means the same here."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "5 m", "5x", "1h-3m", "nan", "inf", "1e999", "9" * 400, "9" * 400 + "s", "{{ x }}"]
)
def test_what_is_no_duration_is_refused(text):
    """Nonsense is an error and never an endless wait."""
    with pytest.raises(ValueError, match=r"a duration is"):
        parse_duration(text)


@pytest.mark.parametrize("value", [-1, "-5s", "2y", float("nan"), float("inf"), "400d", None, [1]])
def test_a_setting_in_seconds_is_bounded(value):
    """Below zero, endless and longer than a year are mistakes, and told as such."""
    with pytest.raises(ValidationError):
        Both(pause=value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512),
        ("64Ki", 65_536),
        ("10Mi", 10_485_760),
        ("5G", 5_000_000_000),
        ("1.5Ki", 1536),
        ("10MiB", 10_485_760),
    ],
)
def test_a_size_is_read_in_kubernetes_words(text, size):
    """The suffixes are those of quantities."""
    assert parse_size(text) == size
    assert Both(room=text).room == size


@pytest.mark.parametrize("text", ["", "-1", "10 Mi", "10mb", "9" * 400, "1" + "0" * 400 + ".5Ti", "Mi"])
def test_what_is_no_size_is_refused(text):
    """Also where the number is larger than any float."""
    with pytest.raises(ValidationError, match=r"a size is"):
        Both(room=text)


@given(st.integers(0, 10**15 - 1))
def test_a_size_in_bytes_is_exact(size):
    """No byte is lost to floating point."""
    assert parse_size(str(size)) == size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (4.24, "4.2s"),
        (59.94, "59.9s"),
        (59.96, "1m"),
        (60, "1m"),
        (200, "3m 20s"),
        (7500, "2h 5m"),
        (86_400 * 3 + 4 * 3600 + 59, "3d 4h"),
        (float("nan"), "unknown"),
        (float("inf"), "unknown"),
    ],
)
def test_a_duration_is_told_in_two_units(seconds, text):
    """People read at most two, and never sixty of one."""
    assert human_duration(seconds) == text


@given(st.floats(0, 1e12))
def test_every_duration_has_words(seconds):
    """No number is without a text, and none has sixty seconds or minutes."""
    text = human_duration(seconds)
    assert text
    assert "60s" not in text.split()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (20 << 20, "20 MiB"), (3 << 50, "3072.0 TiB")]
)
def test_a_size_is_told_in_one_unit(size, text):
    """In powers of 1024, as Kubernetes has them."""
    assert human_size(size) == text

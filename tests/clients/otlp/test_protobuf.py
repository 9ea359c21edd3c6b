"""Messages are written as Google's library writes them, and read as it reads them."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from exitkit.clients.otlp import protobuf

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


@given(INT64)
def test_integers(value):
    """A negative one takes ten bytes."""
    assert protobuf.number(3, value) == AnyValue(int_value=value).SerializeToString()


@given(st.floats(allow_nan=False))
def test_floating_points(value):
    """Infinities too."""
    assert protobuf.double(4, value) == AnyValue(double_value=value).SerializeToString()


@given(st.text())
def test_texts(value):
    """In UTF-8, with its length in bytes."""
    assert protobuf.text(1, value) == AnyValue(string_value=value).SerializeToString()


def test_a_lone_surrogate_is_readable():
    """UTF-8 has none, and a reader would refuse the whole message for it."""
    assert AnyValue.FromString(protobuf.text(1, "a\ud800b")).string_value == "a\\ud800b"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_152])
def test_lengths(size):
    """Where one more byte begins."""
    assert protobuf.nested(7, b"x" * size) == AnyValue(bytes_value=b"x" * size).SerializeToString()


@given(st.text(), INT64, st.integers(0, 24), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 32) - 1))
def test_fields_are_read(key, value, severity, time, flags):
    """Of every type, in their order."""
    pair = KeyValue(key=key, value={"int_value": value})
    one = LogRecord(time_unix_nano=time, severity_number=severity, attributes=[pair], flags=flags)
    found = dict(protobuf.fields(one.SerializeToString()))
    assert int.from_bytes(found.get(1, b""), "little") == time
    assert found.get(2, 0) == severity
    assert int.from_bytes(found.get(8, b""), "little") == flags
    inner = dict(protobuf.fields(found[6]))
    assert inner.get(1, b"").decode() == key
    assert dict(protobuf.fields(inner[2]))[3] == value & (1 << 64) - 1


@given(st.binary(max_size=64))
def test_nonsense_is_a_value_error(data):
    """And what Google's library takes is read, but for groups, which nobody writes any more."""
    try:
        LogRecord.FromString(data)
        is_message = True
    except DecodeError:
        is_message = False
    try:
        found = list(protobuf.fields(data))
    except ValueError as error:
        assert not is_message or "of type" in str(error)
    else:
        assert all(isinstance(value, int | bytes) for _, value in found)


@pytest.mark.parametrize("data", [b"\x0a\x05abc", b"\x08", b"\x09abc", b"\xff" * 11, b"\x0f"])
def test_a_message_that_is_cut_is_none(data):
    """Nor what has a number without an end, or a type that is not there."""
    with pytest.raises(ValueError, match="protobuf"):
        list(protobuf.fields(data))

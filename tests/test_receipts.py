"""Receipts are all there or not there, and a strange one proves nothing."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.errors import ConfigError
from exitkit.receipts import Folder, Nowhere, Receipt, open_state

ID = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "state")


def test_a_receipt_comes_back_as_it_was_written(folder):
    """Stage, time and facts; and there is none before, nor after it is forgotten."""
    receipt = Receipt("confirmed", 1_790_000_000.5, {"ts": "1.2", "n": 3, "text": "ü \ud800"})
    assert folder.read(ID) is None
    folder.write(ID, receipt)
    assert folder.read(ID) == receipt
    folder.forget(ID)
    folder.forget(ID)
    assert folder.read(ID) is None


def test_a_later_receipt_takes_the_place_of_an_earlier_one(folder):
    """Intent becomes confirmed, and nothing else is left lying about."""
    folder.write(ID, Receipt("intent", 1.0))
    folder.write(ID, Receipt("confirmed", 2.0))
    assert folder.read(ID).stage == "confirmed"
    assert [one.name for one in folder.path.iterdir()] == [f"{ID}.json"]


def test_only_the_owner_can_read_them(folder):
    """Facts may be more than others on a shared volume should know."""
    folder.write(ID, Receipt("intent", 1.0))
    assert (folder.path / f"{ID}.json").stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("facts", [{"a": "x" * 70_000}, {"a": {(1, 2): 3}}], ids=["long", "no JSON"])
def test_facts_that_do_not_fit_do_not_cost_the_receipt(folder, facts):
    """That it was sent matters more than what the channel answered."""
    folder.write(ID, Receipt("confirmed", 1.0, facts))
    assert folder.read(ID) == Receipt("confirmed", 1.0, {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"version": 2, "stage": "confirmed", "at": 1, "facts": {}}',
        b'{"version": 1, "stage": "sent", "at": 1, "facts": {}}',
        b'{"version": 1, "stage": "confirmed", "at": "soon", "facts": {}}',
        b'{"version": 1, "stage": "confirmed", "at": 1, "facts": 7}',
        b'{"version": 1, "stage": "confirmed", "at": 1}',
        b" " * 70_000 + b'{"version": 1, "stage": "confirmed", "at": 1, "facts": {}}',
    ],
    ids=range(13),
)
def test_a_broken_receipt_is_none(folder, content):
    """Corrupt, of the future, or too large: it proves nothing, and stops nothing."""
    folder.path.mkdir()
    (folder.path / f"{ID}.json").write_bytes(content)
    assert folder.read(ID) is None


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["confirmed", "intent"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["version", "stage", "at", "facts"]), inner, max_size=4)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_content_is_too_strange(tmp_path_factory, content):
    """Reading gives a receipt or none."""
    folder = Folder(tmp_path_factory.getbasetemp() / "strange")
    folder.path.mkdir(exist_ok=True)
    (folder.path / f"{ID}.json").write_bytes(content)
    found = folder.read(ID)
    assert found is None or found.stage in ("intent", "confirmed")


def test_a_planted_link_is_not_followed(folder, tmp_path):
    """On a shared volume anybody may have put it there."""
    (tmp_path / "other").write_text('{"version": 1, "stage": "confirmed", "at": 1, "facts": {}}')
    folder.path.mkdir()
    (folder.path / f"{ID}.json").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match=r"symbolic"):
        folder.read(ID)
    folder.write(ID, Receipt("intent", 1.0))
    assert "confirmed" in (tmp_path / "other").read_text()
    assert folder.read(ID).stage == "intent"


def test_a_planted_pipe_does_not_hang(folder):
    """Nobody may ever write to it."""
    folder.path.mkdir()
    os.mkfifo(folder.path / f"{ID}.json")
    assert folder.read(ID) is None


def test_a_failed_write_leaves_nothing(folder):
    """Neither half a receipt nor a temporary file."""
    folder.path.mkdir()
    (folder.path / f"{ID}.json").mkdir()
    with pytest.raises(OSError):
        folder.write(ID, Receipt("intent", 1.0))
    assert [one.name for one in folder.path.iterdir()] == [f"{ID}.json"]


def test_a_setting_says_where_receipts_are_kept(tmp_path):
    """Nothing is nowhere, a path a folder; what there is not is said before anything runs."""
    assert isinstance(open_state(""), Nowhere)
    assert open_state("").read(ID) is None
    assert open_state(str(tmp_path)).path == tmp_path
    with pytest.raises(ConfigError, match=r"only a folder"):
        open_state("s3://bucket/state")

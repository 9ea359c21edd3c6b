"""What every cleanup can rely on: the guard, the limits, the dry run, the counts and the list of what went."""

import contextlib
import gzip
import io
import json
import os
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exitkit.argo.workflow import Workflow
from exitkit.cleanup import Cleanup
from exitkit.cleanup.engine.deletion import DeletionOutcome
from exitkit.clients.deletion import Refusal
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError, Exhausted, Skip
from exitkit.retry import Abandoned, Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock

UID = "3a2b1c0d-1111-4222-8333-444455556666"
OURS = Workflow(name="train-x7k2p", uid=UID, status="Succeeded")


@dataclass
class Things:
    names: list
    sizes: list = field(default_factory=list)
    place: str = "shelf/"


@dataclass
class Place:
    """A world that things are deleted from."""

    batches: list
    left: set = field(default_factory=set)
    refuses: dict = field(default_factory=dict)
    calls: int = 0
    closed: bool = False
    before: object = None

    def __post_init__(self):
        self.left = {name for batch in self.batches if isinstance(batch, Things) for name in batch.names} - self.left


class Shelf(Cleanup):
    """Delete what stands on a shelf."""

    worlds: ClassVar[dict] = {}
    on: tuple[str, ...] = ("/shelf/train-x7k2p",)

    def targets(self):
        return self.on

    def open(self, context):
        return nullcontext(self)

    def find(self, context):
        world = self.worlds["here"]
        try:
            yield from world.batches
        finally:
            world.closed = True

    def delete(self, batch, context, most):
        world = self.worlds["here"]
        world.calls += 1
        if world.before:
            world.before()
        names = batch.names[:most]
        gone = [name for name in names if name not in world.left]
        refused = [Refusal(name, world.refuses[name]) for name in names if name in world.refuses and name in world.left]
        world.left -= set(names) - set(world.refuses)
        return DeletionOutcome(gone=gone, refused=refused)


def world(*batches, **more):
    Shelf.worlds["here"] = Place(list(batches), **more)
    return Shelf.worlds["here"]


def made(workflow=OURS, seconds=300.0, **more):
    return Context(workflow, Retry(RetryPolicy(), Deadline(seconds, FakeClock())), **more)


def stack(count, size=0, start=0):
    names = [f"n{number}" for number in range(start, start + count)]
    return Things(names, [size] * count if size else [])


# The guard.


@pytest.mark.parametrize(
    "target",
    [
        "/data/train-x7k2p",
        "/data/train-x7k2p/tmp",
        "train-x7k2p/logs",
        "a/train-x7k2p/*",
        f"/data/{UID}",
        f"/data/run-{UID}.d/x",
    ],
)
def test_what_bears_the_name_or_uid_may_go(target):
    """As one part of the path, and the uid, which is nowhere by chance, also within one."""
    Shelf(on=[target]).guard(made())


@pytest.mark.parametrize(
    "target",
    [
        "/data",
        "/data/train-x7k2",
        "/data/train-x7k2p-2",
        "/data/my-train-x7k2p",
        "/data/*train-x7k2p*",
        "/data/*",
        "/data/Train-X7k2p",
        "",
    ],
)
def test_what_does_not_bear_it_is_refused_before_anything_is_deleted(target):
    """A name that only begins like it is another workflow's, and a wildcard stands for anything."""
    here = world(stack(3))
    for step in (Shelf(on=["/a/train-x7k2p", target]).guard, Shelf(on=["/a/train-x7k2p", target]).run):
        with pytest.raises(ConfigError, match="anything: true"):
            step(made())
    assert here.calls == 0
    assert len(here.left) == 3


@pytest.mark.parametrize("name", ["*", "[a-z]", "", "..", "/"])
def test_a_hostile_name_does_not_open_the_guard(name):
    """Nor does a workflow whose name nobody knows."""
    for target in ("/data/*", "/data/[a-z]", "/data//x"):
        for uid in ("*", ""):
            with pytest.raises(ConfigError):
                Shelf(on=[target]).guard(made(Workflow(name=name, uid=uid)))


def test_anything_has_to_be_said():
    """In so many words; then the guard lets pass."""
    world(stack(2))
    assert Shelf(on=["/shared"], anything=True).run(made()).facts["deleted"] == 2


@pytest.mark.parametrize("bad", [{"include": [""]}, {"exclude": ["/"]}, {"include": ["[z-a]"]}, {"limit": -1}])
def test_nonsense_is_refused_with_the_plan(bad):
    """An empty glob, which a template may have left, brackets without a meaning, a limit below nothing."""
    with pytest.raises(ValidationError):
        Shelf(**bad)


@pytest.mark.parametrize(
    "path", ["gone.json", "/tmp/../gone.json", "/tmp/", "s3://bucket", "s3://bucket/logs/", "s3:///x"]
)
def test_a_receipt_is_a_file(path):
    """Given by its whole path."""
    with pytest.raises(ValidationError):
        Shelf(receipt=path)


# Keeping.


@pytest.mark.parametrize(("status", "keeps"), [("Failed", True), ("Error", True), ("", True), ("Succeeded", False)])
def test_evidence_survives(status, keeps):
    """keep_on deletes nothing after such an end; a status that nobody knows may have been a failure."""
    here = world(stack(2))
    workflow, shelf = Workflow(name="train-x7k2p", status=status), Shelf(keep_on=["Failed", "Error"])
    if keeps:
        with pytest.raises(Skip, match="kept"):
            shelf.run(made(workflow))
    else:
        shelf.run(made(workflow))
    assert len(here.left) == (2 if keeps else 0)


@pytest.mark.parametrize(("keep_on", "keeps"), [("Failed", True), ("Error", True), ("Succeeded", False)])
def test_either_word_for_a_failure_keeps_what_an_unknown_end_left(keep_on, keeps):
    """Nobody knows which of them it was."""
    here = world(stack(2))
    shelf = Shelf(keep_on=[keep_on])
    with pytest.raises(Skip, match="unknown status") if keeps else contextlib.nullcontext():
        shelf.run(made(Workflow(name="train-x7k2p", status="")))
    assert len(here.left) == (2 if keeps else 0)


# The limits.


@given(sizes=st.lists(st.integers(0, 5), max_size=8), limit=st.integers(0, 30))
def test_the_limit_stops_before_the_first_one_beyond(sizes, limit):
    """So many are deleted and not one more; then the step fails, and says what to do."""
    total = sum(sizes)
    here = world(*(stack(size, start=100 * number) for number, size in enumerate(sizes)))
    if total <= limit:
        assert Shelf(limit=limit).run(made()).facts["deleted"] == total
    else:
        with pytest.raises(ActionError, match=f"limit={limit}; raise it") as caught:
            Shelf(limit=limit).run(made())
        assert caught.value.facts["deleted"] == limit
        assert caught.value.facts["complete"] is False
        assert len(here.left) == total - limit
    assert here.closed


@given(sizes=st.lists(st.integers(0, 50), max_size=12), limit=st.integers(0, 300))
def test_the_limit_of_bytes_stops_before_the_first_one_beyond(sizes, limit):
    """Counted in the order in which things are found."""
    batches = [Things([f"a{number}", f"b{number}"], [size, 0]) for number, size in enumerate(sizes)]
    world(*batches)
    if sum(sizes) <= limit:
        assert Shelf(limit_bytes=limit).run(made()).facts["bytes"] == sum(sizes)
    else:
        with pytest.raises(ActionError, match="limit_bytes") as caught:
            Shelf(limit_bytes=limit).run(made())
        assert caught.value.facts["bytes"] <= limit


def test_what_is_refused_or_gone_is_not_counted_against_the_limit():
    """The limit is on what is deleted."""
    world(stack(6), left={"n0", "n1"}, refuses={"n2": "locked"})
    with pytest.raises(ActionError) as caught:
        Shelf(limit=3).run(made())
    assert caught.value.facts["deleted"] <= 3


# Dry run.


def test_a_dry_run_deletes_nothing_and_says_what_would_go(tmp_path):
    """With counts, bytes and names; nothing is written either."""
    progress, receipt = tmp_path / "progress", tmp_path / "gone.json"
    here = world(stack(12, size=100), Refusal("shelf/held", "on hold"))
    workflow = Workflow(name="train-x7k2p", status="Succeeded", progress_file=str(progress))
    result = Shelf(receipt=str(receipt)).run(made(workflow, dry_run=True))
    assert (here.calls, len(here.left)) == (0, 12)
    assert (result.facts["found"], result.facts["bytes"], result.facts["refused"]) == (13, 1200, {"on hold": 1})
    assert result.facts["examples"] == [f"shelf/n{number}" for number in range(10)]
    assert "would delete 12" in result.summary
    assert "1 more cannot go" in result.summary
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_that_the_limit_would_stop_it():
    """And counts on, so that the limit can be set."""
    world(stack(5))
    result = Shelf(limit=3).run(made(dry_run=True))
    assert result.facts["found"] == 5
    assert "limit=3" in result.summary


# The counts.


def test_the_counts_add_up():
    """Found is deleted, gone and refused; bytes are those of what was deleted."""
    world(
        stack(5, size=10),
        stack(5, size=1, start=5),
        Refusal("shelf/x", "on hold"),
        left={"n7"},
        refuses={"n0": "locked"},
    )
    with pytest.raises(ActionError) as caught:
        Shelf().run(made())
    facts = caught.value.facts
    assert {key: facts[key] for key in ("found", "deleted", "gone", "bytes")} == {
        "found": 11,
        "deleted": 8,
        "gone": 1,
        "bytes": 44,
    }
    assert facts["refused"] == {"on hold": 1, "locked": 1}


def test_one_refusal_fails_the_step_and_stops_nothing():
    """All others go; the error names the reason and one example."""
    here = world(stack(3), stack(3, start=3), refuses={"n1": "locked"})
    with pytest.raises(ActionError, match=r"1 locked \(such as shelf/n1: locked\)"):
        Shelf().run(made())
    assert here.left == {"n1"}


def test_a_second_run_is_fine():
    """What is gone is no failure, and nothing to do is a result."""
    here = world(stack(4))
    Shelf().run(made())
    assert here.left == set()
    result = Shelf().run(made())
    assert (result.facts["deleted"], result.facts["gone"]) == (0, 4)
    world()
    assert Shelf().run(made()).summary == "nothing to delete"


def test_what_comes_again_is_counted_once():
    """A batch may leave something for a later one."""

    class Slow(Shelf):
        def delete(self, batch, context, most):
            return DeletionOutcome(again=["n0"]) if len(batch.names) > 1 else DeletionOutcome()

    world(stack(3), Things(["n0"]))
    facts = Slow().run(made()).facts
    assert (facts["found"], facts["deleted"]) == (3, 3)


def test_names_are_shown_on_one_line():
    """Whatever is in them."""
    world(Things(["a\nb", "\x1b[31m", "\udcff", "é"]))
    assert Shelf().run(made()).facts["examples"] == ["shelf/a\\nb", "shelf/\\x1b[31m", "shelf/\\udcff", "shelf/é"]


# Time.


def test_the_end_of_time_stops_between_batches():
    """What went is told, and that the rest stays."""
    here = world(stack(3), stack(3, start=3))
    context = made(seconds=5)
    here.before = lambda: context.deadline.clock.advance(6)
    with pytest.raises(Exhausted, match="no time left") as caught:
        Shelf().run(context)
    assert caught.value.reason == "timeout"
    assert (caught.value.facts["deleted"], caught.value.facts["complete"]) == (3, False)
    assert len(here.left) == 3
    assert here.closed


def test_time_is_looked_at_also_where_nothing_is_found():
    """A batch without names is a sign of life, in a dry run too."""
    for dry_run in (False, True):
        here = world(*(Things([]) for _ in range(3)))
        with pytest.raises(Exhausted):
            Shelf().run(made(seconds=0, dry_run=dry_run))
        assert here.calls == 0


def test_an_attempt_that_was_given_up_deletes_no_more():
    """When the step has been reported as failed, nothing goes behind its back."""
    here = world(stack(3), stack(3, start=3))
    held, ended = threading.Event(), []
    context = made(seconds=5)

    def hang():
        context.deadline.clock.advance(10)
        held.wait(10)

    here.before = hang

    def run():
        try:
            Shelf().run(made(seconds=1000))
        except Abandoned:
            ended.append("abandoned")
            raise

    with pytest.raises(ActionError):
        context.retry.whole(run)
    held.set()
    for thread in threading.enumerate():
        if thread.name == "exitkit-attempt":
            thread.join(10)
    assert (ended, here.calls, len(here.left)) == (["abandoned"], 1, 3)


# What is kept of it.


def test_a_receipt_lists_what_went_and_nothing_else(tmp_path):
    """One line of JSON each; what was refused or gone is not in it."""
    receipt = tmp_path / "lists" / "gone.json"
    world(Things(["a", "b\n", "\udcff", "held", "gone"]), left={"gone"}, refuses={"held": "on hold"})
    with pytest.raises(ActionError):
        Shelf(receipt=str(receipt)).run(made())
    listed = [json.loads(line) for line in receipt.read_text("ascii").splitlines()]
    assert listed == [{"deleted": "shelf/a"}, {"deleted": "shelf/b\n"}, {"deleted": "shelf/\udcff"}]


def test_a_receipt_can_be_compressed_and_is_whole_after_a_failure(tmp_path):
    """A name that ends in .gz; it is closed however the run ends."""
    receipt = tmp_path / "gone.json.gz"
    world(stack(5))
    with pytest.raises(ActionError):
        Shelf(receipt=str(receipt), limit=3).run(made())
    assert len(gzip.decompress(receipt.read_bytes()).splitlines()) == 3


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_receipt_that_cannot_be_written_deletes_nothing(tmp_path, kind):
    """Nor is a link followed, which others may have put there, and a pipe does not hang the run."""
    path, here = tmp_path / "gone.json", world(stack(3))
    {
        "link": lambda: path.symlink_to(tmp_path / "theirs"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[kind]()
    with pytest.raises(ActionError, match="nothing was deleted"):
        Shelf(receipt=str(path)).run(made())
    assert (here.calls, (tmp_path / "theirs").exists()) == (0, False)


def test_a_full_disk_does_not_stop_what_makes_room(monkeypatch, tmp_path):
    """The receipt ends early, and a note says so."""
    here = world(stack(3), stack(3, start=3))
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    receipt = tmp_path / "gone.json"
    real = os.open
    swapped = lambda path, *more, **others: real("/dev/full" if str(path) == str(receipt) else path, os.O_WRONLY)  # noqa: E731
    monkeypatch.setattr(os, "open", swapped)
    monkeypatch.setattr("stat.S_ISREG", lambda mode: True)
    result = Shelf(receipt=str(receipt)).run(made())
    assert here.left == set()
    assert result.notes == ("the receipt is not complete: no space left on device",)


def test_progress_is_told_to_argo(tmp_path):
    """As deleted/found in its file; one that cannot be written is no reason to stop."""
    for path, told in ((tmp_path / "progress", "6/6\n"), (tmp_path / "progress" / "below", None)):
        here = world(stack(3), stack(3, start=3))
        Shelf().run(made(Workflow(name="train-x7k2p", status="Succeeded", progress_file=str(path))))
        assert here.left == set()
        assert (path.read_text() if path.exists() else None) == told


# Asking.


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def person(monkeypatch):
    """Somebody at a terminal, who answers what is given."""

    def sits(answer):
        shown = Terminal()
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        monkeypatch.setattr("sys.stderr", shown)
        return shown

    return sits


def test_a_person_sees_what_would_go_and_agrees(person):
    """The count and some of the names, before anything is deleted."""
    shown = person("y\n")
    here = world(stack(3, 10))
    assert Shelf(interactive=True).run(made()).facts["deleted"] == 3
    assert shown.getvalue().startswith("  shelf/n0\n  shelf/n1\n  shelf/n2\nwould delete 3 (30 B); go on? [y/N] ")
    assert here.left == set()


@pytest.mark.parametrize("answer", ["n\n", "\n", "yikes\n"])
def test_anything_but_yes_deletes_nothing(person, answer):
    """A slip of the hand is no consent."""
    person(answer)
    here = world(stack(3))
    with pytest.raises(Skip, match="the answer was no"):
        Shelf(interactive=True).run(made())
    assert here.calls == 0


def test_a_terminal_that_is_closed_deletes_nothing(person):
    """Nobody answers any more."""
    person("")
    here = world(stack(3))
    with pytest.raises(ActionError, match="nobody answered"):
        Shelf(interactive=True).run(made())
    assert here.calls == 0


def test_asking_where_nobody_is_is_refused_before_anything_runs(monkeypatch):
    """Else a pod would wait until its deadline. A dry run has nothing to ask."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    here = world(stack(3))
    with pytest.raises(ConfigError, match="interactive asks on a terminal"):
        Shelf(interactive=True).guard(made())
    assert Shelf(interactive=True).run(made(dry_run=True)).facts["found"] == 3
    assert here.calls == 0


def test_a_terminal_shows_how_far_it_is(person):
    """On one line, which is gone at the end."""
    shown = person("")
    world(stack(3, 10), stack(2, 10, start=3))
    Shelf().run(made())
    told = shown.getvalue()
    assert told.startswith("\rdeleted 3 (30 B) of 3 found so far\x1b[K")
    assert told.endswith("\r\x1b[K")
    assert "\n" not in told


class FullDisk:
    """A list that finds no room."""

    def write(self, data):
        raise OSError(28, "No space left on device")

    def close(self):
        pass


@pytest.mark.parametrize("refuses", [{}, {"n1": "not permitted"}])
def test_a_list_that_is_not_whole_is_told_whatever_else_fails(monkeypatch, refuses):
    """Two things are gone, and no list says so: the report does, also where another one stayed."""
    world(stack(3), refuses=refuses)
    monkeypatch.setattr(Shelf, "open_receipt", lambda *_: FullDisk())
    step = Shelf(receipt="/tmp/gone")
    told = "the receipt is not complete: no space left on device"
    if not refuses:
        assert step.run(made()).notes == (told,)
        return
    with pytest.raises(ActionError) as caught:
        step.run(made())
    assert told in caught.value.notes
    assert caught.value.facts["deleted"] == 2


def test_a_list_that_is_not_whole_is_told_where_time_runs_out(monkeypatch):
    """Or where the limit is reached."""
    world(stack(3))
    monkeypatch.setattr(Shelf, "open_receipt", lambda *_: FullDisk())
    with pytest.raises(ActionError, match="limit=2") as caught:
        Shelf(receipt="/tmp/gone", limit=2).run(made())
    assert "the receipt is not complete: no space left on device" in caught.value.notes

"""What cleanup.files deletes, and what it leaves alone whatever anybody puts in its way."""

import gzip
import json
import os
import threading
import tracemalloc
from dataclasses import replace

import pytest

from exitkit.cleanup.files import Files
from exitkit.errors import ActionError, ConfigError, Skip
from exitkit.plan.registry import prefix
from exitkit.settings import SettingsError, load
from exitkit.testing import context, failed_workflow

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it


@pytest.fixture
def tree(tmp_path):
    """A workflow's scratch folder with files at three depths."""
    top = tmp_path / NAME
    (top / "a" / "b").mkdir(parents=True)
    for path in (top / "one", top / "a" / "two", top / "a" / "b" / "three"):
        path.write_bytes(bytes(100))
    return top


def files(*paths, root=None, **more):
    roots = [str(root or paths[0].parent)]
    return load(Files, {"paths": [str(one) for one in paths], "roots": roots, **more}, {}, prefix("cleanup.files"))


def age(path, days):
    then = context().deadline.clock.time() - days * 86400
    os.utime(path, (then, then), follow_symlinks=False)


def test_a_tree_goes_as_a_whole_and_is_counted(tree):
    """Files, directories, the top itself; the bytes are those of the files."""
    result = files(tree).run(context())
    assert not tree.exists()
    assert result.facts["deleted"] == 6
    assert result.facts["bytes"] == 300
    assert result.facts["complete"] is True


def test_what_is_not_there_needs_nothing(tmp_path):
    """A second run is as good as the first."""
    assert files(tmp_path / NAME).run(context()).summary == "nothing to delete"


def test_a_dry_run_touches_nothing_and_counts_the_same(tree):
    """What would go is what goes."""
    before = sorted(tree.rglob("*"))
    said = files(tree).run(context(dry_run=True)).facts
    assert sorted(tree.rglob("*")) == before
    assert (said["found"], said["bytes"]) == (6, 300)
    assert files(tree).run(context()).facts["deleted"] == said["found"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        " ",
        "/tmp",
        "/tmp/",
        "tmp/x/train",
        "/tmp/../etc/train",
        "/tmp//train",
        "/tmp/./train",
        "/tmp/a\0b",
        "//",
    ],
)
def test_paths_that_can_mean_too_much_are_refused_before_anything_runs(path):
    """The root, an empty or half-empty path after templating, one component, a way up."""
    with pytest.raises(SettingsError):
        load(Files, {"paths": [path], "anything": True}, {}, "X_")


@pytest.mark.parametrize("path", ["/etc/train-x7k2p", "/tmpx/train-x7k2p", "/*/train-x7k2p", "/t*p/train-x7k2p"])
def test_a_path_outside_the_roots_is_refused(path):
    """Also one that a wildcard could lead outside, and a root is no mere prefix of text."""
    with pytest.raises(SettingsError, match="roots"):
        load(Files, {"paths": [path]}, {}, "X_")


@pytest.mark.parametrize("name", ["other", f"{NAME}q", f"old{NAME}", "*", f"{NAME[:-1]}?"])
def test_what_is_not_the_workflows_own_is_refused(tmp_path, name):
    """The name must be there in so many words, unless the step says anything: true."""
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match="anything: true"):
        files(tmp_path / name).guard(context())
    assert (tmp_path / "other").exists()


def test_anything_is_a_word_that_must_be_said(tmp_path):
    """With it, a folder of another name goes."""
    (tmp_path / "other").mkdir()
    files(tmp_path / "other", anything=True).run(context())
    assert not (tmp_path / "other").exists()


def test_symlinks_inside_go_as_links(tree, tmp_path):
    """What they lead to stays."""
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").write_text("x")
    (tree / "folder").symlink_to(keep)
    (tree / "file").symlink_to(keep / "file")
    (tree / "nowhere").symlink_to("/does/not/exist")
    files(tree).run(context())
    assert not tree.exists()
    assert (keep / "file").read_text() == "x"


@pytest.mark.parametrize("where", ["last", "middle"])
def test_no_way_through_a_symlink(tmp_path, where):
    """Neither the path itself nor a part of it may be a link."""
    real = tmp_path / "real" / NAME
    real.mkdir(parents=True)
    (real / "file").write_text("x")
    if where == "last":
        path = tmp_path / NAME
        path.symlink_to(real)
    else:
        (tmp_path / "link").symlink_to(tmp_path / "real")
        path = tmp_path / "link" / NAME
    with pytest.raises(ActionError, match="symbolic link"):
        files(path, root=tmp_path).run(context())
    assert (real / "file").exists()


def test_a_directory_swapped_for_a_link_leads_nowhere(tmp_path):
    """Whoever swaps directories for links while this runs does not get anything outside deleted."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(50):
        (outside / f"{number}").write_text("x")
    top = tmp_path / NAME
    stop = threading.Event()

    def swap():
        for turn in range(20_000):
            if stop.is_set():
                return
            victim = top / str(turn % 20)
            try:
                victim.rename(top / f"moved-{turn}")
                victim.symlink_to(outside)
            except OSError:
                continue

    for _ in range(5):
        for number in range(20):
            (top / str(number) / "deep").mkdir(parents=True, exist_ok=True)
            (top / str(number) / "deep" / "file").write_text("x")
        stop.clear()
        racer = threading.Thread(target=swap, daemon=True)
        racer.start()
        try:
            files(top).run(context())
        except ActionError:
            pass  # what moved away under it may be left, and is told
        finally:
            stop.set()
            racer.join()
        files(top).run(context())
        assert len(list(outside.iterdir())) == 50


def test_special_files_are_unlinked_and_not_opened(tree):
    """A pipe that nobody writes to would hold an open for ever."""
    os.mkfifo(tree / "pipe")
    os.link(tree / "one", tree.parent / "second-name")
    files(tree).run(context())
    assert not tree.exists()
    assert (tree.parent / "second-name").stat().st_size == 100


@pytest.mark.parametrize("name", [b"-rf", b"a\nb", b"\xff\xfe", b"*", b"%s", "é".encode()])
def test_names_are_bytes_and_nothing_else(tree, name):
    """No name is an option, a pattern or text that must be UTF-8."""
    (tree / os.fsdecode(name)).touch()
    files(tree).run(context())
    assert not tree.exists()


def test_a_very_deep_tree(tmp_path):
    """4,096 levels need neither recursion nor 4,096 descriptors."""
    top = tmp_path / NAME
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(4096):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    assert files(top).run(context()).facts["deleted"] == 4097
    assert not top.exists()


def test_many_files_are_not_held_in_memory(tmp_path):
    """30,000 files in one directory take a few hundred KiB, because they go in batches."""
    top = tmp_path / NAME
    top.mkdir()
    for number in range(30_000):
        os.close(os.open(top / f"{number:06}", os.O_CREAT | os.O_WRONLY))
    action, given = files(top), context()
    tracemalloc.start()
    try:
        action.run(given)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not top.exists()
    assert peak < 2 * 1024 * 1024


def test_limit_stops_before_the_first_beyond(tmp_path):
    """Exactly so many go, and the error says what to raise."""
    top = tmp_path / NAME
    top.mkdir()
    for number in range(10):
        (top / str(number)).write_bytes(bytes(10))
    with pytest.raises(ActionError, match="limit=4") as caught:
        files(top, limit=4).run(context())
    assert len(list(top.iterdir())) == 6
    assert caught.value.facts["deleted"] == 4
    with pytest.raises(ActionError, match="limit_bytes=25 B"):
        files(top, limit_bytes=25).run(context())
    assert len(list(top.iterdir())) == 4


def test_age_decides_by_when_a_file_was_last_changed(tree):
    """What is younger stays, and so do the directories that hold it."""
    age(tree / "a" / "two", 3)
    result = files(tree, older_than="2d").run(context(clock=None))
    assert not (tree / "a" / "two").exists()
    assert (tree / "one").exists()
    assert result.facts["deleted"] == 1


def test_globs_in_the_path_and_below_it(tmp_path):
    """A pattern in the path chooses trees, include and exclude choose files in them."""
    for name in ("shard-1", "shard-2", "keep"):
        (tmp_path / NAME / name).mkdir(parents=True)
        (tmp_path / NAME / name / "x.tmp").write_text("x")
        (tmp_path / NAME / name / "x.csv").write_text("x")
    files(tmp_path / NAME / "shard-*", root=tmp_path, include=["*.tmp"]).run(context())
    left = sorted(str(one.relative_to(tmp_path / NAME)) for one in tmp_path.rglob("x.*"))
    assert left == ["keep/x.csv", "keep/x.tmp", "shard-1/x.csv", "shard-2/x.csv"]
    files(tmp_path / NAME, exclude=["*.csv"]).run(context())
    assert sorted({one.name for one in tmp_path.rglob("x.*")}) == ["x.csv"]


def test_keep_root_empties(tree):
    """For a mounted volume, whose top cannot go."""
    files(tree, keep_root=True).run(context())
    assert tree.is_dir()
    assert list(tree.iterdir()) == []


def test_what_may_not_be_deleted_is_refused_and_the_rest_goes(tree, monkeypatch):
    """The step fails and says what and why, after everything else has gone."""
    unlink = os.unlink

    def refuse_two(path, *, dir_fd=None):
        if path == "two":
            raise PermissionError(1, "Operation not permitted")
        unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse_two)
    with pytest.raises(ActionError, match="operation not permitted") as caught:
        files(tree).run(context())
    assert [str(one.relative_to(tree)) for one in sorted(tree.rglob("*"))] == ["a", "a/two"]
    assert caught.value.facts["refused"] == {"operation not permitted": 1}
    assert caught.value.facts["deleted"] == 3


def test_evidence_is_kept(tree):
    """With keep_on, a failed workflow's files stay."""
    with pytest.raises(Skip, match="Failed"):
        files(tree, keep_on=["Failed"]).run(context())
    assert tree.exists()


@pytest.mark.parametrize("name", ["gone.ndjson", "gone.ndjson.gz"])
def test_a_receipt_lists_what_went(tree, tmp_path, name):
    """One JSON object a line, gzipped by its name."""
    receipt = tmp_path / name
    files(tree, receipt=str(receipt)).run(context())
    text = gzip.decompress(receipt.read_bytes()).decode() if name.endswith("gz") else receipt.read_text()
    gone = [json.loads(line)["deleted"] for line in text.splitlines()]
    assert len(gone) == 6
    assert gone[-1] == str(tree)
    assert str(tree / "a" / "b" / "three") in gone


def test_no_time_left_is_told(tree):
    """What is left stays for the next run, and the failure says so."""
    with pytest.raises(ActionError, match="no time left") as caught:
        files(tree).run(context(seconds=0))
    assert caught.value.facts["complete"] is False
    assert tree.exists()


def test_progress_is_told_to_argo(tree, tmp_path):
    """As N/M in the file that the executor names."""
    told = tmp_path / "progress"
    workflow = replace(failed_workflow(), progress_file=str(told))
    files(tree).run(context(workflow=workflow))
    assert told.read_text() == "6/6\n"

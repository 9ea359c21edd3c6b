"""What walking and emptying trees promises: what is named and no more, through no link and over no mount, at any size."""

import errno
import json
import os
import random
import resource
import shutil
import tempfile
import threading
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from exitkit.cleanup.files import Files, directory
from exitkit.errors import ActionError
from exitkit.testing.clock import FakeClock
from exitkit.testing.scene import context

DAY = 86_400
NOW = FakeClock().time()


def files(root, *paths, **more):
    return Files(paths=[str(path) for path in paths], roots=[str(root)], **{"anything": True, **more})


def clean(root, *paths, dry_run=False, **more):
    return files(root, *paths, **more).run(context(dry_run=dry_run))


def refused(root, *paths, **more):
    with pytest.raises(ActionError) as caught:
        clean(root, *paths, **more)
    return caught.value


def fill(top, *names):
    for name in names:
        path = Path(top) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    return Path(top)


def left(top, *, plain=False):
    return sorted(str(path.relative_to(top)) for path in Path(top).rglob("*") if path.is_file() or not plain)


def age(path, days):
    os.utime(path, (NOW - days * DAY,) * 2, follow_symlinks=False)


# What may be named.


@pytest.mark.parametrize("path", ["/etc/x", "/data", "/data-2/x", "/*/x", "/d*/x/y", "/**/x", "/data/./x", "/data//x"])
def test_only_what_is_strictly_below_a_root_can_be_named(path):
    """A root is no prefix of a name, is not deleted itself, and no wildcard stands for it."""
    with pytest.raises(ValidationError):
        Files(paths=[path], roots=["/data", "/data/in"], anything=True)


@pytest.mark.parametrize("root", ["", "/", "tmp", "/tmp/..", "//tmp"])
def test_a_root_is_a_whole_path(root):
    """A root that came out empty must not allow everything."""
    with pytest.raises(ValidationError):
        Files(paths=["/tmp/x"], roots=[root])


def test_a_receipt_inside_of_what_goes_is_refused():
    """The list of what went must not go with it, also not where a wildcard names its folder."""
    for path, receipt in (("/tmp/a", "/tmp/a/r.json"), ("/tmp/*/b", "/tmp/x/b/r"), ("/tmp/**", "/tmp/r")):
        with pytest.raises(ValidationError, match="receipt"):
            Files(paths=[path], receipt=receipt, anything=True)
    assert Files(paths=["/tmp/a"], receipt="/tmp/ab/r.json", anything=True)


@pytest.mark.parametrize(
    ("pattern", "stays"),
    [
        ("out/*", ["out/.h/z"]),
        ("out/*/tmp-*", ["out/.h/z", "out/a/b", "out/c/d/tmp-3", "out/tmp-9"]),
        ("out/**/tmp-*", ["out/.h/z", "out/a/b"]),
        ("out/**", ["out/.h/z"]),
        ("out/.*", ["out/a/b", "out/a/tmp-1", "out/c/d/tmp-3", "out/c/tmp-2/x", "out/tmp-9"]),
        ("out/[ab]/tmp-?", ["out/.h/z", "out/a/b", "out/c/d/tmp-3", "out/c/tmp-2/x", "out/tmp-9"]),
        ("*/*/d", ["out/.h/z", "out/a/b", "out/a/tmp-1", "out/c/tmp-2/x", "out/tmp-9"]),
    ],
)
def test_a_path_can_hold_wildcards(tmp_path, pattern, stays):
    """As in a shell: none stands for a leading dot or a slash, and ** for any folders."""
    fill(tmp_path, "out/a/tmp-1", "out/a/b", "out/c/tmp-2/x", "out/c/d/tmp-3", "out/tmp-9", "out/.h/z")
    clean(tmp_path, tmp_path / pattern)
    assert stays == left(tmp_path, plain=True)


def test_a_wildcard_follows_no_link(tmp_path):
    """A link to a folder is no folder; where it is what is named it goes as a link."""
    fill(tmp_path, "kept/tmp-1", "out/a/x")
    (tmp_path / "out/link").symlink_to(tmp_path / "kept")
    clean(tmp_path, tmp_path / "out/*/tmp-*", tmp_path / "out/**/tmp-*")
    clean(tmp_path, tmp_path / "out/*")
    assert left(tmp_path) == ["kept", "kept/tmp-1", "out"]


def test_a_path_that_leads_through_a_file_names_nothing(tmp_path):
    """As one that is not there."""
    fill(tmp_path, "file")
    assert clean(tmp_path, tmp_path / "file/x", tmp_path / "*/x/y").facts["found"] == 0


# Which of it goes.


def test_keep_root_leaves_each_folder_that_a_wildcard_finds(tmp_path):
    """Emptied, and still there."""
    fill(tmp_path, "one/a", "one/b/c", "two/d")
    clean(tmp_path, tmp_path / "*", keep_root=True)
    assert left(tmp_path) == ["one", "two"]


def test_empty_directories_can_stay(tmp_path):
    """Only files go."""
    fill(tmp_path, "out/a", "out/b/c")
    clean(tmp_path, tmp_path / "out", empty_directories=False)
    assert left(tmp_path) == ["out", "out/b"]


def test_a_folder_goes_when_nothing_is_left_in_it(tmp_path):
    """New files stay with the folders that they are in; an old empty folder goes, a new one stays."""
    fill(tmp_path, "out/old/a", "out/mixed/b", "out/mixed/new", "out/new")
    for name in ("old-empty", "new-empty"):
        (tmp_path / "out" / name).mkdir()
    for name in ("out/old/a", "out/mixed/b", "out/old-empty"):
        age(tmp_path / name, 8)
    for name in ("out/mixed/new", "out/new", "out/new-empty"):
        age(tmp_path / name, 6)
    clean(tmp_path, tmp_path / "out", older_than="7d")
    assert left(tmp_path / "out") == ["mixed", "mixed/new", "new", "new-empty"]


def test_a_link_has_its_own_age(tmp_path):
    """Not that of what it leads to."""
    fill(tmp_path, "target", "out/x")
    (tmp_path / "out/link").symlink_to(tmp_path / "target")
    age(tmp_path / "target", 9)
    for name in ("out/link", "out/x"):
        age(tmp_path / name, 1)
    clean(tmp_path, tmp_path / "out", older_than="7d")
    assert left(tmp_path / "out") == ["link", "x"]


def test_sizes_choose_files(tmp_path):
    """Both limits are strict, and only plain files have a size to go by."""
    top = tmp_path / "out"
    top.mkdir()
    for size in (9, 10, 11, 20, 21):
        (top / str(size)).write_bytes(bytes(size))
    (top / "empty").mkdir()
    os.mkfifo(top / "pipe")
    clean(tmp_path, top, larger_than=10, smaller_than="21")
    assert left(top) == ["10", "21", "9", "empty", "pipe"]


@pytest.mark.parametrize(
    ("more", "stays"),
    [
        ({"include": ["*.tmp"]}, ["a/b", "a/c/e", "d"]),
        ({"include": ["c"]}, ["a/b", "a/x.tmp", "d"]),
        ({"include": ["a/*.tmp"]}, ["a/b", "a/c/e", "a/c/y.tmp", "d"]),
        ({"include": ["a/**"]}, ["d"]),
        ({"include": ["**/y.*"]}, ["a/b", "a/c/e", "a/x.tmp", "d"]),
        ({"exclude": ["c"]}, ["a/c/e", "a/c/y.tmp"]),
        ({"exclude": ["*.tmp"]}, ["a/c/y.tmp", "a/x.tmp"]),
        ({"include": ["a/**"], "exclude": ["a/c"]}, ["a/c/e", "a/c/y.tmp", "d"]),
        ({"include": ["[!ab]", "?.tmp"]}, ["a/b"]),
    ],
)
def test_globs_choose_below_the_tree(tmp_path, more, stays):
    """One without a slash is for a name anywhere, one with a slash for the path; a folder's holds for all in it."""
    top = fill(tmp_path / "out", "a/b", "a/x.tmp", "a/c/y.tmp", "a/c/e", "d")
    clean(tmp_path, top, **more)
    assert left(top, plain=True) == stays


def test_bytes_are_counted_unless_nobody_asks(tmp_path):
    """A folder and a link have none; limit_bytes asks."""
    for more, counted in (({}, 20), ({"measure": False}, 0), ({"measure": False, "limit_bytes": "1Mi"}, 20)):
        fill(tmp_path, "out/a", "out/b/c")
        (tmp_path / "out/link").symlink_to("a")
        assert clean(tmp_path, tmp_path / "out", **more).facts["bytes"] == counted


@pytest.mark.parametrize(
    "name", [b"-rf", b"a\nb", b" ", b"\xff\xfe", b"*", b"a\\b", b"\x1b[31m", "é".encode(), b"..data", b"x" * 255]
)
def test_any_name_goes(tmp_path, name):
    """Whatever bytes a name has, as a file and as a folder; people see it on one line, the receipt has it whole."""
    top = os.fsencode(tmp_path / "out")
    Path(os.fsdecode(top + b"/" + name), "in").mkdir(parents=True)
    os.close(os.open(top + b"/in-" + name[:200], os.O_CREAT))
    result = clean(tmp_path, tmp_path / "out", receipt=str(tmp_path / "gone.json"))
    assert left(tmp_path) == ["gone.json"]
    assert all(one.isprintable() for one in result.facts["examples"])
    listed = [json.loads(line)["deleted"] for line in (tmp_path / "gone.json").read_text().splitlines()]
    assert os.fsdecode(top + b"/" + name) in listed


# Rights and mounts.


@pytest.fixture
def plain_user():
    """A folder of somebody for whom rights count, as they do not for root."""
    base = tempfile.mkdtemp(dir="/tmp")
    root = os.geteuid() == 0
    if root:
        os.chown(base, 65534, 65534)
        os.seteuid(65534)
    try:
        yield Path(base)
    finally:
        for path in (Path(base), *Path(base).rglob("*")):
            if path.is_dir():
                path.chmod(0o700)
        if root:
            os.seteuid(0)
        shutil.rmtree(base)


def test_what_cannot_go_fails_the_step_and_stops_nothing(plain_user):
    """A folder that may not be written to is told with its reason, and its neighbours go."""
    fill(plain_user, "out/a/x", "out/locked/y", "out/z")
    (plain_user / "out/locked").chmod(0o555)
    error = refused(plain_user, plain_user / "out")
    assert left(plain_user / "out") == ["locked", "locked/y"]
    assert error.facts["refused"] == {"permission denied": 1}
    assert (error.facts["found"], error.facts["deleted"]) == (4, 3)
    assert "locked/y: permission denied" in str(error)


def test_a_folder_that_cannot_be_read_is_told(plain_user):
    """What nobody can look into cannot be emptied."""
    fill(plain_user, "out/a/x", "out/dark/y")
    (plain_user / "out/dark").chmod(0)
    error = refused(plain_user, plain_user / "out")
    assert error.facts["refused"] == {"permission denied": 1}
    (plain_user / "out/dark").chmod(0o700)
    assert left(plain_user / "out") == ["dark", "dark/y"]


def test_the_way_to_a_path_need_not_be_readable(plain_user):
    """To pass a folder is enough; it is not listed."""
    fill(plain_user, "hall/out/a")
    (plain_user / "hall").chmod(0o311)
    clean(plain_user, plain_user / "hall/out")
    (plain_user / "hall").chmod(0o700)
    assert left(plain_user / "hall") == []


def mounted(monkeypatch, *paths):
    """Let the kernel say of these that they are on another mount; a real one needs rights that tests lack."""
    inodes = {path.stat().st_ino for path in paths}
    real = directory._mount
    monkeypatch.setattr(directory, "_mount", lambda fd: -1 if os.fstat(fd).st_ino in inodes else real(fd))


def test_a_mount_in_a_tree_is_not_entered(tmp_path, monkeypatch):
    """Nor where a wildcard finds it; where it is named itself it is emptied by keep_root alone."""
    top = fill(tmp_path / "out", "a/x", "volume/y", "b")
    mounted(monkeypatch, top / "volume")
    assert refused(tmp_path, top).facts["refused"] == {"is a mount point": 1}
    assert left(top) == ["volume", "volume/y"]
    refused(tmp_path, top / "*")
    assert "keep_root" in str(refused(tmp_path, top / "volume"))
    assert left(top) == ["volume", "volume/y"]
    clean(tmp_path, top / "volume", keep_root=True)
    assert left(top) == ["volume"]


def test_a_path_may_lie_behind_a_mount(tmp_path, monkeypatch):
    """A volume is a mount, and its folders are what people name."""
    fill(tmp_path, "volume/out/x", "volume/y")
    mounted(monkeypatch, tmp_path / "volume", tmp_path / "volume/out")
    clean(tmp_path, tmp_path / "volume/out")
    assert left(tmp_path) == ["volume", "volume/y"]


def test_the_kernel_numbers_mounts():
    """Two file systems differ, and a folder is on the mount of its parent."""
    numbers = []
    for path in ("/", "/proc", "/proc/self"):
        fd = os.open(path, os.O_PATH)
        numbers.append(directory._mount(fd))
        os.close(fd)
    assert numbers[0] != numbers[1] == numbers[2] > 0


# Others at work in the same tree.


def test_a_race_of_links_never_leads_out(tmp_path):
    """Somebody swaps folders for links as fast as can be, for many runs: what is outside stays whole."""
    kept = fill(tmp_path / "kept", *(f"{number}/x" for number in range(20)))
    before, over = left(kept), threading.Event()

    def attack():
        chance = random.Random(1)
        while not over.is_set():
            victim = tmp_path / "out" / str(chance.randrange(20))
            try:
                victim.rename(tmp_path / "aside")
                victim.symlink_to(kept / victim.name)
                victim.unlink()
                (tmp_path / "aside").rename(victim)
            except OSError:
                shutil.rmtree(tmp_path / "aside", ignore_errors=True)

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        for _ in range(30):
            for number in range(20):
                try:
                    fill(tmp_path / "out", f"{number}/y")
                except OSError:
                    continue
            try:
                clean(tmp_path, tmp_path / "out")
            except ActionError:
                continue
    finally:
        over.set()
        attacker.join()
    assert [one for one in left(kept) if not one.endswith("/y")] == before


def test_a_tree_moved_away_mid_walk_is_left(tmp_path, monkeypatch):
    """Deep down a folder is opened again through its child: where that leads elsewhere, the walk goes no further."""
    top, inner = tmp_path / "out", "/".join(["d"] * 40)
    fill(top, f"{inner}/x")
    fill(tmp_path / "kept", "a/x", "x")
    real, moved = os.unlink, []

    def unlink(path, *args, **more):
        if path == "x" and not moved:
            moved.append(1)
            (top / inner).rename(tmp_path / "kept/d")
        return real(path, *args, **more)

    monkeypatch.setattr(os, "unlink", unlink)
    error = refused(tmp_path, top)
    assert error.facts["refused"] == {"was moved while it was walked": 1}
    assert left(tmp_path / "kept") == ["a", "a/x", "d", "x"]


def test_a_folder_that_others_write_to_is_emptied_again(tmp_path, monkeypatch):
    """What appears while a folder is emptied goes too, and is counted once."""
    fill(tmp_path, "out/a/x")
    real, late = os.rmdir, []

    def rmdir(path, *args, **more):
        if path == "a" and len(late) < 3:
            late.append(fill(tmp_path, "out/a/late"))
        return real(path, *args, **more)

    monkeypatch.setattr(os, "rmdir", rmdir)
    result = clean(tmp_path, tmp_path / "out")
    assert left(tmp_path) == []
    assert (result.facts["found"], result.facts["deleted"]) == (6, 6)


def test_a_folder_that_never_stays_empty_is_given_up(tmp_path, monkeypatch):
    """And told: somebody is still at work in it."""
    fill(tmp_path, "out/a/x")

    def rmdir(*args, **more):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))

    monkeypatch.setattr(os, "rmdir", rmdir)
    assert refused(tmp_path, tmp_path / "out").facts["refused"] == {"directory not empty": 1}


# How much of it there may be.


def descriptors():
    return [int(path.name) for path in Path("/proc/self/fd").iterdir()]


@contextmanager
def few_descriptors(most):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(descriptors())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def deep(tmp_path):
    """4096 folders one in the other, far longer than a path can be, and 41 files among them."""
    fd = os.open(tmp_path, os.O_RDONLY)
    for number, name in enumerate(["out", *["d" * 10] * 4096]):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
        if number % 100 == 0:
            os.close(os.open("file", os.O_CREAT, dir_fd=fd))
    os.close(fd)
    return tmp_path / "out"


@pytest.mark.parametrize("more", [{}, {"include": ["**"]}, {"measure": False}])
def test_a_tree_of_4096_levels_goes(deep, tmp_path, more):
    """No recursion, no path that is too long, and few open descriptors, whatever is asked of the files."""
    with few_descriptors(70):
        said = clean(tmp_path, deep, dry_run=True, **more).facts["found"]
        result = clean(tmp_path, deep, **more)
    assert result.facts["deleted"] == said == 4097 + 41
    assert left(tmp_path) == []


def test_a_wildcard_looks_4096_levels_deep(deep, tmp_path):
    """So far down ** finds the files, and leaves the folders."""
    with few_descriptors(70):
        assert clean(tmp_path, deep / "**/file").facts["deleted"] == 41
        assert clean(tmp_path, deep).facts["deleted"] == 4097


def test_memory_does_not_grow_with_a_directory(tmp_path):
    """30,000 files in one folder are never held at once."""
    top = tmp_path / "out"
    top.mkdir()
    for number in range(30_000):
        os.close(os.open(f"{top}/a-rather-long-name-{number:040d}", os.O_CREAT))
    cleanup, made = files(tmp_path, top), context()
    tracemalloc.start()
    try:
        result = cleanup.run(made)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.facts["deleted"] == 30_001
    assert left(tmp_path) == []
    assert peak < 2 << 20


@pytest.mark.parametrize("place", ["", "/dev/shm"])
@pytest.mark.parametrize("more", [{"keep_root": True}, {}])
def test_no_entry_is_skipped_while_its_neighbours_go(tmp_path, place, more):
    """Deleting while a folder is read misses nothing, on a disk and in memory, with folders in between."""
    if place and not os.access(place, os.W_OK):
        pytest.skip(f"{place} cannot be written here")
    with tempfile.TemporaryDirectory(dir=place or tmp_path) as base:
        top = Path(base) / "out"
        top.mkdir()
        for number in range(5_000):
            os.close(os.open(f"{top}/{number}", os.O_CREAT))
            if number % 10 == 0:
                (top / f"d{number}").mkdir()
        result = clean(base, top, **more)
        assert left(base) == (["out"] if more else [])
        assert result.facts["deleted"] == 5_500 + (not more)


def test_no_descriptor_is_left_open(tmp_path):
    """Whether it ends well or at a limit."""
    before = descriptors()
    top = fill(tmp_path / "out", *("/".join(["d"] * depth) + "/x" for depth in range(1, 40)))
    with pytest.raises(ActionError, match="limit=5"):
        clean(tmp_path, top, limit=5)
    clean(tmp_path, top)
    assert len(before) == len(descriptors())

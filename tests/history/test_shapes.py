"""What logs of runs that passed looked like is kept for each template of a series, and never costs more than itself."""

from types import SimpleNamespace

import pytest

from exitkit.explain import learn
from exitkit.explain.shapes import LIMIT, RUNS
from exitkit.history import shapes
from exitkit.retry.clock import Deadline
from exitkit.store import MOST
from exitkit.store.bounded import StoreFailure
from exitkit.store.place import open_store


@pytest.fixture
def history(tmp_path):
    def make(series="ml/cron/nightly", where="state"):
        return SimpleNamespace(series=series, store=open_store(str(tmp_path / where)))

    return make


@pytest.fixture
def deadline():
    return Deadline(60)


def test_what_was_kept_is_known_in_the_next_run(history, deadline):
    """For that template of that series alone."""
    assert not shapes.known(history(), "fit", deadline)
    shapes.keep(history(), "fit", learn([b"WARN cache not found\n"]), deadline)
    known = shapes.known(history(), "fit", deadline)
    assert known == learn([b"WARN cache not found\n"])
    assert not shapes.known(history(), "evaluate", deadline)
    assert not shapes.known(history("ml/cron/other"), "fit", deadline)


def test_the_last_five_runs_are_kept(history, deadline):
    """Each run that passes adds its own, and what none of the last five had goes."""
    shapes.keep(history(), "fit", learn([b"rare\n"]), deadline)
    for _ in range(RUNS):
        assert learn([b"rare\n"]).runs.keys() <= shapes.known(history(), "fit", deadline).runs.keys()
        shapes.keep(history(), "fit", learn([b"usual\n"]), deadline)
    assert shapes.known(history(), "fit", deadline).runs.keys() == learn([b"usual\n"]).runs.keys()


def test_the_value_fits_a_store(history, deadline):
    """However many shapes a log has."""
    assert LIMIT <= MOST
    log = "\n".join(f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)} said" for n in range(17_000))
    shapes.keep(history(), "fit", learn([log.encode()]), deadline)
    assert len(shapes.known(history(), "fit", deadline)) > 10_000


def test_a_store_that_fails_costs_the_comparison_and_a_note(history, deadline, tmp_path):
    """Nothing is known then; whoever keeps something is told."""
    (tmp_path / "file").write_text("no folder")
    broken = history(where="file")
    assert not shapes.known(broken, "fit", deadline)
    with pytest.raises(StoreFailure):
        shapes.keep(broken, "fit", learn([b"a\n"]), deadline)


def test_a_value_that_is_none_of_ours_is_written_over(history, deadline):
    """Such as one that a disk has damaged."""
    shapes.keep(history(), "fit", learn([b"a\n"]), deadline)
    store = history().store.store
    (name,) = store.list("shapes.")
    store.put_if_unchanged(name, b"damaged", store.get(name).version)
    assert not shapes.known(history(), "fit", deadline)
    shapes.keep(history(), "fit", learn([b"b\n"]), deadline)
    assert shapes.known(history(), "fit", deadline) == learn([b"b\n"])

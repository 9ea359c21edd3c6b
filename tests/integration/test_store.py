"""The stores against real servers: versitygw, fake-gcs-server and Kubernetes' own API server keep the same contract."""

import threading
from dataclasses import replace

from exitkit import history
from exitkit.history import History
from exitkit.retry.clock import Deadline
from exitkit.testing import failed_workflow

from ..store.test_contract import *  # noqa: F403, TID252 - the very same tests
from .stores import *  # noqa: F403 - the places


def test_many_runs_that_end_at_once_are_all_remembered(opened, monkeypatch):
    """Each adds its own end, to those of the others or beside them."""
    monkeypatch.setattr(history, "_APART", 1.0)
    histories = [History(opened(), replace(failed_workflow(), uid=f"u{number}"), "ml/nightly") for number in range(60)]
    threads = [threading.Thread(target=one.keep, args=(Deadline(300),)) for one in histories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [note for one in histories for note in one.notes] == []
    after = History(opened(), replace(failed_workflow(), uid="after"), "ml/nightly").standing(Deadline(300))
    assert after.facts()["failures_in_a_row"] == 61

"""What every target shares: what is shipped, the dry run, and what an earlier run could not ship."""

import json
from contextlib import contextmanager, nullcontext

import pytest

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.workflow import Workflow
from exitkit.errors import ActionError, Skip
from exitkit.retry import RetryPolicy
from exitkit.settings import SettingsError, load
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Answer
from exitkit.testing import context

FAILED = Workflow(
    name="etl", uid="u", status="Failed", failures=Failures(all=(Failure("a", "boom"), Failure("b", "bang")))
)
REFUSED = set()
"""Messages that the shelf refuses."""
SHELF = []


class Shelf(Ship):
    """Keep records on a shelf."""

    def target(self):
        return "the shelf"

    def encode(self, chunk):
        return chunk.quoted

    def open(self, context):
        return nullcontext(self._post)

    def _post(self, batch):
        records = [record for chunk in batch.chunks for record in chunk.records()]
        SHELF.extend(one for one in records if one.message not in REFUSED)
        return Answer(rejected={n: "refused" for n, one in enumerate(records) if one.message in REFUSED})


@pytest.fixture(autouse=True)
def _empty():
    SHELF.clear()
    REFUSED.clear()


def shelf(tmp_path, *names, **more):
    return load(Shelf, {"from": list(names) or ["status"], "dead_letter": str(tmp_path / "dead"), **more}, {}, "X_")


def messages():
    return [one.message for one in SHELF]


def test_how_the_workflow_ended_comes_first(tmp_path):
    """Whatever the order of the names, it arrives even if the rest does not."""
    (tmp_path / "log").write_text("one\ntwo\n")
    shelf(tmp_path, str(tmp_path / "log"), "status").run(context(workflow=FAILED))
    assert [one.kind for one in SHELF] == ["status", "failure", "failure", "log", "log"]


@pytest.mark.parametrize("names", [["logs"], [""], ["a/b"], ["/a/../b"], [], ["/a\0b"]])
def test_what_is_no_source_is_refused(names):
    """Before anything runs, with what there is."""
    with pytest.raises(SettingsError):
        load(Shelf, {"from": names}, {}, "X_")


@pytest.mark.parametrize("path", ["dead", "/a/../b", "/", "/a\0"])
def test_dead_letters_go_to_an_absolute_path(path):
    """And to none that leads elsewhere."""
    with pytest.raises(SettingsError):
        load(Shelf, {"dead_letter": path}, {}, "X_")


def test_dead_letters_to_read_need_a_file():
    """There is nothing to read from none."""
    with pytest.raises(SettingsError, match="needs the file"):
        load(Shelf, {"from": ["dead-letter"], "dead_letter": ""}, {}, "X_")


def test_from_is_a_key_a_flag_and_a_variable(tmp_path):
    """Under one name each, which is that of the field without its underscore."""
    assert load(Shelf, {}, {"X_FROM": "stdin,/var/log/a"}, "X_").from_ == ["stdin", "/var/log/a"]
    assert Shelf(from_=["stdin"]).from_ == ["stdin"]
    with pytest.raises(SettingsError, match="from"):
        load(Shelf, {}, {"X_FROM": "nonsense"}, "X_")


def test_a_dry_run_tells_counts_and_an_example_and_sends_nothing(tmp_path):
    """The target is not even opened, and logs are only named."""
    (tmp_path / "log").write_text("x" * 2048)

    class Closed(Shelf):
        """Never opened."""

        @contextmanager
        def open(self, context):
            pytest.fail("opened")
            yield

    made = Closed(from_=["status", str(tmp_path / "log"), "dead-letter"], dead_letter=str(tmp_path / "dead"))
    (tmp_path / "dead").write_text("")
    result = made.run(context(workflow=FAILED, dry_run=True))
    assert result.summary.startswith("would ship 3 records (")
    assert result.summary.endswith("and the lines of 1 log (2 KiB) to the shelf")
    assert result.facts["kinds"] == {"status": 1, "failure": 2}
    assert result.facts["example"]["kind"] == "status"
    assert result.facts["sources"] == [{"source": str(tmp_path / "log"), "bytes": 2048}]
    assert (tmp_path / "dead").exists()


def test_a_dry_run_of_nothing_is_a_skip(tmp_path):
    """As a run is."""
    for dry_run in (True, False):
        with pytest.raises(Skip):
            shelf(tmp_path, "dead-letter").run(context(dry_run=dry_run))


# What was refused, once more.


def test_what_was_refused_can_be_shipped_again(tmp_path):
    """The same records, under the same ids, and then the file is gone."""
    REFUSED.add("boom")
    with pytest.raises(ActionError, match="refused 1 record"):
        shelf(tmp_path).run(context(workflow=FAILED))
    first = list(SHELF)
    REFUSED.clear()
    shelf(tmp_path, "dead-letter").run(context(workflow=FAILED))
    (again,) = SHELF[len(first) :]
    assert (again.message, again.kind, again.level) == ("boom", "failure", "error")
    assert again.attributes["workflow"] == "etl"
    assert not list(tmp_path.iterdir())


def test_what_is_refused_again_is_kept_again(tmp_path):
    """In a new file of the same name, which the next run finds."""
    REFUSED.update({"boom", "bang"})
    with pytest.raises(ActionError):
        shelf(tmp_path).run(context(workflow=FAILED))
    REFUSED.discard("bang")
    with pytest.raises(ActionError, match="refused 1 record"):
        shelf(tmp_path, "dead-letter").run(context(workflow=FAILED))
    (kept,) = map(json.loads, (tmp_path / "dead").read_text().splitlines())
    assert (kept["message"], messages().count("bang")) == ("boom", 1)
    assert [one.name for one in tmp_path.iterdir()] == ["dead"]


def test_dead_letters_survive_a_run_that_is_cut(tmp_path):
    """What was taken aside and not shipped is found by the next run, together with what came meanwhile."""
    REFUSED.add("boom")
    with pytest.raises(ActionError):
        shelf(tmp_path).run(context(workflow=FAILED))
    (tmp_path / "dead").rename(tmp_path / "dead.taken")
    REFUSED.add("bang")
    with pytest.raises(ActionError):
        shelf(tmp_path).run(context(workflow=FAILED))
    REFUSED.clear()
    SHELF.clear()
    shelf(tmp_path, "dead-letter").run(context(workflow=FAILED))
    assert sorted(messages()) == ["bang", "boom", "boom"]
    assert not list(tmp_path.iterdir())


def test_lines_that_are_no_records_are_passed_over_and_told(tmp_path):
    """A file that was cut in the middle still gives what is whole."""
    REFUSED.add("boom")
    with pytest.raises(ActionError):
        shelf(tmp_path).run(context(workflow=FAILED))
    REFUSED.clear()
    with (tmp_path / "dead").open("ab") as file:
        file.write(b'{"id": 1}\n[]\n\xff\n{"id":"x","time":"2026-01-01T00:00:00Z"')
    facts = shelf(tmp_path, "dead-letter").run(context(workflow=FAILED)).facts
    assert facts["accepted"] == 1
    assert "4 lines" in facts["sources"][0]["notes"][0]


def test_dead_letters_are_not_read_through_a_link(tmp_path):
    """Somebody else's file is not shipped."""
    (tmp_path / "secret").write_text("x")
    (tmp_path / "dead").symlink_to(tmp_path / "secret")
    with pytest.raises(ActionError, match="cannot read"):
        shelf(tmp_path, "dead-letter").run(context())


def test_each_step_has_dead_letters_of_its_own(tmp_path):
    """By default in one folder, under the step's name; what a step refused is no other's."""
    REFUSED.add("boom")
    for step in ("to-a", "to-b"):
        with pytest.raises(ActionError, match="refused 1 record"):
            shelf(tmp_path, dead_letter=f"{tmp_path}/letters/").run(context(workflow=FAILED, step=step))
    assert sorted(path.name for path in (tmp_path / "letters").iterdir()) == ["to-a.ndjson", "to-b.ndjson"]
    assert load(Shelf, {}, {}, "X_").dead_letter.endswith("/")


def test_dead_letters_are_taken_by_their_own_target_only(tmp_path):
    """The others stay in the file, also when these are shipped; unless all are asked for."""

    class Rack(Shelf):
        """Another target."""

        def target(self):
            return "the rack"

    REFUSED.add("boom")
    for kind in (Shelf, Rack):
        with pytest.raises(ActionError):
            load(kind, {"dead_letter": str(tmp_path / "dead")}, {}, "X_").run(context(workflow=FAILED))
    REFUSED.clear()
    SHELF.clear()
    result = shelf(tmp_path, "dead-letter").run(context(workflow=FAILED))
    assert messages() == ["boom"]
    assert "1 were refused by another target, and stay" in result.facts["sources"][0]["notes"][0]
    (kept,) = map(json.loads, (tmp_path / "dead").read_text().splitlines())
    assert kept["target"] == "the rack"
    shelf(tmp_path, "dead-letter", dead_letters="all").run(context(workflow=FAILED))
    assert messages() == ["boom", "boom"]
    assert not (tmp_path / "dead").exists()


def test_dead_letters_that_may_have_arrived_stay_unless_they_may_come_twice(tmp_path):
    """They are kept, and sent again only where that is safe or asked for."""
    REFUSED.add("boom")
    with pytest.raises(ActionError):
        shelf(tmp_path).run(context(workflow=FAILED))
    line = json.loads((tmp_path / "dead").read_text())
    (tmp_path / "dead").write_text(json.dumps({**line, "outcome": "unknown"}) + "\n")
    REFUSED.clear()
    SHELF.clear()
    with pytest.raises(Skip):
        shelf(tmp_path, "dead-letter").run(context())
    assert messages() == []
    shelf(tmp_path, "dead-letter").run(context(terms=RetryPolicy(resend=True)))
    assert messages() == ["boom"]


def test_the_length_of_a_line_and_the_size_of_a_batch_are_settings(tmp_path):
    """By default they are the target's own."""
    (tmp_path / "log").write_text("x" * 5000 + "\n")
    shelf(tmp_path, str(tmp_path / "log")).run(context())
    assert len(SHELF) == 1
    SHELF.clear()
    shelf(tmp_path, str(tmp_path / "log"), line_bytes="2Ki").run(context())
    assert [len(record.message) for record in SHELF] == [2048, 2048, 904]
    assert shelf(tmp_path).limits() == (Shelf.most_bytes, Shelf.most_records)
    assert shelf(tmp_path, batch_bytes="2Ki", batch_records=7).limits() == (2048, 7)

"""The report as files: where, which, whole or not at all."""

import json
import stat

import pytest
from pydantic import ValidationError

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.process.report import Report


@pytest.fixture
def context():
    failures = Failures(all=(Failure("load", "main: Error (exit code 1): \udcff boom"),), raw_count=1)
    return Context(Workflow(name="etl", status="Failed", failures=failures))


def test_both_files_are_written_and_told(tmp_path, context):
    """Paths, the count of failed steps and the bytes are facts for later steps."""
    folder = tmp_path / "new" / "folder"
    result = Report(folder=folder).run(context)
    paths = [folder / "report.md", folder / "report.json"]
    assert list(map(str, paths)) == result.facts["paths"]
    assert result.facts["failed"] == 1
    assert sum(path.stat().st_size for path in paths) == result.facts["bytes"]
    assert paths[0].read_text("utf-8").startswith("# ❌ etl failed\n")
    assert json.loads(paths[1].read_text("utf-8"))["version"] == 1
    assert result.summary.startswith(f"wrote {paths[0]} and {paths[1]} (")


@pytest.mark.parametrize("form, name", [("markdown", "report.md"), ("json", "report.json")])
def test_only_what_is_asked_for_is_written(tmp_path, context, form, name):
    """And once, also if it is asked for twice."""
    result = Report(folder=tmp_path, formats=[form, form]).run(context)
    assert [name] == [path.name for path in tmp_path.iterdir()]
    assert [str(tmp_path / name)] == result.facts["paths"]


def test_nothing_to_write_is_a_mistake():
    """A step that can do nothing is refused before anything has run."""
    with pytest.raises(ValidationError):
        Report(formats=[])


def test_everybody_may_read_the_files(tmp_path, context):
    """Argo's executor takes them up under another user."""
    Report(folder=tmp_path).run(context)
    assert {0o644} == {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}


def test_a_second_run_replaces_the_first_and_leaves_nothing_else(tmp_path, context):
    """The same facts give the same bytes, and no temporary file stays."""
    Report(folder=tmp_path).run(context)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    Report(folder=tmp_path).run(context)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"report.md", "report.json"} == set(before)


def test_a_link_is_replaced_and_not_followed(tmp_path, context):
    """On a shared volume a planted link would lead the report into another file."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "report.md").symlink_to(victim)
    Report(folder=tmp_path).run(context)
    assert victim.read_text() == "mine"
    assert not (tmp_path / "report.md").is_symlink()


def test_a_folder_that_is_a_link_is_not_followed(tmp_path, context):
    """On a shared volume anybody may have put it there; the error says which it is."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "theirs")
    with pytest.raises(ActionError, match="a symbolic link; choose another folder"):
        Report(folder=tmp_path / "out").run(context)
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path, context):
    """What failed, on what, and what to do; nothing half-written stays."""
    (tmp_path / "file").touch()
    with pytest.raises(
        ActionError, match=r"cannot write .*report.md: .*; choose another folder or mount a volume there"
    ):
        Report(folder=tmp_path / "file").run(context)
    (tmp_path / "report.json").mkdir()
    with pytest.raises(ActionError, match="is not a file"):
        Report(folder=tmp_path, formats=["json"]).run(context)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "report.json"]


@pytest.mark.parametrize("folder", ["/tmp/../etc", "..", "/tmp/a\0b"])
def test_a_folder_that_leads_elsewhere_is_refused(folder):
    """A name that a template filled in cannot climb out."""
    with pytest.raises(ValidationError, match="the path of a folder"):
        Report(folder=folder)


def test_a_dry_run_writes_nothing(tmp_path, context):
    """It says what it would write, and how much."""
    folder = tmp_path / "new"
    result = Report(folder=folder).run(Context(context.workflow, dry_run=True))
    assert result.summary.startswith(f"would write {folder / 'report.md'} and ")
    assert result.facts["bytes"] > 0
    assert not folder.exists()


def test_links_of_ones_own_stand_in_the_head(tmp_path, context):
    """In each form; what leads to no page of the web leads nowhere."""
    links = {"All runs": "https://reports.example/nightly.html", "Odd": "javascript:alert(1)"}
    Report(folder=tmp_path, formats=["html", "markdown", "json"], links=links).run(context)
    page, told = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert '<a href="https://reports.example/nightly.html" rel="noreferrer">All runs</a> · Odd' in page
    assert "[All runs](https://reports.example/nightly.html) · Odd" in told
    whole = json.loads((tmp_path / "report.json").read_text())
    assert whole["links"] == {"All runs": "https://reports.example/nightly.html", "Odd": ""}

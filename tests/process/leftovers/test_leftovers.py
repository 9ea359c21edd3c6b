"""What process.leftovers tells of, and that its steps remove just that by the real cleanups."""

import json
import sqlite3

import pytest
import yaml
from moto.s3.models import s3_backends

from exitkit.cli import run
from exitkit.errors import ActionError, ConfigError, Skip
from exitkit.plan.registry import prefix
from exitkit.process.leftovers import Leftovers
from exitkit.settings import SettingsError, load
from exitkit.testing import context, failed_workflow
from exitkit.testing.gcs import ScriptedGCS
from exitkit.testing.http import break_off
from exitkit.testing.kube import ScriptedKube

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
WORKFLOW = failed_workflow()
SPACE, UID = WORKFLOW.namespace, WORKFLOW.uid
LABEL = "workflows.argoproj.io/workflow"
MINE = {LABEL: NAME}
BEFORE, AFTER = "2001-01-01T00:00:00Z", "2031-01-01T00:00:00Z"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with ScriptedKube() as made:
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig(tmp_path)))
        yield made


@pytest.fixture
def models(aws):
    made = aws("s3")
    made.create_bucket(Bucket="models")
    return made


def fill(*keys, body=b"12345"):
    for key in keys:
        s3_backends["123456789012"]["aws"].put_object("models", key, body)


def leftovers(**given):
    return load(Leftovers, given, {}, prefix("process.leftovers"))


def look(workflow=WORKFLOW, **given):
    return leftovers(**given).run(context(workflow=workflow))


def would_delete(plan, tmp_path, capsys, *, name=NAME, uid=UID):
    """What the real cleanups say that they would delete, of a plan as it would be pasted."""
    file = tmp_path / "cleanup.yaml"
    file.write_text(plan)
    argv = ["run", str(file), "--dry-run", "--name", name, "--namespace", SPACE, "--uid", uid]
    code = run([*argv, "--report-format", "json"])
    said = capsys.readouterr()
    assert code == 0, said
    return [example for entry in json.loads(said.out)["steps"] for example in entry["facts"]["examples"]]


# In the cluster.


def test_what_the_label_names_is_told_by_kind_and_claims_with_their_size(cluster):
    """Of every kind that can be listed; what another workflow's label names, and another namespace, is not."""
    cluster.add("pods", "train-1", namespace=SPACE, labels=MINE, created=AFTER)
    size = {"resources": {"requests": {"storage": "10Gi"}}}
    cluster.add("persistentvolumeclaims", "work", namespace=SPACE, labels=MINE, created=AFTER, spec=size)
    cluster.add(
        "persistentvolumeclaims", "full", namespace=SPACE, labels=MINE, created=AFTER, spec=size,
        status={"capacity": {"storage": "20Gi"}},
    )  # fmt: skip
    cluster.add("sparkapplications", "fit", namespace=SPACE, labels={"run": UID}, created=AFTER)
    cluster.add("pods", "foreign", namespace=SPACE, labels={LABEL: "train-other"}, created=AFTER)
    cluster.add("pods", "elsewhere", namespace="elsewhere", labels=MINE, created=AFTER)
    facts = look().facts
    assert facts["kinds"] == {"persistentvolumeclaims": 2, "pods": 1, "sparkapplications.sparkoperator.k8s.io": 1}
    assert facts["bytes"] == 30 << 30
    assert {one["name"]: one["bytes"] for one in facts["objects"]}["full"] == 20 << 30
    assert facts["text"].startswith("left over: 2 persistentvolumeclaims (30 GiB); 1 pods; 1 sparkapplications")


def test_what_the_workflow_or_what_is_left_owns_is_told_and_goes_with_its_owner(cluster, tmp_path, capsys):
    """Owners of owners too; the steps name what has a label, and the rest goes along."""
    job = cluster.add("jobs.batch", "fit", namespace=SPACE, labels=MINE, created=AFTER)
    pod = cluster.add("pods", "fit-1", namespace=SPACE, owners=[job], created=AFTER)
    cluster.add("configmaps", "of-the-pod", namespace=SPACE, owners=[pod], created=AFTER)
    cluster.add("configmaps", "somebodys", namespace=SPACE, created=AFTER)
    facts = look().facts
    assert {one["name"]: one["why"] for one in facts["objects"]} == {
        "fit": f"label {LABEL}",
        "fit-1": "owned by jobs.batch/fit",
        "of-the-pod": "owned by pods/fit-1",
    }
    assert would_delete(facts["plan"], tmp_path, capsys) == [f"{SPACE}/jobs.batch/fit"]


def test_the_run_itself_is_no_leftover(cluster):
    """Its workflow, its own pod, and what Argo keeps for it, stay."""
    cluster.add("workflows", NAME, namespace=SPACE, labels=MINE, created=AFTER)
    cluster.add("pods", WORKFLOW.pod_name or "exit", namespace=SPACE, labels={**MINE, "workflows.argoproj.io/on-exit": "true"},
                annotations={"workflows.argoproj.io/node-id": WORKFLOW.node_id}, created=AFTER)  # fmt: skip
    result = look()
    assert (result.summary, result.facts["count"], result.facts["plan"]) == ("nothing is left over", 0, "")


def test_what_an_earlier_workflow_of_the_same_name_made_is_not_proposed(cluster):
    """It has the same label, and is older than the workflow."""
    cluster.add("configmaps", "mine", namespace=SPACE, labels=MINE, created=AFTER)
    cluster.add("configmaps", "older", namespace=SPACE, labels=MINE, created=BEFORE)
    cluster.add("pods", "mine-too", namespace=SPACE, labels=MINE, created=AFTER)
    workflow = failed_workflow(creation_timestamp="2026-11-27T10:00:00Z")
    result = look(workflow)
    assert sorted(one["name"] for one in result.facts["objects"]) == ["mine", "mine-too"]
    steps = yaml.safe_load(result.facts["plan"])["steps"]
    assert [step["with"]["kinds"] for step in steps] == [["pods"]]
    assert any("made before it" in note for note in result.notes)


def test_in_another_namespace_only_the_uid_counts(cluster, tmp_path, capsys):
    """There may be a workflow of the same name; what is proposed says where it is, and the cleanup takes it."""
    cluster.add("configmaps", "by-name", namespace="shared", labels=MINE, created=AFTER)
    cluster.add("configmaps", "by-uid", namespace="shared", labels={"run": UID}, created=AFTER)
    facts = look(in_namespace="shared").facts
    assert [one["name"] for one in facts["objects"]] == ["by-uid"]
    assert would_delete(facts["plan"], tmp_path, capsys) == ["shared/configmaps/by-uid"]
    with pytest.raises(ConfigError, match="cluster's own"):
        look(in_namespace="kube-system")


def test_a_name_that_may_be_a_word_counts_in_argos_label_alone(cluster):
    """`app: train` is many a deployment's."""
    cluster.add("deployments", "train", namespace=SPACE, labels={"app": "train"}, created=AFTER)
    cluster.add("configmaps", "mine", namespace=SPACE, labels={LABEL: "train"}, created=AFTER)
    workflow = failed_workflow(name="train", uid="")
    assert [one["name"] for one in look(workflow).facts["objects"]] == ["mine"]


def test_a_kind_that_may_not_be_listed_is_a_note(cluster):
    """Whether the account's rules say so beforehand, or the API when it is asked."""
    cluster.add("pods", "train-1", namespace=SPACE, labels=MINE, created=AFTER)
    cluster.forbidden = {"list configmaps"}
    result = look()
    assert result.facts["count"] == 1
    assert any("may not list configmaps" in note for note in result.notes)
    cluster.forbidden = set()
    cluster.rules = [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]
    before = len(cluster.requests)
    result = look()
    assert (result.facts["count"], result.facts["lookedAt"]) == (1, ["pods"])
    assert any("may not list configmaps" in note for note in result.notes)
    assert not any("/configmaps" in one.path for one in cluster.requests[before:])


def test_it_only_reads(cluster):
    """Nothing is sent but readings, and the one question what the account may list."""
    cluster.add("pods", "train-1", namespace=SPACE, labels=MINE, created=AFTER)
    look()
    assert {(one.method, one.path.endswith("selfsubjectrulesreviews")) for one in cluster.requests} == {
        ("GET", False),
        ("POST", True),
    }


def test_a_cluster_that_is_not_there_is_a_note_where_there_is_more_to_look_at(models):
    """And fails the step where there is nothing else."""
    fill(f"runs/{NAME}/a")
    result = look(buckets=["s3://models/runs/"])
    assert result.facts["count"] == 1
    assert any(note.startswith("Kubernetes was not looked at") for note in result.notes)
    with pytest.raises(ConfigError, match="no Kubernetes cluster"):
        look()


def test_named_kinds_alone_are_looked_at(cluster):
    """As people write them; an unknown one is told."""
    cluster.add("pods", "train-1", namespace=SPACE, labels=MINE, created=AFTER)
    cluster.add("configmaps", "mine", namespace=SPACE, labels=MINE, created=AFTER)
    assert look(kinds=["cm"]).facts["kinds"] == {"configmaps": 1}
    with pytest.raises(ActionError, match="no such kind"):
        look(kinds=["pds"])


# In buckets.


def test_folders_that_bear_the_name_or_uid_are_told_with_their_size(models):
    """At any depth that is searched; a neighbour of a longer name is not."""
    fill(
        f"runs/{NAME}/a",
        f"runs/{NAME}/b/c",
        f"runs/{NAME}-2/a",
        "runs/other/x",
        f"runs/2026/11/{UID}/model",
        f"top-{UID}.json",
    )
    facts = look(kubernetes=False, buckets=["s3://models"]).facts
    assert {one["place"]: (one["objects"], one["bytes"]) for one in facts["prefixes"]} == {
        f"s3://models/runs/{NAME}/": (2, 10),
        f"s3://models/runs/2026/11/{UID}/": (1, 5),
        f"s3://models/top-{UID}.json": (1, 5),
    }


def test_a_level_of_several_pages_is_read_to_its_end(models):
    """A thousand folders and more stand before the workflow's."""
    fill(*(f"runs/{number:04}/x" for number in range(1005)), f"runs/{NAME}/x")
    facts = look(kubernetes=False, buckets=["s3://models/runs"], depth=0).facts
    assert [one["place"] for one in facts["prefixes"]] == [f"s3://models/runs/{NAME}/"]


def test_googles_buckets_are_searched_alike(monkeypatch, tmp_path, capsys):
    """By the same names, and with steps for cleanup.gcs."""
    with ScriptedGCS() as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        for name in (f"runs/{NAME}/a", f"runs/{NAME}-2/a", "runs/other/a"):
            storage.add(name, size=100)
        facts = look(kubernetes=False, buckets=[f"gs://{storage.bucket}/"]).facts
        assert [one["place"] for one in facts["prefixes"]] == [f"gs://{storage.bucket}/runs/{NAME}/"]
        assert would_delete(facts["plan"], tmp_path, capsys) == [f"gs://{storage.bucket}/runs/{NAME}/a"]


def test_a_folder_whose_name_may_be_a_word_is_a_note(models):
    """`data/` is everybody's, whatever the workflow is called."""
    fill("data/a", "other/b")
    result = look(failed_workflow(name="data", uid=""), kubernetes=False, buckets=["s3://models"])
    assert result.facts["count"] == 0
    assert any("s3://models/data/ may bear" in note for note in result.notes)


# In databases.


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as made:
        for name in ("train_x7k2p_a", "train_x7k2p_b.c", "train_x7k", "other", f"t_{UID.replace('-', '_')}"):
            made.execute(f'CREATE TABLE "{name}" (x)')
    made.close()
    return f"sqlite:///{path}"


def test_tables_that_bear_the_name_or_uid_are_told(database):
    """With the signs that names in databases have in place of dashes."""
    facts = look(kubernetes=False, database=database).facts
    assert {one["name"] for one in facts["tables"]} == {
        "train_x7k2p_a",
        "train_x7k2p_b.c",
        f"t_{UID.replace('-', '_')}",
    }
    assert database not in facts["plan"]


# The steps.


def test_the_real_cleanups_take_each_step_and_would_delete_just_that(
    cluster, models, database, tmp_path, capsys, monkeypatch
):
    """Pasted as a plan and run dry, the steps pass every guard, and find what was told and nothing more."""
    monkeypatch.setenv("EXITKIT_CLEANUP_SQL_URL", database)
    cluster.add("pods", "train-1", namespace=SPACE, labels=MINE, created=AFTER)
    cluster.add("persistentvolumeclaims", "work", namespace=SPACE, labels={"of": f"run-{UID}"}, created=AFTER)
    cluster.add("pods", "foreign", namespace=SPACE, labels={LABEL: "train-other"}, created=AFTER)
    fill(f"runs/{NAME}/a", f"runs/x-{UID}-y/a", "runs/other/x", f"runs/{NAME}-2/x")
    facts = look(buckets=["s3://models"], database=database, path=str(tmp_path / "left.yaml")).facts
    assert (tmp_path / "left.yaml").read_text() == facts["plan"]
    assert NAME not in facts["plan"]
    assert UID not in facts["plan"]
    assert set(would_delete(facts["plan"], tmp_path, capsys)) == {
        f"{SPACE}/pods/train-1",
        f"{SPACE}/persistentvolumeclaims/work",
        f"s3://models/runs/{NAME}/a",
        f"s3://models/runs/x-{UID}-y/a",
        "main.train_x7k2p_a",
        'main."train_x7k2p_b.c"',
        f"main.t_{UID.replace('-', '_')}",
    }


@pytest.mark.parametrize("odd", ["a//b", "./a", "{{ x }}", "{% raw %}", "tab\there", "../a"])
def test_what_no_plan_can_say_is_told_and_not_proposed(models, odd):
    """A cleanup would refuse it, or take it for a template."""
    fill(f"{odd}/{NAME}/a") if not odd.startswith(".") else fill(f"x/{odd}/{NAME}/a")
    facts = look(kubernetes=False, buckets=["s3://models"], depth=6).facts
    assert (facts["count"], facts["plan"]) == (1, "")


def test_the_steps_are_printed_alone(cluster, capsys):
    """What is to be pasted stands on stdout."""
    cluster.add("pods", "train-1", namespace=SPACE, labels=MINE, created=AFTER)
    assert run(["process", "leftovers", "--show", "--name", NAME, "--namespace", SPACE, "--uid", UID]) == 0
    said = yaml.safe_load(capsys.readouterr().out)
    assert said == {
        "steps": [
            {
                "uses": "cleanup.kubernetes",
                "with": {"kinds": ["pods"], "selector": f"{LABEL}={{{{ workflow.name }}}}"},
            }
        ]
    }


def test_a_later_step_reads_what_is_left(cluster, tmp_path, capsys):
    """In a template of its text, and in the plan's report."""
    cluster.add("pods", "train-1", namespace=SPACE, labels=MINE, created=AFTER)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "steps:\n  - {id: left, uses: process.leftovers}\n"
        "  - {uses: notify.console, with: {text: '{{ steps.left.text }}, {{ steps.left.count }} in all'}}\n"
    )
    assert run(["run", str(plan), "--name", NAME, "--namespace", SPACE, "--uid", UID]) == 0
    assert "left over: 1 pods, 1 in all" in "".join(capsys.readouterr())


def test_without_a_name_and_uid_there_is_nothing_to_look_for():
    """Nothing can be known to be the workflow's own."""
    with pytest.raises(Skip, match="neither"):
        look(failed_workflow(name="", uid=""))


@pytest.mark.parametrize(
    "given",
    [{"kubernetes": False}, {"kinds": ["nodes"]}, {"kinds": [""]}, {"buckets": ["models"]}, {"database": "oracle://x"},
     {"path": "../x"}],
)  # fmt: skip
def test_settings_that_lead_nowhere_are_refused(given):
    """Before anything is asked."""
    with pytest.raises(SettingsError):
        leftovers(**given)


def test_the_role_lists_and_reads_and_nothing_more():
    """`exitkit manifest` makes it of this; Secrets are not among the usual kinds."""
    rights = Leftovers.rights({})
    assert {verb for right in rights for verb in right.verbs} == {"list", "get"}
    assert ("", "persistentvolumeclaims") in {(right.group, right.resource) for right in rights}
    assert "secrets" not in {right.resource for right in rights}
    assert [right.resource for right in Leftovers.rights({"kinds": ["pvc"]})] == ["persistentvolumeclaims", "workflows"]
    assert Leftovers.rights({"kubernetes": False, "buckets": ["s3://x"]}) == ()


def test_a_connection_that_breaks_off_half_way_is_a_note_and_keeps_what_was_found_elsewhere(cluster, models):
    """The other places are looked at all the same."""
    for _ in range(10):
        cluster.fault("GET", "/namespaces/", break_off())
    fill(f"runs/{NAME}/a")
    result = look(buckets=["s3://models"])
    assert result.facts["count"] == 1
    assert any("Kubernetes was not looked at" in note for note in result.notes)

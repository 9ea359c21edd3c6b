"""What cleanup.kubernetes deletes, what it waits for, and what it never touches."""

import inspect
import json
import textwrap
from functools import partial
from pathlib import Path

import pytest
import yaml

from exitkit.cleanup.kubernetes import Kubernetes
from exitkit.clients.kubernetes import find
from exitkit.errors import ActionError, ConfigError, Exhausted, Skip
from exitkit.plan.registry import prefix
from exitkit.retry import RetryPolicy
from exitkit.settings import SettingsError, load
from exitkit.testing import context, failed_workflow
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import answer, break_off, close, hang, slow
from exitkit.testing.kube import TOKEN, ScriptedKube

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
SPACE = failed_workflow().namespace
LABEL = "workflows.argoproj.io/workflow"
MINE = {LABEL: NAME}


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


@pytest.fixture
def kubernetes(cluster, tmp_path):
    def make(*kinds, **more):
        given = {"kinds": list(kinds) or ["pods"], "selector": f"{LABEL}={NAME}", **more}
        if "kubeconfig" not in given:
            given["kubeconfig"] = str(cluster.kubeconfig(tmp_path))
        return load(Kubernetes, given, {}, prefix("cleanup.kubernetes"))

    return make


def add(cluster, *names, kind="pods", **more):
    return [
        cluster.add(kind, name, namespace=SPACE, labels={**MINE, **more.pop("labels", {})}, **more) for name in names
    ]


def names(cluster, kind="pods"):
    return cluster.names(kind, SPACE)


# What goes.


def test_what_the_selector_fits_goes_and_nothing_else(cluster, kubernetes):
    """One namespace, one label, one kind; the rest stays."""
    add(cluster, "a", "b")
    add(cluster, "cm", kind="configmaps")
    cluster.add("pods", "other", namespace=SPACE, labels={LABEL: "other"})
    cluster.add("pods", "elsewhere", namespace="elsewhere", labels=MINE)
    result = kubernetes().run(context())
    assert result.facts["deleted"] == 2
    assert result.facts["examples"] == [f"{SPACE}/pods/a", f"{SPACE}/pods/b"]
    assert (names(cluster), names(cluster, "configmaps")) == (["other"], ["cm"])
    assert cluster.names("pods", "elsewhere") == ["elsewhere"]
    assert kubernetes().run(context()).summary == "nothing to delete"


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("pods", "pods"),
        ("Pod", "pods"),
        ("po", "pods"),
        ("v1/pods", "pods"),
        ("pvc", "persistentvolumeclaims"),
        ("deploy", "deployments"),
        ("Deployment", "deployments"),
        ("apps/v1/deployments", "deployments"),
        ("deployments.apps", "deployments"),
        ("deployments.v1.apps", "deployments"),
        ("sparkapp", "sparkapplications"),
        ("sparkapplications.sparkoperator.k8s.io", "sparkapplications"),
        ("pipelines.tekton.example.com", "pipelines"),
    ],
)
@pytest.mark.parametrize("aggregated", [True, False])
def test_a_kind_may_be_written_as_people_write_it(tmp_path, kind, plural, aggregated):
    """By any of its names, also one that was added to the cluster; with old and new discovery."""
    with ScriptedKube(aggregated=aggregated) as cluster:
        full = next(f"{one.plural}.{one.group}" for one in reversed(cluster.kinds) if one.plural == plural).rstrip(".")
        add(cluster, "x", kind=full)
        given = {"kinds": [kind], "selector": f"{LABEL}={NAME}", "kubeconfig": str(cluster.kubeconfig(tmp_path))}
        assert load(Kubernetes, given, {}, "X_").run(context()).facts["deleted"] == 1


def test_kubernetes_own_kinds_go_before_those_that_were_added(cluster, kubernetes):
    """A plan means the same in a cluster where somebody has installed another kind of job."""
    add(cluster, "mine", kind="jobs.batch")
    add(cluster, "volcano", kind="jobs.batch.volcano.sh")
    kubernetes("jobs").run(context())
    assert names(cluster, "jobs") == ["volcano"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("pipelines", "is the name of pipelines.example.com and pipelines.tekton.example.com"),
        ("podz", "did you mean 'pods'"),
        ("nonsense", "no such kind"),
        ("sites", "belong to no namespace"),
        ("bindings", "cannot be listed and deleted"),
    ],
)
def test_a_kind_that_cannot_be_is_told(cluster, kubernetes, kind, told):
    """And nothing is deleted, of no other kind either."""
    add(cluster, "a")
    with pytest.raises(ActionError, match=told):
        kubernetes("pods", kind).run(context())
    assert cluster.sent("DELETE") == []


@pytest.mark.parametrize(
    "kind", ["nodes", "Namespace", "pv", "clusterroles.rbac.authorization.k8s.io", "", " ", "a b", "x/"]
)
def test_a_kind_that_no_cluster_has_in_a_namespace_is_refused(cluster, kubernetes, kind):
    """Exit code 2, before anything is asked."""
    with pytest.raises(SettingsError) as told:
        kubernetes("pods", kind)
    assert told.value.exit_code == 2
    assert cluster.requests == []


def test_kinds_go_in_the_order_given(cluster, kubernetes):
    """What makes others goes first."""
    add(cluster, "p")
    add(cluster, "j", kind="jobs.batch")
    kubernetes("jobs.batch", "pods").run(context())
    assert [path.rpartition("/")[2] for path in cluster.sent("DELETE")] == ["j", "p"]


def test_many_pages_go(cluster, kubernetes):
    """Listed by pages, also where the API forgets a page half-way."""
    cluster.page, cluster.expiring = 7, 3
    add(cluster, *(f"p-{number:03d}" for number in range(50)))
    assert kubernetes().run(context()).facts["deleted"] == 50
    assert names(cluster) == []


def test_age_name_and_field_choose(cluster, kubernetes):
    """older_than, include, exclude and a field selector hold together."""
    add(cluster, "tmp-old", "keep-old", "old")
    add(cluster, "tmp-new", created="2099-01-01T00:00:00Z")
    add(cluster, "tmp-ok", status={"phase": "Succeeded"})
    kubernetes(older_than="1h", include=["tmp-*"], exclude=["*-ok"]).run(context())
    assert names(cluster) == ["keep-old", "old", "tmp-new", "tmp-ok"]
    kubernetes(field_selector="status.phase=Succeeded").run(context())
    assert names(cluster) == ["keep-old", "old", "tmp-new"]


def test_a_deletion_names_uid_and_policy(cluster, kubernetes):
    """So that an object made in the meantime under the same name stays."""
    (uid,) = add(cluster, "a")
    kubernetes(propagation="Foreground", grace_period=0).run(context())
    sent = next(one for one in cluster.requests if one.method == "DELETE").json()
    assert sent["preconditions"] == {"uid": uid}
    assert (sent["propagationPolicy"], sent["gracePeriodSeconds"]) == ("Foreground", 0)


def test_one_that_was_replaced_meanwhile_stays(cluster, kubernetes):
    """What was found is gone; what has its name now was not found."""
    add(cluster, "a")

    def replaced(exchange):
        cluster.replace("pods", "a")
        close()(exchange)

    cluster.fault("DELETE", "/pods/a", replaced)
    result = kubernetes().run(context())
    assert names(cluster) == ["a"]
    assert result.facts["refused"] == {}


# What is never touched.


def test_its_own_pod_and_workflow_stay(cluster, kubernetes):
    """Whatever the selector says; the result notes it."""
    workflow = failed_workflow(pod_name="exit-pod")
    add(cluster, "exit-pod", "a")
    add(cluster, NAME, kind="workflows")
    result = kubernetes("pods", "workflows").run(context(workflow=workflow))
    assert (names(cluster), names(cluster, "workflows")) == (["exit-pod"], [NAME])
    assert any("exit-pod was left, because it is the pod that this runs in" in note for note in result.notes)
    assert any("it is the workflow" in note for note in result.notes)


def test_a_second_run_notes_only_what_it_left_itself(cluster, kubernetes):
    """As when a plan is tried again."""
    add(cluster, "exit-pod")
    action, ctx = kubernetes(), context(workflow=failed_workflow(pod_name="exit-pod"))
    assert action.run(ctx).notes
    cluster._objects.clear()
    assert action.run(ctx).notes == ()


def test_without_knowing_its_pod_every_pod_of_an_exit_handler_stays(cluster, kubernetes):
    """One of them is this one."""
    workflow = failed_workflow(pod_name="", node_name="", node_id="")
    add(cluster, "a", labels={"workflows.argoproj.io/on-exit": "true"})
    add(cluster, "b")
    kubernetes().run(context(workflow=workflow))
    assert "a" in names(cluster)
    assert "b" not in names(cluster)


def test_who_owns_the_workflow_stays(cluster, kubernetes):
    """A custom resource that made the workflow would take it along."""
    (owner,) = add(cluster, "pipeline", kind="pipelines.example.com")
    add(cluster, NAME, kind="workflows", owners=[owner])
    add(cluster, "other", kind="pipelines.example.com")
    result = kubernetes("pipelines.example.com").run(context())
    assert names(cluster, "pipelines") == ["pipeline"]
    assert "owns the workflow" in result.notes[0]


@pytest.mark.parametrize("kind", ["configmaps", "jobs.batch", "sparkapplications"])
def test_whatever_owns_the_workflow_stays(cluster, kubernetes, kind):
    """Also where another one owns that, and of whatever kinds they are; the rest of the kind goes."""
    (top,) = add(cluster, "top", kind=kind)
    (middle,) = add(cluster, "middle", kind="pipelines.example.com", owners=[top])
    add(cluster, NAME, kind="workflows", owners=[middle])
    add(cluster, "other", kind=kind)
    result = kubernetes(kind, "pipelines.example.com").run(context())
    assert (names(cluster, kind.partition(".")[0]), names(cluster, "pipelines")) == (["top"], ["middle"])
    assert result.facts["deleted"] == 1
    assert sum("owns the workflow" in note for note in result.notes) == 2


def test_the_job_that_runs_this_stays(cluster, kubernetes):
    """Outside of Argo; its pod would go with it."""
    (job,) = add(cluster, "cleaner", kind="jobs.batch")
    add(cluster, "other", kind="jobs.batch")
    add(cluster, "cleaner-abc", owners=[job])
    workflow = failed_workflow(pod_name="cleaner-abc", node_name="", node_id="")
    result = kubernetes("jobs.batch", "pods").run(context(workflow=workflow))
    assert (names(cluster, "jobs"), names(cluster)) == (["cleaner"], ["cleaner-abc"])
    assert any("it owns the pod that this runs in" in note for note in result.notes)


@pytest.mark.parametrize("dry_run", [True, False])
def test_owners_that_may_not_be_read_are_noted_and_no_obstacle(cluster, kubernetes, dry_run):
    """With the right that is missing; a pod's cleanup needs no more than list and delete."""
    add(cluster, "a")
    cluster.forbidden = {"get workflows", "get pods"}
    result = kubernetes().run(context(dry_run=dry_run))
    assert result.facts["found"] == 1
    assert any("give the service account get on workflows.argoproj.io" in note for note in result.notes)


def test_another_namespace_takes_the_workflows_uid(cluster, kubernetes):
    """There may be a workflow of the same name, as cron workflows of two stages have."""
    uid = failed_workflow().uid
    cluster.add("pods", "a", namespace="elsewhere", labels={**MINE, "uid": uid})
    with pytest.raises(ConfigError, match="may have a workflow of the same name"):
        kubernetes(in_namespace="elsewhere").run(context())
    assert cluster.requests == []
    kubernetes(in_namespace="elsewhere", keep_on=["Failed"]).guard(context())
    result = kubernetes(in_namespace="elsewhere", selector=f"{LABEL}={NAME},uid={uid}").run(context())
    assert result.facts["deleted"] == 1
    cluster.add("pods", "b", namespace="elsewhere", labels=MINE)
    assert kubernetes(in_namespace="elsewhere", anything=True).run(context()).facts["deleted"] == 1


def test_the_namespace_may_be_given_where_the_workflows_is_not_known(cluster, kubernetes):
    """Then it is taken for the workflow's."""
    cluster.add("pods", "a", namespace="given", labels=MINE)
    workflow = failed_workflow(namespace="")
    assert kubernetes(in_namespace="given").run(context(workflow=workflow)).facts["deleted"] == 1


def test_a_value_with_a_comma_selects_less_and_never_more(cluster, kubernetes):
    """A template's value that holds a whole condition only adds one, as all of them have to hold."""
    add(cluster, "mine", labels={"a": "1"})
    cluster.add("pods", "other", namespace=SPACE, labels={LABEL: "other", "a": "1"})
    kubernetes(selector=f"{LABEL}={NAME},a!=1").run(context())
    assert names(cluster) == ["mine", "other"]
    with pytest.raises(ConfigError, match="anything: true"):
        kubernetes(selector=f"{LABEL} in ({NAME},other)").run(context())


def test_no_word_of_the_workflow_is_deleted_with_everything(cluster, kubernetes):
    """anything: true opens the labels, and neither namespaces nor what is the run's own."""
    add(cluster, NAME, kind="workflows", labels={"x": "y"})
    assert kubernetes("workflows", selector="x=y", anything=True).run(context()).facts["deleted"] == 0
    with pytest.raises(ConfigError, match="the cluster's own"):
        kubernetes(anything=True).run(context(workflow=failed_workflow(namespace="kube-public")))
    with pytest.raises(SettingsError):
        kubernetes(selector="", anything=True)


@pytest.mark.parametrize("space", ["kube-system", "kube-public", "kube-node-lease", "", " ", "a/b", "A"])
def test_namespaces_that_are_not_for_this(cluster, kubernetes, space):
    """Refused before anything is asked."""
    with pytest.raises(SettingsError):
        kubernetes(in_namespace=space)
    assert cluster.requests == []


def test_the_workflows_own_namespace_may_be_protected_too(cluster, kubernetes):
    """A workflow in kube-system does not clean up there."""
    with pytest.raises(ConfigError, match="the cluster's own"):
        kubernetes().run(context(workflow=failed_workflow(namespace="kube-system")))
    with pytest.raises(ConfigError, match="give in_namespace"):
        kubernetes().run(context(workflow=failed_workflow(namespace="")))
    assert cluster.requests == []


@pytest.mark.parametrize("selector", ["", " ", "a=", "a in ()", "a in (b,)", ",", "a=b,", "a b", "=x", "a=ü", "a in b"])
def test_a_selector_that_means_too_much_or_nothing_is_refused(kubernetes, selector):
    """Empty as a whole or in a part, as templates leave it."""
    with pytest.raises(SettingsError):
        kubernetes(selector=selector)


@pytest.mark.parametrize(
    "selector", ["app", "!app", f"{LABEL}!={NAME}", "app in (a,b)", f"app in ({NAME},b)", "app=other"]
)
def test_what_is_not_the_workflows_own_is_refused(cluster, kubernetes, selector):
    """One condition has to leave nothing but the workflow's own."""
    with pytest.raises(ConfigError, match="anything: true"):
        kubernetes(selector=selector).run(context())
    assert cluster.requests == []
    kubernetes(selector=selector, anything=True).run(context())


def test_limit_bytes_has_no_meaning(kubernetes):
    """Said, and not passed over."""
    with pytest.raises(SettingsError, match="use limit"):
        kubernetes(limit_bytes="1Mi")


def test_a_dry_run_sends_no_deletion(cluster, kubernetes):
    """And counts what would go."""
    add(cluster, "a", "b")
    assert kubernetes().run(context(dry_run=True)).facts["found"] == 2
    assert {one.method for one in cluster.requests} == {"GET"}
    assert names(cluster) == ["a", "b"]


def test_the_limit_holds_exactly(cluster, kubernetes):
    """The third stays."""
    add(cluster, "a", "b", "c")
    with pytest.raises(ActionError, match="limit=2"):
        kubernetes(limit=2).run(context())
    assert len(names(cluster)) == 1


def test_evidence_is_kept(cluster, kubernetes):
    """Nothing is asked."""
    with pytest.raises(Skip):
        kubernetes(keep_on=["Failed"]).run(context())
    assert cluster.requests == []


# Until it is gone.


def test_what_takes_its_time_is_waited_for(cluster, kubernetes):
    """Pods end within their grace period."""
    add(cluster, "slow", linger=3)
    ctx = context()
    assert kubernetes().run(ctx).facts["deleted"] == 1
    assert ctx.deadline.clock.slept


def test_what_a_finalizer_holds_fails_the_step_and_names_it(cluster, kubernetes):
    """After the wait; the others are gone."""
    add(cluster, "held", finalizers=["example.com/protect"])
    add(cluster, "free")
    with pytest.raises(ActionError, match=r"still there after 60 s: held by the finalizer example.com/protect") as told:
        kubernetes().run(context())
    assert told.value.facts["deleted"] == 1


def test_without_a_wait_it_is_enough_to_have_asked(cluster, kubernetes):
    """As kubectl delete --wait=false."""
    add(cluster, "held", finalizers=["example.com/protect"])
    assert kubernetes(wait=0).run(context()).facts["deleted"] == 1


def test_the_wait_ends_with_the_time(cluster, kubernetes):
    """A deadline before the wait is over is told as what it is."""
    add(cluster, "held", finalizers=["example.com/protect"])
    ctx = context(seconds=20)
    with pytest.raises(ActionError, match=r"still there after|no time left"):
        kubernetes(wait="10m").run(ctx)
    assert 15 < ctx.deadline.clock.monotonic() <= 21


# What goes wrong.


def test_a_missing_right_is_told_once_for_all(cluster, kubernetes):
    """With what is missing, and the others go."""
    add(cluster, "a", "b")
    add(cluster, "c", kind="configmaps")
    cluster.forbidden = {"delete pods"}
    with pytest.raises(ActionError, match=f"2 forbidden: the service account may not delete pods in {SPACE}"):
        kubernetes("pods", "configmaps").run(context())
    assert names(cluster, "configmaps") == []


def test_a_kind_that_may_not_be_listed_keeps_no_other(cluster, kubernetes):
    """It fails the step all the same."""
    add(cluster, "c", kind="configmaps")
    cluster.forbidden = {"list pods"}
    with pytest.raises(ActionError, match="cannot list resource"):
        kubernetes("pods", "configmaps").run(context())
    assert names(cluster, "configmaps") == []


def test_one_that_is_gone_already_is_fine(cluster, kubernetes):
    """Counted as such."""
    add(cluster, "a")
    cluster.fault("DELETE", "/pods/a", answer(404, b'{"message":"not found"}'))
    result = kubernetes(wait=0).run(context())
    assert (result.facts["deleted"], result.facts["gone"]) == (0, 1)


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_a_busy_api_is_asked_again(cluster, kubernetes, status):
    """As long as it asks; only for what it did not take."""
    add(cluster, "a", "b")
    cluster.fault("DELETE", "/pods/a", answer(status, b"{}", {"Retry-After": "3"}))
    cluster.fault("GET", "/pods", answer(status, b"{}"))
    ctx = context()
    assert kubernetes(wait=0).run(ctx).facts["deleted"] == 2
    assert len(cluster.sent("DELETE")) == 3
    assert max(ctx.deadline.clock.slept) >= 3


def test_an_object_that_changed_at_the_same_moment_is_tried_again(cluster, kubernetes):
    """A conflict that is none of the uid."""
    add(cluster, "a")
    cluster.fault("DELETE", "/pods/a", answer(409, b'{"message":"the object has been modified"}'))
    assert kubernetes().run(context()).facts["deleted"] == 1


def test_a_lost_answer_counts_as_deleted(cluster, kubernetes):
    """It was ours that took it away."""
    add(cluster, "a")

    def lost(exchange):
        exchange.read()
        cluster._objects.clear()
        exchange.connection.reset()

    cluster.fault("DELETE", "/pods/a", lost)
    result = kubernetes().run(context())
    assert (result.facts["deleted"], result.facts["gone"]) == (1, 0)


def test_a_wrong_token_ends_it(cluster, kubernetes, tmp_path):
    """Without a word of the token."""
    path = cluster.kubeconfig(tmp_path)
    path.write_text(path.read_text().replace(TOKEN, "wrong-token-wrong-token"))
    with pytest.raises(ActionError) as told:
        kubernetes(kubeconfig=str(path)).run(context())
    assert told.value.reason == "auth"
    assert not isinstance(told.value, Exhausted)
    assert "wrong-token" not in str(told.value)


def test_no_cluster_is_a_wrong_configuration(monkeypatch, tmp_path):
    """Exit code 2, and where one is looked for."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(ConfigError, match="no Kubernetes cluster is known here"):
        Kubernetes(kinds=["pods"], selector=f"{LABEL}={NAME}").run(context())


def test_a_receipt_lists_what_went(cluster, kubernetes, tmp_path):
    """By namespace, kind and name."""
    add(cluster, "a")
    kubernetes(receipt=str(tmp_path / "receipt")).run(context())
    assert json.loads((tmp_path / "receipt").read_text()) == {"deleted": f"{SPACE}/pods/a"}


def test_over_tls_with_the_clusters_own_authority(tmp_path):
    """As every real one."""
    with ScriptedKube(tls=True) as cluster:
        add(cluster, "a")
        given = {"kinds": ["pods"], "selector": f"{LABEL}={NAME}", "kubeconfig": str(cluster.kubeconfig(tmp_path))}
        assert load(Kubernetes, given, {}, "X_").run(context()).facts["deleted"] == 1


def test_in_a_pod_the_service_account_is_enough(tmp_path, monkeypatch):
    """Its authority, its token, and the new one when kubelet has replaced it; no kubeconfig is looked for."""
    account = tmp_path / "account"
    account.mkdir()
    with ScriptedKube(tls=True) as cluster:
        add(cluster, "a")
        (account / "ca.crt").write_bytes(Path(cluster.ca_file).read_bytes())
        (account / "token").write_text("token-that-has-ended\n")
        environ = {"KUBERNETES_SERVICE_HOST": "localhost", "KUBERNETES_SERVICE_PORT": str(cluster.port)}
        monkeypatch.setattr(find, "find", partial(find.find, environ=environ, account=account))
        action = Kubernetes(kinds=["pods"], selector=f"{LABEL}={NAME}")
        with pytest.raises(ActionError) as told:
            action.run(context())
        assert told.value.reason == "auth"

        def replaced(exchange):
            (account / "token").write_text(f"{TOKEN}\n")
            answer(503, b"{}")(exchange)

        cluster.fault("GET", "/api/v1", replaced)
        assert action.run(context()).facts["deleted"] == 1
    assert {one.headers["authorization"] for one in cluster.requests} == {
        "Bearer token-that-has-ended",
        f"Bearer {TOKEN}",
    }


def test_the_role_on_the_page_is_enough(cluster, kubernetes):
    """Its rules are read from the docstring, and every other right is taken away."""
    page = inspect.getdoc(Kubernetes)
    role = yaml.safe_load(textwrap.dedent(page[page.index("    apiVersion:") :]))
    allowed = {
        (group, f"{verb} {plural}")
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
        for verb in rule["verbs"]
    }
    verbs = ("get", "list", "delete", "create")
    cluster.forbidden = {f"{verb} {kind.plural}" for kind in cluster.kinds for verb in verbs} - {
        one for _, one in allowed
    }
    groups = {kind.plural: kind.group for kind in reversed(cluster.kinds) if kind.plural != "jobs"} | {"jobs": "batch"}
    assert all(groups[right.partition(" ")[2]] == group for group, right in allowed)
    add(cluster, "p")
    add(cluster, "j", kind="jobs.batch")
    add(cluster, "c", kind="persistentvolumeclaims")
    add(cluster, NAME, kind="workflows")
    result = kubernetes("jobs.batch", "pods", "pvc").run(context())
    assert (result.facts["deleted"], result.notes) == (3, ())


# No answer.


def test_what_cannot_be_looked_at_at_once_is_looked_at_in_the_end(cluster, kubernetes):
    """The first look may meet the same trouble as the deletion."""
    add(cluster, "a", "b")
    cluster.fault("DELETE", "/pods/a", slow(lambda: cluster.fault("GET", "/pods?", answer(500)), break_off()))
    with pytest.raises(ActionError) as caught:
        kubernetes().run(context(terms=RetryPolicy(attempts=1)))
    facts = caught.value.facts
    assert (facts["deleted"], facts["unknown"], facts["refused"]) == (1, 0, {"no answer, and still there": 1})


def test_time_is_kept_to_look_at_what_a_silent_api_has_done(cluster, kubernetes):
    """It takes deletions and says nothing, until the end; what is there still is told."""
    add(cluster, *(f"p-{number:02d}" for number in range(10)))
    for number in range(10):
        for _ in range(2):
            cluster.fault("DELETE", f"/pods/p-{number:02d}", hang())
    step = context(clock=FakeClock(patience=0.1), seconds=20)
    with pytest.raises(ActionError) as caught:
        kubernetes().run(step)
    facts = caught.value.facts
    assert (facts["deleted"], facts["unknown"]) == (0, 0)
    assert facts["refused"] == {"no answer, and still there": 8, "not asked to go: no time left": 2}

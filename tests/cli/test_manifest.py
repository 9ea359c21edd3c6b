"""`exitkit manifest` prints what puts exitkit into a cluster, with the rights that a plan needs and no more."""

import pytest
import yaml

from exitkit.cli import run

PLAN = """
steps:
  - uses: notify.console
  - uses: ship.file
    with: {path: /tmp/x.ndjson, from: [status, pods]}
  - uses: cleanup.kubernetes
    with: {kinds: [pvc, Job, sparkapplications.sparkoperator.k8s.io], selector: "w={{ workflow.name }}"}
"""


@pytest.fixture
def printed(capsys, monkeypatch, tmp_path):
    """What `exitkit manifest` prints, as text and as documents."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exitkit.yaml").write_text(PLAN, "utf-8")

    def call(*words, code=0):
        assert run(["manifest", *words], environ={}) == code
        out = capsys.readouterr()
        return out.err if code else list(yaml.safe_load_all(out.out))

    return call


def rules(documents):
    (role,) = (one for one in documents if one["kind"] == "Role")
    return [(one["apiGroups"][0], one["resources"][0], one["verbs"]) for one in role["rules"]]


def test_without_a_plan_there_is_a_template_that_needs_nothing_else(printed):
    """No account, and no rights beyond the workflow's own."""
    (template,) = printed()
    assert template["kind"] == "WorkflowTemplate"
    assert [one["name"] for one in template["spec"]["templates"]] == ["notify", "run"]
    assert not [one for one in template["spec"]["templates"] if "serviceAccountName" in one]


@pytest.mark.parametrize(
    "settings",
    [
        "{token: xoxb-12345-abcdefgh, channel: '#o'}",
        "{channel: '#o', link: 'https://u:pa55w0rd-x@ui.example.com/'}",
    ],
)
def test_a_secret_in_plain_text_is_put_into_no_config_map(printed, tmp_path, settings):
    """Which whoever may read the namespace can read; what to write in its place is told."""
    (tmp_path / "exitkit.yaml").write_text(f"steps:\n  - uses: notify.slack\n    with: {settings}\n", "utf-8")
    told = printed("exitkit.yaml", code=2)
    assert "in plain text" in told
    assert "set EXITKIT_NOTIFY_SLACK_" in told
    assert "abcdefgh" not in told and "pa55w0rd" not in told


def test_an_account_gets_what_the_executor_and_the_plan_need(printed):
    """Each kind by its group and plural, each right once, and nothing that no step asks for."""
    documents = printed("exitkit.yaml", "--account", "exitkit", "--namespace", "ml")
    kinds = ["ServiceAccount", "Role", "RoleBinding", "ConfigMap", "WorkflowTemplate"]
    assert [one["kind"] for one in documents] == kinds
    assert {one["metadata"]["namespace"] for one in documents} == {"ml"}
    assert rules(documents) == [
        ("argoproj.io", "workflowtaskresults", ["create", "patch"]),
        ("", "persistentvolumeclaims", ["list", "delete"]),
        ("", "pods", ["list"]),
        ("", "pods/log", ["get"]),
        ("argoproj.io", "workflows", ["get"]),
        ("batch", "jobs", ["list", "delete"]),
        ("sparkoperator.k8s.io", "sparkapplications", ["list", "delete"]),
    ]
    assert documents[3]["data"]["exitkit.yaml"].strip() == PLAN.strip()
    assert {one["serviceAccountName"] for one in documents[4]["spec"]["templates"]} == {"exitkit"}


def test_the_workflows_own_account_gets_what_the_plan_needs(printed):
    """Whose it is has to be said, because every workflow may have another."""
    documents = printed("exitkit.yaml", "--rights-for", "trainer")
    assert [one["kind"] for one in documents] == ["Role", "RoleBinding", "ConfigMap", "WorkflowTemplate"]
    assert ("", "pods/log", ["get"]) in rules(documents)
    assert documents[1]["subjects"] == [{"kind": "ServiceAccount", "name": "trainer"}]


def test_the_record_is_a_right_that_is_asked_for(printed):
    """Beside what the plan needs, and once where a step needs it anyway."""
    documents = printed("--record")
    assert [one["kind"] for one in documents] == ["Role", "RoleBinding", "WorkflowTemplate"]
    assert rules(documents) == [("argoproj.io", "workflows", ["get"])]
    assert documents[1]["subjects"][0]["name"] == "default"
    both = rules(printed("exitkit.yaml", "--account", "exitkit", "--record"))
    assert both.count(("argoproj.io", "workflows", ["get"])) == 1


def test_the_lines_are_a_right_that_is_asked_for(printed):
    """And no more of pods than their logs."""
    assert rules(printed("--lines")) == [("", "pods/log", ["get"])]
    assert rules(printed("--lines", "--record")) == [("argoproj.io", "workflows", ["get"]), ("", "pods/log", ["get"])]
    both = rules(printed("exitkit.yaml", "--lines"))
    assert both.count(("", "pods/log", ["get"])) == 1


@pytest.mark.parametrize(
    ("named", "needed"),
    [
        ("{{ workflow.name }}", []),
        ("{{ workflow.failures[0].lines[0].said }}", [("", "pods/log", ["get"])]),
        ("{{ workflow.failures[0].inputs.lr }}", [("argoproj.io", "workflows", ["get"])]),
    ],
)
def test_a_template_that_names_a_fact_needs_the_right_to_it(printed, tmp_path, named, needed):
    """A plain message does without."""
    (tmp_path / "exitkit.yaml").write_text(f"steps: [{{uses: notify.console, with: {{text: '{named}'}}}}]", "utf-8")
    documents = printed("exitkit.yaml", "--account", "exitkit")
    assert [right for right in rules(documents) if right[1] != "workflowtaskresults"] == needed


def test_rights_in_another_namespace_are_a_role_there(printed, tmp_path):
    """Bound to the account where that is; in its own namespace, or where only the run knows it, there is none to bind."""
    step = "steps: [{{uses: cleanup.kubernetes, with: {{kinds: [pods], selector: 'w={{{{ workflow.uid }}}}', in_namespace: {}}}}}]"
    (tmp_path / "exitkit.yaml").write_text(step.format("scratch"), "utf-8")
    role, binding, *_ = printed("exitkit.yaml", "--namespace", "ml")
    assert {role["metadata"]["namespace"], binding["metadata"]["namespace"]} == {"scratch"}
    assert rules([role]) == [("", "pods", ["list", "delete"])]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "default", "namespace": "ml"}]
    assert "say --namespace" in printed("exitkit.yaml", code=2)
    (tmp_path / "exitkit.yaml").write_text(step.format("ml"), "utf-8")
    assert [
        one["metadata"]["namespace"] for one in printed("exitkit.yaml", "--namespace", "ml") if one["kind"] == "Role"
    ] == ["ml"]
    (tmp_path / "exitkit.yaml").write_text(step.format("'{{ workflow.namespace }}'"), "utf-8")
    assert [one for one in printed("exitkit.yaml") if one["kind"] == "Role"]
    (tmp_path / "exitkit.yaml").write_text(step.format("'{{ workflow.parameters.ns }}'"), "utf-8")
    assert "write it out" in printed("exitkit.yaml", code=2)


def test_for_the_cluster_it_says_how_every_workflow_gets_it(printed, capsys):
    """A ClusterWorkflowTemplate, without a namespace, and the block for the controller."""
    documents = [one for one in printed("--cluster", "--namespace", "ml") if one]
    assert [one["kind"] for one in documents] == ["ClusterWorkflowTemplate"]
    assert "namespace" not in documents[0]["metadata"]
    assert run(["manifest", "--cluster"], environ={}) == 0
    assert "workflowDefaults" in capsys.readouterr().out


def test_what_is_around_is_put_into_the_pod(printed):
    """Proxy, authority, the UI's address, a claim, a deadline; the pod's own is later than the plan's."""
    words = ["--https-proxy", "http://p:3128", "--no-proxy", ".svc", "--ca-config-map", "our-ca", "--scratch", "data"]
    (template,) = printed(*words, "--argo-url", "https://argo.example", "--timeout", "90s", "--uid", "1234")
    for one in template["spec"]["templates"]:
        environment = {each["name"]: each.get("value") for each in one["container"]["env"]}
        assert environment["HTTPS_PROXY"] == environment["HTTP_PROXY"] == "http://p:3128"
        assert environment["NO_PROXY"] == ".svc"
        assert environment["SSL_CERT_FILE"] == "/etc/exitkit-ca/ca.crt"
        assert environment["ARGO_UI_URL"] == "https://argo.example"
        mounts = {each["mountPath"] for each in one["container"]["volumeMounts"]}
        assert mounts == {"/tmp", "/etc/exitkit", "/etc/exitkit-ca", "/scratch", "/tmp/exitkit-dead-letter"}
        assert {each["name"] for each in one["volumes"]} == {each["name"] for each in one["container"]["volumeMounts"]}
        assert one["activeDeadlineSeconds"] == 150
        assert one["securityContext"]["runAsUser"] == 1234
        args = one["container"]["args"]
        assert args[args.index("--timeout") + 1] == "90s"


def test_what_cannot_be_told_is_an_error(printed, tmp_path):
    """A kind whose group only the cluster knows, and a name that would be more than a name."""
    plan = "steps: [{uses: cleanup.kubernetes, with: {kinds: [sparkapps], selector: 'w={{ workflow.name }}'}}]"
    (tmp_path / "exitkit.yaml").write_text(plan, "utf-8")
    assert "write its plural and group" in printed("exitkit.yaml", code=2)
    assert "one word" in printed("--image", "x:1\n  evil: true", code=2)


@pytest.mark.parametrize("given", ["--state", "plan"])
def test_a_state_in_a_config_map_gets_the_least_it_needs(printed, tmp_path, given):
    """To make one, and to read and change that one alone, in its namespace; the account is bound from where it is."""
    place = "configmap://state/exitkit-state"
    (tmp_path / "exitkit.yaml").write_text(f"state: {place}\n{PLAN}" if given == "plan" else PLAN, "utf-8")
    words = ("--state", place) if given == "--state" else ()
    documents = printed("exitkit.yaml", "--account", "exitkit", "--namespace", "ml", *words)
    named = {(one["kind"], one["metadata"]["name"]): one for one in documents}
    role, binding = named["Role", "exitkit-state"], named["RoleBinding", "exitkit-state"]
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["exitkit-state"], "verbs": ["get", "patch"]},
    ]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "state"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "exitkit", "namespace": "ml"}]
    (template,) = (one for one in documents if one["kind"] == "WorkflowTemplate")
    environment = template["spec"]["templates"][0]["container"]["env"]
    assert ({"name": "EXITKIT_STATE", "value": place} in environment) is (given == "--state")


def test_a_state_of_the_workflows_own_namespace_is_allowed_where_it_is_applied(printed):
    """Argo fills in the namespace; a bucket needs no Role, and what is no place is said."""
    documents = printed("--state", "configmap://{{workflow.namespace}}/exitkit-state")
    assert [one["kind"] for one in documents] == ["Role", "RoleBinding", "WorkflowTemplate"]
    assert not any("namespace" in one["metadata"] for one in documents)
    assert [one["kind"] for one in printed("--state", "s3://bucket/x")] == ["WorkflowTemplate"]
    assert "is no place for it" in printed("--state", "ftp://x", code=2)
    assert "has to be written out" in printed("--state", "configmap://ml/{{workflow.name}}", code=2)

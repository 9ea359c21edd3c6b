"""The manifests as Kubernetes' own API server takes them, and the rights that they give, used and taken away."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from controlplane import APIError, kubeconfig, path_of, plural_of

from exitkit import cli

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPONENTS = sorted(path.parent.name for path in DEPLOY.glob("components/*/kustomization.yaml"))
CLUSTER_WIDE = ("ClusterWorkflowTemplate", "Namespace")
# Of operators that are not here.
FOREIGN = ("ExternalSecret",)

PLANS = {
    "tell": "steps: [{uses: notify.slack, with: {channel: '#ops'}}]",
    "pods": "steps: [{uses: cleanup.kubernetes, with: {kinds: [pods], selector: 'run={{ workflow.name }}'}}]",
    "jobs": "steps: [{uses: cleanup.kubernetes, with: {kinds: [jobs.batch, pvc], selector: 'run={{ workflow.name }}'}}]",
    "own": "steps: [{uses: cleanup.kubernetes, with: {kinds: workflowtemplates.argoproj.io, selector: 'run={{ workflow.name }}'}}]",
    "logs": "steps: [{uses: ship.file, with: {path: /tmp/a, from: [status, pods]}}]",
    "archive": "steps: [{uses: ship.file, with: {path: /tmp/a, from: archive, archive: 's3://logs'}}]",
    "status": "steps: [{uses: ship.loki, with: {url: 'https://loki', from: [status]}}]",
    "report": "steps: [{uses: process.report}, {uses: cleanup.files, with: {paths: ['/d/{{ workflow.name }}'], roots: [/d]}}]",
    "together": """steps:
  - parallel:
      - {uses: ship.file, with: {path: /tmp/a, from: pods}}
      - {uses: cleanup.kubernetes, with: {kinds: [pods], selector: 'run={{ workflow.name }}'}}
""",
    "fallback": """steps:
  - {uses: notify.console, fallback: [keep]}
  - {uses: ship.file, id: keep, with: {path: /tmp/a, from: [pods]}}
""",
}
EXECUTOR = ("argoproj.io", "workflowtaskresults", "create patch")
WORKFLOW = ("argoproj.io", "workflows", "get")
LOGS = (("", "pods", "list"), ("", "pods/log", "get"))
NEEDED = {
    "tell": (), "status": (), "report": (),
    "pods": (("", "pods", "delete list"), WORKFLOW),
    "jobs": (("batch", "jobs", "delete list"), ("", "persistentvolumeclaims", "delete list"), WORKFLOW),
    "own": (("argoproj.io", "workflowtemplates", "delete list"), WORKFLOW),
    "logs": LOGS, "fallback": LOGS,
    "archive": (WORKFLOW,),
    "together": (("", "pods", "delete list"), ("", "pods/log", "get"), WORKFLOW),
}  # fmt: skip


def printed(capsys, *words):
    """What `exitkit manifest` prints, as documents."""
    capsys.readouterr()
    assert cli.run(["manifest", *map(str, words)], environ={}) == 0, capsys.readouterr()
    return [one for one in yaml.safe_load_all(capsys.readouterr().out) if one]


def take(plane, document, namespace, *, dry_run=True):
    """Have the API server take it as `kubectl apply --server-side` would, with unknown fields refused."""
    where = "" if document["kind"] in CLUSTER_WIDE else namespace
    path = path_of(document["apiVersion"], plural_of(document["kind"]), where, document["metadata"]["name"])
    query = "?fieldManager=test&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
    return plane.admin.call("PATCH", path + query, document, "application/apply-patch+yaml")


@pytest.fixture(scope="module")
def restricted(make_namespace):
    return make_namespace(exitkit=False, labels={"pod-security.kubernetes.io/enforce": "restricted"})


def tools():
    return {name: Path(os.environ.get("GOPATH", "/nowhere")) / "bin" / name for name in ("kustomize", "helm")}


def test_every_object_that_kustomize_and_helm_render_is_taken(plane, restricted, tmp_path):
    """By name, field and value, in a namespace whose PodSecurity is restricted."""
    found = tools()
    if missing := [name for name, path in found.items() if not path.is_file()]:
        pytest.skip(f"{' and '.join(missing)} are not built: .ci/prepare-integration builds them")
    (tmp_path / "deploy").symlink_to(DEPLOY)
    texts = []
    for base in ("deploy", "deploy/cluster"):
        names = [name for name in COMPONENTS if name != "gke-workload-identity"]
        for chosen in (
            [],
            ["account", *(name for name in names if name != "account")],
            ["account", "gke-workload-identity"],
        ):
            overlay = {"resources": [base], "components": [f"deploy/components/{name}" for name in chosen]}
            (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
            texts.append(rendered([found["kustomize"], "build", "--load-restrictor", "LoadRestrictionsNone", tmp_path]))
    whole = (
        "cluster=true",
        "account.name=exitkit",
        "rights.record=true",
        "rights.pod-logs=true",
        "rights.cleanup=true",
    )
    rest = (
        "argoUrl=https://a",
        "httpsProxy=http://p:1",
        "noProxy=b",
        "caConfigMap=ca",
        "scratchClaim=d",
        "deadLetters=1Gi",
    )
    for values in ((), whole, rest):
        sets = [word for value in values for word in ("--set", value)]
        texts.append(
            rendered([found["helm"], "template", "exitkit", "--kube-version", "1.30", DEPLOY / "chart", *sets])
        )
    taken = [
        take(plane, document, restricted)["kind"]
        for text in texts
        for document in yaml.safe_load_all(text)
        if document and document["kind"] not in FOREIGN
    ]
    assert {"WorkflowTemplate", "ClusterWorkflowTemplate", "ServiceAccount", "Role", "RoleBinding"} <= set(taken)


@pytest.mark.parametrize("name", PLANS)
def test_the_role_of_a_plan_has_what_it_needs_and_no_more(plane, restricted, capsys, tmp_path, name):
    """For an account of exitkit's own, and for the workflow's; the API server takes all that is printed."""
    (tmp_path / "plan.yaml").write_text(PLANS[name])
    for words, more in (
        (["--account", "exitkit"], {EXECUTOR}),
        ([], set()),
        (["--cluster", "--argo-url", "https://a"], set()),
    ):
        documents = printed(capsys, tmp_path / "plan.yaml", *words)
        rules = [rule for one in documents if one["kind"] == "Role" for rule in one["rules"]]
        rights = {(*rule["apiGroups"], *rule["resources"], " ".join(sorted(rule["verbs"]))) for rule in rules}
        assert rights == {*NEEDED[name], *more}
        for document in documents:
            take(plane, document, restricted)


def test_rights_in_another_namespace_are_given_there(plane, make_namespace, capsys, tmp_path):
    """To the account of the workflow's namespace, which the binding names."""
    own, other = make_namespace(exitkit=False), make_namespace(exitkit=False)
    what = f"kinds: [configmaps], selector: 'run={{{{ workflow.uid }}}}', in_namespace: {other}"
    (tmp_path / "plan.yaml").write_text(f"steps: [{{uses: cleanup.kubernetes, with: {{{what}}}}}]")
    for document in printed(capsys, tmp_path / "plan.yaml", "--account", "exitkit", "--namespace", own):
        take(plane, document, document["metadata"]["namespace"], dry_run=False)
    account = plane.as_account(own, "exitkit")
    assert account.get("v1", "configmaps", other)["items"] is not None
    with pytest.raises(APIError, match="403"):
        account.get("v1", "configmaps", own)


def test_a_template_of_no_argo_is_refused(plane, restricted, capsys):
    """The test would see a field that is none, or a value of the wrong kind."""
    (template,) = (one for one in printed(capsys) if one["kind"] == "WorkflowTemplate")
    for change in ({"containr": {}}, {"activeDeadlineSeconds": {"a": "b"}}):
        wrong = json.loads(json.dumps(template))
        wrong["spec"]["templates"][0] |= change
        with pytest.raises(APIError):
            take(plane, wrong, restricted)


def test_the_rights_are_enough_and_each_of_them_is_needed(plane, make_namespace, capsys, tmp_path):
    """A run as the account deletes what it should; without any one of the rights it says that it is forbidden."""
    namespace = make_namespace(exitkit=False)
    (tmp_path / "plan.yaml").write_text(PLANS["pods"].replace("[pods]", "[configmaps]"))
    for document in printed(capsys, tmp_path / "plan.yaml", "--account", "exitkit"):
        if document["kind"] != "WorkflowTemplate":
            take(plane, document, namespace, dry_run=False)
    access = kubeconfig(plane.url, plane.as_account(namespace, "exitkit").token)
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(access))
    (role,) = (one for one in plane.admin.get("rbac.authorization.k8s.io/v1", "roles", namespace)["items"] if one["metadata"]["name"] == "exitkit")  # fmt: skip
    role = {**role, "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    whole = role["rules"]

    def ran():
        for number in range(2):
            labels = {"run": "train-x7k2p"}
            left = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"left-{number}", "labels": labels}}
            try:
                plane.admin.create(left, namespace)
            except APIError as error:
                assert error.status == 409
        capsys.readouterr()
        facts = ["--status", "Failed", "--name", "train-x7k2p", "--namespace", namespace]
        words = ["run", str(tmp_path / "plan.yaml"), *facts, "--timeout", "20", "--report-format", "json"]
        code = cli.run(words, environ={"EXITKIT_CLEANUP_KUBERNETES_KUBECONFIG": str(tmp_path / "kubeconfig")})
        (step,) = json.loads(capsys.readouterr().out)["steps"]
        return code, step["outcome"], step["summary"]

    def doctor():
        words = ["doctor", str(tmp_path / "plan.yaml"), "--name", "train-x7k2p", "--namespace", namespace]
        cli.run(words, environ={"KUBECONFIG": str(tmp_path / "kubeconfig")})
        return next(line for line in capsys.readouterr().out.splitlines() if " rights: " in line)

    code, outcome, summary = ran()
    assert (code, outcome) == (0, "ok"), summary
    assert doctor().startswith("ok ")
    for number, rule in enumerate(whole):
        if rule["apiGroups"] == ["argoproj.io"]:
            continue  # the executor's, and one without which the result has a note
        for verb in rule["verbs"]:
            less = {**rule, "verbs": [one for one in rule["verbs"] if one != verb]}
            plane.admin.patch(
                role, {"rules": [*whole[:number], *([less] if less["verbs"] else []), *whole[number + 1 :]]}
            )
            code, outcome, summary = ran()
            assert outcome == "failed", (rule, verb, summary)
            assert doctor().startswith(f"wrong  rights: not allowed: {verb} on {rule['resources'][0]} in {namespace}")
    plane.admin.patch(role, {"rules": whole})


def rendered(words):
    ran = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout

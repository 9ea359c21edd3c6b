"""The image itself in a real pod: Argo's controller and executor, a kubelet, containerd and runc, and nothing played.

It takes about a minute of two cores, most of it for the image. Needs root, buildah, containerd and runc, and the wheels of
the locks; what is missing is said where it skips.
"""

import base64
import json
import shutil

import pytest
import yaml
from building import IMAGE, VERSION, Unbuildable, checkout, opened
from controlplane import APIError
from images import archive
from install import DEPLOY
from node import PAUSE, PROGRAMS, Node, why_not
from workflows import dag, workflow

from exitkit.testing.http import ScriptedHTTP, answer

HOOK = {"exit": {"templateRef": {"name": "exitkit", "template": "notify", "clusterScope": True}}}
RBAC = "rbac.authorization.k8s.io"
# What the rights `record` and `pod-logs` of deploy/components are.
RULES = [
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
LINES = (
    "2026-11-27T10:00:01Z INFO reading 8 shards",
    "Traceback (most recent call last):",
    '  File "/app/fit.py", line 31, in <module>',
    "    main()",
    'ValueError: column "price" has 3 rows that are null',
)
# Each of these, as a termination message, kept the exit pod from being made where the hook passes {{workflow.failures}}.
HOSTILE = (
    'doT said {{=foo(}} and {{=it.x ? "a" : b}} of {{inputs.parameters.failures}}; $(id) <!channel> $(ARGO_NODE_ID)'
)


@pytest.fixture(scope="session")
def node(plane, program, tmp_path_factory):
    """The node, with exitkit's image on it; skips where there can be none, and says why."""
    for name in ("kubelet", "argoexec", "pod", "buildah", *PROGRAMS):
        program(name)
    if reason := why_not():
        pytest.skip(f"no kubelet can run here: {reason}")
    folder = tmp_path_factory.mktemp("images")
    images = {
        PAUSE: archive(folder / "pause.tar", PAUSE, {"/pod": program("pod")}, command="/pod"),
        "docker.io/library/argoexec:1": archive(
            folder / "argoexec.tar",
            "docker.io/library/argoexec:1",
            {"/bin/argoexec": program("argoexec")},
            command="argoexec",
        ),
        f"docker.io/library/exitkit:{VERSION}": _built(folder / "exitkit.tar", tmp_path_factory),
    }
    node = Node(plane, program("kubelet"), images)
    try:
        node.start()
        yield node
    finally:
        node.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _built(path, tmp_path_factory):
    """The image as `make image` makes it, in an archive."""
    try:
        with opened(tmp_path_factory.mktemp("image")) as builder:
            builder.wait(builder.make(checkout(tmp_path_factory.mktemp("checkout"), 0o022), "exitkit-a"))
            builder.run("push", "--quiet", IMAGE, f"docker-archive:{path}:docker.io/library/exitkit:{VERSION}")
    except Unbuildable as error:
        pytest.skip(str(error))
    return path


@pytest.fixture(scope="module")
def namespace(plane, make_namespace):
    """One whose account may read what failed, with the cluster's template and no other object of exitkit's."""
    name = make_namespace(exitkit=False)
    admin = plane.admin
    binding = {
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": name}],
    }
    documents = [
        *yaml.safe_load_all((DEPLOY / "cluster" / "cluster-workflow-template.yaml").read_text()),
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": "reader"}, "rules": RULES},
        {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": "reader"}, **binding},
    ]
    for document in documents:
        try:
            admin.create(document, name)
        except APIError as error:
            if error.status != 409:  # the cluster's template is there already
                raise
    return name


def told(node, namespace, document):
    """What a real run of the workflow sends to the Secret's webhook, and the workflow when it has ended."""
    with ScriptedHTTP([answer(200)]) as server:
        url = base64.b64encode(f"{server.url}/hook".encode()).decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "exitkit"}}
        node.plane.admin.create({**secret, "data": {"EXITKIT_NOTIFY_WEBHOOK_URL": url}}, namespace)
        try:
            ended = node.run(document, namespace)
        finally:
            node.plane.admin.delete("v1", "secrets", namespace, "exitkit")
    (request,) = server.requests
    return json.loads(request.body), ended


def pod(name, *words, **more):
    container = {"image": PAUSE, "imagePullPolicy": "Never", "command": ["/pod", *words], **more}
    return {"name": name, "container": container}


def ending(code, *lines):
    """The words for a pod that prints the lines, leaves the last one as its termination message, and ends with the code.

    In base64, as Argo would take tags in them for its own.
    """
    return "exit", str(code), base64.b64encode("\n".join(lines).encode()).decode()


def test_what_failed_arrives_from_a_real_pod(node, namespace):
    """An exit code with its log's lines, hostile text byte for byte, and a memory limit that the kernel held: each with its
    reason, in one message; and the workflow has failed for its own steps alone."""
    document = workflow(
        dag(*({"name": name, "template": name} for name in ("fit", "render", "load")), failFast=False),
        pod("fit", *ending(3, *LINES, "see the log")),
        pod("render", *ending(1, HOSTILE)),
        pod("load", "eat", resources={"limits": {"memory": "48Mi"}}),
        hooks=HOOK,
    )
    message, ended = told(node, namespace, document)
    status = ended["status"]
    assert status["phase"] == "Failed", status.get("message")
    assert (message["status"], message["workflow"]["name"]) == ("Failed", ended["metadata"]["name"])
    failures = {failure["step"]: failure for failure in message["failures"]}
    assert set(failures) == {"fit", "render", "load"}
    assert failures["fit"]["exitCode"] == 3
    assert any(LINES[-1] in line for line in failures["fit"]["lines"]), failures["fit"]
    assert HOSTILE in failures["render"]["message"]
    assert failures["load"]["reason"] == "OOMKilled"
    (handler,) = (one for one in status["nodes"].values() if one["displayName"].endswith(".onExit"))
    assert handler["phase"] == "Succeeded"
    outputs = {one["name"]: one["value"] for one in handler["outputs"]["parameters"]}
    assert (outputs["outcome"], outputs["failed"]) == ("ok", "")


def test_a_workflow_that_succeeded_stays_so(node, namespace):
    """Its handler sends, ends with 0, and Argo's executor reads its outputs."""
    message, ended = told(node, namespace, workflow(pod("fit", *ending(0, "done")), hooks=HOOK))
    assert (message["status"], ended["status"]["phase"]) == ("Succeeded", "Succeeded")
    assert message["failures"] == []

"""A handler that runs again, under Argo's own controller, with a ConfigMap for a store and no rights but the shipped ones.

What makes a workflow run again is Argo's own code: `argo-again` is a program around its functions for retry and resubmit.
"""

import contextlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from controlplane import APIError, Gone
from install import DEPLOY, deployed
from kubelet import GROUP, End, Kubelet
from workflows import HOOK, POD, failing, workflow

from exitkit.testing.http import ScriptedHTTP, answer

STATE = "exitkit-state"


class DyingNode(Kubelet):
    """The node dies under each first attempt of exitkit's pod, when that has done its work."""

    def end_of(self, pod, ended):
        first = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"].endswith("(0)")
        return End(137, "the node was lost") if first else super().end_of(pod, ended)


class LostSight(Kubelet):
    """Two kubelets run the same pod at once, as where a node was taken for lost that was not."""

    def __init__(self, *args):
        super().__init__(*args)
        self.both = []

    def run(self, pod):
        with ThreadPoolExecutor(2) as pool:
            self.both = list(pool.map(super().run, [pod, pod]))
        return self.both[0]


@pytest.fixture(scope="module")
def again():
    """Gives what `argo retry` or `argo resubmit` makes of a workflow that ended."""
    program = Path(os.environ.get("GOPATH", "/nowhere")) / "bin" / "argo-again"
    if not program.is_file():
        pytest.skip("argo-again is not built: .ci/prepare-argo builds it")

    def make(how, document):
        words = [str(program), how]
        text = json.dumps(document)
        ran = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return make


@pytest.fixture
def prepared(plane, make_namespace):
    """Makes a namespace with account and store as `deploy/components` have them, and a handler that is tried twice."""

    def make(url):
        name = make_namespace(exitkit=False)
        (template,) = deployed()
        for component in ("account", "store"):
            folder = DEPLOY / "components" / component
            for path in folder.glob("[!kp]*.yaml"):
                for document in yaml.safe_load_all(path.read_text()):
                    plane.admin.create(_in(name, document), name)
            for one in yaml.safe_load((folder / "patch.yaml").read_text()):
                _add(template, one["path"], one["value"])
        for each in template["spec"]["templates"]:
            each["retryStrategy"] = {"limit": "1", "retryPolicy": "Always"}
            each["container"]["env"].append({"name": "EXITKIT_NOTIFY_WEBHOOK_URL", "value": url})
        plane.admin.create(template, name)
        return name

    return make


def test_what_runs_again_is_told_once_for_each_end(plane, kubelet, prepared, again):
    """A handler that is retried tells nothing again; `argo retry`, a resubmission, and the next workflow's two pods do, once."""
    with ScriptedHTTP([answer(200)] * 4) as hook:
        namespace = prepared(f"{hook.url}/hook")
        _play_all(plane, kubelet, namespace, again, hook)
    ids = [request.headers["webhook-id"] for request in hook.requests]
    assert len(ids) == len(set(ids)) == 4
    state = plane.admin.get("v1", "configmaps", namespace, STATE)
    assert len([name for name in state["data"] if name.startswith("receipt.")]) == 4


def _play_all(plane, kubelet, namespace, again, hook):
    made = plane.admin.create(workflow(POD, hooks=HOOK), namespace)
    run = DyingNode(plane, kubelet.folders).play(namespace, made["metadata"]["name"], failing())
    assert [outcomes(ended) for _, ended in run.handlers] == [["ok"], ["duplicate"]]
    assert len(hook.requests) == 1

    retried = again("retry", {"apiVersion": GROUP, "kind": "Workflow", **run.workflow})
    for pod in retried["pods"]:
        with contextlib.suppress(Gone):  # of a node that has attempts, which have the pods
            plane.admin.delete("v1", "pods", namespace, pod)
    path = f"/apis/{GROUP}/namespaces/{namespace}/workflows/{run.name}"
    plane.admin.call("PUT", path, retried["workflow"])
    second = kubelet.play(namespace, run.name, failing())
    assert [outcomes(ended) for _, ended in second.handlers] == [["ok"]]

    resubmitted = again("resubmit", {"apiVersion": GROUP, "kind": "Workflow", **second.workflow})["workflow"]
    other = plane.admin.create(resubmitted, namespace)
    third = kubelet.play(namespace, other["metadata"]["name"], failing())
    assert [outcomes(ended) for _, ended in third.handlers] == [["ok"]]

    made = plane.admin.create(workflow(POD, hooks=HOOK), namespace)
    sight = LostSight(plane, kubelet.folders)
    sight.play(namespace, made["metadata"]["name"], failing())
    assert sorted(outcomes(ended) for ended in sight.both) == [["duplicate"], ["ok"]]


def test_the_shipped_role_allows_the_store_and_nothing_more(plane, prepared):
    """The account can make and change its one ConfigMap; no other can it read, change, list or delete."""
    namespace = prepared("http://127.0.0.1:9/hook")
    account = plane.as_account(namespace, "exitkit")
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": STATE}, "data": {"a": "b"}}
    account.create(own, namespace)
    account.patch({**own, "metadata": {"name": STATE, "namespace": namespace}}, {"data": {"a": "c"}})
    assert account.get("v1", "configmaps", namespace, STATE)["data"] == {"a": "c"}
    plane.admin.create({**own, "metadata": {"name": "other"}}, namespace)
    for refused in (
        lambda: account.get("v1", "configmaps", namespace, "other"),
        lambda: account.get("v1", "configmaps", namespace),
        lambda: account.patch({**own, "metadata": {"name": "other", "namespace": namespace}}, {"data": {}}),
        lambda: account.delete("v1", "configmaps", namespace, STATE),
    ):
        with pytest.raises(APIError, match="403"):
            refused()


def outcomes(ended):
    """Of each step."""
    return [step["outcome"] for step in json.loads(ended.stdout)["steps"]]


def _in(namespace, document):
    """As kustomize writes it with `namespace:`."""
    for subject in document.get("subjects", ()):
        subject["namespace"] = namespace
    return document


def _add(document, path, value):
    """A JSON patch's `add`."""
    *way, last = path.strip("/").split("/")
    inner = document
    for part in way:
        inner = inner[int(part)] if isinstance(inner, list) else inner[part]
    if last == "-":
        inner.append(value)
    elif isinstance(inner, list):
        inner.insert(int(last), value)
    else:
        inner[last] = value

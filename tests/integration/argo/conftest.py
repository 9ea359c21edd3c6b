"""Argo's own controller for a session, namespaces for the tests, and a way to play a workflow in them to its end."""

import itertools
import os
import sys
from pathlib import Path

import pytest

# The modules beside this one are the tests' own; tests are folders and no packages.
sys.path.insert(0, str(Path(__file__).parent))

import exitpod
from controlplane import PROGRAMS, ControlPlane
from install import allow_executor, deployed
from kubelet import Kubelet


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    """The control plane; the tests of a session share it, each in a namespace or under names of its own."""
    folder = Path(os.environ.get("GOPATH", "/nowhere"))
    programs = {name: folder / "bin" / name for name in PROGRAMS}
    if missing := [name for name, path in programs.items() if not path.is_file()]:
        pytest.skip(f"{', '.join(missing)} not built: .ci/prepare-argo says why")
    if reason := exitpod.why_not():
        pytest.skip(f"no pod can be run here: {reason}")
    plane = ControlPlane(tmp_path_factory.mktemp("plane"), programs, folder / "argo-manifests")
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def kubelet(plane, tmp_path_factory):
    return Kubelet(plane, lambda: tmp_path_factory.mktemp("pod"))


@pytest.fixture(scope="session")
def make_namespace(plane):
    """Makes a namespace whose workflows may run, with exitkit in it or without; gives its name."""
    count = itertools.count(1)

    def make(*, exitkit=True, labels=None):
        name = f"ns-{next(count)}"
        admin = plane.admin
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})
        # What the cluster's own controllers do, which do not run here.
        admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}, name)
        allow_executor(admin, name, "default")
        if exitkit:
            for document in deployed():
                admin.create(document, name)
        return name

    return make


@pytest.fixture(scope="session")
def namespace(make_namespace):
    """One that has what deploy/ has, and no Secret and no plan."""
    return make_namespace()


@pytest.fixture(scope="session")
def play(plane, kubelet):
    """Creates a workflow, plays it to its end, and gives its Run."""

    def run(document, namespace, ends=None, **more):
        meta = plane.admin.create(document, namespace)["metadata"]
        return kubelet.play(namespace, meta["name"], ends, **more)

    return run

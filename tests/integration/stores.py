"""Places for values on real servers, each one that nobody has used; tests that want them import all of this."""

import contextlib
import json
import os
import sys
import urllib.request
import uuid
from pathlib import Path

import boto3
import pytest

from exitkit.store.place import open_store

__all__ = ["cluster", "configmap_place", "folder_place", "gs_place", "opened", "s3_place", "where"]

# The least that the ConfigMap needs, as `exitkit manifest` prints it: no other ConfigMap can be read or changed.
RIGHTS = (
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "exitkit"}},
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "exitkit"},
        "rules": [
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "verbs": ["get", "patch"],
                "resourceNames": ["exitkit-state"],
            },
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "exitkit"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "exitkit"},
        "subjects": [{"kind": "ServiceAccount", "name": "exitkit", "namespace": "argo"}],
    },
)


@pytest.fixture(params=["folder", "s3", "gs", "configmap"])
def where(request):
    """What `--state` says, of a place that nobody has used."""
    return request.getfixturevalue(f"{request.param}_place")


@pytest.fixture
def opened(where):
    return lambda: open_store(where)


@pytest.fixture
def folder_place(tmp_path):
    return str(tmp_path / "state")


@pytest.fixture
def s3_place(gateway, monkeypatch, no_account):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-gateway")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", gateway[0])
    name = f"state-{uuid.uuid4().hex[:8]}"
    boto3.Session().client("s3", region_name="us-east-1", endpoint_url=gateway[0]).create_bucket(Bucket=name)
    return f"s3://{name}/exitkit"


@pytest.fixture
def gs_place(fake_gcs, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs)
    name = f"state-{uuid.uuid4().hex[:8]}"
    request = urllib.request.Request(
        f"{fake_gcs}/storage/v1/b?project=p",
        data=f'{{"name": "{name}"}}'.encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()
    return f"gs://{name}/exitkit"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """An API server with etcd and nothing else, where Go has built them; its kubeconfig."""
    sys.path.insert(0, str(Path(__file__).parent / "argo"))
    from controlplane import ControlPlane, kubeconfig

    folder = Path(os.environ.get("GOPATH", "/nowhere")) / "bin"
    programs = {name: folder / name for name in ("etcd", "kube-apiserver")}
    if missing := [name for name, path in programs.items() if not path.is_file()]:
        pytest.skip(f"{', '.join(missing)} not built: make test-argo builds them")
    plane = ControlPlane(tmp_path_factory.mktemp("store-plane"), programs, Path())
    try:
        plane.start_api()
        plane.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argo"}})
        for document in RIGHTS:
            plane.admin.create(document, "argo")
        token = plane.admin.token_of("argo", "exitkit")
        (plane.folder / "kubeconfig").write_text(json.dumps(kubeconfig(plane.url, token)))
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def configmap_place(cluster, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(cluster.folder / "kubeconfig"))
    with contextlib.suppress(Exception):
        cluster.admin.delete("v1", "configmaps", "argo", "exitkit-state")
    return "configmap://argo/exitkit-state"

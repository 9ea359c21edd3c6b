"""A store of each kind, on servers that keep state."""

import pytest

from exitkit.store.place import open_store

from .servers import ConfigMapKeeper, GCSKeeper, S3Keeper

KINDS = ("folder", "s3", "gs", "configmap")


@pytest.fixture
def server_of(account, monkeypatch, tmp_path):
    """Starts the server of a kind, and says it in the environment; gives it and the state's setting."""
    running = []

    def start(kind, **more):
        if kind == "folder":
            return None, str(tmp_path / "state")
        server = {"s3": S3Keeper, "gs": GCSKeeper, "configmap": ConfigMapKeeper}[kind](**more)
        running.append(server)
        server.__enter__()
        if kind == "s3":
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
            return server, "s3://bucket/exitkit"
        if kind == "gs":
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
            return server, "gs://bucket/exitkit"
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        return server, "configmap://argo/exitkit-state"

    yield start
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def opened(kind, server_of):
    """Opens the store of this kind anew each time, as another run would."""
    _, where = server_of(kind)
    return lambda: open_store(where)

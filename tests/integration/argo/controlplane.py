"""A Kubernetes control plane with Argo's controller, on loopback: etcd, kube-apiserver and workflow-controller.

There is no scheduler and no kubelet: pods stay as the controller made them until a test says how they ended.
"""

import contextlib
import json
import os
import socket
import subprocess
import time

import urllib3
import yaml

from exitkit.testing.certificates import certificate_file

PROGRAMS = ("etcd", "kube-apiserver", "workflow-controller")
# What `kubectl create token` asks for; the tests take minutes.
_TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
_CLUSTER_WIDE = {
    "Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass",
    "ClusterWorkflowTemplate",
}  # fmt: skip


class APIError(Exception):
    """The API's own refusal."""

    def __init__(self, status, text):
        super().__init__(f"{status} {text}")
        self.status = status


class Gone(APIError):
    """There is no such object, or no longer."""


class API:
    """The Kubernetes API as one account sees it: plain objects in, plain objects out."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self._pool = urllib3.PoolManager(ca_certs=certificate_file(), retries=False)

    def call(self, method, path, body=None, content="application/json"):
        """Raises APIError for everything but a success."""
        data = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content}
        answer = self._pool.request(method, self.url + path, body=data, headers=headers, timeout=30)
        if answer.status >= 300:
            refusal = Gone if answer.status == 404 else APIError
            raise refusal(answer.status, answer.data.decode(errors="replace")[:2000])
        return json.loads(answer.data)

    def is_ready(self):
        """Whether all is there that comes with a start, such as the roles that every account has."""
        answer = self._pool.request("GET", f"{self.url}/readyz", headers={"Authorization": f"Bearer {self.token}"})
        return answer.status == 200

    def get(self, version, plural, namespace="", name=""):
        return self.call("GET", path_of(version, plural, namespace, name))

    def create(self, document, namespace=""):
        """Create an object of any kind that the tests have, in the namespace if its kind knows one."""
        where = "" if document["kind"] in _CLUSTER_WIDE else namespace
        return self.call("POST", path_of(document["apiVersion"], plural_of(document["kind"]), where), document)

    def patch(self, document, change, subresource=""):
        """Merge a change into an object that was read or created before."""
        meta = document["metadata"]
        path = path_of(document["apiVersion"], plural_of(document["kind"]), meta.get("namespace", ""), meta["name"])
        return self.call("PATCH", path + subresource, change, "application/merge-patch+json")

    def delete(self, version, plural, namespace, name):
        return self.call("DELETE", path_of(version, plural, namespace, name))

    def token_of(self, namespace, account):
        """A token of a service account, as kubelet would mount it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return self.call("POST", path, _TOKEN)["status"]["token"]


def path_of(version, plural, namespace="", name=""):
    start = "/api" if "/" not in version else "/apis"
    return (
        f"{start}/{version}"
        + (f"/namespaces/{namespace}" if namespace else "")
        + f"/{plural}"
        + (f"/{name}" if name else "")
    )


def plural_of(kind):
    lower = kind.lower()
    return lower + "es" if lower.endswith("s") else lower[:-1] + "ies" if lower.endswith("y") else lower + "s"


class ControlPlane:
    """A running one. `admin` may do everything; `log()` is what the controller said."""

    def __init__(self, folder, programs, manifests):
        self.folder, self.programs, self.manifests = folder, programs, manifests
        self.url = f"https://127.0.0.1:{free_port()}"
        self.admin = API(self.url, "admin-of-the-test")
        self._running = []
        self._accounts = {}

    def start(self):
        """Raises RuntimeError with the log of what does not come up."""
        self.start_api()
        self._install()
        token = self.admin.token_of("argo", "argo")
        (self.folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig(self.url, token)))
        environ = {**os.environ, "LEADER_ELECTION_DISABLE": "true", "DEFAULT_REQUEUE_TIME": "100ms"}
        words = ["--executor-image", "argoexec:1", "--qps", "500", "--burst", "1000", "--namespace", "argo"]
        self._run("workflow-controller", "--kubeconfig", str(self.folder / "kubeconfig"), *words, env=environ)

    def start_api(self):
        """The API server with its etcd, and nothing that acts on what is in it. Raises RuntimeError."""
        etcd = f"http://127.0.0.1:{free_port()}"
        self._run("etcd", *self._etcd(etcd))
        apiserver = self._run("kube-apiserver", *self._apiserver(etcd))
        self._wait(self._is_ready, apiserver, "kube-apiserver")

    def as_account(self, namespace, account):
        """The API as a service account sees it."""
        if (namespace, account) not in self._accounts:
            self._accounts[namespace, account] = API(self.url, self.admin.token_of(namespace, account))
        return self._accounts[namespace, account]

    def stop(self):
        """At once: nothing is kept, and an API server waits for its clients."""
        for process in reversed(self._running):
            process.kill()
            process.wait()

    def log(self):
        return (self.folder / "workflow-controller.log").read_text(errors="replace")

    def _run(self, name, *words, **more):
        with (self.folder / f"{name}.log").open("wb") as out:
            process = subprocess.Popen(
                [self.programs[name], *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more
            )
        self._running.append(process)
        return process

    def _etcd(self, url):
        peer = f"http://127.0.0.1:{free_port()}"
        # Nothing here outlives the test, so nothing needs to reach the disk.
        return (
            "--data-dir", str(self.folder / "etcd"), "--unsafe-no-fsync", "--log-level", "error",
            "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
        )  # fmt: skip

    def _apiserver(self, etcd):
        (self.folder / "tokens").write_text(f"{self.admin.token},admin,admin,system:masters\n")
        pem, port = certificate_file(), self.url.rpartition(":")[2]
        return (
            "--etcd-servers", etcd, "--secure-port", port, "--bind-address", "127.0.0.1",
            "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none",
            "--tls-cert-file", pem, "--tls-private-key-file", pem, "--authorization-mode", "RBAC",
            "--token-auth-file", str(self.folder / "tokens"), "--service-cluster-ip-range", "10.96.0.0/16",
            "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-signing-key-file", pem, "--service-account-key-file", pem,
        )  # fmt: skip

    def _install(self):
        """Argo as its cluster-install has it: definitions, account and rights, but its pod, which runs beside."""
        self.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argo"}})
        base = self.manifests / "cluster-install-no-crds" / "workflow-controller-rbac"
        files = [*(self.manifests / "base" / "crds" / "full").glob("argoproj*.yaml"), *base.glob("workflow-*.yaml")]
        files += (self.manifests / "base" / "workflow-controller").glob("*-sa.yaml")
        for document in (one for file in files for one in yaml.load_all(file.read_bytes(), yaml.CSafeLoader)):
            for subject in document.get("subjects", ()):
                subject["namespace"] = "argo"
            self.admin.create(document, "argo")
        self.configure({})

    def configure(self, settings):
        """Write the controller's ConfigMap, from a mapping of its keys; the controller reads it again by itself."""
        data = {"metricsConfig": "enabled: false\n", **{key: yaml.safe_dump(value) for key, value in settings.items()}}
        name = "workflow-controller-configmap"
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        try:
            self.admin.create(document, "argo")
        except APIError as error:
            if error.status != 409:
                raise
            self.admin.call("PUT", path_of("v1", "configmaps", "argo", name), document)

    def _is_ready(self):
        self.admin.get("v1", "namespaces", name="default")
        return self.admin.is_ready()

    def _wait(self, ready, process, name):
        for _ in range(1200):
            with contextlib.suppress(urllib3.exceptions.HTTPError, APIError):
                if ready():
                    return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(
            f"{name} does not start: {(self.folder / f'{name}.log').read_text(errors='replace')[-3000:]}"
        )


def kubeconfig(url, token):
    """What a client needs to speak to the API as the token's account."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": url, "certificate-authority": certificate_file()}}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "argo"}}],
        "current-context": "lab",
    }


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]

"""A node for the control plane: containerd and a kubelet on this machine, in namespaces that take all of it with them.

Pods share the machine's network, so that all they reach is on loopback. There is no scheduler: a test binds the pods.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import yaml
from controlplane import APIError, free_port, kubeconfig
from kubelet import GROUP

from exitkit.testing.certificates import certificate_file

NAME = "node-1"
PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "unshare", "mount")
PAUSE = "localhost/pause:1"
_UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_CGROUPS = Path("/sys/fs/cgroup")
# The kubelet writes links there, wherever its own files are.
_LINKS = "/var/log/containers"


def why_not():
    """Why no kubelet can run on this machine; "" where one may."""
    if os.geteuid() != 0:
        return "not root"
    if not any((_CGROUPS / name).exists() for name in ("memory", "cgroup.controllers")):
        return "no cgroups are mounted, or not that of memory"
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no namespace can be made: {tried.stderr.strip()}"


class Node:
    """One that is ready to run pods once it has started. `images` are archives by the name that containers have for them."""

    def __init__(self, plane, kubelet, images):
        self.plane, self.kubelet, self.images = plane, kubelet, images
        # A socket's path has 107 bytes at most, which a folder of the tests' may exceed.
        self.folder = Path(tempfile.mkdtemp(prefix="exitkit-node-", dir="/run"))
        self.cgroup = self.folder.name
        self.port = free_port()
        self._process = None

    def start(self):
        """Raises RuntimeError with what containerd and the kubelet said, where no pod can be run."""
        self._configure()
        # Number 1 in there: with it go the shims, the containers, and all that is mounted.
        words = [*_UNSHARE, "sh", self.folder / "node.sh"]
        with (self.folder / "node.log").open("wb") as out:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._wait(lambda: self._ctr("version").returncode == 0)
        for name, archive in self.images.items():
            loaded = self._ctr("images", "import", "--base-name", name.rpartition(":")[0], str(archive))
            if loaded.returncode:
                raise RuntimeError(f"{name} cannot be imported: {loaded.stderr[-500:]}")
        (self.folder / "imported").touch()
        self._wait(self._is_registered)
        document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
        self.plane.admin.patch(
            document, {"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}}, "/status"
        )

    def stop(self):
        """All that ran, and what it left on this machine."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        groups = [*_CGROUPS.glob(f"{self.cgroup}/**/"), *_CGROUPS.glob(f"*/{self.cgroup}/**/")]
        for path in sorted(groups, reverse=True):
            with contextlib.suppress(OSError):  # one that holds others, or the same one by another name
                path.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return (self.folder / "node.log").read_text(errors="replace")

    def run(self, document, namespace, *, seconds=180):
        """Create the workflow, let it run to its end, and give it. Raises TimeoutError with what the node said."""
        document["spec"] |= {"hostNetwork": True, "podSpecPatch": json.dumps(self._reaching())}
        self._publish(namespace)
        name = self.plane.admin.create(document, namespace)["metadata"]["name"]
        pods = f"/api/v1/namespaces/{namespace}/pods?labelSelector=workflows.argoproj.io/workflow%3D{name}"
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for pod in self.plane.admin.call("GET", pods)["items"]:
                if not pod["spec"].get("nodeName"):
                    self.bind(pod)
            workflow = self.plane.admin.get(GROUP, "workflows", namespace, name)
            if workflow.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error"):
                return workflow
            time.sleep(0.1)
        raise TimeoutError(f"{name} does not end: {json.dumps(workflow)[-3000:]}\n{self.log()[-3000:]}")

    def bind(self, pod):
        """What a scheduler does with the one node there is."""
        meta = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": NAME}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding"
        with contextlib.suppress(APIError):  # it is bound, or gone
            self.plane.admin.call("POST", path, binding)

    def _reaching(self):
        """How pods find the API: there is no proxy for the address of its Service."""
        host, _, port = self.plane.url.removeprefix("https://").partition(":")
        env = [{"name": "KUBERNETES_SERVICE_HOST", "value": host}, {"name": "KUBERNETES_SERVICE_PORT", "value": port}]
        containers = [{"name": name, "env": env} for name in ("main", "wait")]
        return {"containers": containers, "initContainers": [{"name": "init", "env": env}]}

    def _publish(self, namespace):
        """What the cluster's own controllers put into every namespace: whom its pods are to believe."""
        data = {"ca.crt": Path(certificate_file()).read_text()}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}, "data": data}
        with contextlib.suppress(APIError):  # it is there
            self.plane.admin.create(document, namespace)

    def _ctr(self, *words):
        line = ["ctr", "--address", self.folder / "containerd.sock", "--namespace", "k8s.io", *words]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)

    def _is_registered(self):
        with contextlib.suppress(APIError):
            node = self.plane.admin.get("v1", "nodes", name=NAME)
            return bool(node.get("status", {}).get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port"))
        return False

    def _wait(self, ready):
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            if ready():
                return
            time.sleep(0.1)
        raise RuntimeError(f"no node comes up: {self.log()[-3000:]}")

    def _configure(self):
        folder = self.folder
        for name in ("cni", "kubelet", "logs", "state", "root"):
            (folder / name).mkdir()
        (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder, pause=PAUSE))
        (folder / "kubelet.json").write_text(json.dumps(self._settings()))
        (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig(self.plane.url, self.plane.admin.token)))
        words = [
            "--config",
            folder / "kubelet.json",
            "--kubeconfig",
            folder / "kubeconfig",
            "--hostname-override",
            NAME,
        ]
        # Its address is what it is given: a kubelet takes no loopback by itself.
        words += [
            "--root-dir",
            folder / "kubelet",
            "--cert-dir",
            folder / "kubelet" / "pki",
            "--cloud-provider",
            "external",
        ]
        (folder / "node.sh").write_text(
            "\n".join(
                (
                    "set -e",
                    f"mkdir -p {_LINKS}; mount -t tmpfs tmpfs {_LINKS}",
                    f"containerd --config {folder}/containerd.toml &",
                    f"until [ -e {folder}/imported ]; do sleep 0.1; done",
                    f"exec {self.kubelet} {' '.join(map(str, words))}",
                )
            )
        )

    def _settings(self):
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "127.0.0.1",
            "port": self.port,
            "readOnlyPort": 0,
            "healthzPort": 0,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": f"unix://{self.folder}/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "cgroupRoot": f"/{self.cgroup}",
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "registerNode": True,
            "podLogsDir": f"{self.folder}/logs",
            "volumePluginDir": f"{self.folder}/kubelet/plugins",
            "evictionHard": {"nodefs.available": "0%", "imagefs.available": "0%", "memory.available": "1Mi"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "syncFrequency": "1s",
            "nodeStatusUpdateFrequency": "10s",
        }


_CONTAINERD = """version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
stream_server_address = "127.0.0.1"
disable_apparmor = true
# A machine that is itself bounded lets nobody lower it.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "{folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""

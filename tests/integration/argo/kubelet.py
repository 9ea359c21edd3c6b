"""What a kubelet and Argo's executor would do to pods: end them, and write down how.

A pod of exitkit's is run; every other one ends as the test says.
"""

import contextlib
import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import exitpod
from controlplane import APIError, Gone

GROUP = "argoproj.io/v1alpha1"
_RESULT = re.compile(r"\n\Z")


@dataclass(frozen=True)
class End:
    """How a pod ends. `containers` are the exit codes of a containerSet's, or of the executor's own."""

    exit_code: int = 0
    message: str = ""
    reason: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    result: str | None = None
    containers: dict[str, int] = field(default_factory=dict)
    pod_message: str = ""


@dataclass(frozen=True)
class Waiting:
    """That a pod does not start, and why, in the kubelet's words."""

    reason: str
    message: str


RUNNING = object()
"""That a pod has started and is not at its end."""


@dataclass
class Run:
    """A workflow that was played to its end: the object, and each pod of exitkit's in the order in which they ran."""

    workflow: dict
    handlers: list[tuple[dict, exitpod.Ended]]

    @property
    def name(self):
        return self.workflow["metadata"]["name"]

    @property
    def phase(self):
        return self.workflow["status"].get("phase", "")

    @property
    def message(self):
        return self.workflow["status"].get("message", "")

    @property
    def exit(self):
        """How the only pod of exitkit's ended."""
        ((_, ended),) = self.handlers
        return ended

    def node(self, name):
        """The node of that display name, or of that full name."""
        nodes = self.workflow["status"]["nodes"].values()
        return next(one for one in nodes if name in (one["displayName"], one["name"]))


class Kubelet:
    """Plays the pods of one control plane. `folders` gives a new folder for each container."""

    def __init__(self, plane, folders):
        self.plane, self.folders = plane, folders

    def play(self, namespace, name, ends=None, *, seconds=60):
        """Let a workflow run to its end and give its Run.

        `ends` tells a pod's End from its node's name; None leaves that pod as it is. Without it all pods succeed.
        Raises TimeoutError with what the controller said where the workflow does not end.
        """
        ends = ends or (lambda node: End())
        seen, handlers = set(), []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for pod in self._pods(namespace, name):
                if pod["metadata"]["uid"] in seen:
                    continue
                if is_exitkit(pod):
                    seen.add(pod["metadata"]["uid"])
                    ended = self.run(pod)
                    handlers.append((pod, ended))
                    self.end(pod, self.end_of(pod, ended))
                elif isinstance(end := ends(node_name(pod)), Waiting):
                    self._wait(pod, end)
                elif end is RUNNING:
                    self._start(pod)
                elif end:
                    seen.add(pod["metadata"]["uid"])
                    self.end(pod, end)
            workflow = self.plane.admin.get(GROUP, "workflows", namespace, name)
            if workflow.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error"):
                return Run(workflow, handlers)
            time.sleep(0.03)
        status = json.dumps(workflow.get("status"), indent=1)[:3000]
        raise TimeoutError(f"{name} does not end: {status}\n{self.plane.log()[-3000:]}")

    def run(self, pod):
        """Run exitkit's pod and give its Ended."""
        return exitpod.run(self.plane, pod, self.folders())

    def made_by(self, namespace, label, *, seconds=30):
        """The name of the first workflow with that label. Raises TimeoutError."""
        until = time.monotonic() + seconds
        path = f"/apis/{GROUP}/namespaces/{namespace}/workflows?labelSelector={label}"
        while time.monotonic() < until:
            if found := self.plane.admin.call("GET", path)["items"]:
                return found[0]["metadata"]["name"]
            time.sleep(0.03)
        raise TimeoutError(f"no workflow has {label}")

    def until(self, namespace, name, ready, *, seconds=30):
        """Wait until the workflow is as `ready` wants it, and give it. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            workflow = self.plane.admin.get(GROUP, "workflows", namespace, name)
            if ready(workflow):
                return {"apiVersion": GROUP, "kind": "Workflow", **workflow}
            time.sleep(0.03)
        raise TimeoutError(f"{name}: {json.dumps(workflow)[:3000]}")

    def end(self, pod, end):
        """Write the pod's end as the kubelet does, after the outputs that the executor writes with the pod's own rights."""
        wait = 0 if self._report(pod, end) else 64
        codes = {"main": end.exit_code, "wait": wait, **end.containers}
        statuses = []
        for container in pod["spec"]["containers"]:
            code = codes.get(container["name"], 0)
            terminated = {"exitCode": code, "reason": end.reason or ("Error" if code else "Completed"), **times()}
            if container["name"] != "wait" and end.message and code:
                terminated["message"] = end.message
            statuses.append(_container(container, terminated))
        status = {
            "phase": "Failed" if any(one["state"]["terminated"]["exitCode"] for one in statuses) else "Succeeded",
            "startTime": times()["startedAt"],
            "containerStatuses": statuses,
            "initContainerStatuses": [
                _container(one, {"exitCode": 0, "reason": "Completed", **times()})
                for one in pod["spec"].get("initContainers", ())
            ],
            **({"message": end.pod_message, "phase": "Failed"} if end.pod_message else {}),
        }
        self.plane.admin.patch(pod, {"status": status}, "/status")

    def end_of(self, pod, ended):
        """The End of a container that ran: its output parameters are files, with a default for each that is missing."""
        outputs, missing = {}, False
        for parameter in exitpod.template_of(self.plane, pod).get("outputs", {}).get("parameters", ()):
            source = parameter["valueFrom"]
            text = ended.files.get(source["path"])
            missing = missing or (text is None and "default" not in source)
            outputs[parameter["name"]] = _RESULT.sub("", text) if text is not None else source.get("default", "")
        return End(ended.exit_code, ended.message, outputs=outputs, containers={"wait": 64} if missing else {})

    def _wait(self, pod, end):
        """Write what a kubelet writes of a pod that does not start, again and again."""
        waiting = {"reason": end.reason, "message": f"{end.message} (at {time.monotonic():.2f})"}
        statuses = [{**_container(one, {}), "state": {"waiting": waiting}} for one in pod["spec"]["containers"]]
        with contextlib.suppress(Gone):  # the controller has given it up
            self.plane.admin.patch(pod, {"status": {"phase": "Pending", "containerStatuses": statuses}}, "/status")

    def _start(self, pod):
        if pod["status"]["phase"] == "Pending":
            with contextlib.suppress(Gone):
                self.plane.admin.patch(pod, {"status": {"phase": "Running"}}, "/status")

    def _pods(self, namespace, workflow):
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector=workflows.argoproj.io/workflow%3D{workflow}"
        pods = [{"apiVersion": "v1", "kind": "Pod", **one} for one in self.plane.admin.call("GET", path)["items"]]
        return [one for one in pods if one.get("status", {}).get("phase") in ("Pending", "Running")]

    def _report(self, pod, end):
        """Whether the executor may write the pod's outputs (workflow/executor/taskresult.go)."""
        meta = pod["metadata"]
        (owner,) = meta["ownerReferences"]
        declared = exitpod.template_of(self.plane, pod).get("outputs", {}).get("parameters", ())
        kept = [{key: value for key, value in one.items() if key != "valueFrom"} for one in declared]
        outputs = {
            "parameters": [{**one, "value": end.outputs[one["name"]]} for one in kept if one["name"] in end.outputs]
        }
        if end.result is not None:
            outputs["result"] = end.result
        document = {
            "apiVersion": GROUP,
            "kind": "WorkflowTaskResult",
            "metadata": {
                "name": meta["annotations"]["workflows.argoproj.io/node-id"],
                "labels": {
                    "workflows.argoproj.io/workflow": meta["labels"]["workflows.argoproj.io/workflow"],
                    "workflows.argoproj.io/report-outputs-completed": "true",
                },
                "ownerReferences": [{key: owner[key] for key in ("apiVersion", "kind", "name", "uid")}],
            },
            "outputs": outputs if outputs["parameters"] or end.result is not None else {},
        }
        own = self.plane.as_account(meta["namespace"], pod["spec"]["serviceAccountName"])
        try:
            own.create(document, meta["namespace"])
        except APIError as error:
            if error.status != 403:
                raise
            return False
        return True


def is_exitkit(pod):
    main = [one for one in pod["spec"]["containers"] if one["name"] == "main"]
    return any(one["image"].split("/")[-1].startswith("exitkit:") for one in main)


def node_name(pod):
    return pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]


def times():
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"startedAt": now, "finishedAt": now}


def _container(container, terminated):
    name, image = container["name"], container["image"]
    return {
        "name": name, "image": image, "imageID": image, "ready": False, "restartCount": 0,
        "state": {"terminated": terminated},
    }  # fmt: skip

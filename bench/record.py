"""The workflow's record: how long 20,000 nodes take to be read, and how much later a message leaves for the record."""

import base64
import gzip
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import BIN, PYTHON, environment, taken, versions

NODES = 20_000
ROUNDS = 15
NAME = "train-x7k2p"
# In a process of its own, and by its processor time, so that a busy machine counts for nothing: the reading, and what a
# message needs of it.
READ = """
import gc, json, resource, sys, time
from exitkit.argo.record import packed, read
from exitkit.argo.record.failed import failures

document = json.loads(open(sys.argv[1]).read())
gc.freeze()
began = time.process_time()
record = read(document)
record.root, record.by_name
whole = time.process_time()
found = failures(record)
print(json.dumps([len(record.nodes), len(found), whole - began, time.process_time() - whole,
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def main():
    print(versions("argo-exitkit"))
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(folder)
        for form, failed in (("gzip", 200), ("gzip", 1), ("plain", 200)):
            path = Path(folder, "workflow.json")
            path.write_text(json.dumps(workflow(form, failed)))
            runs = [json.loads(run(environ, READ, str(path))) for _ in range(ROUNDS)]
            nodes, found, *_ = runs[0]
            reading, sorting, memory = (sorted(run[i] for run in runs)[ROUNDS // 2] for i in (2, 3, 4))
            print(
                f"| {nodes:,} nodes, {form}, {found:,} failed | {reading:.3f} s | {sorting:.3f} s | {memory:.0f} MiB |"
            )
        delay(folder, environ)


def run(environ, code, *arguments):
    words = [PYTHON, "-c", code, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environ).stdout


def workflow(form, every):
    """A loop of 20,000 items, of which one in `every` failed."""
    nodes = {NAME: node("", "Steps", "Failed")}
    for number in range(NODES):
        one = node(f"[0].fit({number}:item-{number})", "Pod", "Succeeded" if number % every else "Failed")
        nodes[one["id"]] = one
    status = {"phase": "Running", "startedAt": "2026-11-27T07:20:12Z"}
    if form == "plain":
        status["nodes"] = nodes
    else:
        packed = gzip.compress(json.dumps(nodes, separators=(",", ":")).encode())
        status["compressedNodes"] = base64.b64encode(packed).decode()
    metadata = {"name": NAME, "namespace": "ml", "uid": "0b3c8a52-6d4e-4f7a-9a51-2f6f6d1c7e90"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata,
        "spec": {},
        "status": status,
    }


def node(path, kind, phase):
    """As Argo writes one, with inputs, outputs and an archived log; 850 bytes."""
    from exitkit.argo.nodenames import fnv32a

    name = NAME + path
    return {
        "id": f"{NAME}-{fnv32a(name)}" if path else NAME, "name": name, "displayName": path.rpartition(".")[2] or name,
        "type": kind, "templateName": "fit", "templateScope": f"local/{NAME}", "phase": phase, "boundaryID": NAME,
        "message": "main: Error (exit code 1): ValueError: column price is missing" if phase == "Failed" else "",
        "startedAt": "2026-11-27T07:20:12Z", "finishedAt": "2026-11-27T07:31:40Z", "progress": "1/1",
        "resourcesDuration": {"cpu": 688, "memory": 1376}, "taskResultSynced": True,
        "inputs": {"parameters": [{"name": "lr", "value": "0.1"}, {"name": "date", "value": "2026-11-26"}]},
        "outputs": {"exitCode": "1", "artifacts": [{"name": "main-logs", "s3": {"key": f"{NAME}/{NAME}-fit-1/main.log"}}]},
        "hostNodeName": "ip-10-0-0-1.eu-central-1.compute.internal", "children": [f"{NAME}-2998703544"],
    }  # fmt: skip


def delay(folder, environ):
    """A message with the record of a cluster on loopback, without one, and where the cluster hangs."""
    from exitkit.testing.http import ScriptedHTTP, answer

    small = workflow("plain", 200)
    small["status"]["nodes"] = dict(list(small["status"]["nodes"].items())[:300])
    body = json.dumps(small).encode()
    line = [str(BIN / "exitkit"), "notify", "console", "--name", NAME, "--namespace", "ml", "--status", "Failed"]

    def median(step):
        times = []
        for _ in range(ROUNDS):
            with ScriptedHTTP([step] if step else []) as server:
                more = {"ARGO_SERVER": server.url} if step else {}
                times.append(taken(line, {**environ, **more}, folder).wall)
        return sorted(times)[ROUNDS // 2]

    without = median(None)
    print(f"| a message without a record | {without:.3f} s |")
    print(f"| with one of 300 nodes | + {median(answer(200, body)) - without:.3f} s |")
    print(f"| where it takes the request and hangs | + {median(lambda exchange: exchange.hang()) - without:.3f} s |")
    with socket.socket() as deaf:  # whose queue of connections is full
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        there = {"ARGO_SERVER": f"127.0.0.1:{deaf.getsockname()[1]}"}
        times = sorted(taken(line, {**environ, **there}, folder).wall for _ in range(ROUNDS))
        print(f"| where no connection comes about | + {times[ROUNDS // 2] - without:.3f} s |")
        for one in waiting:
            one.close()


if __name__ == "__main__":
    sys.exit(main())

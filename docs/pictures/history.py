"""The page of `exitkit process history` for three weeks of a nightly training run, of which four failed.

python docs/pictures/history.py > /tmp/history.html
"""

import sys
from datetime import UTC, datetime, timedelta

from exitkit.argo import record
from exitkit.process.bill import sample
from exitkit.process.history.page import as_html
from exitkit.process.history.pastrun import of_record
from exitkit.process.history.summary import Summary

ZERO = datetime(2026, 11, 7, 3, tzinfo=UTC)
LOST = "main: Error (exit code 1): ConnectionResetError: [Errno 104] Connection reset by peer"


def node(name, path, kind, times, *children, phase="Succeeded", **more):
    """A node as Argo writes it, from one moment to another."""
    display = path.rpartition(".")[2] or name
    start, end = times
    return {
        "id": name + path, "name": name + path, "displayName": display, "type": kind, "phase": phase,
        "startedAt": f"{start:%Y-%m-%dT%H:%M:%SZ}", "finishedAt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "children": [name + child for child in children], "boundaryID": name if path else "",
        "templateName": display.partition("(")[0], **more,
    }  # fmt: skip


def cores(seconds, cpu, gib):
    return {"resourcesDuration": {"cpu": seconds * cpu, "memory": int(seconds * gib * 10.24)}}


def nodes(name, night):
    """One night: extract, which is tried twice every fifth time; a score that grows; and a fit that runs out of memory."""
    zero = ZERO + timedelta(days=night)
    at = [
        zero + timedelta(seconds=second)
        for second in (4, 130, 190, 700, 712, 1660 + 40 * max(0, night - 11), 2600 + 61 * (night * 7 % 11))
    ]
    is_out = night in {6, 18, 19}
    is_lost = night == 9
    retried = {"nodeFlag": {"retried": True}}
    at[6] = at[5] + timedelta(seconds=5) if is_lost else at[6] - timedelta(seconds=600 * is_out)
    yield node(name, "", "DAG", (zero, at[6]), ".extract", phase="Failed" if is_out or is_lost else "Succeeded")
    twice = night % 5 == 3
    tries = [".extract(0)", ".extract(1)"] if twice else [".extract(0)"]
    yield node(name, ".extract", "Retry", (at[0], at[3]), *tries)
    if twice:
        yield node(name, ".extract(0)", "Pod", at[0:2], phase="Failed", message=LOST, **retried, **cores(126, 2, 4))
    yield node(name, tries[-1], "Pod", (at[2] if twice else at[0], at[3]), ".score", **retried, **cores(510, 2, 4))
    seconds = int((at[5] - at[4]).total_seconds())
    phase = {"phase": "Failed", "message": LOST} if is_lost else {}
    yield node(name, ".score", "Pod", at[4:6], ".fit", **phase, **cores(seconds, 4, 8))
    if not is_lost:
        end = at[6] - timedelta(seconds=2)
        phase = {"phase": "Failed", "message": "main: OOMKilled (exit code 137)"} if is_out else {}
        yield node(name, ".fit", "Pod", (at[5], end), **phase, **cores(int((end - at[5]).total_seconds()), 8, 16))


def run(night):
    name = f"nightly-{int((ZERO + timedelta(days=night)).timestamp()) // 60}"
    read = record.read(
        {
            "kind": "Workflow",
            "metadata": {"name": name, "namespace": "ml", "uid": f"0b3c8a52-6d4e-4f7a-9a51-{night:012}"},
            "spec": {},
            "status": {"phase": "Running", "nodes": {each["id"]: each for each in nodes(name, night)}},
        }
    )
    return of_record(read, sample("aws-fargate"))


def main():
    runs = tuple(run(night) for night in range(21))
    scope = "Made of the last 21 runs that are known; runs that left nothing are not among them."
    sys.stdout.write(as_html("nightly", Summary(runs), (), scope))


if __name__ == "__main__":
    main()

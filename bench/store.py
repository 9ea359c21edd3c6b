"""What a store costs a delivery, and how long two hundred runs take that end at once, on each store there is a server for.

The servers are versitygw and fake-gcs-server, where `make test-integration` has brought them, and Kubernetes' API server
where `make test-argo` has and KUBECONFIG leads to one. A lost end fails the benchmark; a missed aim does not.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from exitkit.action import Result
from exitkit.argo.workflow import Workflow
from exitkit.clients.http import Client
from exitkit.context import Context
from exitkit.history import History
from exitkit.notify.delivery import deliver
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline
from exitkit.store.place import open_store

KEY = "secret-of-the-gateway"
ROUNDS = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = {"folder": folder_store, "s3": s3_store, "gs": gs_store, "configmap": configmap_store}
        print("| store | requests of a delivery | its ms more | of a run with history | writers at once, s | lost |")
        print("|---|---:|---:|---:|---:|---:|")
        lost = 0
        for kind, started in places.items():
            with started(folder) as where:
                if where:
                    lost += measure(kind, where, given.writers)
    return 1 if lost else 0


def measure(kind: str, where: str, writers: int) -> int:
    """A row of the table; the number of ends that were lost."""
    context = Context(Workflow(name="w", namespace="ml", status="Failed"), Retry(deadline=Deadline(300)))
    deliver(replace(context, step="first", state=open_store(where)), lambda: Result("sent"))  # makes what is to be made
    store = open_store(where)
    deliver(replace(context, step="second", state=store), lambda: Result("sent"))  # finds out what the server can do
    times, sent = [], 0
    for number in range(ROUNDS):
        run = replace(context, step=f"step-{number}", state=store)
        with counted() as count:
            began = time.perf_counter()
            deliver(run, lambda: Result("sent"))
            times.append(time.perf_counter() - began)
        sent = count[0]
    with counted() as count:
        history = History(open_store(where), replace(context.workflow, uid="alone"), "ml/alone")
        history.standing(context.deadline)
        history.keep(context.deadline)
    with_history = count[0]
    seconds, lost = at_once(where, writers)
    row = (f"{sent}", f"{statistics.median(times) * 1000:.1f}", f"{with_history} more", f"{seconds:.1f}", f"{lost}")
    print(f"| {kind} | {' | '.join(row)} |", flush=True)
    return lost


def at_once(where: str, writers: int) -> tuple[float, int]:
    """Seconds until all have written their ends, each with a store of its own, and how many are missing."""
    workflows = [
        Workflow(name=f"w{n}", namespace="ml", uid=f"u{n}", status="Failed", duration=1.0) for n in range(writers)
    ]
    histories = [History(open_store(where), one, "ml/nightly") for one in workflows]
    barrier = threading.Barrier(writers + 1)

    def write(history: History) -> None:
        barrier.wait()
        history.keep(Deadline(300))

    threads = [threading.Thread(target=write, args=(one,)) for one in histories]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    after = History(
        open_store(where), Workflow(name="after", namespace="ml", uid="after", status="Failed"), "ml/nightly"
    )
    return seconds, writers + 1 - int(str(after.standing(Deadline(300)).facts()["failures_in_a_row"]))


@contextlib.contextmanager
def counted() -> Iterator[list[int]]:
    """How many requests leave inside."""
    count, plain = [0], Client.request

    def request(self: Client, *args: object, **more: object) -> object:
        count[0] += 1
        return plain(self, *args, **more)

    Client.request = request
    try:
        yield count
    finally:
        Client.request = plain


@contextlib.contextmanager
def folder_store(folder: Path) -> Iterator[str]:
    yield str(folder / "state")


@contextlib.contextmanager
def s3_store(folder: Path) -> Iterator[str]:
    (folder / "buckets" / "state").mkdir(parents=True)
    words = ["--access", "root", "--secret", KEY, "--quiet", "posix", str(folder / "buckets")]
    with served("versitygw", lambda port: ["--port", f"127.0.0.1:{port}", *words]) as url:
        os.environ.update(AWS_ACCESS_KEY_ID="root", AWS_SECRET_ACCESS_KEY=KEY, AWS_ENDPOINT_URL_S3=url)
        yield "s3://state/exitkit" if url else ""


@contextlib.contextmanager
def gs_store(_: Path) -> Iterator[str]:
    words = ["-scheme", "http", "-host", "127.0.0.1", "-backend", "memory", "-log-level", "error"]
    with served(
        "fake-gcs-server", lambda port: [*words, "-port", str(port), "-public-host", f"127.0.0.1:{port}"]
    ) as url:
        if url:
            made = urllib.request.Request(f"{url}/storage/v1/b?project=p", b'{"name": "state"}')
            made.add_header("Content-Type", "application/json")
            urllib.request.urlopen(made).close()
            os.environ["STORAGE_EMULATOR_HOST"] = url
        yield "gs://state/exitkit" if url else ""


@contextlib.contextmanager
def configmap_store(_: Path) -> Iterator[str]:
    yield "configmap://argo/exitkit-bench" if os.environ.get("KUBECONFIG") else ""


@contextlib.contextmanager
def served(program: str, words_for) -> Iterator[str]:
    """The URL of the program, or "" where it is not installed."""
    own = Path(os.environ.get("GOPATH", "/nowhere")) / "bin" / program
    found = str(own) if own.is_file() else shutil.which(program)
    if found is None:
        yield ""
        return
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = words_for(port)
    with subprocess.Popen([found, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())

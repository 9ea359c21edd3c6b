"""Processes that are killed at a system call, and processes that run at once: what is delivered then, on real stores.

The pairs of a test are few; `make soak` runs a thousand for each store.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exitkit.store.place import open_store

from .stores import *  # noqa: F403 - the places

PAIRS = int(os.environ.get("EXITKIT_SOAK", "0"))
CALLS = ("connect", "sendto", "write", "fsync", "link", "rename", "recvfrom", "openat", "close")
EXITKIT = [sys.executable, "-m", "exitkit"]


class Hook:
    """A webhook's receiver that takes whatever comes, and a note of each body by the delivery's id."""

    def __init__(self):
        self.bodies = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.bodies.setdefault(self.headers["webhook-id"], []).append(body.decode())
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def arrived(self):
        """The bodies of the only delivery, and forget them."""
        (bodies,) = self.bodies.values() if self.bodies else ([],)
        self.bodies = {}
        return bodies


@pytest.fixture(scope="module")
def hook():
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def place(where):
    """The state's setting, and the environment that its processes need."""
    names = ("AWS_", "STORAGE_", "KUBECONFIG", "PATH", "HOME")
    environ = {name: value for name, value in os.environ.items() if name.startswith(names)}
    return where, {**environ, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def command(hook, where, uid, *more):
    facts = ["--uid", uid, "--name", "train-x7k2p", "--status", "Failed", "--url", hook.url, "--state", where]
    return [*EXITKIT, "notify", "webhook", *facts, "--timeout", "60s", *more]


def outcome(ran):
    return json.loads(ran.stdout)["steps"][0]


KEYED = ("--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
UNKEYED = ("--retry", "{resend: true}")


def kill_points(words, environ, tmp_path):
    """Each call of the set and how often it is made, as far as it is made after the interpreter has loaded all."""
    log = tmp_path / "calls"
    traced = ["strace", "-f", "-qq", "-e", f"trace={','.join(CALLS)}", "-o", str(log), *words]
    subprocess.run(traced, env=environ, capture_output=True, timeout=120, check=False)
    main, made, late = "", Counter(), []
    for line in log.read_text(errors="replace").splitlines():
        found = re.match(r"(\d+)\s+(\w+)\(", line)
        if not found:
            continue
        main = main or found[1]
        made[found[1], found[2]] += 1
        at = made[found[1], found[2]]
        if found[2] in ("connect", "sendto", "fsync", "link", "rename", "recvfrom") or found[1] == main:
            late.append((found[2], at))
    rare = [point for point in late if point[0] not in ("openat", "close")]
    return rare + [point for point in late if point[0] in ("openat", "close")][-40:]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_whenever_a_run_is_killed_nothing_is_lost_and_nothing_twice_in_silence(hook, place, tmp_path, capsys):
    """A second run settles it: once where the receiver knows the id, and else at most twice, which the second says."""
    where, environ = place
    points = {
        given: kill_points(command(hook, where, given[0], *given), environ, tmp_path) for given in (KEYED, UNKEYED)
    }
    hook.bodies = {}
    rng = random.Random(7)
    told = Counter()
    for number in range(PAIRS or 3):
        given = (UNKEYED, KEYED)[number % 2]
        call, at = rng.choice(points[given])
        words = command(hook, where, f"pair-{number}", *given)
        inject = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={call}:signal=KILL:when={at}"]
        first = subprocess.run([*inject, *words], env=environ, capture_output=True, timeout=120, check=False)
        second = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=120, check=False)
        step, bodies = outcome(second), hook.arrived()
        told["killed" if first.returncode else "ran to its end"] += 1
        told[f"{given[0].strip('-')}: arrived {len(bodies)} times"] += 1
        assert step["outcome"] in ("ok", "duplicate"), (call, at, second.stdout)
        assert 1 <= len(bodies) <= 2, (call, at)
        if len(bodies) == 2 and given is UNKEYED:
            assert "this may be a second copy" in bodies[1], (call, at)
            assert any("twice" in note for note in step["notes"]), (call, at)
    with capsys.disabled():
        sys.stderr.write(f"\n{where.partition(':')[0]}: {PAIRS or 3} pairs: {dict(told)}\n")


def test_of_two_processes_at_once_one_delivers(hook, place):
    """The other reports what it did."""
    where, environ = place
    told = Counter()
    for number in range(50 if PAIRS else 1):
        words = command(hook, where, f"pair-{number}")
        run = partial(subprocess.run, words, env=environ, capture_output=True, text=True, timeout=120, check=False)
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda one: one(), [run] * 2))
        told[tuple(sorted(outcome(one)["outcome"] for one in runs))] += 1
        assert len(hook.arrived()) == 1
    assert set(told) == {("duplicate", "ok")}


def test_the_id_hangs_on_nothing_but_what_ended(tmp_path):
    """Not on the clock, the time zone, the hash seed, the pod's name, the user or the machine's words."""
    plain = {"PATH": os.environ["PATH"], "ARGO_NODE_ID": "train-x7k2p-1432109876"}
    more = (
        {},
        {"TZ": "Asia/Kolkata"},
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "ARGO_POD_NAME": "train-x7k2p-exitkit-7", "HOSTNAME": "other"},
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "C", "USER": "nobody", "HOME": "/nonexistent"},
    )
    names = set()
    for number, environ in enumerate(more):
        state = tmp_path / str(number)
        facts = ["--uid", "u", "--name", "train-x7k2p", "--status", "Failed", "--creation-timestamp"]
        moment = "2026-08-21T14:18:38+02:00" if number % 2 else "2026-08-21T12:18:38Z"
        words = [*EXITKIT, "notify", "console", *facts, moment, "--state", str(state)]
        subprocess.run(words, env=plain | environ, capture_output=True, timeout=60, check=True)
        names |= {path.name for path in state.glob("receipt.*")}
    assert len(names) == 1


def test_the_store_is_opened_anew_by_each_process(place):
    """What one process put another gets."""
    where, environ = place
    open_store(where).store.put_if_absent("a", b"1")
    code = f"from exitkit.store.place import open_store; print(open_store({where!r}).store.get('a').data)"
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "b'1'"

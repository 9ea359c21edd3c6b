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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from exitkit.store.place import open_store

from .receivers import SECOND, Receivers
from .stores import *  # noqa: F403 - the places

PAIRS = int(os.environ.get("EXITKIT_SOAK", "0"))
CALLS = ("connect", "sendto", "write", "fsync", "link", "rename", "recvfrom", "openat", "close")
STRACE = ["strace", "-f", "-qq"]
EXITKIT = [sys.executable, "-m", "exitkit"]


STORES = ("folder", "s3", "gs", "configmap")
CHANNELS = ("webhook", "webhook-signed", "slack", "slack-bot", "email", "console", "http", "loki", "elasticsearch")
# Each channel with a store, and each store with channels; `make soak` takes all of both.
AT_ONCE = [
    (store, channel)
    for at, store in enumerate(STORES)
    for number, channel in enumerate(CHANNELS)
    if PAIRS or number % len(STORES) == at
]


@pytest.fixture(scope="module")
def receivers(tmp_path_factory):
    made = Receivers(tmp_path_factory.mktemp("receivers"))
    yield made
    made.close()


@pytest.fixture
def place(where):
    """The state's setting, and the environment that its processes need."""
    return _placed(where)


def _placed(where):
    names = ("AWS_", "STORAGE_", "KUBECONFIG", "PATH", "HOME")
    environ = {name: value for name, value in os.environ.items() if name.startswith(names)}
    return where, {**environ, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def command(channel, where, uid):
    facts = ["--uid", uid, "--name", "train-x7k2p", "--status", "Failed", "--state", where]
    return [*EXITKIT, *channel.words, *facts, "--timeout", "60s"]


def run(words, environ):
    return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=120, check=False)


def outcome(ran):
    return json.loads(ran.stdout)["steps"][0]


def kill_points(words, environ, tmp_path):
    """Each call of the set and how often it is made, as far as it is made after the interpreter has loaded all."""
    log = tmp_path / "calls"
    traced = [*STRACE, "-e", f"trace={','.join(CALLS)}", "-o", str(log), *words]
    subprocess.run(traced, env=environ, capture_output=True, timeout=120, check=False)
    made, late = Counter(), []
    for line in log.read_text(errors="replace").splitlines():
        found = re.match(r"(\d+)\s+(\w+)\(", line)
        if not found:
            continue
        made[found[1], found[2]] += 1  # strace counts each thread's calls by themselves
        late.append((found[2], made[found[1], found[2]]))
    rare = [point for point in late if point[0] not in ("openat", "close")]
    return rare + [point for point in late if point[0] in ("openat", "close")][-40:]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_whenever_a_run_is_killed_nothing_is_lost_and_nothing_twice_in_silence(
    receivers, place, tmp_path, capsys, request
):
    """A second run settles it: once where the receiver knows the id, and else at most twice, which the second says."""
    kind, (where, environ) = request.node.callspec.params["where"], place
    rng, told, points, problems = random.Random(7), Counter(), {}, []
    try:
        for number in range(PAIRS or 3):
            channel = receivers.channels[CHANNELS[(3 * STORES.index(kind) + number) % len(CHANNELS)]]
            if channel.name not in points:
                points[channel.name] = kill_points(command(channel, where, channel.name), environ, tmp_path)
                receivers.take()
                if not points[channel.name]:
                    pytest.skip("strace may not trace here")
            call, at = rng.choice(points[channel.name])
            words = command(channel, where, f"pair-{number}")
            inject = [*STRACE, "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={at}"]
            runs = [run([*inject, *words], environ), run(words, environ)]
            copies, bodies = receivers.take(runs)
            told["killed" if runs[0].returncode else "ran to its end"] += 1
            told[f"{channel.name}: {'lost' if len(copies) < channel.units else max(copies.values())}"] += 1
            if problem := unsettled(channel, outcome(runs[1]), copies, bodies):
                problems.append((channel.name, call, at, problem))
    finally:
        with capsys.disabled():
            pairs, counts = sum(told.values()) // 2, dict(sorted(told.items()))
            sys.stderr.write(f"\n{kind}: {pairs} pairs: {counts} {problems or ''}\n")
    assert problems == []


def unsettled(channel, step, copies, bodies):
    """What is wrong after a second run: something is lost, or there more than once where that should not be, or in silence."""
    if step["outcome"] not in ("ok", "duplicate") or len(copies) != channel.units:
        return "lost", step, copies
    most = max(copies.values())
    if most > (1 if channel.keyed else 2):
        return "too many", step, copies
    if most == 2 and not any("twice" in note for note in step.get("notes", ())):
        return "in silence", step, copies
    if most == 2 and channel.units == 1 and SECOND not in bodies[1]:
        return "not flagged", bodies
    return None


@pytest.mark.parametrize(("kind", "name"), AT_ONCE)
def test_of_two_processes_at_once_one_delivers(receivers, request, kind, name):
    """The other reports what it did; where the receiver knows a second arrival it may send as well."""
    where, environ = _placed(request.getfixturevalue(f"{kind}_place"))
    channel, told = receivers.channels[name], Counter()
    for number in range(min(PAIRS, 50) or 1):
        words = command(channel, where, f"pair-{number}")
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(partial(run, environ=environ), [words] * 2))
        told[tuple(sorted(outcome(one)["outcome"] for one in runs))] += 1
        copies, _ = receivers.take(runs)
        assert list(copies.values()) == [1] * channel.units, [one.stdout for one in runs]
    # Where each record has an id of its own, nobody waits for anybody.
    assert set(told) <= {("duplicate", "ok"), ("ok", "ok") if channel.keyed and channel.units > 1 else ()}


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

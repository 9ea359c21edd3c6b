"""Whatever an action does to the process, there is one report, in time, and one exit code everywhere."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# What each does to the process that it runs in.
PLUGIN = '''
import ctypes, os, re, sys
from exitkit import Action, Context, Result

class Rogue(Action):
    """Play."""

    do: str = "ok"

    def run(self, context: Context) -> Result:
        exec(self.do)
        return Result("played")
'''
HOLDS = {
    "a number": "7 ** 10 ** 8",
    "an expression": "re.match('(a+)+$', 'a' * 40 + 'b')",
    "c": "ctypes.PyDLL(None).sleep(60)",
}
ENDS = {
    "exit of c": ("ctypes.CDLL(None)._exit(0)", "exit code 0"),
    "kill": ("os.kill(os.getpid(), 9)", "signal 9"),
    "abort": ("os.abort()", "signal 6"),
}
PRINTS = (
    "print('a'); os.write(1, b'b'); ctypes.CDLL(None).puts(b'c'); ctypes.CDLL(None).fflush(None); os.system('echo d')"
)
SECONDS = 6.0


@pytest.fixture
def run(tmp_path):
    """Starts a run of steps that do these things, between one before and one after; gives the process."""
    plugin = tmp_path / "plugin"
    (plugin / "rogue-1.0.dist-info").mkdir(parents=True)
    (plugin / "rogue-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: rogue\nVersion: 1.0\n")
    (plugin / "rogue-1.0.dist-info/entry_points.txt").write_text("[exitkit.actions]\nplay.rogue = rogue:Rogue\n")
    (plugin / "rogue.py").write_text(PLUGIN)
    started = []

    def start(*does, argv=(), before=(), **options):
        steps = [{"uses": "play.rogue", "id": f"s{n}", "with": {"do": do}} for n, do in enumerate(["1", *does, "1"])]
        (tmp_path / "exitkit.yaml").write_text(json.dumps({"steps": steps}))
        command = [*before, sys.executable, "-m", "exitkit", "run", "--output-dir", "out", *argv]
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(plugin), "EXITKIT_LOG": "info"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process, tmp_path, code):
    """The one report of a process that has ended with this code, and its steps' outcomes."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    report = json.loads(out)
    assert report == json.loads((tmp_path / "out/report").read_text())
    assert report["exitCode"] == code == int((tmp_path / "out/exit-code").read_text())
    return report, [one["outcome"] for one in report["steps"]]


@pytest.mark.parametrize("how", HOLDS)
def test_what_holds_the_interpreter_ends_with_the_deadline(run, tmp_path, how):
    """With what was done before it, and with the step itself unknown."""
    began = time.monotonic()
    process = run(HOLDS[how], argv=["--timeout", str(SECONDS)])
    report, outcomes = ended(process, tmp_path, 3)
    assert outcomes == ["ok", "unknown", "failed"]
    assert report["steps"][2]["summary"] == "not run: no time left"
    assert time.monotonic() - began < SECONDS + 1.5  # a quarter of a second, and what a busy machine takes


@pytest.mark.parametrize("how", HOLDS)
def test_what_holds_the_interpreter_ends_with_a_signal(run, tmp_path, how):
    """Within about a second."""
    process = run(HOLDS[how])
    for line in process.stderr:
        if "s0: ok" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, outcomes = ended(process, tmp_path, 143)
    assert outcomes == ["ok", "unknown", "failed"]
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("how", ENDS)
def test_an_action_that_ends_the_process_leaves_a_report(run, tmp_path, how):
    """It says what ended it; what was done before it was done."""
    do, died = ENDS[how]
    report, outcomes = ended(run(do), tmp_path, 1)
    assert outcomes == ["ok", "unknown", "failed"]
    assert report["notes"] == [f"the process was ended from within, {died}"]


def test_an_action_that_calls_os_exit_ends_only_itself(run, tmp_path):
    """The others run."""
    _, outcomes = ended(run("os._exit(0)"), tmp_path, 1)
    assert outcomes == ["ok", "failed", "ok"]


def test_an_action_that_breaks_what_makes_the_report_leaves_one(run, tmp_path):
    """By the process that watches, and of what that one was told."""
    report, outcomes = ended(run("import json; json.dumps = None"), tmp_path, 1)
    assert outcomes == ["ok", "unknown", "failed"]
    assert report["notes"] == ["the process was ended from within, exit code 1"]


def test_what_an_action_prints_is_not_on_standard_output(run, tmp_path):
    """Neither from Python nor from C, nor from a program that it starts."""
    _, outcomes = ended(run(PRINTS), tmp_path, 0)
    assert outcomes == ["ok", "ok", "ok"]


def test_the_run_ends_with_the_process_that_was_started(run, tmp_path):
    """Also where it holds the interpreter: nobody goes on delivering after a kill."""
    process = run("open('pid', 'w').write(str(os.getpid())); 7 ** 10 ** 8")
    path = tmp_path / "pid"
    until = time.monotonic() + 30
    while not (path.exists() and path.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    child = int(path.read_text())
    assert child != process.pid
    process.kill()
    process.wait()
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        if ") Z " in Path(f"/proc/{child}/stat").read_text():  # nobody took note of its end; it has ended
            break
        time.sleep(0.05)
    assert time.monotonic() < until


@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid() != 0, reason="needs setpriv and root")
@pytest.mark.parametrize("most", [2, 3, 14])
def test_a_user_who_may_have_no_more_processes_still_gets_all_done(run, tmp_path, most):
    """One step after another, without threads, and without a watchdog where it comes to that."""
    tmp_path.chmod(0o777)
    reading = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    limited = ["setpriv", "--reuid", "61532", "--clear-groups", *reading, "prlimit", f"--nproc={most}"]
    _, outcomes = ended(run("1", before=limited), tmp_path, 0)
    assert outcomes == ["ok", "ok", "ok"]


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="needs unshare and root")
def test_pid_1_heeds_a_signal(run, tmp_path):
    """Which has no default handler, and whom no process of its own container can kill."""
    process = run(HOLDS["c"], before=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    for line in process.stderr:
        if "s0: ok" in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    _, outcomes = ended(process, tmp_path, 143)
    assert outcomes == ["ok", "unknown", "failed"]


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="needs unshare and root")
def test_a_signal_before_python_is_kept_for_pid_1():
    """Where exitkit is started with its signals blocked, as `env --block-signal` does: the kernel keeps them."""
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "exitkit", "notify", "console"]
    process = subprocess.Popen(
        [*command, "--name", "train", "--status", "Failed"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),  # noqa: PLW1509 - no threads here
    )
    while not (children := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
        time.sleep(0.001)
    os.kill(int(children[0]), signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


@pytest.mark.skipif(not shutil.which("prlimit"), reason="needs prlimit")
@pytest.mark.parametrize("most", [7, 8, 10])
def test_too_few_open_files_for_a_watchdog_cost_no_message(most):
    """It is printed all the same, and nobody watches."""
    command = ["prlimit", f"--nofile={most}", sys.executable, "-m", "exitkit", "notify", "console", "--name", "train"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in ran.stderr
    assert "train" in ran.stderr
    assert ran.returncode == 0

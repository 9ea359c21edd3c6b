"""Starting costs little: help loads no SDK, and an action loads none before it runs."""

import json
import subprocess
import sys

import pytest

from exitkit.builtin import BUILTIN

SDKS = {"apprise", "boto3", "botocore", "google", "kubernetes", "lightkube", "slack_sdk", "sqlalchemy"}
SLOW = SDKS | {"jinja2", "urllib3"}
# What every run needs, and a page of text does not.
MODELS = {"pydantic", "pydantic_core"}

_WRAPPER = """
import json, sys
sys.argv = ["exitkit"]
try:
    exec({code!r})
except SystemExit as end:
    assert not end.code, end.code
finally:
    open({out!r}, "w").write(json.dumps(sorted(sys.modules)))
"""


def modules(code, tmp_path):
    """What is loaded after the code has run in an interpreter of its own."""
    out = tmp_path / "modules.json"
    run = subprocess.run(
        [sys.executable, "-c", _WRAPPER.format(code=code, out=str(out))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(out.read_text()))


def loaded(code, tmp_path):
    """The top-level packages among the modules."""
    return {name.partition(".")[0] for name in modules(code, tmp_path)}


def command(*words):
    return f"import sys\nfrom exitkit.cli import run\nsys.exit(run({list(words)!r}))"


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("notify", "--help")], ids=" ".join)
def test_help_loads_nothing_slow(words, tmp_path):
    """No SDK, no templates and no HTTP client for a page of text."""
    assert loaded(command(*words), tmp_path) & SLOW == set()


def test_the_commands_are_listed_without_models(tmp_path):
    """Nor pydantic, which takes as long as all else together."""
    assert loaded("import exitkit.__main__, exitkit.signals\n" + command("--help"), tmp_path) & MODELS == set()


@pytest.mark.parametrize(
    "words",
    [
        ("notify",),
        ("notify", "console", "--status", "Failed", "--title=x"),
        ("notify", "webhook", "--url", "http://127.0.0.1:9/", "--dry-run", "--status=Succeeded", "--failures=null"),
        ("cleanup", "files", "--paths", "/tmp/nowhere/train-x7k2p", "--name", "train-x7k2p"),
    ],
    ids=" ".join,
)
def test_a_plain_line_loads_what_it_needs(words, tmp_path):
    """Not what help, what is typed wrong, a second try, and a list of failures need."""
    found = modules(command(*words), tmp_path)
    assert "exitkit.run" in found
    assert found & {"difflib", "html", "tenacity", "typer"} == set()
    assert (
        found
        & {
            "exitkit.cli.typerapp",
            "exitkit.store",
            "exitkit.history",
            "exitkit.argo.failures.parse",
            "exitkit.argo.failures.rootcause",
            "exitkit.argo.loosejson",
            "exitkit.argo.record",
            "exitkit.clients.argo",
            "exitkit.clients.kubernetes",
            "orjson",
        }
        == set()
    )


def test_shipping_the_status_loads_no_other_source(tmp_path):
    """The clients of Kubernetes and of archives are for those who ship logs."""
    words = ("ship", "file", "--path", str(tmp_path / "log"), "--status", "Failed", "--name", "train-x7k2p")
    found = modules(command(*words), tmp_path)
    assert "exitkit.ship.sources" in found
    assert (
        found
        & {
            "exitkit.ship.sources.workflowlogs",
            "exitkit.clients.kubernetes",
            "exitkit.clients.objectreader",
            "exitkit.store",
        }
        == set()
    )


@pytest.mark.parametrize("name", BUILTIN)
def test_importing_an_action_loads_no_sdk(name, tmp_path):
    """An action's SDK is loaded when it runs."""
    module = BUILTIN[name].where.partition(":")[0]
    assert loaded(f"import {module}", tmp_path) & SDKS == set()


def test_the_guard_sees_what_is_loaded(tmp_path):
    """A package that is loaded on the way is seen."""
    assert loaded("import urllib3, slack_sdk", tmp_path) & SLOW == {"urllib3", "slack_sdk"}


def test_signals_are_heeded_before_anything_is_loaded(root):
    """PID 1 has no default for a signal, and each module loaded first is time in which one is lost."""
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import exitkit.__main__; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    found = set(run.stdout.split())
    assert "exitkit.signals" in found
    assert {name for name in found if name.startswith("exitkit")} == {
        "exitkit",
        "exitkit.__main__",
        "exitkit.signals",
        "exitkit.version",
    }
    assert found & {"typing", "threading", "contextlib", "re", "json", "pathlib"} == set()

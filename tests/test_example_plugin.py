"""The example plugin, built and installed for real, beside plugins that are broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "exitkit-ntfy"
PLAN = """
steps:
  - uses: notify.ntfy
    with: {server: "https://ntfy.invalid", topic: workflows-8fK2pQ}
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder with the plugin in it, as pip puts it there; nothing is fetched, and the venv stays as it is."""
    folder = tmp_path_factory.mktemp("plugin")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    target = folder / "site"
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-cache-dir"]
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    return target


def plugin(folder, distribution, points, **modules):
    """A plugin as it lies in site-packages: its metadata and its modules."""
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {where}" for name, where in points.items())
    (info / "entry_points.txt").write_text(f"[exitkit.actions]\n{lines}\n")
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def python(*arguments, path, cwd, **environ):
    ran = subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path)), "COLUMNS": "100", **environ},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return ran.returncode, ran.stdout, ran.stderr


def exitkit(*words, path, cwd, **environ):
    return python("-m", "exitkit", *words, path=path, cwd=cwd, **environ)


def test_is_listed_with_who_gives_it(installed, tmp_path):
    """One line of metadata, and the action is there."""
    code, out, err = exitkit("actions", path=[installed], cwd=tmp_path)
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if line.startswith("notify.ntfy ")]
    assert "Push the message to an ntfy topic." in line
    assert "exitkit-ntfy" in line


def test_is_a_command_with_its_flags(installed, tmp_path):
    """Settings become flags and variables without a word for the command line."""
    code, out, _ = exitkit("notify", "ntfy", "--help", path=[installed], cwd=tmp_path)
    assert code == 0
    assert "--topic-file" in out
    assert "EXITKIT_NOTIFY_NTFY_TOPIC" in out


def test_is_checked_in_a_plan(installed, tmp_path):
    """Right settings pass, and a mistyped one is told with its place and the nearest right name."""
    (tmp_path / "exitkit.yaml").write_text(PLAN.replace("topic:", "topic_file:"))
    code, out, err = exitkit("check", path=[installed], cwd=tmp_path)
    assert (code, out.strip(), err) == (0, "1 step, nothing wrong", "")
    (tmp_path / "exitkit.yaml").write_text(PLAN)
    code, out, err = exitkit("check", path=[installed], cwd=tmp_path)
    assert code == 2
    assert "topic: is a secret in plain text; give topic_file, or set EXITKIT_NOTIFY_NTFY_TOPIC" in err
    (tmp_path / "exitkit.yaml").write_text(PLAN.replace("topic:", "topik:"))
    code, out, err = exitkit("check", path=[installed], cwd=tmp_path)
    assert code == 2
    assert "did you mean 'topic'?" in err


def test_is_in_the_schema(installed, tmp_path):
    """An editor completes the plugin's settings like a built-in's."""
    code, out, _ = exitkit("schema", path=[installed], cwd=tmp_path)
    assert code == 0
    assert '"notify.ntfy"' in out
    assert '"topic_file"' in out


def test_its_own_tests_pass(installed, tmp_path):
    """The contract and the tests beside it, as its author runs them."""
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    code, out, _ = python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", path=[installed], cwd=tmp_path, TMPDIR=str(tmp_path)
    )
    assert code == 0, out[-3000:]
    assert "20 passed" in out


def test_is_short(installed):
    """An action is one class; should it need more than 80 lines, the kind does too little."""
    module = (installed / "exitkit_ntfy" / "__init__.py").read_text("utf-8")
    assert len(module.splitlines()) <= 80


@pytest.fixture
def broken(tmp_path):
    text = "raise ImportError('libfoo is missing')"
    return plugin(tmp_path / "site", "exitkit-broken", {"notify.broken": "broken_plugin:Broken"}, broken_plugin=text)


def test_a_broken_plugin_hides_no_other_action(broken, tmp_path):
    """The list says which one is broken, why, and who gives it."""
    code, out, _ = exitkit("actions", path=[broken], cwd=tmp_path)
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("notify.broken")]
    assert "libfoo is missing" in line
    assert "exitkit-broken" in line
    assert any(line.startswith("notify.slack") for line in out.splitlines())
    code, out, _ = exitkit("schema", path=[broken], cwd=tmp_path)
    assert code == 0
    assert "notify.broken" not in out


def test_a_broken_plugin_is_fatal_only_where_a_plan_uses_it(broken, tmp_path):
    """A plan without it runs; one with it says what to do."""
    (tmp_path / "exitkit.yaml").write_text("steps: [{uses: notify.console}]\n")
    code, _, err = exitkit("run", "--status", "Failed", path=[broken], cwd=tmp_path)
    assert code == 0, err
    (tmp_path / "exitkit.yaml").write_text("steps: [{uses: notify.console}, {uses: notify.broken}]\n")
    code, _, err = exitkit("check", path=[broken], cwd=tmp_path)
    assert code == 2
    assert "exitkit.yaml:1:" in err
    assert "exitkit-broken cannot be imported (ImportError: libfoo is missing)" in err


def test_a_broken_plugin_does_not_stop_other_commands(broken, tmp_path):
    """Of all things the message that a workflow failed must not hang on a plugin that nobody asked for."""
    for words in (["notify"], ["notify", "console"], ["ship", "file", "--path", str(tmp_path / "out.ndjson")]):
        code, _, err = exitkit(*words, "--status", "Failed", "--name", "train-1", path=[broken], cwd=tmp_path)
        assert code == 0, err
    code, out, err = exitkit("notify", "--help", path=[broken], cwd=tmp_path)
    assert code == 0, err
    assert "slack" in out


def test_two_plugins_with_one_name_are_an_error(tmp_path):
    """Which one runs must not hang on the order of a folder."""
    text = (
        "from exitkit import Action, Result\n\nclass Same(Action):\n    '''Do it.'''\n\n    def run(self, context):\n"
    )
    text += "        return Result('done')\n"
    site = plugin(tmp_path / "site", "exitkit-one", {"process.same": "one:Same"}, one=text)
    plugin(site, "exitkit-two", {"process.same": "two:Same"}, two=text)
    (tmp_path / "exitkit.yaml").write_text("steps: [{uses: process.same}]\n")
    code, _, err = exitkit("check", path=[site], cwd=tmp_path)
    assert code == 2
    assert "given by more than one plugin (exitkit-one, exitkit-two)" in err
    code, out, _ = exitkit("actions", path=[site], cwd=tmp_path)
    assert code == 0
    assert "more than one plugin" in out


def test_a_plugin_cannot_take_a_built_in_name(tmp_path):
    """A plan means the same wherever it runs."""
    text = "from exitkit import Action\n"
    site = plugin(tmp_path / "site", "exitkit-sly", {"notify.console": "sly:Action"}, sly=text)
    (tmp_path / "exitkit.yaml").write_text("steps: [{uses: notify.console}]\n")
    code, _, err = exitkit("check", path=[site], cwd=tmp_path)
    assert code == 2
    assert "gives an action of a built-in's name" in err
    code, out, _ = exitkit("actions", path=[site], cwd=tmp_path)
    assert code == 0
    assert "exitkit-sly gives an action of a built-in's name" in out

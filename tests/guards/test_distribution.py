"""No requirement names `exitkit`, which on PyPI is somebody else's: exitkit's own distribution is argo-exitkit."""

import re
import shlex
import tomllib

import pytest

STRANGER = "exitkit"
SUFFIXES = {".in", ".lock", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}
# This file has to name what it looks for.
OWN = "test_distribution.py"

_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_INSTALLS = re.compile(r"\b(?:pip[\d.]*|pipx|uv)\b.*?\b(?:install|download|add|wheel|inject|run)\b(.*)")
_METADATA = re.compile(r"""\b(?:version|distribution|requires|files|metadata)\(\s*['"]exitkit['"]""")


def name_of(requirement):
    """What PyPI takes it for: letters' case, dots and underscores count for nothing there."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""


def required(project):
    """Every requirement of a pyproject.toml: to build, to run, by extra and by group."""
    table = project.get("project", {})
    lists = [project.get("build-system", {}).get("requires", []), table.get("dependencies", [])]
    lists += [*table.get("optional-dependencies", {}).values(), *project.get("dependency-groups", {}).values()]
    return [one for each in lists for one in each if isinstance(one, str)]


def installed(line):
    """What a line installs by name: `pip install 'a[b]>=1' c` gives a and c."""
    match = _INSTALLS.search(line)
    if match is None:
        return []
    text = re.split(r"[`;&|]|&&", match[1])[0]
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that the line's own language opened
        words = text.replace('"', " ").replace("'", " ").split()
    return [name_of(word.strip("\"',)(")) for word in words if not word.startswith(("-", ".", "/"))]


def strangers(path, text):
    """Each place that asks for the stranger."""
    if path.name == "pyproject.toml":
        project = tomllib.loads(text)
        if name_of(project.get("project", {}).get("name", "")) == STRANGER:
            yield f"{path}: is named so"
        yield from (f"{path}: {one}" for one in required(project) if name_of(one) == STRANGER)
    for number, line in enumerate(text.splitlines(), 1):
        is_requirement = path.suffix in {".in", ".lock", ".txt"} and name_of(line) == STRANGER
        if (
            is_requirement
            or STRANGER in installed(line)
            or _METADATA.search(line)
            or re.search(r"(?<![\w-])exitkit\[", line)
        ):
            yield f"{path}:{number}: {line.strip()}"


def test_no_requirement_names_the_stranger(root):
    """Neither a requirement, nor a command to type, nor a look-up of metadata, in code and in docs."""
    folders = ("bench", "deploy", "docs", "examples", "exitkit", "image", "requirements", "tests", ".ci", ".github")
    paths = [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]
    paths += [path for path in root.iterdir() if path.is_file()]
    paths = [path for path in paths if path.suffix in SUFFIXES and path.name != OWN and "__pycache__" not in path.parts]
    assert {"Dockerfile", "pyproject.toml", "core.lock", "README.md"} <= {path.name for path in paths}
    read = ((path, path.read_bytes().decode("utf-8", "replace")) for path in paths)
    assert [found for path, text in read for found in strangers(path, text)] == []


def test_a_lock_pins_no_stranger(root):
    """Nor is it what another distribution brings along."""
    for path in sorted((root / "requirements").glob("*.lock")):
        assert "exitkit" not in {name_of(line) for line in path.read_text("utf-8").splitlines()}, path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "pip install exitkit"),
        ("a.md", "$ python -m pip install -q 'exitkit[aws]>=0.1'"),
        ("a.md", "uv add exitkit-ntfy exitkit"),
        ("Dockerfile", "RUN pip install --no-deps ExitKit==0.1.0 && true"),
        ("a.py", "f\"pip install 'exitkit[{extra}]'\""),
        ("a.py", 'version("exitkit")'),
        ("requirements.txt", "exitkit==0.1.0"),
        ("pyproject.toml", '[project]\nname = "a"\ndependencies = ["exitkit>=0.1"]'),
        ("pyproject.toml", '[project]\nname = "exitkit"'),
        ("pyproject.toml", '[project]\nname = "a"\noptional-dependencies.x = ["exitkit[aws]"]'),
        ("pyproject.toml", '[dependency-groups]\ndev = ["exitkit"]'),
        ("pyproject.toml", '[build-system]\nrequires = ["exitkit"]'),
    ],
)
def test_the_guard_sees_the_stranger(tmp_path, name, text):
    """In each form in which it may be asked for."""
    assert list(strangers(tmp_path / name, text)) != []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "pip install argo-exitkit exitkit-ntfy"),
        ("a.md", "`pip install 'argo-exitkit[aws]'`, then run exitkit"),
        ("a.md", "exitkit notify slack"),
        ("a.py", 'logging.getLogger("exitkit")'),
        ("requirements.txt", "argo-exitkit==0.1.0"),
        (
            "pyproject.toml",
            '[project]\nname = "exitkit-ntfy"\ndependencies = ["argo-exitkit"]\nscripts.exitkit = "a:b"',
        ),
    ],
)
def test_the_guard_lets_our_names_through(tmp_path, name, text):
    """The command, the import and plugins bear the name."""
    assert list(strangers(tmp_path / name, text)) == []

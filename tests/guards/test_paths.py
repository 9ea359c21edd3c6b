"""Nothing in the tree tells of the machine on which it was written."""

import os
import re
import subprocess

# This file has to name what it looks for.
OWN = "test_paths.py"
PRIVATE = re.compile(
    r"(?<![\w.-])/work/|\.\./shared\b|\.library/|/home/\w|(?<![\w.-])/root/|\.pyenv\b"
    r"|files\.pythonhosted\.org|\bpypi\.org\b|registry\.npmjs\.org|proxy\.golang\.org|deb\.debian\.org"
)
LEAVE_OUT = {".git", ".venv", ".cache", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}


def tracked(root):
    """The files that are, or would be, in the repository."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
        return [root / name for name in listing.decode().split("\0") if name and (root / name).is_file()]
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = [one for one in folders if one not in LEAVE_OUT and not one.startswith(".venv")]
            found += [root / folder / name for name in names]
        return found


def private(path):
    """Each line of the file that names what only one machine has."""
    text = path.read_bytes().decode("utf-8", "replace")
    return [
        f"{path}:{number} {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if PRIVATE.search(line)
    ]


def test_no_file_names_a_private_path(root):
    """Neither a home folder, nor a private tree, nor a host that packages come from."""
    paths = tracked(root)
    assert any(path.name == "pyproject.toml" for path in paths)
    assert [found for path in paths if path.name != OWN for found in private(path)] == []


def test_the_guard_sees_a_private_path(tmp_path):
    """And lets through what only looks like one."""
    file = tmp_path / "a.md"
    for text in ("see /work/main", "see ../shared/design.md", "in /home/ann/x", "https://pypi.org/simple"):
        file.write_text(text)
        assert private(file), text
    for text in ("/var/run/argo/work/x", "a/shared/b", "https://example.com/home", "/dev/null"):
        file.write_text(text)
        assert private(file) == [], text

"""Takes out of an environment what no action uses, for the image: python prune.py ENVIRONMENT [SERVICE…].

What it may take is measured in docs/decisions/025-one-image.md, and tests/test_image_scripts.py loads what has to stay.
"""

import ast
import functools
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

UNUSED = (
    "certifi/tests",
    "isal/tests",
    "sqlalchemy/testing",
    "slack",  # the name that slack_sdk had before
)
"""Folders in site-packages that are imported by tests, or by nobody. What is not there is none of a fault."""

SUFFIXES = (".c", ".h", ".pxd", ".pyi", ".pyx", "/py.typed")
"""What only compilers and type checkers read."""

# rich asks for the names of lexers, and for this one to show a traceback; the others are 3 MB of languages.
LEXERS = {"__init__.py", "_mapping.py", "python.py"}


@functools.cache
def services(package: Path) -> frozenset[str]:
    """The services that botocore itself asks for credentials: those that its own calls make clients of, by name.

    exitkit makes no clients of botocore: it signs, so that nothing else has to be known of S3 and CloudWatch Logs
    than their addresses, which are in a file of all services.
    """
    trees = (ast.parse(path.read_bytes()) for path in package.glob("*.py"))
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    known = {path.name for path in (package / "data").iterdir() if path.is_dir()}
    return frozenset(name for call in calls for name in _clients(call)) & known


def _clients(call: ast.Call) -> Iterator[str]:
    """The texts among what is given to anything like `self._client_creator('sts', …)`."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "client" in function:
        given = [*call.args, *(each.value for each in call.keywords)]
        yield from (str(one.value) for one in given if isinstance(one, ast.Constant))


def unused_data(package: Path, more: Iterable[str] = ()) -> Iterator[Path]:
    """The folders of botocore's data that no credentials need. Raises SystemExit for a service that is not there."""
    data = package / "data"
    known = {path.name for path in data.iterdir() if path.is_dir()}
    wanted = services(package) | set(more)
    if "all" in wanted:
        return
    if missing := sorted(wanted - known):
        raise SystemExit(f"botocore knows no {', '.join(missing)}")
    yield from (data / name for name in sorted(known - wanted))


def prune(environment: Path, more: Iterable[str] = ()) -> None:
    """Raises SystemExit where it is no environment, or `more` names a service that does not exist."""
    for path in (environment / "bin").iterdir():  # commands of libraries, and what activates an environment in a shell
        if not path.name.startswith("python"):
            path.unlink()
    (environment / ".gitignore").unlink(missing_ok=True)
    shutil.rmtree(environment / "include", ignore_errors=True)
    (site,) = (environment / "lib").glob("python3.*/site-packages")
    for path in [*(site / name for name in UNUSED), *unused_data(site / "botocore", more)]:
        shutil.rmtree(path, ignore_errors=True)
    for path in (site / "pygments" / "lexers").iterdir():
        if path.is_file() and path.name not in LEXERS:
            path.unlink()
    for path in [path for path in site.rglob("*") if path.is_file() and f"/{path.name}".endswith(SUFFIXES)]:
        path.unlink()


if __name__ == "__main__":
    prune(Path(sys.argv[1]), sys.argv[2:])

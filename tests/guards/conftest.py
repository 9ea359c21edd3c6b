"""The sources as the guards read them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Import(NamedTuple):
    """An import that happens at run time: of which dotted name, where, and whether as the module loads."""

    name: str
    line: int
    at_load: bool


class Source:
    """A module: its dotted name, and what is in it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.tree = ast.parse(text)

    def imports(self) -> list[Import]:
        """All imports but those under TYPE_CHECKING; `from x import y` counts as `x.y`."""
        return list(_imports(self.tree, at_load=True))

    def walk(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)


def _imports(node: ast.AST, *, at_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, at_load) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            # Relative imports are refused by lint, so the module is always given in full.
            yield from (Import(f"{child.module}.{alias.name}", child.lineno, at_load) for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield from _imports(other, at_load=at_load)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, at_load=at_load and not is_function)


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Every module of the package."""
    found = [Source(_dotted(path), path.read_text("utf-8")) for path in sorted(ROOT.glob("exitkit/**/*.py"))]
    assert found
    return found


@pytest.fixture(scope="session")
def source() -> type[Source]:
    """Makes a module out of a text, for feeding a guard what it must catch."""
    return Source

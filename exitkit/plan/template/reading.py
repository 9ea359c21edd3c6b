"""What a template reads, told without rendering it: which facts, whether a gap is provided for, what it is compared to."""

from collections.abc import Iterator
from typing import NamedTuple

from jinja2 import nodes

Path = tuple[str | int, ...]
"""The keys and numbers that lead to a fact, such as `("workflow", "labels", "team")`."""

_DEFAULTS = ("default", "d")
_ROOTS = ("workflow", "steps", "history")


class Reading(NamedTuple):
    """A path such as `("workflow", "labels", "team")` that is read.

    `guarded` says that something stands in for it where it is missing, `words` are the texts that it is compared to.
    """

    path: Path
    guarded: bool
    words: tuple[str, ...] = ()


class Dashed(NamedTuple):
    """A name with a dash, which is read as a difference: as it stands, and as it is meant."""

    written: str
    meant: str


def readings(tree: nodes.Template) -> tuple[list[Reading], list[Dashed]]:
    """Of what the plan's own names lead to; names that the template gives itself are not followed."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    tested = set(_tested(tree))
    found: list[Reading] = []
    dashed: list[Dashed] = []
    _walk(tree, own, tested, found, dashed, guarded=False)
    return found, dashed


def _walk(  # noqa: PLR0913 - a walk that gathers
    node: nodes.Node,
    own: set[str],
    tested: set[Path],
    found: list[Reading],
    dashed: list[Dashed],
    *,
    guarded: bool,
) -> None:
    if isinstance(node, nodes.Sub) and (name := _dashed(node)):
        dashed.append(name)
        return
    path = _path(node)
    if path and path[0] in _ROOTS and path[0] not in own:
        found.append(Reading(path, guarded or path in tested))
        return
    if isinstance(node, nodes.Compare):
        found += _compared(node, own)
    inside = guarded or (
        (isinstance(node, nodes.Filter) and node.name in _DEFAULTS)
        or (isinstance(node, nodes.Test) and node.name in ("defined", "undefined"))
        or isinstance(node, nodes.Or)
    )
    for child in node.iter_child_nodes():
        _walk(child, own, tested, found, dashed, guarded=inside)


def _path(node: nodes.Node) -> Path:
    """The keys that lead to it, or nothing where they are not written out."""
    parts: list[str | int] = []
    while True:
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
            node = node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            parts.append(node.arg.value)
            node = node.node
        elif isinstance(node, nodes.Name):
            return (node.name, *reversed(parts))
        else:
            return ()


def _tested(tree: nodes.Template) -> Iterator[Path]:
    """The paths that an `if` in the template asks about first."""
    for node in tree.find_all((nodes.If, nodes.CondExpr)):
        for inner in [node.test, *node.test.find_all(nodes.Expr)]:  # type: ignore[attr-defined]  # both have a test
            if path := _path(inner):
                yield path
            if isinstance(inner, nodes.Compare) and isinstance(inner.expr, nodes.Const):  # 'team' in workflow.labels
                for operand in inner.ops:
                    if operand.op == "in" and (around := _path(operand.expr)):
                        yield (*around, inner.expr.value)


def _compared(node: nodes.Compare, own: set[str]) -> Iterator[Reading]:
    """`workflow.status == 'Failed'`, either way round, and `in [...]`."""
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    words = tuple(word for side in sides for word in _words(side))
    for side in sides:
        path = _path(side)
        if words and path and path[0] in _ROOTS and path[0] not in own:
            yield Reading(path, guarded=True, words=words)


def _words(node: nodes.Node) -> list[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return [node.value]
    return [word for one in node.items for word in _words(one)] if isinstance(node, nodes.List | nodes.Tuple) else []


def _dashed(node: nodes.Sub) -> Dashed | None:
    """`workflow.labels.my-team` is a difference to Jinja2, whose names have no dash."""
    left = _path(node.left)
    if len(left) < 2 or left[0] not in _ROOTS or not isinstance(node.left, nodes.Getattr):
        return None
    right, rest, inner = "", list[str](), node.right
    while isinstance(inner, nodes.Getattr):
        rest.insert(0, inner.attr)
        inner = inner.node
    if isinstance(inner, nodes.Name) and inner.name not in _ROOTS:
        right = inner.name
    elif isinstance(inner, nodes.Const) and isinstance(inner.value, int) and rest:
        right = str(inner.value)
    if not right:
        return None
    tail = "".join(f".{name}" for name in rest)
    front = ".".join(map(str, left[:-1]))
    return Dashed(f"{front}.{left[-1]}-{right}{tail}", f"{front}['{left[-1]}-{right}']{tail}")

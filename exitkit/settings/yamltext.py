"""YAML with the place of everything in it, so that an error can say line and column.

Read by YAML 1.2's core rules: `no` and `on` are words, `2026-01-02` is text, and a key given twice is
an error.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from exitkit.errors import ConfigError
from exitkit.settings import yamlwords

KeyPath = tuple[str | int, ...]

# A plan of this size would be thousands of steps; aliases could make far more of less.
_MOST_BYTES = 1 << 20
_MOST_NODES = 50_000
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True)
class Document:
    """Data, and where each path in it stands as (line, column), both from 1."""

    data: Any
    places: dict[KeyPath, tuple[int, int]]

    def place(self, path: KeyPath) -> tuple[int, int]:
        """Of the path, or of the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read(text: str) -> Document:
    """Raises ConfigError, with line and column first."""
    if len(text) > _MOST_BYTES:
        raise ConfigError("1:1: longer than 1 MiB")
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        told = yamlwords.words(
            " ".join(filter(None, (error.context, error.problem))),
            _line(text, line),
            _line(text, line - 1) if line else "",
        )
        raise ConfigError(f"{line + 1}:{column + 1}: not YAML: {told}") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        raise ConfigError(f"{where}: not YAML: an unacceptable character") from None
    except RecursionError:
        raise ConfigError("1:1: nested too deep") from None
    reader = _Reader(text)
    data = reader.value(node, ()) if node is not None else None
    return Document(data, reader.places)


def lost(text: str) -> list[str]:
    """What YAML leaves out of a text that was meant to be there, each with line and column first.

    `title: issue #5` is "issue ", and `title: &oncall look` is "look".
    """
    anchors: dict[str, yaml.Mark] = {}
    found, lines = list[tuple[int, int, str]](), text.split("\n")
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AnchorToken):
            anchors[token.value] = token.start_mark
        elif isinstance(token, yaml.AliasToken):
            anchors.pop(token.value, None)
        elif isinstance(token, yaml.ScalarToken) and token.plain:
            mark = token.end_mark
            if cut := yamlwords.cut_by_comment(lines[mark.line][mark.column :]):
                words = f"# begins a comment, so that {cut!r} is left out; {yamlwords.QUOTES}"
                found.append((mark.line, mark.column, words))
    for name, mark in anchors.items():
        words = f"& begins an anchor in YAML, so that '&{name}' is left out; {yamlwords.QUOTES}"
        found.append((mark.line, mark.column, words))
    return [f"{line + 1}:{column + 1}: {words}" for line, column, words in sorted(found)]


class _Loader(yaml.SafeLoader):
    """Resolves null, booleans and numbers, and leaves all else text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way
    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise ConfigError(f"{self.line + 1}:{self.column + 1}: too large")  # where the reader has come to
        return super().compose_node(parent, index)


for tag, pattern, first in (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]{1,18}$", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(tag, re.compile(pattern), first)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.places: dict[KeyPath, tuple[int, int]] = {}
        self.nodes = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.nodes += 1
        where = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.places.setdefault(path, where)
        if self.nodes > _MOST_NODES or len(path) > 50:
            raise ConfigError(f"{where[0]}:{where[1]}: too large or nested too deep")
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
            raise _tagged(node.tag, where)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, (*path, index)) for index, one in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and not node.value and node.style is None:
            self._check_comment(node)
        return _scalar(node, where)

    def _check_comment(self, node: yaml.Node) -> None:
        """Raises ConfigError where a value is empty because it begins with a #."""
        lines = {node.start_mark.line, node.start_mark.line - (node.start_mark.column == 0)}
        for number in sorted(lines):
            if word := yamlwords.empty_by_comment(_line(self.text, number)):
                column = _line(self.text, number).index("#") + 1
                raise ConfigError(
                    f'{number + 1}:{column}: # begins a comment, so that nothing stands here; write "#{word}"'
                )

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if not isinstance(key_node, yaml.ScalarNode):
                told = yamlwords.words("", _line(self.text, line - 1))
                raise ConfigError(f"{line}:{column}: {told or 'a key must be a word'}")
            key = str(key_node.value)
            if key[:1] == "\xa0":
                raise ConfigError(f"{line}:{column}: a no-break space stands here; YAML is indented with spaces")
            if key in found:
                raise ConfigError(f"{line}:{column}: the key {key!r} stands here twice")
            self.places[(*path, key)] = (line, column)
            found[key] = self.value(value_node, (*path, key))
        return found


def _line(text: str, number: int) -> str:
    lines = text.split("\n", number + 1)
    return lines[number] if number < len(lines) else ""


def _scalar(node: yaml.Node, where: tuple[int, int]) -> Any:
    text: str = node.value
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in ("int", "float"):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            return text
    if kind == "str":
        return text
    raise _tagged(node.tag, where)


def _tagged(tag: str, where: tuple[int, int]) -> ConfigError:
    return ConfigError(f"{where[0]}:{where[1]}: ! begins a tag in YAML, and there is no {tag!r}; {yamlwords.QUOTES}")

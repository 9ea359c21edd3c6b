"""What ran when: a workflow's nodes as spans of time, with each one's place among the others.

Argo's nodes are a graph whose edges say both what follows what and what holds what. Here a span has one parent, the
node whose template it is part of, and the groups that only order steps are gone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, overload

from exitkit.argo.record.node import FULFILLED, Node
from exitkit.argo.timestamp import parse_moment

GROUPS: Final = frozenset({"StepGroup", "TaskGroup"})
"""Types of nodes that only order others; their items are shown in their place."""

HOLDERS: Final = frozenset({"Steps", "DAG", "Retry", *GROUPS})
"""Types of nodes that do nothing themselves."""


@dataclass(frozen=True, eq=False, slots=True)
class NodeSpan:
    """A node and its time. `start` and `end` are Unix seconds, `end` that of the whole where it has not ended.

    `depth` is how many spans hold it, `parent` the id of the nearest; `attempts` is how often it was tried. `retried`
    says that it is one of several tries, `recovered` that a later one of them succeeded; `does` that it does something
    itself, as a pod does, and does not only hold what does; `hook` that it is a lifecycle hook or handler, or of one.
    """

    node: Node = field(repr=False)
    id: str
    type: str
    phase: str
    template: str
    hook: bool
    start: float
    end: float
    depth: int = 0
    parent: str = ""
    attempts: int = 1
    retried: bool = False
    recovered: bool = False

    @property
    def seconds(self) -> float:
        return max(0.0, self.end - self.start)

    @property
    def does(self) -> bool:
        return self.type not in HOLDERS

    @property
    def daemon(self) -> bool:
        """Whether it ran beside what came after it. Argo takes the mark away as it stops it, and notes no end."""
        return self.node.daemoned or (self.phase in FULFILLED and self.does and not self.node.raw.get("finishedAt"))

    @property
    def failed(self) -> bool:
        return self.phase in ("Failed", "Error")


class Spans(Sequence[NodeSpan]):
    """All that ran, in the order in which people read it: by start, each with what it holds below it.

    `start` and `end` are those of the whole in Unix seconds: from the first node's start to the last one's end that is
    no hook. What was skipped or never began has no span.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        seconds: dict[object, float] = {}
        seen = [_Seen.of(node, seconds) for node in nodes]
        # The handler that asks is one of the hooks that have not ended.
        ran = [each for each in seen if each.id and each.began and (each.over or not each.hook) and each.ran]
        self.nodes: Mapping[str, _Seen] = {each.id: each for each in ran}
        own = [each for each in ran if not each.hook] or ran
        self.start = min((each.start for each in own), default=0.0)
        self.end = max((each.end or each.start for each in own), default=self.start)
        self._spans = tuple(self._ordered())

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, index: int) -> NodeSpan: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[NodeSpan, ...]: ...
    def __getitem__(self, index: int | slice) -> NodeSpan | tuple[NodeSpan, ...]:
        return self._spans[index]

    def __iter__(self) -> Iterator[NodeSpan]:
        return iter(self._spans)

    @cached_property
    def by_id(self) -> Mapping[str, NodeSpan]:
        return {span.id: span for span in self._spans}

    @property
    def seconds(self) -> float:
        return max(0.0, self.end - self.start)

    @cached_property
    def parents(self) -> Mapping[str, Sequence[str]]:
        """By a node's id, the ids of those that name it as a child, in order."""
        made: dict[str, list[str]] = defaultdict(list)
        for node in self.nodes.values():
            for child in node.children:
                made[child].append(node.id)
        return made

    def _ordered(self) -> Iterator[NodeSpan]:
        held: dict[str, list[_Seen]] = defaultdict(list)
        for each in self.nodes.values():
            held[self._holder(each)].append(each)
        seen: set[str] = set()
        # A stack and no recursion: templates nest as deep as Argo lets them, and a broken record has circles.
        waiting = [(each, 0, "") for each in _latest_first(held[""])]
        while waiting:
            each, depth, parent = waiting.pop()
            if each.id in seen:
                continue
            seen.add(each.id)
            inner = _latest_first(held.get(each.id, ()))
            if each.type in GROUPS:
                waiting += [(one, depth, parent) for one in inner]
                continue
            yield self._span(each, depth, parent)
            waiting += [(one, depth + 1, each.id) for one in inner]

    def _holder(self, each: "_Seen") -> str:
        """The id of the span that it is shown below, "" for none."""
        for parent in self.parents.get(each.id, ()):
            holder = self.nodes[parent].type
            # A try hangs on its Retry node, an item of a loop on its TaskGroup.
            if (
                (holder == "Retry" and self._is_try(each))
                or holder == "TaskGroup"
                or (holder == "Pod" and each.type == "Container")
            ):
                return parent
        return each.boundary if each.boundary in self.nodes and each.boundary != each.id else ""

    @staticmethod
    def _is_try(each: "_Seen") -> bool:
        """Whether a child of a Retry node is a try; its hooks are children too."""
        return each.node.retried and not each.hook

    def _span(self, each: "_Seen", depth: int, parent: str) -> NodeSpan:
        holder = self.nodes.get(parent)
        retried = holder is not None and holder.type == "Retry" and self._is_try(each)
        children = (self.nodes.get(child) for child in each.children) if each.type == "Retry" else ()
        attempts = sum(1 for child in children if child is not None and self._is_try(child))
        return NodeSpan(
            each.node,
            each.id,
            each.type,
            each.phase,
            each.template,
            each.hook,
            each.start,
            max(each.start, each.end or self.end),
            depth,
            parent,
            max(1, attempts),
            retried,
            retried and each.phase in ("Failed", "Error") and holder is not None and holder.phase == "Succeeded",
        )


class _Seen(NamedTuple):
    """What is asked of a node again and again, read once; `end` is 0 where it has not ended."""

    node: Node
    id: str
    type: str
    phase: str
    template: str
    hook: bool
    start: float
    end: float
    boundary: str
    children: tuple[str, ...]
    began: bool

    @classmethod
    def of(cls, node: Node, seconds: "dict[object, float]") -> "_Seen":
        """`seconds` keeps the moments that have been read: of a thousand nodes most share theirs with another."""
        raw = node.raw
        start, end = (_moment(raw.get(key), seconds) for key in ("startedAt", "finishedAt"))
        children = raw.get("children")
        return cls(
            node,
            _word(raw.get("id")),
            _word(raw.get("type")),
            _word(raw.get("phase")),
            node.template_name,
            node.hooked,
            start,
            end,
            _word(raw.get("boundaryID")),
            tuple(child for child in children if isinstance(child, str)) if isinstance(children, list) else (),
            start > 0,
        )

    @property
    def over(self) -> bool:
        return self.phase in FULFILLED

    @property
    def ran(self) -> bool:
        return self.type != "Skipped" and self.phase not in _NEVER


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object, seconds: "dict[object, float]") -> float:
    if not isinstance(value, str):
        return 0.0
    known = seconds.get(value)
    if known is None:
        moment = parse_moment(value)
        known = seconds[value] = moment.timestamp() if moment else 0.0
    return known


_NEVER = frozenset({"Omitted", "Skipped"})


def _latest_first(nodes: Iterable[_Seen]) -> list[_Seen]:
    """For a stack, whose last is taken first."""
    return sorted(nodes, key=lambda each: (each.start, each.node.name), reverse=True)

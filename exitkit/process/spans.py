"""What ran when: a workflow's nodes as spans of time, with each one's place among the others.

Argo's nodes are a graph whose edges say both what follows what and what holds what. Here a span has one parent, the
node whose template it is part of, and the groups that only order steps are gone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, overload

from exitkit.argo.nodenames import subject_of
from exitkit.argo.record.loose import text, texts
from exitkit.argo.record.node import FULFILLED, Node
from exitkit.argo.timestamp import parse_moment

GROUPS: Final = frozenset({"StepGroup", "TaskGroup"})
"""Types of nodes that only order others; their items are shown in their place."""

HOLDERS: Final = frozenset({"Steps", "DAG", "Retry", *GROUPS})
"""Types of nodes that do nothing themselves."""


_KEEPERS: Final = frozenset({"TaskGroup", "Retry", "Pod"})
"""Types of nodes some of whose children are shown below them, whatever template these are part of."""


@dataclass(eq=False, slots=True)  # nobody changes one; frozen, it would take three times as long to make
class NodeSpan:
    """A node and its time. `start` and `end` are Unix seconds, `end` that of the whole where it has not ended.

    `depth` is how many spans hold it, `parent` the id of the nearest; `attempts` is how often it was tried. `retried`
    says that it is one of several tries, `recovered` that a later one of them succeeded; `does` that it does something
    itself, as a pod does, and does not only hold what does; `hook` that it is a lifecycle hook or handler, or of one;
    `daemon` that it ran beside what came after it. `boundary` and `children` are the node's own.
    """

    node: Node = field(repr=False)
    id: str
    type: str
    phase: str
    template: str
    hook: bool
    start: float
    end: float
    boundary: str = field(default="", repr=False)
    children: tuple[str, ...] = field(default=(), repr=False)
    depth: int = 0
    parent: str = ""
    attempts: int = 1
    retried: bool = False
    recovered: bool = False
    daemon: bool = False

    @property
    def seconds(self) -> float:
        return max(0.0, self.end - self.start)

    @property
    def does(self) -> bool:
        return self.type not in HOLDERS

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
        read = [_read_span(node, seconds) for node in nodes]
        # The handler that asks is one of the hooks that have not ended.
        self.nodes: Mapping[str, NodeSpan] = {
            span.id: span
            for span in read
            if span.id
            and span.start > 0
            and (span.phase in FULFILLED or not span.hook)
            and span.type != "Skipped"
            and span.phase not in _NEVER
        }
        own = [span for span in self.nodes.values() if not span.hook] or list(self.nodes.values())
        self.start = min((span.start for span in own), default=0.0)
        self.end = max((span.end or span.start for span in own), default=self.start)
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
        held = self._held()
        seen: set[str] = set()
        # A stack and no recursion: templates nest as deep as Argo lets them, and a broken record has circles.
        waiting = [(span, 0, "") for span in _latest_first(held[""])]
        while waiting:
            span, depth, parent = waiting.pop()
            if span.id in seen:
                continue
            seen.add(span.id)
            inner = _latest_first(held[span.id]) if span.id in held else ()
            if span.type in GROUPS:
                waiting += [(one, depth, parent) for one in inner]
                continue
            self._place(span, depth, parent)
            yield span
            if inner:
                waiting += [(one, depth + 1, span.id) for one in inner]

    def _held(self) -> dict[str, list[NodeSpan]]:
        """By the id of what each is shown below, "" for nothing."""
        nodes, holders = self.nodes, dict[str, str]()
        for span in nodes.values():
            if span.type not in _KEEPERS:
                continue
            for child in span.children:
                one = nodes.get(child)
                # A try hangs on its Retry node, an item of a loop on its TaskGroup.
                if one is not None and (
                    span.type == "TaskGroup"
                    or (span.type == "Retry" and _is_try(one))
                    or (span.type == "Pod" and one.type == "Container")
                ):
                    holders.setdefault(child, span.id)
        held: dict[str, list[NodeSpan]] = defaultdict(list)
        for key, span in nodes.items():
            boundary = span.boundary if span.boundary in nodes and span.boundary != key else ""
            held[holders.get(key, boundary)].append(span)
        return held

    def _place(self, span: NodeSpan, depth: int, parent: str) -> None:
        """What is known of it when the others are."""
        span.depth, span.parent = depth, parent
        holder = self.nodes.get(parent)
        if holder is not None and holder.type == "Retry" and _is_try(span):
            span.retried = True
            span.recovered = span.failed and holder.phase == "Succeeded"
        if span.type == "Retry":
            children = (self.nodes.get(child) for child in span.children)
            span.attempts = max(1, sum(1 for child in children if child is not None and _is_try(child)))
        raw = span.node.raw
        # Argo takes the mark away as it stops it, and notes no end.
        if "daemoned" in raw:
            span.daemon = span.node.daemoned
        if not span.end:
            is_endless = span.does and span.phase in FULFILLED and not raw.get("finishedAt")
            span.daemon = span.daemon or is_endless
        span.end = max(span.start, span.end or self.end)


def _read_span(node: Node, seconds: "dict[object, float]") -> NodeSpan:
    """What a node itself tells; `end` is 0 where it has not ended.

    `seconds` keeps the moments that have been read: of a thousand nodes most share theirs with another.
    """
    raw = node.raw
    get = raw.get
    children = get("children")
    # Most have neither flags nor another's template, and a name that says that they are no hook.
    is_plain = "nodeFlag" not in raw and not subject_of(node.name)
    return NodeSpan(
        node,
        node.id,
        node.type,
        node.phase,
        node.template_name if "templateRef" in raw else text(raw, "templateName"),
        not is_plain and node.hooked,
        _moment(get("startedAt"), seconds),
        _moment(get("finishedAt"), seconds),
        _word(get("boundaryID")),
        texts(children) if children else (),
    )


def _is_try(span: NodeSpan) -> bool:
    """Whether a child of a Retry node is a try; its hooks are children too."""
    return span.node.retried and not span.hook


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object, seconds: "dict[object, float]") -> float:
    if not isinstance(value, str):
        return 0.0
    known = seconds.get(value)
    if known is None:
        known = seconds[value] = _by_day(value, seconds) if len(value) == _AS_ARGO else _read(value)
    return known


def _by_day(value: str, seconds: "dict[object, float]") -> float:
    """Of a day that has been read the rest is a sum, and takes a tenth of the time."""
    date = value[:11]
    try:
        clock = _HOURS[value[11:14]] + _MINUTES[value[14:17]] + _SECONDS[value[17:]]
    except KeyError:
        return _read(value)
    day = seconds.get(date)
    if day is None:
        day = seconds[date] = _read(f"{date}00:00:00Z")
    return day + clock if day else 0.0


def _read(value: str) -> float:
    moment = parse_moment(value)
    return moment.timestamp() if moment else 0.0


_HOURS = {f"{number:02}:": number * 3600 for number in range(24)}
_MINUTES = {f"{number:02}:": number * 60 for number in range(60)}
_SECONDS = {f"{number:02}Z": number for number in range(60)}
_AS_ARGO = len("2026-11-27T03:00:00Z")


_NEVER = frozenset({"Omitted", "Skipped"})


def _latest_first(spans: Iterable[NodeSpan]) -> list[NodeSpan]:
    """For a stack, whose last is taken first."""
    return sorted(spans, key=lambda span: (span.start, span.node.name), reverse=True)

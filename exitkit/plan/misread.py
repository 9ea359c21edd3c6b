"""What a template reads that is not there, or is compared to what it never is, and what to write in its place."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from exitkit import settings
from exitkit.argo.gather import gather
from exitkit.errors import ConfigError
from exitkit.plan import Status, samples, template
from exitkit.plan.template.reading import Path, Reading

_OUTCOMES = ("ok", "skipped", "failed", "unknown", "duplicate")
_STATUSES = get_args(Status)
_WORDS: Mapping[Path, tuple[str, ...]] = MappingProxyType(
    {
        ("workflow", "status"): _STATUSES,
        ("workflow", "lastRetry", "status"): _STATUSES,
        ("workflow", "failures", 0, "phase"): ("Failed", "Error"),
        ("workflow", "failuresSummary", "first", "phase"): ("Failed", "Error"),
    }
)
# What the user's own workflows decide; everything else of a workflow has a known name.
_OPEN = ("labels", "annotations", "parameters")
_MAY_BE_MISSING = ("labels", "annotations")
HISTORY: Mapping[str, Any] = MappingProxyType(
    {
        "failures_in_a_row": 3,
        "last_success": {"name": "train-b2k9x", "at": "2026-08-18T12:40:00Z", "duration": 1260.0},
        "usual_duration": 1260.0,
        "changed": False,
        "known": 7,
        "failed": 3,
        "usual": "3rd failure in a row; took 35m, usually 21m",
        "changes": [
            {
                "kind": "parameter",
                "name": "model",
                "before": "ranker",
                "after": "ranker-2",
                "change": "changed",
                "usual": False,
            }
        ],
        "changed_since": "parameter model ranker → ranker-2, since train-b2k9x succeeded",
    }
)
"""How earlier runs ended, of a series that has some."""

STEP_FACTS: Mapping[str, str] = MappingProxyType({"outcome": "ok", "summary": "done"})
"""What every step has; more comes from its action."""


class Open(dict[str, Any]):
    """Labels or the like: whatever is asked for is there."""

    def __missing__(self, key: str) -> str:
        return "sample"

    def __contains__(self, key: object) -> bool:
        return True


class Around(NamedTuple):
    """Where a template stands: its step's id, all steps, and the ids of those that have ended before it.

    `steps` has by the id of each the facts that it may give, None where that is not known.
    """

    step: str
    steps: Mapping[str, Mapping[str, str] | None]
    before: list[str]


def facts(sample: str) -> dict[str, Any]:
    """What templates can read of a workflow of `samples`, with every label and parameter that they may ask for."""
    known: dict[str, Any] = gather(samples.facts(sample), {}).facts()
    for name in _OPEN:
        known[name] = Open(known[name])
    # What steps take and give has names of the user's own too.
    for node in (known["subjectNode"], *known["failures"]):
        for name in ("inputs", "outputs", "limits", "requests"):
            if name in node:
                node[name] = Open(node[name])
    return {**known, "outputs": {"parameters": Open()}}


def misread(text: str, around: Around, *, expression: bool, missing: bool = True) -> Iterator[str]:
    """What is wrong with it, in words that say what to write instead; without `missing` what no workflow would cure."""
    try:
        readings, dashed = template.readings(text, expression=expression)
    except ConfigError:
        return  # which has been told
    for name in dashed:
        yield f"a name with a dash is written in brackets: {name.meant}, not {name.written}"
    known = facts("failed")
    for reading in dict.fromkeys(readings):
        if reading.path[0] == "steps":
            yield from _of_step(reading, around)
        else:
            facts_read = dict(HISTORY) if reading.path[0] == "history" else known
            yield from _of_workflow(reading, facts_read, missing=missing)


def _of_step(reading: Reading, around: Around) -> Iterator[str]:
    path = reading.path
    if len(path) < 2:
        return
    name, ids = str(path[1]), list(around.steps)
    if name not in ids:
        whole = next((one for one in ids if one == ".".join(map(str, path[1 : 1 + one.count(".") + 1]))), "")
        meant = (
            f"; a name with a dot is written in brackets: steps['{whole}']" if whole else settings.nearest(name, ids)
        )
        yield f"there is no step {name!r}{meant}"
    elif name == around.step:
        yield f"the step {name!r} is this one, of which nothing is known before it has run"
    elif name not in around.before:
        yield f"the step {name!r} comes later, so that nothing is known of it here"
    if len(path) < 3:
        return
    yield from _of_fact(path, around.steps.get(name))
    if path[2] == "outcome" and len(path) == 3:
        yield from _never(reading.words, "outcome", _OUTCOMES)


def _of_fact(path: Path, gives: Mapping[str, str] | None) -> Iterator[str]:
    """What is wrong with the fact of a step that is read, of which its action says what it gives, or None."""
    fact, where = str(path[2]), template.dotted(path[:2])
    known = [*(gives or ()), *STEP_FACTS]
    if fact in known or _is_method({}, fact):
        return
    if fact in ("status", "phase", "outputs", "result"):  # Argo's own words
        such = next(iter(gives), "") if gives else "path" if gives is None else ""
        own = f", or a fact of its own, such as {where}.{such}" if such else ""
        yield f"a step has no {fact!r} here; write {where}.outcome{own}"
    elif gives is not None:
        yield f"there is no {template.dotted(path[:3])}{settings.nearest(fact, known)}"
    elif meant := settings.nearest(fact, tuple(STEP_FACTS), listed=True):
        yield f"there is no {template.dotted(path[:3])}{meant}"


def _of_workflow(reading: Reading, known: dict[str, Any], *, missing: bool) -> Iterator[str]:
    path = reading.path
    value: Any = known
    for depth, key in enumerate(path[1:], 1):
        if isinstance(value, Open):
            provided = reading.guarded or not missing
            if path[1] in _MAY_BE_MISSING and not provided and depth == 2 and not _is_method(value, key):
                where = template.dotted(path)
                yield f"{where} may be missing; say what stands there then: {where} | default('…')"
            return
        if _is_method(value, key):
            return
        if isinstance(value, list) and isinstance(key, int) and value:
            value = value[0]
        elif isinstance(value, Mapping) and key in value:
            value = value[key]
        elif value is None or isinstance(key, int):
            return
        else:
            yield _not_there(path[:depth], key, value)
            return
    yield from _compared(path, reading.words, value)


def _is_method(value: Any, key: str | int) -> bool:
    from exitkit.plan.template.methods import methods_of

    return key in methods_of(value)


def _not_there(path: Path, key: str, value: Any) -> str:
    where = template.dotted(path)
    if isinstance(value, Mapping):
        return f"there is no {template.dotted((*path, key))}{settings.nearest(key, list(value))}"
    if isinstance(value, list):
        several = f"{where} is a list and has no {key!r}"
        if key in ("length", "size", "len", "count"):
            return f"{several}; write {where} | length"
        return f"{several}; write {where}[0].{key}, or {where}Summary.headline for all of them"
    return f"{where} is {_kind(value)} and has no {key!r}"


def _compared(path: Path, words: tuple[str, ...], value: Any) -> Iterator[str]:
    """The texts to which a fact is compared without ever being one of them."""
    if not words:
        return
    if choices := _WORDS.get(tuple(0 if isinstance(key, int) else key for key in path)):
        yield from _never(words, "status" if path[-1] == "status" else str(path[-1]), choices)
    elif isinstance(value, bool):
        yield f"{template.dotted(path)} is true or false, never a text; write it alone, or not before it"
    elif isinstance(value, int | float):
        yield f"{template.dotted(path)} is a number, never a text; write the number without quotes"


def _never(words: tuple[str, ...], what: str, choices: tuple[str, ...]) -> Iterator[str]:
    yield from (f"no {what} is {word!r}{settings.nearest(word, choices)}" for word in words if word not in choices)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "a text"

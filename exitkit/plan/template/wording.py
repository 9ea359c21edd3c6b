"""What is wrong with a template in words that say what to write instead: the engine's own say what it stumbled on."""

import difflib
import re
from typing import get_args

# What others write, and what is written here.
_SIGNS = (("&&", "and"), ("||", "or"), ("===", "=="), ("<>", "!="), ("?", "a if condition else b"), ("!", "not"))
_WORDS = (
    (r"\bAND\b", "AND is not known here; write and"),
    (r"\bOR\b", "OR is not known here; write or"),
    (r"\bNOT\b", "NOT is not known here; write not"),
    (r"=~|\bmatches\b", "patterns are not known here; write 'x' in workflow.name, or workflow.name.startswith('x')"),
    (r"\bstarts?With\b", "write workflow.name.startswith('x')"),
    (r"\bends?With\b", "write workflow.name.endswith('x')"),
    (r"\bcontains\b", "contains is not known here; write 'x' in workflow.name"),
    (r"\b(eq|equals)\b", "write == to compare"),
    (r"\b(ne|neq)\b", "write != to compare"),
    (r"\b(gt|ge|lt|le)\b", "write <, <=, > or >= to compare"),
    (
        r"\b\d+(\.\d+)?\s*(s|m|h|d|sec|min|hours?|minutes?|seconds?)\b",
        "a duration is a number of seconds here: write 60",
    ),
    (r"(?<![=!<>])=(?!=)", "one = sets something; write == to compare"),
)
_QUOTES = "‘’“”„«»"  # noqa: RUF001 - which word processors make of ' and "
_NAMES = {
    "env": "a plan reads no variables; a setting is taken from its own one where the plan leaves it out",
    "inputs": "inputs are Argo's; here are workflow.parameters",
    "outputs": "write workflow.outputs.parameters, or steps.<id> for what a step of this plan came to",
    "tasks": "tasks are Argo's; steps.<id> is what a step of this plan came to",
    "item": "items are Argo's; what failed is in workflow.failures",
    "sprig": "sprig is Argo's; here are filters, such as workflow.name | upper",
    "len": "write workflow.failures | length",
    "null": "write none",
    "nil": "write none",
    "undefined": "write is defined, or | default('…')",
    "failed": "write workflow.status == 'Failed'",
    "failure": "write workflow.status == 'Failed'",
    "succeeded": "write workflow.status == 'Succeeded'",
    "success": "write workflow.status == 'Succeeded'",
    "always": "leave if: out, so that the step always runs",
    "yes": "write true, or leave if: out",
    "no": "write false",
}


def words(told: str, source: str) -> str:
    """What to write instead, for what Jinja2 says of a template or of an expression between braces."""
    if quote := next((sign for sign in _QUOTES if f"'{sign}'" in told), ""):
        return f"{quote} is a typographic quote; write '"
    if found := re.match(r"No (filter|test) named '([^']*)'", told):
        return _none_named(found[1], found[2])
    if "nexpected end of template" in told:
        return "what {{ or {% begins does not end" if "{%" not in source else "a {% if %} or the like has no {% end… %}"
    if "nexpected 'end of template'" in told or "got 'end of print statement'" in told:
        return "the expression ends where more is expected: behind and, or, not, ==, or a parenthesis"
    if any(part in told for part in ("unexpected", "expected token", "chunk after expression")):
        return _of_others(told, source)
    return told


def _of_others(told: str, source: str) -> str:
    """For what is written in another language."""
    if "{{=" in source and "unexpected '='" in told:
        return "{{= is Argo's, which fills nothing in here; write {{ workflow.name }}"
    if re.search(r"\{\{-?\s*\.", source) and "unexpected '.'" in told:
        return "{{ .Name }} is Go's; write {{ workflow.name }}"
    if "unexpected char '$'" in told:
        return f"$ is not known here: {_NAMES['env']}"
    outside = re.sub(r"'[^']*'|\"[^\"]*\"", "''", source)  # a word in a text is not one of the language
    for sign, word in _SIGNS:
        if sign in outside.replace("!=", ""):
            return f"{sign} is not known here; write {word}"
    for pattern, meant in _WORDS:
        if re.search(pattern, outside):
            return meant
    if "chunk after expression" in told:
        return "more stands here than one expression; join its parts with and, or, ==, in, and put texts in quotes"
    return told


def unknown(name: str, known: tuple[str, ...], *, expression: bool) -> str:
    """That there is no such name, and what may be meant by it."""
    from exitkit.argo.workflow import Workflow
    from exitkit.plan import Status

    told = f"there is no {name!r}"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"{told}; did you mean {close[0]!r}?"
    if name in _NAMES:
        return f"{told}; {_NAMES[name]}"
    if name in Workflow().facts():
        return f"{told}; write workflow.{name}"
    if status := difflib.get_close_matches(name.capitalize(), get_args(Status), n=1, cutoff=0.8):
        return f"{told}; a text needs quotes: '{status[0]}'"
    there = f"there are {', '.join(sorted(known))}"
    return f"{told}; {there}, and a text needs quotes" if expression else f"{told}; {there}"


def _none_named(kind: str, name: str) -> str:
    from exitkit.plan.template.environment import environment

    there = environment("told")
    names = list(there.filters if kind == "filter" else there.tests)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"there is no {kind} {name!r}; did you mean {close[0]!r}?"
    if kind == "test":
        return f"there is no test {name!r}; write == '{name}' to compare"
    return f"there is no filter {name!r}; docs/plan.md has those that there are"

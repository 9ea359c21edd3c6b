"""What somebody meant who wrote a key that a plan does not have there, in words that say where it goes."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from exitkit.errors import ConfigError
from exitkit.plan import Parallel, Plan, Step, registry
from exitkit.retry import RetryPolicy
from exitkit.settings import Problem, fields, nearest

# What other tools call it.
_STEP: Mapping[str, str] = MappingProxyType(
    {
        "on": "when: has the statuses, if: a condition",
        "condition": "write if:",
        "only": "when: has the statuses, if: a condition",
        "name": "write id:",
        "type": "write uses:",
        "action": "write uses:",
        "plugin": "write uses:",
        "depends": "steps run from the top down; parallel: holds those that run together",
        "dependencies": "steps run from the top down; parallel: holds those that run together",
        "needs": "steps run from the top down; parallel: holds those that run together",
        "args": "settings stand below with:",
        "params": "settings stand below with:",
        "parameters": "settings stand below with:",
        "arguments": "settings stand below with:",
        "settings": "settings stand below with:",
        "config": "settings stand below with:",
        "env": "settings stand below with:; the pod's template has the environment",
        "continueOn": "one step's failure never stops the next; required: says what counts",
        "continue_on_error": "one step's failure never stops the next; required: says what counts",
        "continue-on-error": "one step's failure never stops the next; required: says what counts",
        "enabled": "leave the step out, or write if: 'false'",
        "onFailure": "fallback: names the steps that run when this one fails",
        "on_failure": "fallback: names the steps that run when this one fails",
        "retries": "write retry: {attempts: 3}",
        "attempts": "write retry: {attempts: 3}",
    }
)
_RETRY: Mapping[str, str] = MappingProxyType(
    {
        "limit": "write attempts: 3",
        "max": "write attempts: 3",
        "count": "write attempts: 3",
        "tries": "write attempts: 3",
        "backoff": "write wait: 500ms and max_wait: 20s",
        "delay": "write wait: 500ms",
        "timeout": "write attempt_timeout: 15s",
    }
)


def unknown(problem: Problem, model: type[Plan | Step | Parallel], item: Any) -> Problem:
    """The problem of an unknown key in the model's data, with what is meant by it."""
    key = str(problem.path[-1])
    owner = model if len(problem.path) == 1 else RetryPolicy
    if isinstance(item, dict) and "parallel" in item and len(problem.path) == 1:
        if key == "parallel":
            return Problem(
                problem.path, "unknown key; steps that run together hold none of their own: put all into one parallel:"
            )
        if key in _keys(Step):
            return Problem(
                problem.path, f"unknown key; {key} stands on each of the steps below parallel:, not beside it"
            )
    hint = {Step: _STEP, RetryPolicy: _RETRY}.get(owner, {}).get(key, "")
    if not hint and owner is Step and isinstance(item, dict) and key in _settings(item.get("uses")):
        hint = f"{key} is a setting, which stands below with:"
    return Problem(problem.path, f"unknown key{f'; {hint}' if hint else nearest(key, _keys(owner))}")


def misplaced(problem: Problem, value: Any) -> Problem:
    """The problem of a value of the wrong kind, with the form that is meant."""
    path, last = problem.path, problem.path[-1] if problem.path else ""
    if last == "retry" and isinstance(value, int) and not isinstance(value, bool):
        return Problem(path, f"{problem.text}; write retry: {{attempts: {value}}}")
    if last == "steps" and isinstance(value, dict):
        return Problem(path, f"{problem.text}; each step begins with - uses:")
    if last == "parallel":
        return Problem(path, f"{problem.text}: it holds the steps that run together, each of which begins with - uses:")
    if last == "if":
        return Problem(path, f"{problem.text}; write an expression, or when: for statuses")
    if last == "when":
        return Problem(path, f"{problem.text}; write when: [Failed, Error], or if: for a condition")
    if path[:1] == ("when",):
        return Problem(path, f"{problem.text}{_when(str(value))}")
    if not path and isinstance(value, str):
        word = value.removeprefix("uses").lstrip(": ")
        known = word if registry.is_known(word) else "notify.console"
        return Problem(path, f"{problem.text}; a step is written - uses: {known}")
    return problem


def _when(word: str) -> str:
    if any(sign in word for sign in ("==", "!=", "workflow.", "{{")):
        return "; a condition stands in if:"
    if word.lower() in ("always", "any", "all", "true", "*"):
        return "; leave when: out, so that the step always runs"
    if re.search(r"\w\W+\w", word):
        return "; several are written [Failed, Error]"
    return ""


def _keys(model: type[Any]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _settings(uses: Any) -> Mapping[str, Any]:
    if not isinstance(uses, str) or not registry.is_known(uses):
        return {}
    try:
        return fields.keys(registry.find(uses))
    except ConfigError:
        return {}

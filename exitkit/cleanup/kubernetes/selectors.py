"""Label and field selectors of Kubernetes, read so that nothing is asked for that nobody meant.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exitkit.errors import ConfigError

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_PREFIX = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_KEY = re.compile(f"(?:{_PREFIX}/)?{_NAME}")
_VALUE = re.compile(_NAME)
_SET = re.compile(r"(\S+)\s+(in|notin)\s*\(([^()]*)\)")
_PAIR = re.compile(r"([^=!]+?)\s*(==|!=|=)\s*(.*)")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*(?:==|!=|=)(?:[^\\,=]|\\[\\,=])+")
_EMPTY = "was a template filled in with nothing?"


@dataclass(frozen=True)
class Requirement:
    """One condition of a selector. `values` are those that a label must have one of; empty where it says no value.

    `others` are those that it must not have, and then it may be missing. Where both are empty the label must be there,
    or not be there if `absent`.
    """

    key: str
    values: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    absent: bool = False

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        if self.values:
            return labels.get(self.key) in self.values
        if self.others:
            return labels.get(self.key) not in self.others
        return (self.key in labels) != self.absent


def parse(selector: str) -> tuple[Requirement, ...]:
    """The conditions, all of which hold for what a selector selects. Raises ConfigError."""
    if not selector.strip():
        raise ConfigError(f"a selector is empty, which would be everything: {_EMPTY}")
    return tuple(_requirement(part.strip()) for part in _parts(selector))


def check_fields(selector: str) -> None:
    """Raises ConfigError unless it is a field selector such as `status.phase=Failed`."""
    for part in re.split(r"(?<!\\),", selector):
        if not part.strip():
            raise ConfigError(f"a part of the field selector is empty: {_EMPTY}")
        if not _FIELD.fullmatch(part.strip()):
            raise ConfigError("a field selector is such as status.phase=Failed or status.phase!=Running, with a value")


def fits_fields(selector: str, fields: Mapping[str, str]) -> bool:
    """Whether these fields of an object are such as the field selector asks for, as far as it asks for them."""
    for part in re.split(r"(?<!\\),", selector):
        name, sign, value = re.split(r"(!=|==|=)", part.strip(), maxsplit=1) if "=" in part else (part, "", "")
        if name in fields and (fields[name] == re.sub(r"\\(.)", r"\1", value)) != (sign != "!="):
            return False
    return True


def _parts(selector: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, depth = [""], 0
    for sign in selector:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _requirement(part: str) -> Requirement:
    if not part:
        raise ConfigError(f"a part of the selector is empty: {_EMPTY}")
    if match := _SET.fullmatch(part):
        values = tuple(_value(match[1], one.strip()) for one in match[3].split(","))
        return Requirement(_key(match[1]), values) if match[2] == "in" else Requirement(_key(match[1]), others=values)
    if match := _PAIR.fullmatch(part):
        value = _value(match[1], match[3])
        return (
            Requirement(_key(match[1]), others=(value,)) if match[2] == "!=" else Requirement(_key(match[1]), (value,))
        )
    return Requirement(_key(part.removeprefix("!")), absent=part.startswith("!"))


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ConfigError("a selector is such as app=train, stage in (a, b), !keep; its keys are labels' names")
    return text


def _value(key: str, text: str) -> str:
    if not text:
        raise ConfigError(f"the selector wants {key[:100]} to be empty: {_EMPTY}")
    if not _VALUE.fullmatch(text):
        raise ConfigError(
            f"the selector's value for {key[:100]} is none that a label can have: up to 63 letters, digits, '-', '_', '.'"
        )
    return text

"""Facts read from flags and variables with their types. What cannot be read is unset, and a note says so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from exitkit.argo.argument import Argument, encodable, is_unset, resolve
from exitkit.argo.facts import FACTS
from exitkit.argo.timestamp import parse_moment
from exitkit.text import unsafe

STATUSES = ("Succeeded", "Failed", "Error", "Running", "Pending", "Skipped", "Omitted")
"""Argo's words for how a workflow or a node stands (workflow_types.go)."""

CUT = "was cut or damaged; what stood at its end is missing"
"""What is noted of a fact that an argument holds the beginning of."""

# The longest name that Kubernetes allows, for what is a DNS subdomain (RFC 1123). Node names are paths of such names.
_LONGEST_NAME, _LONGEST_PATH, _LONGEST_WORD = 253, 4096, 64
# No Workflow object is larger than etcd's 1.5 MiB; 4 MiB of JSON take 100 MiB in memory at most.
_LONGEST_MAPPING = 4 * 2**20
# A century: beyond it, a number is not what it says.
_LONGEST_DURATION = 100 * 366 * 86400.0
_NUMBER = re.compile(r"[0-9]{1,309}(?:\.[0-9]{0,309})?(?:[eE][+-]?[0-9]{1,3})?")
_CONTROLS = unsafe.Unseen(f"[{unsafe.C0}{unsafe.C1}{unsafe.LINES}]")
_PAIR = re.compile(r"\s*([^\s=\[{\"'][^=\n]{0,252})=(.*)", re.DOTALL)
_FACTS = {fact.name: fact for fact in FACTS}

Given = Mapping[str, str | Sequence[str]]


@dataclass
class ArgumentReader:
    """One look through flags and environment; `notes` collects what was wrong with them."""

    given: Given
    environ: Mapping[str, str]
    root: Path = Path("/")
    notes: list[str] = field(default_factory=list)

    def raw(self, name: str) -> str:
        """The fact as it was given: by its flag, else by its variables; "" if by none."""
        return next((one for one in self._candidates(name) if not is_unset(one)), "")

    def text(self, name: str, *, limit: int = 1_000_000) -> str:
        """The fact as free text."""
        return self._cut(name, self._resolved(name, self.raw(name)).text, limit)

    def name(self, name: str) -> str:
        """The fact as a name of Kubernetes'."""
        return self.tame(name, self.text(name).strip(), _LONGEST_NAME)

    def path(self, name: str) -> str:
        """The fact as a node's name."""
        return self.tame(name, self.text(name).strip(), _LONGEST_PATH)

    def variable(self, name: str, limit: int = _LONGEST_NAME) -> str:
        """A variable that Argo's executor sets."""
        return self.tame(name, self.environ.get(name, ""), limit)

    def status(self, name: str) -> str:
        """The fact as one of Argo's words, whatever its case; another word is kept, cut and noted."""
        text = self.text(name).strip().strip("\"'").strip()
        known = {word.lower(): word for word in STATUSES}.get(text.lower()) if len(text) < _LONGEST_WORD else None
        if known or not text:
            return known or ""
        word = self.tame(name, text, _LONGEST_WORD)
        self.note(name, f"{_shown(word)} is none of {', '.join(STATUSES)}")
        return word

    def seconds(self, name: str) -> float | None:
        """The fact as seconds from 0 to a century."""
        text = self.text(name).strip().strip("\"'")
        if not text:
            return None
        seconds = float(text) if _NUMBER.fullmatch(text) else None
        if seconds is None or not seconds <= _LONGEST_DURATION:
            self.note(name, f"{_shown(text)} is no number of seconds")
            return None
        return seconds

    def integer(self, name: str) -> int | None:
        text = self.text(name).strip().strip("\"'")
        if text and not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            self.note(name, f"{_shown(text)} is no whole number")
            return None
        return int(text) if text else None

    def moment(self, name: str) -> datetime | None:
        text = self.text(name).strip().strip("\"'")
        found = parse_moment(text)
        if text and found is None and not text.startswith("0001-"):
            self.note(name, f"{_shown(text)} is no time in RFC 3339")
        return found

    def mapping(self, name: str) -> dict[str, str]:
        """The fact as names and values: JSON, Argo's list of parameters, or `name=value` once or more often."""
        value = self.given.get(name, ())
        flags = [] if isinstance(value, str) else [one for one in value if not is_unset(one)]
        found: dict[str, str] = {}
        for item in flags or [self.raw(name)]:
            text = self._resolved(name, item).text
            if len(text) > _LONGEST_MAPPING:
                self.note(name, f"is longer than {_LONGEST_MAPPING // 2**20} MiB and was not read")
            elif text:
                found |= self._pairs(name, text, by_line=not flags)
        return found

    def tame(self, name: str, text: str, limit: int) -> str:
        """A name without control characters, cut to its limit; each with a note."""
        text = encodable(self._cut(name, text, limit))
        if _CONTROLS.search(text):
            self.note(name, "holds control characters; they were replaced")
            text = _CONTROLS.sub("\ufffd", text)
        return text

    def note(self, name: str, what: str) -> None:
        fact = _FACTS.get(name)
        self.notes.append(f"{(fact.argo or fact.flag) if fact else name}: {what}")

    def _candidates(self, name: str) -> list[str]:
        fact, value = _FACTS[name], self.given.get(name, "")
        flags = [value] if isinstance(value, str) else value
        own = [*flags, *(self.environ.get(variable, "") for variable in (fact.variable, *fact.also))]
        return [*own, self._variables.get(name, "")] if name != "workflow" else own

    @cached_property
    def _variables(self) -> Mapping[str, str]:
        """What the fact `workflow` holds, which is all facts in one."""
        text = self.text("workflow", limit=_LONGEST_MAPPING)
        if not text or text == "null":
            return {}
        from exitkit.argo import variables

        try:
            found, whole = variables.read(text)
        except ValueError as error:
            self.note("workflow", f"was not read: {error}")
            return {}
        if not whole:
            self.note("workflow", "was cut or damaged; facts at its end may be missing")
        return found

    def _resolved(self, name: str, value: str) -> Argument:
        argument = resolve(value, root=self.root)
        if argument.note:
            self.note(name, argument.note)
        return argument

    def _cut(self, name: str, text: str, limit: int) -> str:
        if len(text) > limit:
            self.note(name, f"is {len(text)} characters long and was cut to {limit}")
        return text[:limit]

    def _pairs(self, name: str, text: str, *, by_line: bool) -> dict[str, str]:
        """A variable holds a pair in each line, if every line is one; a flag holds one, whose value may have lines."""
        from exitkit.argo import loosejson

        text = loosejson.from_base64(text.strip()) or text
        lines = text.strip().split("\n") if by_line else [text]
        if not all(_PAIR.match(line) for line in lines):
            lines = [text]
        pairs = [match for match in map(_PAIR.fullmatch, lines) if match]
        if pairs:
            return {match[1].strip(): match[2] for match in pairs}
        try:
            value, whole = loosejson.beginning(text)
        except ValueError as error:
            self.note(name, f"is no JSON and was not read: {error}")
            return {}
        if not whole:
            self.note(name, CUT)
        found = _named(value, name)
        if found is None:
            self.note(name, "is neither an object nor a list of names and values, and was not read")
        return found or {}


def _named(value: object, fact: str) -> dict[str, str] | None:
    """An object's members, or those of Argo's `[{"name": …, "value": …}]`; one whose value comes from elsewhere has none here."""
    from exitkit.argo import loosejson, variables

    if value is None:
        return {}
    if isinstance(value, dict):
        return {
            encodable(name): encodable(one)
            for name, one in variables.pairs(value, dotted=fact in variables.DOTTED).items()
        }
    if not isinstance(value, list):
        return None
    found: dict[str, str] = {}
    for one in value:
        if isinstance(one, dict) and isinstance(one.get("name"), str) and "value" in one:
            found[encodable(one["name"])] = encodable(loosejson.as_text(one["value"]))
    return found if found or not value or all(isinstance(one, dict) for one in value) else None


def _shown(text: str) -> str:
    """A value in a note: short, and on one line."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")

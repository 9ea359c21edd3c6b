"""What a step can go without: a mention or a recipient from a label that cannot be made must not cost the message."""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from exitkit import settings
from exitkit.action import Action
from exitkit.context import Context
from exitkit.settings.fields import keys, shape
from exitkit.text import redact


class Spared(NamedTuple):
    """Settings without what could not be made, a note for each text that was left out, and whether any text was empty."""

    given: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    empty: bool = False
    fields: frozenset[str] = frozenset()

    def excuses(self, path: settings.KeyPath) -> bool:
        """Whether a problem of the settings, by the path of keys to it, comes of what was left out."""
        return self.incomplete and (not path or path[0] in self.fields)

    @property
    def incomplete(self) -> bool:
        """Whether what is missing now is missing because of data."""
        return self.empty or bool(self.notes)


def without_unusable(action: type[Action], given: Mapping[str, Any], environ: Mapping[str, str], prefix: str) -> Spared:
    """The settings, of which those that the action can spare hold only what passes the action's own check.

    A single text that does not pass gives way to the environment's, and else to none.
    """
    checks = action.spare
    if not checks:
        return Spared(given)
    completed, _ = settings.complete(action, {}, environ, prefix)
    kept, notes, empty = dict(given), list[str](), False
    fields = {name: field for name, field in keys(action).items() if name in checks}
    for name, field in fields.items():
        for source in (given, completed):
            if name not in source:
                continue
            usable, unusable = _split(source[name], checks[name], several=shape(field) == "list")
            notes += [f"left out: {name} {words}" for words in unusable]
            kept[name] = usable or ([] if shape(field) == "list" else "")
            if usable:
                break
            empty = empty or not unusable
    return Spared(kept, tuple(notes), empty, frozenset(checks))


def with_notes(context: Context, notes: tuple[str, ...]) -> Context:
    """The context of a workflow of which this is noted as well, so that the message itself tells what it lacks."""
    if not notes:
        return context
    return replace(context, workflow=replace(context.workflow, notes=(*context.workflow.notes, *notes)))


def _split(value: Any, check: Callable[[str], object], *, several: bool) -> tuple[Any, list[str]]:
    """The value without what does not pass, and a note for each; what is neither text nor a list is pydantic's to judge.

    With `several`, a text that does not pass as a whole may be a list of which a part does.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return value, []
    usable, unusable = [], []
    for text in filter(str.strip, texts):
        if not (why := _wrong(text, check)):
            usable.append(text)
            continue
        pieces = _pieces(text) if several else [text]
        for piece in pieces:
            if wrong := why if len(pieces) == 1 else _wrong(piece, check):
                unusable.append(f"{redact.printable(redact.redact(piece), 100)!r} {wrong}")
            else:
                usable.append(piece)
    if isinstance(value, str) and not several:
        return value if usable else "", unusable
    return usable, unusable


def _pieces(text: str) -> list[str]:
    """What stands between separators; and between blanks, unless these are a name's before its address.

    A template that names a list makes JSON of it, and so may a parameter hold one.
    """
    if text.lstrip().startswith("["):
        with contextlib.suppress(ValueError):
            members = json.loads(text)
            if members and all(isinstance(one, str) and one.strip() for one in members):
                return [one.strip() for one in members]
    pieces = [piece.strip() for piece in re.split(r"[;,]", text) if piece.strip()]
    return [part for piece in pieces for part in ([piece] if "<" in piece else piece.split())] or [text]


def _wrong(text: str, check: Callable[[str], object]) -> str:
    try:
        check(text)
    except ValueError as error:
        return str(error)
    return ""

"""A plugin whose actions play every way in which an action can end; the tests put this folder on the path."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from exitkit import (
    Action,
    ActionError,
    ConfigError,
    Context,
    Exhausted,
    Message,
    Notify,
    Result,
    Retryable,
    Skip,
    Unknown,
)
from exitkit.message import Level
from exitkit.retry import sending
from exitkit.text.units import Bytes, Seconds

NUMBER = 7
STUCK = threading.Event()
"""Set by the test to let `play.stuck` go on."""
PLAYED: list[tuple[str, float, str]] = []
"""Step, the clock's seconds and why it ran, for each run that has begun."""


class Script(Action):
    """Play one way to end."""

    do: str = "ok"
    say: str = "played"
    seconds: Seconds = 0
    token: SecretStr | None = None
    size: Bytes = 0
    mood: Literal["calm", "loud"] = "calm"
    words: dict[str, str] = Field(default_factory=dict)

    def run(self, context: Context) -> Result:
        PLAYED.append((context.step, context.deadline.clock.monotonic(), context.because))
        if self.seconds:
            context.deadline.clock.sleep(self.seconds)
        return WAYS[self.do](self, context)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    width: int = 1
    names: list[str] = Field(default_factory=list)


class Kinds(Action):
    """Have a field of every kind of type."""

    text: str = "a"
    number: int = 1
    ratio: float = 0.5
    switch: bool = False
    maybe: bool | None = None
    choice: Literal["x", "y"] = "x"
    color: Color = Color.RED
    path: Path = Path()
    moment: datetime | None = None
    exact: Decimal = Decimal(0)
    pause: Seconds = 1
    room: Bytes = 1
    many: list[int] = Field(default_factory=list)
    couple: tuple[str, ...] = ()
    unique: frozenset[str] = frozenset()
    bare: list = Field(default_factory=list)  # type: ignore[type-arg]
    named: dict[str, int] = Field(default_factory=dict)
    secret: SecretStr | None = None
    mixed: int | list[int] = 0
    inner: Inner = Inner()
    inners: list[Inner] = Field(default_factory=list)
    table: dict[str, list[str]] = Field(default_factory=dict)
    anything: Any = None
    noted: Annotated[int | None, Field(ge=0)] = None

    def run(self, context: Context) -> Result:
        return Result("had all kinds", {"kinds": self.model_dump(mode="json")})


class Buggy(Action):
    """Have a check that breaks on the value 7."""

    value: int = 0

    @field_validator("value")
    @classmethod
    def _checked(cls, value: int) -> int:
        return {0: 0}[value]

    def run(self, context: Context) -> Result:
        return Result("fine")


class Stuck(Action):
    """Have a check that takes as long as the test wants."""

    text: str = ""

    @field_validator("text")
    @classmethod
    def _checked(cls, value: str) -> str:
        STUCK.wait(20)
        return value

    def run(self, context: Context) -> Result:
        return Result("came loose")


def _raise(error: BaseException) -> Result:
    raise error


def _send(*errors: ActionError | None) -> Callable[[Script, Context], Result]:
    """Send as often as asked to, with one of these verdicts each time; None is success."""

    def play(one: Script, context: Context) -> Result:
        verdicts: Iterator[ActionError | None] = iter(errors)

        def attempt() -> Result:
            sending()
            PLAYED.append(("sent", context.deadline.clock.monotonic(), ""))
            error = next(verdicts)
            if error is not None:
                raise error
            return Result(one.say)

        return context.retry(attempt)

    return play


def _hang(_: Script, context: Context) -> Result:
    context.deadline.clock.sleep(1e6)
    return Result("woke up")


def _hang_sent(one: Script, context: Context) -> Result:
    def attempt() -> Result:
        sending()
        return _hang(one, context)

    return context.retry(attempt)


class _Strange:
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Rude(Exception):
    def __str__(self) -> str:
        raise SystemExit(7)


class RudeFailure(ActionError):
    def __str__(self) -> str:
        raise SystemExit(7)


class _Wild(Mapping[str, object]):
    def __getitem__(self, key: str) -> object:
        raise RuntimeError

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


class MuteFailure(ActionError):
    def __init__(self) -> None:
        super().__init__("x")
        self.facts = _Wild()
        self.notes = _Wild()  # type: ignore[assignment]

    def __str__(self) -> str:
        raise RuntimeError


class Room(Notify):
    """Say it in a room."""

    token: str = ""

    def target(self) -> str:
        return "the room"

    def render(self, message: Message, level: Level, context: Context) -> Any:
        return message.as_text()

    def send(self, payload: Any, context: Context) -> Result:
        return Result("said", {"said": payload})


def _circle() -> dict[str, object]:
    found: dict[str, object] = {}
    found["self"] = found
    return found


_HALF: dict[str, Any] = {"facts": {"half": 1}, "notes": ("half of it is done",)}

WAYS: dict[str, Callable[[Script, Context], Any]] = {
    "ok": lambda one, _: Result(one.say, {"said": one.say, "deep": {"list": [1, None]}}),
    "see": lambda _, context: Result(",".join(f"{entry.step}={entry.outcome}" for entry in context.entries)),
    "dry": lambda _, context: Result("would play" if context.dry_run else "played for real"),
    "duplicate": lambda one, _: Result(one.say, duplicate=True),
    "fail": lambda one, _: _raise(ActionError(f"{one.say} failed", reason="client", **_HALF)),
    "unknown": lambda one, _: _raise(Unknown(f"{one.say} may be")),
    "exhausted": lambda one, _: _raise(Exhausted(f"{one.say} is used up", tries=3)),
    "retryable": lambda one, _: _raise(Retryable(f"{one.say} again", reason="server", **_HALF)),
    "config": lambda one, _: _raise(ConfigError(f"{one.say} is not set")),
    "skip": lambda _, __: _raise(Skip("nothing here")),
    "bug": lambda one, _: _raise(KeyError(one.say)),
    "exit": lambda _, __: sys.exit(0),
    "interrupt": lambda _, __: _raise(KeyboardInterrupt()),
    "none": lambda _, __: None,
    "strange": lambda _, __: Result(None, 7, (b"x", 1)),  # type: ignore[arg-type]
    "circle": lambda one, _: Result(one.say, {"circle": _circle(), "strange": _Strange(), "big": 10**5000}),
    "late": _send(Unknown("lost"), Unknown("lost"), None),
    "busy": _send(Retryable("503", reason="server"), Retryable("503", reason="server"), None),
    "never": _send(*[Unknown("lost")] * 100),
    "later": lambda one, context: context.retry(lambda: _raise(Retryable("503", reason="rate", after=float(one.say)))),
    "bug-mute": lambda _, __: _raise(Mute()),
    "fail-mute": lambda _, __: _raise(MuteFailure()),
    "bug-rude": lambda _, __: _raise(Rude()),
    "fail-rude": lambda _, __: _raise(RudeFailure("x")),
    "fail-long": lambda _, __: _raise(ActionError("x" * 1_000_000)),
    "long": lambda _, __: Result("x" * 1_000_000),
    "wild": lambda _, __: Result(_Strange(), _Wild(), _Wild()),  # type: ignore[arg-type]
    "endless": lambda _, __: Result("x", {str(number): number for number in range(20_000)}),
    "longwinded": lambda _, __: Result("x", {str(number): "x" * 100_000 for number in range(100)}),
    "hang": _hang,
    "hang-sent": _hang_sent,
}

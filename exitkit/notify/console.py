"""The message as text on the console: the channel that needs nothing."""

import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from exitkit import stdout
from exitkit.action import Result
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.message import Level, Message
from exitkit.notify import DRY_RUN_GIVES, Notify


class Console(Notify):
    """Print the message on the console."""

    gives: ClassVar[Mapping[str, str] | None] = DRY_RUN_GIVES

    stream: Literal["auto", "stdout", "stderr"] = Field(
        "auto", description="Where to print; auto is stdout on a terminal, else stderr, as stdout carries the report."
    )

    def target(self) -> str:
        return "the console"

    def render(self, message: Message, level: Level, context: Context) -> Any:  # noqa: ARG002 - one form serves all
        return message.as_text() if level in ("rich", "reduced", "text") else message.as_line()

    def send(self, payload: Any, context: Context) -> Result:  # noqa: ARG002 - the console has no deadline
        to_stdout = self.stream == "stdout" or (self.stream == "auto" and stdout.stream().isatty())
        stream = stdout.stream() if to_stdout else sys.stderr
        # A lone surrogate in a name must not cost the message.
        try:
            stream.write(payload.encode("utf-8", "backslashreplace").decode() + "\n\n")
            stream.flush()
        except (OSError, ValueError) as error:  # it is full, or closed
            name = "standard output" if to_stdout else "standard error"
            why = (getattr(error, "strerror", None) or "it is closed").lower()
            raise ActionError(f"{name} cannot be written: {why}", reason="client") from None
        return Result("printed")

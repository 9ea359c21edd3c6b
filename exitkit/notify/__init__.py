"""What every channel shares: the words, the ladder from rich to one line, and delivery once."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from pydantic import Field

from exitkit.action import Action, Result
from exitkit.context import Context
from exitkit.errors import ActionError, AnotherEnd
from exitkit.message import LEVELS, Level, Message, build
from exitkit.notify.delivery import PartialDelivery, deliver

_SECOND = "this may be a second copy: an earlier try may have arrived"


DRY_RUN_GIVES: Mapping[str, str] = MappingProxyType({"payload": "in a dry run what would be sent"})
"""The fact of every channel."""


class Refused(ActionError):
    """The channel does not take the message in this form; a simpler one may pass."""


class MessageSender(Protocol):
    """What sends in one run."""

    def send(self, payload: Any, context: Context) -> Result: ...


class Notify(Action):
    """A channel. It renders a message within its limits, and sends what it rendered."""

    lenient: ClassVar[bool] = True  # a message with a gap in it is better than none
    notifies: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    sends_again: ClassVar[bool] = True
    """Whether news of a failure goes out again that an earlier run may have sent, where nobody can tell: better twice
    than never. What rather does something than tells somebody is held."""

    title: str = Field("", description="The first line; by default the workflow's name and how it ended.")
    text: str = Field("", description="Your own words, below the summary.")
    facts: dict[str, str] = Field({}, description="More facts to show, as label and value.")
    link: str = Field("", description="Where the title leads; by default the workflow in the Argo UI.")

    @classmethod
    def wants_record(cls, given: Mapping[str, object]) -> bool:  # noqa: ARG003 - whatever is set
        return True

    @abstractmethod
    def target(self) -> str:
        """Where it goes, for people and without a secret: `Slack #ops`."""

    @abstractmethod
    def render(self, message: Message, level: Level, context: Context) -> Any:
        """The payload as JSON would show it, within the channel's limits and with everything escaped."""

    @abstractmethod
    def send(self, payload: Any, context: Context) -> Result:
        """Send one rendered payload, once. Raises Refused where a simpler form may be taken."""

    def open(self, context: Context) -> MessageSender:  # noqa: ARG002 - for those who remember more than their settings
        """What sends in this run; by default the channel itself, which remembers nothing between two tries."""
        return self

    def is_safe_to_resend(self) -> bool:
        """Whether the channel takes a second arrival of the same delivery for the first."""
        return False

    def finder(self, context: Context) -> Callable[[], Result | None] | None:  # noqa: ARG002 - for those who can
        """How to ask the channel whether this delivery has arrived, where it can be asked."""
        return None

    def run(self, context: Context) -> Result:
        past = context.compared()
        message = build(
            context.workflow,
            title=self.title,
            text=self.text,
            facts=self.facts,
            link=self.link,
            because=context.because,
            usual=past.usual if past else "",
            changed=past.changed if past else "",
        )
        if context.dry_run:
            payload = self.render(message, "rich", context)
            return Result(f"would notify {self.target()}", {"payload": payload})
        try:
            return self._deliver(message, context)
        except AnotherEnd:
            return self._deliver(message, replace(context, began=context.beginning))

    def _deliver(self, message: Message, context: Context) -> Result:
        sender = self.open(context)
        ladder = _Ladder(self, sender, message, context)
        return deliver(
            context,
            ladder.send,
            safe=self.is_safe_to_resend(),
            find=self.finder(context),
            part=sender if isinstance(sender, PartialDelivery) else None,
            again=self.sends_again and not message.good,
            flag=ladder.flag,
        )


class _Ladder:
    """From the richest form down to one line, and no way back up: a retry goes on where it was."""

    def __init__(self, channel: Notify, sender: MessageSender, message: Message, context: Context) -> None:
        self.channel, self.sender, self.message, self.context = channel, sender, message, context
        self.rung = 0
        self.refusals: list[str] = []

    def flag(self) -> None:
        """Say in the message that it may be there already."""
        if _SECOND not in self.message.notes:
            self.message = replace(self.message, notes=(_SECOND, *self.message.notes))

    def send(self) -> Result:
        while True:
            level = LEVELS[self.rung]
            payload = self.channel.render(self.message, level, self.context)
            try:
                result = self.sender.send(payload, self.context)
            except Refused as refused:
                self.refusals.append(str(refused))
                if self.rung + 1 == len(LEVELS):
                    raise
                self.rung += 1
                continue
            notes = (f"degraded to {level}: {self.refusals[-1]}",) if self.refusals else ()
            return Result(result.summary, result.facts, (*result.notes, *notes))

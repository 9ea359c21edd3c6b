"""CloudWatch Logs."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from exitkit.clients.aws import AWSAccess
from exitkit.context import Context
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.ship import Ship
from exitkit.ship.cloudwatch.client import Missing, Stream, TooBig
from exitkit.ship.pipeline.batch import Answer, Batch, Post, TooLarge
from exitkit.ship.pipeline.chunk import Chunk

_NAME = re.compile(r"[^:*]{1,512}")
_GROUP = re.compile(r"[A-Za-z0-9._/#-]{1,512}")
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_DAY = 24 * 3600 * 1000  # milliseconds that the events of one request may span
_OLDEST, _NEWEST = 14 * _DAY, _DAY // 12


class Cloudwatch(Ship):
    """Put records into a stream of CloudWatch Logs.

    CloudWatch keeps what comes twice twice; the id is in each event. It refuses events older than 14 days or the group's
    retention, and more than two hours from now; what it refuses goes to `dead_letter`. It needs logs:PutLogEvents and
    logs:CreateLogStream, and with `create_group` logs:CreateLogGroup.
    """

    # 1,048,576 bytes, of which each event takes 26 beside its text; ours have 40 around it.
    most_bytes: ClassVar[int] = 1_000_000
    most_records: ClassVar[int] = 10_000
    separator: ClassVar[str] = ","

    group: str = Field(description="The log group.")
    stream: str = Field("", description="The log stream; by default the workflow's name and uid.")
    create_group: bool = Field(False, description="Make the group if there is none; the stream is always made.")
    format: Literal["json", "text"] = Field("json", description="Whether an event is all of a record or its message.")
    endpoint_url: str = Field("", description="The service, if it is not AWS's.")
    region: str = Field("", description="The region, if it is not that of the environment.")
    profile: str = Field("", description="A profile of the AWS configuration.")
    ca_file: Path | None = Field(None, description="The authorities that the service's certificate is checked with.")
    concurrency: int = Field(2, ge=1, le=16, description="Requests at a time.")

    @field_validator("group")
    @classmethod
    def _is_a_group(cls, group: str) -> str:
        if not _GROUP.fullmatch(group):
            raise ValueError("is no log group: letters, digits and . _ / # -")
        return group

    @field_validator("stream")
    @classmethod
    def _is_a_stream(cls, stream: str) -> str:
        if stream and not _NAME.fullmatch(stream):
            raise ValueError("is no log stream: it holds a colon or an asterisk, or has more than 512 characters")
        return stream

    @property
    def in_flight(self) -> int:
        return self.concurrency

    def target(self) -> str:
        return f"CloudWatch group {self.group}"

    def encode(self, chunk: Chunk) -> Sequence[str]:
        texts = [one.rstrip("\n") for one in chunk.lines] if self.format == "json" else chunk.messages
        # An event has to have a text.
        quoted = json.dumps([one or " " for one in texts], ensure_ascii=False, separators=("\n", ":"))[1:-1].split("\n")
        return [
            f'{{"timestamp":{time // 1_000_000},"message":{text}}}'
            for time, text in zip(chunk.times, quoted, strict=True)
        ]

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        ca_file = str(self.ca_file) if self.ca_file else None
        access = AWSAccess(region=self.region, profile=self.profile, endpoint_url=self.endpoint_url, ca_file=ca_file)
        name = self.stream or f"{context.workflow.name or 'workflow'}/{context.workflow.uid or 'unknown'}"
        stream = Stream(self.group, re.sub(r"[:*]", "_", name)[:512], access, self.concurrency)
        making = threading.Lock()
        made: list[bool] = []

        def put(events: Sequence[str]) -> tuple[int, int | None]:
            before = len(made)
            try:
                found = stream.put(events)
            except Missing:
                with making:
                    if len(made) == before:  # else another request found the same and made it meanwhile
                        stream.create(group=self.create_group)
                        made.append(True)
                found = stream.put(events)
            except TooBig as error:
                raise TooLarge(str(error), reason="client") from None
            return max(found.old, found.expired), found.new

        try:
            yield lambda batch: _posted(batch, put, int(context.deadline.clock.time() * 1000))
        finally:
            stream.close()


def _posted(batch: Batch, put: Callable[[Sequence[str]], tuple[int, int | None]], now: int) -> Answer:
    """The batch in the order of its times, in requests that span no more than a day."""
    times = [time // 1_000_000 for chunk in batch.chunks for time in chunk.times]
    items = [item for part in batch.parts for item in part.texts]
    rejected = {}
    order = sorted(range(len(items)), key=times.__getitem__)
    for place in order:
        if times[place] < now - _OLDEST:
            rejected[place] = "older than 14 days"
        elif times[place] > now + _NEWEST:
            rejected[place] = "more than two hours from now"
    left = [place for place in order if place not in rejected]
    begun = False
    while left:
        end = next((n for n, place in enumerate(left) if times[place] - times[left[0]] >= _DAY), len(left))
        some = left[:end]
        try:
            old, new = put([items[place] for place in some])
        except ActionError as error:
            if not begun:
                raise
            return _stopped(error, rejected, some, left[end:])
        begun, left = True, left[end:]
        rejected |= dict.fromkeys(some[:old], "too old for the group")
        if new is not None:
            rejected |= dict.fromkeys(some[new:], "too far from now")
    return Answer(rejected=rejected)


def _stopped(error: ActionError, rejected: Mapping[int, str], sent: Sequence[int], left: Sequence[int]) -> Answer:
    """What is known where one of several requests failed: those before it have arrived, and are not to be sent again."""
    again = dict.fromkeys(left, str(error))
    if isinstance(error, Unknown):
        return Answer(rejected=rejected, again=again, unknown=sent, why=str(error))
    after = error.after if isinstance(error, Retryable) else None
    again |= dict.fromkeys(sent, str(error))
    return Answer(rejected=rejected, again=again, after=after, slow=error.reason == "rate")

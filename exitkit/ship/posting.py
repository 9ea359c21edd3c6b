"""A target that takes batches by HTTP POST."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, ClassVar

from isal import igzip
from pydantic import Field

from exitkit.clients.http import Client, Response, Timeouts
from exitkit.clients.http.endpoint import EndpointSettings
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.settings.fields import ADDRESS
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Answer, Batch, BatchRefused, BatchSender, Post, TooLarge

_LONGEST_ANSWER = 16 << 20  # bytes; _bulk tells of every record, some 200 bytes each


class HTTPShip(EndpointSettings, Ship):
    """A target that takes batches by HTTP POST."""

    name: ClassVar[str]
    """What people call it: `Loki`."""

    path: ClassVar[str] = ""
    """What is added to a URL that has no path."""

    content_type: ClassVar[str] = "application/json"

    url: Annotated[str, ADDRESS] = Field(description="Where it is, such as https://logs.example:3100.")
    gzip: bool = Field(True, description="Compress what is sent.")
    concurrency: int = Field(
        4,
        ge=1,
        le=64,
        description="Requests at a time; each holds batch_bytes, and the same once more while it is packed.",
    )

    @property
    def in_flight(self) -> int:
        return self.concurrency

    def target(self) -> str:
        return f"{self.name} at {place(self.url)}"

    def endpoint(self) -> str:
        """The URL that batches are posted to."""
        return self.at(self.path)

    def headers_of(self, batch: Batch) -> dict[str, str]:  # noqa: ARG002 - for those that tell something of it
        """What the headers say of one batch."""
        return {}

    def signed(self, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - most sign nothing
        """The headers with a signature of the request, for a target that wants one."""
        return headers

    def client(self, context: Context) -> Client:
        """What asks the target; to be closed. A request is bounded by its attempt alone."""
        seconds = context.retry.terms.attempt_timeout
        return Client(
            ca_file=self.authorities(),
            client_cert=self.certificate(),
            connections=self.concurrency,
            timeout=Timeouts(read=seconds),
        )

    @abstractmethod
    def body(self, batch: Batch) -> bytes:
        """The whole of a request's body."""

    @abstractmethod
    def answer(self, response: Response, batch: Batch) -> Answer:
        """What the target said. Raises Retryable, Unknown, ActionError, BatchRefused."""

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        with self.client(context) as client:
            yield HTTPPosting(self, client)


class HTTPPosting(BatchSender):
    """What posts the batches of one run. A target that keeps something for a run has a kind of its own."""

    def __init__(self, target: HTTPShip, client: Client) -> None:
        super().__init__()
        self.target, self.client = target, client
        self.url, self.what = target.endpoint(), f"shipping to {target.target()}"
        self.is_safe = target.is_safe_to_resend()
        self._headers = {"Content-Type": target.content_type, **target.credentials(), **target.own_headers()}

    def headers(self) -> Mapping[str, str]:
        """The headers of the next request. Raises Retryable and ActionError where they cannot be had."""
        return self._headers

    def __call__(self, batch: Batch) -> Answer:
        target = self.target
        data, headers = target.body(batch), {**self.headers(), **target.headers_of(batch)}
        if target.gzip:
            data, headers["Content-Encoding"] = igzip.compress(data, 1), "gzip"
        headers = dict(target.signed(self.url, headers, data))
        response = self.client.request(
            "POST",
            self.url,
            what=self.what,
            headers=headers,
            body=data,
            limit=_LONGEST_ANSWER,
            idempotent=self.is_safe,
        )
        if response.status == 413:
            raise TooLarge(f"413 content too large: {response.excerpt}", reason="client")
        return self.answer(response, batch)

    def answer(self, response: Response, batch: Batch) -> Answer:
        """What the target said; see `HTTPShip.answer`."""
        return self.target.answer(response, batch)


def refused(response: Response) -> BatchRefused:
    """All of a batch is refused for what is in it."""
    return BatchRefused(f"{response.status}: {response.excerpt}", reason="client")

"""A target that takes batches by HTTP POST."""

from abc import abstractmethod
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ClassVar

from isal import igzip
from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.clients.http import Client, Response, Timeouts, check_url
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.settings.fields import ADDRESS, Headers
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Answer, Batch, BatchRefused, BatchSender, Post, TooLarge

_LONGEST_ANSWER = 16 << 20  # bytes; _bulk tells of every record, some 200 bytes each


class HTTPShip(Ship):
    """A target that takes batches by HTTP POST."""

    name: ClassVar[str]
    """What people call it: `Loki`."""

    path: ClassVar[str] = ""
    """What is added to a URL that has no path."""

    content_type: ClassVar[str] = "application/json"

    url: Annotated[str, ADDRESS] = Field(description="Where it is, such as https://logs.example:3100.")
    headers: Headers = Field({}, description="More headers; the values of those that authenticate are kept secret.")
    username: str = Field("", description="A name for the header Authorization: Basic.")
    password: SecretStr | None = Field(None, description="The password that goes with it.")
    bearer: SecretStr | None = Field(None, description="A token for the header Authorization: Bearer.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    client_cert: Path | None = Field(None, description="A certificate that tells who sends, in PEM.")
    client_key: Path | None = Field(None, description="Its key, if it is not in the same file.")
    gzip: bool = Field(True, description="Compress what is sent.")
    concurrency: int = Field(
        4,
        ge=1,
        le=64,
        description="Requests at a time; each holds batch_bytes, and the same once more while it is packed.",
    )

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        try:
            check_url(url)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("holds a name or password: give username and password by themselves")
        return url

    @model_validator(mode="after")
    def _one_authorization(self) -> "HTTPShip":
        own = any(name.lower() == "authorization" for name in self.headers)
        if (self.bearer is not None) + bool(self.username or self.password) + own > 1:
            raise ValueError("give one of bearer, username with password, and the header Authorization")
        if self.client_key and not self.client_cert:
            raise ValueError("client_key needs client_cert")
        return self

    @property
    def in_flight(self) -> int:
        return self.concurrency

    def target(self) -> str:
        return f"{self.name} at {place(self.url)}"

    def endpoint(self) -> str:
        """The URL that batches are posted to."""
        scheme, _, rest = self.url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host}{self.path}" if not path else f"{scheme}://{host}{slash}{path}"

    def credentials(self) -> dict[str, str]:
        """The headers that say who sends it."""
        if self.bearer is not None:
            return {"Authorization": f"Bearer {self.bearer.get_secret_value()}"}
        if self.username or self.password:
            secret = self.password.get_secret_value() if self.password else ""
            return {"Authorization": f"Basic {b64encode(f'{self.username}:{secret}'.encode()).decode()}"}
        return {}

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
            ca_file=str(self.ca_file) if self.ca_file else None,
            client_cert=_certificate(self.client_cert, self.client_key),
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
        own = {name: value.get_secret_value() for name, value in target.headers.items()}
        self._headers = {"Content-Type": target.content_type, **target.credentials(), **own}

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


def is_page(response: Response) -> bool:
    """Whether it is a page for people, as of a gateway that wants somebody to log in; no target answers with one."""
    return response.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower().startswith((b"<!doctype", b"<html"))


def _certificate(certificate: Path | None, key: Path | None) -> str | tuple[str, str] | None:
    if certificate is None:
        return None
    return (str(certificate), str(key)) if key else str(certificate)

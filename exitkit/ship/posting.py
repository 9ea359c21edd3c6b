"""A target that takes batches by HTTP POST."""

from abc import abstractmethod
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from isal import igzip
from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.clients.http import Client, Response, check_url
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Answer, Batch, Post, TooLarge

_LONGEST_ANSWER = 16 << 20  # bytes; _bulk tells of every record, some 200 bytes each


class HTTPShip(Ship):
    """A target that takes batches by HTTP POST."""

    name: ClassVar[str]
    """What people call it: `Loki`."""

    path: ClassVar[str] = ""
    """What is added to a URL that has no path."""

    content_type: ClassVar[str] = "application/json"

    url: str = Field(description="Where it is, such as https://logs.example:3100.")
    headers: dict[str, SecretStr] = Field({}, description="More headers; their values are kept secret.")
    username: str = Field("", description="A name for the header Authorization: Basic.")
    password: SecretStr | None = Field(None, description="The password that goes with it.")
    bearer: SecretStr | None = Field(None, description="A token for the header Authorization: Bearer.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    gzip: bool = Field(True, description="Compress what is sent.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests at a time.")

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

    def client(self) -> Client:
        """What asks the target; to be closed."""
        return Client(ca_file=str(self.ca_file) if self.ca_file else None, connections=self.concurrency)

    @abstractmethod
    def body(self, batch: Batch) -> bytes:
        """The whole of a request's body."""

    @abstractmethod
    def answer(self, response: Response, batch: Batch) -> Answer:
        """What the target said. Raises Retryable, Unknown, ActionError, TooLarge."""

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:  # noqa: ARG002 - a request is bounded by its attempt
        given = {name: value.get_secret_value() for name, value in self.headers.items()}
        headers: Mapping[str, str] = {"Content-Type": self.content_type, **self.credentials(), **given}
        url, what, safe = self.endpoint(), f"shipping to {self.target()}", self.is_safe_to_resend()
        with self.client() as client:

            def post(batch: Batch) -> Answer:
                data, packed = self.body(batch), {**headers, **self.headers_of(batch)}
                if self.gzip:
                    data, packed["Content-Encoding"] = igzip.compress(data, 1), "gzip"
                response = client.request(
                    "POST", url, what=what, headers=packed, body=data, limit=_LONGEST_ANSWER, idempotent=safe
                )
                if response.status == 413:
                    raise TooLarge(f"413 content too large: {response.excerpt}", reason="client")
                return self.answer(response, batch)

            yield post


def refused(response: Response, batch: Batch) -> Answer:
    """All of a batch is refused for what is in it."""
    why = f"{response.status}: {response.excerpt}"
    return Answer(rejected=dict.fromkeys(range(len(batch)), why))

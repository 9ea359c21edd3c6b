"""What every target shares: what is shipped, and the limits within which it goes."""

from abc import abstractmethod
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from isal import igzip
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from exitkit import sources
from exitkit.action import Action, Result
from exitkit.batch import Answer, Batch, Items, Post, TooLarge
from exitkit.chunk import Chunk

# By their names, because the package's own `http` is the action ship.http once that is imported.
from exitkit.clients.http import Client, Response, check_url
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.rehearsal import rehearse
from exitkit.shipment import Shipment
from exitkit.units import Seconds

__all__ = ["Answer", "Batch", "HTTPShip", "Items", "Post", "Ship", "TooLarge", "refused"]

_LONGEST_ANSWER = 16 << 20  # bytes; _bulk tells of every record, some 200 bytes each


class Ship(Action):
    """A target. It encodes records and posts batches of them, within its limits."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    from_: list[str] = Field(
        ["status"],
        alias="from",
        min_length=1,
        description="What is shipped: status is how the workflow ended and each failure, pods their logs by the "
        "Kubernetes API, archive the logs that Argo archived, stdin what is piped in, dead-letter what an earlier run "
        "could not ship, an absolute path or glob the lines of files.",
    )
    only: Literal["all", "failed"] = Field("all", description="Whether the logs of all pods go or of failed ones.")
    containers: list[str] = Field(["main"], description="The containers whose logs go; with none of all.")
    tail: int = Field(0, ge=0, description="Only so many of the last lines of each log; 0 means all.")
    since: Seconds = Field(0.0, description="Only what pods wrote in the last so long; 0 means all.")
    archive: str = Field(
        "",
        description="The artifact repository: s3://bucket or gs://bucket. Its keys are told by the workflow's nodes, for "
        "which the account needs get on workflows, and else looked for below the workflow's name; with a prefix, such "
        "as s3://bucket/logs/, all below it is taken.",
    )
    kubeconfig: Path | None = Field(None, description="A kubeconfig, where not the pod's service account asks.")
    dead_letter: str = Field(
        "/tmp/exitkit/dead-letter.ndjson",  # noqa: S108 - the pod's own folder; links are not followed
        description="A file that keeps what the target refuses for good; empty for none.",
    )

    most_bytes: ClassVar[int] = 1 << 20
    """Encoded bytes of a batch, as far as the target documents a limit."""

    most_records: ClassVar[int] = 1000

    separator: ClassVar[str] = ""
    """What stands between two encoded records of one chunk."""

    by_source: ClassVar[bool] = False
    """Whether a batch holds records of one source only: for a target that does not say which record it refused."""

    @property
    def in_flight(self) -> int:
        """How many batches are sent at a time; with more than one, the post is called from several threads."""
        return 1

    @abstractmethod
    def target(self) -> str:
        """Where it goes, for people and without a secret: `Loki at logs.example`."""

    @abstractmethod
    def encode(self, chunk: Chunk) -> Items:
        """Each of its records in the target's form; as bytes only where `separator` is empty."""

    @abstractmethod
    def open(self, context: Context) -> AbstractContextManager[Post]:
        """What posts the batches of one run, and is closed after the last one.

        A target that keeps nothing open gives `nullcontext(post)`.
        """

    def acknowledged(self, context: Context, acks: Collection[int]) -> Iterator[int]:  # noqa: ARG002 - most have none
        """The acknowledgements that answers told of, as they come. Raises ActionError when one does not."""
        return iter(())

    def is_safe_to_resend(self) -> bool:
        """Whether the target takes a second arrival of a record for the first."""
        return False

    @field_validator("from_")
    @classmethod
    def _are_sources(cls, names: list[str]) -> list[str]:
        return [sources.check(one) for one in names]

    @field_validator("dead_letter")
    @classmethod
    def _is_a_file(cls, path: str) -> str:
        if path and (not path.startswith("/") or ".." in path.split("/") or path.endswith("/") or "\0" in path):
            raise ValueError("is the absolute path of a file, without '..'")
        return path

    @field_validator("archive")
    @classmethod
    def _is_a_repository(cls, url: str) -> str:
        return sources.check_archive(url)

    @model_validator(mode="after")
    def _has_an_archive(self) -> "Ship":
        if "archive" in self.from_ and not self.archive:
            raise ValueError("from: archive needs the artifact repository in archive")
        return self

    @model_validator(mode="after")
    def _has_dead_letters(self) -> "Ship":
        if "dead-letter" in self.from_ and not self.dead_letter:
            raise ValueError("from: dead-letter needs the file dead_letter")
        return self

    def run(self, context: Context) -> Result:
        if "pods" in self.from_ and not (context.workflow.name and context.workflow.namespace):
            raise ConfigError("the workflow's name and namespace are not known, so its pods cannot be found")
        if "archive" in self.from_ and not context.workflow.name:
            raise ConfigError("the workflow's name is not known, so its archived logs cannot be found")
        found = sources.sources(self, context)
        if context.dry_run:
            return rehearse(self, found, context)
        return Shipment(self, context, self.dead_letter).ship(found)


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

"""Any HTTP endpoint: our own JSON, a CloudEvent, or a body of the user's."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.action import Result
from exitkit.clients import http
from exitkit.clients.http.response import is_page
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.message import Level, Message
from exitkit.notify import DRY_RUN_GIVES, Notify, Refused
from exitkit.notify.webhook import event
from exitkit.settings.fields import ADDRESS, Headers, as_value_error

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5
# What HTTP itself, or the rest of the settings, has to say.
_OURS = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
}
# What receivers answer to a body that they do not take.
_REFUSED = (400, 413, 422)


class Webhook(Notify):
    """Send JSON to any HTTP endpoint, signed by the rules of Standard Webhooks if it has a secret.

    The headers `webhook-id` and `Idempotency-Key` hold the same id in every run for the same end of the same workflow.
    """

    gives: ClassVar[Mapping[str, str] | None] = {
        **DRY_RUN_GIVES,
        "status": "the HTTP status of the answer",
        "id": "the id of what was sent, the same in every run for the same end",
    }

    sends_again: ClassVar[bool] = False  # who takes it is a program, which may do something for each arrival

    url: Annotated[SecretStr, ADDRESS] = Field(
        description="Where to send it; it is kept secret, as it may hold a token."
    )
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="The HTTP method.")
    format: Literal["json", "cloudevents"] = Field(
        "json", description="The body as it is, or inside a CloudEvent 1.0 (application/cloudevents+json)."
    )
    body: Any | None = Field(
        None, description="A body of your own, of any structure, in place of ours; text is sent as text/plain."
    )
    headers: Headers = Field({}, description="More headers; the values of those that authenticate are kept secret.")
    bearer: SecretStr | None = Field(None, description="A token for the header Authorization: Bearer.")
    secret: SecretStr | None = Field(
        None, description="The key to sign with by the rules of Standard Webhooks: whsec_ and base64, or any text."
    )
    idempotent: bool | None = Field(
        None,
        description="Whether the receiver takes a second arrival of one webhook-id for the first, so that what is in "
        "doubt is sent again; by default with a secret, a CloudEvent or PUT, whose rules say so.",
    )
    ok: list[int] = Field(
        [], description="The statuses that are a success; by default 200 to 299, but for a page that is for people."
    )
    ca_file: str = Field("", description="Certificates to trust, in PEM, in place of the system's.")
    client_cert: str = Field("", description="A file with the certificate that tells who sends, in PEM.")
    client_key: str = Field("", description="The file with its key, if that is another one.")

    @field_validator("url")
    @classmethod
    def _reachable(cls, value: SecretStr) -> SecretStr:
        with as_value_error():
            http.check_url(value.get_secret_value())
        return value

    @field_validator("body")
    @classmethod
    def _writable(cls, value: Any | None) -> Any | None:
        try:
            event.encode(value)
        except (TypeError, ValueError, RecursionError):
            raise ValueError("cannot be written as JSON") from None
        return value

    @field_validator("headers")
    @classmethod
    def _sound(cls, values: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in values.items():
            if not _NAME.fullmatch(name):
                raise ValueError("the name of a header holds letters, digits and hyphens")
            if name.lower() in _OURS:
                raise ValueError(f"the header {name} is not for you to set")
            if not _VALUE.fullmatch(value.get_secret_value()):
                raise ValueError(f"the header {name} holds a line end or a character outside Latin-1")
        return values

    @field_validator("secret")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            event.key(value.get_secret_value())
        return value

    @field_validator("ok")
    @classmethod
    def _statuses(cls, values: list[int]) -> list[int]:
        if not all(100 <= value <= 599 for value in values):
            raise ValueError("a status is a number from 100 to 599")
        return values

    @model_validator(mode="after")
    def _a_key_has_its_certificate(self) -> "Webhook":
        if self.client_key and not self.client_cert:
            raise ValueError("client_key needs client_cert")
        return self

    @model_validator(mode="after")
    def _one_authorization(self) -> "Webhook":
        if self.bearer is not None:
            if any(name.lower() == "authorization" for name in self.headers):
                raise ValueError("give bearer or the header Authorization, not both")
            if not re.fullmatch(r"[\x21-\x7e]+", self.bearer.get_secret_value()):
                raise ValueError("bearer holds a space or a character outside ASCII")
        return self

    def target(self) -> str:
        return f"the webhook at {place(self.url.get_secret_value())}"

    def render(self, message: Message, level: Level, context: Context) -> Any:
        data = event.plain(self.body) if self.body is not None else event.data(message, level, context)
        return event.cloudevent(data, context) if self.format == "cloudevents" else data

    def send(self, payload: Any, context: Context) -> Result:
        what, body = self.target(), event.encode(payload)
        response = http.request(
            self.method,
            self.url.get_secret_value(),
            what=what,
            headers=self._headers(payload, body, context),
            body=body,
            idempotent=self.is_safe_to_resend(),
            ca_file=self.ca_file or None,
            client_cert=(self.client_cert, self.client_key) if self.client_key else self.client_cert or None,
        )
        ok = self.ok or range(200, 300)
        # A body of the user's has no simpler form.
        if response.status in _REFUSED and response.status not in ok and self.body is None:
            raise Refused(f"{what}: answered {response.status}: {response.excerpt}", reason="client")
        safe = self.is_safe_to_resend()
        http.check(response, what, ok=ok, idempotent=safe, now=context.deadline.clock.time)
        if not self.ok and is_page(response):
            told = f"answered {response.status} with a page for people: is there a login before it? else list the status in ok"
            raise ActionError(f"{what}: {told}", reason="client")
        return Result(f"sent to {what}", {"status": response.status, "id": context.delivery})

    def is_safe_to_resend(self) -> bool:
        if self.idempotent is not None:
            return self.idempotent
        return self.secret is not None or self.format == "cloudevents" or self.method == "PUT"

    def _headers(self, payload: Any, body: bytes, context: Context) -> dict[str, str]:
        kind = "text/plain; charset=utf-8" if isinstance(payload, str) else "application/json"
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8" if self.format == "cloudevents" else kind,
            "Idempotency-Key": context.delivery,
        }
        given = {name: value.get_secret_value() for name, value in self.headers.items()}
        replaced = {name.lower() for name in given}
        headers = {name: value for name, value in headers.items() if name.lower() not in replaced} | given
        headers["webhook-id"] = context.delivery
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer.get_secret_value()}"
        if self.secret is not None:
            at = int(context.deadline.clock.time())
            headers["webhook-timestamp"] = str(at)
            headers["webhook-signature"] = event.signature(self.secret.get_secret_value(), context.delivery, at, body)
        return headers

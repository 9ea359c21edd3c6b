"""E-mail by SMTP, as plain text and HTML."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from exitkit.action import Result
from exitkit.context import Context
from exitkit.message import Level, Message
from exitkit.notify import DRY_RUN_GIVES, Notify
from exitkit.notify.email import mail
from exitkit.notify.email.addresses import parse_address, parse_addresses
from exitkit.notify.email.posting import MailPosting, recipients
from exitkit.settings.fields import ADDRESS

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST = 100  # recipients of one mail, which every server takes (RFC 5321, 4.5.3.1.8)


def _addresses(text: str) -> str:
    parse_addresses(text)
    return text


class Email(Notify):
    """Send an e-mail through an SMTP server.

    All recipients get one message. Its Message-ID is the same in every run for the same end of the same workflow, and
    many mailboxes show a second arrival only once; but no server promises it, so that what is in doubt is sent again
    only where `retry.resend` says so. A mail taken for some recipients is a success that names the others.
    """

    gives: ClassVar[Mapping[str, str] | None] = {
        **DRY_RUN_GIVES,
        "message_id": "the Message-ID",
        "recipients": "the addresses that the server took",
        "refused": "why, by address, for those that it did not take",
    }

    spare: ClassVar[Mapping[str, Callable[[str], object]]] = {
        "to": parse_addresses,
        "cc": parse_addresses,
        "reply_to": parse_address,
    }

    host: Annotated[str, ADDRESS] = Field(min_length=1, description="The SMTP server.")
    port: int | None = Field(None, ge=1, le=65535, description="Its port; by default 587, 465 or 25, as tls says.")
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls", description="How the connection is encrypted; starttls fails where the server does not offer it."
    )
    ca_file: str = Field("", description="Certificates to trust, in PEM, in place of the system's.")
    username: str = Field("", description="The name to log in with; without one nobody logs in.")
    password: SecretStr | None = Field(None, description="The password of username.")
    token: SecretStr | None = Field(None, description="An OAuth 2 access token of username, in place of a password.")
    sender: Annotated[str, ADDRESS] = Field(description="The address it comes from, such as Argo <argo@example.com>.")
    to: Annotated[list[Annotated[str, AfterValidator(_addresses)]], ADDRESS] = Field(
        min_length=1, max_length=100, description="The recipients; each text may hold several, by comma or semicolon."
    )
    cc: Annotated[list[Annotated[str, AfterValidator(_addresses)]], ADDRESS] = Field(
        [], max_length=100, description="The recipients of a copy."
    )
    reply_to: Annotated[str, ADDRESS] = Field("", description="Where answers go, if not to the sender.")

    hello: str = Field(
        "",
        pattern=r"^[A-Za-z0-9.:\[\]-]{0,255}$",
        description="The name that this side says in EHLO; by default the host's name if that is a full one, else its address.",
    )

    @model_validator(mode="before")
    @classmethod
    def _host_and_port(cls, values: Any) -> Any:
        """`host: mail.example.com:25`, and a single text where a list is wanted."""
        if not isinstance(values, dict):
            return values
        values = {
            key: [value] if key in ("to", "cc") and isinstance(value, str) else value for key, value in values.items()
        }
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", str(values.get("host") or "").strip())
        if match and (match[2] or match[1].startswith("[")):
            if match[2] and str(values.get("port") or match[2]) != match[2]:
                raise ValueError(f"host names the port {match[2]}, and port is another one")
            values |= {"host": match[1].strip("[]")} | ({"port": int(match[2])} if match[2] else {})
        return values

    @field_validator("sender", "reply_to")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value:
            parse_address(value)
        return value

    @model_validator(mode="after")
    def _login(self) -> "Email":
        if not self.sender:
            raise ValueError("sender is missing")
        if len(recipients(self)) > _MOST:
            raise ValueError(f"has more than {_MOST} recipients; use a list's address")
        if self.password is not None and self.token is not None:
            raise ValueError("give a password or a token, not both")
        if (self.password or self.token) and not self.username:
            raise ValueError("a password or a token needs a username")
        if self.username and not (self.password or self.token):
            raise ValueError("username needs a password or a token; leave it out for a server that wants no login")
        if self.username and self.tls == "none" and self.host not in _LOOPBACK:
            raise ValueError("a login without tls would be readable by all; set tls, or leave username out")
        return self

    def target(self) -> str:
        others = len(recipients(self)) - 1
        return f"{recipients(self)[0]}{f' and {others} more' if others else ''} by {self.host}"

    def render(self, message: Message, level: Level, context: Context) -> Any:
        label = "Open in Argo" if message.link == context.workflow.url else "Open"
        return {"subject": message.title, **mail.bodies(message, level, label)}

    def open(self, context: Context) -> "MailPosting":
        return MailPosting(self, context)

    def send(self, payload: Any, context: Context) -> Result:
        return self.open(context).send(payload, context)

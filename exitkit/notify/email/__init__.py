"""E-mail by SMTP, as plain text and HTML."""

from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from exitkit.action import Result
from exitkit.context import Context
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.message import Level, Message
from exitkit.notify import Notify, Refused
from exitkit.notify.email import mail, smtp

_PORTS = {"starttls": 587, "implicit": 465, "none": 25}  # RFC 8314, 3.3 and RFC 5321
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Email(Notify):
    """Send an e-mail through an SMTP server.

    All recipients get one message. Its Message-ID is the same in every run for the same end of the same workflow, and
    many mailboxes show a second arrival only once; but no server promises it, so that what is in doubt is sent again
    only where `retry.resend` says so. A mail taken for some recipients is a success that names the others.
    """

    host: str = Field(min_length=1, description="The SMTP server.")
    port: int | None = Field(None, ge=1, le=65535, description="Its port; by default 587, 465 or 25, as tls says.")
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls", description="How the connection is encrypted; starttls fails where the server does not offer it."
    )
    ca_file: str = Field("", description="Certificates to trust, in PEM, in place of the system's.")
    username: str = Field("", description="The name to log in with; without one nobody logs in.")
    password: SecretStr | None = Field(None, description="The password of username.")
    token: SecretStr | None = Field(None, description="An OAuth 2 access token of username, in place of a password.")
    sender: str = Field(description="The address it comes from, such as Argo <argo@example.com>.")
    to: list[str] = Field(min_length=1, max_length=100, description="The recipients.")
    cc: list[str] = Field([], max_length=100, description="The recipients of a copy.")
    reply_to: str = Field("", description="Where answers go, if not to the sender.")

    # What has become of the recipients, by delivery: a retry is for those still waiting.
    _told: dict[str, dict[str, str]] = PrivateAttr(default_factory=dict)

    @field_validator("sender", "reply_to")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value:
            mail.parse_address(value)
        return value

    @field_validator("to", "cc")
    @classmethod
    def _addresses(cls, values: list[str]) -> list[str]:
        for value in values:
            mail.parse_address(value)
        return values

    @model_validator(mode="after")
    def _login(self) -> "Email":
        if not self.sender:
            raise ValueError("sender is missing")
        if self.password is not None and self.token is not None:
            raise ValueError("give a password or a token, not both")
        if (self.password or self.token) and not self.username:
            raise ValueError("a password or a token needs a username")
        if (self.password or self.token) and self.tls == "none" and self.host not in _LOOPBACK:
            raise ValueError("a login without tls would be readable by all; set tls, or leave username out")
        return self

    def target(self) -> str:
        others = len(self.to) + len(self.cc) - 1
        more = f" and {others} more" if others else ""
        return f"{mail.parse_address(self.to[0]).address}{more} by {self.host}"

    def render(self, message: Message, level: Level, context: Context) -> Any:
        label = "Open in Argo" if message.link == context.workflow.url else "Open"
        return {"subject": message.title, **mail.bodies(message, level, label)}

    def send(self, payload: Any, context: Context) -> Result:
        content = mail.build(payload["subject"], payload, self._envelope(context))
        told = self._told.setdefault(context.delivery, {})
        waiting = [one for one in self._recipients() if one not in told]
        if not waiting:  # an attempt that was given up has come through after all
            return self._result(told, context)
        try:
            sent = smtp.send(
                content,
                sender=mail.parse_address(self.sender).address,
                recipients=waiting,
                server=self._server(),
                what="e-mail",
            )
        except smtp.TooLarge as error:
            raise Refused(str(error), reason=error.reason) from error
        except (Retryable, Unknown):
            raise
        except ActionError as error:
            if "" not in told.values():
                raise
            sent = smtp.Sent(refused=dict.fromkeys(waiting, str(error)))  # others have it since an earlier try
        told.update({one: sent.refused.get(one, "") for one in waiting if one not in sent.deferred})
        if sent.deferred:
            rest = "; ".join(f"{one}: {said}" for one, said in sent.deferred.items())
            raise Retryable(
                f"e-mail: taken for {len(told)} recipients, and not yet for {rest}", reason="server", later=True
            )
        return self._result(told, context)

    def _result(self, told: dict[str, str], context: Context) -> Result:
        taken = [one for one, said in told.items() if not said]
        refused = {one: said for one, said in told.items() if said}
        facts = {"message_id": f"<{self._envelope(context).identity}>", "recipients": taken, "refused": refused}
        notes = tuple(f"not sent to {one}: {said}" for one, said in refused.items())
        return Result(f"sent to {len(taken)} of {len(told)}" if refused else f"sent to {self.target()}", facts, notes)

    def _recipients(self) -> list[str]:
        return list(dict.fromkeys(mail.parse_address(one).address for one in (*self.to, *self.cc)))

    def _envelope(self, context: Context) -> mail.Envelope:
        workflow = context.workflow
        return mail.Envelope(
            sender=mail.parse_address(self.sender),
            to=[mail.parse_address(one) for one in self.to],
            cc=[mail.parse_address(one) for one in self.cc],
            reply_to=mail.parse_address(self.reply_to) if self.reply_to else None,
            delivery=context.delivery,
            thread=mail.thread_of(workflow.namespace, workflow.cron, workflow.workflow_template, workflow.name),
            date=context.deadline.clock.time(),
            facts=(("Workflow", workflow.name), ("Status", workflow.status), ("Uid", workflow.uid)),
        )

    def _server(self) -> smtp.Server:
        return smtp.Server(
            self.host,
            port=self.port or _PORTS[self.tls],
            tls=self.tls,
            username=self.username or None,
            password=self.password.get_secret_value() if self.password else None,
            access_token=self.token.get_secret_value() if self.token else None,
            ca_file=self.ca_file or None,
        )

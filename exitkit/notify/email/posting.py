"""One mail on its way to its recipients: who has it, who never will, and who is still waited for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exitkit.action import Result
from exitkit.context import Context
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.notify import Refused
from exitkit.notify.email import mail, smtp
from exitkit.notify.email.addresses import parse_address, parse_addresses

if TYPE_CHECKING:
    from exitkit.notify.email import Email

PORTS = {"starttls": 587, "implicit": 465, "none": 25}  # RFC 8314, 3.3 and RFC 5321


def recipients(email: "Email") -> list[str]:
    """Every address once."""
    mailboxes = [mailbox for text in (*email.to, *email.cc) for mailbox in parse_addresses(text)]
    return list(dict.fromkeys(mailbox.address for mailbox in mailboxes))


def server_of(email: "Email") -> smtp.MailServer:
    return smtp.MailServer(
        email.host,
        port=email.port or PORTS[email.tls],
        tls=email.tls,
        username=email.username or None,
        password=email.password.get_secret_value() if email.password else None,
        access_token=email.token.get_secret_value() if email.token else None,
        ca_file=email.ca_file or None,
        local_hostname=email.hello or None,
    )


def _headers(email: "Email", context: Context) -> mail.MailHeaders:
    workflow = context.workflow
    return mail.MailHeaders(
        sender=parse_address(email.sender),
        to=[mailbox for text in email.to for mailbox in parse_addresses(text)],
        cc=[mailbox for text in email.cc for mailbox in parse_addresses(text)],
        reply_to=parse_address(email.reply_to) if email.reply_to else None,
        delivery=context.delivery,
        thread=mail.thread_of(workflow.namespace, workflow.cron, workflow.workflow_template, workflow.name),
        date=context.deadline.clock.time(),
        facts=(("Workflow", workflow.name), ("Status", workflow.status), ("Uid", workflow.uid)),
    )


class MailPosting:
    """What is remembered between the tries of one run, and what an earlier run has achieved.

    An attempt that was given up may still come through in its thread, so that what it achieved counts as well.
    """

    def __init__(self, email: "Email", context: Context) -> None:
        self.email = email
        self.identity = _headers(email, context).identity
        self.taken: list[str] = []
        self.refused: dict[str, str] = {}
        self.too_large = 0  # times that the server has refused the whole mail for its size

    def achieved(self) -> tuple[Mapping[str, object], tuple[str, ...]]:
        """Facts and notes of who has it; nothing where nobody has."""
        if not self.taken:
            return {}, ()
        notes = (f"sent to {', '.join(self.taken)}", *self._refusals())
        return self._facts(), notes

    def missing(self) -> list[str]:
        return [address for address in recipients(self.email) if address not in self.taken]

    def resume(self, facts: Mapping[str, object]) -> None:
        """Leave out who has it by an earlier run's facts."""
        told = facts.get("recipients")
        known = told if isinstance(told, list) else []
        self.taken = [address for address in recipients(self.email) if address in known]

    def send(self, payload: Any, context: Context) -> Result:
        """One try for those who are still waited for. Raises Refused, Retryable, Unknown and ActionError."""
        waiting = [one for one in recipients(self.email) if one not in self.taken and one not in self.refused]
        if not waiting:  # an attempt that was given up has come through after all, or an earlier run
            return self._result()
        headers = _headers(self.email, context)
        try:
            sent = smtp.send(
                mail.build(payload["subject"], payload, headers),
                sender=parse_address(self.email.sender).address,
                recipients=waiting,
                server=server_of(self.email),
                what="e-mail",
                in_ascii=mail.build(payload["subject"], payload, headers, ascii_only=True),
            )
        except smtp.MailTooLarge as error:
            # Told before it was sent, a smaller one costs nothing. Sent whole and refused twice, its size is not why.
            self.too_large += error.limit is None
            if self.too_large > 1:
                raise ActionError(f"{error}; a smaller one was refused as well", reason=error.reason) from error
            raise Refused(str(error), reason=error.reason) from error
        except (Retryable, Unknown):
            raise
        except ActionError as error:
            if not self.taken:
                raise
            sent = smtp.SentMail(refused=dict.fromkeys(waiting, str(error)))  # others have it since an earlier try
        self.refused.update(sent.refused)
        self.taken += [one for one in waiting if one not in sent.refused and one not in sent.deferred]
        if sent.deferred:
            rest = "; ".join(f"{address}: {words}" for address, words in sent.deferred.items())
            raise Retryable(f"e-mail: not yet taken for {rest}", reason="server", later=True, after=smtp.asked(rest))
        return self._result()

    def _result(self) -> Result:
        count = len(self.taken) + len(self.refused)
        summary = f"sent to {len(self.taken)} of {count}" if self.refused else f"sent to {self.email.target()}"
        return Result(summary, self._facts(), tuple(self._refusals()))

    def _facts(self) -> dict[str, object]:
        return {"message_id": f"<{self.identity}>", "recipients": list(self.taken), "refused": dict(self.refused)}

    def _refusals(self) -> list[str]:
        return [f"not sent to {address}: {words}" for address, words in self.refused.items()]

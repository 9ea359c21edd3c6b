"""A scripted SMTP server: takes mail, and refuses it in all the ways there are.

with ScriptedSMTP([Session(refuse={"a@example.com": "450 4.2.1 later"}), Session()]) as server:
    action.run(...)
assert [one.recipients for one in server.envelopes] == [["b@example.com"], ["a@example.com"]]
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from exitkit.testing.certificates import Certificate
from exitkit.testing.server import Connection, Scripted

Point = Literal["connect", "greeting", "ehlo", "auth", "mail", "rcpt", "data", "content", "dot"]
"""Where something happens: before the greeting, after a command has come, after the content or its dot has."""


@dataclass(frozen=True)
class Session:
    """One connection: what is offered, how each command is answered, and where it ends early.

    The default takes everything. `refuse` answers for single recipients. `drop`, `reset` and
    `hang` happen at a point instead of the answer; `on` are functions that are called there, and
    that may take their time.
    """

    greeting: str = "220 scripted.test ESMTP"
    starttls: bool = True
    size: int | None = 33_554_432
    smtputf8: bool = True
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    auth: str = "235 2.7.0 welcome"
    mail: str = "250 2.1.0 ok"
    refuse: Mapping[str, str] = field(default_factory=dict)
    data: str = "354 end with a dot"
    dot: str = "250 2.0.0 queued as test"
    drop: Point | None = None
    reset: Point | None = None
    hang: Point | None = None
    on: Mapping[Point, Callable[[], object]] = field(default_factory=dict)


@dataclass
class Envelope:
    """A mail as it was handed over, whether its dot was answered or not."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    message: bytes = b""
    options: str = ""
    tls: bool = False
    login: tuple[str, str] | None = None
    hello: str = ""


class ScriptedSMTP(Scripted[Session]):
    """Plays one session for each connection. `envelopes` lists the mails whose dot came, `commands` all lines.

    With `implicit_tls` the connection begins with TLS; STARTTLS is offered by a session. The
    certificate is in `ca_file`.
    """

    def __init__(
        self,
        sessions: Iterable[Session] = (),
        *,
        implicit_tls: bool = False,
        certificate: Certificate = "localhost",
    ) -> None:
        super().__init__(sessions, tls=implicit_tls, certificate=certificate)
        self.envelopes: list[Envelope] = []
        self.commands: list[str] = []

    def serve(self, connection: Connection) -> None:
        if self.tls:
            connection.secure(self.context())
        session = self.next_step("a connection")
        if session is None:
            connection.send(b"421 not in the script\r\n")
            return
        _Talk(self, session, connection).go()


class _EndedError(OSError):
    """The script ends the connection here."""


class _Talk:
    def __init__(self, server: ScriptedSMTP, session: Session, connection: Connection) -> None:
        self.server, self.session, self.connection = server, session, connection
        self.secured = server.tls
        self.envelope = Envelope()

    def go(self) -> None:
        self.meet("connect")
        self.say(self.session.greeting)
        self.meet("greeting")
        while line := self.line():
            verb, _, rest = line.partition(" ")
            self.server.commands.append(line)
            if verb.upper() == "QUIT":
                self.say("221 2.0.0 bye")
                return
            answers = {"EHLO": self.ehlo, "HELO": self.ehlo, "AUTH": self.auth, "MAIL": self.mail, "RCPT": self.rcpt}
            if verb.upper() == "STARTTLS" and self.session.starttls:
                self.say("220 2.0.0 go on")
                self.connection.secure(self.server.context())
                self.secured = True
            elif verb.upper() == "DATA":
                self.data()
            elif verb.upper() in answers:
                self.say(answers[verb.upper()](rest))
            else:
                self.say("250 2.0.0 ok" if verb.upper() in ("RSET", "NOOP") else "502 5.5.1 not here")

    def ehlo(self, name: str) -> str:
        self.meet("ehlo")
        self.envelope.hello = name
        session = self.session
        words = ["scripted.test", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES"]
        words += [f"SIZE {session.size}"] if session.size is not None else []
        words += ["SMTPUTF8"] if session.smtputf8 else []
        words += ["STARTTLS"] if session.starttls and not self.secured else []
        words += [f"AUTH {' '.join(session.mechanisms)}"] if session.mechanisms else []
        return "\r\n".join([f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"])

    def auth(self, rest: str) -> str:
        self.meet("auth")
        mechanism, _, first = rest.partition(" ")
        if mechanism.upper() == "LOGIN":
            user = _decoded(first or self.ask("334 VXNlcm5hbWU6"))
            self.envelope.login = (user, _decoded(self.ask("334 UGFzc3dvcmQ6")))
        elif mechanism.upper() == "PLAIN":
            _, user, password = _decoded(first or self.ask("334 ")).split("\0")
            self.envelope.login = (user, password)
        else:
            self.envelope.login = (mechanism, _decoded(first))
            if not self.session.auth.startswith("2"):
                self.ask("334 eyJzdGF0dXMiOiI0MDAifQ==")  # the challenge that tells why, and wants an empty line
        return self.session.auth

    def mail(self, rest: str) -> str:
        self.meet("mail")
        sender, _, self.envelope.options = rest.partition(":")[2].strip().partition(" ")
        self.envelope.sender = sender.strip("<>")
        return self.session.mail

    def rcpt(self, rest: str) -> str:
        self.meet("rcpt")
        address = rest.partition(":")[2].strip().partition(" ")[0].strip("<>")
        refusal = self.session.refuse.get(address)
        if refusal is None:
            self.envelope.recipients.append(address)
        return refusal or "250 2.1.5 ok"

    def data(self) -> None:
        self.meet("data")
        self.say(self.session.data)
        if not self.session.data.startswith("354"):
            return
        lines: list[bytes] = []
        while (line := self.connection.reader.readline()) != b".\r\n":
            if not line:
                raise _EndedError
            lines.append(line[1:] if line.startswith(b".") else line)
            self.meet("content")
        self.envelope.message = b"".join(lines)
        self.envelope.tls = self.secured
        self.server.envelopes.append(self.envelope)
        self.envelope = Envelope(login=self.envelope.login, hello=self.envelope.hello)
        self.meet("dot")
        self.say(self.session.dot)

    def ask(self, challenge: str) -> str:
        self.say(challenge)
        return self.line()

    def line(self) -> str:
        return self.connection.reader.readline().decode("utf-8", "replace").rstrip("\r\n")

    def say(self, text: str) -> None:
        self.connection.send(text.encode() + b"\r\n")

    def meet(self, point: Point) -> None:
        """Do what the script wants at this point."""
        if point in self.session.on:
            self.session.on[point]()
        if self.session.hang == point:
            self.connection.closing.wait()
        if self.session.reset == point:
            self.connection.reset()
        if point in (self.session.drop, self.session.reset, self.session.hang):
            raise _EndedError


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text

"""Google Cloud Storage that keeps state: objects, generations, holds, managed folders, batches, and tokens that end.

    with ScriptedGCS() as storage:
        storage.add("runs/train-x7k2p/model.pt", size=100)
        action.run(...)  # with storage.url as its endpoint_url
    assert storage.names() == []

It answers like the real one, as far as an answer to a listing or a deletion goes; what it does not know is a 404.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from exitkit.testing.gcsbucket import ScriptedBucket, Told, error, no
from exitkit.testing.http import Exchange, Request, Step, answer, answer_json
from exitkit.testing.server import Connection, Scripted

_PART = re.compile(rb"Content-ID: <([^>]+)>\r\n\r\n([A-Z]+) (\S+) HTTP/1\.1\r\n")


@dataclass
class _Trouble:
    """What calls get that have this in their path, so many times."""

    fragment: str
    step: Told
    times: int


@dataclass(eq=False)
class ScriptedGCS(ScriptedBucket, Scripted[None]):
    """A server with one bucket. `requests` are all that came, `calls` what was in them: methods and paths.

    `tokens` are those that it takes; none means any, also none. `payer` is the project that has to pay.
    """

    tls: bool = False
    tokens: set[str] = field(default_factory=set)
    payer: str = ""
    requests: list[Request] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        Scripted.__init__(self, (), tls=self.tls, certificate="localhost")
        super().__post_init__()
        self._faults: list[tuple[str, str, Step]] = []
        self._troubles: list[_Trouble] = []

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def fault(self, method: str, fragment: str, step: Step) -> None:
        """Play a step for the next request of this method whose path has this in it."""
        self._faults.append((method, fragment, step))

    def trouble(  # noqa: PLR0913 - what an error is made of, by name
        self,
        fragment: str,
        status: int,
        reason: str = "",
        message: str = "",
        *,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next calls so whose path has this in it, also those in a batch."""
        self._troubles.append(_Trouble(fragment, (status, error(status, reason, message), dict(headers or {})), times))

    def serve(self, connection: Connection) -> None:
        if self.tls:
            connection.secure(self.context())
        while connection.reader.peek(1):
            exchange = Exchange(connection, self.requests)
            request = exchange.read()
            with self._lock:
                step = self._planned(request) or self._answer(request)
            step(exchange)
            if not exchange.again:
                return

    def _planned(self, request: Request) -> Step | None:
        for one in self._faults:
            if one[0] == request.method and one[1] in request.path:
                self._faults.remove(one)
                return one[2]
        return None

    def _answer(self, request: Request) -> Step:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.path == "/batch/storage/v1":
            return self._batch(request, token)
        status, body, headers = self._call(request.method, request.path, token)
        return answer(status, headers=headers) if status == 204 else answer_json(body, status, headers)

    def _batch(self, request: Request, token: str) -> Step:
        parts = []
        for name, method, path in _PART.findall(request.body):
            status, body, headers = self._call(method.decode(), path.decode(), token)
            lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
            data = b"" if status == 204 else json.dumps(body).encode()
            parts.append(
                b"--batch_x\r\nContent-Type: application/http\r\nContent-ID: <response-%b>\r\n\r\n"
                b"HTTP/1.1 %d Whatever\r\n%bContent-Length: %d\r\n\r\n%b\r\n"
                % (name, status, lines.encode(), len(data), data)
            )
        parts.reverse()  # the order is nobody's promise
        return answer(200, b"".join(parts) + b"--batch_x--\r\n", {"Content-Type": "multipart/mixed; boundary=batch_x"})

    def _call(self, method: str, path: str, token: str) -> Told:
        self.calls.append((method, path))
        for one in self._troubles:
            if one.fragment in path and one.times:
                one.times -= 1
                return one.step
        if self.tokens and token not in self.tokens:
            return no(401, "authError", "Invalid Credentials")
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        names = [unquote(part) for part in parts.path.split("/")[1:]]
        if names[:3] != ["storage", "v1", "b"] or names[3:4] != [self.bucket]:
            return no(404, "notFound", "The specified bucket does not exist.")
        if self.payer and query.get("userProject") != self.payer:
            told = "Bucket is a requester pays bucket but no user project provided."
            return no(400, "required", told)
        return self.respond(method, names[4:], query)

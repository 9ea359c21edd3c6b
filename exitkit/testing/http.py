"""A scripted HTTP server: answers, and everything that goes wrong on the way to one.

    with ScriptedHTTP([answer(503, headers={"Retry-After": "2"}), answer(200, b"ok")]) as server:
        action.run(...)
    assert [one.path for one in server.requests] == ["/hook", "/hook"]

A step is a function of an `Exchange`; others can be written like those here.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from exitkit.testing.certificates import Certificate
from exitkit.testing.server import Connection, Scripted

_BLOCK = b"x" * 65_536


@dataclass(frozen=True)
class Request:
    """A request that came; the names of its headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request on its way, not read before somebody wants it."""

    def __init__(self, connection: Connection, requests: list[Request]) -> None:
        self.connection = connection
        self.again = False  # whether the connection may serve another request
        self._requests = requests
        self._request: Request | None = None

    def read(self) -> Request:
        """Read the request, once, and note it among the server's."""
        if self._request is not None:
            return self._request
        reader = self.connection.reader
        method, path, _ = reader.readline().decode("latin-1").split(" ", 2)
        headers = {}
        while line := reader.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
        self._request = Request(method, path, headers, body)
        self._requests.append(self._request)
        return self._request

    def send(self, data: bytes) -> None:
        self.connection.send(data)

    def hang(self) -> None:
        """Wait for the end of the server."""
        self.connection.closing.wait()


Step = Callable[[Exchange], None]


class ScriptedHTTP(Scripted[Step]):
    """Plays one step for each request, in the order in which they come.

    With `tls` its certificate is in `ca_file`. `requests` lists what was read.
    """

    def __init__(
        self, steps: Iterable[Step] = (), *, tls: bool = False, certificate: Certificate = "localhost"
    ) -> None:
        super().__init__(steps, tls=tls, certificate=certificate)
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        """`http://127.0.0.1:45678`, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def serve(self, connection: Connection) -> None:
        if self.tls:
            connection.secure(self.context())
        while connection.reader.peek(1):
            exchange = Exchange(connection, self.requests)
            step = self.next_step("a request")
            if step is None:
                request = exchange.read()
                self._unscripted[-1] = f"{request.method} {request.path}"
                answer(500, b"not in the script", {"Connection": "close"})(exchange)
                return
            step(exchange)
            if not exchange.again:
                return


def answer(status: int = 200, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Step:
    """Read the request and answer it; the connection stays open unless a header says close."""

    def play(exchange: Exchange) -> None:
        request = exchange.read()
        data = body.encode() if isinstance(body, str) else body
        exchange.send(_head(status, {"Content-Length": str(len(data))} | dict(headers or {})))
        exchange.send(b"" if request.method == "HEAD" else data)
        exchange.again = "close" not in (headers or {}).get("Connection", "")

    return play


def answer_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Step:
    """Read the request and answer with JSON."""
    return answer(status, json.dumps(value), {"Content-Type": "application/json"} | dict(headers or {}))


def redirect(url: str, status: int = 302) -> Step:
    """Send the client elsewhere."""
    return answer(status, b"", {"Location": url})


def reset_unread() -> Step:
    """Break the connection before anything of the request is taken."""
    return lambda exchange: exchange.connection.reset()


def reset() -> Step:
    """Read the request and break the connection."""

    def play(exchange: Exchange) -> None:
        exchange.read()
        exchange.connection.reset()

    return play


def close() -> Step:
    """Read the request and close the connection without an answer."""

    def play(exchange: Exchange) -> None:
        exchange.read()

    return play


def hang() -> Step:
    """Read the request and never answer."""

    def play(exchange: Exchange) -> None:
        exchange.read()
        exchange.hang()

    return play


def break_off(body: bytes = b"half", missing: int = 100) -> Step:
    """Answer with less body than announced, and close."""

    def play(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(_head(200, {"Content-Length": str(len(body) + missing)}) + body)

    return play


def drip(body: bytes = b"ok", tick: Callable[[], object] | None = None) -> Step:
    """Answer one byte at a time, with a `tick` before each; without one the first is also the last."""

    def play(exchange: Exchange) -> None:
        exchange.read()
        for byte in _head(200, {"Content-Length": str(len(body))}) + body:
            if exchange.connection.closing.is_set():
                return
            if tick is not None:
                tick()
            exchange.send(bytes([byte]))
            if tick is None:
                exchange.hang()

    return play


def slow(wait: Callable[[], object], then: Step) -> Step:
    """Wait, for as long as the function takes, before going on with another step."""

    def play(exchange: Exchange) -> None:
        wait()
        then(exchange)

    return play


def endless_headers() -> Step:
    """Answer with headers that never end."""
    return _endless(b"HTTP/1.1 200 OK\r\n", b"X-More: of it\r\n")


def endless_interim() -> Step:
    """Say 100 Continue for ever."""
    return _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n")


def huge(size: int = 1 << 30) -> Step:
    """Answer with so many bytes of body."""

    def play(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(_head(200, {"Content-Length": str(size)}))
        for _ in range(size // len(_BLOCK)):
            exchange.send(_BLOCK)
        exchange.send(_BLOCK[: size % len(_BLOCK)])

    return play


def gzip_bomb(size: int = 1 << 26) -> Step:
    """Answer with so many bytes of body in about a thousandth of them, although nobody asked for gzip."""
    data = gzip.compress(bytes(size), 9)
    return answer(200, data, {"Content-Encoding": "gzip"})


def garbage(data: bytes = b"\x00\xff\x16\x03\x01 not http at all\r\n\r\n") -> Step:
    """Answer with what is no HTTP, and close."""

    def play(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(data)

    return play


def _endless(first: bytes, more: bytes) -> Step:
    def play(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(first)
        while not exchange.connection.closing.is_set():
            exchange.send(more * 64)

    return play


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unheard Of"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

"""A proxy on 127.0.0.1 that leads any name to a server of the test: CONNECT, plain HTTP and SOCKS5.

    with ScriptedHTTP([answer()]) as server, ScriptedProxy({"hooks.example:80": server.port}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        action.run(...)  # with http://hooks.example as its url
    assert proxy.asked == ["POST http://hooks.example/"]

What no route leads to is answered with 502.
"""

import base64
import contextlib
import ipaddress
import select
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from exitkit.testing.server import Connection, Scripted

_PIECE = 65_536
_LOOK = 0.5  # seconds between two looks whether the test is over


@dataclass(eq=False)
class ScriptedProxy(Scripted[None]):
    """Leads on by `routes`, from `host:port` to a port of this machine.

    With `user` and `password` it wants these. `status` is what it refuses everything with. With `tls` it is spoken
    to by TLS, and its certificate is in `ca_file`. `asked` lists what came: `CONNECT host:port`, `SOCKS host:port`,
    `GET http://host/path`.
    """

    routes: Mapping[str, int] = field(default_factory=dict)
    user: str = ""
    password: str = ""
    status: int = 0
    tls: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__((), tls=self.tls, certificate="localhost")

    @property
    def url(self) -> str:
        """With user and password, as it stands in a variable."""
        return f"{'https' if self.tls else 'http'}://{self._userinfo}{self.host}:{self.port}"

    @property
    def socks_url(self) -> str:
        """For SOCKS5 with names that it resolves."""
        return f"socks5h://{self._userinfo}{self.host}:{self.port}"

    def serve(self, connection: Connection) -> None:
        if self.tls:
            connection.secure(self.context())
        if connection.reader.peek(1)[:1] == b"\x05":
            self._socks(connection)
        else:
            self._http(connection)

    @property
    def _userinfo(self) -> str:
        return f"{self.user}:{self.password}@" if self.user else ""

    def _http(self, connection: Connection) -> None:
        line = connection.reader.readline().decode("latin-1").strip()
        method, target, _ = line.split(" ", 2)
        headers = {}
        while header := connection.reader.readline().strip():
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        self.asked.append(f"{method} {target}")
        authorization = f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"
        if self.user and headers.pop("proxy-authorization", "") != authorization:
            connection.send(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
            return
        parts = urlsplit(target if "://" in target else f"//{target}")
        upstream = None if self.status else self._upstream(parts.hostname or "", parts.port or 80)
        if upstream is None:
            connection.send(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (self.status or 502))
            return
        with upstream:
            if method == "CONNECT":
                connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
                lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
                upstream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
                upstream.sendall(connection.reader.read(int(headers.get("content-length", "0"))))
            self._pass_on(connection, upstream)

    def _socks(self, connection: Connection) -> None:
        methods = _exactly(connection, _exactly(connection, 2)[1])
        wanted = 2 if self.user else 0
        if wanted not in methods:
            connection.send(b"\x05\xff")
            return
        connection.send(bytes([5, wanted]))
        if wanted:
            user = _exactly(connection, _exactly(connection, 2)[1]).decode()
            password = _exactly(connection, _exactly(connection, 1)[0]).decode()
            right = (user, password) == (self.user, self.password)
            connection.send(bytes([1, not right]))
            if not right:
                return
        kind = _exactly(connection, 4)[3]
        if kind == 3:
            host = _exactly(connection, _exactly(connection, 1)[0]).decode()
        else:
            host = str(ipaddress.ip_address(_exactly(connection, 4 if kind == 1 else 16)))
        port = struct.unpack(">H", _exactly(connection, 2))[0]
        self.asked.append(f"SOCKS {host}:{port}")
        upstream = None if self.status else self._upstream(host, port)
        connection.send(bytes([5, 0 if upstream else self.status or 4, 0, 1]) + bytes(6))
        if upstream is not None:
            with upstream:
                self._pass_on(connection, upstream)

    def _upstream(self, host: str, port: int) -> socket.socket | None:
        local = self.routes.get(f"{host}:{port}")
        return socket.create_connection((self.host, local)) if local else None

    @staticmethod
    def _pass_on(connection: Connection, upstream: socket.socket) -> None:
        """Both ways, until one of the two has said all or the test is over."""
        ways = {connection.sock: upstream, upstream: connection.sock}
        with contextlib.suppress(OSError):
            while not connection.closing.is_set():
                for sock in select.select(list(ways), [], [], _LOOK)[0]:
                    data = sock.recv(_PIECE)
                    while data and (more := getattr(sock, "pending", int)()):  # TLS has it, where select does not look
                        data += sock.recv(more)
                    if not data:
                        return
                    ways[sock].sendall(data)


def _exactly(connection: Connection, count: int) -> bytes:
    data = connection.reader.read(count)
    if len(data) < count:
        raise ConnectionError("the client has gone")
    return data

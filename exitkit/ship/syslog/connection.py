"""A connection to a syslog server, over TCP or TLS, which never says what it has taken."""

import contextlib
import socket
from dataclasses import dataclass
from typing import Any

from exitkit.clients.tcp import RefusedAddress, dial, tls, unsent
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.retry import sending

_CONNECT = 5.0  # seconds for each address
_SEND = 15.0  # seconds in which a server has to take something
_GOODBYE = 5.0  # seconds for it to have read all, and to close as well


@dataclass(frozen=True)
class Server:
    """Where it is. With `tls` the certificate is checked; `certificate` and `key` are files that tell who sends."""

    host: str
    port: int
    tls: bool = False
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None


class Line:
    """One connection. What breaks it leaves in doubt what was sent since it was opened."""

    def __init__(self, server: Server, what: str) -> None:
        self.server, self.what = server, what
        self._socket: Any = None
        self._sent = 0

    def send(self, data: bytes) -> None:
        """Raises Retryable where there is no connection and nothing was sent, else Unknown."""
        if self._socket is None:
            self._socket = self._opened()
        if self._has_ended():
            raise self._lost("closed the connection")
        sending()
        try:
            self._sent += len(data)
            self._socket.sendall(data)
        except OSError as error:
            late = isinstance(error, TimeoutError)
            raise self._lost(f"took nothing for {_SEND:g} s" if late else "broke the connection") from None

    def finish(self) -> None:
        """Say that this was all, and wait for the server to have read it. Raises Unknown where the connection broke."""
        if self._socket is None:
            return
        try:
            self._socket.settimeout(_GOODBYE)
            if not self.server.tls or self._has_unwrapped():
                self._socket.shutdown(socket.SHUT_WR)
                while self._socket.recv(4096):
                    pass
        except TimeoutError:
            pass  # it keeps its side open, which says nothing
        except OSError:
            raise self._lost("broke the connection") from None
        finally:
            self.close()

    def _has_unwrapped(self) -> bool:
        """Whether TLS came to its end; many servers close without a word, which is no sign of a loss."""
        try:
            self._socket = self._socket.unwrap()
        except ConnectionError:
            raise
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _opened(self) -> Any:
        server = self.server
        problem: BaseException
        try:
            found = dial(server.host, server.port, _CONNECT, allow_link_local=False)
            found.settimeout(_SEND)
            if not server.tls:
                return found
            try:
                context = tls(server.ca_file, server.certificate, server.key)
                return context.wrap_socket(found, server_hostname=server.host)
            except BaseException:
                found.close()
                raise
        except (OSError, UnicodeError, RefusedAddress) as error:
            problem = error
        raise unsent(problem, self.what, f"{server.host}:{server.port}")

    def _has_ended(self) -> bool:
        """Whether the server has closed; it says nothing else, so whatever can be read is its end."""
        try:
            self._socket.settimeout(0)
            return bool(self._socket.recv(1) == b"")
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            return "Want" not in type(error).__name__  # ssl's way of saying that there is nothing yet
        finally:
            self._socket.settimeout(_SEND)

    def _lost(self, how: str) -> ActionError:
        sent, where = self._sent, f"{self.server.host}:{self.server.port}"
        self.close()
        self._sent = 0
        if not sent:
            return Retryable(f"{self.what}: {where} {how}")
        return Unknown(f"{self.what}: {where} {how}; the end of what was sent may not have arrived")

"""A connection to a syslog server, over TCP or TLS, which never says what it has taken."""

import contextlib
import fcntl
import socket
import sys
import termios
import threading
from dataclasses import dataclass
from typing import Any

from exitkit.clients.http import Timeouts
from exitkit.clients.tcp import RefusedAddress, dial, tls, unsent
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.retry import Abandoned, sending


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
    """Connections, one after the other. What breaks one leaves in doubt what was sent since it was opened.

    `number` is that of the connection. `patience` is in seconds: for the server to take something of what is sent, and
    at the end to have read all of it and close too.
    """

    def __init__(self, server: Server, what: str, patience: tuple[float, float]) -> None:
        self.server, self.what = server, what
        self.number = 0
        self._send_within, self._close_within = patience
        self._socket: Any = None
        self._sent = 0
        self._lock = threading.Lock()  # held by whoever uses the socket, who alone closes it
        self._is_closed = False

    def send(self, data: bytes) -> int:
        """The number of the connection. Raises Retryable where there is none and nothing was sent, else Unknown."""
        with self._lock:
            try:
                if self._is_closed:
                    raise Abandoned
                return self._send(data)
            finally:
                if self._is_closed:
                    self._drop()

    def _send(self, data: bytes) -> int:
        if self._socket is None:
            self._socket = self._opened()
            self.number += 1
        if self._has_ended():
            raise self._lost("closed the connection")
        sending()
        try:
            self._sent += len(data)
            self._socket.sendall(data)
        except OSError as error:
            late = isinstance(error, TimeoutError)
            raise self._lost(f"took nothing for {self._send_within:g} s" if late else "broke the connection") from None
        return self.number

    def finish(self) -> bool:
        """Say that this was all, and wait for the server to have read it; whether it closed too, which says so.

        Else it has only arrived at the server's machine. Raises Unknown where it has not, or the connection broke.
        """
        if not self._lock.acquire(blocking=False):  # an attempt that was given up is still sending
            raise Unknown(f"{self.what}: the end of what was sent may not have arrived")
        try:
            if self._socket is None:
                return True
            self._socket.settimeout(self._close_within)
            if not self.server.tls or self._has_unwrapped():
                self._socket.shutdown(socket.SHUT_WR)
                while self._socket.recv(4096):
                    pass
            return True
        except TimeoutError:
            if self._unread() > 0:
                raise self._lost(f"had not taken all {self._close_within:g} s after its end") from None
            return False
        except OSError:
            raise self._lost("broke the connection") from None
        finally:
            self._drop()
            self._lock.release()

    def close(self) -> None:
        """End it, also while somebody sends; whoever does closes the socket then, whose number is not another's before."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()
        elif (used := self._socket) is not None:
            with contextlib.suppress(OSError):
                used.shutdown(socket.SHUT_RDWR)

    def _unread(self) -> int:
        """Bytes that the other machine has not confirmed yet: https://man7.org/linux/man-pages/man7/tcp.7.html, SIOCOUTQ."""
        try:
            answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4))
        except OSError:
            return 1
        return int.from_bytes(answer, sys.byteorder)

    def _drop(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _has_unwrapped(self) -> bool:
        """Whether TLS came to its end; many servers close without a word, which is no sign of a loss."""
        try:
            self._socket = self._socket.unwrap()
        except ConnectionError:
            raise
        except OSError:
            return False
        return True

    def _opened(self) -> Any:
        server = self.server
        problem: BaseException
        try:
            found = dial(server.host, server.port, Timeouts().to_connect(), allow_link_local=False)
            found.settimeout(self._send_within)
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
            self._socket.settimeout(self._send_within)

    def _lost(self, how: str) -> ActionError:
        sent, where = self._sent, f"{self.server.host}:{self.server.port}"
        self._drop()
        self._sent = 0
        if not sent:
            return Retryable(f"{self.what}: {where} {how}")
        return Unknown(f"{self.what}: {where} {how}; the end of what was sent may not have arrived")

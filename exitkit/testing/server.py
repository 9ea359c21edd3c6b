"""A server on 127.0.0.1 that does what a script says, one thing after the other, and never sleeps."""

import contextlib
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from exitkit.testing.certificates import Certificate, certificate_file

if TYPE_CHECKING:
    import ssl

Step = TypeVar("Step")

_JOIN = 5.0  # seconds for a thread to see that its socket is shut


class Connection:
    """One client, from the server's side. Hanging things wait for `closing`."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self.closing = closing
        self.reader = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        """Write all of it. Raises OSError when the client is gone."""
        self.sock.sendall(data)

    def secure(self, context: "ssl.SSLContext") -> None:
        """Speak TLS from now on. Raises OSError where the client does not want to."""
        self.reader.close()
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.reader = self.sock.makefile("rb")

    def reset(self) -> None:
        """Break the connection, so that the client sees a reset and no end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.reader.close()
        self.sock.close()

    def shut(self) -> None:
        """End whatever another thread reads or writes here."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class Scripted(ABC, Generic[Step]):
    """A script of steps, the thread that waits for clients, and one thread for each of them.

    Leaving the `with` block raises AssertionError if a step is left over or more was asked for than
    the script holds, unless another error is on its way already.
    """

    def __init__(self, steps: Iterable[Step], *, tls: bool, certificate: Certificate) -> None:
        self.tls = tls
        self._certificate, self._ca_file = certificate, ""
        self.port = 0  # from the moment the block is entered
        self._steps = list(steps)
        self._unscripted: list[str] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._connections: list[Connection] = []

    @property
    def ca_file(self) -> str:
        """What a client trusts it by; made when it is first asked for."""
        return self._ca_file or certificate_file(self._certificate)

    @ca_file.setter
    def ca_file(self, path: str) -> None:
        """Another key and certificate, in one file."""
        self._ca_file = path

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @abstractmethod
    def serve(self, connection: Connection) -> None:
        """Play the script with one client; what protocol it is is for the subclass to say."""

    def next_step(self, asked: str) -> Step | None:
        """The next step of the script; None, and a note of what was asked for, when it is at its end."""
        with self._lock:
            if self._steps:
                return self._steps.pop(0)
            self._unscripted.append(asked)
            return None

    def context(self) -> "ssl.SSLContext":
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file)
        return context

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError), socket.socket() as waker:  # the thread that waits for a client
            waker.connect((self.host, self.port))
        with self._lock:
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            connection.shut()
        for thread in threads:
            thread.join(_JOIN)
        self._listener.close()
        if error is not None:
            return
        if self._unscripted:
            raise AssertionError(f"more was asked for than the script holds: {', '.join(self._unscripted)}")
        if self._steps:
            raise AssertionError(f"the script holds {len(self._steps)} more steps that nobody asked for")

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name="exitkit-scripted", daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self._closing.is_set():
                sock.close()
                return
            connection = Connection(sock, self._closing)
            with self._lock:
                self._connections.append(connection)
            self._start(lambda connection=connection: self._play(connection))  # type: ignore[misc]

    def _play(self, connection: Connection) -> None:
        try:
            if self._closing.is_set():
                return
            self.serve(connection)
        except (OSError, ValueError):  # the client went away, or the test is over
            pass
        finally:
            connection.close()

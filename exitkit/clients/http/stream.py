"""The HTTP client for answers that are read piece by piece, because they may be longer than memory."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exitkit.clients.http import Client, Headers
from exitkit.clients.http.connections import Unsent
from exitkit.clients.tcp import unsent
from exitkit.errors import ActionError, ConfigError, Retryable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 65_536


@dataclass
class StreamedResponse:
    """An answer whose body has not been read. Close it: what is left of it is given up with its connection."""

    status: int
    headers: Headers
    host: str
    what: str
    _answer: "BaseHTTPResponse" = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes, in pieces of up to 64 KiB. Raises Retryable where it breaks off."""
        while True:
            problem: Exception | None = None
            try:
                piece = self._answer.read1(_PIECE, decode_content=False)
            except Exception as error:  # of urllib3, http.client, ssl and socket; their texts hold the url
                problem = error
            if problem is not None:  # outside, so that no error of theirs hangs on to it
                late = isinstance(problem, TimeoutError) or "timeout" in type(problem).__name__.lower()
                how = "went silent" if late else "broke off"
                raise Retryable(
                    f"{self.what}: {self.host} {how} in the middle of its answer",
                    reason="timeout" if late else "network",
                )
            if not piece:
                return
            yield piece

    def close(self) -> None:
        with contextlib.suppress(Exception):  # nothing of it is wanted any more
            self._answer.close()
        self._answer.release_conn()


class Streaming(Client):
    """A client that can also be given an answer before its body has come."""

    def stream(self, url: str, *, what: str, headers: Mapping[str, str]) -> StreamedResponse:
        """Ask with GET, and read no more than the answer's headers. Raises Retryable, ActionError, ConfigError."""
        from urllib3 import Timeout

        where = self._checked("GET", url, headers, what)
        problem: ActionError
        try:
            answer = self._opened(url).urlopen(
                "GET",
                url,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=Timeout(connect=self.timeout.connect, read=self.timeout.read),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            return StreamedResponse(
                answer.status, Headers(answer.headers.iteritems()), urlsplit(url).netloc, what, answer
            )
        except Unsent as error:
            problem = unsent(error.problem, what, where)
        except (ActionError, ConfigError):
            raise
        except Exception:  # of urllib3, http.client, ssl and socket; their texts hold the url
            problem = Retryable(f"{what}: {where} gave no whole answer")
        raise problem

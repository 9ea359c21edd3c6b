"""An answer that is read piece by piece, because it may be longer than memory."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exitkit.clients.http.response import Headers

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 65_536


@dataclass
class StreamedResponse:
    """An answer whose body has not been read. Close it: what is left of it is given up with its connection."""

    status: int
    headers: Headers
    host: str
    _read: Callable[[int], bytes] = field(repr=False)
    _answer: "BaseHTTPResponse" = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes, in pieces of up to 64 KiB. Raises Retryable where it breaks off or goes silent."""
        while piece := self._read(_PIECE):
            yield piece

    def close(self) -> None:
        with contextlib.suppress(Exception):  # nothing of it is wanted any more
            self._answer.close()
        self._answer.release_conn()

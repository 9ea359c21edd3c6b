"""What was only read: no more than was asked for, and no answer to it can have changed anything."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from exitkit.clients.deletion import readable
from exitkit.errors import ActionError, Exhausted, Unknown

T = TypeVar("T")


class ForeignListing(ActionError):
    """A listing holds what was not asked for, so that nothing in it can be believed."""


def check_asked(keys: Sequence[str], prefix: str, what: str) -> None:
    """Raises ForeignListing where a server lists what does not begin with the prefix, as one that does not heed it."""
    # What lies between two that begin alike begins so as well; both are found at a tenth of what looking at each costs.
    for key in (min(keys), max(keys)) if keys else ():
        if not key.startswith(prefix):
            raise ForeignListing(
                f"{what}: asked for {readable(prefix)[:200]!r}, the server also lists {readable(key)[:200]!r}, so nothing "
                "of it is deleted: it does not heed the prefix",
                reason="server",
            )


def reading(pages: Iterator[T]) -> Iterator[T]:
    """The pages, of which none that does not come is taken for a deletion. Raises Exhausted."""
    while True:
        try:
            page = next(pages)
        except StopIteration:
            return
        except Unknown as error:
            raise _unanswered(error) from error
        yield page


def read(request: Callable[[], T]) -> T:
    """What a request comes to, which only reads. Raises Exhausted."""
    try:
        return request()
    except Unknown as error:
        raise _unanswered(error) from error


def _unanswered(error: Unknown) -> Exhausted:
    told = "no answer in time" if error.reason == "timeout" else str(error)
    return Exhausted(
        f"{told}, while it was only read what is there, so nothing went by it",
        reason=error.reason,
        facts=error.facts,
        notes=error.notes,
    )

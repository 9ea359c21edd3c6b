"""All objects that fit a selector, page by page, also where the API forgets a listing half-way."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Protocol, TypeVar

from exitkit.clients.kubernetes import ObjectPage, Resource
from exitkit.clients.objects import check_advance
from exitkit.errors import ActionError
from exitkit.retry import Retry

_MOST_EMPTY = 50  # pages in a row with nothing in them that was not seen before
_MOST_EXPIRED = 5  # pages in a row that are not kept any more: something else is wrong then


class Identified(Protocol):
    """An object of a listing."""

    @property
    def uid(self) -> str: ...


T = TypeVar("T", bound=Identified)


class Paged(Protocol[T]):
    """What gives a page: a cluster, or whoever reads more of each object than its metadata."""

    def page(self, resource: Resource, namespace: str, query: Mapping[str, str], token: str = "") -> ObjectPage[T]: ...


def listed(
    kube: Paged[T], retry: Retry, resource: Resource, namespace: str, query: Mapping[str, str]
) -> Iterator[tuple[T, ...]]:
    """The pages, each object once. Raises as `Kube.page`.

    A page is kept for some minutes only (410 Gone). The API then gives a token that leads on through what
    there is now, which is what a deletion wants; without one the listing begins again.
    """
    what = f"listing {resource.label} in {namespace}"
    token, seen, expired, tokens, empty = "", set[str](), 0, set[object](), 0
    while True:
        page = retry(partial(kube.page, resource, namespace, query, token), safe=True)
        expired += page.expired
        if expired > _MOST_EXPIRED:
            raise ActionError(f"{what}: each page is gone before it is read", reason="server")
        fresh = tuple(one for one in page.objects if one.uid not in seen)
        seen.update(one.uid for one in fresh)
        if fresh:
            expired = 0
            yield fresh
        empty = 0 if fresh else empty + 1
        if empty > _MOST_EMPTY:
            raise ActionError(f"{what}: page after page has nothing new", reason="server")
        token = page.token
        if not token and not page.expired:
            return
        if not token:
            tokens.clear()  # it begins again
        elif not page.expired:
            check_advance(token, tokens, what)

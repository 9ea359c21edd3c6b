"""Every kind of store, in every state that one may be found in."""

from ..store.conftest import kind, opened, server_of  # noqa: F401, TID252 - the very same servers

"""Every kind of store, in every state that one may be found in."""

import gc

import pytest

from ..store.conftest import kind, opened, server_of  # noqa: F401, TID252 - the very same servers


@pytest.fixture(autouse=True)
def no_collection():
    """Nothing is finalized at the depth of a nested value, where a finalizer has no room and pytest says so of the test."""
    gc.disable()
    yield
    gc.enable()

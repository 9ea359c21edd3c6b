"""The proxy that tests go through leads nowhere else than they say."""

import pytest

from exitkit.clients import http
from exitkit.errors import Retryable
from exitkit.testing import ScriptedHTTP, ScriptedProxy
from exitkit.testing.http import answer


@pytest.mark.parametrize("form", ["url", "socks_url"])
def test_what_no_route_leads_to_is_refused(form):
    """And noted, so that a test sees what was asked for."""
    with ScriptedProxy() as proxy, pytest.raises(Retryable):
        http.request("GET", "https://elsewhere.test/", what="asking", proxy=getattr(proxy, form))
    assert [one.partition(" ")[2] for one in proxy.asked] == ["elsewhere.test:443"]


def test_a_body_is_passed_on_whole():
    """Of plain HTTP, whose head the proxy reads."""
    with ScriptedHTTP([answer(200, b"y" * 300_000)]) as server, ScriptedProxy({"a.test:80": server.port}) as proxy:
        body = b"x" * 300_000
        response = http.request("PUT", "http://a.test/b?c", what="asking", body=body, proxy=proxy.url, limit=1 << 20)
    assert response.body == b"y" * 300_000
    assert server.requests[0].body == body
    assert server.requests[0].path == "/b?c"

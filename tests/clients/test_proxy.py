"""Which proxy leads where: the variables, and what they except."""

import base64

import pytest

from exitkit.clients.proxy import find, is_direct, parse
from exitkit.errors import ConfigError
from exitkit.text import redact

CORP = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _forgetful():
    with redact.forget_all():
        yield


def to(scheme="https", host="hooks.example.com", port=443, **environ):
    found = find(scheme, host, port, environ)
    return found and found.url


@pytest.mark.parametrize(
    ("environ", "http", "https", "tcp"),
    [
        ({}, False, False, False),
        ({"HTTPS_PROXY": CORP}, False, True, False),
        ({"https_proxy": CORP}, False, True, False),
        ({"HTTP_PROXY": CORP}, True, False, False),
        ({"http_proxy": CORP}, True, False, False),
        ({"ALL_PROXY": CORP}, True, True, True),
        ({"all_proxy": CORP}, True, True, True),
        ({"ALL_PROXY": CORP, "NO_PROXY": "hooks.example.com"}, False, False, False),
        ({"ALL_PROXY": CORP, "no_proxy": "*"}, False, False, False),
    ],
)
def test_each_scheme_has_its_variable_and_all_have_one(environ, http, https, tcp):
    """In both writings; what is not the web goes through ALL_PROXY alone."""
    ways = [to(scheme, **environ) for scheme in ("http", "https", "tcp")]
    assert ways == [CORP if way else None for way in (http, https, tcp)]


def test_the_more_particular_variable_and_the_small_writing_go_before():
    """One that is empty takes the other writing back."""
    other = "http://other.example:1"
    assert to(HTTPS_PROXY=CORP, ALL_PROXY=other) == CORP
    assert to(https_proxy=CORP, HTTPS_PROXY=other) == CORP
    assert to(https_proxy="", HTTPS_PROXY=other) is None
    assert to(NO_PROXY="hooks.example.com", no_proxy="", HTTPS_PROXY=CORP) == CORP


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "hooks.example.com", 443, True),
        ("example.com", "badexample.com", 443, False),
        (".example.com", "hooks.example.com", 443, True),
        (".example.com", "example.com", 443, True),
        (".example.com", "badexample.com", 443, False),
        ("*.example.com", "hooks.example.com", 443, True),
        ("EXAMPLE.com", "hooks.Example.COM", 443, True),
        ("example.com", "hooks.example.com.", 443, True),
        ("example.com.", "hooks.example.com", 443, True),
        ("a, example.com ,b", "example.com", 443, True),
        ("a example.com", "example.com", 443, True),
        (",,", "example.com", 443, False),
        ("example.com:443", "example.com", 443, True),
        ("example.com:443", "example.com", 8443, False),
        (".example.com:8443", "a.example.com", 8443, True),
        ("*", "anything.example", 1, True),
        ("hooks.*", "hooks.example.com", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.1/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "10.example.com", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3", "0x0a010203", 443, True),
        ("2.3", "10.1.2.3", 443, False),
        ("10.1.2.3:80", "10.1.2.3", 443, False),
        ("fd12::/16", "fd12::1", 443, True),
        ("fd12::1", "[fd12:0::1]", 443, True),
        ("[fd12::1]:443", "fd12::1", 443, True),
        ("[fd12::1]:443", "fd12::1", 80, False),
        ("10.0.0.0/99, nonsense/x", "10.1.2.3", 443, False),
    ],
)
def test_exceptions_are_hosts_suffixes_ports_and_ranges(no_proxy, host, port, direct):
    """As curl, Go and Python read them, and all three where they differ."""
    assert is_direct(host, port, {"NO_PROXY": no_proxy}) is direct


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "a.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "0x7f000001",
        "::1",
        "[::1]",
        "0.0.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "metadata.google.internal",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "10.96.0.1",
        "metadata.test",
    ],
)
def test_what_is_this_machines_own_is_never_asked_of_a_proxy(host):
    """Loopback, what gives it credentials, and its cluster's API: the proxy would reach its own."""
    own = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "GCE_METADATA_HOST": "metadata.test:8080"}
    assert find("http", host, 80, {"ALL_PROXY": CORP, **own}) is None
    assert find("http", "10.96.0.2", 80, {"ALL_PROXY": CORP, **own}) is not None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example", "http://proxy.example:80"),
        ("https://proxy.example/", "https://proxy.example:443"),
        ("socks5://proxy.example", "socks5://proxy.example:1080"),
        ("socks5h://[::1]:9050", "socks5h://[::1]:9050"),
    ],
)
def test_a_proxy_is_a_url_or_a_host_and_port(text, url):
    """Ports are the schemes' own where none is said."""
    assert parse(text, "HTTPS_PROXY").url == url


@pytest.mark.parametrize(
    "text", ["ftp://h0st:1", "http://", "http://h0st:99999", "http://h0st/path", "http://h0st:0", "http://[h0st"]
)
def test_a_broken_proxy_is_named_by_its_variable(text):
    """And not shown: it may hold a password. It is no reason to go without one."""
    with pytest.raises(ConfigError, match="HTTPS_PROXY is no url of a proxy") as caught:
        to(HTTPS_PROXY=text)
    assert "h0st" not in str(caught.value)


def test_an_old_socks_is_named():
    """With what to use."""
    with pytest.raises(ConfigError, match="socks4 is not spoken: give socks5h"):
        to(HTTPS_PROXY="socks4://proxy.example")


def test_user_and_password_are_decoded_and_secret():
    """In each writing: as they stand in the URL, decoded, and in the header."""
    proxy = parse("http://me:s3cr%23t-word@proxy.example:1", "HTTPS_PROXY")
    assert (proxy.user, proxy.password) == ("me", "s3cr#t-word")
    assert proxy.authorization == f"Basic {base64.b64encode(b'me:s3cr#t-word').decode()}"
    for text in ("s3cr%23t-word", "s3cr#t-word", proxy.authorization):
        assert "s3cr" not in redact.redact(f"x {text} y")
        assert proxy.authorization[6:] not in redact.redact(f"x {text} y")
    assert "s3cr" not in repr(proxy)

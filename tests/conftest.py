"""What holds for every test: nothing leaves this machine, and the caller's environment plays no part."""

import functools
import ipaddress
import logging
import os
import socket
import urllib.request

import hypothesis
import pytest

from exitkit.action import Action
from exitkit.builtin import BUILTIN
from exitkit.errors import ActionError
from exitkit.plan import registry
from exitkit.text import redact

# Derandomised, so that a run says the same thing twice; no deadline, because the machine is shared.
hypothesis.settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# `HYPOTHESIS_PROFILE=search make test` looks for what the bounded run has not met.
hypothesis.settings.register_profile("search", derandomize=False, max_examples=5_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# What exitkit reads, what its libraries read, and what makes a terminal's output look different.
_PREFIXES = ("EXITKIT_", "ARGO_", "AWS_", "GOOGLE_", "GCE_METADATA_", "CLOUDSDK_", "KUBERNETES_")
_NAMES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "TRACEPARENT"}
    | {"STORAGE_EMULATOR_HOST", "NO_GCE_CHECK"}
    | {"GITHUB_ACTIONS", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "COLUMNS", "LINES", "TERMINAL_WIDTH"}
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in os.environ:
        if name.startswith(_PREFIXES) or name.upper() in _NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # a role of this machine plays no part either


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """A secret of one test, such as a row of x, would be cut out of what another test ships."""
    with redact.forget_all():
        yield


@pytest.fixture(scope="session", autouse=True)
def _only_named_facts():
    """Whatever a built-in action gives in any test, by a result or an error, its class says that it may."""
    with pytest.MonkeyPatch.context() as patch:
        owners = {owner for name in BUILTIN for owner in registry.find(name).__mro__ if "run" in vars(owner)}
        for owner in owners - {Action}:
            patch.setattr(owner, "run", _checking_facts(owner.run))
        yield


def _checking_facts(run):
    @functools.wraps(run)
    def checked(self, context):
        try:
            result = run(self, context)
        except ActionError as error:
            _are_named(type(self), error.facts)
            raise
        _are_named(type(self), result.facts)
        return result

    return checked


def _are_named(action, facts):
    unnamed = set() if action.gives is None else set(facts) - set(action.gives)
    assert not unnamed, f"{action.__module__}: its `gives` does not name {unnamed}"


@pytest.fixture(scope="session", autouse=True)
def _only_this_machine():
    """For the whole session, so that a thread which outlives its test is held as well."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guard_address(getattr(socket.socket, name)))
        for name in ("sendto", "sendmsg"):
            patch.setattr(socket.socket, name, _guard_datagram(getattr(socket.socket, name)))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            patch.setattr(socket, name, _guard_name(getattr(socket, name)))
        yield


def _guard_address(original):
    def guarded(self, address):
        _refuse_outside(self.family, address)
        return original(self, address)

    return guarded


def _guard_datagram(original):
    def guarded(self, *args):
        # The address is the last argument of sendto, and of sendmsg only when there are four.
        addressed = len(args) == 4 or original.__name__ == "sendto"
        if addressed:
            _refuse_outside(self.family, args[-1])
        return original(self, *args)

    return guarded


def _guard_name(original):
    def guarded(host, *args, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").endswith(".invalid"):
            # RFC 6761 section 6.4: there is no such name, and no resolver needs to be asked.
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name and not _is_here(name):
            pytest.fail(f"a test asked for the address of {name!r}")
        return original(host, *args, **options)

    return guarded


def _refuse_outside(family, address):
    if family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
        pytest.fail(f"a test reached for {address!r}, which is not this machine")


def _is_here(host):
    if host in ("localhost", "", "0.0.0.0", "::"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.endswith(".localhost")


@pytest.fixture(scope="session")
def _moto():
    """AWS as moto plays it, on loopback."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def no_account(monkeypatch):
    """Nothing of what botocore found for another test, nor what is in this machine's files."""
    from exitkit.clients import aws

    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    aws._session.cache_clear()
    aws._keep_quiet_about.cache_clear()
    yield
    aws._session.cache_clear()


@pytest.fixture
def account(no_account, monkeypatch):
    """Credentials in the environment; no server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMADEUPFORTESTS00")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-made-up-for-this-test")


@pytest.fixture
def aws(_moto, account, monkeypatch):
    """An empty AWS and credentials for it, in the environment; gives a maker of boto3's clients."""
    import boto3

    urllib.request.urlopen(urllib.request.Request(f"{_moto}/moto-api/reset", method="POST")).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", _moto)
    return functools.partial(boto3.client, region_name="us-east-1", endpoint_url=_moto)

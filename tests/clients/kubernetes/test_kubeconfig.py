"""A kubeconfig: which cluster a context means, and what its user logs in with."""

import base64
import json
import sys
from pathlib import Path

import pytest

from exitkit.clients.kubernetes.kubeconfig import read
from exitkit.errors import ActionError, ConfigError
from exitkit.testing.clock import FakeClock
from exitkit.text import redact

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def b64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def config(tmp_path):
    def write(user=None, cluster=None, context="", **more):
        found = {
            "current-context": "one",
            "contexts": [
                {"name": "one", "context": {"cluster": "c1", "user": "u"}},
                {"name": "two", "context": {"cluster": "c2", "user": "u"}},
                {"name": "broken", "context": {"cluster": "gone", "user": "u"}},
            ],
            "clusters": [
                {"name": "c1", "cluster": {"server": "https://one/", **(cluster or {})}},
                {"name": "c2", "cluster": {"server": "https://two"}},
            ],
            "users": [{"name": "u", "user": user or {}}],
            **more,
        }
        (tmp_path / "config").write_text(json.dumps(found))
        return read(str(tmp_path / "config"), context, FakeClock())

    return write


def test_the_current_context_or_the_one_that_is_named(config):
    """Without a slash at the server's end."""
    assert config().server == "https://one"
    assert config(context="two").server == "https://two"


@pytest.mark.parametrize("context", ["three", "broken"])
def test_a_context_that_is_not_there_is_told(config, context):
    """Exit code 2."""
    with pytest.raises(ConfigError, match="correct it"):
        config(context=context)


def test_a_token_a_file_of_one_and_a_password(config, tmp_path):
    """Relative paths are those from the kubeconfig; each is kept quiet about."""
    (tmp_path / "t").write_text("token-in-a-file\n")
    with redact.forget_all():
        assert config({"token": "token-made-up-here"}).authorization() == "Bearer token-made-up-here"
        assert config({"tokenFile": "t"}).authorization() == "Bearer token-in-a-file"
        basic = config({"username": "u", "password": "pass-word-made-up"}).authorization()
        assert base64.b64decode(basic.removeprefix("Basic ")) == b"u:pass-word-made-up"
        assert "made-up" not in redact.redact("x pass-word-made-up x token-made-up-here")
    assert config().authorization() == ""


def test_certificates_in_the_file_are_written_for_tls_and_removed(config):
    """In a folder of this user's alone."""
    access = config(
        {"client-certificate-data": b64(PEM), "client-key-data": b64("key")},
        {"certificate-authority-data": b64(PEM)},
    )
    files = [Path(access.ca_file), *map(Path, access.client_cert)]
    assert [one.read_text() for one in files] == [PEM, PEM, "key"]
    assert files[0].parent.stat().st_mode & 0o777 == 0o700
    access.close()
    assert not any(one.exists() for one in files)


def test_certificates_that_are_named_are_used_where_they_are(config, tmp_path):
    """Relative to the kubeconfig."""
    access = config({"client-certificate": "c.pem", "client-key": "/k.pem"}, {"certificate-authority": "ca.pem"})
    assert access.ca_file == str(tmp_path / "ca.pem")
    assert access.client_cert == (str(tmp_path / "c.pem"), "/k.pem")


@pytest.mark.parametrize(
    ("user", "cluster", "told"),
    [
        ({}, {"insecure-skip-tls-verify": True}, "not followed"),
        ({}, {"tls-server-name": "x"}, "not followed"),
        ({"auth-provider": {"name": "gcp"}}, {}, "gone from Kubernetes"),
        ({"client-certificate": "c"}, {}, "needs its key"),
        ({"client-certificate-data": "%%%", "client-key-data": "x"}, {}, "no base64"),
        ({"token": "t0ken-t0ken-t0ken"}, {"server": "http://cluster"}, "no credentials are sent"),
    ],
)
def test_what_is_not_safe_is_refused(config, user, cluster, told):
    """Before anything is asked; and no secret is in the words."""
    with pytest.raises(ConfigError, match=told) as caught:
        config(user, cluster)
    assert "t0ken" not in str(caught.value)


def test_a_proxy_and_a_server_on_this_machine(config):
    """`kubectl proxy` needs neither TLS nor credentials."""
    assert config(cluster={"proxy-url": "http://proxy:8080"}).proxy == "http://proxy:8080"
    assert config({"token": "t0ken-t0ken-t0ken"}, {"server": "http://127.0.0.1:8001"}).server == "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "a: &a [*a]", '{"current-context": "x"}', "!!python/object:os.system {}"]
)
def test_what_is_no_kubeconfig_is_told(tmp_path, text):
    """Without its text, which may hold secrets."""
    (tmp_path / "config").write_text(text)
    with pytest.raises(ConfigError, match="kubeconfig"):
        read(str(tmp_path / "config"), "", FakeClock())
    with pytest.raises(ConfigError, match="cannot be read"):
        read(str(tmp_path / "gone"), "", FakeClock())


# A program that gives credentials.

SCRIPT = """
import json, os, sys
with open(sys.argv[1], "a") as file: file.write("x")
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert info["kind"] == "ExecCredential" and os.environ["OWN"] == "value"
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": json.loads(sys.argv[2])}))
"""


def program(tmp_path, status, *, version="client.authentication.k8s.io/v1", command=sys.executable, script=SCRIPT):
    (tmp_path / "give.py").write_text(script)
    arguments = [str(tmp_path / "give.py"), str(tmp_path / "count"), json.dumps(status)]
    environ = [{"name": "OWN", "value": "value"}]
    return {"exec": {"apiVersion": version, "command": command, "args": arguments, "env": environ}}


def test_a_program_gives_a_token_once(config, tmp_path):
    """As `aws eks get-token` does; it is run again only when the token is about to end."""
    access = config(program(tmp_path, {"token": "token-of-the-program"}))
    assert [access.authorization() for _ in range(3)] == ["Bearer token-of-the-program"] * 3
    assert (tmp_path / "count").read_text() == "x"


def test_a_token_that_is_about_to_end_is_asked_for_again(config, tmp_path):
    """A minute before."""
    access = config(program(tmp_path, {"token": "t0ken-t0ken", "expirationTimestamp": "2020-01-01T00:00:00Z"}))
    access.authorization()
    access.authorization()
    assert len((tmp_path / "count").read_text()) == 3


def test_a_program_may_give_a_certificate(config, tmp_path):
    """For a cluster without tokens."""
    access = config(program(tmp_path, {"clientCertificateData": PEM, "clientKeyData": "key"}))
    assert Path(access.client_cert[1]).read_text() == "key"
    access.close()


@pytest.mark.parametrize(
    ("more", "kind", "told"),
    [
        ({"version": "client.authentication.k8s.io/v1alpha1"}, ConfigError, "update it"),
        ({"command": "no-such-program-here"}, ConfigError, "cannot be run"),
        ({"script": "import sys; sys.exit('no: password=hunter2')"}, ActionError, r"ended with 1: no: password=\*\*\*"),
        ({"script": "print('hello')"}, ActionError, "printed no ExecCredential"),
        ({"script": "print('{}')"}, ActionError, "printed no ExecCredential"),
    ],
)
def test_a_program_that_gives_nothing_is_told(config, tmp_path, more, kind, told):
    """What it said, without secrets."""
    with pytest.raises(kind, match=told):
        config(program(tmp_path, {"token": "x"}, **more))

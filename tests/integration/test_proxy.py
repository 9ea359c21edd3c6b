"""Through a real proxy: squid, which resolves the names that only it knows and wants a password."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer
from exitkit.testing.server import certificate_file

NAME = "hooks.test"
PASSWORD = "made-up-f0r-squid"
AUTHENTICATOR = Path("/usr/lib/squid/basic_ncsa_auth")


@pytest.fixture(scope="module")
def squid(program, free_port, tmp_path_factory, serve):
    """A squid on two ports, by HTTP and by TLS; gives both and the file that it logs to."""
    path = program("squid")
    if not AUTHENTICATOR.is_file():
        pytest.skip(f"{AUTHENTICATOR} is not installed: nothing to test against")
    folder = tmp_path_factory.mktemp("squid")
    for one in (folder, *folder.parents[:2]):
        one.chmod(0o755)
    folder.chmod(0o777)
    (folder / "hosts").write_text(f"127.0.0.1 {NAME}\n")
    coded = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True).stdout
    (folder / "passwords").write_text(f"me:{coded}")
    (folder / "proxy.pem").write_text(Path(certificate_file()).read_text())
    port, secure = free_port(), free_port()
    (folder / "squid.conf").write_text(
        f"http_port 127.0.0.1:{port}\nhttps_port 127.0.0.1:{secure} tls-cert={folder}/proxy.pem\n"
        f"hosts_file {folder}/hosts\nauth_param basic program {AUTHENTICATOR} {folder}/passwords\n"
        "acl users proxy_auth REQUIRED\nhttp_access allow users\nhttp_access deny all\n"
        f"access_log stdio:{folder}/access.log\ncache_log {folder}/cache.log\ncache deny all\n"
        f"pid_filename none\ncoredump_dir {folder}\nshutdown_lifetime 0 seconds\n"
    )
    serve([path, "-N", "-f", str(folder / "squid.conf")], port)
    return port, secure, folder / "access.log"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for the name that only the proxy resolves, in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={NAME}",
            "-addext",
            f"subjectAltName=DNS:{NAME}",
            "-keyout",
            folder / "key",
            "-out",
            folder / "cert",
        ],
        check=True,
        capture_output=True,
    )
    whole = folder / "both.pem"
    whole.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return str(whole)


def notify(url, **environ):
    """The only step of the report of `exitkit notify webhook`, and all that was printed."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "exitkit",
            "notify",
            "webhook",
            "--url",
            url,
            "--status",
            "Failed",
            "--name",
            "x",
            "--timeout",
            "10",
        ],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return json.loads(ran.stdout)["steps"][0], ran.stdout + ran.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("by_tls", [False, True])
def test_a_webhook_arrives_through_squid(squid, certificate, tmp_path, scheme, by_tls):
    """To a name that is known to the proxy alone, with its password, by either way to it; both authorities in one file."""
    port, secure, log = squid
    bundle = tmp_path / "ca.pem"
    bundle.write_text(Path(certificate).read_text() + Path(certificate_file()).read_text())
    with ScriptedHTTP([answer(200, b"ok")], tls=scheme == "https") as server:
        server.ca_file = certificate
        proxy = f"https://me:{PASSWORD}@localhost:{secure}" if by_tls else f"http://me:{PASSWORD}@127.0.0.1:{port}"
        variables = {f"{scheme.upper()}_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(bundle)}
        step, printed = notify(f"{scheme}://{NAME}:{server.port}/", **variables)
    assert step["outcome"] == "ok", printed
    assert PASSWORD not in printed
    asked = f"CONNECT {NAME}:{server.port}" if scheme == "https" else f"POST http://{NAME}:{server.port}/"
    assert asked in log.read_text()


def test_a_wrong_password_is_told_and_not_tried_again(squid):
    """With what to do, and without the password."""
    port, _, _ = squid
    step, printed = notify(f"https://{NAME}:1/", HTTPS_PROXY=f"http://me:wr0ng-{PASSWORD}@127.0.0.1:{port}")
    assert (step["outcome"], step["reason"]) == ("failed", "auth")
    assert "the proxy answers 407" in step["summary"]
    assert PASSWORD not in printed


def test_an_exception_does_not_pass_squid(squid):
    """NO_PROXY goes straight, where nobody knows the name."""
    port, _, log = squid
    proxy = f"http://me:{PASSWORD}@127.0.0.1:{port}"
    before = log.read_text() if log.exists() else ""
    step, _ = notify(f"http://{NAME}:2/", ALL_PROXY=proxy, NO_PROXY=".test")
    assert step["outcome"] == "failed"
    assert "cannot be resolved" in step["summary"]
    assert (log.read_text() if log.exists() else "") == before

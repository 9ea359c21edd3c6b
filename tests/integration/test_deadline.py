"""Whatever hangs below, a run ends with its deadline: within 5 % of it, or a quarter of a second."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

SECONDS = 6.0
# From the start of Python until the run begins, at most, and what a busy machine takes beside.
STARTING, BUSY = 5.0, 1.0

DEAD_RESOLVER = """
import socket, threading
def getaddrinfo(*args, **options):
    threading.Event().wait()
socket.getaddrinfo = getaddrinfo
"""


def notify(url, tmp_path, *, before=""):
    """The report and the seconds of `exitkit notify webhook`, after some code in the same process."""
    code = f"{before}\nimport sys\nfrom exitkit.__main__ import main\nmain()"
    argv = ["notify", "webhook", "--url", url, "--timeout", f"{SECONDS}", "--status", "Failed", "--name", "w"]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *argv],
        env={key: value for key, value in os.environ.items() if not key.upper().endswith("_PROXY")},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=tmp_path,
    )
    seconds = time.monotonic() - began
    assert "Traceback" not in done.stderr
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert report["outcome"] == "cut"
    # The deadline counts from the process's start, and a twentieth of what is left is for telling.
    assert 0.9 * SECONDS - STARTING <= report["seconds"] <= SECONDS
    assert 0.9 * SECONDS <= seconds < SECONDS + 0.25 + BUSY
    return report["steps"][0]


@contextlib.contextmanager
def listening(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def drip(client):
    """An endless answer, one byte a second, each of which resets a library's own timeout."""
    with contextlib.suppress(OSError), client:
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            client.sendall(b"x")
            time.sleep(1)


def drip_headers(client):
    with contextlib.suppress(OSError), client:
        client.recv(65_536)
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
            client.sendall(bytes([byte]))
            time.sleep(1)


def say_nothing(client):
    with contextlib.suppress(OSError), client:
        client.recv(65_536)
        time.sleep(30)


@pytest.mark.parametrize("answer", [drip, drip_headers, say_nothing])
def test_a_server_that_never_ends_its_answer(answer, tmp_path):
    """Bytes left and no verdict came, so it is unknown."""
    with listening(answer) as url:
        entry = notify(url, tmp_path)
    assert entry["outcome"] == "unknown", entry
    assert "may have arrived" in entry["summary"]


def test_a_resolver_that_is_dead(tmp_path):
    """A look-up has no timeout of its own; nothing was sent, so it failed."""
    entry = notify("http://hooks.example.invalid/", tmp_path, before=DEAD_RESOLVER)
    assert entry["outcome"] == "failed", entry


def test_a_connection_that_is_never_taken(tmp_path):
    """A listener whose queue is full; nothing was sent, so it failed."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        time.sleep(0.1)
        entry = notify(f"http://127.0.0.1:{server.getsockname()[1]}/", tmp_path)
    assert entry["outcome"] == "failed", entry

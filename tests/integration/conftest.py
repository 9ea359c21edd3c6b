"""Real servers for the integration tests: each a program that is here or whose tests skip, on a port of loopback."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def program():
    """Gives the path of a program, from Go's own folder or the search path, or skips."""

    def find(name):
        own = Path(os.environ.get("GOPATH", "/nowhere")) / "bin" / name
        found = str(own) if own.is_file() else shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed: nothing to test against")
        return found

    return find


@pytest.fixture(scope="session")
def free_port():
    """Gives a port that nobody listens on."""

    def find():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Starts a program that listens on a port, and waits until it does; all of them end with the session."""
    running = []

    def start(words, port, **more):
        log = tmp_path_factory.mktemp("log") / Path(words[0]).name
        with log.open("wb") as out:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
        running.append(process)
        for _ in range(600):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    return process
            if process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"{words[0]} does not listen on {port}: {log.read_text(errors='replace')[-2000:]}")

    yield start
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()

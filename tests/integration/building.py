"""The image built as `make image` builds it, by buildah from what stands in for its base, without a network."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHEELS = Path(os.environ.get("WHEELS", ROOT / ".cache" / "wheels"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
IMAGE = f"localhost/exitkit-a:{VERSION}"
CREATED = "2026-01-02T03:04:05Z"


class Unbuildable(Exception):
    """Why no image can be built here."""


class Builder:
    """buildah with a storage of its own, which goes with the folder."""

    def __init__(self, folder):
        (folder / "tmp").mkdir()
        (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        storage = {"driver": "overlay", "graphroot": folder / "storage", "runroot": folder / "run"}
        lines = "\n".join(f'{name} = "{value}"' for name, value in storage.items())
        (folder / "storage.conf").write_text(f"[storage]\n{lines}\n")
        # What a make around this one was called with is not for the one in here, nor is a docker.
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        own = {"CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
        self.environ = {**environ, **own, "TMPDIR": str(folder / "tmp"), "BUILDAH_ISOLATION": "chroot"}
        self.mounts = ["--volume", f"{WHEELS}:/wheels:ro", "--volume", f"{folder}/pip.conf:/etc/pip.conf:ro"]

    def start(self, *words, **more):
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": self.environ}
        return subprocess.Popen(list(map(str, words)), **given, **more)

    def run(self, *words):
        return self.wait(self.start("buildah", *words))[0]

    def wait(self, *processes):
        """What each said, once all have ended well."""
        said = [process.communicate(timeout=600)[0].strip() for process in processes]
        for process, text in zip(processes, said, strict=True):
            assert process.returncode == 0, text[-3000:]
        return said

    def make(self, checkout, name):
        """Starts `make image`, without a network, from the wheels that are here, and with nothing of an earlier build."""
        arguments = [*self.mounts, "--pull=never", "--layers=false", "--no-cache", "--build-arg", f"CREATED={CREATED}"]
        words = [f"IMAGE={name}", "BASE=localhost/base:1", f"ARGS={shlex.join(arguments)}"]
        return self.start("make", "image", *words, cwd=checkout)

    def build(self, context, tag):
        """Starts the build of an image on top of ours."""
        given = ["--build-arg", f"EXITKIT={IMAGE}", "--build-arg", "BASE=localhost/base:1"]
        return self.start("buildah", "bud", "--pull=never", *self.mounts, *given, "-t", tag, context)

    def mounted(self, tag):
        """The root of an image, and its settings."""
        settings = json.loads(self.run("inspect", "--type", "image", tag))["OCIv1"]["config"]
        return Path(self.run("mount", self.run("from", "--pull-never", tag))), settings


@contextlib.contextmanager
def opened(folder):
    """A Builder in the folder, with what stands in for the image's base in it as base:1. Raises Unbuildable."""
    if os.geteuid() != 0:
        raise Unbuildable("not root: the image is neither built nor run")
    if not WHEELS.is_dir():
        raise Unbuildable(f"{WHEELS} is not there: make keeps the wheels of the locks")
    made = subprocess.run(
        [sys.executable, ROOT / ".ci/standin.py", folder / "base"], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise Unbuildable(f"nothing can stand in for the image's base: {made.stderr.strip()[-300:]}")
    builder = Builder(folder)
    tried = builder.start("buildah", "from", "scratch")
    told, _ = tried.communicate(timeout=60)
    if tried.returncode != 0:
        raise Unbuildable(f"buildah cannot keep images here: {told.strip()[-300:]}")
    container = builder.run("from", "scratch")
    builder.run("add", "--quiet", container, folder / "base", "/")
    builder.run("config", "--env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    builder.run("commit", "--quiet", "--rm", container, "base:1")
    shutil.rmtree(folder / "base")
    try:
        yield builder
    finally:
        builder.run("umount", "--all")
        shutil.rmtree(folder, ignore_errors=True)


def checkout(folder, umask):
    """The sources as somebody else has them: fetched just now, and with that umask."""
    before = os.umask(umask)
    try:
        for name in (".dockerignore", "Dockerfile", "LICENSE", "Makefile", "README.md", "pyproject.toml"):
            shutil.copyfile(ROOT / name, folder / name)
        for name in ("exitkit", "image", "requirements"):
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, copy_function=shutil.copyfile, ignore=left_out)
    finally:
        os.umask(before)
    return folder

"""The image, built by buildah from what stands in for its base, and run by crun as Kubernetes would at its strictest.

It takes about 70 s of two cores, most of it for building twice. Needs root, buildah and crun, and the wheels of the
locks, which `make` keeps; what is missing is said where it skips.
"""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest
from building import CREATED, IMAGE, ROOT, VERSION, Unbuildable, checkout, opened

from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer

SITE = f"opt/exitkit/lib/python3.{sys.version_info.minor}/site-packages"
LARGEST = 45_000_000
SLOWEST = 6
"""How many times a bare interpreter's time `exitkit --version` may take."""

# What no image for production has: shells, package managers, and what fetches or compiles.
PROGRAMS = re.compile(
    r"(ba|da|z|k|c)?sh|busybox|apt(-.*)?|dpkg(-.*)?|pip[\d.]*|perl|apk|yum|rpm|curl|wget|gcc|ld|tar|env"
)
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")

FACTS = ["--status", "Failed", "--name", "train-x7k2p", "--namespace", "ml"]


@pytest.fixture(scope="module")
def builder(program, tmp_path_factory):
    """buildah, with the base in it; skips where it cannot be had."""
    program("buildah"), program("crun")
    try:
        with opened(tmp_path_factory.mktemp("image")) as builder:
            yield builder
    except Unbuildable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def image(builder, tmp_path_factory):
    """The ids of what `make image` makes in two fresh checkouts at once."""
    folders = [checkout(tmp_path_factory.mktemp("checkout"), umask) for umask in (0o022, 0o077)]
    builds = [builder.make(folder, f"exitkit-{name}") for folder, name in zip(folders, "ab", strict=True)]
    return [said.splitlines()[-1] for said in builder.wait(*builds)]


@pytest.fixture(scope="module")
def mounted(builder, image):
    """The image's root, and its settings."""
    return builder.mounted(IMAGE)


class Ran:
    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr


@pytest.fixture
def crun(mounted, tmp_path):
    """Runs a command in an image as Kubernetes would at its strictest, with a network so that it reaches loopback."""

    def run(*words, uid=65532, root=None, settings=None, writable=False, umask=0):
        root, settings = root or mounted[0], settings or mounted[1]
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}]
        mounts += [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}]
        bundle = {
            "ociVersion": "1.0.2",
            "process": {
                "args": [*(settings["Entrypoint"] if not words or words[0] != "python" else []), *words],
                "env": settings["Env"],
                "cwd": settings["WorkingDir"] or "/",
                "user": {"uid": uid, "gid": 0 if uid != 65532 else uid, "umask": umask},
                "capabilities": {},
                "noNewPrivileges": True,
            },
            "root": {"path": str(root), "readonly": not writable},
            "mounts": mounts,
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
        }
        (tmp_path / "config.json").write_text(json.dumps(bundle))
        name = f"exitkit-test-{os.getpid()}"
        start = f"exec crun --root {tmp_path}/state --cgroup-manager=disabled run -b {tmp_path} {name}"
        if (
            subprocess.run(["stat", "-fc", "%T", "/sys/fs/cgroup"], capture_output=True, check=False).stdout
            != b"cgroup2fs\n"
        ):
            start = f"umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && {start}"
        ran = subprocess.run(
            ["unshare", "-m", "sh", "-c", start], capture_output=True, text=True, check=False, timeout=120
        )
        if "crun" in ran.stderr and re.search("cgroup|not supported|not permitted", ran.stderr):
            pytest.skip(f"crun cannot run here: {ran.stderr.strip()[-300:]}")
        return Ran(ran)

    return run


def files(root):
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def test_the_same_sources_make_the_same_image(image):
    """From two checkouts with other times and modes, without a cache: one digest."""
    assert image[0] == image[1]


def test_it_is_small(builder, image, tmp_path):
    """All of it, compressed, as a node pulls it."""
    builder.run("push", "--quiet", IMAGE, f"oci:{tmp_path / 'oci'}:a")
    assert sum(path.stat().st_size for path in files(tmp_path / "oci" / "blobs")) <= LARGEST


def test_there_is_nothing_in_it_but_what_runs(mounted):
    """No shell, no package manager, no source, no test, no key; and no file that its user could change."""
    root, settings = mounted
    everything = files(root)
    programs = {path.name for path in everything if path.stat().st_mode & 0o111 and ".so" not in path.name}
    assert programs == {"exitkit", f"python3.{sys.version_info.minor}"}
    assert [path for path in root.rglob("*") if PROGRAMS.fullmatch(path.name) and not path.is_dir()] == []
    assert [path for path in everything if path.suffix in {".py", ".pyi", ".c", ".h", ".a"}] == []
    assert [
        path for path in (root / SITE).rglob("*") if path.is_dir() and path.name in {"test", "tests", "testing"}
    ] == []
    assert [path for path in everything if KEY.search(path.read_bytes())] == []
    loose = [path for path in root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o6022]
    assert loose == [root / "tmp"]
    assert all(path.lstat().st_uid == 0 for path in root.rglob("*"))
    assert settings["User"] == "65532:65532"


def test_labels_tell_where_it_is_from(mounted):
    """As https://github.com/opencontainers/image-spec/blob/main/annotations.md has them."""
    labels = mounted[1]["Labels"]
    given = {
        name.rpartition(".")[2]: text for name, text in labels.items() if name.startswith("org.opencontainers.image.")
    }
    known = {"title": "exitkit", "version": VERSION, "created": CREATED, "licenses": "Apache-2.0"}
    assert known.items() <= given.items()
    assert "revision" in given


def test_a_bill_of_materials_is_in_it(mounted):
    """Every locked distribution, exitkit itself, the interpreter, and the Debian packages that libraries are from."""
    bill = json.loads((mounted[0] / "usr/share/sbom/exitkit.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    purls = {component["purl"] for component in bill["components"]}
    assert len(purls) == len(bill["components"])
    names = {purl.partition("@")[0].removeprefix("pkg:pypi/") for purl in purls if purl.startswith("pkg:pypi/")}
    held = {path.name.partition("-")[0].replace("_", "-").lower() for path in (mounted[0] / SITE).glob("*.dist-info")}
    assert held <= names
    assert {"argo-exitkit", "pydantic", "botocore", "cryptography"} <= names
    assert any(purl.startswith("pkg:generic/python@3.") for purl in purls)
    assert {"libc6", "libssl3"} <= {purl.partition("@")[0].removeprefix("pkg:deb/debian/") for purl in purls}
    constraints = (mounted[0] / "opt/exitkit/constraints.txt").read_text().splitlines()
    assert f"argo-exitkit=={VERSION}" in constraints
    assert len(constraints) == len(held)


@pytest.mark.parametrize("uid", [65532, 1_000_700_000])
def test_it_delivers_without_any_right(crun, uid):
    """As its own user and as one that a cluster chose: read-only root, no capabilities, no place to write."""
    with ScriptedHTTP([answer(200, b"ok")]) as server:
        ran = crun(
            "notify",
            "webhook",
            "--url",
            server.url,
            *FACTS,
            "--failures",
            json.dumps('[{"message": "OOMKilled"}]'),
            uid=uid,
        )
    assert ran.code == 0, ran.err
    (request,) = server.requests
    assert request.method == "POST"
    assert "train-x7k2p" in request.body.decode()
    assert "OOMKilled" in request.body.decode()


LOOK = """
import importlib, os, pkgutil, json
import exitkit
for module in pkgutil.walk_packages(exitkit.__path__, "exitkit."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import google.auth, google.auth.compute_engine, google.auth.identity_pool, google.oauth2.service_account
import google.auth.transport.requests, google.auth.impersonated_credentials
import psycopg, pymysql, sqlalchemy, sqlite3, lightkube, ssl, zoneinfo
for url in ("sqlite://", "postgresql+psycopg://a@localhost/b", "mysql+pymysql://a@localhost/b"):
    engine = sqlalchemy.create_engine(url)
with sqlalchemy.create_engine("sqlite://").connect() as connection:
    assert connection.execute(sqlalchemy.text("select 1")).scalar() == 1
import botocore.session
session = botocore.session.Session()
for name in os.listdir(os.path.join(os.path.dirname(botocore.__file__), "data")):
    if "." not in name:
        session.create_client(name, region_name="eu-west-1")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_default_certs()
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "services": sorted(name for name in os.listdir(os.path.join(os.path.dirname(botocore.__file__), "data")) if "." not in name),
    "authorities": len(context.get_ca_certs()),
    "zone": zoneinfo.ZoneInfo("Europe/Berlin").key,
    "uid": os.getuid(), "pid": os.getpid(), "caps": int(status["CapEff"], 16), "nnp": status["NoNewPrivs"].strip(),
    "writable": [path for path in ("/", "/tmp", "/opt/exitkit", "/dev") if os.access(path, os.W_OK)],
}))
"""


def test_all_that_it_holds_can_be_used(crun):
    """Every module of exitkit, every SDK, every service of AWS that is left, the authorities; and nothing can be written."""
    ran = crun("python", "-I", "-W", "ignore", "-c", LOOK)
    assert ran.code == 0, ran.err[-3000:]
    seen = json.loads(ran.out)
    assert {"signin", "sts", "sso", "sso-oidc"} <= set(seen["services"])
    assert len(seen["services"]) < 10
    assert seen["authorities"] > 50
    assert (seen["uid"], seen["pid"], seen["caps"], seen["nnp"]) == (65532, 1, 0, "1")
    assert seen["writable"] == []


def cpu_seconds(root, words):
    """Of one run in the image's root; time in which others had the cores counts for nothing."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.chroot(root)
            os.chdir("/")
            os.execve(words[0], words, {"PATH": "/opt/exitkit/bin", "LANG": "C.UTF-8"})
        os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, words
    return usage.ru_utime + usage.ru_stime


def test_it_starts_fast(mounted):
    """`exitkit --version`, beside the interpreter alone: the least CPU time of ten each."""
    bare, version = (
        min(cpu_seconds(mounted[0], words) for _ in range(10))
        for words in (["/opt/exitkit/bin/python", "-I", "-c", "pass"], ["/opt/exitkit/bin/exitkit", "--version"])
    )
    assert version <= SLOWEST * bare


def test_a_plugin_is_added_by_the_recipe(builder, image, crun):
    """examples/exitkit-ntfy/Dockerfile, as docs/plugins.md tells to use it: the action is there, and delivers."""
    folder = ROOT / "examples" / "exitkit-ntfy"
    builder.wait(builder.build(folder, "ntfy:a"))
    root, settings = builder.mounted("ntfy:a")
    assert settings["User"] == "65532:65532"
    assert sorted(path.name for path in (root / SITE).glob("*exitkit*")) == [
        f"argo_exitkit-{VERSION}.dist-info",
        "exitkit",
        "exitkit_ntfy",
        "exitkit_ntfy-0.1.0.dist-info",
    ]
    ran = crun("actions", root=root, settings=settings)
    assert "notify.ntfy" in ran.out, ran.err
    with ScriptedHTTP([answer(200, b'{"id": "a"}')]) as server:
        ran = crun(
            "notify", "ntfy", "--server", server.url, "--topic", "t-8fK2pQ", *FACTS, root=root, settings=settings
        )
    assert ran.code == 0, ran.err
    assert "train-x7k2p" in server.requests[0].json()["title"]


def test_a_plugin_that_wants_another_version_is_told(builder, image, tmp_path):
    """At the build and in pip's words, not by a plugin that does not load when a workflow has failed."""
    folder = shutil.copytree(ROOT / "examples" / "exitkit-ntfy", tmp_path / "plugin")
    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.replace('["argo-exitkit"]', '["argo-exitkit", "pydantic<2"]'))
    process = builder.build(folder, "ntfy:b")
    told, _ = process.communicate(timeout=600)
    assert process.returncode != 0
    assert "pydantic" in told


def test_modes_say_what_they_are(mounted):
    """What is called can be called by everybody, and what is read can be read."""
    root = mounted[0]
    assert stat.S_IMODE((root / "opt/exitkit/bin/exitkit").stat().st_mode) == 0o755
    assert all(path.lstat().st_mode & 0o444 == 0o444 for path in root.rglob("*"))

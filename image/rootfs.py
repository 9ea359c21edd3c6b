"""Makes the root that the image stands on: python rootfs.py ROOT ENVIRONMENT….

In it are the interpreter that runs this and its standard library, every shared library that it and the environments
load, the authorities that certificates are checked with, time zones, and the names of a few users. No shell, no package
manager, no other program. Needs a Debian: its ldd, and its dpkg for who gave what.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

LEAVE_OUT = shutil.ignore_patterns(
    "__pycache__",
    "_tkinter*", "idlelib", "tkinter", "turtle.py", "turtledemo",  # windows
    "ensurepip", "site-packages", "venv", "config-*",  # for installing and building
    "macholib", "test", "tests", "_test*", "_xx*", "xxlimited*", "_ctypes_test*", "__phello__*", "lib2to3", "pydoc_data",
    "_curses*", "readline*", "_dbm*", "_gdbm*", "nis*",  # each brings libraries that nobody here asks for
    "*.a", "*.exe",
)  # fmt: skip
"""Of the standard library, what no action uses. pip is among it."""

ALSO_LOADED = ("libgcc_s.so.1",)
"""Opened by glibc when a thread is cancelled, so that no file names it."""

USERS = """root:x:0:0:root:/nonexistent:/nonexistent
nobody:x:65534:65534:nobody:/nonexistent:/nonexistent
exitkit:x:65532:65532:exitkit:/nonexistent:/nonexistent
"""
GROUPS = "root:x:0:\nnobody:x:65534:\nexitkit:x:65532:\n"
NAMES = "passwd: files\ngroup: files\nhosts: files dns\n"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
KEPT = (Path("/etc/ssl/openssl.cnf"), Path("/usr/lib/os-release"), Path("/usr/share/zoneinfo"))
"""Taken as they are, where they are there."""

_LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def make(root: Path, environments: Iterable[Path]) -> None:
    root.mkdir(parents=True)
    for link in (Path("/lib"), Path("/lib64")):  # into /usr, on every Debian since 12
        if link.is_symlink():
            (root / link.name).symlink_to(link.readlink())
    copied = [_interpreter(root), *_libraries(root, environments), AUTHORITIES, *KEPT]
    for path in (AUTHORITIES, *KEPT):
        _copy(path, root)
    _check_authorities(root, environments)
    _write(root, "etc/passwd", USERS)
    _write(root, "etc/group", GROUPS)
    _write(root, "etc/nsswitch.conf", NAMES)
    if (root / "usr/lib/os-release").is_file():
        (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    _tell_packages(root, copied)
    # So that libraries are found in folders like /usr/local/lib too.
    for path in ("/etc/ld.so.conf", "/etc/ld.so.conf.d"):
        _copy(Path(path), root)
    subprocess.run(["ldconfig", "-X", "-r", str(root)], check=True)
    for path in ("etc/ld.so.conf", "etc/ld.so.conf.d", "var/cache"):
        _remove(root / path)


def _interpreter(root: Path) -> Path:
    program = Path(sys.base_prefix, "bin", f"python{sysconfig.get_python_version()}")
    _copy(program, root)
    for name in ("python3", "python"):
        (root / program.relative_to("/").with_name(name)).symlink_to(program.name)
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, root / library.relative_to("/"), symlinks=True, ignore=LEAVE_OUT)
    return program


def _libraries(root: Path, environments: Iterable[Path]) -> list[Path]:
    """Copies every library that a program or library in these folders loads; says where each was."""
    files = sorted(path for folder in (root, *environments) for path in folder.rglob("*") if _is_elf(path))
    # Of one file it would not say which; of each it says the name, and then what it loads.
    told = subprocess.run(["ldd", *map(str, files), "/dev/null"], capture_output=True, text=True, check=False).stdout
    found = set[Path]()
    for part in re.split(r"^(?=/)", told, flags=re.MULTILINE)[1:]:
        file = Path(part.partition(":\n")[0])
        if missing := re.findall(r"^\s+(\S+) => not found", part, re.MULTILINE):
            _do_without(file, missing)
        else:
            found |= {Path(path) for path in _LIBRARY.findall(part)}
    libc = next(path for path in found if path.name == "libc.so.6")
    found |= {libc.with_name(name) for name in ALSO_LOADED}
    own = tuple(f"{folder}/" for folder in (root, *environments))
    outside = sorted(path for path in found if not str(path).startswith(own))
    for path in outside:
        _copy(path, root)
    return outside


def _do_without(file: Path, missing: list[str]) -> None:
    """A module of the standard library that the base itself cannot load is left out; all else has to be whole."""
    if file.parent.name != "lib-dynload":
        raise SystemExit(f"the base lacks {', '.join(missing)} for {file}")
    print(f"rootfs: without {file.name}, as the base lacks {', '.join(missing)}", file=sys.stderr)
    file.unlink()


def _check_authorities(root: Path, environments: Iterable[Path]) -> None:
    """A base without its own gets Mozilla's, of the release that is locked. Raises SystemExit where there are none."""
    target = root / AUTHORITIES.relative_to("/")
    if target.exists():
        return
    bundles = [path for folder in environments for path in folder.glob("lib/*/site-packages/certifi/cacert.pem")]
    if not bundles:
        raise SystemExit(f"the base has no {AUTHORITIES}: TLS would trust nobody")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bundles[0], target)


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _copy(path: Path, root: Path) -> None:
    """Copies it, if it is there, to the same place below root."""
    if not path.exists():
        return
    # The folder's links are in root too, or are not needed there; the file's own name is what is asked for.
    target = root / (path.parent.resolve() / path.name).relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
    elif not target.exists():
        shutil.copyfile(path, target)
        shutil.copymode(path, target)


def _write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _tell_packages(root: Path, paths: Iterable[Path]) -> None:
    """Says of each Debian package that gave something what it is and who may use it, where scanners look for it.

    As the images of https://github.com/GoogleContainerTools/distroless do.
    """
    if shutil.which("dpkg-query") is None:
        return
    names = sorted({str(one) for path in paths for one in (path, path.resolve(), *_unmerged(path))})
    told = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True, check=False).stdout
    packages = {
        line.partition(": ")[0].partition(",")[0] for line in told.splitlines() if not line.startswith("diversion")
    }
    for package in sorted({"ca-certificates", *packages}):  # whose file is made from what it brings
        status = subprocess.run(["dpkg-query", "-s", package], capture_output=True, text=True, check=False).stdout
        name = package.partition(":")[0]
        _write(root, f"var/lib/dpkg/status.d/{name}", status)
        _copy(Path("/usr/share/doc", name, "copyright"), root)


def _unmerged(path: Path) -> Iterator[Path]:
    """The file's place before /lib became a link to /usr/lib, by which dpkg may know it."""
    for one in (path, path.resolve()):
        if str(one).startswith("/usr/lib"):
            yield Path("/", *one.parts[2:])


if __name__ == "__main__":
    os.umask(0o022)
    make(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])

"""Makes from this machine what stands in for the image's base where no registry can be reached: python standin.py ROOT.

ROOT is then a Debian as small as a slim image's, from the files of the packages that are installed here, with the
interpreter that runs this in /usr/local. Needs root, a Debian, and an interpreter that is not Debian's own.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ALSO = ("ca-certificates", "libstdc++6", "openssl", "tzdata")
"""What a slim image has beside the essential packages, some of it by way of apt."""
MERGED = ("bin", "sbin", "lib", "lib64")

_WITHOUT = shutil.ignore_patterns("__pycache__", "test", "tests", "config-*", "site-packages", "idlelib", "*.a")
_FIELDS = "${Package}\t${Essential}\t${Pre-Depends},${Depends}\t${Provides}\t${db:Status-Abbrev}\n"


def make(root: Path) -> None:
    """Raises SystemExit where this machine is none to make it from."""
    prefix = Path(sys.base_prefix)
    if not shutil.which("dpkg-query"):
        raise SystemExit("this is no Debian")
    if prefix == Path("/usr"):
        raise SystemExit("the interpreter is Debian's own, which is in many packages: take another with PYTHON=")
    root.mkdir(parents=True)
    for name in MERGED:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    for name in ("dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/local/bin", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    libraries = set(_loaded(prefix))
    packages = _closure(_owners(libraries))
    paths = {Path(line) for line in _output("dpkg-query", "-L", *packages).splitlines() if line.startswith("/")}
    extra = {Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/ld.so.conf"), *Path("/etc/ld.so.conf.d").glob("*")}
    for path in sorted(paths | libraries | extra):
        _copy(path, root)
    _take_records(packages, root)
    _take_interpreter(prefix, root)
    subprocess.run(["chroot", str(root), "ldconfig"], check=True)


def _output(*words: str) -> str:
    return subprocess.run(
        words, capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    ).stdout


def _loaded(prefix: Path) -> Iterator[Path]:
    """The system's libraries that the interpreter and its modules load."""
    files = [str(path) for path in [prefix / "bin" / "python3", *prefix.glob("lib/python3*/lib-dynload/[!_]*.so")]]
    files += [str(path) for path in prefix.glob("lib/python3*/lib-dynload/_[!t]*.so")]  # Tk would bring a desktop
    for path in re.findall(r" => (/\S+) \(0x", _output("ldd", *files)):
        if not path.startswith(f"{prefix}/"):
            yield Path(path)


def _owners(paths: Iterable[Path]) -> set[str]:
    names = {str(one) for path in paths for one in (path, path.resolve(), Path("/", *path.parts[2:]))}
    lines = _output("dpkg-query", "-S", *sorted(names)).splitlines()
    return {line.partition(": ")[0].partition(":")[0] for line in lines}


def _closure(names: set[str]) -> list[str]:
    """These packages, the essential ones, and all that they depend on."""
    needs, provided = dict[str, str](), dict[str, str]()
    wanted = {*names, *ALSO}
    for line in _output("dpkg-query", "-W", "-f", _FIELDS).splitlines():
        name, essential, depends, provides, status = line.split("\t")
        if status.startswith("ii"):
            needs[name] = depends
            provided |= {one.split()[0]: name for one in provides.split(",") if one.strip()}
            wanted |= {name} if essential == "yes" else set()
    done = set[str]()
    while fresh := sorted((wanted & needs.keys()) - done):
        done |= set(fresh)
        for group in (group for name in fresh for group in needs[name].split(",")):
            choices = [re.split(r"[\s:(]", one.strip())[0] for one in group.split("|")]
            known = [one if one in needs else provided.get(one, "") for one in choices]
            wanted |= set(list(filter(None, known))[:1])
    return sorted(done)


def _copy(path: Path, root: Path) -> None:
    target = root / (path.parent.resolve() / path.name).relative_to("/")
    if path.name in MERGED and path.parent == Path("/"):
        return
    if path.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink() and not target.exists():
            target.symlink_to(path.readlink())
        if path.resolve().is_file():
            _copy(path.resolve(), root)
    elif path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif path.is_file() and not target.exists() and (path.name == "copyright" or "/usr/share/doc/" not in str(path)):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _take_records(packages: list[str], root: Path) -> None:
    """What dpkg knows of them, so that it can say whose a file is."""
    own = root / "var/lib/dpkg"
    (own / "info").mkdir(parents=True, exist_ok=True)
    (own / "status").write_text("\n".join(_output("dpkg-query", "-s", name) for name in packages), "utf-8")
    info = Path("/var/lib/dpkg/info")
    for path in [info / "format", *(path for name in packages for path in info.glob(f"{name}[.:]*list"))]:
        shutil.copy2(path, own / "info" / path.name)


def _take_interpreter(prefix: Path, root: Path) -> None:
    local = root / "usr/local"
    short = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy2(prefix / "bin" / short, local / "bin" / short)
    for name in ("python3", "python"):
        (local / "bin" / name).symlink_to(short)
    shutil.copytree(prefix / "lib" / short, local / "lib" / short, symlinks=True, ignore=_WITHOUT)
    for path in prefix.glob("lib/libpython*"):
        shutil.copy2(path, local / "lib" / path.name, follow_symlinks=False)
    site = Path("lib", short, "site-packages")
    for path in (prefix / site).glob("pip*"):
        shutil.copytree(path, local / site / path.name, ignore=_WITHOUT)


if __name__ == "__main__":
    make(Path(sys.argv[1]))

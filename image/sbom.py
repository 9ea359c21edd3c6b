"""Lists what an image is made of: python sbom.py ROOT TARGET SITE-PACKAGES….

A bill of materials as CycloneDX 1.6: the Python distributions, what their wheels say that they bring along, the
interpreter, and the Debian packages of ROOT. And pip's constraints, for plugins. Both go into TARGET, where scanners
and `docker cp` find them; the same image gives the same bytes.
"""

import json
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

BILL = "usr/share/sbom/exitkit.cdx.json"
CONSTRAINTS = "opt/exitkit/constraints.txt"
"""What is installed, so that pip says it where a plugin needs another version than the image has."""

Component = dict[str, Any]


def bill(root: Path, packages: Iterable[Distribution]) -> dict[str, Any]:
    packages = list(packages)
    components = [_interpreter(), *map(_python, packages), *_debian(root)]
    components += [component for one in packages for component in _brought(one)]
    unique = {component["purl"]: component for component in components}
    image = {"type": "container", "bom-ref": "exitkit", "name": "exitkit"}
    image["version"] = next(one.version for one in packages if one.name == "argo-exitkit")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": image},
        "components": [{**component, "bom-ref": purl} for purl, component in sorted(unique.items())],
    }


def _interpreter() -> Component:
    version = platform.python_version()
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return _component("application", "python", version, f"pkg:generic/python@{version}", "Python-2.0") | {"cpe": cpe}


def _python(one: Distribution) -> Component:
    name = one.name.lower().replace("_", "-").replace(".", "-")
    licence = one.metadata.get("License-Expression") or one.metadata.get("License") or ""
    if not licence or len(licence) > 80:  # older ones put the whole text there
        names = (text for text in one.metadata.get_all("Classifier") or () if text.startswith("License ::"))
        licence = " AND ".join(text.rpartition(" :: ")[2] for text in names)
    return _component("library", one.name, one.version, f"pkg:pypi/{name}@{one.version}", licence)


def _brought(one: Distribution) -> Iterator[Component]:
    """What is compiled into a wheel, by the lists that it has itself: https://peps.python.org/pep-0770/."""
    for file in sorted(one.files or (), key=str):
        if file.parent.name == "sboms" and file.suffix == ".json":
            for found in json.loads(Path(str(one.locate_file(file))).read_text("utf-8")).get("components", ()):
                if purl := found.get("purl"):
                    component = _component("library", found["name"], found.get("version", ""), purl.partition("?")[0])
                    yield component | ({"licenses": found["licenses"]} if found.get("licenses") else {})


def _debian(root: Path) -> Iterator[Component]:
    """From the records that rootfs.py made; none of them on another system."""
    for path in sorted((root / "var/lib/dpkg/status.d").glob("*")):
        lines = path.read_text("utf-8").splitlines()
        fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(" "))
        name, version = fields["Package"], fields["Version"]
        purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={fields['Architecture']}"
        yield _component("library", name, version, purl)


def _component(kind: str, name: str, version: str, purl: str, licence: str = "") -> Component:
    """An SPDX expression is one to readers only if they know all its words, so that it is given as a name otherwise."""
    licences = [{"license": {"name": licence}}] if licence else []
    return {"type": kind, "name": name, "version": version, "purl": purl} | ({"licenses": licences} if licences else {})


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    root, target, *sites = map(Path, sys.argv[1:])
    packages = sorted(distributions(path=[str(site) for site in sites]), key=lambda one: one.name.lower())
    write(target / BILL, json.dumps(bill(root, packages), indent=1) + "\n")
    write(target / CONSTRAINTS, "".join(f"{one.name}=={one.version}\n" for one in packages))

"""What makes the image small keeps what it needs: the scripts of image/, each tried on what is installed here."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import botocore
import botocore.session
import pytest
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

ROOT = Path(__file__).parents[1]
BOTOCORE = Path(botocore.__file__).parent


def script(name):
    spec = importlib.util.spec_from_file_location(f"image_{name}", ROOT / "image" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bytecode, prune, sbom = script("bytecode"), script("prune"), script("sbom")


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    """A session of botocore that finds only the data which the image has."""
    data = tmp_path_factory.mktemp("data")
    gone = {path.name for path in prune.unused_data(BOTOCORE)}
    for path in (BOTOCORE / "data").iterdir():
        if path.name not in gone:
            (data / path.name).symlink_to(path)
    session = botocore.session.Session()
    session.register_component(
        "data_loader", Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    )
    return session


@pytest.mark.parametrize("service", ["sts", "sso", "sso-oidc", "signin"])
def test_every_way_to_credentials_is_left(pruned, service):
    """IRSA and roles ask STS, a login asks SSO: each loads, with its endpoints."""
    client = pruned.create_client(service, region_name="eu-west-1")
    assert client.meta.endpoint_url.startswith("https://")


def test_nothing_else_is_left(pruned):
    """27 MB of services that nobody here calls; what is found in botocore's own calls is what can be loaded."""
    assert set(pruned.get_available_services()) == prune.services(BOTOCORE) == {"sts", "sso", "sso-oidc", "signin"}


@pytest.mark.parametrize("service", ["s3", "logs"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_the_addresses_of_what_exitkit_calls_are_left(pruned, service, region):
    """Of every partition; exitkit signs by itself, so that it needs no more of these services."""
    resolver = EndpointResolver(pruned.get_component("data_loader").load_data("endpoints"))
    assert region in resolver.construct_endpoint(service, region)["hostname"]


def test_a_plugins_services_can_be_kept():
    """AWS_SERVICES names them; `all` keeps everything, and a name that is none is refused."""
    gone = {path.name for path in prune.unused_data(BOTOCORE, ["sns", "sqs"])}
    assert gone.isdisjoint({"sns", "sqs", "sts"})
    assert "ec2" in gone
    assert list(prune.unused_data(BOTOCORE, ["all"])) == []
    with pytest.raises(SystemExit, match="botocore knows no snss"):
        list(prune.unused_data(BOTOCORE, ["snss"]))


def test_a_name_in_botocores_calls_is_found(tmp_path):
    """As an argument by place or by name, of a function or a method; other texts are none."""
    (tmp_path / "data" / "sts").mkdir(parents=True)
    (tmp_path / "data" / "sso").mkdir()
    (tmp_path / "data" / "s3").mkdir()
    (tmp_path / "a.py").write_text(
        "def f(self):\n  make_client(self, 'sts')\n  self.creator_of_client(service='sso')\n  open('s3')\n"
    )
    assert prune.services(tmp_path) == {"sts", "sso"}


def python(*words, **environ):
    ran = subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, check=False, env={**os.environ, **environ}
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    return ran.stdout.decode()


def test_bytecode_alone_runs_and_is_the_same_each_time(tmp_path):
    """Without its source, whatever its times; two processes write the same bytes, with the place in the image in them."""
    text = "KINDS = frozenset({'a', 'b', 'c', 'd'})\n\n\ndef where():\n    return where.__code__.co_filename\n"
    for name in ("one", "two"):
        (tmp_path / name / "pack").mkdir(parents=True)
        (tmp_path / name / "pack" / "__init__.py").write_text(text)
        os.utime(tmp_path / name / "pack" / "__init__.py", (len(name), 1_000_000_000 if name == "one" else 2))
        python(ROOT / "image" / "bytecode.py", tmp_path / name, "/opt/x", PYTHONHASHSEED="0")
    one, two = (list((tmp_path / name / "pack").iterdir()) for name in ("one", "two"))
    assert [path.name for path in one] == ["__init__.pyc"]
    assert one[0].read_bytes() == two[0].read_bytes()
    assert (
        python("-c", "import pack; print(pack.where())", PYTHONPATH=str(tmp_path / "one")).strip()
        == "/opt/x/pack/__init__.py"
    )


def test_a_stripped_library_still_loads(tmp_path):
    """And is smaller, where it had something to lose."""
    package = Path(importlib.util.find_spec("yaml").origin).parent
    shutil.copytree(package, tmp_path / "yaml")
    (library,) = (tmp_path / "yaml").glob("_yaml*.so")
    before = library.stat().st_size
    bytecode.strip_folder(tmp_path)
    assert library.stat().st_size < before / 2
    told = python(
        "-c",
        "import yaml, yaml._yaml as c; print(c.__file__, yaml.load('a: [1]', yaml.CSafeLoader))",
        PYTHONPATH=str(tmp_path),
    )
    assert told.strip() == f"{library} {{'a': [1]}}"


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF\x01\x01" + b"\0" * 90])
def test_what_is_no_library_stays_as_it_is(data):
    """Text, too little, and other machines' words."""
    assert bytecode.strip(data) == data


def test_the_bill_lists_each_thing_once(tmp_path):
    """The distributions, what is compiled into them, the interpreter, and the Debian packages of the root."""
    status = tmp_path / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    (status / "libc6").write_text(
        "Package: libc6\nVersion: 2.36-9+deb12u14\nArchitecture: amd64\nDescription: GNU\n more: text\n"
    )
    packages = [distribution(name) for name in ("argo-exitkit", "cryptography", "pydantic_core")]
    bill = sbom.bill(tmp_path, packages)
    purls = [component["purl"] for component in bill["components"]]
    assert purls == sorted(set(purls))
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64" in purls
    assert f"pkg:pypi/pydantic-core@{distribution('pydantic_core').version}" in purls
    assert any(purl.startswith("pkg:cargo/") for purl in purls)
    assert any(purl.startswith("pkg:generic/python@3.") for purl in purls)
    assert bill["metadata"]["component"]["version"] == distribution("argo-exitkit").version
    own = next(component for component in bill["components"] if component["name"] == "argo-exitkit")
    assert own["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert json.dumps(bill) == json.dumps(sbom.bill(tmp_path, packages))


def test_the_wheel_brings_no_test_and_no_key(tmp_path):
    """What is installed is the package, its types and its metadata; keys for scripted servers are made when asked for."""
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-cache-dir"]
    python("-m", "pip", "wheel", "--quiet", *offline, "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("argo_exitkit-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert {name.partition("/")[0].partition("-")[0] for name in names} == {"exitkit", "argo_exitkit"}
        assert [
            name
            for name in names
            if re.search(r"(^|/)(tests?|conftest\.py|test_[^/]*)(/|$)|\.(pem|key|crt|p12)$", name)
        ] == []
        keys = re.compile(rb"PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
        assert [name for name in names if keys.search(archive.read(name))] == []
        scripts = next(name for name in names if name.endswith("entry_points.txt"))
        assert "exitkit = exitkit.__main__:main" in archive.read(scripts).decode()

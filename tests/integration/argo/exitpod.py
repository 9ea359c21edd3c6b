"""The exit pod's main container, run as a kubelet and Argo's executor would run it: its argv, environment and files.

It has a root of its own, read-only but for the pod's volumes, sees no other process, and is number 1 there.
"""

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from controlplane import Gone

from exitkit.argo.facts import FACTS
from exitkit.argo.gather import gather
from exitkit.testing.certificates import certificate_file

CHECKOUT = Path(__file__).parents[3]
# What of this machine a program needs to run. /etc is not bound whole, because volumes may be mounted in it.
_SYSTEM = ("/bin", "/sbin", "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ssl", "/etc/pki", "/etc/alternatives")
_SETTINGS = ("passwd", "group", "hosts", "nsswitch.conf", "ld.so.cache", "localtime")
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# The longest termination message that a kubelet keeps.
_LONGEST_MESSAGE = 4096
# The longest argument that Linux takes (MAX_ARG_STRLEN); the emissary puts a longer one into a file.
_LONGEST_ARGUMENT = 131072
# Kubernetes expands these in command, args and env: https://github.com/kubernetes/kubernetes third_party/forked/golang/expansion
_REFERENCE = re.compile(r"\$(\$|\([^)]*\))")


class Ended(NamedTuple):
    """How a container ended: what the kubelet sees, and the files that the executor reads as outputs."""

    exit_code: int
    stdout: str
    stderr: str
    message: str
    files: dict[str, str]
    argv: tuple[str, ...]
    environ: dict[str, str]

    @property
    def facts(self):
        """The workflow as exitkit reads it from that very argv and environment, byte for byte."""
        words = self.argv[next(at for at, word in enumerate(self.argv) if word.startswith("--")) :]
        given = {flag[2:].replace("-", "_"): text for flag, text in zip(words[::2], words[1::2], strict=True)}
        repeated = {fact.name for fact in FACTS if fact.repeated}
        return gather({name: [text] if name in repeated else text for name, text in given.items()}, self.environ)


def why_not():
    """Why no container can be played on this machine; "" where one can."""
    missing = [name for name in ("unshare", "chroot", "mount") if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}"
    tried = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no namespace can be made: {tried.stderr.strip()}"


def run(plane, pod, folder, *, seconds=60):
    """Run the pod's main container and give its Ended. Raises what the kubelet would: KeyError for a missing Secret."""
    container = next(one for one in pod["spec"]["containers"] if one["name"] == "main")
    environ = _environ(plane, pod, container)
    mounts = _mounts(plane, pod, container, folder)
    argv = _argv(container, environ, mounts)
    root = folder / "root"
    log = container.get("terminationMessagePath", "/dev/termination-log")
    script = folder / "container.sh"
    script.write_text(_script(root, mounts, log, pod["spec"].get("securityContext", {}), argv))
    ended = subprocess.run(
        [*_unshare(), "sh", str(script)],
        env=environ, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False,
    )  # fmt: skip
    message = (root / log.lstrip("/")).read_bytes()[:_LONGEST_MESSAGE].decode(errors="replace")
    return Ended(
        ended.returncode,
        ended.stdout.decode(errors="replace"),
        ended.stderr.decode(errors="replace"),
        message,
        dict(_files(mounts)),
        tuple(argv),
        environ,
    )


def _unshare():
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "--pid", "--fork", "--kill-child"]


def _environ(plane, pod, container):
    """What the kubelet sets: the Secrets and ConfigMaps of envFrom, then env in its order, with references expanded."""
    host, _, port = plane.url.removeprefix("https://").partition(":")
    environ = {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOSTNAME": pod["metadata"]["name"][:63],
        "HOME": "/",
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
    }
    for source in container.get("envFrom", ()):
        kind, reference = next((kind, source[kind]) for kind in ("secretRef", "configMapRef") if kind in source)
        environ |= _data(plane, pod, kind.removesuffix("Ref"), reference["name"], optional=reference.get("optional"))
    for variable in container.get("env", ()):
        if "valueFrom" in variable:
            environ[variable["name"]] = _from(plane, pod, variable["valueFrom"])
        else:
            environ[variable["name"]] = expand(variable.get("value", ""), environ)
    return environ


def _from(plane, pod, source):
    if "fieldRef" in source:
        path = source["fieldRef"]["fieldPath"]
        keyed = re.fullmatch(r"metadata\.(annotations|labels)\['(.*)'\]", path)
        if keyed:
            return pod["metadata"].get(keyed[1], {}).get(keyed[2], "")
        value = pod
        for part in path.split("."):
            value = value.get(part, "")
        return value
    kind, reference = next((kind, source[kind]) for kind in ("secretKeyRef", "configMapKeyRef") if kind in source)
    data = _data(plane, pod, kind.removesuffix("KeyRef"), reference["name"], optional=reference.get("optional"))
    return data.get(reference["key"], "") if reference.get("optional") else data[reference["key"]]


def _data(plane, pod, kind, name, *, optional):
    try:
        document = plane.admin.get("v1", f"{kind.lower()}s", pod["metadata"]["namespace"], name)
    except Gone:
        if optional:
            return {}
        raise
    data = document.get("data", {})
    return {key: base64.b64decode(value).decode() for key, value in data.items()} if kind == "secret" else data


def _mounts(plane, pod, container, folder):
    """Where each of the container's volumes is on this machine, by its path in the container."""
    volumes = {one["name"]: one for one in pod["spec"].get("volumes", ())}
    mounts = {}
    for mount in container.get("volumeMounts", ()):
        volume, here = volumes[mount["name"]], folder / "volumes" / mount["name"]
        if not here.exists():
            here.mkdir(parents=True)
            for name, text in _contents(plane, pod, volume).items():
                (here / name).write_text(text)
            here.chmod(0o777)
        mounts[mount["mountPath"]] = here / mount["subPath"] if "subPath" in mount else here
    if argo := mounts.get("/var/run/argo"):
        (argo / "template").write_text(json.dumps(template_of(plane, pod)))
    return mounts


def template_of(plane, pod):
    """The template that Argo's init container writes for the main one."""
    init = next(one for one in pod["spec"]["initContainers"] if one["name"] == "init")
    text = next(one["value"] for one in init["env"] if one["name"] == "ARGO_TEMPLATE")
    if text == "offloaded":
        (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "argo-env-config"]
        text = _contents(plane, pod, volume)["ARGO_TEMPLATE"]
    return json.loads(text)


def _contents(plane, pod, volume):
    if "configMap" in volume:
        return _data(plane, pod, "configMap", volume["configMap"]["name"], optional=volume["configMap"].get("optional"))
    if "secret" in volume:
        return _data(plane, pod, "secret", volume["secret"]["secretName"], optional=volume["secret"].get("optional"))
    if "projected" in volume:
        namespace = pod["metadata"]["namespace"]
        return {
            "token": plane.admin.token_of(namespace, pod["spec"]["serviceAccountName"]),
            "ca.crt": Path(certificate_file()).read_text(),
            "namespace": namespace,
        }
    return {}


def _argv(container, environ, mounts):
    """The command without Argo's emissary before it, which reads long arguments from a file and puts them into others."""
    command = [expand(one, environ) for one in container["command"]]
    args = [expand(one, environ) for one in container.get("args", ())]
    command = command[command.index("--") + 1 :]
    offloaded = environ.get("ARGO_CONTAINER_ARGS_FILE")
    if not offloaded:
        return [*command, *args]
    folder = next(path for path in mounts if offloaded.startswith(f"{path}/"))
    args += json.loads((mounts[folder] / offloaded.removeprefix(f"{folder}/")).read_text())
    for number, argument in enumerate(args):
        if len(argument.encode()) > _LONGEST_ARGUMENT:
            (mounts["/tmp"] / f"argo_arg_{number}.txt").write_text(argument)
            args[number] = f"@/tmp/argo_arg_{number}.txt"
    return [*command, *args]


def expand(text, environ):
    """Kubernetes' own expansion: $(NAME) if there is such a variable, and $$ for $."""

    def value(match):
        if match[1] == "$":
            return "$"
        return environ.get(match[1][1:-1], match[0])

    return _REFERENCE.sub(value, text)


def _script(root, mounts, log, security, argv):
    """A shell's way into the container: its root, then the command in its place."""
    lines = ["set -e", 'bind() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2" 2>/dev/null || true; }']
    root.mkdir()
    for path in filter(Path.exists, map(Path, _SYSTEM)):
        inside = root / str(path).lstrip("/")
        if path.is_symlink():
            inside.symlink_to(path.readlink())
        else:
            inside.mkdir(parents=True)
            lines.append(f"bind {path} {shlex.quote(str(inside))}")
    (root / "etc").mkdir(exist_ok=True)
    for name in _SETTINGS:
        if Path("/etc", name).is_file():
            shutil.copy(Path("/etc", name), root / "etc")
    for name in ("proc", "dev", *(path.lstrip("/") for path in mounts)):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("dev/null", "dev/urandom", "dev/random"):
        (root / name).touch()
        lines.append(f"mount --bind /{name} {shlex.quote(str(root / name))}")
    (root / log.lstrip("/")).touch()
    (root / log.lstrip("/")).chmod(0o666)
    lines.append(f"mount -t proc proc {shlex.quote(str(root / 'proc'))}")
    for path, here in mounts.items():
        inside = shlex.quote(str(root) + path)
        # A volume may stand in another one, where the runtime makes the folder, as root.
        lines.append(f"mkdir -p {inside}; mount --bind {shlex.quote(str(here))} {inside}")
    # Python and exitkit, last: they may stand below a folder that a volume covers, such as /tmp.
    for path in dict.fromkeys((sys.base_prefix, sys.prefix, str(CHECKOUT))):
        if not path.startswith("/usr"):
            inside = shlex.quote(str(root) + path)
            lines.append(f"mkdir -p {inside}; bind {shlex.quote(path)} {inside}")
    # In a namespace of one's own there is no other user than oneself.
    user = security.get("runAsUser", 0)
    own = f"--userspec={user}:{user} " if os.getuid() == 0 else ""
    # The emissary leaves this umask to what it starts.
    lines += ["umask 0", f"exec chroot {own}{shlex.quote(str(root))} {shlex.join(argv)}"]
    return "\n".join(lines) + "\n"


def _files(mounts):
    for path, here in mounts.items():
        if path.startswith(_ACCOUNT) or not here.is_dir():
            continue
        for file in here.rglob("*"):
            if file.is_file() and not file.is_symlink():
                yield f"{path}/{file.relative_to(here)}", file.read_text(errors="replace")

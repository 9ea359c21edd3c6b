"""A kubeconfig file, as lightkube reads it: which cluster a context means, and what its user logs in with."""

import base64
import binascii
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from exitkit.clients.kubernetes.access import KubernetesAccess, bearer, from_file
from exitkit.clients.kubernetes.execplugin import Program
from exitkit.errors import ConfigError
from exitkit.retry.clock import Clock
from exitkit.settings import extras, smallfile
from exitkit.text import redact

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig
    from lightkube.config.models import User


_LONGEST = 16 << 20
"""Bytes of a kubeconfig that are read; one of a thousand clusters has some 5 MiB."""


def read(path: str, context: str, clock: Clock) -> KubernetesAccess:
    """What the context of this name says, or else the file's current one.

    Runs the program that gives credentials, if the file names one. Raises ConfigError, and ActionError and its
    kinds from such a program.
    """
    one, cluster = _chosen(path, context)
    told = f"kubeconfig {path}"
    if one.cluster.insecure:
        raise ConfigError(f"{told}: insecure-skip-tls-verify is not followed: give certificate-authority")
    if cluster.get("tls-server-name"):
        raise ConfigError(f"{told}: tls-server-name is not followed: give a server that its certificate is for")
    files = _Files(Path(path).parent, told)
    try:
        authorization, certificate = _identity(one.user, files, told, clock)
        _check_server(one.cluster.server, told, proves=bool(authorization or certificate))
        return KubernetesAccess(
            server=one.cluster.server.rstrip("/"),
            ca_file=files.path(one.cluster.certificate_auth, one.cluster.certificate_auth_data),
            client_cert=certificate,
            proxy=cluster.get("proxy-url") or None,
            **({"authorization": authorization} if authorization else {}),
            close=files.close,
        )
    except BaseException:
        files.close()
        raise


def _chosen(path: str, context: str) -> "tuple[SingleConfig, Mapping[str, Any]]":
    """The context, and its cluster as it is written, because lightkube does not take all of it."""
    extras.check("kubernetes", "a kubeconfig")
    from lightkube import KubeConfig
    from lightkube.core.exceptions import ConfigError as Theirs

    told = ""
    try:
        text = smallfile.read(path, _LONGEST).decode("utf-8")
        written = yaml.safe_load(text)
        one = KubeConfig.from_dict(written, fname=path).get(context or None)
        if one is not None:
            names = [each["cluster"] for each in written["clusters"] if each["name"] == one.context.cluster]
            return one, names[0]
    except OSError as error:
        told = f"cannot be read: {(error.strerror or 'no reason given').lower()}"
    except Theirs:
        told = f"has no context {context!r}" if context else "has no current-context, or one that is not there"
    except Exception:  # yaml's, msgspec's and of its keys; their texts may show what is secret
        told = "is no kubeconfig, or its context names a cluster or user that is not there"
    raise ConfigError(f"kubeconfig {path} {told}: correct it")


def _identity(
    user: "User | None", files: "_Files", told: str, clock: Clock
) -> tuple[Callable[[], str] | None, tuple[str, str] | None]:
    """What gives the Authorization header, and the files of a client certificate; each if there is one."""
    if user is None:
        return None, None
    if user.auth_provider:
        raise ConfigError(f"{told}: auth-provider is gone from Kubernetes: have the user written with exec")
    certificate = files.pair(user.client_cert, user.client_cert_data, user.client_key, user.client_key_data)
    if user.token_file:
        path = files.absolute(user.token_file)
        return (lambda: from_file(path)), certificate
    if user.token:
        value = bearer(user.token)
        return (lambda: value), certificate
    if user.exec is not None:
        program = Program(user.exec.command, tuple(user.exec.args or ()), user.exec.apiVersion, files.folder, clock)
        program.environ = {one.name: one.value for one in user.exec.env or ()}
        given = program.credentials()
        if given.certificate:
            certificate = files.written(given.certificate, "cert"), files.written(given.key, "key")
        return (program.authorization if given.token else None), certificate
    if user.username and user.password:
        redact.remember(user.password)
        coded = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return (lambda: f"Basic {coded}"), certificate
    return None, certificate


def _check_server(server: str, told: str, *, proves: bool) -> None:
    """Raises ConfigError where a secret would travel in the clear; `kubectl proxy` on this machine needs none."""
    parts = urlsplit(server)
    host = parts.hostname or ""
    with contextlib.suppress(ValueError):
        if parts.scheme == "http" and ip_address(host).is_loopback:
            return
    if parts.scheme == "http" and proves and host != "localhost":
        raise ConfigError(f"{told}: its server has http://, over which no credentials are sent: give https://")


class _Files:
    """The files of a kubeconfig: those that it names, and those that are written for what it holds itself."""

    def __init__(self, folder: Path, told: str) -> None:
        self.folder, self.told = folder, told
        self._own = ""

    def absolute(self, path: str) -> str:
        """Relative paths are relative to the kubeconfig."""
        return str(self.folder / path)

    def path(self, named: str | None, data: str | None, kind: str = "ca") -> str | None:
        """A file that is named, or one that holds the data; data goes before, as with kubectl."""
        if data:
            try:
                return self.written(base64.b64decode(data, validate=True).decode("ascii"), kind)
            except (binascii.Error, UnicodeDecodeError):
                raise ConfigError(f"{self.told}: the {kind} data is no base64 of PEM: correct it") from None
        return self.absolute(named) if named else None

    def pair(
        self, cert: str | None, cert_data: str | None, key: str | None, key_data: str | None
    ) -> tuple[str, str] | None:
        certificate, secret = self.path(cert, cert_data, "cert"), self.path(key, key_data, "key")
        if (certificate is None) != (secret is None):
            raise ConfigError(f"{self.told}: a client certificate needs its key, and a key its certificate")
        return (certificate, secret) if certificate and secret else None

    def written(self, text: str, kind: str) -> str:
        """TLS takes a key from a file only; the folder is this user's alone, and goes with the access."""
        if kind == "key":
            redact.remember(text)
        try:
            self._own = self._own or tempfile.mkdtemp(prefix="exitkit-kube-")
            path = Path(self._own) / f"{kind}.pem"
            path.write_text(text, encoding="ascii")
        except OSError as error:
            why = (error.strerror or "no reason given").lower()
            raise ConfigError(f"{self.told}: its certificate cannot be put into a temporary file: {why}") from None
        return str(path)

    def close(self) -> None:
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)

"""A program that a kubeconfig names for credentials, such as `aws eks get-token`.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import json
import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

from exitkit.argo.timestamp import parse_moment
from exitkit.clients.kubernetes.access import bearer
from exitkit.errors import ActionError, ConfigError, Retryable
from exitkit.retry import show, time_left
from exitkit.retry.clock import Clock
from exitkit.text import redact

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_SECONDS = 30.0  # outside of an attempt; those that ask a cloud take one to five
_SPARE = 60.0  # seconds before its end at which a token is replaced


@dataclass(frozen=True)
class Credentials:
    """A token, or a certificate with its key in PEM, or both; `until` is Unix time, None if they do not end."""

    token: str = field(default="", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)
    until: float | None = None


@dataclass
class Program:
    """A command that prints an ExecCredential; run again when what it gave is about to end."""

    command: str
    arguments: tuple[str, ...]
    version: str
    folder: Path
    clock: Clock
    environ: dict[str, str] = field(default_factory=dict, repr=False)
    _given: Credentials | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def authorization(self) -> str:
        return bearer(self.credentials().token)

    def credentials(self) -> Credentials:
        """Raises ConfigError for a program that cannot be run, and ActionError or Retryable for one that fails."""
        with self._lock:
            if self._given is None or self._ends(self._given):
                self._given = self._asked()
            return self._given

    def _ends(self, given: Credentials) -> bool:
        return given.until is not None and self.clock.time() > given.until - _SPARE

    def _asked(self) -> Credentials:
        if self.version not in _VERSIONS:
            raise ConfigError(f"a kubeconfig's exec speaks {self.version}: update it to {_VERSIONS[0]}")
        asked = {"apiVersion": self.version, "kind": "ExecCredential", "spec": {"interactive": False}}
        seconds = time_left() or _SECONDS
        # A path is relative to the kubeconfig, a bare name is searched for.
        command = str(self.folder / self.command) if os.sep in self.command else self.command
        show("answered")  # it asks somebody itself, and takes its time
        try:
            ran = subprocess.run(  # noqa: S603 - it is what the kubeconfig is there to say
                [command, *self.arguments],
                env={**os.environ, **self.environ, "KUBERNETES_EXEC_INFO": json.dumps(asked)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            told = f"{self.command} gave no credentials within {seconds:.1f} s"
            raise Retryable(told, reason="timeout") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no such program"
            told = f"{self.command}, which the kubeconfig names for credentials, cannot be run: {why.lower()}"
            raise ConfigError(told) from None
        if ran.returncode:
            said = redact.printable(redact.redact(ran.stderr[-2000:].decode("utf-8", "replace")), 300)
            raise ActionError(f"{self.command} gave no credentials, and ended with {ran.returncode}: {said}")
        return self._read(ran.stdout)

    def _read(self, printed: bytes) -> Credentials:
        try:
            status = json.loads(printed)["status"]
            end = status.get("expirationTimestamp")
            until = parse_moment(end) if end else None
            found = Credentials(
                token=str(status.get("token") or ""),
                certificate=str(status.get("clientCertificateData") or ""),
                key=str(status.get("clientKeyData") or ""),
                until=until.timestamp() if until else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found = Credentials()
        if not found.token and not (found.certificate and found.key):
            raise ActionError(f"{self.command} printed no ExecCredential with a token or a certificate", reason="auth")
        return found

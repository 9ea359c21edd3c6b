"""Who asks Google Cloud: google-auth's credentials, fetched with our own requests, and none of Google's clients."""

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exitkit.clients import http
from exitkit.clients.http import Headers, Timeouts
from exitkit.errors import ActionError, ConfigError, ExitkitError, Retryable
from exitkit.settings import extras, smallfile
from exitkit.text import redact

_LIMIT = 1 << 20  # bytes of an answer with a token in it, which has some thousand
_WHAT = "Google Cloud credentials"


@dataclass(frozen=True, kw_only=True)
class GoogleAccess:
    """As whom a service is asked; what is empty is found as Google's tools find it.

    `credentials_file` is JSON of any kind that these read: a service account's key, a workload identity
    federation, a user's login. `anonymous` sends no credentials, which is for emulators and what is public.
    """

    credentials_file: str = ""
    anonymous: bool = False


class GoogleAccount:
    """One account with the rights that a scope names, for several threads. Making it reads nothing."""

    def __init__(self, access: GoogleAccess, scope: str) -> None:
        self.access, self.scope = access, scope

    def log_in(self) -> None:
        """Fetch a token now. Raises as `headers` does."""
        self.headers()

    def headers(self, refused: str = "") -> dict[str, str]:
        """What proves who asks. Fetches a token that is missing, about to expire, or was `refused`.

        That is the value of the header `authorization`. Raises ActionError where there are no credentials,
        ConfigError for a file that cannot be used, and Retryable where no token can be had at the moment.
        """
        if self.access.anonymous:
            return {}
        extras.check("gcp", "a request to Google Cloud")
        with _lock:
            login = _login(self.access.credentials_file, self.scope)
        return login.headers(refused)


@dataclass(eq=False)
class _Login:
    """Credentials of google-auth, which are not made for several threads."""

    credentials: Any
    lock: threading.Lock = field(default_factory=threading.Lock)

    def headers(self, refused: str) -> dict[str, str]:
        with self.lock, _translated():
            found = self._applied()
            if not found or found.get("authorization") == refused:
                self.credentials.refresh(_fetch)
                redact.remember(str(self.credentials.token))
                found = self._applied()
            return found

    def _applied(self) -> dict[str, str]:
        """The headers of a token that is still good. Google's own way would start threads that ask for more."""
        found: dict[str, str] = {}
        if self.credentials.valid:
            self.credentials.apply(found)
        return found


_lock = threading.Lock()


@cache
def _login(credentials_file: str, scope: str) -> _Login:
    """The chain of places where credentials may be: https://cloud.google.com/docs/authentication/application-default-credentials."""
    import google.auth
    from google.auth.credentials import with_scopes_if_required
    from google.auth.exceptions import DefaultCredentialsError

    logging.getLogger("google.auth").setLevel(logging.ERROR)  # below, it warns of each place that has none
    told: ExitkitError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of files that came from others, and of users' logins
            # The scope comes later: with one, a federated identity would be asked for its project right here.
            if readable := _readable(credentials_file):
                found, _ = google.auth.load_credentials_from_file(readable, request=_fetch)  # type: ignore[no-untyped-call]
            else:
                found, _ = google.auth.default(request=_fetch)  # type: ignore[arg-type]  # it calls it, no more
        return _Login(with_scopes_if_required(found, [scope]))  # type: ignore[no-untyped-call]
    except ExitkitError:
        raise
    except Exception as error:  # of json, of cryptography, of what stands in a file; their texts may quote it
        is_none = isinstance(error, DefaultCredentialsError)
        told = _unusable(credentials_file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", ""), is_none=is_none)
    raise told  # outside, so that no error of theirs hangs on to it


def _readable(credentials_file: str) -> str:
    """The file to be read; also of the variable, where it is a pipe or device, which Google's way would read for ever.

    Raises OSError and ValueError.
    """
    if credentials_file:
        return smallfile.whole(credentials_file, _LIMIT)
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if not named or not Path(named).exists():
        return ""  # which Google's way tells
    there = smallfile.whole(named, _LIMIT)
    return "" if there == named else there


def _unusable(file: str, *, is_none: bool) -> ExitkitError:
    if file or not is_none:
        shown = redact.printable(file, 200) or "the file of gcloud's login"
        return ConfigError(
            f"{shown} cannot be used: it must be a JSON file of credentials as Google's tools write them, and readable"
        )
    told = (
        "no Google Cloud credentials were found: give the pod's service account workload identity, "
        "or set GOOGLE_APPLICATION_CREDENTIALS to a file"
    )
    # In its first seconds a pod of GKE has no metadata server yet:
    # https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#limitations
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return Retryable(told, reason="auth")
    return ActionError(told, reason="auth")


@dataclass(frozen=True)
class _Answer:
    """What google-auth calls a response."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _fetch(  # noqa: PLR0913 - as google-auth calls it
    url: str,
    method: str = "GET",
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float | None = None,
    verify: object = None,
    cert: Any = None,
    **_: object,
) -> _Answer:
    """One request for credentials. What another try may cure is raised, because google-auth would try by itself.

    Only here may a request go to a metadata server.
    """
    is_ping = method == "GET" and urlsplit(url).path in ("", "/")
    try:
        response = http.request(
            method,
            url,
            what=_WHAT,
            headers=dict(headers or {}),
            body=body.encode() if isinstance(body, str) else body or b"",
            limit=_LIMIT,
            idempotent=True,
            reads=True,
            timeout=Timeouts(read=timeout if is_ping else None),
            ca_file=verify if isinstance(verify, str) else None,
            client_cert=cert,
            allow_link_local=True,
        )
        if http.verdict(response.status, idempotent=True).kind is Retryable:
            http.check(response, _WHAT, idempotent=True)
    except ActionError:
        if is_ping:  # it asks whether this is a machine of Google's: no answer means no
            return _Answer(0, Headers(), b"")
        raise
    return _Answer(response.status, response.headers, response.body)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Their errors as ours."""
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except ExitkitError:
        raise
    except GoogleAuthError as error:
        said = redact.printable(redact.redact(_text(error)), 300)
        kind = Retryable if getattr(error, "retryable", False) else ActionError
        told = kind(f"{_WHAT}: {said}", reason="auth")
    except Exception as error:  # of whoever reads an answer that is none; its text may quote it
        told = ActionError(f"{_WHAT}: an answer that cannot be read ({type(error).__name__})", reason="server")
    else:
        return
    raise told  # outside, so that no error of theirs hangs on to it


def _text(error: BaseException) -> str:
    """The first of what an error holds; the others are whole responses."""
    first = error.args[0] if error.args else type(error).__name__
    return _text(first) if isinstance(first, BaseException) else str(first)

"""argo-server: a workflow with all its nodes, also where these are in Argo's database, and where it is archived.

https://argo-workflows.readthedocs.io/en/latest/rest-api/; the variables are those of Argo's own command line,
https://argo-workflows.readthedocs.io/en/latest/cli/argo/.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from exitkit.clients.http import Client, Response, check
from exitkit.clients.kubernetes.access import bearer, from_file
from exitkit.errors import ConfigError
from exitkit.text import redact

_WORDS = {"false": False, "0": False, "f": False, "no": False}


@dataclass(frozen=True)
class ArgoServer:
    """One argo-server: its address without a slash at its end, and the value of the Authorization header, or "".

    `ca_file` is the authority of its certificate, which is self-signed as argo-server is installed.
    """

    url: str
    authorization: str = field(default="", repr=False)
    ca_file: str | None = None

    def workflow(self, namespace: str, name: str, uid: str, *, most: int) -> Response:
        """The workflow of this namespace and name, archived or not, as it answers; at most so many bytes of it.

        Raises Retryable, ActionError and ConfigError.
        """
        query = f"?{urlencode({'uid': uid})}" if uid else ""
        path = f"/api/v1/workflows/{quote(namespace, safe='')}/{quote(name, safe='')}{query}"
        what = f"reading the workflow {name} from argo-server"
        with Client(ca_file=self.ca_file) as client:
            response = self.get(client, path, what, most)
            if response.status == 404 and uid:  # before 3.5 it did not look into the archive by itself
                archived = self.get(client, f"/api/v1/archived-workflows/{quote(uid, safe='')}", what, most)
                response = archived if archived.status == 200 else response
            return check(response, what, idempotent=True)

    def get(self, client: Client, path: str, what: str, most: int) -> Response:
        """What is at a path, whatever its status; at most so many bytes of it."""
        headers = {"Accept": "application/json"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        return client.request("GET", self.url + path, what=what, headers=headers, limit=most)


def find(environ: Mapping[str, str], account: Path) -> ArgoServer | None:
    """The server that ARGO_SERVER names, None where it names none.

    Without ARGO_TOKEN the pod's own account asks, as argo-server's default mode `client` has it; but its token does not
    go over http:// to another machine. Raises ConfigError.
    """
    named = environ.get("ARGO_SERVER", "").strip().rstrip("/")
    if not named:
        return None
    secure = _WORDS.get(environ.get("ARGO_SECURE", "").strip().lower(), True)
    address = named if "://" in named else f"{'https' if secure else 'http'}://{named}"
    base = environ.get("ARGO_BASE_HREF", "").strip("/ ")
    url = f"{address}/{quote(base)}" if base else address
    parts = urlsplit(url)
    if not parts.hostname:
        raise ConfigError("ARGO_SERVER is no address such as argo-server.argo:2746: correct it")
    token, file = environ.get("ARGO_TOKEN", "").strip(), account / "token"
    authorization = _authorization(token) if token else ""
    if not token and file.is_file() and (parts.scheme == "https" or _is_here(parts.hostname)):
        authorization = from_file(str(file))
    return ArgoServer(url, authorization, environ.get("SSL_CERT_FILE") or None)


def _authorization(token: str) -> str:
    """ARGO_TOKEN holds the header's value, as `argo auth token` prints it; the word before it may be missing."""
    scheme, _, rest = token.partition(" ")
    if not rest:
        return bearer(token)
    redact.remember(rest.strip())
    return f"{scheme} {rest.strip()}"


def _is_here(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"

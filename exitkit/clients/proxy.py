"""Which proxy leads to a host, by the variables that all tools take: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY.

They have no standard; where tools differ, this takes what most of them do: docs/network.md tells all of it.
"""

import base64
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from exitkit.clients.url import literal, refused
from exitkit.errors import ConfigError
from exitkit.text import redact

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_ENTRY = re.compile(r"(?P<host>\[[^\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]{1,5}))?")
# Names of the services that give a machine its credentials; a proxy would ask its own machine.
_METADATA = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
# The addresses of AWS's agents beside those that are refused, such as EKS's: fd00:ec2::23.
_AGENTS = ipaddress.ip_network("fd00:ec2::/32")
# Variables that name such a service, or the API server of the pod's own cluster.
_OWN = ("KUBERNETES_SERVICE_HOST", "GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT")


@dataclass(frozen=True)
class Proxy:
    """A proxy and who asks it. `socks5` has names resolved here, `socks5h` by the proxy, as with curl."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """`proxy.example.com:3128`, without what is secret."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Without user and password."""
        return f"{self.scheme}://{self.name}"

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    @property
    def authorization(self) -> str:
        """The value of the header Proxy-Authorization, or nothing."""
        if not (self.user or self.password):
            return ""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


def find(scheme: str, host: str, port: int, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy that leads to a host, or None where it is reached directly. Raises ConfigError for a broken variable.

    `scheme` is http, https, or tcp for whatever else goes through a tunnel; for that only ALL_PROXY counts, because
    the others are for the web.
    """
    for variable in (f"{scheme}_proxy", "all_proxy"):
        value = _value(variable, environ)
        if value:
            return None if is_direct(host, port, environ) else parse(value, variable.upper())
    return None


def is_direct(host: str, port: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether no proxy leads there: NO_PROXY says so, or it is this machine, its metadata or its cluster's API."""
    name = host.strip("[]").rstrip(".").lower()
    return _is_own(name, environ) or _is_excepted(name, port, _value("no_proxy", environ))


@lru_cache(maxsize=16)
def parse(text: str, origin: str) -> Proxy:
    """A proxy's URL; without a scheme it is http. Raises ConfigError, which shows nothing of it.

    `origin` is where it stands. Its password is a secret from then on.
    """
    told = f"{origin} is no url of a proxy: give http://host:port, https:// or socks5h://, with user and password if need be"
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        raise ConfigError(told) from None
    if parts.scheme in ("socks4", "socks4a", "socks"):
        raise ConfigError(f"{origin}: {parts.scheme} is not spoken: give socks5h:// or http://")
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or port == 0:
        raise ConfigError(told)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    proxy = Proxy(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], user, password)
    for secret in (password, parts.password or "", proxy.authorization.removeprefix("Basic ")):
        redact.remember(secret)
    return proxy


def _value(name: str, environ: Mapping[str, str]) -> str:
    """Of the two writings the small one goes before, also where it is empty, which takes the other one back."""
    value = environ.get(name)
    return (environ.get(name.upper(), "") if value is None else value).strip()


def _is_own(name: str, environ: Mapping[str, str]) -> bool:
    if name == "localhost" or name.endswith(".localhost") or name in _METADATA:
        return True
    if name in ("kubernetes.default", "kubernetes.default.svc") or name.startswith("kubernetes.default.svc."):
        return True
    if any(name == _host_of(environ.get(variable, "")) for variable in _OWN):
        return True
    address = literal(name)
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address) in _AGENTS:
        return True
    return address.is_loopback or address.is_unspecified or refused(address)


def _host_of(text: str) -> str:
    """Of `host`, `host:port`, and an IPv6 address alone."""
    return text.lower().rsplit(":", 1)[0] if text.count(":") == 1 else text.lower()


def _is_excepted(name: str, port: int, no_proxy: str) -> bool:
    address = literal(name)
    for entry in re.split(r"[\s,]+", no_proxy.lower()):
        if entry == "*":
            return True
        if not entry:
            continue
        if "/" in entry or (entry.count(":") > 1 and not entry.startswith("[")):
            if address is not None and _is_within(address, entry):
                return True
            continue
        found = _ENTRY.fullmatch(entry)
        if found is None or (found["port"] and int(found["port"]) != port):
            continue
        host = found["host"].strip("[]").removeprefix("*").strip(".")
        if address is not None:
            if literal(host) == address:
                return True
        elif host and (name == host or name.endswith(f".{host}")):
            return True
    return False


def _is_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str) -> bool:
    """Whether an address is in a range such as 10.0.0.0/8, or is this IPv6 address."""
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except (ValueError, TypeError):
        return False

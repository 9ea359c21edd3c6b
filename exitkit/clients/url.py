"""What a URL may be, which addresses are refused, and how a URL is named without giving it away."""

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from exitkit.errors import ConfigError
from exitkit.text import unsafe

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds answer with credentials, beside the link-local ranges.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "fd00:ec2::254",  # AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
        "fd20:ce::254",  # Google: https://cloud.google.com/compute/docs/metadata/querying-metadata
        "168.63.129.16",  # Azure: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        "100.100.100.200",  # Alibaba: https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
        "192.0.0.192",  # Oracle's classic shapes
    )
)
# IPv6 ranges that carry an IPv4 address in their last bits (RFC 6052 and 4291).
_CARRIERS = tuple(ipaddress.ip_network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96", "::/96"))

# A backslash is read in two ways by two readers.
_UNFIT = re.compile(rf"[{unsafe.C0}{unsafe.C1}{unsafe.SPACES}{unsafe.LINES}\\]")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")


def check_url(url: str, *, allow_link_local: bool = False) -> str:
    """The URL, if requests may go there; the addresses of its name are checked when connecting.

    Raises ConfigError, which never shows more of the URL than scheme and host.
    """
    if _UNFIT.search(url):
        raise ConfigError("a url holds a space, a control character or a backslash: encode or remove it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("a url is malformed: check its brackets and its port") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError("a url must begin with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise ConfigError(f"{_named(parts)}: a url must hold no user or password: use a header or a setting")
    if port == 0:
        raise ConfigError(f"{_named(parts)}: port 0 does not exist")
    host = parts.hostname or ""
    address = literal(host)
    if address is None and not _HOST.fullmatch(host):
        raise ConfigError("the host of a url may hold letters, digits, dots and hyphens; write others as xn--")
    if address is not None and refused(address) and not allow_link_local:
        raise ConfigError(f"{_named(parts)}: link-local and metadata addresses are refused")
    return url


def place(url: str) -> str:
    """`https://hooks.example.com/…`: where a URL leads, without what makes it a secret."""
    try:
        return _named(urlsplit(url))
    except ValueError:
        return "a malformed url"


def literal(host: str) -> Address | None:
    """The address that a host is in any writing that a resolver takes for one, such as 0x7f000001; else None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def refused(address: Address) -> bool:
    """Whether it is link-local or a cloud's metadata service, also inside an IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.sixtofour
        if inner is None and any(address in carrier for carrier in _CARRIERS):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and refused(inner):
            return True
        address = ipaddress.IPv6Address(int(address))  # without its scope
    return address.is_link_local or address in _METADATA


def _named(parts: SplitResult) -> str:
    authority = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{authority}/…"

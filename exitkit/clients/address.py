"""A connection to an address of a name, each of which is checked before."""

import ipaddress
import socket

from exitkit.clients.url import literal, refused
from exitkit.retry import blocking
from exitkit.text.redact import printable, redact

ADDRESSES = 4
"""Addresses of one name that are tried: at 3 s each they fit into the 15 s of an attempt."""


class RefusedAddress(Exception):
    """The name leads to a link-local or metadata address."""


def refuse(host: str) -> None:
    """Raises RefusedAddress where the host is by itself what no proxy is asked for."""
    address = literal(host)
    if address is not None and refused(address):
        raise RefusedAddress(host)


def direct(host: str, port: int, seconds: float, *, allow_link_local: bool) -> socket.socket:
    """A connection to the host, with so many seconds for each of its first addresses.

    Its name is resolved once, and exactly what was checked is connected to. Raises OSError,
    UnicodeError for an impossible name, RefusedAddress.
    """
    with blocking(f"the name {printable(redact(host), 100)} was not resolved", ": check its DNS"):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, address in found:
        ip = ipaddress.ip_address(address[0])
        if refused(ip) and not allow_link_local:
            raise RefusedAddress(str(ip))
    problem = OSError("the name has no address")
    for family, kind, protocol, _, address in found[:ADDRESSES]:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem

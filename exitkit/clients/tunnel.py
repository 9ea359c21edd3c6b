"""How a proxy is asked to lead on, by CONNECT or SOCKS5, to whoever speaks whatever inside."""

import ipaddress
import socket
import struct
from typing import TYPE_CHECKING

from exitkit.clients.address import RefusedAddress
from exitkit.clients.proxy import Proxy
from exitkit.clients.url import literal, refused

if TYPE_CHECKING:
    import ssl

_HEAD = 65_536  # bytes of an answer to CONNECT
_REPLIES = {  # RFC 1928, 6
    1: "has a failure of its own",
    2: "does not allow it",
    3: "finds no network there",
    4: "cannot reach it",
    5: "is refused there",
    6: "gets no answer from there",
    7: "does not know how",
    8: "does not know such addresses",
}
# The statuses of HTTP that mean the same; the others may pass.
_STATUSES = {2: 403, 5: 503, 7: 405, 8: 400}


class ProxyAway(OSError):
    """There is no connection to the proxy of this name."""

    def __init__(self, name: str, problem: Exception) -> None:
        super().__init__()
        self.name, self.problem = name, problem


class ProxyRefusal(OSError):
    """The proxy does not lead on; `status` is that of HTTP which means the same, None for nonsense."""

    def __init__(self, name: str, status: int | None, told: str) -> None:
        super().__init__()
        self.name, self.status, self.told = name, status, told


def through(
    sock: "socket.socket | ssl.SSLSocket", proxy: Proxy, host: str, port: int, *, allow_link_local: bool
) -> None:
    """Have a proxy that is connected lead on to the host. Raises ProxyRefusal and other OSErrors."""
    if proxy.is_socks:
        _socks(sock, proxy, host, port, allow_link_local=allow_link_local)
    else:
        _connect(sock, proxy, host, port)


def _connect(sock: "socket.socket | ssl.SSLSocket", proxy: Proxy, host: str, port: int) -> None:
    """RFC 9110, 9.3.6."""
    name = host if host.isascii() else host.encode("idna").decode()
    target = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"Proxy-Authorization: {proxy.authorization}"] if proxy.authorization else []
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):  # byte by byte, because what comes after is not ours
        byte = sock.recv(1)
        head += byte
        if not byte or len(head) > _HEAD:
            raise ProxyRefusal(proxy.name, None, "answers with what is no http")
    words = bytes(head).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ProxyRefusal(proxy.name, None, "answers with what is no http")
    status = int(words[1][:3])
    if not 200 <= status <= 299:
        raise ProxyRefusal(proxy.name, status, f"answers {status}")


def _socks(
    sock: "socket.socket | ssl.SSLSocket", proxy: Proxy, host: str, port: int, *, allow_link_local: bool
) -> None:
    """RFC 1928, and RFC 1929 for the password."""
    if any(len(text.encode()) > 255 for text in (proxy.user, proxy.password, host)):
        raise ProxyRefusal(proxy.name, 400, "takes no user, password or host of more than 255 bytes")
    sock.sendall(b"\x05\x02\x00\x02" if proxy.user else b"\x05\x01\x00")
    version, method = _exactly(sock, 2, proxy)
    if version != 5 or method not in (0, 2):
        if version == 5 and method == 255:
            raise ProxyRefusal(proxy.name, 407, "wants a user and password" if not proxy.user else "takes no password")
        raise ProxyRefusal(proxy.name, None, "answers with what is no socks5")
    if method == 2:
        user, password = proxy.user.encode(), proxy.password.encode()
        sock.sendall(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
        if _exactly(sock, 2, proxy)[1]:
            raise ProxyRefusal(proxy.name, 407, "refuses the user and password")
    sock.sendall(b"\x05\x01\x00" + _address(proxy, host, port, allow_link_local=allow_link_local))
    _, reply, _, kind = _exactly(sock, 4, proxy)
    if reply:
        told = _REPLIES.get(reply, f"answers {reply}")
        raise ProxyRefusal(proxy.name, _STATUSES.get(reply, 500), told)
    length = {1: 4, 4: 16}.get(kind) or _exactly(sock, 1, proxy)[0]
    _exactly(sock, length + 2, proxy)  # where it connects from


def _address(proxy: Proxy, host: str, port: int, *, allow_link_local: bool) -> bytes:
    """The target as SOCKS5 has it: an address where one is known here, else a name for the proxy to resolve."""
    address = literal(host)
    if address is None and proxy.scheme == "socks5":
        for *_, found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            address = ipaddress.ip_address(found[0])
            if refused(address) and not allow_link_local:
                raise RefusedAddress(str(address))
            break
    if address is None:
        name = host.encode("idna") if not host.isascii() else host.encode()
        return b"\x03" + bytes([len(name)]) + name + struct.pack(">H", port)
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed + struct.pack(">H", port)


def _exactly(sock: "socket.socket | ssl.SSLSocket", count: int, proxy: Proxy) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ProxyRefusal(proxy.name, None, "closed the connection")
        data += piece
    return bytes(data)

"""Connections: to an address that was checked, verified by TLS, and what it means when there is none."""

import functools
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from exitkit.clients.address import RefusedAddress, direct, refuse
from exitkit.clients.proxy import find
from exitkit.clients.tunnel import ProxyAway, ProxyRefusal, through
from exitkit.errors import ActionError, ConfigError, Reason, Retryable
from exitkit.settings import smallfile
from exitkit.text.redact import printable, redact

if TYPE_CHECKING:
    import ssl

__all__ = ["BUNDLES", "RefusedAddress", "dial", "handshake", "tls", "unsent"]

BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables of other tools that name a file of authorities, which are trusted beside the system's."""

# OpenSSL's X509_V_ERR numbers (x509_vfy.h) for what users meet.
_LONGEST_FILE = 1 << 20  # bytes of authorities or a certificate out of a pipe
_UNTRUSTED = "is signed by nobody known here: give the certificate of its authority as ca_file"
_CERTIFICATE = {
    9: "is not valid yet: check the clocks",
    10: "has expired: have it renewed, or check the clock",
    18: "is self-signed: give it as ca_file if it is the right one",
    19: "is signed by an authority that is not trusted here: give that one's certificate as ca_file",
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    62: "is for another host: correct the host",
    64: "is for another address: use the host's name",
}
# OpenSSL's reasons that another try does not cure.
_HANDSHAKE = {
    "WRONG_VERSION_NUMBER": "does not speak tls there: correct the port or the scheme",
    "HTTP_REQUEST": "does not speak tls there: correct the port or the scheme",
    "RECORD_LAYER_FAILURE": "does not speak tls there: correct the port or the scheme",
    "UNSUPPORTED_PROTOCOL": "speaks no tls from 1.2 on: have it updated",
    "TLSV1_ALERT_PROTOCOL_VERSION": "speaks no tls from 1.2 on: have it updated",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "shares no way of encryption with exitkit, or wants a client certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "refused the client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "refused the client certificate, which has expired",
    "TLSV1_ALERT_UNKNOWN_CA": "refused the client certificate, whose authority it does not know",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "wants a client certificate",
}


def dial(host: str, port: int, seconds: float, *, allow_link_local: bool) -> socket.socket:
    """A connection to the host, through the proxy of ALL_PROXY where one leads there; for what is not HTTP.

    With so many seconds for each address. Raises as `address.direct`, ProxyAway and ProxyRefusal, which are OSErrors,
    and ConfigError for a proxy that cannot be used.
    """
    proxy = find("tcp", host, port)
    if proxy is None:
        return direct(host, port, seconds, allow_link_local=allow_link_local)
    if proxy.scheme == "https":
        raise ConfigError("ALL_PROXY has https://, through which only the web is reached: give http:// or socks5h://")
    if not allow_link_local:
        refuse(host)
    try:
        sock = direct(proxy.host, proxy.port, seconds, allow_link_local=False)
    except (OSError, UnicodeError) as error:
        raise ProxyAway(proxy.name, error) from error
    try:
        through(sock, proxy, host, port, allow_link_local=allow_link_local)
    except BaseException:
        sock.close()
        raise
    return sock


def tls(
    ca_file: str | None = None,
    certificate: str | None = None,
    key: str | None = None,
    *,
    alpn: str = "",
    beside: bool = False,
) -> "ssl.SSLContext":
    """TLS from 1.2 on that verifies with the system's authorities, or with those in `ca_file` alone.

    The system's are where SSL_CERT_FILE and SSL_CERT_DIR say, and those of the variables in `BUNDLES` beside them.
    `beside` takes both, as for a proxy, whose certificate need not be of the same authority as the target's.
    `certificate` and `key` are files for a server that wants to know the client, `alpn` is the protocol to speak
    inside. One context for all connections of a protocol, because making one takes 25 to 60 ms. Raises ConfigError.
    """
    system: tuple[str, str] | None = None
    extra: tuple[tuple[str, str], ...] = ()
    if ca_file is None or beside:
        system = os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", "")
        extra = tuple((name, os.environ[name]) for name in BUNDLES if os.environ.get(name))
    return _context(ca_file, (certificate, key), alpn, system, extra)


@functools.lru_cache(maxsize=32)
def _context(
    ca_file: str | None,
    own: tuple[str | None, str | None],
    alpn: str,
    system: tuple[str, str] | None,
    extra: tuple[tuple[str, str], ...],
) -> "ssl.SSLContext":
    import ssl

    # Not ssl.create_default_context: that writes session keys to where SSLKEYLOGFILE points.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols([alpn])
    if ca_file is not None:
        _trust(context, "ca_file", ca_file)
    if system is not None:
        context.load_default_certs()  # heeds the two variables, and says nothing of what is not there
        for name, path in zip(("SSL_CERT_FILE", "SSL_CERT_DIR"), system, strict=True):
            if path and not Path(path.partition(os.pathsep)[0]).exists():
                raise ConfigError(f"{name} {path} cannot be used: no such file or directory")
        for name, path in extra:
            _trust(context, name, path)
    certificate, key = own
    try:
        if certificate is not None:
            own_files = [smallfile.whole(path, _LONGEST_FILE) if path else None for path in (certificate, key)]
            context.load_cert_chain(str(own_files[0]), own_files[1], password=lambda: "")
    except OSError as error:
        raise ConfigError(f"client certificate {certificate} cannot be used: {_plain(error)}") from None
    return context


def _trust(context: "ssl.SSLContext", name: str, path: str) -> None:
    try:
        if Path(path).is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(smallfile.whole(path, _LONGEST_FILE))
    except OSError as error:
        raise ConfigError(f"{name} {path} cannot be used: {_plain(error)}") from None


def unsent(error: BaseException, what: str, where: str) -> ActionError:
    """What it means that no connection came about; nothing of the request has left.

    `where` is the host and whatever else may be told of it.
    """
    if isinstance(error, ProxyAway):
        return unsent(error.problem, what, f"{where} through the proxy {error.name}")
    if isinstance(error, RefusedAddress):
        return _refused(what, f"{where} ({error})")
    if isinstance(error, TimeoutError):
        return Retryable(f"{what}: no connection to {where} in time: check host, port and network", reason="timeout")
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            told = "no name server answered for it, or none is reachable: check the pod's DNS"
            return Retryable(f"{what}: the name of {where} cannot be resolved: {told}")
        return Retryable(f"{what}: the name of {where} cannot be resolved ({_plain(error)})")
    if isinstance(error, OSError):
        if isinstance(error, ProxyRefusal):
            return _not_led_on(error, what, where)
        return handshake(error, what, where) or _unconnected(error, what, where)
    return ActionError(f"{what}: {where} is no host to connect to: correct it", reason="client")


def handshake(error: OSError, what: str, where: str) -> ActionError | None:
    """What went wrong with TLS for good, or None if another try may do."""
    code = getattr(error, "verify_code", None)
    if code is not None:
        known = _CERTIFICATE.get(code)
        told = known or f"cannot be verified: {printable(getattr(error, 'verify_message', ''), 100)}"
        return ActionError(f"{what}: the certificate of {where} {told}", reason="client")
    told = _HANDSHAKE.get(str(getattr(error, "reason", "")), "")
    if not told:
        return None
    reason: Reason = "auth" if "client certificate" in told else "client"
    return ActionError(f"{what}: {where} {told}", reason=reason)


def _refused(what: str, host: str) -> ActionError:
    told = "link-local and metadata addresses are refused: correct the url"
    return ActionError(f"{what}: {host}: {told}", reason="client")


def _not_led_on(error: ProxyRefusal, what: str, where: str) -> ActionError:
    shown = where if error.name in where else f"{where} through {error.name}"
    told, status = f"{what}: the proxy {error.told} and does not connect to {shown}", error.status
    if status is None:
        return ActionError(f"{told}: correct the url of the proxy", reason="client")
    if status in (408, 425, 429) or status >= 500:
        return Retryable(told, reason="network", later=status in (429, 502, 503, 504))
    if status in (401, 407):
        return ActionError(f"{told}: give user and password in the url of the proxy", reason="auth")
    return ActionError(f"{told}: have it allowed there, or name the host in NO_PROXY", reason="client")


def _unconnected(error: OSError, what: str, where: str) -> Retryable:
    told = f"{what}: no connection to {where} ({_plain(error)}): check host, port and network"
    return Retryable(told, later=isinstance(error, ConnectionRefusedError))  # as of what is just starting


def _plain(error: OSError) -> str:
    """What the system says of it, without addresses or paths."""
    return printable(redact(error.strerror or type(error).__name__), 100).lower()

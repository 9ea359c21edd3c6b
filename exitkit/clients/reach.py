"""Whether a server can be reached from here: the name, the way, the connection and its TLS, and not a word to it."""

from urllib.parse import urlsplit

from exitkit.clients import address, proxy, tcp, tunnel
from exitkit.clients.url import place
from exitkit.errors import ActionError, ConfigError

_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mariadb": 3306}


def port_of(url: str) -> int | None:
    """The port that a url means, or None where it leads to no server."""
    parts = urlsplit(url)
    return parts.port or _PORTS.get(parts.scheme.partition("+")[0]) if parts.hostname else None


def reach(url: str, ca_file: str | None = None) -> str:
    """How the server of a url is reached. Raises ActionError in the words that a run would have, ConfigError."""
    parts, port = urlsplit(url), port_of(url)
    host = parts.hostname or ""
    if port is None:
        raise ConfigError(f"{place(url)} names no server")
    web = parts.scheme in ("http", "https")
    via = proxy.find(parts.scheme if web else "tcp", host, port)
    try:
        if via is None:
            sock = address.direct(host, port, _SECONDS, allow_link_local=False)
        elif via.scheme == "https":
            address.direct(via.host, via.port, _SECONDS, allow_link_local=False).close()
            return f"the proxy {via.name} answers; what is behind it was not tried"
        else:
            sock = address.direct(via.host, via.port, _SECONDS, allow_link_local=False)
            if parts.scheme != "http":
                tunnel.through(sock, via, host, port, allow_link_local=False)
        with sock:
            if parts.scheme == "https":
                sock.settimeout(_SECONDS)
                tcp.tls(ca_file).wrap_socket(sock, server_hostname=host).close()
    except (OSError, UnicodeError) as error:
        known: ActionError = tcp.unsent(
            error, "reaching it", f"{host}:{port}" + (f" through {via.name}" if via else "")
        )
        raise known from error
    return f"{host}:{port} answers" + (f", through the proxy {via.name}" if via else "")

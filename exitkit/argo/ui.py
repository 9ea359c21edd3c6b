"""Links into the Argo UI."""

import re
from urllib.parse import quote, urlencode, urlsplit

from exitkit.text import unsafe

# Spaces, controls and what no address may hold bare (RFC 3986), so that no channel's markup can be broken out of.
_FORBIDDEN = re.compile(f"""[{unsafe.C0}{unsafe.C1}{unsafe.SPACES}{unsafe.SURROGATES}<>"'`|\\\\^{{}}]""")


def clean_base(url: str) -> str:
    """The UI's address without a slash at its end, ready to be added to. Raises ValueError if it cannot be linked to."""
    url = url.strip()
    if _FORBIDDEN.search(url):
        raise ValueError("it holds a character that no address has")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must begin with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise ValueError("it must not hold a user or a password, because it is sent along")
    _ = parts.port  # raises ValueError if it is no number
    return f"{parts.scheme}://{parts.netloc}{quote(parts.path.rstrip('/'), safe='/%:@!$&()*+,;=~')}"


def workflow_url(base: str, namespace: str, name: str, uid: str = "") -> str:
    """The workflow's page, or "" if base, namespace or name is not known. With the uid it outlives the workflow."""
    if not (base and namespace and name):
        return ""
    query = "?" + urlencode({"uid": uid}) if uid else ""
    return f"{base}/workflows/{_part(namespace)}/{_part(name)}{query}"


def logs_url(workflow: str, node: str, container: str = "main") -> str:
    """The page of `workflow_url` with the logs of one node's container open beside it."""
    if not (workflow and node):
        return workflow
    # Argo's own form (ui workflow-details.tsx), in which the colons of sidePanel stand bare.
    panel = f"logs:{_part(node)}:{_part(container)}"
    joint = "&" if "?" in workflow else "?"
    return f"{workflow}{joint}tab=workflow&nodeId={_part(node)}&sidePanel={panel}"


def _part(text: str) -> str:
    return quote(text, safe="", errors="replace")

"""The libraries that not everybody installs: which extra brings them, and what is said when one is missing."""

from importlib.util import find_spec
from types import MappingProxyType

from exitkit.errors import MissingExtra

EXTRAS = MappingProxyType(
    {
        "aws": "botocore",
        "gcp": "google.auth",
        "kubernetes": "lightkube",
        "png": "resvg_py",
        "query": "duckdb",
        "sql": "sqlalchemy",
    }
)
"""A package that each extra brings."""


def check(extra: str, what: str) -> None:
    """Raises MissingExtra where `what` needs an extra that is not installed. Imports nothing of it."""
    if not _is_installed(EXTRAS[extra]):
        raise MissingExtra(what, extra)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of the package around it
        return False

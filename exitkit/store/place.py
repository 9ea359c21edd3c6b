"""Which store a setting names: nothing but that one's own client is loaded."""

import re

from exitkit.errors import ConfigError
from exitkit.store.bounded import BoundedStore

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PLACES = "the path of a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or configmap://NAMESPACE/NAME"


def open_store(where: str) -> BoundedStore | None:
    """The store that a setting names, or None where it names none. Nothing is asked yet. Raises ConfigError."""
    if not where:
        return None
    match = _SCHEME.match(where)
    scheme, rest = (match[1], where[match.end() :]) if match else ("", where)
    if scheme in ("s3", "gs"):
        from exitkit.store.bucket import BucketStore

        return BoundedStore(BucketStore(where))
    if scheme == "configmap":
        from exitkit.store.configmap import ConfigMapStore

        return BoundedStore(ConfigMapStore(rest))
    if scheme:
        raise ConfigError(f"state: {scheme}:// is no place for it: give {_PLACES}")
    from exitkit.store.folder import FolderStore

    return BoundedStore(FolderStore(where))

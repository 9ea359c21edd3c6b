"""A secret from a file, such as kubelet or an agent mounts it."""

from exitkit.settings import smallfile

# Kubernetes keeps at most 1 MiB in a whole Secret, so a longer file is a mistake.
_LIMIT = 1 << 20


def read(path: str) -> str:
    """The secret in the file, which may be reached through links, as kubelet makes them. Raises ValueError."""
    try:
        content = smallfile.read(path, _LIMIT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise ValueError(f"cannot be read: {why.lower()}") from None
    if len(content) > _LIMIT:
        raise ValueError("is larger than 1 MiB, so it is not a secret")
    try:
        text = without_line_end(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    if not text or "\0" in text:
        raise ValueError("holds a NUL byte" if text else "is empty")
    return text


def without_line_end(secret: str) -> str:
    """Without the line end that editors and `kubectl create secret` leave."""
    return secret.removesuffix("\n").removesuffix("\r")

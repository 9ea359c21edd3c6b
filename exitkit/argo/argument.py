"""One value as Argo hands it over: perhaps unset, perhaps in a file because it was too long for an argument."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import Final, NamedTuple

from exitkit.text import unsafe

MOST: Final = 16 * 2**20
"""Characters of a value, and bytes of a file, that are read. A Workflow object holds about 1.5 MiB (etcd), a ConfigMap 1 MiB."""

# Argo writes back a tag that it cannot fill: `{{workflow.scheduledTime}}`, `{{= … }}`, perhaps quoted on its way.
_TAG = re.compile(r"""\s*(["'`]?)\{\{.*\}\}\1\s*""", re.DOTALL)
# Go's ways to print nothing.
_NOTHING = ("", "<nil>", "<no value>")
# Argo's emissary replaces an argument over 128 KiB by this (workflow/executor/emissary). Nothing else is opened:
# a value comes from the workflow's author, who must not read the exit pod's token with it.
_FILE = re.compile(r"@(/tmp/argo_arg_[0-9]+\.txt)")
_SURROGATE = unsafe.Unseen(f"[{unsafe.SURROGATES}]")


class Argument(NamedTuple):
    """What a value says: "" when it is unset; `note` tells what went wrong, `cut` that its end is missing."""

    text: str
    note: str = ""
    cut: bool = False


def resolve(value: str | None, *, root: Path = Path("/")) -> Argument:
    """Follow `@/tmp/argo_arg_<n>.txt`, take a literal tag for unset and make the text safe to encode. Never raises."""
    if value is None:
        return Argument("")
    # 64 is far more than the pattern can match and keeps a huge value from being searched.
    match = _FILE.fullmatch(value.strip()) if len(value) < 64 else None
    found = _read(root, match[1]) if match else Argument(value)
    text = found.text[:MOST]
    note = found.note or (f"only the first {MOST // 2**20} MiB were read" if len(found.text) > MOST else "")
    text = "" if is_unset(text) else encodable(text)
    return Argument(text, note, cut=found.cut or len(found.text) > MOST)


def is_unset(text: str) -> bool:
    """Whether it is empty, Go's `<nil>`, or a template tag that Argo did not fill."""
    return text.strip() in _NOTHING or _TAG.fullmatch(text) is not None


def encodable(text: str) -> str:
    """The text with U+FFFD for what UTF-8, JSON and every database refuse: lone surrogates and NUL."""
    if text.isascii():  # as nearly all is, and as a text knows of itself
        return text.replace("\0", "\ufffd") if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _SURROGATE.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


def _read(root: Path, path: str) -> Argument:
    """Read a regular file, and no symbolic link, FIFO or device.

    The owner is not checked: the emissary writes as the container's own user, whatever that is, so the file is ours or
    planted by somebody who already runs as us.
    """
    try:
        data = read_regular(root / path.lstrip("/"), MOST + 1, follow=False)
    except OSError as error:
        return Argument("", f"{path} cannot be read: {error.strerror or 'no reason given'}")
    if len(data) <= MOST:
        return Argument(data.decode("utf-8", "replace"))
    text = data[:MOST].decode("utf-8", "replace")
    return Argument(text, f"only the first {MOST // 2**20} MiB of {path} were read", cut=True)


def read_regular(path: Path, most: int, *, follow: bool) -> bytes:
    """The first bytes of a regular file; of anything else none, for a FIFO may block and a device never end.

    Raises OSError.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)

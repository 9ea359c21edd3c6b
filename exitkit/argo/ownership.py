"""Whose something is: by the workflow's uid, which is nowhere by chance, or by its name where that stands by itself."""

import re
from collections.abc import Iterator

from exitkit.argo.workflow import Workflow

# https://www.rfc-editor.org/rfc/rfc9562#section-4
_UID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# What Kubernetes puts behind a generateName:
# https://github.com/kubernetes/apimachinery/blob/master/pkg/util/rand/rand.go
_GENERATED = re.compile(r".+-[bcdfghjklmnpqrstvwxz2456789]{5}")


class Uid(str):
    """A workflow's uid, that has the form of one; it may be part of a longer name."""

    __slots__ = ()


def owners(workflow: Workflow) -> Iterator[str]:
    """By what something can be known to be the workflow's: its name, and its uid."""
    if workflow.name:
        yield workflow.name
    if workflow.uid:
        yield Uid(workflow.uid) if _is_uid(workflow.uid) else workflow.uid


def is_unmistakable(own: str) -> bool:
    """Whether no other workflow's name begins or ends with it, but by a very rare chance: a uid, or a generated name.

    `train` is not, as `train-10` may be another one.
    """
    return isinstance(own, Uid) or _GENERATED.fullmatch(own) is not None


def is_telling(own: str) -> bool:
    """Whether it means the workflow where somebody wrote it out; `data`, `public` and `my-logs` may just be words."""
    # Without a letter it is a date such as 2026-11-27, and many a folder's name.
    has_all = "-" in own and any(sign.isdigit() for sign in own) and any(sign.isalpha() for sign in own)
    return is_unmistakable(own) or has_all


def bears_folder(prefix: str, own: str) -> bool:
    """Whether a folder in a prefix of a bucket is the name, or holds the uid, which what follows the last slash may too.

    Without a slash at its end, a prefix is also that of names which only begin like its last part.
    """
    folders, _, last = prefix.rpartition("/")
    parts = folders.split("/")
    if isinstance(own, Uid):
        return any(own in part for part in (*parts, last))
    return own in parts


def _is_uid(text: str) -> bool:
    """Not the one of zeros, nor any other of one sign, which stand in for one that nobody has."""
    return _UID.fullmatch(text) is not None and len({*text.lower()} - {"-"}) > 1

"""Files and directory trees on the pod's file systems."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from exitkit.cleanup import Cleanup
from exitkit.cleanup.engine.deletion import DeletionOutcome, Sweeper
from exitkit.cleanup.engine.globs import Globs
from exitkit.cleanup.files.directory import DirectoryBatch, remove
from exitkit.cleanup.files.pattern import FileFilter, Pattern
from exitkit.cleanup.files.walk import walk
from exitkit.clients.deletion import Refusal
from exitkit.context import Context
from exitkit.text.units import Bytes


class Files(Cleanup):
    """Delete files and directory trees below allowed roots, never through a symlink or across a mount."""

    globs: ClassVar[tuple[str, ...]] = ("paths", "include", "exclude")
    places: ClassVar[tuple[str, ...]] = ("paths",)

    paths: list[str] = Field(
        min_length=1,
        description="Absolute paths of trees or files; *, ? and [ stand for part of a name, ** for any directories.",
    )
    roots: list[str] = Field(
        ["/tmp", "/scratch", "/workspace", "/data", "/mnt"],  # noqa: S108 - where pods mount what they work in
        min_length=1,
        description="Folders below which all paths must be; a root itself is never deleted.",
    )
    larger_than: Bytes | None = Field(None, description="Only files of more bytes than this.")
    smaller_than: Bytes | None = Field(None, description="Only files of fewer bytes than this.")
    keep_root: bool = Field(False, description="Empty each tree, but leave its top directory.")
    empty_directories: bool = Field(True, description="Delete also the directories that nothing is left in.")
    measure: bool = Field(True, description="Count bytes, which takes a look at every file.")

    @field_validator("roots")
    @classmethod
    def _whole_roots(cls, roots: list[str]) -> list[str]:
        return [_checked(one, parts=1) for one in roots]

    @field_validator("paths")
    @classmethod
    def _whole_paths(cls, paths: list[str]) -> list[str]:
        return [_checked(one, parts=2) for one in paths]

    @model_validator(mode="after")
    def _below_roots(self) -> "Files":
        for path in self.paths:
            if not any(path.startswith(f"{root}/") for root in self.roots):
                raise ValueError(
                    f"{path} is not below one of the roots {', '.join(self.roots)}: name its root in roots"
                )
            if self.receipt and Pattern(path).holds(self.receipt):
                raise ValueError(f"receipt is in {path}, so it would go itself: write it elsewhere")
        return self

    def targets(self) -> list[str]:
        return list(self.paths)

    def bears(self, target: str, own: str) -> bool:
        """Whether a directory below the root says whose it is; the root itself is many a workflow's."""
        root = max((root for root in self.roots if target.startswith(f"{root}/")), key=len, default="")
        return super().bears(target.removeprefix(root), own)

    def open(self, context: Context) -> AbstractContextManager[Sweeper]:
        wanted = FileFilter(
            before=context.deadline.clock.time() - self.older_than if self.older_than else None,
            larger=self.larger_than,
            smaller=self.smaller_than,
            include=Globs(self.include),
            exclude=Globs(self.exclude),
            measure=self.measure or self.limit_bytes is not None,
            keep_root=self.keep_root,
            empty_directories=self.empty_directories,
        )
        return nullcontext(_Trees(self.paths, wanted))


class _Trees:
    """The trees, while one run finds and deletes in them."""

    def __init__(self, paths: Sequence[str], wanted: FileFilter) -> None:
        self.paths, self.wanted = paths, wanted

    def find(self, context: Context) -> Iterator[DirectoryBatch | Refusal]:  # noqa: ARG002 - files are found without it
        for path in self.paths:
            for chunk in walk(path, self.wanted):
                if chunk.refusal:
                    yield from (Refusal(chunk.place + name, chunk.refusal) for name in chunk.names)
                else:
                    yield chunk

    def delete(self, batch: DirectoryBatch, context: Context, most: int) -> DeletionOutcome:  # noqa: ARG002 - a batch is short
        remove(batch, batch.names[:most])
        return DeletionOutcome(batch.gone, batch.again, [Refusal(*one) for one in batch.refused.items()])


def _checked(path: str, *, parts: int) -> str:
    """The path without needless slashes. Raises ValueError for what no cleanup should be given."""
    if not path.strip():
        raise ValueError("a path is empty: was a template filled in with nothing?")
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not absolute")
    found = path.removesuffix("/").split("/")[1:]
    if "\0" in path or {".", ".."} & set(found):
        raise ValueError(f"{path!r} holds '.', '..' or a NUL: give the path that is meant")
    if "" in found and found != [""]:
        raise ValueError(f"{path!r} has an empty part: was a template filled in with nothing?")
    if len([one for one in found if one]) < parts:
        raise ValueError(f"{path!r} is too near to the root of the file system")
    return "/" + "/".join(found)

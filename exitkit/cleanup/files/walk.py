"""The file system as an outside world: trees are walked by descriptor, so that no link leads out of them.

What a pattern names and what is in it is given in one walk, depth first, in chunks. Whatever the size
and the depth of a tree, few descriptors are open and few names are held.
"""

import itertools
import os
import stat
from collections.abc import Generator

from exitkit.cleanup.files.directory import Chunk, Folder, root, why
from exitkit.cleanup.files.pattern import Pattern, States, Wanted

CHUNK = 1000
"""Names that are read, and then given, at once."""

# Directories above the current one that stay open, each with two descriptors. Further down a directory is
# read to its end before the walk descends, then closed, and opened again through the child's "..".
_HELD = 24
# A directory that was emptied and is not empty is emptied again: others write to it, or it hid some names
# while others were deleted.
_PASSES = 16

Chunks = Generator[Chunk, None, None]


def walk(path: str, wanted: Wanted) -> Chunks:
    """What the absolute path or pattern names and what is in it, a directory after all that is in it.

    Every chunk has to be dealt with before the next one is asked for. A chunk without names says that
    much was looked at and nothing found.
    """
    return _Walk(Pattern(path), wanted).run()


class _Walk:
    def __init__(self, pattern: Pattern, wanted: Wanted) -> None:
        self.pattern, self.wanted = pattern, wanted
        self.stack: list[Folder] = []

    def run(self) -> Chunks:
        try:
            self.stack.append(root(self.pattern.start))
            while self.stack:
                folder = self.stack[-1]
                if folder.empty and (not folder.pending or len(folder.empty) >= CHUNK):
                    yield from self._clear(folder)
                elif not folder.read and (not folder.pending or len(self.stack) > _HELD):
                    yield from self._look_up(folder) if folder.literal else self._read(folder)
                elif folder.pending:
                    yield from self._enter(folder, *folder.pending.pop())
                else:
                    yield from self._leave(folder)
        finally:
            for folder in self.stack:
                folder.close()

    def _look_up(self, folder: Folder) -> Chunks:
        """The one name that can match here, without reading the directory."""
        folder.end()
        assert folder.states is not None
        name = self.pattern.only(folder.states) or ""
        after, hit = self.pattern.step(folder.states, name)
        try:
            looked = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            yield self._refusal(folder, name, why(error))
            return
        if stat.S_ISLNK(looked.st_mode):
            yield self._refusal(folder, name, "is a symbolic link, which is not followed")
        elif stat.S_ISDIR(looked.st_mode):
            folder.pending.append((name, None if hit else after))
        elif hit and self.wanted.takes(name, looked):
            yield from self._give(folder, [name], [looked.st_size])

    def _read(self, folder: Folder) -> Chunks:
        names: list[str] = []
        sizes: list[int] = []
        try:
            count = self._sort(folder, names, sizes)
        except OSError as error:
            folder.end()
            folder.stays = True
            yield from self._give(folder, names, sizes)
            yield Chunk(-1, self._place(above=1), [folder.name], refusal=why(error))
            return
        if count < CHUNK:
            folder.end()
        yield from self._give(folder, names, sizes)

    def _sort(self, folder: Folder, names: list[str], sizes: list[int]) -> int:
        """Read entries: what is to go joins the names, directories what is pending. How many were read."""
        wanted, states, pending = self.wanted, folder.states, folder.pending
        count = 0
        if states is None and not wanted.filters and not wanted.measure:
            for count, entry in enumerate(itertools.islice(folder.scan(), CHUNK), 1):  # noqa: B007 - the number of the last
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.name, None))
                else:
                    names.append(entry.name)
            return count
        if states is None and not wanted.filters:
            return _measure(folder, names, sizes)
        below = self._below() if states is None else ""
        for count, entry in enumerate(itertools.islice(folder.scan(), CHUNK), 1):  # noqa: B007 - the number of the last
            after, hit = (None, True) if states is None else self.pattern.step(states, entry.name)
            if not hit and not after:
                continue
            if entry.is_dir(follow_symlinks=False):
                if wanted.enters(below + entry.name):
                    pending.append((entry.name, None if hit else after))
                else:
                    folder.stays = True
            elif hit:
                self._weigh(folder, entry, below + entry.name, names, sizes)
        return count

    def _weigh(self, folder: Folder, entry: os.DirEntry[str], path: str, names: list[str], sizes: list[int]) -> None:
        """Whether a file goes, which joins the names then."""
        if not self.wanted.stats:
            if self.wanted.picks(path):
                names.append(entry.name)
            else:
                folder.stays = True
            return
        try:
            looked = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if self.wanted.takes(path, looked):
            names.append(entry.name)
            sizes.append(looked.st_size if stat.S_ISREG(looked.st_mode) else 0)
        else:
            folder.stays = True

    def _give(self, folder: Folder, names: list[str], sizes: list[int], *, folders: bool = False) -> Chunks:
        chunk = Chunk(folder.fd, self._place(), names, sizes, folders, folder.passes >= _PASSES)
        folder.took = folder.took or bool(names)
        yield chunk
        folder.removed += chunk.removed
        folder.stays = folder.stays or bool(chunk.refused)
        if chunk.again:
            folder.passes += 1
            folder.pending += [(name, None) for name in chunk.again]

    def _enter(self, folder: Folder, name: str, states: States | None) -> Chunks:
        literal = states is not None and self.pattern.only(states) is not None
        try:
            fd = folder.open(name, literal=literal)
        except FileNotFoundError:
            return
        except OSError as error:
            yield self._refusal(folder, name, why(error))
            return
        named = states is None and folder.states is not None
        plain = folder.plain and folder.literal
        child = Folder(name, fd, states, literal, named, plain)
        # What is named in so many words may lie behind a mount, as volumes do, but not be one and go.
        if child.device != folder.device and not (plain and (not named or self.wanted.keep_root)):
            child.close()
            hint = "; with keep_root it is emptied" if plain else ""
            yield self._refusal(folder, name, f"is a mount point{hint}")
            return
        self.stack.append(child)
        if len(self.stack) > _HELD + 1:
            folder.close()

    def _clear(self, folder: Folder) -> Chunks:
        names, folder.empty = folder.empty, []
        yield from self._give(folder, names, [], folders=True)

    def _leave(self, folder: Folder) -> Chunks:
        goes = self._goes(folder)
        if not goes and not folder.stays and folder.removed > CHUNK:
            # As many were deleted while it was read, it may have hidden some, and no rmdir will tell.
            folder.removed, folder.read = 0, False
            return
        if len(self.stack) > 1 and self.stack[-2].fd < 0 and not self.stack[-2].reopen(folder):
            yield self._lost()
            return
        self.stack.pop().close()
        if self.stack and goes:
            self.stack[-1].empty.append(folder.name)
        elif self.stack:
            self.stack[-1].stays = True

    def _goes(self, folder: Folder) -> bool:
        """Whether the directory goes too, after all that is in it."""
        if folder.states is not None or folder.stays or (folder.named and self.wanted.keep_root):
            return False
        path = self._below().rstrip("/") or folder.name
        return self.wanted.drops(path, folder.changed, took=folder.took)

    def _lost(self) -> Chunk:
        """Go back to the last directory that is open: what lies between was moved elsewhere."""
        folder = self.stack.pop()
        folder.close()
        while self.stack[-1].fd < 0:
            folder = self.stack.pop()
        return self._refusal(self.stack[-1], folder.name, "was moved while it was walked")

    def _refusal(self, folder: Folder, name: str, reason: str) -> Chunk:
        folder.stays = True
        return Chunk(folder.fd, self._place(), [name], refusal=reason)

    def _place(self, above: int = 0) -> str:
        return "/".join(folder.name for folder in self.stack[: len(self.stack) - above]) + "/"

    def _below(self) -> str:
        """The current directory's path from what is named, or "" in that itself."""
        if not self.wanted.filters:
            return ""
        top = next((number for number, folder in enumerate(self.stack) if folder.named), len(self.stack))
        return "".join(f"{folder.name}/" for folder in self.stack[top + 1 :])


def _measure(folder: Folder, names: list[str], sizes: list[int]) -> int:
    """The same as without a wish, and with the sizes: a look at each file is most of what deleting it costs."""
    count = 0
    for count, entry in enumerate(itertools.islice(folder.scan(), CHUNK), 1):  # noqa: B007 - the number of the last
        if entry.is_dir(follow_symlinks=False):
            folder.pending.append((entry.name, None))
            continue
        try:
            size = entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
        except FileNotFoundError:
            continue
        names.append(entry.name)
        sizes.append(size)
    return count

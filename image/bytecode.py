"""Leaves of Python's files their bytecode alone, and of libraries what is loaded: python bytecode.py FOLDER PLACE.

The image's root is read-only when it runs, so bytecode has to be there before; and where it is, the source is only
weight. PLACE is where the folder will be in the image, for tracebacks. Whoever gives the same files gets
the same bytes: one process, in the order of names, without times, and with PYTHONHASHSEED set.
"""

import py_compile
import struct
import sys
from pathlib import Path

_ELF = b"\x7fELF"
_PT_LOAD = 1


def compile_folder(folder: Path, place: Path) -> None:
    """Each a.py becomes a.pyc beside it, which is imported without being compared to anything."""
    for path in sorted(folder.rglob("*.py")):
        py_compile.compile(
            str(path),
            cfile=str(path) + "c",
            dfile=str(place / path.relative_to(folder)),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        path.unlink()


def strip_folder(folder: Path) -> None:
    for path in sorted(folder.rglob("*.so*")):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(strip(path.read_bytes()))


def strip(data: bytes) -> bytes:
    """A library without what stands behind the last byte that is loaded: symbols for debuggers, and the table of sections.

    The slim images have no strip. What is no 64-bit ELF of this byte order, or holds nothing there, comes back as it is.
    https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    """
    if data[:6] != _ELF + b"\x02\x01" or len(data) < 0x40:
        return data
    table, size, count = struct.unpack_from("<Q", data, 0x20)[0], *struct.unpack_from("<HH", data, 0x36)
    end = table + size * count
    for at in range(table, table + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, at)
        if kind == _PT_LOAD:
            end = max(end, offset + length)
    header = bytearray(data[:0x40])
    struct.pack_into("<Q", header, 0x28, 0)  # where the table of sections is
    struct.pack_into("<HH", header, 0x3C, 0, 0)  # how many, and which of them has the names
    return bytes(header) + data[0x40:end]


if __name__ == "__main__":
    compile_folder(Path(sys.argv[1]), Path(sys.argv[2]))
    strip_folder(Path(sys.argv[1]))

"""Draw the pictures of the docs anew from what exitkit sends today; needs Chromium or a browser of its kind.

    python docs/pictures/draw.py [NAME...]

Each bears the digest of the page that it was drawn from, in a text of its own (`exitkit-page`), so that
`tests/test_docs.py` can tell without a browser when one is stale.
"""

import hashlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent
PICTURES = {
    "slack": (["slack.py"], 720, 530),
    "email": (["slack.py", "mail"], 720, 750),
    "report": (["report.py"], 1000, 1130),
    "history": (["history.py"], 1000, 1000),
}
"""What prints the page, and how many pixels of it are shown, across and down."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_KEYWORD = b"exitkit-page"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def page(name: str) -> str:
    """The HTML that the picture is drawn from."""
    (script, *words), *_ = PICTURES[name]
    ran = subprocess.run(
        [sys.executable, str(FOLDER / script), *words], capture_output=True, encoding="utf-8", check=True
    )
    return ran.stdout


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest_in(picture: bytes) -> str:
    """The digest that the picture bears, or ""."""
    for kind, data in _chunks(picture):
        if kind == b"tEXt" and data.startswith(_KEYWORD + b"\0"):
            return data[len(_KEYWORD) + 1 :].decode("ascii")
    return ""


def stamped(picture: bytes, text: str) -> bytes:
    """The picture with the digest of its page, in front of its last chunk, and without what else it had of texts."""
    kept = [(kind, data) for kind, data in _chunks(picture) if kind != b"tEXt"]
    kept.insert(len(kept) - 1, (b"tEXt", _KEYWORD + b"\0" + digest(text).encode()))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in kept
    )


def _chunks(picture: bytes) -> list[tuple[bytes, bytes]]:
    """The parts of a PNG: https://www.w3.org/TR/png-3/#5Chunk-layout."""
    found, place = [], len(_SIGNATURE)
    while place < len(picture):
        (length,) = struct.unpack_from(">I", picture, place)
        found.append((picture[place + 4 : place + 8], picture[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def main() -> int:
    browser = next((one for one in _BROWSERS if shutil.which(one)), "")
    if not browser:
        sys.stderr.write(f"draw.py: needs one of {', '.join(_BROWSERS)}\n")
        return 1
    for name in sys.argv[1:] or PICTURES:
        _, width, height = PICTURES[name]
        text = page(name)
        with tempfile.TemporaryDirectory() as folder:
            source, shot = Path(folder, "page.html"), Path(folder, "shot.png")
            source.write_text(text, "utf-8")
            subprocess.run(
                [
                    *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                    *(f"--user-data-dir={folder}/browser", f"--window-size={width},{height}"),
                    *(f"--screenshot={shot}", source.as_uri()),
                ],
                check=True,
                capture_output=True,
                timeout=120,
            )
            (FOLDER / f"{name}.png").write_bytes(stamped(shot.read_bytes(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())

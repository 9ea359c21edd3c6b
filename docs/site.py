"""Hooks of the site: pages that live beside what they are about, and links that lead to them.

A README stays where people look for it in the repository; the site shows it as a page, and rewrites the links between.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

PAGES = {
    "deploy/README.md": "deploy.md",
    "examples/exitkit-ntfy/README.md": "example-plugin.md",
    "bench/README.md": "bench.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""From the repository's place to the site's."""

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside docs/."""
    for source, page in PAGES.items():
        text = _relinked((ROOT / source).read_text("utf-8"), PurePosixPath(source).parent, PurePosixPath("."))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of a page in docs/ to what is outside of it."""
    if page.file.src_uri in PAGES.values():
        return markdown
    here = PurePosixPath("docs") / PurePosixPath(page.file.src_uri).parent
    return _relinked(markdown, here, PurePosixPath(page.file.src_uri).parent)


def on_config(config: Any) -> Any:
    """Folders in the navigation become lists of their pages."""
    config["nav"] = [_listed(item) for item in config["nav"]]
    return config


def _listed(item: Any) -> Any:
    if isinstance(item, dict):
        return {title: _listed(inner) for title, inner in item.items()}
    if isinstance(item, list):
        return [_listed(inner) for inner in item]
    if isinstance(item, str) and item.endswith("/"):
        pages = sorted((ROOT / "docs" / item).rglob("*.md"), key=lambda path: (path.name != "README.md", str(path)))
        return [str(path.relative_to(ROOT / "docs")) for path in pages]
    return item


def _relinked(text: str, here: PurePosixPath, there: PurePosixPath) -> str:
    """Links of a text at `here` in the repository, as they lead from `there` in the site; without what is no page."""

    def link(match: re.Match[str]) -> str:
        target, anchor = match[2], match[3] or ""
        if ":" in target:
            return match[0]
        place = os.path.normpath(here / target)
        page = PAGES.get(place) or PAGES.get(f"{place}/README.md") or place.removeprefix("docs/")
        if place.startswith("docs/") and (ROOT / place).is_dir():
            page += "/README.md"
        if page not in PAGES.values() and not (place.startswith("docs/") and (ROOT / "docs" / page).exists()):
            return match[1]
        return f"[{match[1]}]({os.path.relpath(page, there)}{anchor})"

    return _LINK.sub(link, text)

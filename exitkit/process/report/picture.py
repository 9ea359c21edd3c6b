"""The timeline as a picture of its own, small enough for a message: SVG, and the same as PNG."""

import re
from html import escape
from importlib.resources import as_file, files
from typing import Final

from exitkit.process.course import Course
from exitkit.process.report import timeline
from exitkit.settings import extras
from exitkit.text import unsafe
from exitkit.text.safe import line

LIMITS: Final = timeline.Limits(rows=40, bars=100, name=48)
"""What can be read in a message. A PNG of it is at most 2,214 pixels high, and took 350 kB at 20,000 nodes."""

ZOOM: Final = 1.5
"""Pixels of the PNG to one of the SVG, whose width is 800."""

FAMILY: Final = "exitkit"
"""The name of the font beside this module; as no system has one of that name, the letters are the same everywhere."""

_WIDTH, _MARGIN, _TITLE = 800, 12, 34  # pixels of the SVG
_TITLE_LENGTH = 88
_EMPTY = "There is no timeline, as the workflow's record could not be read."
_NOT_XML = unsafe.Unseen(f"[{unsafe.SURROGATES}{unsafe.NOBODYS}]")
_VARIABLE = re.compile(r"var\(--[a-z]+,([^)]*)\)")


def check() -> None:
    """Raises MissingExtra where there is nothing to draw a PNG with."""
    extras.check("png", "a timeline as PNG")


def svg(course: Course, title: str) -> str:
    """The picture below its title. Without spans it says why it is empty."""
    body, height = timeline.drawn(course.spans, course.path, LIMITS, course.phases)
    if not body:
        body, height = (timeline.text(0, 16, _EMPTY, "faint"),), 24
    whole = _TITLE + height + 2 * _MARGIN
    words = line(title, _TITLE_LENGTH)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tl" role="img" aria-label="{escape(words)}" width="{_WIDTH}" '
        f'height="{whole}" viewBox="0 0 {_WIDTH} {whole}"><style>{timeline.STYLE}.tl .title{{font-size:16px}}</style>'
        f'<rect width="{_WIDTH}" height="{whole}" fill="#fff"/>'
        f'<g transform="translate({_MARGIN})">{timeline.text(0, _MARGIN + 16, words, "title")}</g>'
        f'<svg x="{_MARGIN}" y="{_MARGIN + _TITLE}" width="{_WIDTH - 2 * _MARGIN}" height="{height}">{"".join(body)}</svg></svg>\n'
    )
    return _NOT_XML.sub("\ufffd", drawing)


def png(course: Course, title: str) -> bytes:
    """The same, drawn. Raises MissingExtra as `check` does.

    Letters that the font beside this module lacks are taken from those of the system, if it has any.
    """
    check()
    import resvg_py

    drawing = _VARIABLE.sub(r"\1", svg(course, title))  # resvg knows no variables: their defaults are a light page
    with as_file(files(__package__).joinpath("sans.ttf")) as font:
        return resvg_py.svg_to_bytes(
            svg_string=drawing, zoom=ZOOM, font_files=[str(font)], font_family=FAMILY, sans_serif_family=FAMILY
        )

"""The timeline as a picture for a message: whole, legible and small, whatever the run was."""

import struct
import xml.etree.ElementTree as ET
import zlib
from importlib.util import find_spec

import pytest

from exitkit.argo.workflow import Workflow
from exitkit.errors import MissingExtra
from exitkit.process.course import Course
from exitkit.process.report import Report, picture
from exitkit.settings import extras

HOSTILE = '"><script>alert(1)</script>&amp;\u202e\x00\x0b\x1b[31m\ufffe\uffff\udcff ]]> <!-- 日本 🙂 \U000e0067'
GREEN, RED = (0x1A, 0x7F, 0x37), (0xC6, 0x28, 0x28)


def pixels(png):
    """Width, height and rows of RGBA of a PNG of eight bits a channel."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed, head = 8, b"", None
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        content = png[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + content) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        head = content if kind == b"IHDR" else head
        packed += content if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, colours = struct.unpack(">IIBB", head[:10])
    assert (depth, colours) == (8, 6)
    return width, height, list(unfiltered(zlib.decompress(packed), width * 4))


def unfiltered(data, stride):
    above = bytes(stride)
    for start in range(0, len(data), stride + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for i in range(stride) if kind else ():
            left = row[i - 4] if i >= 4 else 0
            corner = above[i - 4] if i >= 4 else 0
            row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[kind]) & 255
        above = bytes(row)
        yield above


def paeth(left, up, corner):
    guess = left + up - corner
    return min((left, up, corner), key=lambda near: abs(guess - near))


def colours(rows):
    """The colours of a part of the picture."""
    return {tuple(row[i : i + 3]) for row in rows for i in range(0, len(row), 4)}


def wide(nodes, count):
    nodes.add("w", "DAG", 0, 5000, boundary="", name="w")
    for number in range(count):
        phase = "Failed" if number == 3 else "Succeeded"
        nodes.add(
            f"s{number}", "Pod", number, number + 9, phase=phase, boundary="w", template=f"{'t' * 90}{number % 99}"
        )
    return Course(nodes.record())


def test_a_png_shows_bars_and_letters_without_a_font_of_the_system(etl, monkeypatch):
    """The image has no fonts, so the one beside the module draws the words: their ink is in the rows of labels."""
    monkeypatch.setattr(picture, "ZOOM", 0.5)  # a ninth of the pixels to read
    width, height, rows = pixels(picture.png(Course(etl.record()), "etl failed"))
    assert (width, len(rows)) == (400, height) and height < 400
    assert {GREEN, RED} <= colours(rows)
    title, ticks = rows[6:16], rows[23:32]
    assert len(colours(title)) > 10 and len(colours(ticks)) > 10
    assert colours(rows[:5]) == {(255, 255, 255)}


def test_the_words_are_the_own_fonts(etl, monkeypatch):
    """With a font of another name nothing may be written that this picture lacks: it is ours that is taken."""
    course = Course(etl.record())
    ours = picture.png(course, "etl")
    monkeypatch.setattr(picture, "FAMILY", "no font has this name")
    assert picture.png(course, "etl") != ours


def test_a_large_run_is_cut_to_what_a_message_holds(nodes):
    """Below a megabyte and 2,300 pixels, and it says how much is not drawn; what failed is."""
    course = wide(nodes, 5000)
    drawn = picture.png(course, "x" * 500)
    width, height = struct.unpack(">II", drawn[16:24])
    assert (width, len(drawn) < 1_000_000, height < 2300) == (1200, True, True)
    text = picture.svg(course, "x" * 500)
    assert len(text) < 500_000
    assert text.count("<title>") == picture.LIMITS.rows and "shorter ones, which are not drawn" in text
    assert 'class="bad"' in text and "x" * 89 not in text


def test_hostile_names_are_drawn_as_text(etl):
    """No name breaks the picture or puts an element into it."""
    for node in etl.values():
        node["displayName"] = node["templateName"] = HOSTILE
    course = Course(etl.record())
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(picture.svg(course, HOSTILE)).iter()}
    assert tags == {"svg", "style", "rect", "g", "text", "title", "line"}
    assert picture.png(course, HOSTILE).startswith(b"\x89PNG")


def test_without_a_record_it_says_so():
    """A picture that was asked for is one."""
    course = Course(None)
    assert "record could not be read" in picture.svg(course, "etl failed")
    assert struct.unpack(">I", picture.png(course, "etl failed")[16:20]) == (1200,)


def test_the_report_writes_it(tmp_path, etl, with_record):
    """By its form, and by the ending of a path; the same run gives the same bytes."""
    context = with_record(etl, Workflow(name="etl", status="Failed"))
    Report(folder=tmp_path, formats=["png", "svg"]).run(context)
    Report(path=tmp_path / "other.png").run(context)
    assert {path.name for path in tmp_path.iterdir()} == {"timeline.png", "timeline.svg", "other.png"}
    assert (tmp_path / "other.png").read_bytes() == (tmp_path / "timeline.png").read_bytes()
    assert "etl failed" in (tmp_path / "timeline.svg").read_text("utf-8")


@pytest.mark.parametrize("given", [{"path": "/tmp/a.png"}, {"formats": ["html", "png"]}])
def test_without_its_extra_nothing_is_written(monkeypatch, given):
    """It is refused before it runs, with the command to type; other forms need no extra."""
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "resvg_py" else find_spec(name))
    with pytest.raises(MissingExtra, match=r"pip install 'argo-exitkit\[png\]'"):
        Report(**given).check_extras()
    Report(formats=["html", "svg"]).check_extras()

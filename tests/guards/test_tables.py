"""What several modules need to know is said in one place."""

import importlib
import sys

from exitkit.text import unsafe


def test_no_other_module_has_a_table_of_its_own(root):
    """What is unsafe is said once; a form takes from it what it cannot bear."""
    # What a reader of XML or a pattern of another language takes is theirs to say, not ours.
    own = {"text/unsafe.py", "clients/s3/xml.py", "text/shapes.py"}
    marks = (r"\x7f-", r"\u2028", r"\u202a", r"\u2066", r"\ud800-")
    tables = [
        f"{path.relative_to(root / 'exitkit')}: {line.strip()}"
        for path in sorted((root / "exitkit").rglob("*.py"))
        if str(path.relative_to(root / "exitkit")) not in own and "testing" not in path.parts
        for line in path.read_text().splitlines()
        if ("re.compile" in line or "Unseen(" in line) and any(mark in line for mark in marks)
    ]
    assert tables == []


def test_what_is_looked_for_in_no_printable_text_is_in_none(sources):
    """A text is passed over as a whole if it is printable, so no pattern may match in all of those characters."""
    printable = "".join(filter(str.isprintable, map(chr, range(sys.maxunicode + 1))))
    modules = [source.name for source in sources if "Unseen(" in source.text]
    patterns = [
        pattern
        for name in modules
        for pattern in vars(importlib.import_module(name)).values()
        if isinstance(pattern, unsafe.Unseen)
    ]
    assert len(patterns) >= 10
    for pattern in patterns:
        assert pattern._pattern().search(printable) is None

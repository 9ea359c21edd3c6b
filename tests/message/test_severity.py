"""One table says how bad something is, wherever it is shown."""

import re
from pathlib import Path

import pytest

import exitkit
from exitkit.entry import StepOutcome
from exitkit.message import severity as table
from exitkit.message.severity import severity


def luminance(colour):
    """Relative luminance as WCAG 2.2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "", "Skipped", "Running", "duplicate"])
def test_every_colour_can_be_read_on_white_and_white_on_it(status):
    """A contrast of at least 4.5."""
    assert 1.05 / (luminance(severity(status).colour) + 0.05) >= 4.5


def test_every_outcome_has_a_severity_of_its_own():
    """None is taken for something that is still under way."""
    assert all(severity(outcome) is not table.UNDER_WAY for outcome in StepOutcome.__args__)
    assert severity("Running") is table.UNDER_WAY
    assert severity("") is table.UNSURE


def test_no_other_module_has_marks_or_colours_of_its_own():
    """Four tables told the same in four ways."""
    package = Path(exitkit.__file__).parent
    others = [path for path in package.rglob("*.py") if path.name != "severity.py"]
    marks = re.compile("[✅❌✓✗🔵]")
    assert [str(path.relative_to(package)) for path in others if marks.search(path.read_text("utf-8"))] == []

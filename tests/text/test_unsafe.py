"""One table of unsafe characters, which each form of text makes use of."""

import sys
import unicodedata

import pytest

from exitkit.message import markup
from exitkit.text import plain, redact, safejson

EVIL = [chr(code) for code in (0x00, 0x08, 0x1B, 0x7F, 0x85, 0x9B, 0x061C, 0x200E, 0x202E, 0x2028, 0x2066)]


@pytest.mark.parametrize("character", EVIL, ids=lambda character: f"U+{ord(character):04X}")
def test_no_form_of_text_lets_it_pass(character):
    """Whoever reads it: a terminal, a reader of JSON, a channel."""
    text = f"a{character}b"
    assert character not in redact.printable(text, 100)
    assert character not in plain.plain(text)
    assert character not in markup.clean(text)
    assert character not in safejson.dumps({"key": text})


def test_every_control_and_mark_of_direction_is_in_the_table():
    """As Unicode classes them, so that none is forgotten."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if (
            unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
            or unicodedata.bidirectional(character) in turning
        ):
            assert character not in redact.printable(f"a{character}b", 100), hex(code)

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.text.plain import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b]0;never closed", "0;never closed"),
        ("50%\r100%\r\ndone", "50%\n100%\ndone"),
        ("a\u202eb\u2066c\u200b\ufeff", "abc"),
        ("👩\u200d💻 é\tx", "👩\u200d💻 é\tx"),
        ("  a  \n\n\n\n b ", "a\n\n b"),
        ("\x00\x07\x7f\x9f", ""),
    ],
)
def test_what_people_would_not_see_is_gone(text, expected):
    """Colours, titles, cursor movements and turned directions; what joins an emoji or indents a line stays."""
    assert expected == plain(text)


@given(st.text(st.sampled_from("\x1b[]0;m\\\x07\x9b\r\n \u202ea")))
def test_no_control_is_left(text):
    """Taking out one sequence never makes another."""
    assert not set(plain(text)) & set("\x1b\x07\x9b\r\u202e")


@pytest.mark.parametrize("piece", ["\x1b[", "\x1b]", "\x1b[0", " ", "\n", "\x1b]a", "0x", "\t "])
def test_a_hostile_text_costs_time_in_proportion_to_its_length(piece):
    """No repetition makes it quadratic."""
    began = time.thread_time()
    plain("a" + piece * 200_000 + "a")
    # Here it takes 0.4 s at most; a quadratic reader would take minutes.
    assert time.thread_time() - began < 8

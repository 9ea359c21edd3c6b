"""Texts that tell what a template put into them: first between two signs that no text has, then in parts."""

import re

from exitkit.text.filled import Filled

# Of the characters that Unicode keeps for a program's own use, so that no text has them:
# https://www.unicode.org/faq/private_use.html#noncharacters
_BEGIN, _END = "\ufdd0", "\ufdd1"
_SIGNS = re.compile(f"([{_BEGIN}{_END}])")


def marked(text: str) -> str:
    """What an expression comes to, between the signs; those within it are of an inner one."""
    return f"{_BEGIN}{_SIGNS.sub('', text)}{_END}"


def from_marked(text: str) -> Filled:
    """The text without the signs, and what stood between them."""
    parts: list[tuple[str, bool]] = []
    inside = False
    for piece in _SIGNS.split(text):
        if piece in (_BEGIN, _END):
            inside = piece == _BEGIN
        elif piece or inside:  # also that it put in nothing
            parts.append((piece, inside))
    return Filled(tuple(parts))

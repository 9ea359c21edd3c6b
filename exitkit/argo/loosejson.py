"""JSON that was quoted, cut or broken on its way through Argo's templates and people's shells, read as far as it goes.

Numbers come as their text: the facts are text, a number may have 5,000 digits, and NaN is none.
"""

import binascii
import codecs
import json
import re
from collections.abc import Iterator
from json.decoder import JSONDecoder
from typing import NamedTuple

from exitkit.argo import gostring

# Argo quotes once; toJson and a helpful wrapper each once more. Beyond this it is no value but a puzzle.
_MOST_LAYERS = 8
_DECODER = JSONDecoder(strict=False, parse_int=str, parse_float=str, parse_constant=str)
_NAME = re.compile(r'[\s,]*("(?:[^"\\]|\\.)*+")\s*:\s*', re.DOTALL)
_FOLLOWED = re.compile(r"\s*[,}]")
# With what base64 of JSON begins: a list's, an object's, a text's and null's first characters, and white space; and with
# what base64 of that does.
_BASE64_OF_JSON = frozenset("WeIbCVZSYQ")
_MOST_BASE64 = 2  # one in the other, as where a hook encodes what its template encodes as well
_SHORTEST_BASE64 = 4  # characters: three bytes, of which a word such as We is none
_URL_SAFE = str.maketrans("-_", "+/")
_BETWEEN = re.compile(r"[\s,]*")
# Quotes around JSON that nobody escaped, as in argo-workflows#11131, and escapes around which somebody took the quotes off.
_BARE_QUOTES = re.compile(r'"\s*[\[{]\s*(?:\{\s*)?"')
_BARE_ESCAPES = re.compile(r'(?:[\[{]\s*(?:\{\s*)?)?\\+"')


class Peeled(NamedTuple):
    """What was inside the quotes, and whether a closing quote was missing."""

    text: str
    cut: bool = False


def peel(text: str) -> Peeled:
    """Take off base64, and quoting, Go's, JSON's or a shell's, layer by layer, until something else begins."""
    cut = False
    for _ in range(_MOST_LAYERS):
        text = text.strip("\ufeff \t\r\n")
        if _BARE_QUOTES.match(text):
            text = text[1:].removesuffix('"')
        elif text.startswith("'"):
            text = text[1:].removesuffix("'")
        elif text.startswith(('"', "`")):
            text, whole = _unquote(text)
            cut = cut or not whole
        elif _BARE_ESCAPES.match(text):
            text, _ = _unquote(f'"{text}"')
        elif (decoded := from_base64(text)) is not None:
            text = decoded
        else:
            break
    return Peeled(text, cut)


def from_base64(text: str, most: int = _MOST_BASE64) -> str | None:
    """The JSON in base64 of it, as Argo's `sprig.b64enc` writes it, also of base64 again; None for anything else.

    Either may have been cut anywhere, so that a part of a character can stand at its end; it is dropped.
    """
    if text[:1] not in _BASE64_OF_JSON or len(text) < _SHORTEST_BASE64:
        return None
    code = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    code = code[: len(code) - (len(code) % 4 == 1)]  # a character alone holds no byte
    try:
        data = binascii.a2b_base64(code + "=" * (-len(code) % 4), strict_mode=True)
    except ValueError:
        return None
    decoded = codecs.getincrementaldecoder("utf-8")("replace").decode(data).strip("\ufeff \t\r\n")
    if decoded.startswith(("[", "{", '"')) or decoded in ("null", ""):
        return decoded
    return from_base64(decoded, most - 1) if most > 1 else None


def beginning(text: str) -> tuple[object, bool]:
    """The one JSON value that the text holds, and whether it is whole; of a cut object or list, what comes before the cut.

    Raises ValueError where nothing can be read.
    """
    try:
        return loads(text), True
    except ValueError:
        inner = peel(text).text
        found: object = {}
        if inner.startswith("{"):
            found = dict(_members(inner))
        elif inner.startswith("["):
            found = [value for value, _ in entries(inner, 1)]
        if not found:
            raise
        return found, False


def loads(text: str) -> object:
    """The one JSON value that the text holds. Raises ValueError, also for nesting that is too deep."""
    text = peel(text).text
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at position {error.pos}") from None
    if text[end:].strip():
        raise ValueError(f"something follows at position {end}")
    return value


def entries(text: str, start: int) -> Iterator[tuple[object, int]]:
    """The values of the list whose inside begins at `start`, each with the position after it.

    Ends at the closing bracket, at the end of the text, or before the first value that is broken. One value at a
    time, so that neither a cut text nor a bomb at the end costs what comes before it.
    """
    while True:
        match = _BETWEEN.match(text, start)
        start = match.end() if match else start
        if start >= len(text) or text[start] == "]":
            return
        try:
            value, start = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return
        yield value, start


def _members(text: str) -> Iterator[tuple[str, object]]:
    """The members of the object that begins here, up to the first that is not whole."""
    end = 1
    while match := _NAME.match(text, end):
        try:
            name = json.loads(match[1], strict=False)
            value, end = _DECODER.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            return
        # Of a number that was cut nobody knows it but by what follows.
        if not _FOLLOWED.match(text, end):
            return
        yield name, value


def as_text(value: object) -> str:
    """A decoded value as the text that Argo would have put there: "" for null, JSON for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""


def _unquote(text: str) -> tuple[str, bool]:
    """The inside of a quoted text, and whether its end is there. Go's reading first, for Go wrote it."""
    try:
        return gostring.unquote(text), True
    except ValueError:
        if text.startswith("`"):
            return text[1:], False
    try:
        value, end = _DECODER.raw_decode(text)  # JSON's own escapes: a solidus, a pair of surrogates
    except ValueError:
        return gostring.unquote_loose(text)
    return (value, True) if isinstance(value, str) and end == len(text) else gostring.unquote_loose(text)

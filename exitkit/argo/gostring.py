r"""Go's quoted strings, read and written as Go's strconv package does.

Argo puts `workflow.failures`, and whatever else goes through a template tag, into a Go string literal. That is
almost JSON, until a message holds DEL (`\x7f`), a bell (`\a`) or an emoji tag (`\U000e0067`), which JSON cannot say.
The grammar: https://go.dev/ref/spec#String_literals
"""

import re

# One well-formed run of a literal's inside. Possessive, so that 16 MiB take under a second and no stack.
# \u and \U leave out surrogates and what lies past U+10FFFF; \377 is the last octal: Go refuses the rest.
_BODY = re.compile(
    r"""(?:
        [^"\\\n]++
      | \\(?: [abfnrtv\\"]
            | x[0-9a-fA-F]{2}
            | [0-3][0-7]{2}
            | u(?![dD][89a-fA-F])[0-9a-fA-F]{4}
            | U(?:0000(?![dD][89a-fA-F])|000[1-9a-fA-F]|0010)[0-9a-fA-F]{4}
          )
    )*+""",
    re.VERBOSE,
)
_SIMPLE = {
    "\\" + letter: char
    for letter, char in {
        '"': '"',
        "n": "\n",
        "t": "\t",
        "r": "\r",
        "a": "\a",
        "b": "\b",
        "f": "\f",
        "v": "\v",
    }.items()
}
# Bytes in a row make one character, so they are read together.
_RARE = re.compile(r"((?:\\x[0-9a-fA-F]{2}|\\[0-3][0-7]{2})++)|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})")
_BYTE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2}))")
_LOOSE = re.compile(rf'{_RARE.pattern}|\\([abfnrtv\\"])')
_CUT_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]?|[0-3][0-7]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7})?")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")

_QUOTED = {char: escape for escape, char in _SIMPLE.items()} | {"\\": "\\\\"}


def unquote(text: str) -> str:
    """What the literal says, be it in double quotes or in back quotes.

    Decodes as `strconv.Unquote` does; bytes that are no UTF-8 become U+FFFD, one for each, as in Go's own loops over
    a string. A rune literal ('x') is not a string and refused. Raises ValueError, with the position, on whatever Go refuses.
    """
    if len(text) < 2 or text[0] not in '"`':
        raise ValueError("not a Go string: a quote is missing at position 0")
    if text[0] == "`":
        return _unquote_raw(text)
    end = _body_end(text)
    if end == len(text):
        raise ValueError(f"not a Go string: the closing quote is missing at position {end}")
    if text[end] != '"':
        raise ValueError(f"not a Go string: {text[end : end + 10]!r} at position {end}")
    if end != len(text) - 1:
        raise ValueError(f"not a Go string: it goes on after its closing quote at position {end}")
    return _decode(text[1:end])


def unquote_loose(text: str) -> tuple[str, bool]:
    """What a double-quoted literal says that was cut or damaged, and whether its closing quote is there.

    An escape that was cut in two at the end is dropped; anything else that Go would refuse stands for itself.
    Never raises.
    """
    end = _body_end(text)
    if end >= len(text) or _CUT_ESCAPE.fullmatch(text, end):
        return _decode(text[1:end]), False
    if end == len(text) - 1 and text[end] == '"':
        return _decode(text[1:end]), True
    loose = _LOOSE.sub(_decode_loose, text[1:])
    # An escaped quote at the end was decoded to the same character, so the backslashes before it tell.
    closed = text.endswith('"') and (len(text) - len(text[:-1].rstrip("\\"))) % 2 == 1
    return (loose[:-1] if closed else loose), closed


def quote(text: str) -> str:
    """The text as a Go literal in double quotes, as `strconv.Quote` writes it.

    Go escapes what its Unicode tables call unprintable. Python's tables may be a version older or newer, so characters
    that one of the two does not know yet may be escaped here and not there; each reads the other's literal alike.
    A surrogate of Python's surrogateescape stands for its byte, any other surrogate for U+FFFD.
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_escape, text)) + '"'


def _unquote_raw(text: str) -> str:
    end = text.find("`", 1)
    if end == -1:
        raise ValueError(f"not a Go string: the closing quote is missing at position {len(text)}")
    if end != len(text) - 1:
        raise ValueError(f"not a Go string: it goes on after its closing quote at position {end}")
    return text[1:end].replace("\r", "")


def _body_end(text: str) -> int:
    match = _BODY.match(text, 1)
    return match.end() if match else 1


def _decode(body: str) -> str:
    """Decode the inside of a literal that is known to be well-formed.

    Every other escape holds one backslash only, so splitting at the doubled ones leaves parts in which each
    backslash begins an escape, and plain replacing is right. It is ten times as fast as going by escape.
    """
    if "\\" not in body:
        return body
    return "\\".join(part if "\\" not in part else _decode_part(part) for part in body.split("\\\\"))


def _decode_part(part: str) -> str:
    for escape, char in _SIMPLE.items():
        part = part.replace(escape, char)
    return _RARE.sub(_decode_rare, part)


def _decode_rare(match: re.Match[str]) -> str:
    if match[1] is None:
        return chr(int(match[2] or match[3], 16))
    found = bytes(int(one[1], 16) if one[1] else int(one[2], 8) for one in _BYTE.finditer(match[1]))
    return _NOT_UTF8.sub("\ufffd", found.decode("utf-8", "surrogateescape"))


def _decode_loose(match: re.Match[str]) -> str:
    if match[4] is not None:
        return "\\" if match[4] == "\\" else _SIMPLE["\\" + match[4]]
    try:
        return _decode_rare(match)
    except (ValueError, OverflowError):  # past U+10FFFF
        return "\ufffd"


def _escape(char: str) -> str:
    if char in _QUOTED:
        return _QUOTED[char]
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

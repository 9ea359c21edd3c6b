"""What is wrong with a YAML text in words that say what to write instead: a reader's own words say what it stumbled on."""

import re

QUOTES = "put the whole text in quotes"

# What the reader says, what the line must hold besides, and what to say; the first that fits.
_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        "",
        r"(?:^|[:,\[-]\s*)\{\{[^\"']*$",
        'a template needs quotes around all of the text, such as "{{ workflow.name }}"',
    ),
    ("", r"(?:^|[:,\[-]\s*)\{%", "a template needs quotes around all of the text, or | and a text below"),
    (r"character '\\t'", "", "a tab stands here; YAML is indented with spaces"),
    (r"character '@'", "", f"@ begins no text in YAML; {QUOTES}, such as '@name'"),
    (r"character '`'", "", f"` begins no text in YAML; {QUOTES}"),
    (r"character '%'", "", f"% begins no text in YAML; {QUOTES}"),
    (
        r"expected alphabetic or numeric character|undefined alias",
        r"[:\[,-]\s*\*",
        f"* begins an alias in YAML; {QUOTES}, such as '*.tmp'",
    ),
    (r"expected alphabetic or numeric character|undefined", r"[:\[,-]\s*&", f"& begins an anchor in YAML; {QUOTES}"),
    (r"undefined alias", "", f"* begins an alias in YAML, and there is none of this name; {QUOTES}"),
    (r"could not determine a constructor|tag", r"[:\[,-]\s*!", f"! begins a tag in YAML; {QUOTES}"),
    (
        r"mapping values are not allowed",
        "",
        f"a colon and a space stand within a text, or the line is indented wrongly; {QUOTES} if it is one",
    ),
    (r"unexpected end of stream|while scanning a quoted scalar", "", "a quote is opened and not closed"),
    (r"expected ',' or '[\]}]'", "", "a bracket is not closed, or a comma is missing"),
    (r"could not find expected ':'", "", "a key has no colon after it"),
    (
        r"expected <block end>|found unexpected",
        r"[:-]\s+'[^']*' *[^\s#,\]}]",
        "a text that begins with a quote ends with it: put the whole text in double quotes",
    ),
    (
        r"expected <block end>|found unexpected",
        r"[:-]\s+\"[^\"]*\" *[^\s#,\]}]",
        "a text that begins with a quote ends with it: put the whole text in single quotes",
    ),
    (
        r"scanning a block scalar",
        r"[:-]\s+[|>]",
        "| and > begin a text on the lines below; put one on the same line in quotes",
    ),
    (r"unacceptable character", "", "an unacceptable character"),
    (
        r"expected <block end>",
        "",
        "does not fit what stands above: look at the indentation, and put texts with quotes in them in quotes of the other kind",
    ),
    (r"expected the node content", "", "a value is missing here"),
    (r"unknown escape character", "", "a backslash in double quotes begins an escape; use single quotes"),
    (r"sequence entries are not allowed", "", "a list begins in the wrong place: it stands on a line of its own"),
    (r"expected a single document", "", "--- begins a second document; a plan is one"),
)


def words(problem: str, line: str, above: str = "") -> str:
    """What to write instead, for what PyYAML says of a line."""
    if "expected the node content" in problem and re.search(r"[\[,:-]\s*#", above):
        return "# begins a comment in the line above; put the text in quotes, such as '#ops'"
    for said, held, meant in _WORDS:
        if (not said or re.search(said, problem)) and (not held or re.search(held, line)):
            return meant
    return problem


def cut_by_comment(rest: str) -> str:
    """What stands behind a text and was meant to be a part of it: a # with a word of its own; comments have a space."""
    found = re.match(r"\s+(#[\w-]+)(?=[\s,\]}.!)]|$)", rest)
    return found[1] if found else ""


def empty_by_comment(line: str) -> str:
    """What stands after a # that was meant to be a part of the text, or ""."""
    found = re.search(r"(?:[:\[,]|^\s*-)\s+#([\w-]+)\s*(?:[,\]}].*)?$", line)
    return found[1] if found else ""

"""What is wrong with a YAML text in words that say what to write instead: a reader's own words say what it stumbled on."""

import re

_QUOTES = "put the whole text in quotes"

# What the reader says, what the line must hold besides, and what to say; the first that fits.
_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        "",
        r"(?:^|[:,\[-]\s*)\{\{[^\"']*$",
        'a template needs quotes around all of the text, such as "{{ workflow.name }}"',
    ),
    ("", r"(?:^|[:,\[-]\s*)\{%", "a template needs quotes around all of the text, or | and a text below"),
    (r"character '\\t'", "", "a tab stands here; YAML is indented with spaces"),
    (r"character '@'", "", f"@ begins no text in YAML; {_QUOTES}, such as '@name'"),
    (r"character '`'", "", f"` begins no text in YAML; {_QUOTES}"),
    (r"character '%'", "", f"% begins no text in YAML; {_QUOTES}"),
    (
        r"expected alphabetic or numeric character|undefined alias",
        r"[:\[,-]\s*\*",
        f"* begins an alias in YAML; {_QUOTES}, such as '*.tmp'",
    ),
    (r"expected alphabetic or numeric character|undefined", r"[:\[,-]\s*&", f"& begins an anchor in YAML; {_QUOTES}"),
    (r"undefined alias", "", f"* begins an alias in YAML, and there is none of this name; {_QUOTES}"),
    (r"could not determine a constructor|tag", r"[:\[,-]\s*!", f"! begins a tag in YAML; {_QUOTES}"),
    (
        r"mapping values are not allowed",
        "",
        f"a colon and a space stand within a text, or the line is indented wrongly; {_QUOTES} if it is one",
    ),
    (r"unexpected end of stream|while scanning a quoted scalar", "", "a quote is opened and not closed"),
    (r"expected ',' or '[\]}]'", "", "a bracket is not closed, or a comma is missing"),
    (r"could not find expected ':'", "", "a key has no colon after it"),
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


def empty_by_comment(line: str) -> str:
    """What stands after a # that was meant to be a part of the text, or ""."""
    found = re.search(r"(?:[:\[,]|^\s*-)\s+#([\w-]+)\s*(?:[,\]}].*)?$", line)
    return found[1] if found else ""

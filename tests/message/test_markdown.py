"""Markdown that cannot be broken out of, judged by an independent reader."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from exitkit.message import markdown, markup

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PLAIN = {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "softbreak"}
# What GitHub and GitLab look for in text once it has been read.
REFERENCES = re.compile(r"https?://|www\.\w|mailto:\w|@\w|#\w|![0-9]|\bgh-\d", re.IGNORECASE)

HOSTILE = [
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "<img src=x onerror=alert(1)>",
    "<https://evil.example>",
    "see https://evil.example and www.evil.example",
    "[x]: https://evil.example",
    "[x][y]",
    "| a | b |\n| --- | --- |\n| c | d |",
    "```\ncode\n```",
    "~~~\ncode",
    "# heading",
    "heading\n===",
    "heading\n---",
    "- item",
    "1. item",
    "12) item",
    "+ item",
    "> quote",
    "    code",
    "**bold** __bold__ _it_ *it* ~~no~~ `code` $x$",
    "\\`code\\` \\| \\[a](b)",
    "&#60;img src=x&#62; &lt;b&gt; &copy;",
    "@ops #123 GH-12 !7 a@b.example mailto:a@b.example",
    "line one\\\nline two  \nline three",
    "</td></tr></table><script>",
    "javascript:alert(1)",
    "\x1b[31mred\x1b[0m \u202eright",
    "---",
    "***",
]
PIECES = st.lists(
    st.sampled_from([*"`*_[]()<>#+-.!|~&@:/\\$= \n1a", "https://", "www.", "](", "---", "```"]), max_size=30
)
TEXTS = st.one_of(PIECES.map("".join), st.text(st.characters(), max_size=40), st.sampled_from(HOSTILE))


def tokens(text):
    found = []
    for token in READER.parse(text):
        found.append(token)
        found += token.children or []
    return found


def shown(text):
    return "".join(one.content for one in tokens(text) if one.type in ("text", "text_special", "code_inline"))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_escaped_text_is_nothing_but_text(text):
    """In a paragraph there is no link, picture, HTML, heading, list, code or stress of it, nor a reference."""
    escaped = markdown.escape(text)
    assert {one.type for one in tokens(escaped)} <= PLAIN
    assert not REFERENCES.search(shown(escaped))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXTS)
def test_escaped_text_reads_as_it_was_written(text):
    """But for the spaces between words and the invisible splits, people read the very text."""
    expected = " ".join(markup.clean(text).split())
    assert expected.replace("\u200b", "") == shown(markdown.escape(text)).replace("\u200b", "")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXTS, TEXTS)
def test_a_table_has_the_cells_that_it_was_given(one, two):
    """No text makes another cell, row or table, or anything else than text or code."""
    text = markdown.table(("a", "b", "c"), [(markdown.escape(one), markdown.code(two), "end")] * 2)
    found = tokens(text)
    cells = sum(each.type == "td_open" for each in found)
    columns = 1 + sum(bool(markdown.escape(each)) for each in (one, two))
    assert 2 * columns == cells
    assert not {each.type for each in found} & {"link_open", "image", "html_block", "html_inline", "fence", "em_open"}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXTS)
def test_nothing_gets_out_of_a_fence(text):
    """A block of text is one block, and what follows is after it."""
    found = READER.parse(markdown.block(text) + "\n\nafter")
    assert [one.type for one in found] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXTS, TEXTS)
def test_a_link_leads_where_it_was_told_or_nowhere(text, tail):
    """Neither its text nor its address adds another link."""
    found = tokens(markdown.link(text, "https://argo.example/" + tail))
    links = [one.attrs["href"] for one in found if one.type == "link_open"]
    assert len(links) <= 1
    assert all(one.startswith("https://argo.example/") for one in links)
    assert not {each.type for each in found} & {"image", "html_block", "html_inline"}


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "data:text/html,x", "//evil.example", "file:///etc/passwd"])
def test_only_addresses_of_the_web_are_links(url):
    """Anything else is left out, and the text stays."""
    assert markdown.link("open", url) == "open"


def test_plain_words_stay_as_they_are():
    """What needs no escape gets none: the raw text is read as well."""
    for text in ("train failed (exit code 137)", "2026-11-23 07:57:41 UTC", "3 of 4, 50% done: a-b/c.d"):
        assert text == markdown.escape(text)


def test_empty_columns_are_left_out():
    """A column in which nothing stands tells nothing."""
    assert markdown.table(("a", "b", "c"), [("1", "", "3")]) == "| a | c |\n| --- | --- |\n| 1 | 3 |"


def test_what_does_not_fit_is_left_out_visibly():
    """The result stays below the limit, and its last line says that something is missing."""
    text = markdown.fit(["# head", "x" * 500, "y" * 500, "z"], 1000)
    assert len(text.encode()) <= 1000
    assert text.startswith("# head\n\nxxx")
    assert text.endswith("**Cut here: 2 more parts would make this larger than 1000 bytes.**\n")

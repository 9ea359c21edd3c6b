import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.argo.ui import clean_base, logs_url, workflow_url


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://argo.example.com", "https://argo.example.com"),
        ("https://argo.example.com/", "https://argo.example.com"),
        ("http://localhost:2746/argo/", "http://localhost:2746/argo"),
        ("https://h/a%20b/?x=1#frag", "https://h/a%20b"),
        (" https://h ", "https://h"),
        ("HTTPS://H/argo", "https://H/argo"),
        ("https://[::1]:2746/", "https://[::1]:2746"),
    ],
)
def test_a_base_may_have_a_path_and_a_slash(given, base):
    """Argo may stand under a path (basePath); queries and fragments are no part of it."""
    assert base == clean_base(given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "argo.example.com",
        "javascript:alert(1)",
        "file:///etc",
        "ftp://h",
        "https://",
        "https://u:p@h",
        "https://h/<b>",
        "https://h\n.evil",
        "https://h|x",
        "https://h:port",
        "https://[::1",
        "//h",
        "https://h\udcff",
    ],
)
def test_what_cannot_be_linked_to_is_refused(given):
    """Only http and https, without credentials and without what breaks out of a channel's markup."""
    with pytest.raises(ValueError, match=r"."):
        clean_base(given)


def test_the_link_to_the_logs():
    """Argo's own form, with the uid that keeps it alive in the archive."""
    page = workflow_url("https://h/argo", "ns", "wf", "u-1")
    assert page == "https://h/argo/workflows/ns/wf?uid=u-1"
    assert logs_url(page, "wf-123") == f"{page}&tab=workflow&nodeId=wf-123&sidePanel=logs:wf-123:main"
    assert logs_url("https://h/workflows/ns/wf", "n", "side") == (
        "https://h/workflows/ns/wf?tab=workflow&nodeId=n&sidePanel=logs:n:side"
    )


@pytest.mark.parametrize(
    ("base", "namespace", "name"), [("", "ns", "wf"), ("https://h", "", "wf"), ("https://h", "ns", "")]
)
def test_no_link_is_better_than_a_dead_one(base, namespace, name):
    """All three are needed."""
    assert logs_url(workflow_url(base, namespace, name), "wf-1") == ""


@given(st.text(), st.text(min_size=1), st.text(min_size=1), st.text())
def test_nothing_breaks_out_of_a_link(uid, namespace, name, node):
    """Whatever a name holds, the link is one word of harmless characters."""
    encoded = [text.encode("utf-8", "replace").decode() for text in (namespace, name, uid, node)]
    link = logs_url(workflow_url("https://h", *encoded[:3]), encoded[3])
    assert link.isascii()
    assert not set(link) & set(" \t\r\n<>\"'`|\\^{}")
    assert link.startswith("https://h/workflows/")

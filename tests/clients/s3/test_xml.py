"""What S3's answers are read as, and what it is sent: every key as it is, and nothing from an answer that is not whole."""

import contextlib
import time
from urllib.parse import quote, quote_plus
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exitkit.clients.objects import in_bytes
from exitkit.clients.s3 import xml
from exitkit.clients.s3.xml import Upload, Version
from exitkit.errors import ActionError, Retryable

URL = "<EncodingType>url</EncodingType>"
TIME = "<LastModified>2026-11-23T12:00:00.000Z</LastModified>"
# All that XML 1.0 can hold in some form, among it what an encoder or a decoder is likely to take for something else.
WRITABLE = st.text(
    st.sampled_from("a%+ &<>\"';#x&\r\n\t\x7f\x80\x85\x9f\xa0\u2028\ufffd👍]")
    | st.characters(exclude_characters="\ufffe\uffff", exclude_categories=["Cs"]).filter(
        lambda sign: xml.are_writable([sign])
    ),
    min_size=1,
    max_size=12,
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def listing(*rows, head=""):
    return f"<ListBucketResult>{head}{''.join(rows)}</ListBucketResult>".encode()


def row(key, size=5, more=TIME):
    return f"<Contents><Key>{key}</Key>{more}<ETag>&quot;e&quot;</ETag><Size>{size}</Size></Contents>"


def marked(*rows, head="", root="ListVersionsResult"):
    return f"<{root}>{head}{''.join(rows)}</{root}>".encode()


def keys(*rows, head=""):
    return list(xml.read_page(listing(*rows, head=head), "listing b").keys)


# A page of keys.


def test_a_page_has_keys_sizes_and_where_it_is_asked_for_times():
    """In the server's order; times to the second, whose order is that of the text."""
    data = listing(row("a", 1), row("b/c", 0), head="<Name>models</Name><IsTruncated>true</IsTruncated>")
    page = xml.read_page(data, "listing b", timed=True)
    assert (page.keys, page.sizes, page.more) == (["a", "b/c"], [1, 0], True)
    assert page.changed == ["2026-11-23T12:00:00"] * 2
    assert xml.read_page(data, "listing b").changed == []


def test_the_order_of_elements_is_the_servers_own():
    """Some write what the page is after its keys, some before, and some break lines."""
    one = "<?xml version='1.0'?>\n<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>\n"
    two = "<Contents>\n <Size>7</Size>\n <Key>a%2Bb</Key>\n</Contents>\n<IsTruncated>true</IsTruncated>"
    page = xml.read_page(f"{one}{two}{URL}\n</ListBucketResult>\n".encode(), "listing b")
    assert (page.keys, page.sizes, page.more) == (["a+b"], [7], True)


@pytest.mark.parametrize("data", [b"<ListBucketResult/>", b'<ListBucketResult xmlns="x"/>', listing()])
def test_an_empty_page_is_a_page(data):
    """However it is written."""
    page = xml.read_page(data, "listing b", timed=True)
    assert (list(page.keys), page.more, page.token) == ([], False, "")


def test_a_page_without_keys_has_the_token_to_go_on_with():
    """With keys, the last of them says where; a token of another server's may hold XML's own characters."""
    head = "<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>"
    assert xml.read_page(listing(head=head), "listing b").token == "a&b="
    assert xml.read_page(listing(row("k"), head=head), "listing b").token == ""


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a%0Ab", "a\nb"),
        ("a%0D%0Ab", "a\r\nb"),
        ("a%25b", "a%b"),
        ("a%2525", "a%25"),
        ("a+b", "a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("%01%1F", "\x01\x1f"),
        ("%EF%BF%BE", "\ufffe"),
        ("%3Cb%3E%26", "<b>&"),
        ("%26lt%3B", "&lt;"),
        ("&amp;lt;", "&lt;"),
        ("a&amp;b", "a&b"),
        ("%C3%BC/%F0%9F%91%8D", "ü/👍"),
        ("%FF", "\udcff"),
        ("a%2Fb/c", "a/b/c"),
    ],
)
def test_a_url_encoded_key_is_read_as_it_is(written, key):
    """Line breaks, percent signs, blanks, what XML cannot hold, and what only looks as if it were encoded twice."""
    assert keys(row(written), head=URL) == [key]
    assert keys(row("plain"), row(written), head=URL) == ["plain", key]


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a+b%20", "a+b%20"),
        ("a\nb", "a\nb"),
        ("&lt;a&gt; &amp;&quot;&apos;", "<a> &\"'"),
        ("&amp;lt;", "&lt;"),
        ("&#10;&#xa;&#0013;", "\n\n\r"),
        ("&#x1;", "\x01"),
        ("&#x80;&#x85;&#127;&#159;", "\x80\x85\x7f\x9f"),
        ("&#x1F44D;&#128077;", "👍👍"),
        ("&amp;copy=1", "&copy=1"),
        ("&copy;&nbsp;&notit;&amp", "&copy;&nbsp;&notit;&amp"),
        ("&#xD83D;&#x110000;&#9999999;&#;&#x;", "&#xD83D;&#x110000;&#9999999;&#;&#x;"),
        ("&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";"),
    ],
)
def test_a_server_that_encodes_no_urls_is_read_as_xml(written, key):
    """By XML's rules and not HTML's, by which &#x85; would be dots, and &#x1; nothing: the name of another object."""
    assert keys(row(written)) == [key]
    assert keys(row("plain"), row(written)) == ["plain", key]


@settings(max_examples=60)
@given(st.lists(ANY, max_size=5), st.sampled_from([quote, quote_plus]))
def test_every_key_survives_the_url(given_keys, encode):
    """Whatever is in it, in either way of writing a blank."""
    assert keys(*(row(encode(key)) for key in given_keys), head=URL) == given_keys


@settings(max_examples=60)
@given(st.lists(WRITABLE, max_size=5), st.sampled_from(["us-ascii", "utf-8"]))
@example(["\x85", "&#x85;", "]]>"], "us-ascii")
def test_every_key_survives_another_writer_of_xml(given_keys, encoding):
    """Written by the standard library, whose entities and numbers are a server's."""
    root = ET.Element("ListBucketResult")
    for key in given_keys:
        one = ET.SubElement(root, "Contents")
        ET.SubElement(one, "Key").text = key
        ET.SubElement(one, "Size").text = "1"
    page = xml.read_page(ET.tostring(root, encoding, xml_declaration=True), "listing b")
    assert list(page.keys) == given_keys


# Versions and uploads.


def test_versions_and_markers_come_in_the_order_of_the_server():
    """With an id each; a version without one is the one that S3 calls null."""
    data = marked(
        f"<Version><Key>a</Key><VersionId>v1</VersionId>{TIME}<Size>7</Size></Version>",
        f"<DeleteMarker><Key>a</Key><VersionId>m&amp;1</VersionId>{TIME}</DeleteMarker>",
        f"<Version><Key>b%0A</Key>{TIME}<Size>1</Size></Version>",
        head=f"{URL}<IsTruncated>true</IsTruncated><NextKeyMarker>b%0A</NextKeyMarker>"
        "<NextVersionIdMarker>v&lt;</NextVersionIdMarker>",
    )
    found = xml.read_marked(data, "listing b")
    assert found.entries == [Version("a", "v1"), Version("a", "m&1"), Version("b\n", "null")]
    assert found.sizes == [7, 0, 1]
    assert found.changed == ["2026-11-23T12:00:00"] * 3
    assert (found.next_key, found.next_id, found.more) == ("b\n", "v<", True)


def test_uploads_have_ids_and_the_time_they_were_begun():
    """And lead on by markers of their own."""
    data = marked(
        "<Upload><Key>big</Key><UploadId>u1</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>",
        head="<NextKeyMarker>big</NextKeyMarker><NextUploadIdMarker>u1</NextUploadIdMarker>"
        "<IsTruncated>true</IsTruncated>",
        root="ListMultipartUploadsResult",
    )
    found = xml.read_marked(data, "listing b")
    assert found.entries == [Upload("big", "u1")]
    assert (found.changed, found.next_key, found.next_id) == (["2026-01-02T03:04:05"], "big", "u1")
    assert found.more


def test_what_has_no_time_is_never_old_enough():
    """A missing or a shifted time must not make something look older than it is."""
    one = "<Version><Key>a</Key><VersionId>v</VersionId>{}</Version>"
    rows = [one.format(more) for more in ("", "<LastModified/>", "<LastModified> 2026-11-23T12:00:00Z</LastModified>")]
    changed = xml.read_marked(marked(*rows), "listing b").changed
    assert all(one >= "2026-11-23T12:00:00" for one in changed)


@pytest.mark.parametrize(
    "broken",
    [
        "<Version><VersionId>v</VersionId></Version>",
        "<Version><Key></Key><VersionId>v</VersionId></Version>",
        "<Version><Key>abc</Version>",
        "<Version><Key>a<b/></Key></Version>",
        "<Version><Key><![CDATA[a]]></Key></Version>",
        "<Version><Key>a</Key><Size>many</Size></Version>",
        f"<Version><Key>a</Key><Size>{'9' * 5000}</Size></Version>",
        "<Version><Key>a</Key><Size>٣</Size></Version>",
        "<Version><Key>a</Key>",
        "<Upload><Key>a</Key></Upload>",
        "<Upload><Key>a</Key><UploadId></UploadId></Upload>",
    ],
)
def test_an_entry_that_lacks_something_is_refused(broken):
    """Half a key names another object, and an upload without its id is aborted by deleting the object."""
    for root in ("ListVersionsResult", "ListMultipartUploadsResult"):
        with pytest.raises(ActionError, match="listing b: the listing lacks"):
            xml.read_marked(marked(broken, root=root), "listing b")


# What is not whole.


@pytest.mark.parametrize("data", [b"", b"<html>ok</html>", b"\x00\xff", b"<Error><Code>X</Code></Error>", b" " * 2000])
def test_what_is_no_listing_is_refused(data):
    """Also an answer of 200 that is a proxy's."""
    for read in (xml.read_page, xml.read_marked):
        with pytest.raises(ActionError, match=r"^listing b: the answer is no List\w+: is this an S3 endpoint\?$"):
            read(data, "listing b")
    assert not xml.is_deletion(data)


PAGE = listing(row("a&amp;b"), row("c"), head=URL)
VERSIONS = marked(f"<Version><Key>a</Key><VersionId>v1</VersionId>{TIME}<Size>7</Size></Version>")


@pytest.mark.parametrize(("data", "read"), [(PAGE, xml.read_page), (VERSIONS, xml.read_marked)])
def test_a_listing_that_was_cut_off_is_not_taken_for_all_there_is(data, read):
    """Wherever it ends; another attempt may do better. Before its name has come, it may be anybody's."""
    named = data.index(b"<", 1)
    for end in range(data.rindex(b"</")):
        with pytest.raises(ActionError) as caught:
            read(data[:end], "listing b")
        assert isinstance(caught.value, Retryable) == (end >= named - 1)


@pytest.mark.parametrize(
    "broken",
    [
        row(""),
        row("<![CDATA[a]]>"),
        row("a<b/>"),
        row("a", size=""),
        row("a", size="-1"),
        row("a", size="9" * 5000),
        row("a", size="1<x/>"),
        "<Contents><Key>a</Key></Contents>",
        "<Contents><Size>1</Size></Contents>",
        "<Contents><Key>a<Size>1</Size></Contents>",
    ],
)
def test_an_object_without_its_key_or_size_is_refused(broken):
    """Rather than given its neighbour's."""
    with pytest.raises(ActionError, match="lacks"):
        keys(row("x"), broken)


def test_an_object_without_its_time_is_refused_where_times_are_asked_for():
    """Else all that follow would have their neighbour's age."""
    data = listing(row("a", more=""), row("b"))
    assert list(xml.read_page(data, "listing b").keys) == ["a", "b"]
    with pytest.raises(ActionError, match="lacks"):
        xml.read_page(data, "listing b", timed=True)


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                "<ListBucketResult>",
                "</ListBucketResult>",
                "<ListVersionsResult>",
                "</ListVersionsResult>",
                "<Version>",
                "</Version>",
                "<Upload>",
                "<Key>",
                "</Key>",
                "<Key/>",
                "a",
                "%FF",
                "%G1",
                "&#x1;",
                "&#99999999;",
                "&lt;",
                "<Size>",
                "5",
                "</Size>",
                "<Error>",
                "</Error>",
                "<Code>",
                "<UploadId>",
                "<!--",
                "-->",
                "<![CDATA[",
                "]]>",
                "<DeleteResult>",
                "</DeleteResult>",
                "<EncodingType>url</EncodingType>",
            ]
        )
        | st.text(max_size=3),
        max_size=25,
    )
)
def test_no_answer_is_too_strange(parts):
    """Whatever comes is read or is an error of ours, and never one of Python's."""
    data = "".join(parts).encode("utf-8", "surrogatepass")
    for read in (xml.read_page, xml.read_marked):
        for whole in (data, b"<ListBucketResult>" + data + b"</ListBucketResult>", marked(data.decode("latin-1"))):
            try:
                found = read(whole, "listing b")
            except ActionError:
                continue
            assert all(getattr(found, "keys", ()) or ["-"])
    for fault in xml.read_faults(data):
        assert isinstance(fault.code, str)
    xml.is_deletion(data)


@pytest.mark.parametrize("part", ["<Version>", "<Error>", "<Error ", "<Key>", "<LastModified> ", "<Size>1", "&#"])
def test_a_hostile_answer_takes_no_longer_than_it_is_long(part):
    """A million openings without an end: a search that began anew for each would hold the whole process."""
    data = f"<ListVersionsResult>{part * (4_000_000 // len(part))}</ListVersionsResult>".encode()
    began = time.process_time()
    for read in (xml.read_page, xml.read_marked):
        with contextlib.suppress(ActionError):
            read(data.replace(b"ListVersionsResult", b"ListBucketResult") if read is xml.read_page else data, "x")
    xml.read_faults(data)
    assert time.process_time() - began < 5


# Deleting.


def test_an_answer_of_a_deletion_may_hold_errors():
    """The status was 200 all the same; keys are as they are, and not URL-encoded."""
    data = (
        b'<?xml version="1.0"?><DeleteResult xmlns="x"><Error><Key>a%20b&amp;&#10;</Key><VersionId>v1</VersionId>'
        b"<Code>AccessDenied</Code><Message>no &lt;way&gt;</Message></Error>"
        b"<Deleted><Key>b</Key></Deleted><Error><Code>InternalError</Code><Key>c</Key></Error></DeleteResult>"
    )
    assert xml.is_deletion(data)
    one, two = xml.read_faults(data)
    assert (one.key, one.version, one.code, one.message) == ("a%20b&\n", "v1", "AccessDenied", "no <way>")
    assert (two.key, two.version, two.code, two.message) == ("c", "", "InternalError", "")


@pytest.mark.parametrize("data", [b"<DeleteResult/>", b"<DeleteResult xmlns='x'></DeleteResult>\n"])
def test_a_deletion_without_errors_is_one(data):
    """Which is all that a quiet one answers."""
    assert xml.is_deletion(data)
    assert xml.read_faults(data) == []


def test_a_deletions_answer_that_was_cut_off_is_none():
    """The errors that are missing would be taken for deletions."""
    data = b"<DeleteResult><Error><Key>a</Key><Code>SlowDown</Code></Error></DeleteResult>"
    assert not any(xml.is_deletion(data[:end]) for end in range(data.rindex(b"</")))


def test_an_error_that_does_not_end_is_one_all_the_same():
    """It says that something stayed."""
    found = xml.read_faults(b"<DeleteResult><Error><Key>a</Key><Code>SlowDown</Code></DeleteResult>")
    assert [(one.key, one.code) for one in found] == [("a", "SlowDown")]


def test_a_requests_error_tells_the_region_and_the_times():
    """What is needed to ask elsewhere, or to set a clock."""
    (one,) = xml.read_faults(
        b"<?xml version='1.0'?><Error><Code>RequestTimeTooSkewed</Code><Message>m</Message><Region>eu-west-1</Region>"
        b"<RequestTime>t1</RequestTime><ServerTime>t2</ServerTime><RequestId>r</RequestId></Error>"
    )
    assert (one.code, one.region) == ("RequestTimeTooSkewed", "eu-west-1")
    assert one.fields == {"RequestTime": "t1", "ServerTime": "t2"}


VICTIMS = WRITABLE | st.builds(Version, WRITABLE, st.text("abc<&.", min_size=1))


@settings(max_examples=60)
@given(st.lists(VICTIMS, min_size=1, max_size=6))
@example(["]]>", "&lt;", "\r\n", "\t", "<Key>", "</Key><Key>other", " a "])
@example([Version("a\r", "<&>")])
def test_what_a_deletion_sends_names_these_keys_and_no_others(victims):
    """As the standard library reads it, which also normalises what is not escaped."""
    root = ET.fromstring(xml.delete_document(victims))
    space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
    assert root.tag == f"{space}Delete"
    assert root.findtext(f"{space}Quiet") == "true"
    sent = [(one.findtext(f"{space}Key"), one.findtext(f"{space}VersionId")) for one in root.iter(f"{space}Object")]
    assert sent == [(one, None) if isinstance(one, str) else (one.key, one.id) for one in victims]


@given(st.characters())
def test_are_writable_is_what_another_reader_of_xml_takes(sign):
    """A key that it calls writable can be read back; of the others the documents would be refused."""
    try:
        read = ET.fromstring(f"<a>&#{ord(sign)};</a>").text
        sign.encode()
    except (ET.ParseError, UnicodeEncodeError):
        read = None
    # expat takes the two that XML leaves out at the end of its plane
    assert xml.are_writable(["a", sign]) == (read is not None and sign not in "\ufffe\uffff")


def test_one_key_that_cannot_be_written_is_enough():
    """Of a thousand."""
    assert xml.are_writable([])
    assert not xml.are_writable(["a"] * 999 + ["b\x00"])


@settings(max_examples=30)
@given(st.lists(WRITABLE, min_size=1, max_size=5))
def test_the_parts_of_an_upload_are_numbered_from_one(etags):
    """With their quotation marks."""
    root = ET.fromstring(xml.complete_document(etags))
    assert [(one.findtext("PartNumber"), one.findtext("ETag")) for one in root] == [
        (str(number), etag) for number, etag in enumerate(etags, 1)
    ]


# Single elements, and the order of keys.


def test_the_first_element_of_a_name_is_read():
    """With its entities; nothing where there is none, or where it holds more than text."""
    data = b"<R><UploadId>a&amp;b</UploadId><UploadId>c</UploadId><X><Y/></X></R>"
    assert xml.text_of(data, "UploadId") == "a&b"
    assert xml.text_of(data, "Upload") == xml.text_of(data, "X") == xml.text_of(data, "Z") == ""
    assert xml.text_of(b"<R><UploadId>cut o", "UploadId") == ""


def test_keys_are_in_the_order_of_their_bytes():
    """As a store sorts them, also those that are no UTF-8."""
    assert sorted([b"\xf0\x9f\x91\x8d", b"\xff", b"\xef\xbf\xbd", b"a"]) == [
        in_bytes(key) for key in sorted(["👍", "\udcff", "\ufffd", "a"], key=in_bytes)
    ]


def test_a_level_has_folders_and_keys_as_they_are():
    """With the token behind which there is more; one that lacks it is refused."""
    folders = "".join(f"<CommonPrefixes><Prefix>{one}</Prefix></CommonPrefixes>" for one in ("p/a%2Bb/", "p/%C3%A4/"))
    more = "<IsTruncated>true</IsTruncated>"
    token = "<NextContinuationToken>T&amp;</NextContinuationToken>"
    level = xml.read_level(listing(row("p/x"), folders, head=f"<Prefix>p/</Prefix>{URL}{more}{token}"), "listing")
    assert (level.folders, level.keys, level.token) == (["p/a+b/", "p/ä/"], ["p/x"], "T&")
    assert xml.read_level(listing(), "listing") == type(level)([], [], "")
    with pytest.raises(ActionError, match="how it goes on"):
        xml.read_level(listing(folders, head=more), "listing")
    with pytest.raises(ActionError):
        xml.read_level(b"<html></html>", "listing")

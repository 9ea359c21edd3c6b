"""What ship.syslog sends, and what it makes of a connection that says nothing."""

import re
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.settings import SettingsError, load
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.syslog import Syslog
from exitkit.testing import context, failed_workflow
from exitkit.testing.server import Scripted


class Server(Scripted):
    """Reads all that comes, one step for each connection."""

    def __init__(self, *steps, tls=False):
        super().__init__(steps, tls=tls, certificate="localhost")
        self.data = b""

    def serve(self, connection):
        if self.tls:
            connection.secure(self.context())
        self.next_step("a connection")(self, connection)


def read_all(server, connection):
    while piece := connection.reader.read1(65536):
        server.data += piece


def syslog(server, tmp_path, *names, **more):
    given = {"host": server.host, "port": server.port, "tls": server.tls, "from": list(names) or ["status"]}
    given |= {"ca_file": server.ca_file} if server.tls else {}
    return load(Syslog, {**given, "dead_letter": str(tmp_path / "dead"), **more}, {}, "X_")


MESSAGE = re.compile(r"<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) \[exitkit@(\d+) (.*?[^\\])\] (.*)", re.DOTALL)


def messages(data):
    """The frames, by the lengths that stand before them."""
    found, place = [], 0
    while place < len(data):
        space = data.index(b" ", place)
        end = space + 1 + int(data[place:space])
        found.append(data[space + 1 : end].decode())
        place = end
    return found


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text('2026-08-21T07:57:41.123456789Z say "ä" ]\\\nb\n')
    return str(tmp_path / "log")


def test_messages_are_framed_by_their_length_in_bytes(tmp_path, log):
    """Header, structured data with the id, and what was printed."""
    with Server(read_all) as server:
        result = syslog(server, tmp_path, log, facility="local3").run(context())
    assert result.facts["accepted"] == 2
    first, second = (MESSAGE.fullmatch(one) for one in messages(server.data))
    assert first[1] == str(8 * 19 + 6)
    assert first[2] == "2026-08-21T07:57:41.123456Z"
    assert (first[3], first[4], first[5], first[6], first[7]) == (
        failed_workflow().name,
        "exitkit",
        "-",
        "log",
        "32473",
    )
    assert re.match(r'id="[a-z2-7]{26}" workflow="', first[8])
    assert first[9] == '2026-08-21T07:57:41.123456789Z say "ä" ]\\'
    assert second[9] == "b"


def test_a_message_may_have_several_lines(tmp_path):
    """Or spaces in their place."""
    chunk = Chunk("x", ["i" * 26], [0], ["a\nb\n\nc"])
    (kept,) = Syslog(host="h").encode(chunk)
    (flat,) = Syslog(host="h", newlines=False).encode(chunk)
    assert kept.endswith("] a\nb\n\nc")
    assert flat.endswith("] a b  c")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=100), st.text(max_size=30))
def test_whatever_is_in_it_the_frame_is_whole(message, name):
    """Lengths are those of the bytes, and values cannot end the structured data."""
    made = Syslog(host="h")
    chunk = Chunk("x", ["i" * 26] * 2, [0, 1], [message, "end"], attributes={"workflow": name, "pod": name})
    data = "".join(made.encode(chunk)).encode("utf-8", "backslashreplace")
    first, last = messages(data)
    assert last.endswith("] end")
    assert first.count("\n") <= message.count("\n")


def test_what_is_too_long_is_cut_and_says_so(tmp_path):
    """At a whole character, within the size."""
    (item,) = Syslog(host="h", max_message=2048).encode(Chunk("x", ["i" * 26], [0], ["ä" * 5000]))
    (message,) = messages(item.encode())
    assert len(message.encode()) <= 2048
    assert message.endswith("ä… (cut)")


def test_over_tls_the_certificate_is_checked(tmp_path, log):
    """One for another host is refused, and not tried again."""
    with Server(read_all, tls=True) as server:
        assert syslog(server, tmp_path, log).run(context()).facts["accepted"] == 2
    with Server(read_all, tls=True) as server:
        other = syslog(server, tmp_path, log, ca_file=None)
        server._steps.clear()
        with pytest.raises(ActionError, match="certificate"):
            other.run(context())


def test_no_server_is_worth_another_try(tmp_path, log):
    """Nothing was sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = load(Syslog, {"host": "127.0.0.1", "port": port, "tls": False, "from": [log], "dead_letter": ""}, {}, "X_")
    with pytest.raises(Exhausted, match="2 of 2 records left"):
        made.run(context())


def test_a_connection_that_breaks_leaves_all_of_it_in_doubt(tmp_path):
    """Nothing is sent twice."""
    (tmp_path / "log").write_text(("x" * 1000 + "\n") * 20_000)
    began = threading.Event()

    def broken(server, connection):
        connection.reader.read(100_000)
        began.set()
        connection.reset()

    with Server(broken, *[read_all] * 30) as server:
        with pytest.raises(Unknown, match="may not have arrived") as told:
            syslog(server, tmp_path, str(tmp_path / "log")).run(context())
        server._steps.clear()
    facts = told.value.facts
    assert facts["unknown"] > 0
    assert facts["accepted"] + facts["unknown"] == facts["read"] == 20_000
    arrived = [re.search(r'id="([a-z2-7]{26})"', one)[1] for one in messages(server.data)]
    assert len(set(arrived)) == len(arrived) == facts["accepted"], "what came over a whole connection, and none twice"


def test_the_end_is_waited_for(tmp_path, log):
    """Until the server has read all and closes too; a reset then is doubt."""

    def reset_at_end(server, connection):
        connection.reader.read(10)
        connection.reset()

    with Server(reset_at_end) as server, pytest.raises(Unknown):
        syslog(server, tmp_path, log).run(context())


@pytest.mark.parametrize(
    "more",
    [
        {"host": "http://x"},
        {"host": ""},
        {"facility": "mail2"},
        {"app_name": "a b"},
        {"max_message": 100},
        {"tls": False, "ca_file": "/x"},
        {"client_key": "/x"},
        {"port": 70000},
    ],
)
def test_settings_that_cannot_be(more):
    """Before anything runs."""
    with pytest.raises(SettingsError):
        load(Syslog, {"host": "h", **more}, {}, "X_")


def test_what_accepted_means_is_said(tmp_path, log):
    """Syslog acknowledges nothing, so it is what the server had read when it ended the connection."""
    with Server(read_all) as server:
        result = syslog(server, tmp_path, log).run(context())
    assert result.facts["accepted"] == 2
    assert result.notes == (
        "syslog acknowledges nothing: accepted is what the server had read when it ended the connection",
    )


def test_a_server_that_never_closes_has_at_least_received_it(tmp_path, log):
    """As far as TCP can tell; and the note says that this is all."""
    release = threading.Event()

    def keeps_open(server, connection):
        connection.reader.read1(65536)
        release.wait(30)

    with Server(keeps_open) as server:
        try:
            result = syslog(server, tmp_path, log, close_wait=0.05).run(context())
        finally:
            release.set()
    assert "the server's machine has received" in result.notes[0]


def test_lines_frame_messages_where_the_server_does_not_count(tmp_path):
    """RFC 6587, 3.4.2: a line feed ends each, so that none may be inside."""
    made = Syslog(host="h", tls=False, framing="newline")
    chunk = Chunk("a", ["i" * 26, "j" * 26], [0, 1], ["two\nlines", ""])
    first, second = made.encode(chunk)
    assert first.endswith("] two lines\n")
    assert second.endswith('"]\n'), "nothing follows the structured data of an empty message"
    assert first.count("\n") == second.count("\n") == 1
    with Server(read_all) as server:
        (tmp_path / "log").write_text("a\n\nb\n")
        syslog(server, tmp_path, str(tmp_path / "log"), framing="newline").run(context())
    assert len(server.data.splitlines()) == 3
    assert all(
        MESSAGE.fullmatch(line + (" " if line.endswith("]") else "")) for line in server.data.decode().splitlines()
    )


def test_a_long_line_is_split_and_not_cut(tmp_path):
    """All of it arrives, in parts that fit."""
    (tmp_path / "log").write_text("x" * 30_000 + "\n")
    with Server(read_all) as server:
        syslog(server, tmp_path, str(tmp_path / "log")).run(context())
    found = messages(server.data)
    assert max(len(one.encode()) for one in found) <= 8192
    assert "".join(one.rpartition("] ")[2] for one in found) == "x" * 30_000

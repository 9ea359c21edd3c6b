"""What ship.http posts."""

import gzip
import json
import ssl

import pytest

from exitkit.errors import ActionError, Unknown
from exitkit.settings import SettingsError, load
from exitkit.ship.http import HTTP
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.certificates import certificate_file
from exitkit.testing.http import answer, reset


def http(server, tmp_path, *names, **more):
    given = {
        "url": f"{server.url}/in?x=y",
        "from": list(names) or ["status"],
        "dead_letter": str(tmp_path / "dead"),
        **more,
    }
    return load(HTTP, given, {}, "X_")


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text('2026-08-21T07:57:41.123456789Z say "ä"\nb\nc\n')
    return str(tmp_path / "log")


def body(request):
    return gzip.decompress(request.body).decode()


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("ndjson", lambda text: [json.loads(line) for line in text.splitlines()]),
        ("array", json.loads),
        ("concatenated", lambda text: json.loads(f"[{text.replace('}{', '},{')}]")),
    ],
)
def test_each_form_holds_the_same_records(tmp_path, log, form, read):
    """Lines, an array, or one after the other."""
    with ScriptedHTTP([answer(200)]) as server:
        http(server, tmp_path, log, format=form).run(context())
    (request,) = server.requests
    assert request.path == "/in?x=y"
    found = read(body(request))
    assert [one["message"] for one in found] == ['2026-08-21T07:57:41.123456789Z say "ä"', "b", "c"]
    assert found[0]["time"] == "2026-08-21T07:57:41.123456789Z"
    assert len({one["id"] for one in found}) == 3


@pytest.mark.parametrize(("form", "value"), [("unix_ns", 1787299061123456789), ("unix_ms", 1787299061123)])
def test_names_and_times_as_the_endpoint_wants_them(tmp_path, log, form, value):
    """Fields of one's own."""
    more = {"time_field": "_time", "message_field": "_msg", "id_field": "_id", "time_format": form}
    with ScriptedHTTP([answer(200)]) as server:
        http(server, tmp_path, log, **more).run(context())
    first = json.loads(body(server.requests[0]).splitlines()[0])
    assert first["_time"] == value
    assert {"_msg", "_id"} <= set(first)


def test_the_same_records_have_the_same_key(tmp_path, log):
    """In every run, for who keeps count of keys."""
    with ScriptedHTTP([answer(200)] * 3) as server:
        for names in ([log], [log], ["status"]):
            http(server, tmp_path, *names).run(context())
    first, second, third = (one.headers["idempotency-key"] for one in server.requests)
    assert first == second != third


def test_batches_are_as_small_as_asked(tmp_path, log):
    """By records and bytes."""
    with ScriptedHTTP([answer(200)] * 2) as server:
        http(server, tmp_path, log, batch_records=2).run(context())


def test_what_may_have_arrived_is_sent_again_only_if_that_is_safe(tmp_path, log):
    """The endpoint's owner knows."""
    with ScriptedHTTP([reset()]) as server, pytest.raises(Unknown):
        http(server, tmp_path, log).run(context())
    with ScriptedHTTP([reset(), answer(200)]) as server:
        http(server, tmp_path, log, idempotent=True).run(context())


@pytest.mark.parametrize("status", [400, 422])
def test_what_is_refused_is_kept(tmp_path, log, status):
    """By itself, after the batch was refused with it: three of three take five requests."""
    with ScriptedHTTP([answer(status, b"bad")] * 5) as server, pytest.raises(ActionError) as told:
        http(server, tmp_path, log).run(context())
    assert told.value.facts["deadLetters"] == 3


def test_success_is_what_is_said_to_be(tmp_path, log):
    """A list of statuses; one that is not in it is none."""
    with ScriptedHTTP([answer(204)]) as server:
        http(server, tmp_path, log, ok=[204]).run(context())
    with ScriptedHTTP([answer(200)]) as server, pytest.raises(ActionError):
        http(server, tmp_path, log, ok=[204]).run(context())


@pytest.mark.parametrize("more", [{"ok": [99]}, {"batch_bytes": 10}, {"batch_bytes": "1Gi"}, {"batch_records": 0}])
def test_settings_that_cannot_be(more):
    """Before anything runs."""
    with pytest.raises(SettingsError):
        load(HTTP, {"url": "http://x", **more}, {}, "X_")


def test_a_page_for_people_is_no_success(tmp_path, log):
    """A login before the endpoint answers 200, and stores nothing."""
    with ScriptedHTTP([answer(200, b"<!doctype html><title>Sign in</title>")]) as server:
        with pytest.raises(ActionError, match="page for people") as told:
            http(server, tmp_path, log).run(context())
    assert told.value.facts["accepted"] == 0


class Picky(ScriptedHTTP):
    """Takes only who shows the certificate of the tests."""

    def context(self):
        context = super().context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 it is a matter of chance when it says so
        context.load_verify_locations(certificate_file())
        return context


def test_a_certificate_tells_who_ships(tmp_path):
    """As every HTTP target of ship takes one; without it such a server takes nothing, and all is left."""
    with Picky([answer(200)], tls=True) as server:
        who = {"ca_file": server.ca_file, "client_cert": certificate_file()}
        assert http(server, tmp_path, "status", **who).run(context()).facts["left"] == 0
        with pytest.raises(ActionError, match="client certificate") as told:
            http(server, tmp_path, "status", ca_file=server.ca_file).run(context())
    assert told.value.reason == "auth"
    assert told.value.facts["accepted"] == 0

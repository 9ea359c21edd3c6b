"""What ship.gcs keeps, and that it keeps it once."""

import gzip
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from exitkit.errors import ActionError
from exitkit.settings import SettingsError, load
from exitkit.ship.gcs import GCS
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer, answer_json


def gcs(server, tmp_path, *names, **more):
    given = {
        "bucket": "logs",
        "prefix": "runs/w/",
        "from": list(names) or ["status"],
        "dead_letter": str(tmp_path / "dead"),
    }
    return load(GCS, {**given, "endpoint_url": server.url, "anonymous": True, "concurrency": 1, **more}, {}, "X_")


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text("a\nb\n")
    return str(tmp_path / "log")


def written():
    """What Google answers to an upload."""

    def play(exchange):
        found = parse_qs(urlsplit(exchange.read().path).query)
        answer_json({"kind": "storage#object", "name": found["name"][0], "generation": "1"})(exchange)

    return play


def query(request):
    return {name: one[0] for name, one in parse_qs(urlsplit(request.path).query).items()}


def test_each_batch_is_an_object_and_the_manifest_lists_them(tmp_path, log):
    """Only if there is none of the name; the manifest is always written."""
    with ScriptedHTTP([written()] * 2) as server:
        assert gcs(server, tmp_path, log).run(context()).facts["accepted"] == 2
    first, last = server.requests
    assert urlsplit(first.path).path == "/upload/storage/v1/b/logs/o"
    asked = query(first)
    assert (asked["uploadType"], asked["ifGenerationMatch"]) == ("media", "0")
    assert asked["name"].startswith("runs/w/")
    assert [json.loads(line)["message"] for line in gzip.decompress(first.body).splitlines()] == ["a", "b"]
    assert query(last) == {"uploadType": "media", "name": "runs/w/manifest.json"}
    assert json.loads(last.body)["objects"][0]["key"] == asked["name"]


def test_what_is_there_is_a_duplicate(tmp_path, log):
    """412 says so; the names are those of the first run."""
    with ScriptedHTTP([written(), written(), answer(412, b"{}"), written()]) as server:
        gcs(server, tmp_path, log).run(context())
        assert gcs(server, tmp_path, log).run(context()).duplicate
    assert query(server.requests[0]) == query(server.requests[2])
    assert server.requests[0].body == server.requests[2].body


def test_who_may_not_write_is_told(tmp_path, log):
    """With Google's word for it."""
    with ScriptedHTTP([answer_json({"error": {"message": "no permission"}}, 403)]) as server:
        with pytest.raises(ActionError, match="no permission") as told:
            gcs(server, tmp_path, log).run(context())
    assert told.value.facts["left"] == 2


def test_a_page_of_html_is_no_object(tmp_path, log):
    """What answers 200 to everything keeps nothing, and is not told as accepted."""
    portal = answer(200, "<html>guest network</html>")
    with (
        ScriptedHTTP([portal] * 5) as server,
        pytest.raises(ActionError, match="is this Google Cloud Storage") as caught,
    ):
        gcs(server, tmp_path, log).run(context())
    assert caught.value.facts["accepted"] == 0


@pytest.mark.parametrize("more", [{"prefix": ""}, {"prefix": "a"}, {"bucket": "gs://x"}])
def test_places_that_cannot_be(tmp_path, more):
    """As a template leaves them."""
    with ScriptedHTTP() as server, pytest.raises(SettingsError):
        gcs(server, tmp_path, **more)

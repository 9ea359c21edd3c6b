"""What the targets of ship refuse, by their real servers: what the report says was accepted is what the server has."""

import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from . import recording


class Bulk:
    """A running OpenSearch or Elasticsearch; its messages are those of the case's index."""

    def __init__(self, url):
        self.base = url

    def url(self, case):
        return self.base

    def send(self, method, path, body=None):
        return recording.send(self.base, method, path, body)

    def messages(self, case):
        index = case["settings"]["index"]
        try:
            self.send("POST", f"/{index}/_refresh")
            found = self.send("POST", f"/{index}/_search", {"size": 10_000, "_source": ["message"]})
        except urllib.error.HTTPError as error:
            assert error.code in (400, 403, 404)
            return []
        return [hit["_source"]["message"] for hit in found["hits"]["hits"]]

    def all_messages(self, index):
        """More than a page of them."""
        self.send("POST", f"/{index}/_refresh")
        page = self.send("POST", f"/{index}/_search?scroll=1m", {"size": 10_000, "_source": ["message"]})
        while hits := page["hits"]["hits"]:
            yield from (hit["_source"]["message"] for hit in hits)
            page = self.send("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})


@pytest.fixture(scope="session")
def opensearch(program, serve, free_port, tmp_path_factory):
    """OpenSearch with one node, which takes 200 KiB at a time."""
    folder, port = tmp_path_factory.mktemp("opensearch"), free_port()
    home = Path(os.environ.get("XDG_CACHE_HOME", "/nowhere")) / "opensearch"
    if not (home / "bin" / "opensearch").is_file():
        pytest.skip("OpenSearch is not there: Maven brings it, by .ci/prepare-integration")
    java = Path(program("java")).resolve().parents[1]
    shutil.copytree(home / "config", folder / "config")
    (folder / "config" / "opensearch.yml").write_text(
        f"discovery.type: single-node\nnetwork.host: 127.0.0.1\nhttp.port: {port}\ntransport.port: {free_port()}\n"
        f"path.data: {folder}/data\npath.logs: {folder}/logs\nhttp.max_content_length: 200kb\n"
    )
    # Without JNA it does not know that root runs it, which it refuses to be.
    options = {
        "OPENSEARCH_JAVA_OPTS": "-Xms256m -Xmx256m -Djna.nounpack=true",
        "OPENSEARCH_PATH_CONF": f"{folder}/config",
    }
    options["OPENSEARCH_JAVA_HOME"] = str(java)
    serve([str(home / "bin" / "opensearch")], port, seconds=120, env={**os.environ, **options})
    return Bulk(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def elasticsearch():
    """An Elasticsearch that somebody has started, so that its answers can be recorded."""
    if "ELASTICSEARCH" not in os.environ:
        pytest.skip("the variable ELASTICSEARCH names no server: its recorded answers have to do")
    return Bulk(os.environ["ELASTICSEARCH"])


SERVERS = {"opensearch-2.19": "opensearch", "elasticsearch-7.0": "elasticsearch", "collector-0.165": "collector"}


@pytest.mark.parametrize("case", [case for name in SERVERS for case in recording.cases(name)], ids=recording.name_of)
def test_the_server_has_what_is_told(request, tmp_path, case):
    """Each kind of refusal, with the answers that are recorded."""
    recording.check(case, request.getfixturevalue(SERVERS[case["server"]]), tmp_path)


def test_a_long_log_is_in_opensearch_but_for_what_it_cannot_take(opensearch, tmp_path):
    """50,281 records, of which six are of another type: each of the others is there once."""
    lines = [f"{n}" if n % 10_000 != 17 else f"no number {n}" for n in range(50_281)]
    case = {"what": "a long log", "action": "ship.elasticsearch", "settings": {"index": "long"}}
    opensearch.send("PUT", "/long", {"mappings": {"properties": {"message": {"type": "integer"}}}})
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
    facts = recording.ship({**case, "seconds": 120}, opensearch.base, tmp_path)
    found = sorted(map(int, opensearch.all_messages("long")))
    assert found == [n for n in range(50_281) if n % 10_000 != 17]
    assert (facts["accepted"], facts["rejected"], facts["deadLetters"]) == (len(found), 6, 6)


def test_a_long_log_is_with_a_collector_but_for_what_it_cannot_take(collector, tmp_path):
    """50,281 records to one that takes 40,000 bytes at a time, and two of 50,000: it has 50,279, each once."""
    lines = [f"number {n}" if n not in (7, 40_000) else f"number {n} " + "x" * 50_000 for n in range(50_281)]
    case = {"what": "a long log", "action": "ship.otlp", "door": "small", "settings": {"gzip": False}, "seconds": 120}
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
    facts = recording.ship(case, collector.url(case), tmp_path)
    found = sorted(int(message.split()[1]) for message in collector.messages(case))
    assert found == [n for n in range(50_281) if n not in (7, 40_000)]
    assert (facts["accepted"], facts["rejected"], facts["deadLetters"]) == (50_279, 2, 2)

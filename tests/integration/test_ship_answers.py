"""What the targets of ship refuse, by their real servers: what the report says was accepted is what the server has."""

import json
import os
import urllib.request

import pytest

from . import recording


class OpenSearch:
    """A running one; its messages are those of the case's index."""

    def __init__(self, url):
        self.url = url

    def send(self, method, path, body=None):
        return recording.send(self.url, method, path, body)

    def messages(self, case):
        index = case["settings"]["index"]
        try:
            self.send("POST", f"/{index}/_refresh")
            found = self.send("POST", f"/{index}/_search", {"size": 10_000, "_source": ["message"]})
        except urllib.error.HTTPError as error:
            assert error.code in (400, 403, 404)
            return []
        return [hit["_source"]["message"] for hit in found["hits"]["hits"]]


@pytest.fixture(scope="session")
def opensearch():
    return OpenSearch(os.environ["OPENSEARCH"])


@pytest.mark.parametrize("case", recording.cases("opensearch-2.19"), ids=lambda case: case["what"])
def test_opensearch_has_what_is_told(opensearch, tmp_path, case):
    """Each kind of refusal of _bulk."""
    recording.check(case, opensearch, tmp_path)

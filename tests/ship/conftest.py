"""The services that logs are shipped to, on loopback: each holds its documented limits, keeps what it takes, and fails to order.

    def test_it(loki, clock, tmp_path):
        loki.next(429, {"Retry-After": "3"})
        Loki(url=loki.url, ...).run(context(clock=clock))
        assert [one["message"] for one in loki.records] == ["a", "b"]

They live on `clock`, so that what waits with the same clock is what a service sees pass.
"""

import contextlib

import pytest

from exitkit.testing import FakeClock

from .services.bulk import BulkServer
from .services.cloudwatch import CloudWatchServer
from .services.datadog import DatadogServer
from .services.elasticsearch import ElasticsearchServer
from .services.gcplogging import GCPLoggingServer
from .services.loki import LokiServer
from .services.otlp import OTLPServer
from .services.splunk import SplunkServer


@contextlib.contextmanager
def running(server):
    with server:
        yield server
    assert server.complaints == [], "a service would take this, and nobody should send it"


@pytest.fixture
def clock():
    """The time of all services of a test."""
    return FakeClock()


@pytest.fixture
def loki(clock):
    """Grafana Loki: see LokiServer."""
    with running(LokiServer(clock)) as server:
        yield server


@pytest.fixture
def elasticsearch(clock):
    """Elasticsearch: see ElasticsearchServer."""
    with running(ElasticsearchServer(clock)) as server:
        yield server


@pytest.fixture
def splunk(clock):
    """Splunk's HTTP Event Collector: see SplunkServer."""
    with running(SplunkServer(clock)) as server:
        yield server


@pytest.fixture
def otlp(clock):
    """An OpenTelemetry collector: see OTLPServer."""
    with running(OTLPServer(clock)) as server:
        yield server


@pytest.fixture
def datadog(clock):
    """Datadog's intake: see DatadogServer."""
    with running(DatadogServer(clock)) as server:
        yield server


@pytest.fixture
def cloudwatch(clock):
    """Amazon CloudWatch Logs: see CloudWatchServer."""
    with running(CloudWatchServer(clock)) as server:
        yield server


@pytest.fixture
def gcplogging(clock):
    """Google Cloud Logging: see GCPLoggingServer."""
    with running(GCPLoggingServer(clock)) as server:
        yield server


@pytest.fixture
def bulk_http(clock):
    """An endpoint that takes JSON: see BulkServer."""
    with running(BulkServer(clock)) as server:
        yield server

"""Gauges as OpenTelemetry's metrics: opentelemetry/proto/metrics/v1/metrics.proto."""

from collections.abc import Iterable, Mapping

from exitkit.clients.otlp import protobuf
from exitkit.clients.otlp.attributes import attributes
from exitkit.process.metrics.families import Family


def request(families: Iterable[Family], resource: Mapping[str, str], nanoseconds: int) -> bytes:
    """An ExportMetricsServiceRequest. `resource` has our labels, of which OpenTelemetry has a name for one."""
    named = {"k8s.namespace.name" if name == "namespace" else name: value for name, value in resource.items()}
    metrics = b"".join(protobuf.nested(2, _metric(family, nanoseconds)) for family in families)
    scope = protobuf.nested(1, protobuf.text(1, "exitkit"))
    whole = protobuf.nested(1, attributes(1, named)) + protobuf.nested(2, scope + metrics)
    return protobuf.nested(1, whole)


def _metric(family: Family, nanoseconds: int) -> bytes:
    points = b"".join(
        protobuf.nested(1, attributes(7, labels) + protobuf.fixed(3, nanoseconds) + protobuf.double(4, value))
        for labels, value in family.samples
    )
    unit = "s" if family.name.endswith("_seconds") else "By.s" if family.name.endswith("_byte_seconds") else "1"
    said = protobuf.text(1, family.name) + protobuf.text(2, family.help) + protobuf.text(3, unit)
    return said + protobuf.nested(5, points)

"""OpenTelemetry's collector, as a test plays it."""

from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from .intake import MB, Intake, Reply, media_type, said_by


class OTLPServer(Intake):
    """POST /v1/logs with protobuf, as https://opentelemetry.io/docs/specs/otlp/ has it, read by OpenTelemetry's own classes.

    What a reader has to ignore, such as a field whose number it does not know, is a complaint, and so are bytes that
    no other writer would have made of the same.
    """

    most_bytes = 20 * MB  # max_request_body_size of the collector's confighttp
    warning = ""  # told beside a success that lacks nothing
    credentials = None

    def take(self, got):
        if urlsplit(got.path).path != "/v1/logs":
            raise Reply(404, b"404 page not found\n")
        if got.method != "POST":
            raise Reply(405, b"405 method not allowed, supported: [POST]")
        if self.credentials is not None and got.headers.get("authorization") != self.credentials:
            raise Reply(401, b"401 Unauthorized")
        if media_type(got) != "application/x-protobuf":  # a collector takes JSON too, and others do not
            raise Reply(415, b"415 unsupported media type, supported: [application/x-protobuf]")
        try:
            request = ExportLogsServiceRequest.FromString(got.body)
            rejected = self._resources(request)
        except (DecodeError, ValueError) as error:
            raise self._said(400, Status(code=3, message=f"{error}")) from None
        if request.SerializeToString() != got.body:
            self.complaints.append("the same is written otherwise by others")
        answer = ExportLogsServiceResponse()
        if rejected:
            answer.partial_success.rejected_log_records = rejected
            answer.partial_success.error_message = "the test has refused some of them"
        elif self.warning:
            answer.partial_success.error_message = self.warning
        return self._said(200, answer)

    def apology(self, status):
        code = {429: 8, 503: 14, 504: 4, 400: 3, 401: 16}.get(status, 2)
        return Status(code=code, message=f"ordered {status}").SerializeToString()

    def _said(self, status, message):
        return Reply(status, message.SerializeToString(), {"Content-Type": "application/x-protobuf"})

    def _resources(self, request):
        """Read all of it, and then store; the number of those that are refused."""
        known = ExportLogsServiceRequest()
        known.CopyFrom(request)
        known.DiscardUnknownFields()
        if known != request:
            self.complaints.append("OTLP has no field of some number that was there")
        found = []
        for resource in request.resource_logs:
            labels = self._attributes(resource.resource.attributes)
            for scope in resource.scope_logs:
                found += [(labels, scope.scope.name, *self._record(one)) for one in scope.log_records]
        rejected = 0
        for labels, scope, time, body, attributes, more in found:
            if self.is_refused(said_by(body)):
                rejected += 1
            else:
                uid = attributes.get("log.record.uid")
                self.keep(uid, time, said_by(body), labels, attributes, scope=scope, **more)
        return rejected

    def _record(self, one):
        if not 0 <= one.severity_number <= 24:
            raise ValueError(f"no severity has the number {one.severity_number}")
        for name, length in (("trace_id", 16), ("span_id", 8)):
            if len(getattr(one, name)) not in (0, length):
                raise ValueError(f"{name} has {length} bytes")
        more = {"severity": one.severity_number, "severity_text": one.severity_text}
        body, attributes = self._value(one.body), self._attributes(one.attributes)
        return one.time_unix_nano or one.observed_time_unix_nano, body, attributes, more

    def _attributes(self, pairs):
        found = {}
        for one in pairs:
            if one.key in found:
                self.complaints.append(f"the attribute {one.key} is there twice, which OTLP forbids")
            found[one.key] = self._value(one.value)
        return found

    def _value(self, value):
        kind = value.WhichOneof("value")
        if kind == "array_value":
            return [self._value(one) for one in value.array_value.values]
        if kind == "kvlist_value":
            return self._attributes(value.kvlist_value.values)
        return getattr(value, kind) if kind else None

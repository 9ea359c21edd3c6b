"""Prometheus, or what speaks its language, asked for the peaks of a step's pods: one range query a step.

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries; the metrics are cAdvisor's, as kubelets give them.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from pydantic import BaseModel, Field, SecretStr, field_validator

from exitkit.argo.record import WorkflowRecord, loose
from exitkit.clients import http
from exitkit.clients.http import check_url
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.errors import ActionError, ExitkitError
from exitkit.process.spans import Spans
from exitkit.process.usage import CPU, MEMORY, Peak, Pods, StepUsage, measured
from exitkit.process.usage.advice import MARGIN, Advice, advise
from exitkit.settings.fields import ADDRESS, as_value_error

_MOST: Final = 16 << 20  # bytes of an answer: 200 pods of some containers, 250 points each
_POINTS: Final = 250
_LEAST: Final = 30  # seconds between points
_RATE: Final = 120  # seconds of a rate, which takes two samples; they are scraped each 15 to 60 s
_AFTER: Final = 60.0  # seconds by which a last scrape may come after Argo's end of a pod
_WHAT: Final = "asking Prometheus for what pods used"


class Watched(BaseModel):
    """Where it is known what pods used."""

    prometheus: Annotated[str, ADDRESS] = Field(
        "",
        description="Address of a Prometheus that has the kubelets' metrics, or of what answers as it does, to tell what "
        "steps asked for and used, and what they should ask for.",
    )
    prometheus_bearer: SecretStr | None = Field(None, description="A token for it.")
    prometheus_ca_file: Path | None = Field(None, description="The authorities that its certificate is checked with.")
    margin: float = Field(
        MARGIN, ge=0, le=10, description="Part of a step's peak that what is suggested leaves free above it."
    )

    @field_validator("prometheus")
    @classmethod
    def _prometheus_is_an_address(cls, url: str) -> str:
        if url:
            with as_value_error():
                check_url(url)
            if "@" in url.partition("://")[2].partition("/")[0]:
                raise ValueError("holds a name or password, which would be told: give prometheus_bearer")
        return url.rstrip("/")

    def usage_of(self, record: WorkflowRecord, spans: Spans, context: Context) -> tuple[StepUsage, ...]:
        """What its steps asked for and used. Raises ActionError and its kinds."""
        if not self.prometheus or not spans:
            return ()
        namespace = record.namespace or context.workflow.namespace
        authorities = str(self.prometheus_ca_file) if self.prometheus_ca_file else None
        with http.Client(ca_file=authorities, connections=1) as client:
            return measured(record, spans, partial(self._asked, client, context, namespace))

    def advices(self, record: WorkflowRecord | None, spans: Spans, context: Context) -> tuple[tuple[Advice, ...], str]:
        """What each step should ask for, and why that is not known; it fails nothing."""
        try:
            usages = self.usage_of(record, spans, context) if record else ()
        except ExitkitError as error:
            return (), unknown(error)
        return tuple(advise(usage, self.margin) for usage in usages), ""

    def _asked(self, client: http.Client, context: Context, namespace: str, pods: Pods) -> Iterator[Peak]:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.prometheus_bearer is not None:
            headers["Authorization"] = f"Bearer {self.prometheus_bearer.get_secret_value()}"
        body = urlencode(query(namespace, pods)).encode()
        url = f"{self.prometheus}/api/v1/query_range"
        ask = partial(client.request, "POST", url, what=_WHAT, headers=headers, body=body, limit=_MOST, idempotent=True)
        answer = context.retry(lambda: http.check(ask(), _WHAT, idempotent=True), safe=True)
        return peaks(answer.json(), place(self.prometheus))


def unknown(error: ExitkitError) -> str:
    """A note."""
    return f"what pods used is not known: {error}"


def query(namespace: str, pods: Pods) -> Mapping[str, str]:
    """The range query: of each container the most memory and CPU, in points that leave no sample out."""
    start, end = math.floor(pods.start), math.ceil(pods.end + _AFTER)
    step = max(_LEAST, math.ceil((end - start) / _POINTS))
    names = "|".join(re.escape(name).replace("\\-", "-") for name in pods.names)
    chosen = f"namespace={_quoted(namespace)}," if namespace else ""
    chosen = f'{{{chosen}pod=~{_quoted(names)},container="main"}}'
    memory = f"max_over_time(container_memory_working_set_bytes{chosen}[{step}s])"
    cpu = f"rate(container_cpu_usage_seconds_total{chosen}[{max(_RATE, step)}s])"
    each = [
        f'label_replace(max by (pod, container) ({expression}), "resource", "{name}", "pod", ".*")'
        for name, expression in ((MEMORY, memory), (CPU, cpu))
    ]
    return {"query": " or ".join(each), "start": str(start), "end": str(end), "step": str(step)}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def peaks(answer: Any, host: str) -> Iterator[Peak]:
    """What an answer says. Raises ActionError for one that is none of Prometheus'."""
    whole = loose.mapping(answer)
    data = loose.mapping(whole.get("data"))
    if whole.get("status") != "success" or data.get("resultType") != "matrix":
        problem = loose.text(whole, "error")[:200] or "its answer is no matrix"
        raise ActionError(f"{_WHAT}: {host} does not answer as Prometheus does: {problem}", reason="server")
    for series in loose.mappings(data.get("result")):
        labels = loose.words(series.get("metric"))
        values = [value for point in series.get("values") or () if (value := _value(point)) is not None]
        if values and labels.get("resource") in (MEMORY, CPU):
            yield Peak(labels.get("pod", ""), labels.get("container", ""), labels["resource"], max(values))


def _value(point: object) -> float | None:
    """Of `[1795748430, "3221225472"]`; NaN and the like count for nothing."""
    if not isinstance(point, list) or len(point) != 2:
        return None
    try:
        value = float(point[1])
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value >= 0 else None

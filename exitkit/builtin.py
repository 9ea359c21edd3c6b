"""The table of built-in actions: dotted name, where its class is, and the extra it needs."""

from types import MappingProxyType
from typing import NamedTuple


class Builtin(NamedTuple):
    """Where an action's class is, and the extra to install for it."""

    where: str
    extra: str = ""


BUILTIN = MappingProxyType(
    {
        "cleanup.files": Builtin("exitkit.cleanup.files:Files"),
        "cleanup.gcs": Builtin("exitkit.cleanup.gcs:GCS", "gcp"),
        "cleanup.kubernetes": Builtin("exitkit.cleanup.kubernetes:Kubernetes"),
        "cleanup.s3": Builtin("exitkit.cleanup.s3:S3", "aws"),
        "cleanup.sql": Builtin("exitkit.cleanup.sql:SQL", "sql"),
        "notify.console": Builtin("exitkit.notify.console:Console"),
        "notify.email": Builtin("exitkit.notify.email:Email"),
        "notify.slack": Builtin("exitkit.notify.slack:Slack"),
        "notify.webhook": Builtin("exitkit.notify.webhook:Webhook"),
        "process.history": Builtin("exitkit.process.history:History"),
        "process.leftovers": Builtin("exitkit.process.leftovers:Leftovers"),
        "process.lineage": Builtin("exitkit.process.lineage:Lineage"),
        "process.metrics": Builtin("exitkit.process.metrics:Metrics"),
        "process.query": Builtin("exitkit.process.query:Query", "query"),
        "process.report": Builtin("exitkit.process.report:Report"),
        "process.trace": Builtin("exitkit.process.trace:Trace"),
        "ship.cloudwatch": Builtin("exitkit.ship.cloudwatch:Cloudwatch", "aws"),
        "ship.datadog": Builtin("exitkit.ship.datadog:Datadog"),
        "ship.elasticsearch": Builtin("exitkit.ship.elasticsearch:Elasticsearch"),
        "ship.file": Builtin("exitkit.ship.file:File"),
        "ship.gcplogging": Builtin("exitkit.ship.gcplogging:Gcplogging", "gcp"),
        "ship.gcs": Builtin("exitkit.ship.gcs:GCS", "gcp"),
        "ship.http": Builtin("exitkit.ship.http:HTTP"),
        "ship.loki": Builtin("exitkit.ship.loki:Loki"),
        "ship.otlp": Builtin("exitkit.ship.otlp:OTLP"),
        "ship.s3": Builtin("exitkit.ship.s3:S3", "aws"),
        "ship.splunk": Builtin("exitkit.ship.splunk:Splunk"),
        "ship.syslog": Builtin("exitkit.ship.syslog:Syslog"),
    }
)
"""The order is the alphabet's."""

KINDS = MappingProxyType(
    {
        "notify": "Tell people how the workflow ended.",
        "cleanup": "Remove what the workflow left behind.",
        "ship": "Send status, failures and logs to a central place.",
        "process": "Make reports and metrics of the finished workflow.",
    }
)
"""What each kind is for, in the order in which people read them."""

"""The table of built-in actions: dotted name, where its class is, and the extra it needs."""

from types import MappingProxyType
from typing import NamedTuple


class Builtin(NamedTuple):
    """Where an action's class is, and the extra to install for it."""

    where: str
    extra: str = ""


BUILTIN = MappingProxyType(
    {
        "cleanup.files": Builtin("exitkit.actions.cleanup.files:Files"),
        "cleanup.gcs": Builtin("exitkit.actions.cleanup.gcs:GCS", "gcp"),
        "cleanup.kubernetes": Builtin("exitkit.actions.cleanup.kubernetes:Kubernetes"),
        "cleanup.s3": Builtin("exitkit.actions.cleanup.s3:S3", "aws"),
        "cleanup.sql": Builtin("exitkit.actions.cleanup.sql:SQL", "sql"),
        "notify.console": Builtin("exitkit.actions.notify.console:Console"),
        "notify.email": Builtin("exitkit.actions.notify.email:Email"),
        "notify.slack": Builtin("exitkit.actions.notify.slack:Slack"),
        "notify.webhook": Builtin("exitkit.actions.notify.webhook:Webhook"),
        "process.report": Builtin("exitkit.actions.process.report:Report"),
        "ship.cloudwatch": Builtin("exitkit.actions.ship.cloudwatch:Cloudwatch", "aws"),
        "ship.datadog": Builtin("exitkit.actions.ship.datadog:Datadog"),
        "ship.elasticsearch": Builtin("exitkit.actions.ship.elasticsearch:Elasticsearch"),
        "ship.file": Builtin("exitkit.actions.ship.file:File"),
        "ship.gcplogging": Builtin("exitkit.actions.ship.gcplogging:Gcplogging", "gcp"),
        "ship.gcs": Builtin("exitkit.actions.ship.gcs:GCS", "gcp"),
        "ship.http": Builtin("exitkit.actions.ship.http:HTTP"),
        "ship.loki": Builtin("exitkit.actions.ship.loki:Loki"),
        "ship.otlp": Builtin("exitkit.actions.ship.otlp:OTLP"),
        "ship.s3": Builtin("exitkit.actions.ship.s3:S3", "aws"),
        "ship.splunk": Builtin("exitkit.actions.ship.splunk:Splunk"),
        "ship.syslog": Builtin("exitkit.actions.ship.syslog:Syslog"),
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

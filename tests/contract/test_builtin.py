"""Every built-in action keeps the contract that plugins are held to."""

import json

import pytest

from exitkit.builtin import BUILTIN
from exitkit.plan import registry
from exitkit.testing import ActionContract


def email(folder):
    return {
        "host": "mail.invalid",
        "username": "argo",
        "password": "correct-horse-battery",
        "sender": "Argo <argo@example.com>",
        "to": ["oncall@example.com", "lead@example.com"],
    }


def slack_by_webhook(folder):
    return {"webhook_url": "https://hooks.invalid/services/T0AAA/B0BBB/c3cr3tc3cr3tc3cr3tc3cr3t", "mention": ["here"]}


def slack_by_bot(folder):
    return {
        "token": "xoxb-000000000000-c3cr3tc3cr3tc3cr3t",
        "channel": "C024BE91L",
        "api_url": "https://slack.invalid/",
    }


def webhook_signed(folder):
    return {
        "url": "https://hooks.invalid/made-up-for-this-test",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "headers": {"X-Api-Key": "key-made-up-for-this-test"},
        "format": "cloudevents",
    }


def webhook_bearer(folder):
    return {"url": "https://hooks.invalid/made-up-for-this-test", "bearer": "bearer-made-up-for-this-test"}


def files(folder):
    return {"paths": [str(folder / "scratch" / "train-x7k2p" / "*.bin")], "roots": [str(folder / "scratch")]}


def gcs(folder):
    return {
        "bucket": "models",
        "prefixes": ["runs/train-x7k2p/"],
        "endpoint_url": "https://gcs.invalid",
        "anonymous": True,
    }


def kubernetes(folder):
    return {
        "kinds": ["pods", "jobs.batch"],
        "selector": "workflows.argoproj.io/workflow=train-x7k2p",
        "kubeconfig": str(folder / "kubeconfig"),
    }


def s3(folder):
    return {"bucket": "models", "prefixes": ["runs/train-x7k2p/"], "endpoint_url": "https://s3.invalid"}


def sql_tables(folder):  # libpq asks for names where no test can see it, so here is an address
    return {"url": "postgresql://ml:made-up-for-this-test@127.0.0.1:1/ml", "tables": ["scratch.train_x7k2p_*"]}


def sql_schemas(folder):
    return {
        "url": "mysql://ml@db.invalid/ml",
        "password": "made-up-for-this-test",
        "schemas": ["train_x7k2p_*"],
    }


def sql_rows(folder):
    return {
        "url": f"sqlite:///{folder}/runs-made-up-for-this-test.db",
        "rows": "metrics",
        "where": "workflow = :workflow",
        "values": {"workflow": "train-x7k2p"},
    }


def elasticsearch(folder):
    return {
        "url": "https://search.invalid:9200",
        "api_key": "made-up-key-for-this-test",
        "dead_letter": str(folder / "out" / "dead"),
    }


def loki(folder):
    return {
        "url": "https://loki.invalid",
        "username": "argo",
        "password": "correct-horse-battery",
        "headers": {"X-Made-Up": "header-made-up-for-this"},
        "dead_letter": str(folder / "out" / "dead"),
    }


def loki_bearer(folder):
    return {
        "url": "https://loki.invalid",
        "bearer": "bearer-made-up-for-this-test",
        "dead_letter": str(folder / "out" / "dead"),
    }


def datadog(folder):
    return {
        "url": "https://intake.invalid",
        "api_key": "made-up-key-for-this-test",
        "dead_letter": str(folder / "out" / "dead"),
    }


def http(folder):
    return {
        "url": "https://logs.invalid/in",
        "bearer": "bearer-made-up-for-this",
        "dead_letter": str(folder / "out" / "dead"),
    }


def splunk(folder):
    return {
        "url": "https://splunk.invalid:8088",
        "token": "made-up-token-for-this",
        "dead_letter": str(folder / "out" / "dead"),
    }


def ship_s3(folder):
    given = {"bucket": "logs", "prefix": "runs/train-x7k2p/", "endpoint_url": "https://s3.invalid"}
    return {**given, "dead_letter": str(folder / "out" / "dead")}


def ship_gcs(folder):
    given = {"bucket": "logs", "prefix": "runs/train-x7k2p/", "endpoint_url": "https://gcs.invalid", "anonymous": True}
    return {**given, "dead_letter": str(folder / "out" / "dead")}


def gcplogging(folder):
    return {
        "project": "ml-prod",
        "url": "https://logging.invalid",
        "anonymous": True,
        "headers": {"X-Made-Up": "header-made-up-for-this"},
        "dead_letter": str(folder / "out" / "dead"),
    }


# One at least for every action, and one more for each way of using it that takes other secrets.
WATCHED = {"prometheus": "https://prometheus.invalid", "prometheus_bearer": "bearer-made-up-for-this"}

EXAMPLES = {
    "cleanup.files": [files],
    "cleanup.gcs": [gcs],
    "cleanup.kubernetes": [kubernetes],
    "cleanup.s3": [s3],
    "cleanup.sql": [sql_tables, sql_schemas, sql_rows],
    "notify.console": [lambda folder: {"stream": "stderr"}],
    "notify.email": [email],
    "notify.slack": [slack_by_webhook, slack_by_bot],
    "notify.webhook": [webhook_signed, webhook_bearer],
    "process.history": [
        lambda folder: {"reports": [str(folder / "scratch" / "run.json")], "folder": str(folder / "report"), **WATCHED}
    ],
    "process.leftovers": [
        lambda folder: {
            "kubeconfig": str(folder / "kubeconfig"),
            "database": "postgresql://ml@127.0.0.1:1/ml",
            "password": "made-up-for-this-test",
            "path": str(folder / "left.yaml"),
        }
    ],
    "process.lineage": [lambda folder: {"url": "https://marquez.invalid", "bearer": "bearer-made-up-for-this"}],
    "process.metrics": [
        lambda folder: {"url": "https://push.invalid", "username": "m", "password": "password-made-up"}
    ],
    "process.query": [
        lambda folder: {
            "files": {"rows": str(folder / "scratch" / "rows.csv")},
            "sql": "FROM rows",
            "scratch": str(folder / "scratch"),
        }
    ],
    "process.report": [lambda folder: {"folder": str(folder / "report"), **WATCHED}],
    "process.trace": [lambda folder: {"url": "https://otel.invalid", "bearer": "bearer-made-up-for-this"}],
    "ship.cloudwatch": [
        lambda folder: {
            "group": "argo",
            "endpoint_url": "https://logs.invalid",
            "dead_letter": str(folder / "out" / "dead"),
        }
    ],
    "ship.datadog": [datadog],
    "ship.elasticsearch": [elasticsearch],
    "ship.file": [
        lambda folder: {"path": str(folder / "out" / "records.ndjson"), "dead_letter": str(folder / "out" / "dead")}
    ],
    "ship.gcplogging": [gcplogging],
    "ship.gcs": [ship_gcs],
    "ship.http": [http],
    "ship.loki": [loki, loki_bearer],
    "ship.otlp": [http],
    "ship.s3": [ship_s3],
    "ship.splunk": [splunk],
    "ship.syslog": [lambda folder: {"host": "syslog.invalid", "dead_letter": str(folder / "out" / "dead")}],
}
CASES = [(name, example) for name in BUILTIN for example in EXAMPLES.get(name, ())]


class TestBuiltin(ActionContract):
    """The contract for each example."""

    @pytest.fixture(
        autouse=True, params=CASES, ids=lambda case: f"{case[0]}-{case[1].__name__}".replace("-<lambda>", "")
    )
    def _case(self, request):
        self.name, self._example = request.param
        self.action = registry.find(self.name)

    def settings(self, folder):
        return self._example(folder)

    def arrange(self, folder):
        if self.name == "cleanup.files":
            scratch = folder / "scratch" / "train-x7k2p"
            scratch.mkdir(parents=True)
            for number in range(3):
                (scratch / f"{number}.bin").write_bytes(bytes(100))
        elif self.name == "process.query":
            (folder / "scratch").mkdir(exist_ok=True)
            (folder / "scratch" / "rows.csv").write_text("a,b\n1,2\n")
        elif self.name == "process.history":
            (folder / "scratch").mkdir(exist_ok=True)
            told = {"name": "etl-1", "status": "Failed", "finishedAt": "2026-11-27T03:00:00Z"}
            (folder / "scratch" / "run.json").write_text(json.dumps({"version": 1, "workflow": told}))


def test_every_action_has_an_example():
    """A new action is held to the contract from its first day."""
    assert sorted(EXAMPLES) == sorted(BUILTIN)

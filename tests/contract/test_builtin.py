"""Every built-in action keeps the contract that plugins are held to."""

import pytest

from exitkit import registry
from exitkit.actions import BUILTIN
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


def s3(folder):
    return {"bucket": "models", "prefixes": ["runs/train-x7k2p/"], "endpoint_url": "https://s3.invalid"}


# One at least for every action, and one more for each way of using it that takes other secrets.
EXAMPLES = {
    "cleanup.files": [files],
    "cleanup.s3": [s3],
    "notify.console": [lambda folder: {"stream": "stderr"}],
    "notify.email": [email],
    "notify.slack": [slack_by_webhook, slack_by_bot],
    "notify.webhook": [webhook_signed, webhook_bearer],
    "process.report": [lambda folder: {"folder": str(folder / "report")}],
    "ship.file": [lambda folder: {"path": str(folder / "out" / "records.ndjson")}],
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


def test_every_action_has_an_example():
    """A new action is held to the contract from its first day."""
    assert sorted(EXAMPLES) == sorted(BUILTIN)

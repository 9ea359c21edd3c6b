"""What is known of secrets before the first step runs: those that later steps take from the facts, and what is none.

A step is made when it is its turn, but what an earlier one tells may hold the secret of a later one.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from exitkit.argo.timestamp import write_moment
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.plan import Plan, registry, template
from exitkit.settings import credentials, fields
from exitkit.text import redact

# A template that reads facts of the workflow and does nothing else with them, so that it costs nothing and cannot hang.
_READING = r"workflow(?:\.\w+|\[\s*(?:'[^'\n]*'|\"[^\"\n]*\"|\d+)\s*\])+"
_FILTERS = r"(?:\s*\|\s*(?:trim|string|default\(\s*(?:'[^'\n]*'|\"[^\"\n]*\")\s*\)))*"
_PLAIN = re.compile(rf"(?:[^{{]|\{{(?![{{%#])|\{{\{{-?\s*{_READING}{_FILTERS}\s*-?\}}\}})*+")


def foresee(plan: Plan, context: Context) -> None:
    """Have the secrets of all steps cut out from now on, and no fact that everybody may read for the sake of one."""
    redact.publish(_published(context.workflow))
    rendered = _Rendered(context.workflow)
    for step in plan.each():
        with contextlib.suppress(ConfigError):  # which its own turn tells
            action = registry.find(step.uses)
            secrets = fields.secrets_of(action)
            for key, field in fields.keys(action).items():
                value = step.with_.get(key)
                if isinstance(value, Mapping) and fields.are_headers(field):
                    for name, text in rendered.texts(value):
                        credentials.learn_header(name, text)
                for _, text in rendered.texts({key: value}):
                    if key in secrets:
                        redact.remember(text)
                    credentials.learn_url(text)


def _published(workflow: Workflow) -> tuple[str, ...]:
    moment = write_moment(workflow.creation_timestamp) or ""
    own = (workflow.name, workflow.namespace, workflow.uid, workflow.status, moment, workflow.step)
    return (*own, workflow.cron, workflow.workflow_template, workflow.main_entrypoint)


class _Rendered:
    """Texts with the facts filled in, where that takes no more than looking them up."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow

    @cached_property
    def facts(self) -> dict[str, Any]:
        return {"workflow": self.workflow.facts(), "steps": {}}

    def texts(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, text in values.items():
            if isinstance(text, str) and template.is_template(text) and _PLAIN.fullmatch(text):
                with contextlib.suppress(ConfigError):  # a fact that is not there is no secret
                    given = template.render({name: text}, self.facts, addresses=(name,))
                    yield str(name), given[name]

"""What people are told, before any channel's form: built once, plain text in every part.

Nothing in a Message is markup. Whoever renders it escapes every part for its channel, exactly once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from exitkit.argo.workflow import Workflow
from exitkit.text import redact
from exitkit.text.plain import plain
from exitkit.text.units import human_duration

Level = Literal["rich", "reduced", "text", "line"]
"""How much of a message is sent: each next one is smaller and simpler, and more sure to be taken."""

LEVELS: tuple[Level, ...] = ("rich", "reduced", "text", "line")

# A person reads a handful of causes; the rest is counted, and behind the link.
_MOST_TROUBLES = 10
_MOST_TEXT = 20_000
_VERBS = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Error": "ended in an error",
    "Running": "is running",
    "Pending": "is pending",
    "Skipped": "was skipped",
    "Omitted": "was omitted",
}
# What a step's own handler says where nobody told it how the step ended: the workflow's status is no answer.
_GOES_ON = "ended, the workflow goes on"


@dataclass(frozen=True)
class Trouble:
    """One cause of failure: the first step that met it, and how many did.

    `link` leads to that step's logs, or is empty.
    """

    step: str
    message: str
    count: int = 1
    exit_code: int | None = None
    link: str = ""

    def line(self) -> str:
        """`train: OOMKilled (exit code 137) (11 times)`."""
        return f"{self.step}: {self.message}" + (f" ({self.count} times)" if self.count > 1 else "")


@dataclass(frozen=True)
class Message:
    """A workflow's end as people are told it.

    `title` is one line; `summary` one sentence, or empty; `facts` are label and value; `troubles` the
    causes in the order in which they happened, and `more` how many others there are; `notes` say what
    was degraded, and `because` why a fallback speaks.
    """

    status: str
    title: str
    summary: str = ""
    text: str = ""
    link: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    troubles: tuple[Trouble, ...] = ()
    more: int = 0
    notes: tuple[str, ...] = ()
    because: str = ""

    @property
    def good(self) -> bool:
        return self.status == "Succeeded"

    @property
    def bad(self) -> bool:
        """Also where nobody knows: a message that may tell of a failure looks like one."""
        return self.status in ("Failed", "Error", "")

    def as_text(self) -> str:
        """All of it as plain text of several lines."""
        lines = [self.title]
        lines += [self.summary] if self.summary else []
        lines += ["", self.text] if self.text else []
        lines += ["", *(f"- {one.line()}" for one in self.troubles)] if self.troubles else []
        lines += [f"- and {self.more} more"] if self.more else []
        lines += ["", *(f"{label}: {value}" for label, value in self.facts)] if self.facts else []
        lines += ["", self.link] if self.link else []
        lines += ["", *self.footer()] if self.footer() else []
        return "\n".join(lines)

    def as_line(self, limit: int = 300) -> str:
        """One line of at most so many characters, the link last and whole."""
        head = " - ".join(part for part in (self.title, self.summary) if part)
        link = f" {self.link}" if self.link and len(self.link) < limit // 2 else ""
        return redact.printable(head, limit - len(link)) + link

    def footer(self) -> tuple[str, ...]:
        """Why it came this way, and what is missing from it."""
        because = (f"sent here because {self.because}",) if self.because else ()
        return (*because, *self.notes)


def build(  # noqa: PLR0913 - each is one thing that a user may say
    workflow: Workflow,
    *,
    title: str = "",
    text: str = "",
    facts: Mapping[str, str] | None = None,
    link: str = "",
    because: str = "",
) -> Message:
    """The message about the workflow's end, with the user's words where there are some.

    Secrets are cut from every part, because failures quote what pods printed.
    """
    failures = workflow.failures
    groups = failures.groups
    own = [(label, value) for label, value in _facts(workflow) if label not in (facts or {})]
    return Message(
        status=workflow.status,
        title=_one_line(title or _title(workflow), 300),
        summary=_one_line(_summary(workflow), 1000),
        text=redact.redact(plain(text))[:_MOST_TEXT],
        link=link or workflow.url,
        facts=tuple((_one_line(label, 100), _one_line(value, 2000)) for label, value in [*own, *(facts or {}).items()]),
        troubles=tuple(
            Trouble(
                step=_one_line(group.first.display_name or group.first.pod_name or "a step", 200),
                message=_one_line(group.first.text, 3000) or "failed without a message",
                count=group.count,
                exit_code=group.first.exit_code,
                link=workflow.failure_url(group.first),
            )
            for group in groups[:_MOST_TROUBLES]
        ),
        more=max(0, len(groups) - _MOST_TROUBLES),
        notes=tuple(_one_line(note, 300) for note in (*workflow.notes, *failures.notes)),
        because=_one_line(because, 500),
    )


def _title(workflow: Workflow) -> str:
    name = workflow.name or "a workflow"
    if workflow.step:
        return (
            f"{name}: step {workflow.step} {_VERBS.get(workflow.status, _GOES_ON) if workflow.step_ended else _GOES_ON}"
        )
    if workflow.stopped_by and workflow.failed:
        return f"{name} was stopped by {workflow.stopped_by}"
    return f"{name} {_VERBS.get(workflow.status, 'ended, and its status is not known')}"


def _summary(workflow: Workflow) -> str:
    failures = workflow.failures
    if not len(failures):
        return workflow.message
    first = failures.first
    if first is None or len(failures) == 1:
        return failures.headline
    return f"{failures.headline}; the first was {first.display_name}"


def _facts(workflow: Workflow) -> list[tuple[str, str]]:
    """Status and times are those of what ended; of a step nobody tells the times."""
    created, step = workflow.creation_timestamp, workflow.step
    status = workflow.status if workflow.step_ended else "ended" if step else workflow.status or "unknown"
    duration = None if step else workflow.duration
    found = [
        ("Status", status),
        ("Namespace", workflow.namespace),
        ("Cron workflow", workflow.cron),
        ("Template", workflow.workflow_template),
        ("Step", step),
        ("Duration", human_duration(duration) if duration is not None else ""),
        # Not its start: a mutex or a retry can lie between.
        ("Workflow created" if step else "Created", created.strftime("%Y-%m-%d %H:%M:%S %Z") if created else ""),
    ]
    return [(label, value) for label, value in found if value]


def _one_line(text: str, limit: int) -> str:
    return redact.printable(redact.redact(text), limit)

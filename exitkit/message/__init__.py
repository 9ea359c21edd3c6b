"""What people are told, before any channel's form: built once, plain text in every part.

Nothing in a Message is markup. Whoever renders it escapes every part for its channel, exactly once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from exitkit.argo.failures import Failure, FailureGroup
from exitkit.argo.workflow import Workflow
from exitkit.message import markup
from exitkit.text import redact
from exitkit.text.excerpt import excerpt
from exitkit.text.plain import plain
from exitkit.text.safe import safe_values
from exitkit.text.units import human_duration

Level = Literal["rich", "reduced", "text", "line"]
"""How much of a message is sent: each next one is smaller and simpler, and more sure to be taken."""

LEVELS: tuple[Level, ...] = ("rich", "reduced", "text", "line")

# A person reads a handful of causes; the rest is counted, and behind the link.
_MOST_FAILURES = 10
_MOST_TEXT = 20_000
_MOST_NAMES = 100  # of the steps with one message; the rest is counted
_MOST_PLAIN = 2000  # characters of one failure in plain text
_LONGEST = 20_000  # characters of a message that are kept; Kubernetes itself keeps 4,096 bytes
_MOST_LINES, _LONGEST_LINE = 3, 300
_MOST_VALUES, _LONGEST_VALUES = 10, 300
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
class ShownFailure:
    """Failures with one message as people are told of them: the likeliest cause of them, and who else met it.

    `step` is what the first one is called and `others` the next, while `count` counts all. `gist` says in one line what
    went wrong, and `message` is the whole in as many lines as it has, or empty if the gist has said it all. `remarks`
    are what stands beside the name, such as the exit code; `reason` and `container` are two of them by themselves, in
    Kubernetes' words. `link` leads to the first one's logs, or is empty. `advice` is what to do about it, where the cause
    is a known one. `lines` are those of its log that say why, each with its number and the place in the user's own code.
    """

    step: str
    message: str
    count: int = 1
    exit_code: int | None = None
    link: str = ""
    gist: str = ""
    others: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    reason: str = ""
    container: str = ""
    advice: str = ""
    lines: tuple[str, ...] = ()

    def names(self, limit: int = 200) -> str:
        """`extract-orders, extract-items and 9 more`, in some `limit` characters: what is left out is counted."""
        text, shown = self.step, 1
        for name in self.others:
            if len(text) + len(name) + len(", ") > limit - len(" and 99,999 more"):
                break
            text, shown = f"{text}, {name}", shown + 1
        return text if shown >= self.count else f"{text} and {self.count - shown:,} more"

    def beside(self) -> tuple[str, ...]:
        """What stands beside the names: remarks, and how many failed so."""
        return (*self.remarks, *([f"{self.count} times"] if self.count > 1 else []))

    def line(self, limit: int = 500) -> str:
        """`train: KeyError: 'price' (exit code 1, 11 times)`."""
        beside = f" ({', '.join(self.beside())})" if self.beside() else ""
        return f"{self.names()}: {markup.fit(self.gist or self.message, limit)}{beside}"

    def whole(self, limit: int) -> str:
        """What went wrong, in at most so many characters: the gist first, then the beginning and the end of the rest."""
        if not self.message or not self.gist or self.gist == self.message:
            why = f"{self.reason}: " if self.reason not in ("", "Error") and not self.message else ""
            return excerpt(why + (self.gist or self.message), limit)
        gist = excerpt(self.gist, limit // 3)
        return f"{gist}\n\n{excerpt(self.message, limit - len(gist) - 2)}"


@dataclass(frozen=True)
class Message:
    """A workflow's end as people are told it.

    `title` is one line; `summary` one sentence, or empty; `facts` are label and value; `failures` are those with one
    message together, the likeliest cause first, and `more` how many other messages there are; `notes` say what
    was degraded, and `because` why a fallback speaks. `headline` is as much of the summary as is worth saying where the
    failures stand right below it, or empty. `usual` is how it did beside earlier runs, and `changed` what is another than
    in the last success; where they are known they are the first facts, too.
    """

    status: str
    title: str
    summary: str = ""
    text: str = ""
    link: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    failures: tuple[ShownFailure, ...] = ()
    more: int = 0
    notes: tuple[str, ...] = ()
    because: str = ""
    headline: str = ""
    usual: str = ""
    changed: str = ""

    @property
    def troubles(self) -> tuple[ShownFailure, ...]:
        """What `failures` was called in 0.1, for plugins that read it."""
        return self.failures

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
        for number, failure in enumerate(self.failures):
            lines += ["", *_paragraph(failure)] if failure.message or not number else _paragraph(failure)
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


def redacted(failure: Failure) -> Failure:
    """The failure without secrets, before any line is taken out of it: half of a key looks like no secret."""
    return replace(failure, message=redact.redact(plain(redact.redact(failure.message))))


def _paragraph(failure: ShownFailure) -> list[str]:
    """The failure in plain text: a line that says it, and below it, further in, what it is taken from."""
    rest = excerpt(failure.message, _MOST_PLAIN) if failure.message not in ("", failure.gist) else ""
    advice = [f"    -> {failure.advice}"] if failure.advice else []
    shown = [*failure.lines, *(rest.split("\n") if rest else [])]
    return [f"- {failure.line(1000)}", *advice, *(f"    {line}".rstrip() for line in shown)]


def build(  # noqa: PLR0913 - each is one thing that a user may say
    workflow: Workflow,
    *,
    title: str = "",
    text: str = "",
    facts: Mapping[str, str] | None = None,
    link: str = "",
    because: str = "",
    usual: str = "",
    changed: str = "",
) -> Message:
    """The message about the workflow's end, with the user's words where there are some.

    Secrets are cut from every part, because failures quote what pods printed.
    """
    failures = workflow.failures
    groups = failures.groups
    past = [(label, value) for label, value in (("Changed", changed), ("History", usual)) if value]
    own = [(label, value) for label, value in [*past, *_facts(workflow)] if label not in (facts or {})]
    return Message(
        status=workflow.status,
        title=_one_line(title or _title(workflow), 300),
        summary=_one_line(_summary(workflow), 1000),
        text=redact.redact(plain(text))[:_MOST_TEXT],
        link=redact.link(link or workflow.url),
        facts=tuple((_one_line(label, 100), _one_line(value, 2000)) for label, value in [*own, *(facts or {}).items()]),
        failures=tuple(_shown(workflow, group) for group in groups[:_MOST_FAILURES]),
        more=max(0, len(groups) - _MOST_FAILURES),
        notes=tuple(_one_line(note, 300) for note in (*workflow.notes, *failures.notes)),
        because=_one_line(because, 500),
        headline=_one_line(failures.headline, 1000) if len(failures) > 1 or failures.truncated else "",
        usual=_one_line(usual, 300),
        changed=_one_line(changed, 1000),
    )


def _shown(workflow: Workflow, group: FailureGroup) -> ShownFailure:
    first = redacted(group.first)
    detail = excerpt(first.detail, _LONGEST)
    gist = _one_line(first.gist or detail, 1000) or _silent(first)
    return ShownFailure(
        step=_one_line(first.name, 200),
        others=tuple(_one_line(failure.name, 200) for failure in group.failures[1:_MOST_NAMES]),
        gist=gist,
        # One line that the gist repeats, perhaps with what it means, says nothing more.
        message="" if "\n" not in detail and gist.startswith(_one_line(detail, 1000)) else detail,
        count=group.count,
        exit_code=first.exit_code,
        remarks=tuple(_one_line(remark, 100) for remark in first.remarks),
        reason=_one_line(first.reason, 100),
        container=_one_line(first.container, 100),
        advice=_one_line(first.advice, 200),
        link=workflow.failure_url(group.first),
        lines=_lines(first),
    )


def _lines(failure: Failure) -> tuple[str, ...]:
    """The log's best lines, as `42: KeyError: 'price' (/app/load.py:12 in read)`; only the first where no other stands out."""
    best = [line for place, line in enumerate(failure.lines) if line.stands_out or not place][:_MOST_LINES]
    return tuple(_one_line(line.shown, _LONGEST_LINE) for line in best)


def _silent(failure: Failure) -> str:
    return "it left no message; its log may say more" if failure.exit_code is not None else "failed without a message"


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
    assert failures.first is not None
    first = redacted(failures.first)
    if len(failures) == 1 and not failures.truncated:
        return first.headline
    beside = f" ({', '.join(first.remarks)})" if first.remarks else ""
    gist = f": {first.gist[:500]}" if first.gist else ""
    return f"{failures.headline}; the first was {first.name[:200]}{beside}{gist}"


def _facts(workflow: Workflow) -> list[tuple[str, str]]:
    """Status and times are those of what ended; of a step only the record tells the times."""
    step = workflow.step
    status = workflow.status if workflow.step_ended else "ended" if step else workflow.status or "unknown"
    duration = None if step and workflow.node is None else workflow.duration
    inputs = workflow.node.inputs if step and workflow.node else {}
    facts = [
        ("Status", status),
        ("Namespace", workflow.namespace),
        ("Cron workflow", workflow.cron),
        ("Template", workflow.workflow_template),
        ("Submitted by", workflow.submitted_by),
        ("Step", step),
        ("Inputs", _values(inputs)),
        ("Steps", _counted(workflow.counts) if not step else ""),
        # Argo's goes up to when the controller looked last, not to the end: 20.7 s were told of a run of 3.
        (
            "Duration" if workflow.told is not None else "Argo's duration",
            human_duration(duration) if duration is not None else "",
        ),
        *_times(workflow),
    ]
    return [(label, value) for label, value in facts if value]


def _times(workflow: Workflow) -> list[tuple[str, str]]:
    """When it started, which with the duration tells its end; without a record when the workflow was created, named so."""
    if workflow.started_at:
        return [("Started", _time(workflow.started_at))]
    # Not its start: a mutex or a retry can lie between.
    return [("Workflow created" if workflow.step else "Created", _time(workflow.creation_timestamp))]


def _time(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z") if time else ""


def _counted(counts: Mapping[str, int]) -> str:
    """`3 of 20 failed, 2 skipped`; nothing where nothing failed, or there is but one step."""
    if counts.get("total", 0) < 2 or not counts.get("failed"):
        return ""
    skipped = f", {counts['skipped']} skipped" if counts.get("skipped") else ""
    return f"{counts['failed']:,} of {counts['total']:,} failed{skipped}"


def _values(values: Mapping[str, str]) -> str:
    """`date=2026-08-20, lr=0.1`, without those whose name says that they are secret."""
    shown = [f"{name}={value}" for name, value in list(safe_values(values).items())[:_MOST_VALUES]]
    return excerpt(", ".join(shown), _LONGEST_VALUES)


def _one_line(text: str, limit: int) -> str:
    return redact.printable(redact.redact(text), limit)

"""The commands that act: each makes a plan, runs it, and tells what came of it."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from exitkit import settings
from exitkit.action import Action
from exitkit.argo.facts import FACTS
from exitkit.argo.gather import gather
from exitkit.argo.workflow import Workflow
from exitkit.cli import flags
from exitkit.cli.flags import Command, Flag, Given
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.plan import check as plan
from exitkit.plan import find, registry
from exitkit.plan.check import Plan
from exitkit.receipts import open_state
from exitkit.retry import Retry
from exitkit.run import deadline_for, dispatch, output
from exitkit.run.output import Format
from exitkit.run.report import FailOn, Report
from exitkit.signals import CUT, Stop
from exitkit.text.units import Seconds


class RunOptions(BaseModel):
    """How a run goes, whatever it does."""

    model_config = settings.STRICT

    timeout: Seconds | None = Field(None, gt=0, description="Longest time for everything; the plan's own by default.")
    dry_run: bool = Field(False, description="Say what would be done, and do nothing.")
    fail_on: FailOn = Field("any", description="Which failed steps make the exit code 1.")
    report_format: Format = Field(
        "auto", description="How to print the report; auto is a table on a terminal, else JSON."
    )
    output_dir: str = Field("", description="Folder for the files report, outcome, exit-code and summary.")
    state: str = Field("", description="Folder for receipts, so that a second run does not deliver again.")


class Session:
    """One command line: its environment, the signals, and the exit code so far."""

    def __init__(self, environ: Mapping[str, str], stop: Stop | None = None) -> None:
        self.environ, self.stop = environ, stop or Stop()
        self.exit_code = 0

    def workflow(self, given: Given) -> Workflow:
        return gather(given.get("facts", {}), self.environ)

    def act(self, what: Plan, given: Given, *, dry_run: bool = False, quiet: bool = False) -> Report:
        """Run the plan, print the report unless quiet, and keep the exit code. Raises ConfigError."""
        wanted = flags.read(RunOptions, given.get("run", {}))
        chosen = settings.load(RunOptions, wanted, self.environ, "EXITKIT_")
        context = Context(
            workflow=self.workflow(given),
            dry_run=chosen.dry_run or dry_run,
            state=open_state("" if chosen.dry_run or dry_run else chosen.state),
        )
        deadline = deadline_for(what, context, chosen.timeout)
        context = replace(context, retry=Retry(deadline=deadline))
        self.stop.on_signal = lambda: deadline.cut(CUT)
        gc.freeze()
        gc.enable()
        report = dispatch(what, context, self.environ, fail_on=chosen.fail_on)
        if self.stop.number:
            report = replace(report, cut=True, notes=(*report.notes, f"ended by signal {self.stop.number}"))
        if not quiet:
            output.write(
                report, form=chosen.report_format, template=context.workflow.template, folder=chosen.output_dir
            )
        self.exit_code = 128 + self.stop.number if self.stop.number else report.exit_code
        return report


def fact_flags() -> list[Flag]:
    """The flags for Argo's variables, which stand on every acting command."""
    return [
        Flag("facts", fact.name, fact.flag, f"{fact.help} [env: {fact.variable}]", repeated=fact.repeated)
        for fact in FACTS
    ]


def run_flags() -> list[Flag]:
    return flags.flags("run", RunOptions, "EXITKIT_")


def action_command(name: str, action: type[Action], session: Session) -> Command:
    """`exitkit notify slack`: the plan of one step that its flags describe."""

    def act(given: Given, _: list[str]) -> None:
        values = flags.read(action, given["action"])
        session.act(_single(name, values, given, session.environ), given)

    terms = flags.flags("terms", plan.When, "")
    mine = flags.flags("action", action, registry.prefix(name))
    return flags.command(
        name.partition(".")[2], registry.help_of(action), [*mine, *terms, *run_flags(), *fact_flags()], act
    )


def notify_all(session: Session) -> Command:
    """`exitkit notify` without a channel: the plan's, else those that the environment configures, else the console."""

    def act(given: Given, _: list[str]) -> None:
        session.act(find.everybody(session.environ), given)

    return flags.command("notify", "", [*run_flags(), *fact_flags()], act, context=True)


def run_plan(session: Session) -> Command:
    def act(given: Given, arguments: list[str]) -> None:
        session.act(find.find_plan(arguments, session.environ), given)

    return flags.command("run", "", [*run_flags(), *fact_flags()], act, argument="PLAN")


def preview(session: Session) -> Command:
    def act(given: Given, arguments: list[str]) -> None:
        report = session.act(find.find_plan(arguments, session.environ), given, dry_run=True, quiet=True)
        from exitkit.cli import about

        about.show_preview(report)

    return flags.command("preview", "", [*run_flags(), *fact_flags()], act, argument="PLAN")


def check(session: Session) -> Command:
    def act(_: Given, arguments: list[str]) -> None:
        found = find.find_plan(arguments, session.environ)
        count = len(found.each())
        from exitkit.cli import about

        about.say(f"{count} {'step' if count == 1 else 'steps'}, nothing wrong")

    return flags.command("check", "", [], act, argument="PLAN")


def actions(_: Session) -> Command:
    def act(_: Given, names: list[str]) -> None:
        from exitkit.cli import about

        about.show_actions(names)

    return flags.command("actions", "", [], act, argument="ACTION")


def schema(_: Session) -> Command:
    def act(_: Given, __: list[str]) -> None:
        from exitkit.cli import about

        about.show_schema()

    return flags.command("schema", "", [], act)


def manifest(session: Session) -> Command:
    from exitkit.cli import manifest as manifests

    def act(given: Given, arguments: list[str]) -> None:
        typed = flags.read(manifests.ManifestOptions, given["manifest"])
        options = settings.load(manifests.ManifestOptions, typed, {}, "")
        named = arguments or session.environ.get("EXITKIT_PLAN")
        plan, text = find.read_plan(arguments, session.environ) if named else (None, "")
        from exitkit.cli import about

        about.say(manifests.manifests(options, plan, text).rstrip("\n"))

    return flags.command("manifest", "", flags.flags("manifest", manifests.ManifestOptions, ""), act, argument="PLAN")


def demo(session: Session) -> Command:
    def act(given: Given, arguments: list[str]) -> None:
        from exitkit.cli import demo

        folder = Path(arguments[0] if arguments else "exitkit-demo")
        what, facts = demo.prepare(folder, session.environ)
        shown = {"report_format": "table", **given["run"]}
        session.act(what, {**given, "facts": {**facts, **given["facts"]}, "run": shown})

    return flags.command("demo", "", [*run_flags(), *fact_flags()], act, argument="FOLDER")


BY_NAME: Mapping[str, Callable[[Session], Command]] = {
    "run": run_plan,
    "check": check,
    "preview": preview,
    "actions": actions,
    "schema": schema,
    "manifest": manifest,
    "demo": demo,
}
"""What makes each command; the help of each stands in tree.py, which must not import this for it."""


def _single(name: str, values: Mapping[str, Any], given: Given, environ: Mapping[str, str]) -> Plan:
    try:
        made = plan.single(name, values, flags.read(plan.When, given["terms"]))
    except ValidationError as error:
        raise settings.SettingsError(settings.problems(error, plan.When)) from None
    if found := plan.check(made, environ):  # the same as for a file: flags may hold templates as well
        raise ConfigError("\n".join(f"{name}: {_flag(one)}{one.text}" for one in found))
    return made


def _flag(problem: settings.Problem) -> str:
    """The flag that a problem of a one-step plan is about."""
    path = problem.path[2:]  # steps[0]
    words = path[1:] if path[:1] == ("with",) else path
    return f"--{str(words[0]).replace('_', '-')}: " if words else ""

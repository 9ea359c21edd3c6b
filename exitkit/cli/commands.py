"""The commands that act: each makes a plan, runs it, and tells what came of it."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from exitkit import settings, stdout
from exitkit.action import Action
from exitkit.argo import executor
from exitkit.argo.facts import FACTS
from exitkit.argo.gather import gather
from exitkit.argo.workflow import Workflow
from exitkit.cli import flags, recording
from exitkit.cli.flags import Command, Flag, Given
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.logreader import LogReader
from exitkit.plan import check as plan
from exitkit.plan import find, registry
from exitkit.plan.check import Plan
from exitkit.recordreader import RecordReader
from exitkit.retry import Retry
from exitkit.run import deadline_for, dispatch, output
from exitkit.run.output import Format
from exitkit.run.report import FailOn, Report
from exitkit.run.spare import without_unusable
from exitkit.settings import credentials
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
    state: str = Field(
        "",
        description="Where is kept from run to run what has been done, so that it is done once: a folder, "
        "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or configmap://NAMESPACE/NAME; by default the plan's own.",
    )
    record: str = Field(
        "",
        description="File that holds the Workflow, as `argo get -o json` writes it; without it the record is read from "
        "argo-server or the Kubernetes API, where they are known and something needs it.",
    )


class CommandSession:
    """One command line: its environment, the signals, and the exit code so far."""

    def __init__(self, environ: Mapping[str, str], stop: Stop | None = None) -> None:
        self.environ, self.stop = environ, stop or Stop()
        self.exit_code = 0
        self.asks = True  # whether a cluster or server may be asked for the workflow's record

    def workflow(self, given: Given) -> Workflow:
        credentials.learn_url(str(given.get("facts", {}).get("argo_url", "")))
        return gather(given.get("facts", {}), self.environ)

    def options(self, given: Given) -> RunOptions:
        """How the run is to go. Raises ConfigError."""
        wanted = flags.read(RunOptions, given.get("run", {}))
        return settings.load(RunOptions, wanted, self.environ, "EXITKIT_")

    def planned(self, given: Given, read: Callable[[], Plan]) -> Plan:
        """The plan that is to be read, which a watchdog bounds as well. Raises ConfigError."""
        chosen = self.options(given)
        template, _ = executor.template(self.environ, Path("/"))
        self.stop.tell("place", chosen.report_format, chosen.output_dir, output.declared(template))
        self.stop.tell("counts", chosen.fail_on)
        if chosen.timeout is not None:
            self.stop.tell("limit", time.monotonic() - self._spent() + chosen.timeout)
        with stdout.apart():  # it imports plugins
            return read()

    def act(self, what: Plan, given: Given, *, dry_run: bool = False, quiet: bool = False) -> Report:
        """Run the plan, print the report unless quiet, and keep the exit code. Raises ConfigError."""
        chosen = self.options(given)
        dry_run = chosen.dry_run or dry_run
        workflow, records = recording.of_file(self.workflow(given), chosen.record)
        context = Context(workflow=workflow, dry_run=dry_run, records=records)
        if where := "" if dry_run else chosen.state or what.state:
            from exitkit.cli import remembered  # which is needed with a store alone

            context = remembered.with_store(context, where, what.series)
        place = output.Place(chosen.report_format, chosen.output_dir, output.declared(context.workflow.template))
        report = self.run(what, context, chosen.timeout, place, fail_on=chosen.fail_on)
        if quiet:
            self.exit_code = report.exit_code
        else:
            self.write(report, place)
        return report

    def run(  # noqa: PLR0913 - what a run needs
        self,
        what: Plan,
        context: Context,
        timeout: float | None,
        place: output.Place,
        *,
        fail_on: FailOn,
        because: str = "",
    ) -> Report:
        """The report of the plan, which a signal or the deadline ends early. Raises ConfigError."""
        deadline = deadline_for(what, context, timeout, self._spent())
        context = replace(context, retry=Retry(deadline=deadline))
        context = recording.reading(context, self.environ) if self.asks else recording.sampled(context)
        self.stop.on_signal = lambda: deadline.cut(CUT)
        self.stop.tell("place", place.form, place.folder, dict(place.declared))
        self.stop.tell("limit", time.monotonic() + deadline.remaining())
        gc.freeze()
        gc.enable()
        with stdout.apart():
            report = dispatch(what, context, self.environ, fail_on=fail_on, because=because, tell=self.stop.tell)
            if context.state is not None:
                from exitkit.cli import remembered

                report = replace(report, notes=(*report.notes, *remembered.keep(context, deadline)))
        for reader in (context.records, context.logs):
            if isinstance(reader, RecordReader | LogReader):
                reader.close()
        self.stop.over = True
        self.stop.tell("over")
        if number := self.stop.number:
            report = replace(report, cut=True, signal=number, notes=(*report.notes, f"ended by signal {number}"))
        return report

    def write(self, report: Report, place: output.Place) -> None:
        """Put the report where it belongs, and keep the exit code that it then tells."""
        try:
            told = output.write(report, place, lambda code: self.stop.tell("code", code))
        except Exception:  # whatever an action has done to what makes it: a watchdog makes one of what it was told
            self.stop.tell("code", None)
            raise
        self.exit_code = told.exit_code

    def _spent(self) -> float:
        """Seconds since the process started, which the deadline counts as well."""
        return 0.0 if self.stop.started is None else max(0.0, time.monotonic() - self.stop.started)


def fact_flags() -> list[Flag]:
    """The flags for Argo's variables, which stand on every acting command."""
    return [
        Flag("facts", fact.name, fact.flag, f"{fact.help} [env: {fact.variable}]", repeated=fact.repeated)
        for fact in FACTS
    ]


def run_flags() -> list[Flag]:
    return flags.flags("run", RunOptions, "EXITKIT_")


def action_command(name: str, action: type[Action], session: CommandSession) -> Command:
    """`exitkit notify slack`: the plan of one step that its flags describe."""

    def act(given: Given, _: list[str]) -> None:
        values = flags.read(action, given["action"])
        what = session.planned(given, lambda: _single(name, values, given, session.environ))
        session.act(what, given)

    terms = flags.flags("terms", plan.When, "")
    mine = flags.flags("action", action, registry.prefix(name))
    return flags.command(
        name.partition(".")[2], registry.help_of(action), [*mine, *terms, *run_flags(), *fact_flags()], act
    )


def notify_all(session: CommandSession) -> Command:
    """`exitkit notify` without a channel: the plan's, else those that the environment configures, else the console."""

    def act(given: Given, _: list[str]) -> None:
        session.act(session.planned(given, lambda: find.everybody(session.environ)), given)

    return flags.command("notify", "", [*run_flags(), *fact_flags()], act, context=True)


def run_plan(session: CommandSession) -> Command:
    def act(given: Given, arguments: list[str]) -> None:
        session.act(session.planned(given, lambda: find.find_plan(arguments, session.environ)), given)

    return flags.command("run", "", [*run_flags(), *fact_flags()], act, argument="PLAN")


def preview(session: CommandSession) -> Command:
    from exitkit.cli.preview import PreviewOptions

    def act(given: Given, arguments: list[str]) -> None:
        chosen = settings.load(PreviewOptions, flags.read(PreviewOptions, given["preview"]), {}, "")
        if chosen.sample:
            from exitkit.plan import samples

            given = {**given, "facts": {**samples.facts(chosen.sample), **given["facts"]}}
            session.asks = False  # there is no such workflow
        what = session.planned(given, lambda: find.find_plan(arguments, session.environ, care="elsewhere"))
        from exitkit.cli import about
        from exitkit.plan import secretless

        what, made_up = secretless.completed(what, session.workflow(given).facts(), session.environ)
        report = session.act(what, given, dry_run=True, quiet=True)
        about.show_html(report) if chosen.html else about.show_preview(report, made_up)

    mine = flags.flags("preview", PreviewOptions, "")
    return flags.command("preview", "", [*mine, *run_flags(), *fact_flags()], act, argument="PLAN")


def check(session: CommandSession) -> Command:
    def act(given: Given, arguments: list[str]) -> None:
        found = session.planned(given, lambda: find.find_plan(arguments, session.environ, care="thorough"))
        count = len(found.each())
        from exitkit.cli import about

        about.say(f"{count} {'step' if count == 1 else 'steps'}, nothing wrong")

    return flags.command("check", "", [], act, argument="PLAN")


def explain(_: CommandSession) -> Command:
    from exitkit.cli import explainlog

    def act(given: Given, logs: list[str]) -> None:
        typed = flags.read(explainlog.ExplainOptions, given["explain"])
        text = explainlog.explained(logs, settings.load(explainlog.ExplainOptions, typed, {}, ""))
        if text:
            from exitkit.cli import about

            about.say(text)

    return flags.command("explain", "", flags.flags("explain", explainlog.ExplainOptions, ""), act, argument="LOG")


def actions(_: CommandSession) -> Command:
    def act(_: Given, names: list[str]) -> None:
        from exitkit.cli import about

        about.show_actions(names)

    return flags.command("actions", "", [], act, argument="ACTION")


def schema(_: CommandSession) -> Command:
    def act(_: Given, __: list[str]) -> None:
        from exitkit.cli import about

        about.show_schema()

    return flags.command("schema", "", [], act)


def manifest(session: CommandSession) -> Command:
    from exitkit.cli import manifest as manifests

    def act(given: Given, arguments: list[str]) -> None:
        typed = flags.read(manifests.ManifestOptions, given["manifest"])
        options = settings.load(manifests.ManifestOptions, typed, {}, "")
        named = arguments or session.environ.get("EXITKIT_PLAN")
        plan, text = find.read_plan(arguments, session.environ, care="published") if named else (None, "")
        from exitkit.cli import about

        about.say(manifests.manifests(options, plan, text).rstrip("\n"))

    return flags.command("manifest", "", flags.flags("manifest", manifests.ManifestOptions, ""), act, argument="PLAN")


def doctor(session: CommandSession) -> Command:
    def act(given: Given, arguments: list[str]) -> None:
        from exitkit.cli import about
        from exitkit.cli import doctor as doctors

        chosen = session.options(given)
        asked = doctors.Asked(arguments, session.workflow(given), chosen.state, chosen.output_dir)
        with stdout.apart():  # it imports plugins
            findings = doctors.examine(asked, session.environ)
        about.say(doctors.told(findings))
        session.exit_code = 1 if any(one.level == "wrong" for one in findings) else 0

    return flags.command("doctor", "", [*run_flags(), *fact_flags()], act, argument="PLAN")


def demo(session: CommandSession) -> Command:
    def act(given: Given, arguments: list[str]) -> None:
        from exitkit.cli import demo

        folder = Path(arguments[0] if arguments else "exitkit-demo")
        what, facts = demo.prepare(folder, session.environ)
        session.asks = False  # there is no such workflow
        shown = {"report_format": "table", **given["run"]}
        session.act(what, {**given, "facts": {**facts, **given["facts"]}, "run": shown})

    return flags.command("demo", "", [*run_flags(), *fact_flags()], act, argument="FOLDER")


def completion(_: CommandSession) -> Command:
    def act(_: Given, shells: list[str]) -> None:
        from exitkit.cli import about, completion

        about.say(completion.script(shells).rstrip())

    return flags.command("completion", "", [], act, argument="SHELL")


BY_NAME: Mapping[str, Callable[[CommandSession], Command]] = {
    "run": run_plan,
    "check": check,
    "preview": preview,
    "explain": explain,
    "actions": actions,
    "schema": schema,
    "manifest": manifest,
    "doctor": doctor,
    "demo": demo,
    "completion": completion,
}
"""What makes each command; the help of each stands in typerapp.py, which must not import this for it."""


def named(session: CommandSession, word: str, short: str = "") -> Command | None:
    """The command that a line means by its first word, and for a kind of action by its second; None if there is none.

    Raises ConfigError where a plugin cannot be imported.
    """
    if word in BY_NAME:
        return BY_NAME[word](session)
    name = f"{word}.{short}"
    if short and registry.is_known(name):
        return action_command(name, registry.find(name), session)
    return notify_all(session) if word == "notify" and not short else None


def _single(name: str, values: Mapping[str, Any], given: Given, environ: Mapping[str, str]) -> Plan:
    try:
        made = plan.single(name, values, flags.read(plan.When, given["terms"]))
    except ValidationError as error:
        raise settings.SettingsError(settings.problems(error, plan.When)) from None
    # Argo has filled in what the workflow's data says: a mention that is none is left out in the run.
    spared = without_unusable(registry.find(name), values, environ, registry.prefix(name))
    found = plan.check(made, environ)  # the same as for a file: flags may hold templates as well
    if found := [one for one in found if one.path[2:3] != ("with",) or not spared.excuses(one.path[3:])]:
        raise ConfigError("\n".join(f"{name}: {_flag(one)}{one.text}" for one in found))
    return made


def _flag(problem: settings.Problem) -> str:
    """The flag that a problem of a one-step plan is about."""
    path = problem.path[2:]  # steps[0]
    words = path[1:] if path[:1] == ("with",) else path
    return f"--{str(words[0]).replace('_', '-')}: " if words else ""

"""What is told where a plan, a flag or a variable is so wrong that nothing of it can run.

The workflow has ended all the same, and somebody waits to hear of it: the channels of the environment are told, and the
files and messages in which the end of a run is told are written as for any other.
"""

from contextlib import suppress
from dataclasses import replace

from exitkit import settings, stdout
from exitkit.cli import flags
from exitkit.cli.commands import CommandSession, RunOptions, fact_flags, run_flags
from exitkit.cli.flags import Given
from exitkit.context import Context
from exitkit.entry import Entry
from exitkit.errors import ConfigError
from exitkit.plan import find
from exitkit.run import output
from exitkit.run.report import Report, identity
from exitkit.text import redact


def tell(session: CommandSession, argv: list[str], text: str) -> int:
    """Tell of the error everywhere but on standard output; the exit code, which is 2 unless a signal comes."""
    given = _gleaned(argv)
    chosen = _options(session, given)
    dry_run = chosen.dry_run
    context = Context(workflow=session.workflow(given), dry_run=dry_run)
    if chosen.state and not dry_run:
        from exitkit.cli import remembered

        with suppress(ConfigError):  # which may be what is told of here
            context = remembered.with_store(context, chosen.state)
    place = output.Place(chosen.report_format, chosen.output_dir, output.declared(context.workflow.template))
    name = "plan" if argv[0] == "run" else ".".join(argv[: 2 if argv[1:2] and argv[1][:1] != "-" else 1])
    clock = context.deadline.clock
    report = Report(workflow=identity(context.workflow), entries=(), started=clock.time(), seconds=0.0)
    with stdout.apart():
        channels = find.without_plan(session.environ)
    if channels is not None:
        why = f"exitkit could not do what it was asked to: {redact.printable(redact.redact(text), 500)}"
        try:
            report = session.run(channels, context, chosen.timeout, place, fail_on=chosen.fail_on, because=why)
        except ConfigError as error:  # a library that they all need
            text = f"{text}\n{error}"
    entry = Entry(name, "", "failed", redact.redact(text), reason="client", required=True)
    session.write(replace(report, entries=(entry, *report.entries), refused=True), place)
    return session.exit_code


def _gleaned(argv: list[str]) -> Given:
    """The facts and options that can be made out of a line, whatever else is wrong with it."""
    known = {name: flag for flag in [*fact_flags(), *run_flags()] for name in flag.names}
    given: Given = {"facts": {}, "run": {}}
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        flag = known.get(name)
        if flag is None:
            continue
        if flag.switch:
            given[flag.group][flag.field] = name == flag.name
        elif text := value if equals else next(words, ""):
            several = [*given[flag.group].get(flag.field, []), text] if flag.repeated else text
            given[flag.group][flag.field] = several
    return given


def _options(session: CommandSession, given: Given) -> RunOptions:
    """As far as they are right; the default of each that is wrong."""
    environ = dict(session.environ)
    for _ in RunOptions.model_fields:
        try:
            wanted = flags.read(RunOptions, given["run"])
            return settings.load(RunOptions, wanted, environ, "EXITKIT_")
        except settings.SettingsError as error:
            for problem in error.problems:
                field = str(problem.path[0]) if problem.path else ""
                if given["run"].pop(field, None) is None:
                    environ.pop(f"EXITKIT_{field.upper()}", None)
    return RunOptions()

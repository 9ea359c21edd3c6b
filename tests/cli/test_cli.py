"""The command line: what is typed, what is found, what is printed where, and the exit code."""

import json
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

import exitkit
from exitkit import cli
from exitkit.builtin import KINDS
from exitkit.cli import typerapp
from exitkit.plan import registry
from exitkit.text import redact

DATA = Path(__file__).parents[1] / "data"
FAILURES = '[{"displayName":"train","message":"OOMKilled (exit code 137)","templateName":"t","phase":"Failed","podName":"p-t-1","finishedAt":"2026-08-21T12:40:11Z"}]'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """In an empty folder, with the plugin from the data on the path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.syspath_prepend(DATA / "plugin")
    registry._plugins.cache_clear()
    with redact.forget_all():
        yield
    monkeypatch.undo()
    registry._plugins.cache_clear()
    sys.modules.pop("trunkplay", None)


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def report(self):
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def outcomes(self):
        return {one["step"]: one["outcome"] for one in self.report["steps"]}


@pytest.fixture
def run(capsys):
    def run_it(*argv, **environ):
        code = cli.run(list(argv), environ={"ARGO_WORKFLOW_NAME": "train-x7k2p", **environ})
        return Ran(code, *capsys.readouterr())

    return run_it


@pytest.fixture
def process(tmp_path):
    def run_it(*argv, stdin=subprocess.DEVNULL, **environ):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("EXITKIT_")}
        path = os.pathsep.join([str(DATA / "plugin"), *filter(None, [clean.get("PYTHONPATH", "")])])
        done = subprocess.run(
            [sys.executable, "-m", "exitkit", *argv],
            env={**clean, "PYTHONPATH": path, "PYTHONWARNINGS": "error", **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
            stdin=stdin,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run_it


@pytest.fixture
def server():
    """Notes the bodies of what is posted to it, and takes all."""
    seen = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as one:
        Thread(target=one.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{one.server_port}/hook", seen
        one.shutdown()


def plan(text, path="exitkit.yaml"):
    Path(path).write_text(text)


def script(*ways):
    return "steps:\n" + "".join(
        f"  - {{uses: play.script, id: s{n}, with: {{do: {do}}}}}\n" for n, do in enumerate(ways)
    )


def test_the_version_is_told(run, process):
    """On standard output, and nothing else."""
    assert run("--version").out == f"exitkit {exitkit.__version__}\n"
    ran = process("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"exitkit {exitkit.__version__}\n", "")


def test_help_lists_every_command(run):
    """The four kinds and all else, each with its line."""
    ran = run("--help")
    assert ran.code == 0
    for name, text in {**typerapp.COMMANDS, **KINDS}.items():
        assert f" {name} " in ran.out
        assert text.partition(",")[0] in ran.out


@pytest.mark.parametrize(
    "argv",
    [
        ["notify", "--help"],
        ["cleanup", "--help"],
        ["notify", "console", "--help"],
        ["run", "--help"],
        ["preview", "--help"],
        ["check", "--help"],
        ["actions", "--help"],
    ],
)
def test_every_command_has_help(run, argv):
    """And asking for it is no failure."""
    ran = run(*argv)
    assert ran.code == 0
    assert "Usage: exitkit " + " ".join(argv[:-1]) in ran.out


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"],
        ["--nonsense"],
        ["notify", "nonsense"],
        ["notify", "--nonsense"],
        ["notify", "console", "--nonsense"],
        ["notify", "console", "word"],
        ["notify", "console", "--title"],
        ["notify", "--status", "Failed", "console"],
        ["run", "a.yaml", "b.yaml"],
        ["run", "--timeout", "soon"],
        ["run", "--fail-on", "nothing"],
        ["notify", "--state", "ftp://bucket"],
        ["notify", "console", "--stream", "stdin"],
        ["notify", "console", "--when", "Faild"],
        ["notify", "console", "--retry", "{attemts: 1}"],
        ["notify", "console", "--retry", "{"],
        ["notify", "console", "--title", "{{ nope }}"],
        ["notify", "console", "--facts", "novalue"],
        ["actions", "notify.nonsense"],
    ],
)
def test_what_is_typed_wrong_is_2_and_nothing_runs(run, argv):
    """With words for it on standard error, and no traceback."""
    ran = run(*argv)
    assert ran.code == 2
    assert ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_a_typing_mistake_names_the_flag(run):
    """As it is typed, and with the nearest right word."""
    assert "--stream: is not one of auto, stdout, stderr" in run("notify", "console", "--stream", "stdot").err
    assert "did you mean 'stdout'?" in run("notify", "console", "--stream", "stdot").err
    assert (
        "--title: template: there is no 'wrkflow'; did you mean 'workflow'?"
        in run("notify", "console", "--title", "{{ wrkflow }}").err
    )


def test_without_a_channel_the_console_is_told(run):
    """With no configuration at all: the message on standard error, the report on standard output."""
    ran = run("notify", "--status", "Failed", "--failures", FAILURES)
    assert ran.code == 0
    assert ran.outcomes == {"notify.console": "ok"}
    assert ran.err.startswith("train-x7k2p failed\n")
    assert "OOMKilled" in ran.err


def test_without_a_channel_all_that_are_configured_are_told(run, server):
    """By the environment alone; the console is then not one of them."""
    url, seen = server
    ran = run("notify", "--status", "Failed", EXITKIT_NOTIFY_WEBHOOK_URL=url)
    assert ran.outcomes == {"notify.webhook": "ok"}, ran.err
    assert len(seen) == 1
    assert "train-x7k2p" in seen[0]


def test_a_channel_that_is_set_up_wrongly_does_not_silence_the_others(run, server):
    """It fails alone, and says by which variable."""
    url, seen = server
    ran = run("notify", EXITKIT_NOTIFY_WEBHOOK_URL=url, EXITKIT_NOTIFY_CONSOLE_FACTS="novalue")
    assert ran.outcomes == {"notify.webhook": "ok", "notify.console": "failed"}
    assert "EXITKIT_NOTIFY_CONSOLE_FACTS" in ran.out
    assert len(seen) == 1
    assert ran.code == 1


def test_a_broken_plugin_does_not_silence_notify(run, monkeypatch, tmp_path):
    """It is fatal only where a plan uses it."""
    info = tmp_path / "site" / "sad-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sad\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[exitkit.actions]\nnotify.sad = sad_missing:Sad\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    registry._plugins.cache_clear()
    assert run("notify").outcomes == {"notify.console": "ok"}
    ran = run("notify", EXITKIT_NOTIFY_SAD_TOKEN="x")
    assert (ran.code, ran.outcomes) == (0, {"notify.console": "ok"})
    assert "notify.sad: sad cannot be imported" in ran.err
    for argv in (["actions"], ["schema"], ["--help"], ["notify", "--help"]):
        assert run(*argv).code == 0, argv


def test_without_a_channel_the_plans_notify_steps_run(run):
    """Those alone, with their own settings."""
    plan(
        "steps:\n  - {uses: play.script, fallback: [b]}\n  - {uses: notify.console, id: a, with: {title: From the plan}}\n  - {uses: notify.console, id: b}\n"
    )
    ran = run("notify")
    assert ran.outcomes == {"a": "ok", "b": "ok"}
    assert "From the plan" in ran.err
    plan("steps: [{uses: play.script}]", "other.yaml")
    assert "no notify step" in run("notify", EXITKIT_PLAN="other.yaml").err


def test_one_channel_is_addressed_by_its_flags(run):
    """Its settings, the terms and the facts stand on one command."""
    ran = run(
        "notify",
        "console",
        "--title",
        "{{ workflow.name }} is {{ workflow.status }}",
        "--facts",
        "a=b",
        "--status",
        "Error",
        "--when",
        "Error",
        "--stream",
        "stderr",
    )
    assert ran.outcomes == {"notify.console": "ok"}
    assert ran.err.startswith("train-x7k2p is Error\n")
    assert "a: b" in ran.err
    assert run("notify", "console", "--when", "Failed", "--status", "Succeeded").outcomes == {
        "notify.console": "skipped"
    }
    assert run("notify", "console", "--if", "workflow.name == 'other'").outcomes == {"notify.console": "skipped"}


def test_a_flag_goes_before_the_environment(run):
    """Also a fact's."""
    ran = run("notify", "--name", "typed", EXITKIT_NOTIFY_CONSOLE_TITLE="")
    assert ran.report["workflow"]["name"] == "typed"
    assert run("notify").report["workflow"]["name"] == "train-x7k2p"


def test_a_dry_run_does_nothing_and_says_what(run):
    """By flag and by variable."""
    for ran in (run("notify", "--dry-run"), run("notify", EXITKIT_DRY_RUN="true")):
        assert ran.report["steps"][0]["summary"] == "would notify the console"
        assert "train" not in ran.err
    assert "would" not in run("notify", "--no-dry-run", EXITKIT_DRY_RUN="true").out


def test_a_plan_is_run_by_name_by_variable_or_where_it_is_found(run):
    """In this order."""
    plan(script("ok"))
    plan(script("ok", "ok"), "two.yaml")
    plan(script("ok", "ok", "ok"), "three.yaml")
    assert len(run("run").outcomes) == 1
    assert len(run("run", EXITKIT_PLAN="two.yaml").outcomes) == 2
    assert len(run("run", "three.yaml", EXITKIT_PLAN="two.yaml").outcomes) == 3


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["run"], "there is no plan; name one, or put it in exitkit.yaml or /etc/exitkit/exitkit.yaml"),
        (["run", "no.yaml"], "no.yaml: cannot be read: no such file or directory"),
        (["check", "."], ".: cannot be read: is a directory"),
        (["run", "latin.yaml"], "latin.yaml: is not UTF-8 text"),
        (["check", "/dev/zero"], "1:1: longer than 1 MiB"),
        (
            ["check", "bad.yaml"],
            "bad.yaml:1:10: steps[0].uses: there is no action 'notify.slak'; did you mean 'notify.slack'?",
        ),
    ],
)
def test_a_plan_that_cannot_be_had_is_2(run, argv, told):
    """With its name and the reason."""
    Path("latin.yaml").write_bytes(b"steps: \xff")
    plan("steps: [{uses: notify.slak}]", "bad.yaml")
    ran = run(*argv)
    assert ran.code == 2
    assert told in ran.err


def test_a_plan_with_a_byte_order_mark_is_a_plan(run):
    """As some editors write it."""
    Path("exitkit.yaml").write_bytes(b"\xef\xbb\xbf" + script("ok").replace("\n", "\r\n").encode())
    assert run("run").code == 0


@pytest.mark.parametrize(
    ("ways", "argv", "code"),
    [
        (["ok"], [], 0),
        (["ok", "fail"], [], 1),
        (["fail"], ["--fail-on", "required"], 0),
        (["fail"], ["--fail-on", "never"], 0),
        (["exit"], [], 1),
        (["hang"], ["--timeout", "0.3"], 3),
        (["config"], [], 1),
    ],
)
def test_the_exit_code_says_how_it_ended(run, ways, argv, code):
    """0 fine, 1 a step failed, 3 time ran out."""
    plan(script(*ways))
    assert run("run", *argv).code == code


def test_nothing_but_the_report_is_on_standard_output(process):
    """One line of JSON, whatever the actions print and log."""
    Path("exitkit.yaml").write_text(script("ok", "bug") + "  - uses: notify.console\n")
    ran = process("run", EXITKIT_LOG="debug")
    assert ran.code == 1
    assert ran.outcomes == {"s0": "ok", "s1": "failed", "notify.console": "ok"}
    assert "KeyError" in ran.err


def test_a_table_is_printed_where_asked_for(run):
    """As on a terminal, and without colour where there is none."""
    plan(script("ok", "fail"))
    out = run("run", "--report-format", "table").out
    assert out.startswith("✓ s0  ok")
    assert "\033" not in out


def test_a_check_says_that_nothing_is_wrong(run):
    """And runs nothing."""
    plan(script("ok", "exit"))
    ran = run("check")
    assert (ran.code, ran.out) == (0, "2 steps, nothing wrong\n")


def test_a_preview_shows_what_would_be_sent(run):
    """And sends nothing."""
    plan("steps:\n  - {uses: notify.console, with: {title: '{{ workflow.name }}!'}}\n")
    ran = run("preview")
    assert ran.out.startswith("notify.console (notify.console): would notify the console\n  train-x7k2p!\n")
    assert ran.err == ""


def test_a_preview_needs_no_facts(run, monkeypatch):
    """A workflow that might be stands in, of which a flag may say otherwise."""
    plan(
        "steps:\n  - {uses: notify.console, with: {title: '{{ workflow.status }} {{ workflow.failures | length }}'}}\n"
    )
    for sample, told in (
        ("failed", "Failed 4"),
        ("succeeded", "Succeeded 0"),
        ("many", "Failed 41"),
        ("bare", "Failed 0"),
    ):
        assert f"\n  {told}\n" in run("preview", "--sample", sample).out
    assert "\n  Error 4\n" in run("preview", "--sample=failed", "--status", "Error").out
    assert run("preview", "--sample", "odd").code == 2


def test_a_preview_and_a_manifest_need_no_secrets(run):
    """They are in the cluster: what a channel would send is shown all the same, and which secret was made up."""
    plan("""steps:
  - {uses: notify.slack, with: {channel: "#ops"}}
  - {uses: notify.slack, id: hook, with: {webhook_url_file: /etc/slack/url}}
  - {uses: ship.datadog}
""")
    ran = run("preview", "--sample", "failed")
    assert ran.code == 0
    for told in ("would notify Slack #ops", "would notify Slack by its webhook", "to Datadog at"):
        assert told in ran.out
    assert [line.split()[1] for line in ran.out.splitlines() if "is not known here" in line] == [
        "token",
        "webhook_url",
        "api_key",
    ]
    assert "made-up" not in ran.out
    assert run("manifest", "exitkit.yaml").code == 0
    assert run("run", "--dry-run", "--status", "Failed").code != 0


def test_a_preview_of_a_cleanup_makes_up_no_secret(run):
    """It looks at what is there, and would ask a server that nobody meant."""
    plan("steps:\n  - {uses: cleanup.sql, with: {schemas: ['{{ workflow.name }}']}}\n")
    assert "url: is missing" in run("preview", "--sample", "failed").out


def test_a_preview_shows_the_mail(run, tmp_path):
    """As a page for a browser, or in words that a terminal can show."""
    mail = "{uses: notify.email, with: {host: h, sender: a@example.com, to: b@example.com}}"
    plan(f"steps:\n  - {mail}\n  - {{uses: notify.console}}\n")
    page = run("preview", "--sample", "failed", "--html").out
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert "<html" not in run("preview", "--sample", "failed").out
    plan("steps:\n  - {uses: notify.console}\n")
    ran = run("preview", "--html")
    assert ran.code == 2
    assert "no step of the plan would send HTML" in ran.err


@pytest.mark.parametrize("argv", [["-h"], ["help"], ["notify", "-h"], ["help", "notify", "console"], ["check", "-h"]])
def test_help_is_found_in_every_way_it_is_looked_for(run, argv):
    """A short flag, a word before, a word alone."""
    ran = run(*argv)
    assert ran.code == 0
    assert ran.out.startswith("Usage: exitkit")


def test_the_version_is_a_word_too(run):
    """As with most commands."""
    assert run("version").out == run("--version").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no"], ["notify"]),
        (["notify", "con"], ["console"]),
        (["notify", "console", "--tit"], ["--title"]),
        (["run", "--fail"], ["--fail-on", "--failures"]),
        (["preview", "--sam"], ["--sample"]),
        (["actions", "notify.e"], ["notify.email"]),
        (["nonsense", ""], []),
        (["vers"], ["version"]),
    ],
)
def test_a_shell_completes_what_is_begun(run, words, told):
    """Commands, actions, and the flags of what has been named."""
    assert run("completion", "words", *words).out.split() == told


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_is_a_script_that_the_shell_takes(run, shell):
    """And it asks for exactly the words that have been typed."""
    script = run("completion", shell).out
    assert "complete -o default -F _exitkit exitkit" in script
    if shell == "bash":
        asked = 'exitkit() { printf \'%s,\' "$@"; }; COMP_WORDS=(exitkit notify sl); COMP_CWORD=2; _exitkit; echo "$COMPREPLY"'
        ran = subprocess.run(
            ["/bin/bash", "-c", script + asked], capture_output=True, text=True, timeout=30, check=True
        )
        assert ran.stdout.strip() == "completion,words,notify,sl,"
    assert run("completion", "tcsh").code == 2


def test_a_check_says_what_a_run_would_do_wrong_and_a_run_does_what_it_can(run):
    """A typing mistake in a text costs a gap in a message, not the message."""
    plan("steps:\n  - {uses: notify.console, with: {title: '{{ workflow.nmae }}'}}\n")
    ran = run("check")
    assert ran.code == 2
    assert "exitkit.yaml:2:35: steps[0].with.title: there is no workflow.nmae; did you mean 'name'?" in ran.err
    assert run("run", "--status", "Failed").code == 0


def test_mentions_of_a_template_are_told_apart_only_once_it_is_filled_in(run, server):
    """A blank in a template is none between two mentions."""
    url, seen = server
    plan(
        f"steps:\n  - {{uses: notify.slack, with: {{webhook_url: '{url}', mention: ['{{{{ workflow.labels.who }}}}', here]}}}}\n"
    )
    ran = run("run", "--status", "Failed", "--labels", '{"who": "U0ABC, jane"}')
    assert ran.code == 0
    assert "left out: mention 'jane'" in json.loads(ran.out)["steps"][0]["notes"][0]
    assert "<@U0ABC> <!here>" in str(seen)


def test_a_gap_in_an_address_is_the_steps_error_and_its_fallback_hears_of_it(run, server):
    """Nothing goes to a channel that nobody named."""
    url, seen = server
    plan(
        "steps:\n"
        "  - {uses: notify.slack, fallback: hook, with: {token: xoxb-1, channel: '#wf-{{ workflow.labels.team }}'}}\n"
        f"  - {{uses: notify.webhook, id: hook, with: {{url: '{url}', text: 'for {{{{ workflow.labels.team }}}}'}}}}\n"
    )
    ran = run("run", "--status", "Failed")
    assert ran.code == 0
    steps = json.loads(ran.out)["steps"]
    assert "left out: channel '#wf-(team?)' is no channel's id or name" in steps[0]["summary"]
    assert steps[1]["outcome"] == "ok"
    assert "(team?)" in str(seen)


def test_a_tenant_in_a_header_is_no_secret_and_a_key_is_one(run, server):
    """The word `search` stays in the report, and the key is nowhere."""
    url, _ = server
    argv = ["--url", url, "--headers", "X-Scope-OrgID=search", "--headers", "X-Api-Key=k3y-0123456789"]
    ran = run(
        "notify", "webhook", *argv, "--title", "search is down, k3y-0123456789", "--status", "Failed", "--dry-run"
    )
    assert "search is down, ***" in ran.out
    assert "k3y-0123456789" not in ran.out + ran.err


def test_actions_are_listed_and_described(run):
    """Those of plugins with who gives them, those that are broken with why; one alone with its settings."""
    ran = run("actions")
    told = re.sub(" {2,}", "  ", ran.out)
    assert "notify.console  Print the message on the console.\n" in told
    assert "play.script  Play one way to end.  (trunkplay)\n" in told
    assert "play.leaves  ! trunkplay cannot be imported (SystemExit: 0)" in told
    one = run("actions", "play.script").out
    assert one.startswith("play.script: Play one way to end.\n")
    assert "token, token_file" in one
    assert "EXITKIT_PLAY_SCRIPT_MOOD" in one


def test_no_secret_is_shown_anywhere(run, server):
    """Not in the report, not on standard error, not in the text of a failure."""
    url, _ = server
    secret = "hunter2-hunter2"
    plan(
        f"steps:\n  - {{uses: play.script, with: {{do: fail, say: 'it was {secret}', token: {secret}}}}}\n  - {{uses: notify.console, with: {{text: 'say {secret}'}}}}\n"
    )
    for argv in (["run"], ["run", "--report-format", "table"], ["preview"]):
        ran = run(*argv, EXITKIT_NOTIFY_WEBHOOK_URL=url, EXITKIT_LOG="debug")
        assert secret not in ran.out + ran.err


def test_a_receipt_keeps_a_second_run_from_telling_again(run):
    """With a folder that both see."""
    first = run("notify", "--uid", "u", "--status", "Failed", "--state", "receipts")
    second = run("notify", "--uid", "u", "--status", "Failed", "--state", "receipts")
    assert (first.outcomes, second.outcomes) == ({"notify.console": "ok"}, {"notify.console": "duplicate"})
    assert (second.code, second.err) == (0, "")


def test_the_state_is_what_the_flag_the_variable_or_the_plan_says(run):
    """In this order; a dry run leaves nothing there."""
    plan("state: by-plan\nsteps: [{uses: notify.console}]")
    facts = ("--uid", "u", "--status", "Failed")
    run("run", *facts, "--dry-run")
    assert not Path("by-plan").exists()
    for argv, more in (
        ((), {}),
        ((), {"EXITKIT_STATE": "by-variable"}),
        (("--state", "by-flag"), {"EXITKIT_STATE": "x"}),
    ):
        assert run("run", *facts, *argv, **more).outcomes == {"notify.console": "ok"}
    assert run("run", *facts).outcomes == {"notify.console": "duplicate"}
    assert run("notify", *facts).outcomes == {"notify.console": "duplicate"}, "its notify steps are the same"
    assert {name for name in ("by-plan", "by-variable", "by-flag", "x") if list(Path(name).glob("*.json"))} == {
        "by-plan",
        "by-variable",
        "by-flag",
    }


def test_a_plan_knows_how_earlier_runs_ended(run):
    """In its templates, its conditions and its words; the series is the CronWorkflow, or what the plan says."""
    plan(
        """
        state: state
        steps:
          - {id: count, uses: notify.console, with: {title: "{{ history.failures_in_a_row }} in a row"}}
          - {id: many, uses: notify.console, if: history.failures_in_a_row >= 3}
          - {id: first, uses: notify.console, when: FirstFailure}
          - {id: still, uses: notify.console, when: [StillFailing]}
          - {id: fixed, uses: notify.console, when: Fixed}
        """
    )
    labels = '{"workflows.argoproj.io/cron-workflow": "nightly"}'
    told = []
    for number, status in enumerate(["Failed", "Error", "Failed", "Succeeded", "Succeeded"]):
        ran = run("run", "--uid", f"u{number}", "--status", status, "--labels", labels, "--namespace", "ml")
        assert (ran.code, ran.report["notes"]) == (0, [])
        told.append([name for name, outcome in ran.outcomes.items() if outcome == "ok"])
        assert f"{number + 1 if status != 'Succeeded' else 0} in a row" in ran.err
    assert told == [
        ["count", "first"],
        ["count", "still"],
        ["count", "many", "still"],
        ["count", "fixed"],
        ["count"],
    ]
    assert len(list(Path("state").glob("history.*"))) == 1, "each end is added once"
    assert run("check").code == 0


def test_a_state_that_data_makes_none_of_is_a_note(run):
    """A label that is missing, or a name that is none, must not cost the message."""
    for state in ("{{ workflow.labels['team'] }}", "configmap://argo/exitkit-{{ workflow.cronWorkflow }}"):
        plan(f'state: "{state}"\nsteps: [{{uses: notify.console}}]')
        ran = run("run", "--status", "Failed")
        assert (ran.code, ran.outcomes) == (0, {"notify.console": "ok"})
        assert any(note.startswith("state is left out: ") for note in ran.report["notes"])


@pytest.mark.parametrize("state", [(), ("--state", "file"), ("--state", "state")], ids=["none", "broken", "no series"])
def test_where_nothing_is_known_of_earlier_runs_argos_words_count(run, state):
    """And the report says so."""
    Path("file").write_text("x")
    plan(
        """
        steps:
          - {id: first, uses: notify.console, when: FirstFailure}
          - {id: still, uses: notify.console, when: StillFailing}
          - {id: fixed, uses: notify.console, when: Fixed}
        """
    )
    labels = () if state[1:] == ("state",) else ("--labels", "workflows.argoproj.io/cron-workflow=nightly")
    ran = run("run", "--uid", "u", "--status", "Failed", *labels, *state)
    assert ran.outcomes == {"first": "ok", "still": "ok", "fixed": "skipped"}
    assert any("nothing is known of earlier runs" in note for note in ran.report["notes"])
    assert run("run", "--uid", "v", "--status", "Succeeded", *labels, *state).outcomes["fixed"] == "ok"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("state: ftp://x", "state: ftp:// is no place for it"),
        ("state: '{{ steps.a }}'", "state: template: only the workflow's facts can be read here, not 'steps'"),
        ("series: '{{ workflow'", "series: template:"),
        ("steps: [{uses: notify.console, if: history.failures > 1}]", "there is no history.failures"),
    ],
)
def test_check_knows_what_is_remembered(run, text, told):
    """A place that is none, a template that reads what there never is."""
    plan(text if text.startswith("steps") else f"{text}\nsteps: [{{uses: notify.console}}]")
    ran = run("check")
    assert ran.code == 2
    assert told in ran.err


def test_a_state_that_cannot_be_kept_stops_no_delivery(run):
    """It is told what is not promised now, and the exit code is that of the delivery."""
    Path("file").write_text("x")
    ran = run("notify", "--uid", "u", "--status", "Failed", "--state", "file")
    assert (ran.code, ran.outcomes) == (0, {"notify.console": "ok"})
    assert "no receipt kept, so another run may deliver again: file: " in ran.out


def test_control_characters_in_an_error_do_not_reach_the_terminal(run):
    """A key of a plan may hold anything."""
    plan('steps: [{uses: notify.console, with: {"\\e]0;x\\a": 1}}]')
    ran = run("check")
    assert ran.code == 2
    assert not {"\x1b", "\x07"} & set(ran.err)


@pytest.mark.parametrize("close", ["1", "2", "1,2", "0,1,2"])
def test_closed_streams_are_no_failure(close, process, tmp_path):
    """Whoever started it may have closed them."""
    plan(script("ok") + "  - uses: notify.console\n")
    redirect = " ".join(f"{number}>&-" for number in close.split(","))
    command = ["sh", "-c", f'exec "$0" -m exitkit run {redirect}', sys.executable]
    environ = {**os.environ, "PYTHONPATH": str(DATA / "plugin")}
    done = subprocess.run(command, env=environ, capture_output=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("reader", ["true", "cat >/dev/full"])
def test_a_reader_that_goes_away_is_no_failure(reader, tmp_path):
    """The exit code is that of the run."""
    plan(script("fail"))
    environ = {**os.environ, "PYTHONPATH": str(DATA / "plugin")}
    target = ">/dev/full" if "full" in reader else "| true"
    command = f'{sys.executable} -m exitkit run {target}; test "$?" -le 1'
    done = subprocess.run(
        ["bash", "-c", command], env=environ, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_the_process_ends_though_an_abandoned_attempt_hangs(process):
    """What nobody waits for does not hold up the end."""
    plan(script("hang"))
    ran = process("run", "--timeout", "0.3")
    assert (ran.code, ran.outcomes) == (3, {"s0": "failed"})


def test_a_demo_that_has_no_folder_says_so(run, tmp_path):
    """And does not blame standard output."""
    (tmp_path / "plan.yaml").write_text("steps: []")
    ran = run("demo", "plan.yaml")
    assert ran.code == 2
    assert "plan.yaml cannot be made a folder for the demo: " in ran.err
    assert "standard output" not in ran.err

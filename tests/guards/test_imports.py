"""Each outside library has one place, and each way of waiting too."""

import ast

# Libraries that talk to the outside world, each with the room that owns it.
OUTWARD = {
    "apprise": "exitkit.notify.apprise",
    "boto3": "exitkit.clients.aws",
    "botocore": "exitkit.clients.aws",
    "duckdb": "exitkit.process.query",
    "resvg_py": "exitkit.process.report.picture",
    "google": "exitkit.clients.gcp",
    "http.client": "exitkit.clients.http",
    "lightkube": "exitkit.clients.kubernetes.kubeconfig",
    "slack_sdk": "exitkit.notify.slack.client",
    "smtplib": "exitkit.notify.email",
    "sqlalchemy": "exitkit.clients.sql",
    "urllib3": "exitkit.clients.http",
}
# Those that take long to load: there only inside a function, so that no other action pays for them.
HEAVY = set(OUTWARD) - {"http.client", "smtplib", "urllib3"}
# One HTTP client is enough, and the retry loop and the templates each have one home.
REFUSED = {"aiohttp", "httpx", "requests", "urllib.request"}
HOMES = {"tenacity": {"exitkit.retry"}, "jinja2": {"exitkit.plan.template"}}
# Where a missing library becomes an error that names the extra, and where a test checks more if it can.
MAY_CATCH_IMPORT_ERROR = {"exitkit.settings.extras", "exitkit.testing.certificates", "exitkit.testing.declaration"}
SLEEPS = {"exitkit.retry.clock"}


def within(name, tops):
    return next((top for top in tops if name == top or name.startswith(f"{top}.")), None)


def misplaced(one):
    """Every import that this module must not have."""
    for imported in one.imports():
        where = f"{one.name}:{imported.line} imports {imported.name}"
        if top := within(imported.name, REFUSED):
            yield f"{where}: {top} has no place here"
        library = within(imported.name, OUTWARD)
        if library and not within(one.name, {OUTWARD[library]}):
            yield f"{where}: {library} belongs in {OUTWARD[library]}"
        if within(imported.name, HEAVY) and imported.at_load:
            yield f"{where}: inside a function, please, it takes long to load"
        home = within(imported.name, HOMES)
        if home and not within(one.name, HOMES[home]):
            yield f"{where}: {home} belongs in {', '.join(HOMES[home])}"


def sleeping(one):
    """Every call that waits for time to pass, where nothing may wait."""
    if one.name in SLEEPS:
        return
    for node in one.walk():
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep":
            yield f"{one.name}:{node.lineno} sleeps"
    for imported in one.imports():
        if imported.name == "time.sleep":
            yield f"{one.name}:{imported.line} imports sleep"


def catching_import_errors(one):
    """Every place that goes on without a library as though nothing were missing."""
    if one.name in MAY_CATCH_IMPORT_ERROR:
        return
    for node in one.walk():
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            caught = {part.rpartition(".")[2] for part in ast.unparse(node.type).strip("()").split(", ")}
            if caught & {"ImportError", "ModuleNotFoundError"}:
                yield f"{one.name}:{node.lineno} catches ImportError"


def test_each_library_has_its_place(sources):
    """SDKs are imported in the room that owns them, the slow ones when they are needed; no second HTTP client."""
    assert [found for one in sources for found in misplaced(one)] == []


def test_only_the_clock_sleeps(sources):
    """Whatever waits does so by the clock, which tests replace and deadlines cut short."""
    assert [found for one in sources for found in sleeping(one)] == []


def test_a_missing_library_is_never_passed_over(sources):
    """There is one place that turns ImportError into the name of the extra."""
    assert [found for one in sources for found in catching_import_errors(one)] == []


def test_the_guard_sees_a_misplaced_import(source):
    """Each rule is seen broken, and a proper import is let through."""
    for name, text in (
        ("exitkit.notify.slack", "import slack_sdk"),
        ("exitkit.notify.slack", "def f():\n    from slack_sdk.web import WebClient"),
        ("exitkit.notify.slack", "import smtplib"),
        ("exitkit.clients.aws", "import boto3"),
        ("exitkit.clients.gcp", "from google.cloud import storage"),
        ("exitkit.clients.http", "import requests"),
        ("exitkit.clients.http", "from urllib import request"),
        ("exitkit.run", "from tenacity import Retrying"),
        ("exitkit.cli", "import jinja2"),
    ):
        assert list(misplaced(source(name, text))), text
    for name, text in (
        ("exitkit.clients.http", "import urllib3\nfrom urllib import parse"),
        ("exitkit.clients.aws", "def s3():\n    import boto3"),
        ("exitkit.clients.aws", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import boto3"),
        ("exitkit.retry", "from tenacity import Retrying"),
    ):
        assert list(misplaced(source(name, text))) == [], text


def test_the_guard_sees_a_sleep_and_a_caught_import_error(source):
    """By whatever name it is called."""
    for text in ("import time\ntime.sleep(1)", "self.clock.sleep(1)", "from time import sleep", "sleep(1)"):
        assert list(sleeping(source("exitkit.retry", text))), text
    assert list(sleeping(source("exitkit.retry.clock", "import time\ntime.sleep(1)"))) == []
    for name in ("ImportError", "(ValueError, ModuleNotFoundError)"):
        text = f"try:\n    import boto3\nexcept {name}:\n    boto3 = None"
        assert list(catching_import_errors(source("exitkit.ship.s3", text))), text

"""The pages that come from the declarations are those that are committed."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exitkit.builtin import BUILTIN, KINDS
from exitkit.plan import check, registry
from exitkit.settings import fields

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# What a page says comes from the environment, has some value there.
VARIABLE = re.compile(r"EXITKIT_[A-Z0-9_]+")


@pytest.fixture(scope="session")
def generate():
    spec = importlib.util.spec_from_file_location("exitkit_docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pages(generate):
    return generate.pages()


def test_committed_pages_are_what_is_generated(pages):
    """Nobody has to remember the pages when a setting changes; `make docs` writes them anew."""
    there = {name: (DOCS / name).read_text("utf-8") for name in pages if (DOCS / name).is_file()}
    differing = [name for name, text in pages.items() if there.get(name) != text]
    assert differing == [], "run make docs"


def test_pages_do_not_depend_on_the_terminal_or_on_plugins(generate, pages, monkeypatch):
    """They are the same on every machine."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(registry, "_plugins", lambda: {"notify.ntfy": []})
    assert generate.pages() == pages


def test_check_names_what_differs(generate, pages, monkeypatch, tmp_path, capsys):
    """And writes nothing, so that it can be asked anywhere."""
    monkeypatch.setattr(generate, "pages", lambda: pages)
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    assert generate.main(["--check"]) == 1
    assert not list(tmp_path.iterdir())
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "actions/notify/console.md").write_text("old")
    (tmp_path / "actions/notify/gone.md").write_text("old")
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr().out
    assert "actions/notify/console.md" in told
    assert "actions/notify/gone.md" in told


def test_the_script_runs_by_itself():
    """As `make docs` and a continuous integration call it."""
    ran = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True, check=False, timeout=120
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_every_page_shows_every_setting(pages):
    """Key, variable and meaning; a secret's file as well."""
    for name in BUILTIN:
        page = pages[f"actions/{name.replace('.', '/')}.md"]
        for key, field in fields.keys(registry.find(name)).items():
            assert f"`{key}`" in page
            assert f"`{registry.prefix(name)}{key.upper()}`" in page
            assert field.description.replace("<", "&lt;") in page


@pytest.mark.parametrize("name", BUILTIN)
def test_example_is_a_plan_without_fault(name, schema_validator):
    """What a page shows runs as it stands, and an editor has nothing to say about it."""
    text = (DOCS / "examples" / f"{name}.yaml").read_text("utf-8")
    environ = dict.fromkeys(VARIABLE.findall(text), "made-up-secret-value")
    read = check.read(text, f"{name}.yaml", environ)
    assert name in [step.uses for step in read.each()]
    assert [one.message for one in schema_validator.iter_errors(yaml.safe_load(text))] == []


def test_plans_in_prose_are_without_fault(schema_validator):
    """What the README and the guides show can be copied."""
    found = 0
    for path in (ROOT / "README.md", *DOCS.glob("*.md")):
        for block in re.findall(r"^```yaml\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            if not re.search(r"^steps:", block, re.MULTILINE):
                continue
            found += 1
            check.read(block, path.name, {"EXITKIT_NOTIFY_SLACK_TOKEN": "xoxb-made-up-secret-value"})
            assert [one.message for one in schema_validator.iter_errors(yaml.safe_load(block))] == [], path
    assert found >= 2


def test_commands_in_prose_are_taken_by_the_command_line(monkeypatch, tmp_path, capsys):
    """What a page shows can be typed; what acts is tried in a dry run."""
    import shlex

    from exitkit import cli

    monkeypatch.chdir(tmp_path)
    (tmp_path / "exitkit.yaml").write_text("steps: [{uses: notify.console}]", "utf-8")
    for name in ("fail.log", "pass.log"):
        (tmp_path / name).write_text("started\n", "utf-8")
    (tmp_path / "runs.json").write_text('{"kind": "List", "items": []}', "utf-8")
    lines = [
        line.removeprefix("$ exitkit ")
        for path in (ROOT / "README.md", *DOCS.glob("*.md"))
        for block in re.findall(r"^```console\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("$ exitkit ")
    ]
    assert len(lines) >= 4
    for line in lines:
        words = shlex.split(line, comments=True)
        words = words[: words.index(">")] if ">" in words else words
        dry = ["--dry-run"] if words[0] in KINDS or words[0] == "run" else []
        assert cli.run([*words, *dry], environ={}) == 0, (line, capsys.readouterr())


def test_the_workflow_of_the_hera_recipe_has_the_hook():
    """The lines run as they stand, and make the three lines of the manifests."""
    text = (DOCS / "recipes.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names = {}
    exec(compile(block, "recipes.md", "exec"), names)
    made = yaml.safe_load(names["workflow"].to_yaml())
    assert made["spec"]["hooks"] == {"exit": {"templateRef": {"name": "exitkit", "template": "notify"}}}


def test_errors_that_are_explained_are_errors_that_exist():
    """Whoever looks for the text of an error finds it as exitkit says it."""
    page = (DOCS / "troubleshooting.md").read_text("utf-8").partition("## By error")[2].partition("## ")[0]
    told = [row.split("`")[1] for row in page.splitlines() if row.startswith("| `")]
    assert len(told) >= 6
    sources = " ".join(path.read_text("utf-8") for path in (ROOT / "exitkit").rglob("*.py"))
    joined = re.sub(r'"\s*\n?\s*f?"', "", sources)  # texts that stand on two lines
    for text in told:
        pieces = [piece.strip() for piece in re.split(r"'[^']*'|exitkit.yaml|/etc/\S+", text)]
        assert max(pieces, key=len) in joined, text


def test_the_places_where_things_are_changed_are_there():
    """Whoever looks a thing up in CONTRIBUTING finds it."""
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Where do I change X")[2].partition("\n## ")[0]
    rows = [row.split("|")[2] for row in table.splitlines() if row.startswith("| ")][1:]
    assert len(rows) >= 20
    named = [name for row in rows for name in re.findall(r"`([a-z_]+/[a-z_/]+(?:\.py)?)`", row)]
    assert [name for name in named if not ((ROOT / name).exists() or (ROOT / "exitkit" / name).exists())] == []


def test_links_between_pages_lead_somewhere():
    """Also those of the pages that are written by hand."""
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in (*DOCS.rglob("*.md"), *ROOT.glob("examples/**/*.md"))
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
        if not (path.parent / link).exists()
    ]
    assert broken == []


def test_examples_belong_to_actions():
    """One for each action, and none for what is no action any more."""
    assert sorted(path.stem for path in (DOCS / "examples").glob("*.yaml")) == sorted(BUILTIN)


def test_command_of_a_page_is_taken_by_the_command_line(generate, pages):
    """The flags exist and the words are quoted; checked in a dry run."""
    import shlex

    from exitkit import cli

    for name in BUILTIN:
        example = generate.example_of(name)
        line = generate.command_of(name, registry.find(name), example)
        words = shlex.split(line.replace("\\\n", " "))
        assert words[0] == "exitkit"
        environ = dict.fromkeys(VARIABLE.findall(example), "made-up-secret-value")
        facts = ["--status", "Failed", "--name", "train-1", "--namespace", "ml", "--parameters", "date=today"]
        code = cli.run([*words[1:], "--dry-run", *facts], environ=environ)
        assert code in (0, 1), f"{line} ended with {code}"


def test_committed_schema_is_json(pages):
    """The schema that editors fetch is the one that `exitkit schema` prints without plugins."""
    made = json.loads((DOCS / "exitkit.schema.json").read_text("utf-8"))
    assert made["$defs"]["Step"]["properties"]["uses"]["enum"] == list(BUILTIN)


@pytest.fixture(scope="session")
def schema_validator():
    import jsonschema

    from exitkit.plan import schema

    return jsonschema.Draft202012Validator(schema.plan_schema(BUILTIN))


def draw():
    spec = importlib.util.spec_from_file_location("exitkit_docs_draw", DOCS / "pictures/draw.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures_show_what_is_sent_today():
    """Each picture bears the digest of the page that it was drawn from; no browser is needed to see that it is stale."""
    drawing = draw()
    stale = [
        name
        for name in drawing.PICTURES
        if drawing.digest_in((DOCS / f"pictures/{name}.png").read_bytes()) != drawing.digest(drawing.page(name))
    ]
    assert stale == [], "run python docs/pictures/draw.py"


def test_every_picture_is_shown_and_can_be_drawn_anew():
    """A picture that no page shows is nobody's, and one that nothing draws grows old."""
    shown = {
        Path(found).name
        for page in [ROOT / "README.md", *DOCS.rglob("*.md")]
        for found in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text("utf-8"))
    }
    there = {one.name for one in (DOCS / "pictures").iterdir() if one.suffix in (".png", ".svg")}
    assert shown == there == {"house.svg", *(f"{name}.png" for name in draw().PICTURES)}


def test_a_picture_keeps_the_digest_it_was_given():
    """Also where it is stamped twice."""
    drawing = draw()
    picture = (DOCS / "pictures/slack.png").read_bytes()
    twice = drawing.stamped(drawing.stamped(picture, "old"), "new")
    assert drawing.digest_in(twice) == drawing.digest("new")
    assert len(twice) == len(picture)


def test_the_kinds_of_settings_that_plugins_are_told_of_are_there():
    """The lines run as they stand, and what the page says of each field is so."""
    text = (DOCS / "plugins.md").read_text("utf-8").partition("## Kinds of settings")[2]
    (block,) = re.findall(r"^```python\n(.*?)^```", text.partition("## ")[0], re.DOTALL | re.MULTILINE)
    names = {}
    exec(compile(block, "plugins.md", "exec"), names)
    pager = names["Pager"]
    assert fields.addresses_of(pager) == {"room"}
    assert fields.secrets_of(pager) == ("token",)
    assert fields.are_headers(pager.model_fields["headers"])

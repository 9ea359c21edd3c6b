"""The Dockerfile keeps its promises: locked, without rights, and found by the executor."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def parse(text):
    """The instructions, with lines joined, as (word, rest)."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def wrong(text):
    """Every promise that this Dockerfile breaks."""
    instructions, final = parse(text), final_stage(text)
    words = {word for word, _ in instructions}
    runs = [rest for word, rest in instructions if word == "RUN"]
    found = [f"{word} is not for here" for word in ("ADD", "HEALTHCHECK", "SHELL", "VOLUME") if word in words]
    found += [f"fetches by hand: {rest}" for rest in runs if re.search(r"\b(curl|wget|git clone|apt-get)\b", rest)]
    found += [f"needs a newer builder: {rest}" for rest in runs if rest.startswith("--mount") or "<<" in rest]
    for rest in runs:
        for command in re.split(r"&&|\|\||;", rest):
            is_locked = {"--require-hashes", "--only-binary", "--no-deps"} <= set(command.split())
            is_ours = {"--no-index", "--no-deps"} <= set(command.split())
            if re.search(r"\bpip\b.*\b(install|wheel|download)\b", command) and not (is_locked or is_ours):
                found.append(f"installs what no lock names: {command.strip()}")
    users = [rest for word, rest in final if word == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        found.append("the user is not a number other than root's")
    entries = [rest for word, rest in final if word == "ENTRYPOINT"]
    if not entries or not entries[-1].startswith("["):
        found.append("the entry point goes through a shell")
    return found


@pytest.fixture(scope="module")
def dockerfile():
    return (ROOT / "Dockerfile").read_text("utf-8")


def final_stage(text):
    instructions = parse(text)
    return instructions[len(instructions) - [word for word, _ in reversed(instructions)].index("FROM") :]


def rests(dockerfile, wanted):
    return [rest for word, rest in parse(dockerfile) if word == wanted]


def test_the_image_is_locked_and_without_rights(dockerfile):
    """Every dependency by its hash, a numeric user, no shell at the door."""
    assert wrong(dockerfile) == []


def test_the_base_is_one_exact_release(dockerfile):
    """By its whole name, which every builder knows, so that a new base is a change that is seen."""
    base = next(rest for rest in rests(dockerfile, "ARG") if rest.startswith("BASE="))
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.1[1234]\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    recipe = (ROOT / "examples" / "exitkit-ntfy" / "Dockerfile").read_text("utf-8")
    assert base in rests(recipe, "ARG")  # a plugin is installed by the interpreter that will run it


def test_the_final_stage_begins_with_nothing(dockerfile):
    """The base brings an interpreter and its libraries, and neither its shell nor its package manager."""
    assert rests(dockerfile, "FROM") == ["${BASE} AS build", "scratch"]
    assert all(rest.startswith("--from=build ") for word, rest in final_stage(dockerfile) if word == "COPY")
    assert "RUN" not in {word for word, _ in final_stage(dockerfile)}


def test_the_command_is_on_the_path(dockerfile):
    """Argo's executor looks up `exitkit` in PATH, and the entry point is the same file."""
    (entry,) = json.loads(rests(dockerfile, "ENTRYPOINT")[-1])
    folder = entry.removesuffix("/exitkit")
    assert rests(dockerfile, "ENV")[-1].split()[0].startswith(f"PATH={folder}:")
    assert rests(dockerfile, "WORKDIR")[-1] == "/"


def test_bytecode_is_made_in_the_build(dockerfile):
    """A read-only root can keep none later; of exitkit, of what it needs, and of the standard library."""
    made = re.findall(r"image/bytecode\.py (\S+)", " ".join(rests(dockerfile, "RUN")))
    kept = [rest.split()[1] for word, rest in final_stage(dockerfile) if word == "COPY"]
    assert made == ["/opt/exitkit", "/image", "/own"]
    assert sorted(made) == sorted(kept)


def test_the_recipe_for_plugins_is_the_example(dockerfile):
    """What docs/plugins.md shows is what the integration test builds and runs."""
    (shown,) = re.findall(r"```dockerfile\n(.*?)```", (ROOT / "docs" / "plugins.md").read_text("utf-8"), re.DOTALL)
    recipe = (ROOT / "examples" / "exitkit-ntfy" / "Dockerfile").read_text("utf-8")
    assert parse(shown) == parse(recipe)


def test_only_what_the_image_needs_is_sent_to_the_builder(dockerfile):
    """Everything is left out but what is copied."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    copies = [rest for rest in rests(dockerfile, "COPY") if "--from" not in rest]
    # Both variants of the image are built of what is sent.
    written = [rest.replace("${LOCK}", lock) for rest in copies for lock in ("core", "full")]
    copied = {part for rest in written for part in rest.split()[:-1]}
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / one).exists() for one in copied)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("USER 65532:65532", "USER exitkit"),
        ("USER 65532:65532", "USER 0:0"),
        ("USER 65532:65532\n", ""),
        ('ENTRYPOINT ["/opt/exitkit/bin/exitkit"]', "ENTRYPOINT exitkit"),
        ("--require-hashes --only-binary :all: --no-deps --no-compile", "--no-deps"),
        ("--require-hashes --only-binary :all: --no-deps -r requirements/build.lock", "hatchling"),
        ("COPY exitkit exitkit", "ADD exitkit exitkit"),
        ("COPY exitkit exitkit", "RUN curl -O https://example.com/exitkit"),
        ("COPY exitkit exitkit", "RUN pip install argo-exitkit"),
    ],
)
def test_a_broken_promise_is_seen(dockerfile, old, new):
    """Each check fails when what it checks is not so."""
    assert old in dockerfile
    assert wrong(dockerfile.replace(old, new)) != []

"""Every field of every model has a flag, whatever its type, and one meaning."""

import contextlib
import io
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from exitkit import cli, settings
from exitkit.builtin import BUILTIN
from exitkit.cli import commands, typerapp
from exitkit.cli import flags as options
from exitkit.plan import check, registry
from exitkit.settings import fields
from exitkit.text import redact

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(autouse=True, scope="module")
def _plugin():
    """The plugin from the data, as if pip had put it there."""
    with pytest.MonkeyPatch.context() as patch, redact.forget_all():
        patch.syspath_prepend(DATA / "plugin")
        registry._plugins.cache_clear()
        yield
    registry._plugins.cache_clear()
    sys.modules.pop("trunkplay", None)


class Typed:
    """Runs one command with what is typed, and keeps what came of it."""

    def __init__(self, model):
        import typer

        self.model = model
        self.command = options.command("it", "Do it.", options.flags("it", model, "X_"), self.take)
        app = typer.Typer(add_completion=False)
        app.command()(typerapp.function(self.command))
        self.app = app

    def take(self, given, _):
        self.given = options.read(self.model, given["it"])

    def __call__(self, *words):
        self.app([*words], standalone_mode=False)
        return settings.load(self.model, self.given, {}, "X_")


WORDS = {
    "text": (["--text", "b c"], "b c"),
    "number": (["--number", "-3"], -3),
    "ratio": (["--ratio", "1e-3"], 0.001),
    "switch": (["--switch"], True),
    "maybe": (["--no-maybe"], False),
    "choice": (["--choice", "y"], "y"),
    "color": (["--color", "blue"], "blue"),
    "path": (["--path", "/a b"], "/a b"),
    "moment": (["--moment", "2026-01-02T03:04:05Z"], "2026-01-02T03:04:05Z"),
    "exact": (["--exact", "0.10"], "0.10"),
    "pause": (["--pause", "1m"], 60.0),
    "room": (["--room", "1Ki"], 1024),
    "many": (["--many", "1", "--many", "2"], [1, 2]),
    "couple": (["--couple", "a,b", "--couple", "c"], ["a,b", "c"]),
    "unique": (["--unique", "a"], ["a"]),
    "bare": (["--bare", "a"], ["a"]),
    "named": (["--named", "a=1", "--named", "b=2"], {"a": 1, "b": 2}),
    "secret": (["--secret", "hunter2"], "**********"),
    "mixed": (["--mixed", "[1, 2]"], [1, 2]),
    "inner": (["--inner", "{width: 2}"], {"width": 2, "names": []}),
    "inners": (["--inners", '[{"width": 3}]'], [{"width": 3, "names": []}]),
    "table": (["--table", "{a: [no]}"], {"a": ["no"]}),
    "anything": (["--anything", "{a: 1}"], {"a": 1}),
    "noted": (["--noted", "5"], 5),
}


def test_every_type_has_a_flag():
    """The mapping is total: this names each field of a model with all kinds of types."""
    assert set(WORDS) == set(registry.find("play.kinds").model_fields)


@pytest.mark.parametrize("field", WORDS)
def test_typed_text_becomes_the_fields_value(field):
    """As the field says, with no hook of its own."""
    words, value = WORDS[field]
    found = Typed(registry.find("play.kinds"))(*words)
    assert found.model_dump(mode="json")[field] == value


def test_what_is_not_typed_is_not_given():
    """So that the environment and the defaults can fill it."""
    typed = Typed(registry.find("play.kinds"))
    typed()
    assert typed.given == {}


def test_a_switch_that_is_off_is_given():
    """`--no-switch` goes before a variable that says yes."""
    typed = Typed(registry.find("play.kinds"))
    typed("--no-switch")
    assert typed.given == {"switch": False}


def test_a_secret_can_be_typed_as_a_file(tmp_path):
    """A flag's value is seen by all on the machine; a file's content is not."""
    (tmp_path / "s").write_text("hunter2\n")
    found = Typed(registry.find("play.kinds"))("--secret-file", str(tmp_path / "s"))
    assert found.secret.get_secret_value() == "hunter2"


@pytest.mark.parametrize(
    ("one", "other", "flag"),
    [
        ({"a": int}, {"a": int}, "--a"),
        ({"a_b": int}, {"a_b": bool}, "--a-b"),
        ({"a": bool}, {"no_a": int}, "--no-a"),
        ({"a": SecretStr}, {"a_file": str}, "--a-file"),
        ({"help": str}, {}, "--help"),
    ],
)
def test_two_flags_of_one_name_are_a_mistake(one, other, flag):
    """Also those that come with a switch, with a secret, or with every command."""

    def model(fields):
        return type("Model", (BaseModel,), {"__annotations__": fields, **dict.fromkeys(fields)})

    given = [*options.flags("one", model(one), ""), *options.flags("other", model(other), "")]
    with pytest.raises(ValueError, match=rf"it: .* both have {flag}$"):
        options.command("it", "", given, print)


_FLAGS = options.flags("it", registry.find("notify.console"), "") + commands.run_flags() + commands.fact_flags()
_NAMES = st.sampled_from([name for flag in _FLAGS for name in flag.names])
_VALUES = st.sampled_from(["", "a", "a b", "a=b", "=", "-", "-3", "-x", "é", "\udc80", "--title", "--help"]) | st.text()
_WORDS = st.one_of(
    _NAMES, _NAMES, _VALUES, st.builds("{}={}".format, _NAMES, _VALUES), st.just("--"), st.just("--nope")
)


def by_typer(command, words):
    """What Typer makes of the words; None where it refuses them, or has something to say."""
    import typer

    came = []
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(typerapp.function(command._replace(run=lambda *found: came.append(found))))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        app([*words], standalone_mode=False)
    return came[0] if came else None


@pytest.mark.parametrize("argument", ["", "PLAN"])
def test_a_plain_line_is_read_as_typer_reads_it(argument):
    """In every form, in any order, several times; what is not plain is left to Typer, as is what it refuses."""

    @given(words=st.lists(_WORDS, max_size=8))
    @example(words=["--title", "a", "--title=b", "--dry-run", "--no-dry-run", "--facts", "a=b", "--facts=c=d"])
    @example(words=["--title"])
    @example(words=["--dry-run=yes"])
    @example(words=["a", "--title", "-x", "b"])
    def compare(words):
        command = options.command("it", "Do it.", _FLAGS, print, argument=argument)
        by_hand = options.plain(command, words)
        if by_hand is not None or "--" not in words:
            assert by_hand == by_typer(command, words)

    compare()


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_every_built_in_action_has_a_command(name):
    """With its own flags, the terms, the run's and the facts, and no two of one name."""
    action = registry.find(name)
    command = commands.action_command(name, action, commands.CommandSession({}))
    flags = {flag.field for flag in options.flags("action", action, registry.prefix(name))}
    assert set(fields.keys(action)) <= flags
    assert len(command.flags) == sum(
        len(group)
        for group in (
            options.flags("action", action, ""),
            options.flags("terms", check.When, ""),
            commands.run_flags(),
            commands.fact_flags(),
        )
    )
    assert set(typerapp.COMMANDS) == {*commands.BY_NAME, "help", "version"}  # these two stand for options
    assert set(cli._COMMANDS) == set(commands.BY_NAME)


class Told(BaseModel):
    plain: str = Field("", description="A plain one.")
    choice: str | None = Field(None, description="Another.")
    pause: float = Field(2.0, description="Seconds.")
    needed: str = Field(description="Must be.")
    many: list[str] = Field(default_factory=lambda: ["a", "b"], description="More.")
    switch: bool = Field(True, description="On.")
    from_: str = Field("", alias="from", description="Whence.")


def test_help_says_what_there_is_to_know():
    """Description, default and variable, and no default that says nothing."""
    assert [one.help for one in options.flags("g", Told, "X_")] == [
        "A plain one. [env: X_PLAIN]",
        "Another. [env: X_CHOICE]",
        "Seconds. [default: 2; env: X_PAUSE]",
        "Must be. [env: X_NEEDED]",
        "More. [default: a,b; env: X_MANY]",
        "On. [default: yes; env: X_SWITCH]",
        "Whence. [env: X_FROM]",
    ]

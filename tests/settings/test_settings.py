"""Settings come from what is given, the environment, secrets' files and defaults, in this order."""

import os
import re
import socket
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from exitkit import settings
from exitkit.settings import SettingsError, fields, secretfile, smallfile
from exitkit.text import redact

PREFIX = "EXITKIT_PLAY_IT_"


class Inner(BaseModel):
    model_config = settings.STRICT

    width: int = 1
    key: SecretStr | None = None


class It(BaseModel):
    model_config = settings.STRICT

    text: str = "default"
    number: int = 0
    mood: Literal["calm", "loud"] = "calm"
    switch: bool = False
    many: list[str] = Field(default_factory=list)
    counts: tuple[int, ...] = ()
    named: dict[str, int] = Field(default_factory=dict)
    inner: Inner = Inner()
    inners: list[Inner] = Field(default_factory=list)
    token: SecretStr | None = None


class Needy(BaseModel):
    model_config = settings.STRICT

    channel: str
    token: SecretStr


@pytest.fixture(autouse=True)
def _nothing_remembered():
    with redact.forget_all():
        yield


def load(given=None, model=It, **variables):
    environ = {PREFIX + name.upper(): value for name, value in variables.items()}
    return settings.load(model, given or {}, environ, PREFIX)


def wrong(given=None, model=It, **variables):
    with pytest.raises(SettingsError) as caught:
        load(given, model, **variables)
    return {settings.dotted(one.path): one.text for one in caught.value.problems}


@pytest.fixture
def secret(tmp_path):
    def write(content):
        path = tmp_path / "secret"
        path.write_bytes(content)
        return str(path)

    return write


def test_given_goes_before_environment_before_file_before_default(secret):
    """The nearest to the user wins."""
    path = secret(b"from-file")
    assert load().text == "default"
    assert load(text="env").text == "env"
    assert load({"text": "given"}, text="env").text == "given"
    tokens = [
        load({"token": "given"}, token="env", token_file=path),
        load(token="env", token_file=path),
        load(token_file=path),
        load({"token_file": path}, token="env"),
    ]
    assert [one.token.get_secret_value() for one in tokens] == ["given", "env", "from-file", "from-file"]
    assert load().token is None


def test_an_empty_variable_is_an_unset_one():
    """A manifest that passes on what is not there changes nothing."""
    assert load(text="", number="", token="", token_file="") == It()


def test_text_becomes_every_kind_of_value():
    """Lists are written with commas, mappings as key=value, structures as YAML, as the environment allows."""
    found = load(
        number="7",
        switch="true",
        many="a, b,,c",
        counts="1,2",
        named="a=1, b = 2",
        inner='{"width": 3}',
        inners="[{width: 4}, {width: 5}]",
    )
    assert (found.number, found.switch, found.many, found.counts) == (7, True, ["a", "b", "c"], (1, 2))
    assert found.named == {"a": 1, "b": 2}
    assert found.inner.width == 3
    assert [one.width for one in found.inners] == [4, 5]


@pytest.mark.parametrize(
    "text", ["2026-13-45", "[1", "!!python/object:os.system x", "[" * 5000, "&a [*a]", "{a: 1, a: 2}", "\0"]
)
def test_a_broken_structure_is_a_problem_and_no_crash(text):
    """Also a date that there is not, which YAML's own reader trips over."""
    found = wrong(inners=text)
    assert PREFIX + "INNERS" in found["inners"] or "should be" in found["inners"]


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2", "hunter2"),
        (b"\xef\xbb\xbfhunter2\n", "hunter2"),
        (b"hunter2\n\n", "hunter2\n"),
        (b" hunter2 ", " hunter2 "),
        ("pässwört".encode(), "pässwört"),
        (b"x" * (1 << 20), "x" * (1 << 20)),
    ],
    ids=range(8),
)
def test_a_secrets_file_is_read_without_its_line_end(content, value, secret):
    """One line end goes, as editors leave it, and a byte order mark; nothing else is touched."""
    assert load({"token_file": secret(content)}).token.get_secret_value() == value


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b"a\0b", "holds a NUL byte"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * ((1 << 20) + 1), "is larger than 1 MiB, so it is not a secret"),
    ],
    ids=range(6),
)
def test_a_file_that_holds_no_secret_is_told(content, text, secret):
    """By its own name, and without what is in it."""
    assert wrong({"token_file": secret(content)}) == {"token_file": text}


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    """A folder, nothing, no path at all."""
    assert wrong({"token_file": str(tmp_path)}) == {"token_file": "cannot be read: is a directory"}
    assert wrong({"token_file": str(tmp_path / "no")}) == {"token_file": "cannot be read: no such file or directory"}
    assert wrong({"token_file": "a\0b"}) == {"token_file": "cannot be read: not a path"}
    assert wrong(token_file="/no/such")["token_file"].startswith("cannot be read")


def test_a_file_is_never_read_to_its_end_if_it_has_none():
    """Only as much is read as a secret can be long."""
    assert wrong({"token_file": "/dev/zero"})["token_file"].startswith("is larger than 1 MiB")


@pytest.mark.parametrize("kind", ["fifo", "link to a fifo", "socket", "large"])
def test_a_file_that_may_never_end_is_not_waited_for(tmp_path, kind, monkeypatch):
    """Nobody writes to the FIFO, which is given a moment, as a program may be about to."""
    monkeypatch.setattr(smallfile, "PATIENCE", 0.02)
    path = tmp_path / "secret"
    if "fifo" in kind:
        os.mkfifo(tmp_path / "fifo")
        path.symlink_to("fifo")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    assert re.match("cannot be read: |is larger", wrong({"token_file": str(path)})["token_file"])
    assert secretfile.peek(str(path)) == "" or kind == "large"


def test_a_variable_loses_its_line_end_whatever_it_holds():
    """`echo` and `kubectl create secret --from-file` leave one, and no setting ends in one."""
    loaded = load(text="ops\n", number="7\n", many="a,b\r\n", token="abc\r\n")
    assert (loaded.text, loaded.number, loaded.many, loaded.token.get_secret_value()) == ("ops", 7, ["a", "b"], "abc")


def test_what_is_written_is_taken_as_it_is_meant():
    """One text is a list of one, and a number is a text, where nothing is lost by it."""

    class Meant(BaseModel):
        model_config = settings.STRICT

        to: list[str] = []
        facts: dict[str, str] = {}
        ok: list[int] = []
        channel: str = ""
        maybe: str | None = None

    given = {
        "to": "a@b.c",
        "facts": {"Count": 3, "Rate": 0.5, "Done": True, "None": None},
        "ok": 204,
        "channel": 12,
        "maybe": 7,
    }
    assert load(given, Meant) == Meant(
        to=["a@b.c"],
        facts={"Count": "3", "Rate": "0.5", "Done": "true", "None": ""},
        ok=[204],
        channel="12",
        maybe="7",
    )
    assert load({"to": ""}, Meant).to == []
    assert load({"to": ["a", 1]}, Meant).to == ["a", "1"]
    assert "in quotes, as digits would be lost" in wrong({"channel": 1712345678.123456}, Meant)["channel"]
    assert "in quotes" in wrong({"channel": True}, Meant)["channel"]


def test_kubelets_links_are_followed(tmp_path):
    """A mounted Secret is a link to a link, which changes as the Secret does."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "token").write_text("linked")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "token").symlink_to("..data/token")
    assert load({"token_file": str(tmp_path / "token")}).token.get_secret_value() == "linked"


def test_a_secret_in_the_environment_loses_its_line_end_too():
    """`kubectl create secret --from-file` leaves it there as well."""
    assert load(token="hunter2\r\n").token.get_secret_value() == "hunter2"


def test_value_and_file_both_given_is_a_contradiction(secret):
    """Nobody can tell which one was meant."""
    assert wrong({"token": "a", "token_file": secret(b"b")}) == {"token_file": "give token or token_file, not both"}


def test_all_problems_are_told_at_once(secret):
    """Whoever repairs a plan needs one look, not five."""
    given_ = {"number": "x", "mood": "laud", "txt": 1, "token_file": secret(b"")}
    assert wrong(given_, counts="1,b") == {
        "number": "is not a whole number",
        "mood": "is not one of calm, loud; did you mean 'loud'?",
        "txt": "unknown key; did you mean 'text'?",
        "token_file": "is empty",
        "counts[1]": "is not a whole number, in EXITKIT_PLAY_IT_COUNTS",
    }


def test_a_problem_in_a_variable_names_the_variable():
    """Nobody finds in a plan what stands in the environment."""
    assert wrong(named="abc") == {"named": "is written key=value, in EXITKIT_PLAY_IT_NAMED"}
    assert wrong(number="x")["number"].endswith(", in EXITKIT_PLAY_IT_NUMBER")


def test_what_is_missing_says_how_it_can_be_given():
    """By key, by file for a secret, by variable."""
    assert wrong(model=Needy) == {
        "channel": "is missing; it can also be set as EXITKIT_PLAY_IT_CHANNEL",
        "token": "is missing (or token_file); it can also be set as EXITKIT_PLAY_IT_TOKEN",
    }


def test_words_are_those_of_yaml():
    """A list is a list, whatever Python takes it into."""
    assert wrong({"counts": {"a": 1}, "named": [1]}) == {
        "counts": "is a mapping, not a list",
        "named": "is a list, not a mapping (key: value)",
    }


def test_a_bound_is_told_with_its_number():
    """What fits, not what a library calls it; nothing of the value, which may be a secret."""
    for value, words in (
        (0, "must be at least 1"),
        (99, "must be at most 9"),
        (True, "true or false, not a whole number"),
    ):
        problem = wrong({"count": value}, model=Bounded)["count"]
        assert problem.endswith(words)
    assert wrong({"name": "x" * 9}, model=Bounded) == {"name": "must have at most 3 characters"}


@given(
    st.dictionaries(
        st.sampled_from([*It.model_fields, "token_file", "other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("s3cr3t-hunter2"),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["width", "key", "a"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_no_value_is_ever_shown(given_):
    """Whatever is given is loaded, or is a SettingsError that shows no value, which may be a secret."""
    try:
        load(given_)
    except SettingsError as error:
        assert "hunter2" not in str(error)
        assert error.__cause__ is None


def test_a_bug_in_a_models_own_check_is_a_problem():
    """A plugin's author may raise what pydantic does not take for a wrong value."""

    class Bad(BaseModel):
        value: int = 0

        @field_validator("value")
        @classmethod
        def _check(cls, value: int) -> int:
            return {0: 0}[value]

    assert wrong({"value": 1}, Bad) == {"": "bug in Bad: its own check raised KeyError"}


def test_a_rule_about_several_fields_is_told_in_its_authors_words():
    """Without pydantic's preface."""

    class Either(BaseModel):
        a: str = ""
        b: str = ""

        @model_validator(mode="after")
        def _check(self) -> "Either":
            if bool(self.a) == bool(self.b):
                raise ValueError("give a or b")
            return self

    assert wrong({}, Either) == {"": "give a or b"}


def test_every_secret_that_is_loaded_is_cut_out_of_text_from_then_on():
    """At any depth."""
    load({"token": "hunter2-one", "inner": {"key": "hunter2-two"}, "inners": [{"key": "hunter2-three"}]})
    assert redact.redact("hunter2-one hunter2-two hunter2-three") == "*** *** ***"


def test_any_variable_makes_an_action_configured():
    """Also one that is wrong, so that it is told and not passed over; an empty one does not."""
    for variables, expected in [
        ({"TEXT": "a"}, True),
        ({"TOKEN_FILE": "/no/such"}, True),
        ({"NAMED": "abc"}, True),
        ({"TEXT": ""}, False),
        ({"OTHER": "a"}, False),
        ({}, False),
    ]:
        environ = {PREFIX + name: value for name, value in variables.items()}
        assert settings.configured(It, environ, PREFIX) is expected, variables


class Bounded(BaseModel):
    model_config = settings.STRICT

    count: int = Field(1, ge=1, le=9, strict=True)
    name: str = Field("", max_length=3)


class Shapes(BaseModel):
    flag: bool | None = None
    texts: set[str] = set()
    untyped: list = []  # type: ignore[type-arg]
    pairs: dict[str, int] | None = None
    deep: dict[str, list[int]] = {}
    mixed: int | list[int] = 0
    moment: datetime | None = None
    path: Path = Path()
    anything: Any = None
    choice: Literal["a"] | None = None


def test_every_type_has_a_shape():
    """What no simple text says is YAML."""
    assert {name: fields.shape(field) for name, field in Shapes.model_fields.items()} == {
        "flag": "flag",
        "texts": "list",
        "untyped": "list",
        "pairs": "mapping",
        "deep": "structure",
        "mixed": "structure",
        "moment": "text",
        "path": "text",
        "anything": "structure",
        "choice": "text",
    }


def test_the_nearest_name_is_offered_or_all():
    """One guess where it is a good one."""
    assert settings.nearest("chanel", ["channel", "text"]) == "; did you mean 'channel'?"
    assert settings.nearest("zzz", ("b", "a")) == "; there are a, b"
    assert settings.nearest("zzz", ["b", "a"], listed=True) == ""
    assert settings.nearest("zzz", []) == ""
    assert os.environ.get("EXITKIT_PLAY_IT_TEXT") is None


class Lists(BaseModel):
    model_config = settings.STRICT

    moods: list[Literal["calm", "loud"]] = Field(default_factory=list)
    counts: list[int] = Field(default_factory=list)
    words: Annotated[list[str], fields.WORDS] = Field(default_factory=list)
    globs: list[str] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("name", "typed", "members"),
    [
        ("moods", ["calm,loud"], ["calm", "loud"]),
        ("moods", ["calm", "loud"], ["calm", "loud"]),
        ("moods", ["calm, loud,"], ["calm", "loud"]),
        ("counts", ["200,204", "301"], ["200", "204", "301"]),
        ("words", ["pods,jobs.batch"], ["pods", "jobs.batch"]),
        ("words", ["/data/a,b.log"], ["/data/a,b.log"]),
        ("words", [","], [","]),
        ("globs", ["a,b"], ["a,b"]),
    ],
)
def test_a_list_of_words_may_be_typed_with_commas(name, typed, members):
    """Where no member can have a comma in it; a name of a file or a glob can."""
    assert settings.from_text(name, Lists.model_fields[name], typed) == members


def test_every_list_of_words_in_a_command_takes_commas():
    """Each action's list of choices or of numbers is read so; the others say that theirs are words."""
    from exitkit.builtin import BUILTIN
    from exitkit.plan import registry

    seen = {
        f"{name}.{key}"
        for name in BUILTIN
        for key, field in fields.keys(registry.find(name)).items()
        if fields.shape(field) == "list" and fields.parts(field, "a,b") == ["a", "b"]
    }
    assert seen >= {"process.report.formats", "cleanup.s3.keep_on", "cleanup.kubernetes.kinds", "ship.loki.from"}
    assert not seen & {"cleanup.s3.prefixes", "cleanup.files.paths", "cleanup.files.include", "cleanup.sql.tables"}

"""The contract catches those who break it: each promise is broken once, and the test for it fails."""

import importlib
import sys

import pytest

from exitkit.testing import ActionContract

_HEAD = '''
import os, socket, subprocess, sys
from pathlib import Path
from pydantic import ConfigDict, Field, SecretStr, field_validator
from exitkit import Action, ActionError, Notify, Result, Skip

class Sample(Action):
    """Do the thing."""

    path: Path | None = Field(None, description="A path.")
    token: SecretStr | None = Field(None, description="A token.")
'''
_RUN = """
    def run(self, context):
        return Result("would do it" if context.dry_run else "did it")
"""
SECRET = "tk-very-secret-1234"


class Contract(ActionContract):
    """The contract for a class that a test writes."""

    name = "process.sample"

    def __init__(self, action):
        self.action = action

    def settings(self, folder):
        return {"path": str(folder / "file"), "token": SECRET}

    def arrange(self, folder):
        (folder / "file").write_text("x")


@pytest.fixture
def contract(tmp_path_factory, monkeypatch):
    """Makes a contract out of what is put in the place of parts of a good class."""
    folder = tmp_path_factory.mktemp("modules")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def make(body=_RUN, *, name="sample", replace=("", "")):
        (folder / f"{name}.py").write_text(_HEAD.replace(*replace) + body)
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        return Contract(importlib.import_module(name).Sample)

    return make


def promises():
    return [name for name in dir(ActionContract) if name.startswith("test_")]


def run(contract, promise, request):
    """The promise as pytest runs it: with the fixtures that it names."""
    method = getattr(contract, promise)
    code = method.__func__.__code__
    names = code.co_varnames[1 : code.co_argcount]
    method(**{name: request.getfixturevalue(name) for name in names})


@pytest.mark.parametrize("promise", promises())
def test_an_action_that_keeps_it_passes(contract, promise, request):
    """So that a failure below is about the one thing that was broken."""
    run(contract(), promise, request)


def method(text):
    return f"\n    def run(self, context):\n        {text}\n        return Result('done')\n"


def field(text):
    return f"\n    {text}\n{_RUN}"


_VALIDATOR = """
    @field_validator("token")
    @classmethod
    def _check(cls, value):
        if value and not value.get_secret_value().startswith("tk-"):
            raise ValueError(f"bad token {value.get_secret_value()}")
        return value
"""
# What is broken, the test that must see it, the body of the class, and what is replaced above it.
OFFENDERS = [
    ("can be changed", "test_settings_are_frozen", field("model_config = ConfigDict(frozen=False)"), None),
    ("takes any key", "test_unknown_keys_are_refused", field("model_config = ConfigDict(extra='ignore')"), None),
    ("has a field without description", "test_fields_are_described_and_leave_retrying_to_the_plan", field("x: int = 1"), None),
    *(
        (f"has a setting {name}", "test_fields_are_described_and_leave_retrying_to_the_plan", field(f"{name}: int = Field(1, description='N.')"), None)
        for name in ("retry", "retries", "retry_wait", "attempts", "max_attempts", "timeout")
    ),
    ("has no period", "test_help_is_one_imperative_sentence", _RUN, ("Do the thing.", "Do the thing")),
    ("is not imperative", "test_help_is_one_imperative_sentence", _RUN, ("Do the thing.", "Does the thing.")),
    ("names itself", "test_help_is_one_imperative_sentence", _RUN, ("Do the thing.", "The action that does it.")),
    ("has no docstring", "test_help_is_one_imperative_sentence", _RUN, ('"""Do the thing."""', "")),
    ("is of another kind", "test_name_fits_class_and_module", _RUN, "notify.sample"),
    ("has another name", "test_name_fits_class_and_module", _RUN, "process.other"),
    ("has a name of one word", "test_name_fits_class_and_module", _RUN, "sample"),
    ("has a public method", "test_run_is_the_only_public_method", f"{_RUN}\n    def more(self): ...\n", None),
    ("has a public property", "test_run_is_the_only_public_method", f"{_RUN}\n    more = property(lambda self: 1)\n", None),
    ("takes a flag of the facts", "test_every_field_has_a_flag_of_its_own", field("status: str = Field('', description='S.')"), None),
    ("takes a flag of the run", "test_every_field_has_a_flag_of_its_own", field("dry_run: bool = Field(False, description='D.')"), None),
    ("takes a flag of the terms", "test_every_field_has_a_flag_of_its_own", field("when: str = Field('', description='W.')"), None),
    ("takes the flag of its own switch", "test_every_field_has_a_flag_of_its_own", field("wet: bool = Field(False, description='W.')\n    no_wet: str = Field('', description='N.')"), None),
    ("takes the flag of its own secret", "test_every_field_has_a_flag_of_its_own", field("token_file: str = Field('', description='T.')"), None),
    ("has no schema for the example", "test_settings_are_valid_under_the_schema", _RUN, ("path: Path | None", "path: int | None")),
    ("loads an SDK", "test_importing_the_module_loads_no_sdk", f"{_RUN}\nimport slack_sdk\n", None),
    ("shows its secret", "test_secrets_are_not_told_by_the_settings", f"{_RUN}\n    def __repr__(self): return self.token.get_secret_value()\n", None),
    ("complains with the secret", "test_secrets_are_not_told_by_validation_errors", f"{_RUN}{_VALIDATOR}", None),
    ("shows inputs in errors", "test_secrets_are_not_told_by_validation_errors", field("model_config = ConfigDict(hide_input_in_errors=False)"), None),
    ("tells the secret in a dry run", "test_secrets_are_not_told_by_a_dry_run", method("return Result('x', {'payload': self.token.get_secret_value()})"), None),
    ("raises the secret", "test_secrets_are_not_told_by_a_failure", method("raise ActionError(f'no {self.token.get_secret_value()}')"), None),
    ("raises from what shows the secret", "test_secrets_are_not_told_by_a_failure", method("raise ActionError('no') from OSError(self.token.get_secret_value())"), None),
    ("logs the secret", "test_secrets_are_not_told_by_a_failure", method("import logging; logging.getLogger('x').info(self.token.get_secret_value())"), None),
    ("sends in a dry run", "test_a_dry_run_touches_nothing", method("\n        with socket.socket() as one:\n            one.connect_ex(('127.0.0.1', 9))"), None),
    ("looks up names in a dry run", "test_a_dry_run_touches_nothing", method("\n        try:\n            socket.getaddrinfo('localhost', 80)\n        except OSError:\n            pass"), None),
    ("writes in a dry run", "test_a_dry_run_touches_nothing", method("self.path.write_text('y')"), None),
    ("deletes in a dry run", "test_a_dry_run_touches_nothing", method("self.path.unlink()"), None),
    ("starts programs in a dry run", "test_a_dry_run_touches_nothing", method("subprocess.run(['true'])"), None),
    ("fails in a dry run", "test_a_dry_run_touches_nothing", method("raise ActionError('no')"), None),
    ("returns nothing", "test_a_dry_run_touches_nothing", method("return None"), None),
    ("trips over names", "test_hostile_facts_do_no_harm_in_a_dry_run", method("context.workflow.name.encode('ascii')"), None),
    ("trips over names for real", "test_hostile_facts_do_no_harm", method("int(context.workflow.name) if not context.dry_run else 0"), None),
    ("writes where a name leads", "test_hostile_facts_do_no_harm", method("Path('/nowhere', context.workflow.uid[-20:]).mkdir()"), None),
    ("does not look at dry_run", "test_hostile_facts_do_no_harm_in_a_dry_run", method("self.path.write_text('y')"), None),
]  # fmt: skip


@pytest.mark.parametrize(("what", "promise", "body", "replace"), OFFENDERS, ids=[one[0] for one in OFFENDERS])
def test_an_action_that_breaks_it_fails(contract, what, promise, body, replace, request):
    """The action that {what} is caught by the promise about it."""
    made = contract(body, replace=replace if isinstance(replace, tuple) else ("", ""))
    if isinstance(replace, str):
        made.name = replace
    with pytest.raises((AssertionError, ValueError, OSError)) as caught:
        run(made, promise, request)
    assert str(caught.value), "a failure says what is wrong"


def test_secrets_must_be_given_to_be_looked_for(contract, request):
    """An example without its secret would prove nothing."""
    made = contract()
    made.settings = lambda folder: {}
    with pytest.raises(AssertionError, match="give one in settings"):
        run(made, "test_secrets_are_not_told_by_a_dry_run", request)
    made.settings = lambda folder: {"token": "short"}
    with pytest.raises(AssertionError, match="need 12 characters"):
        run(made, "test_secrets_are_not_told_by_a_dry_run", request)


def test_every_promise_has_an_offender():
    """A promise that nothing can break is none."""
    assert {one[1] for one in OFFENDERS} == set(promises())

"""The contract every action keeps, as tests that an action's author inherits.

    from exitkit.testing import ActionContract

    class TestNtfy(ActionContract):
        name = "notify.ntfy"
        action = Ntfy

        def settings(self, folder):
            return {"server": "https://ntfy.invalid", "topic": "ops", "token": "tk_for_this_test_only"}

Written for pytest, which finds each test by its name and gives `tmp_path` and `monkeypatch`; it is not
imported here. The network is out of reach throughout, so the settings should name hosts that do not
exist, such as those under `.invalid`.
"""

import copy
import json
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from exitkit import settings
from exitkit.action import Action, Result
from exitkit.argo.workflow import Workflow
from exitkit.errors import ExitkitError, Skip
from exitkit.plan import registry
from exitkit.settings import fields
from exitkit.testing import declaration
from exitkit.testing.scene import context, failed_workflow, hostile_workflow
from exitkit.testing.touches import watch
from exitkit.text import redact

_SHORTEST_SECRET = 12
# Written as nothing that an action could take for well-formed; each must be cut from the complaint about it.
_BROKEN_SECRETS = ("s3cr3t-planted-here", "https://user:s3cr3t-planted@host invalid/s3cr3t-planted", "s3cr3t\nplanted")


class ActionContract:
    """Inherit, name the action, and give settings that it could run with.

    `name` is the dotted name, `action` the class. `settings` must be complete, with every secret that
    goes with the others at least 12 characters long. `sdks` are the packages that importing the
    action's module must not load; `slow` ones of your own can be added.
    """

    name: ClassVar[str]
    action: ClassVar[type[Action]]
    sdks: ClassVar[frozenset[str]] = declaration.SDKS

    def settings(self, folder: Path) -> Mapping[str, Any]:  # noqa: ARG002 - for those who need it
        """Settings as they would stand in a plan; files go below `folder`, which is there and empty."""
        return {}

    def arrange(self, folder: Path) -> None:
        """Put below `folder` what an action with these settings needs."""

    # What it is declared to be.

    def test_settings_are_frozen(self, tmp_path: Path) -> None:
        """(a) Nobody changes an action's settings once they are checked."""
        made = self._made(tmp_path)
        for field in type(made).model_fields:
            try:
                setattr(made, field, getattr(made, field))
            except (ValueError, TypeError, AttributeError):
                continue
            raise AssertionError(f"{field} can be set after the action is made: keep model_config frozen")

    def test_unknown_keys_are_refused(self, tmp_path: Path) -> None:
        """(a) A key that is mistyped is an error, not a setting that silently does nothing."""
        self._made(tmp_path)
        told = self._complaints({**self.settings(tmp_path), "no_such_key": "x"})
        assert any("no_such_key" in text for text in told), "an unknown key is taken: keep extra='forbid'"

    def test_fields_are_described_and_leave_retrying_to_the_plan(self) -> None:
        """(b) Every field has a description, and none doubles the step's retry and timeout."""
        _expect_none(declaration.field_faults(self.action))

    def test_help_is_one_imperative_sentence(self) -> None:
        """(f) The docstring's first line is the action's help, such as `Post to a Slack channel.`."""
        _expect_none(declaration.help_faults(self.action))

    def test_name_fits_class_and_module(self) -> None:
        """(j) Knowing the name is knowing the class and the module."""
        _expect_none(declaration.name_faults(self.name, self.action))

    def test_run_is_the_only_public_method(self) -> None:
        """(k) Beside what its kind asks for, an action offers `run` and nothing else."""
        _expect_none(declaration.method_faults(self.action))

    def test_every_field_has_a_flag_of_its_own(self) -> None:
        """(h) The command line reaches every field, beside the flags for facts and runs."""
        _expect_none(declaration.flag_faults(self.name, self.action))

    def test_settings_are_valid_under_the_schema(self, tmp_path: Path) -> None:
        """(g) What runs passes an editor's check, and the schema can be written as JSON."""
        _expect_none(declaration.schema_faults(self.action, self.settings(tmp_path)))

    def test_importing_the_module_loads_no_sdk(self) -> None:
        """(e) An SDK is imported when the action runs; `exitkit --help` must not wait for it."""
        _expect_none([f"it loads {one}" for one in declaration.loaded_by(self.action.__module__) & self.sdks])

    # What it tells.

    def test_secrets_are_not_told_by_the_settings(self, tmp_path: Path) -> None:
        """(c) Neither the repr of an action nor its plain dump to text shows a secret."""
        made = self._made(tmp_path)
        for secret in self._secrets(made):
            for text in (repr(made), str(made), f"{made}", made.model_dump_json()):
                assert secret not in text, f"the settings as text show a secret: {text[:300]!r}"

    def test_secrets_are_not_told_by_validation_errors(self, tmp_path: Path) -> None:
        """(c) A setting that is refused is not quoted, whatever was wrong with it."""
        example = dict(self.settings(tmp_path))
        for field in fields.secrets_of(self.action):
            for planted in _BROKEN_SECRETS:
                for value in (planted, [planted], {"x": planted}):
                    given = {**example, field: value, "no_such_key": planted}
                    for text in self._complaints(given):
                        assert "s3cr3t" not in text, f"the complaint about {field} shows it: {text[:300]!r}"

    def test_secrets_are_not_told_by_a_dry_run(self, tmp_path: Path, monkeypatch: Any) -> None:
        """(c) What would be sent is shown without what it would be sent with."""
        monkeypatch.chdir(tmp_path)
        made = self._made(tmp_path)
        with watch():
            told = repr(self._run(made, failed_workflow(), dry_run=True))
        for secret in self._secrets(made):
            assert secret not in told, f"the result of a dry run shows a secret: {told[:300]!r}"

    def test_secrets_are_not_told_by_a_failure(self, tmp_path: Path, monkeypatch: Any, caplog: Any) -> None:
        """(c) Without a network it fails or does without, and neither error, log nor result shows a secret."""
        monkeypatch.chdir(tmp_path)
        caplog.set_level("DEBUG")
        made = self._made(tmp_path)
        with watch(tmp_path):
            ended = self._run(made, failed_workflow())
        told = [repr(ended), *(record.getMessage() for record in caplog.records)]
        if isinstance(ended, BaseException):
            told += ["".join(traceback.format_exception(ended)), repr(getattr(ended, "facts", ""))]
        for secret in self._secrets(made):
            for text in told:
                assert secret not in text, f"a failed run shows a secret: {text[-600:]!r}"

    # What it does.

    def test_a_dry_run_touches_nothing(self, tmp_path: Path, monkeypatch: Any) -> None:
        """(d) No request, no program, no file written or removed; and the Result says what would be done."""
        monkeypatch.chdir(tmp_path)
        made = self._made(tmp_path)
        before = declaration.snapshot(tmp_path)
        with watch() as seen:
            ended = self._run(made, failed_workflow(), dry_run=True)
        _expect_none([f"a dry run touched {one}" for one in self._mutations(seen.seen)])
        assert isinstance(ended, Result | Skip) or self._reads, f"a dry run ended with {ended!r}, not with a Result"
        assert declaration.snapshot(tmp_path) == before, "a dry run changed files"

    def test_hostile_facts_do_no_harm_in_a_dry_run(self, tmp_path: Path, monkeypatch: Any) -> None:
        """(i) Whatever a workflow is named, the action says what it would do, or why not."""
        monkeypatch.chdir(tmp_path)
        made = self._made(tmp_path)
        with watch() as seen:
            self._run(made, hostile_workflow(), dry_run=True)
        _expect_none([f"a dry run touched {one}" for one in self._mutations(seen.seen)])

    def test_hostile_facts_do_no_harm(self, tmp_path: Path, monkeypatch: Any) -> None:
        """(i) Nor does a run meet anything but our own errors, or write elsewhere than its settings say."""
        monkeypatch.chdir(tmp_path)
        made = self._made(tmp_path)
        with watch(tmp_path) as seen:
            self._run(made, hostile_workflow())
        _expect_none([f"it touched {one}" for one in seen.seen if not one.startswith("socket.")])

    @property
    def _reads(self) -> bool:
        """Whether a dry run asks a server what is there; without one it can only fail."""
        return bool(getattr(self.action, "reads_in_dry_run", False))

    def _mutations(self, seen: Iterable[str]) -> list[str]:
        return [one for one in seen if not (self._reads and one.startswith("socket."))]

    def _made(self, folder: Path) -> Action:
        if not any(folder.iterdir()):
            self.arrange(folder)
        given = copy.deepcopy(dict(self.settings(folder)))
        return settings.load(self.action, given, {}, registry.prefix(self.name))

    def _secrets(self, made: Action) -> list[str]:
        """The secrets that the example gives; without one for an action that has any nothing is shown."""
        found = declaration.secrets_in(made)
        if fields.secrets_of(self.action):
            assert found, f"{self.name} takes secrets: give one in settings(), to see that it is not told"
        for secret in found:
            assert len(secret) >= _SHORTEST_SECRET, f"the secrets in settings() need {_SHORTEST_SECRET} characters"
        return [form for secret in found for form in {secret, json.dumps(secret)[1:-1]}]

    def _complaints(self, given: Mapping[str, Any]) -> list[str]:
        found = []
        with redact.forget_all():  # what is remembered would be cut by others; here it must not be said at all
            checks: tuple[Callable[[], object], ...] = (
                lambda: settings.load(self.action, given, {}, registry.prefix(self.name)),
                lambda: self.action.model_validate(given),
            )
            for check in checks:
                try:
                    check()
                except (ExitkitError, ValueError) as error:
                    found += [str(error), repr(error)]
        return found

    def _run(self, made: Action, workflow: Workflow, *, dry_run: bool = False) -> Result | ExitkitError | Skip:
        """How a run ended. Anything but a Result, an error of ours or a Skip goes through, and fails the test."""
        try:
            ended = made.run(context(workflow=workflow, dry_run=dry_run, step=self.name))
        except (ExitkitError, Skip) as error:
            return error
        assert isinstance(ended, Result), f"run gave {ended!r}, not a Result"
        json.dumps(dict(ended.facts), default=str)
        return ended


def _expect_none(faults: list[str]) -> None:
    assert not faults, "; ".join(sorted(faults))

"""What every action is: frozen settings that can run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import BaseModel

from exitkit.settings import STRICT

if TYPE_CHECKING:
    from exitkit.context import Context


class Settings(BaseModel):
    """One declaration, from which come the YAML keys, the schema, the flags, the variables and the page.

    A field of type `SecretStr` can also be given as `<field>_file`, the path of a file that holds it.
    """

    model_config = STRICT


@dataclass(frozen=True)
class Result:
    """What an action achieved.

    `summary` is a short line for people. `facts` are values for machines, without secrets, that end in
    the report and can be read by later steps. `notes` tell what was done less well than asked.
    `duplicate` says that it had been done before, so that nothing was done now. `output` is what the step was
    asked to print: it stands alone on stdout, and the report then goes to stderr.
    """

    summary: str
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    duplicate: bool = False
    output: str = ""


class Right(NamedTuple):
    """A right in the Kubernetes API, as a Role's rule has it: API group, `""` for the core one, resource, and verbs.

    `namespace` is where it is needed, if that is not the workflow's own; `names` are the objects that it is for, where it
    is not for all of them.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    namespace: str = ""
    names: tuple[str, ...] = ()


class Action(Settings, ABC):
    """Settings with a `run`. Success is a Result, failure an exception, and `Skip` neither.

    What the trunk needs to know of a kind, its class declares here; a kind is never known by its name.
    """

    lenient: ClassVar[bool] = False
    """Whether a gap in a template is shown and noted, as in a message, or an error, as in a path."""

    spare: ClassVar[Mapping[str, Callable[[str], object]]] = {}
    """The settings that it can go without, each with a check that raises ValueError for a text that makes none: such a
    text often comes from a workflow's label, and is left out with a note."""

    reads_lines: ClassVar[bool] = True
    """Whether what wants the workflow's record also tells what the failed steps' logs say; else no log is read for it."""

    compares: ClassVar[bool] = False
    """Whether it tells how the run did beside earlier ones, which are then asked for where a store is set."""

    notifies: ClassVar[bool] = False
    """Whether it tells people how the workflow ended, so that it is one of those that `exitkit notify` means."""

    gives: ClassVar[Mapping[str, str] | None] = None
    """What later steps can read of it as `steps.<id>.<fact>`: the name of each fact that it may give, with what it is.

    None says nothing, so that `exitkit check` takes any name. What is given without being named here is kept, and noted.
    """

    @classmethod
    def wants_record(cls, given: Mapping[str, object]) -> bool:  # noqa: ARG003 - most need no more than the arguments
        """Whether the workflow's record and the failed steps' logs make it better, for settings as a plan gives them.

        It then waits a second for both.
        """
        return False

    def check_extras(self) -> None:
        """Raises MissingExtra where its settings ask for what a library does that is not installed."""

    def guard(self, context: "Context") -> None:
        """Refuse, before it runs, what must not be done whatever the plan says. Raises ConfigError."""

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:  # noqa: ARG003 - most need none
        """What the pod's account has to be allowed, for settings as a plan gives them, their templates not filled in.

        Raises ConfigError where that cannot be told.
        """
        return ()

    @abstractmethod
    def run(self, context: "Context") -> Result:
        """Do it, or in a dry run say what would be done.

        Raises ActionError or one of its kinds if it failed, Skip if there is nothing to do. Anything
        else is taken for a bug of the action.
        """

"""What every action is: frozen settings that can run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

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
    """A right in the Kubernetes API, as a Role's rule has it: API group, `""` for the core one, resource, and verbs."""

    group: str
    resource: str
    verbs: tuple[str, ...]


class Action(Settings, ABC):
    """Settings with a `run`. Success is a Result, failure an exception, and `Skip` neither."""

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

"""What the user says is to be done: steps, the terms on which they run, and the plan that they make."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from exitkit.argo.failures import causes
from exitkit.retry import RetryPolicy
from exitkit.settings import STRICT
from exitkit.settings.meant import listed
from exitkit.text.units import Seconds

Status = Literal["Succeeded", "Failed", "Error", "Running", "Pending", "Skipped", "Omitted"]
"""Argo's words for how a workflow or a node stands."""

_DEFAULT_TIMEOUT = 300.0
_STRICT = STRICT | {"populate_by_name": True}


Change = Literal["FirstFailure", "StillFailing", "Fixed"]
"""How an end stands to the one before it in the same series."""


class When(BaseModel):
    """The terms on which a step runs."""

    model_config = _STRICT

    when: tuple[Literal[Status, Change], ...] = Field(
        (), description="Run only if the workflow's status is one of these, or stands so to the end before it."
    )
    if_: str = Field("", alias="if", description="Run only if this expression holds, such as workflow.duration > 60.")
    retry: RetryPolicy = Field(
        default_factory=RetryPolicy.model_construct, description="How often and how patiently to try."
    )

    @field_validator("when", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return listed(value)


class Step(When):
    """One action and the terms on which it runs."""

    uses: str = Field(description="The action's dotted name, such as notify.slack.")
    id: str = Field(
        "", pattern=r"^[A-Za-z0-9_.-]*$", max_length=100, description="A name for it; by default what it uses."
    )
    with_: dict[str, Any] = Field({}, alias="with", description="The action's settings.")
    timeout: Seconds | None = Field(None, gt=0, description="Longest time the step may take, all tries included.")
    required: bool = Field(False, description="Whether its failure counts with --fail-on required.")
    fallback: tuple[str, ...] = Field((), description="Ids of the steps to try, in order, when this one fails.")

    @field_validator("fallback", mode="before")
    @classmethod
    def _one_after_another(cls, value: Any) -> Any:
        return listed(value)


class Parallel(BaseModel):
    """Steps that run together."""

    model_config = _STRICT

    parallel: tuple[Step, ...] = Field(min_length=1, description="The steps that run together.")


class KnownCause(BaseModel):
    """A cause of failures that the plan knows: how it shows, and what to do about it. All that is given must hold."""

    model_config = _STRICT

    match: str = Field("", max_length=2000, description="A regular expression of RE2's that is found in the message.")
    reason: str = Field("", description="The reason, such as OOMKilled or ImagePullBackOff.")
    exit_code: int | None = Field(None, alias="exitCode", description="The exit code.")
    cure: str = Field(min_length=1, max_length=200, description="What to do about it, in half a line.")
    platform: bool = Field(
        False, description="Whether it is the platform's, so that nobody who wrote the step can mend it."
    )

    @field_validator("match")
    @classmethod
    def _is_a_pattern(cls, match: str) -> str:
        if why := causes.problem(match):
            raise ValueError(f"is no regular expression: {why}")
        return match

    @model_validator(mode="after")
    def _shows_somehow(self) -> "KnownCause":
        if not self.match and not self.reason and self.exit_code is None:
            raise ValueError("a cause needs match, reason or exitCode, by which it is known")
        return self

    @property
    def known(self) -> causes.Cause:
        """As failures are held against it."""
        return causes.Cause(self.cure, self.match, self.reason, self.exit_code, self.platform)


class Plan(BaseModel):
    """The steps from the top down, and how long all may take."""

    model_config = _STRICT

    timeout: Seconds = Field(_DEFAULT_TIMEOUT, gt=0, description="Longest time for the whole plan.")
    causes: tuple[KnownCause, ...] = Field(
        (), max_length=200, description="Causes of failures that are known here, beside those that exitkit knows."
    )
    state: str = Field(
        "",
        description="Where is kept from run to run what has been done: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX "
        "or configmap://NAMESPACE/NAME.",
    )
    series: str = Field(
        "",
        description="What this workflow is one of, as a text or template; by default its CronWorkflow or its template.",
    )
    steps: tuple[Annotated[Step | Parallel, Field(union_mode="left_to_right")], ...] = Field(
        min_length=1, description="What is done, from the top down."
    )

    @model_validator(mode="after")
    def _named(self) -> "Plan":
        self.name_steps()
        return self

    def name_steps(self) -> None:
        """Give every step an id of its own, the same in each run of the same plan."""
        taken = {step.id for step in self.each() if step.id}
        for step in self.each():
            if not step.id:
                number, name = 1, step.uses
                while name in taken:
                    number += 1
                    name = f"{step.uses}-{number}"
                taken.add(name)
                object.__setattr__(step, "id", name)

    def each(self) -> list[Step]:
        """All steps, in the order in which they stand."""
        return [one for item in self.steps for one in (item.parallel if isinstance(item, Parallel) else (item,))]

    def fallbacks(self) -> frozenset[str]:
        """The ids of steps that run only when another one fails."""
        return frozenset(name for step in self.each() for name in step.fallback)


def single(uses: str, given: Mapping[str, Any], terms: Mapping[str, Any] | None = None) -> Plan:
    """The plan of one step that a command stands for."""
    if terms:
        return Plan(steps=(Step(uses=uses, with_=dict(given), **terms),))
    # There is nothing to check, and what would check it takes 3 ms to make.
    plan = Plan.model_construct(steps=(Step.model_construct(uses=uses, with_=dict(given)),))
    plan.name_steps()
    return plan

"""Objects of Kubernetes, of any kind, in one namespace."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from exitkit.action import Right
from exitkit.argo.ownership import Uid, owners
from exitkit.cleanup import Cleanup
from exitkit.cleanup.kubernetes import selectors
from exitkit.cleanup.kubernetes.sweeper import KubernetesSweeper
from exitkit.clients.kubernetes import Kube, discovery, find
from exitkit.clients.kubernetes.namespace import check_namespace
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.settings.fields import WORDS, as_value_error
from exitkit.text.units import Bytes, Seconds

_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(/[A-Za-z0-9.-]{1,253}){0,2}")
# https://argo-workflows.readthedocs.io/en/latest/workflow-concepts/
_WORKFLOW_LABEL = "workflows.argoproj.io/workflow"


class Kubernetes(Cleanup):
    """Delete Kubernetes objects of any kind by label, in one namespace, and wait until they are gone.

    The pod that this runs in, its workflow, and whatever owns these, directly or not, are never deleted: the result
    notes each that the selector fits. Objects go by name and uid, so that one made in the meantime under the same
    name stays. Kinds go in the order in which they are given: name what makes others first, such as jobs before
    pods. A finalizer that holds an object, or a right that is missing, fails the step and keeps nothing else.

    The service account needs the rights of this Role, for the kinds that are named; which kinds there are, every
    account may read. `get` on `workflows` tells who owns the workflow, and without it the result notes that this
    is not known. Where something does own it, `get` on that kind tells who owns that in turn; outside of Argo,
    `get` on `pods` does the same for the pod that this runs in.

        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: exitkit-cleanup}
        rules:
          - {apiGroups: [""], resources: [pods, persistentvolumeclaims], verbs: [list, delete]}
          - {apiGroups: [batch], resources: [jobs], verbs: [list, delete]}
          - {apiGroups: [argoproj.io], resources: [workflows], verbs: [get]}
    """

    kinds: Annotated[list[str], WORDS] = Field(
        min_length=1,
        description="What to delete, in this order: pods, pvc, Job, jobs.batch, batch/v1/jobs, "
        "sparkapplications.sparkoperator.k8s.io; the service account needs list and delete on each.",
    )
    selector: str = Field(
        description="Only what has these labels, such as workflows.argoproj.io/workflow=train-x7k2p or "
        "app in (a, b),!keep; one value has to be the workflow's name or hold its uid."
    )
    field_selector: str = Field("", description="Only what has these fields too, such as status.phase=Failed.")
    in_namespace: str | None = Field(
        None, description="The namespace; the workflow's by default. In another one only the workflow's uid is enough."
    )
    propagation: Literal["Background", "Foreground", "Orphan"] = Field(
        "Background",
        description="What becomes of that which they own: deleted after them, before them, or left alone.",
    )
    wait: Seconds = Field(
        60.0,
        description="How long to watch until they are gone; what is still there then fails the step. 0: not at all.",
    )
    grace_period: int | None = Field(
        None, ge=0, description="Seconds that pods get to end, instead of their own; 0 kills them at once."
    )
    kubeconfig: Path | None = Field(
        None,
        description="A kubeconfig, which needs the extra kubernetes; by default KUBECONFIG, else the pod's service "
        "account, else ~/.kube/config.",
    )
    context: str = Field("", description="A context of the kubeconfig; its current one by default.")
    older_than: Seconds = Field(0.0, description="Only what was created at least so long ago.")
    include: list[str] = Field([], description="Only what has a name that matches one of these globs, such as tmp-*.")
    exclude: list[str] = Field([], description="Not what has a name that matches one of these globs.")
    limit_bytes: Bytes | None = Field(None, description="Not for objects of Kubernetes, which have no size: use limit.")

    reads_in_dry_run: ClassVar[bool] = True
    looks_again: ClassVar[bool] = True

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:
        kinds = given.get("kinds", ())
        wanted = (kinds,) if isinstance(kinds, str) else kinds if isinstance(kinds, list | tuple) else ()
        named = [discovery.well_known(str(kind)) for kind in wanted]
        place = str(given.get("in_namespace") or "")
        if re.fullmatch(r"\{\{-?\s*workflow\.namespace\s*-?\}\}", place):
            place = ""
        if "{{" in place or "{%" in place:
            raise ConfigError(
                "in_namespace is known only in the run, and so is where the rights are needed: write it out"
            )
        rights = [Right(group, plural, ("list", "delete"), place) for group, plural in named]
        # Who owns the workflow is asked where it is; in another namespace nothing can own it.
        return rights if place else [*rights, Right("argoproj.io", "workflows", ("get",))]

    @field_validator("kinds")
    @classmethod
    def _are_kinds(cls, kinds: list[str]) -> list[str]:
        for one in kinds:
            if not one.strip():
                raise ValueError("a kind is empty: was a template filled in with nothing?")
            if not _KIND.fullmatch(one):
                raise ValueError("a kind is such as pods, jobs.batch or batch/v1/jobs")
            with as_value_error():
                discovery.check(one)
        return kinds

    @field_validator("selector")
    @classmethod
    def _is_a_selector(cls, selector: str) -> str:
        with as_value_error():
            selectors.parse(selector)
        return selector

    @field_validator("field_selector")
    @classmethod
    def _is_a_field_selector(cls, selector: str) -> str:
        if selector:
            with as_value_error():
                selectors.check_fields(selector)
        return selector

    @field_validator("in_namespace")
    @classmethod
    def _is_a_namespace(cls, namespace: str | None) -> str | None:
        if namespace is not None:
            with as_value_error():
                check_namespace(namespace)
        return namespace

    @model_validator(mode="after")
    def _fits(self) -> "Kubernetes":
        if self.limit_bytes is not None:
            raise ValueError("limit_bytes is not for objects of Kubernetes, which have no size: use limit")
        return self

    def targets(self) -> list[str]:
        return [self.selector]

    def bears(self, target: str, own: str) -> bool:
        """Whether one condition leaves only values that are the name, or that hold the uid.

        The conditions hold together, so one is enough; that a label is there, or is not this or that, says nothing.
        """
        return any(
            bool(one.values) and all(value == own or (isinstance(own, Uid) and own in value) for value in one.values)
            for one in selectors.parse(target)
        )

    def tells(self, target: str, own: str) -> bool:
        """Also where Argo's own label says it, whatever the name is."""
        argos = [one for one in selectors.parse(target) if one.key == _WORKFLOW_LABEL]
        return super().tells(target, own) or any(one.values == (own,) for one in argos)

    def guard(self, context: Context) -> None:
        namespace, workflow = self._namespace(context), context.workflow
        super().guard(context)
        if self.anything or self._keeps(context) or namespace == (workflow.namespace or namespace):
            return
        if not any(isinstance(own, Uid) and self.bears(self.selector, own) for own in owners(workflow)):
            raise ConfigError(
                f"{namespace} is not the workflow's namespace, and may have a workflow of the same name: select by the "
                "workflow's uid, or say anything: true if it is to be deleted all the same"
            )

    @contextlib.contextmanager
    def open(self, context: Context) -> Iterator[KubernetesSweeper]:
        path = str(self.kubeconfig) if self.kubeconfig else ""
        with Kube(partial(find.find, path, self.context, context.deadline.clock)) as kube:
            yield KubernetesSweeper(self, kube, context, self._namespace(context))

    def _namespace(self, context: Context) -> str:
        """Raises ConfigError where it must not be touched, or is not known."""
        namespace = context.workflow.namespace if self.in_namespace is None else self.in_namespace
        if not namespace:
            raise ConfigError("the workflow's namespace is not known here: give in_namespace")
        check_namespace(namespace)
        return namespace

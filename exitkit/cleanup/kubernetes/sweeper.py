"""What a cleanup finds in a namespace of a cluster and deletes there, kind by kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from exitkit.cleanup.engine.deletion import Outcome
from exitkit.cleanup.engine.globs import Globs
from exitkit.cleanup.kubernetes.deletion import Deletion
from exitkit.cleanup.kubernetes.discovery import Discovery
from exitkit.cleanup.kubernetes.ownership import Own, own
from exitkit.clients.deletion import Refusal
from exitkit.clients.kubernetes import Kube, ObjectMetadata, Resource
from exitkit.clients.kubernetes.listing import listed
from exitkit.context import Context
from exitkit.errors import ActionError

_BATCH = 2000  # objects that are watched together until they are gone, so that a grace period passes once for all


class Picks(Protocol):
    """What is to go, and how; the fields are those of the action."""

    @property
    def kinds(self) -> Sequence[str]: ...
    @property
    def selector(self) -> str: ...
    @property
    def field_selector(self) -> str: ...
    @property
    def propagation(self) -> str: ...
    @property
    def wait(self) -> float: ...
    @property
    def grace_period(self) -> int | None: ...
    @property
    def older_than(self) -> float: ...
    @property
    def include(self) -> Sequence[str]: ...
    @property
    def exclude(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Herd:
    """Objects of one kind."""

    resource: Resource
    victims: Sequence[ObjectMetadata]
    place: str
    sizes: Sequence[int] = ()

    @property
    def names(self) -> Sequence[str]:
        return [one.name for one in self.victims]


class Sweep:
    """The cluster, while one run finds and deletes in it."""

    def __init__(self, settings: Picks, kube: Kube, context: Context, namespace: str, spared: dict[str, None]) -> None:
        self.settings, self.kube, self.context, self.namespace, self.spared = settings, kube, context, namespace, spared
        self.include, self.exclude = Globs(settings.include), Globs(settings.exclude)
        now = context.deadline.clock.time()
        self.before = now - settings.older_than if settings.older_than else None
        self.own = Own(context.workflow)

    def find(self, context: Context) -> Iterator[Herd | Refusal]:
        discovery = Discovery(self.kube, context.retry)
        resources = discovery.resolve(self.settings.kinds)
        self.own = own(self.kube, context.retry, context.workflow, self.namespace, discovery)
        self.spared.update(dict.fromkeys(self.own.notes))
        for resource in resources:
            try:
                yield from self._herds(resource)
            except ActionError as error:
                if type(error) is not ActionError:  # nobody answers, so the next kind will not be listed either
                    raise
                yield Refusal(f"{self.namespace}/{resource.label}", str(error))

    def delete(self, batch: Herd, context: Context, most: int) -> Outcome:
        settings = self.settings
        options: dict[str, Any] = {"propagationPolicy": settings.propagation}
        if settings.grace_period is not None:
            options["gracePeriodSeconds"] = settings.grace_period
        deletion = Deletion(
            self.kube, context.retry, batch.resource, self.namespace, settings.selector, options, settings.wait
        )
        return deletion.remove(batch.victims[:most])

    def _herds(self, resource: Resource) -> Iterator[Herd]:
        query = {"labelSelector": self.settings.selector}
        if self.settings.field_selector:
            query["fieldSelector"] = self.settings.field_selector
        place = f"{self.namespace}/{resource.label}/"
        waiting: list[ObjectMetadata] = []
        for page in listed(self.kube, self.context.retry, resource, self.namespace, query):
            waiting += [one for one in page if self._takes(resource, one)]
            if len(waiting) >= _BATCH:
                yield Herd(resource, waiting, place)
                waiting = []
        if waiting:
            yield Herd(resource, waiting, place)

    def _takes(self, resource: Resource, one: ObjectMetadata) -> bool:
        if self.before is not None and (one.created is None or one.created > self.before):
            return False
        if self.exclude.match(one.name) or (self.include and not self.include.match(one.name)):
            return False
        if why := self.own.why(resource, one):
            self.spared[f"{self.namespace}/{resource.label}/{one.name} was left, because it {why}"] = None
        return not why

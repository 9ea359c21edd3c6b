"""What a cleanup finds in a namespace of a cluster and deletes there, kind by kind."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exitkit.cleanup.engine.deletion import DeletionOutcome
from exitkit.cleanup.engine.globs import Globs
from exitkit.cleanup.engine.reading import ForeignListing, reading
from exitkit.cleanup.kubernetes.deletion import KindDeletion
from exitkit.cleanup.kubernetes.selectors import fits_fields, parse
from exitkit.clients.deletion import Refusal
from exitkit.clients.kubernetes import Kube, ObjectMetadata, Resource
from exitkit.clients.kubernetes.discovery import Discovery
from exitkit.clients.kubernetes.listing import listed
from exitkit.clients.kubernetes.ownership import Own, own
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.retry.throttle import Throttle

if TYPE_CHECKING:
    from exitkit.cleanup.kubernetes import Kubernetes

_BATCH = 2000  # objects that are watched together until they are gone, so that a grace period passes once for all


@dataclass(frozen=True)
class KindBatch:
    """Objects of one kind."""

    resource: Resource
    victims: Sequence[ObjectMetadata]
    place: str
    sizes: Sequence[int] = ()

    @property
    def names(self) -> Sequence[str]:
        return [one.name for one in self.victims]


class KubernetesSweeper:
    """The cluster, while one run finds and deletes in it."""

    def __init__(self, settings: "Kubernetes", kube: Kube, context: Context, namespace: str) -> None:
        self.settings, self.kube, self.context, self.namespace = settings, kube, context, namespace
        self.notes: dict[str, None] = {}  # in order, each once
        self.include, self.exclude = Globs(settings.include), Globs(settings.exclude)
        now = context.deadline.clock.time()
        self.before = now - settings.older_than if settings.older_than else None
        self.own = Own(context.workflow)
        self.requirements = parse(settings.selector)
        self.throttle = Throttle(context.deadline)

    def find(self, context: Context) -> Iterator[KindBatch | Refusal]:
        discovery = Discovery(self.kube, context.retry)
        resources = discovery.resolve(self.settings.kinds)
        self.own = own(self.kube, context.retry, context.workflow, self.namespace, discovery)
        self.notes.update(dict.fromkeys(self.own.notes))
        for resource in resources:
            try:
                yield from self._herds(resource)
            except ActionError as error:
                if type(error) is not ActionError:  # nobody answers, so the next kind will not be listed either
                    raise
                yield Refusal(f"{self.namespace}/{resource.label}", str(error))

    def delete(self, batch: KindBatch, context: Context, most: int) -> DeletionOutcome:
        return self._deletion(batch, context).remove(batch.victims[:most])

    def still_there(self, batch: KindBatch, context: Context, most: int) -> Collection[str]:
        """The names of the first so many of a batch that are there and are not about to go. Raises ActionError."""
        return self._deletion(batch, context).staying(batch.victims[:most])

    def _deletion(self, batch: KindBatch, context: Context) -> KindDeletion:
        settings = self.settings
        options: dict[str, Any] = {"propagationPolicy": settings.propagation}
        if settings.grace_period is not None:
            options["gracePeriodSeconds"] = settings.grace_period
        return KindDeletion(
            *(self.kube, context.retry, batch.resource, self.namespace, settings.selector, options, settings.wait),
            self.throttle,
        )

    def _herds(self, resource: Resource) -> Iterator[KindBatch]:
        query = {"labelSelector": self.settings.selector}
        if self.settings.field_selector:
            query["fieldSelector"] = self.settings.field_selector
        place = f"{self.namespace}/{resource.label}/"
        waiting: list[ObjectMetadata] = []
        for page in reading(listed(self.kube, self.context.retry, resource, self.namespace, query)):
            for one in page:
                self._check_asked(resource, one)
            waiting += [one for one in page if self._takes(resource, one)]
            if len(waiting) >= _BATCH:
                yield KindBatch(resource, waiting, place)
                waiting = []
        if waiting:
            yield KindBatch(resource, waiting, place)

    def _check_asked(self, resource: Resource, one: ObjectMetadata) -> None:
        """Raises ForeignListing for what the selector does not fit, as a server gives that does not heed it."""
        fields = {"metadata.name": one.name, "metadata.namespace": self.namespace}
        is_here = one.namespace in ("", self.namespace) and fits_fields(self.settings.field_selector, fields)
        if not (one.name and one.uid and is_here and all(part.fits(one.labels) for part in self.requirements)):
            raise ForeignListing(
                f"listing {resource.label} in {self.namespace}: the server also lists {one.name or 'what has no name'!r}, "
                "which was not asked for, so nothing of it is deleted: it does not heed the selector",
                reason="server",
            )

    def _takes(self, resource: Resource, one: ObjectMetadata) -> bool:
        if self.before is not None and (one.created is None or one.created > self.before):
            return False
        if self.exclude.match(one.name) or (self.include and not self.include.match(one.name)):
            return False
        if why := self.own.why(resource, one):
            self.notes[f"{self.namespace}/{resource.label}/{one.name} was left, because it {why}"] = None
        return not why

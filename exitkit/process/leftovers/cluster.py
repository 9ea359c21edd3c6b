"""What a workflow made in its namespace and did not remove: by Argo's label, another that names it, or an owner."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from exitkit.argo.ownership import Uid
from exitkit.clients.kubernetes import WORKFLOWS, Kube, ObjectMetadata, Resource
from exitkit.clients.kubernetes.claims import CLAIMS, claims
from exitkit.clients.kubernetes.discovery import Discovery, Listable
from exitkit.clients.kubernetes.listing import listed
from exitkit.clients.kubernetes.ownership import Own, own
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.process.leftovers.bearing import Owners

MOST_OBJECTS = 20_000
"""Objects of one kind that are looked at; what a namespace has beyond is noted."""

MOST_KINDS = 300

# What the cluster or Argo makes and removes by itself, and what Argo still needs as long as the workflow is there.
_ITS_OWN = frozenset(
    {
        ("", "events"),
        ("events.k8s.io", "events"),
        ("", "endpoints"),
        ("discovery.k8s.io", "endpointslices"),
        ("apps", "controllerrevisions"),
        ("coordination.k8s.io", "leases"),
        ("metrics.k8s.io", "pods"),
        (WORKFLOWS.group, "workflowtaskresults"),
        (WORKFLOWS.group, "workflowtasksets"),
        (WORKFLOWS.group, "workflowartifactgctasks"),
    }
)


@dataclass(frozen=True)
class LeftObject:
    """An object that is left. `selector` finds it, with templates in it, and is empty where it goes with its owner."""

    resource: Resource
    metadata: ObjectMetadata
    why: str
    selector: str = ""
    size: int | None = None
    deletable: bool = True


@dataclass
class Cluster:
    """What was found in a namespace, of which kinds, and what could not be looked at."""

    objects: list[LeftObject] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    foreign: set[tuple[str, str]] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Kept:
    """An object that may be owned by one that is left."""

    kind: Listable
    metadata: ObjectMetadata
    size: int | None


def scan(kube: Kube, namespace: str, kinds: Sequence[str], owners: Owners, context: Context) -> Cluster:
    """Look at these kinds, or at all that the account may list. Raises ActionError where nothing can be asked."""
    found = Cluster()
    discovery = Discovery(kube, context.retry)
    listable = discovery.listable(namespace)
    if kinds:
        wanted = set(discovery.resolve(kinds))
        listable = [Listable(one.resource, one.deletable) for one in listable if one.resource in wanted]
    else:
        listable = [one for one in listable if (one.resource.group, one.resource.plural) not in _ITS_OWN]
    if len(listable) > MOST_KINDS:
        found.notes.append(
            f"{len(listable)} kinds are there, and {MOST_KINDS} were looked at: name the others in kinds"
        )
    itself = own(kube, context.retry, context.workflow, namespace, discovery)
    found.notes += itself.notes
    judged = _Judged(owners, itself, found)
    forbidden: list[str] = []
    for kind in listable[:MOST_KINDS]:
        if kind.allowed is False:
            forbidden.append(kind.resource.label)
            continue
        try:
            _look(kube, namespace, kind, judged, context)
        except ActionError as error:
            if error.reason == "auth":
                forbidden.append(kind.resource.label)
                continue
            if type(error) is not ActionError:  # nobody answers, so the next kind will not be listed either
                raise
            found.notes.append(f"{kind.resource.label}: {error}")
        else:
            found.looked_at.append(kind.resource.label)
    judged.follow_owners()
    if forbidden:
        shown = ", ".join(forbidden[:5]) + (f" and {len(forbidden) - 5} more" if len(forbidden) > 5 else "")
        found.notes.append(f"the account may not list {shown}: give it list on what is to be looked at")
    return found


def _look(kube: Kube, namespace: str, kind: Listable, judged: "_Judged", context: Context) -> None:
    seen = 0
    for page in _pages(kube, namespace, kind.resource, context):
        for metadata, size in page:
            judged.take(kind, metadata, size)
            seen += 1
        if seen >= MOST_OBJECTS:
            judged.found.notes.append(f"{kind.resource.label}: more than {MOST_OBJECTS}, of which these were looked at")
            return


def _pages(
    kube: Kube, namespace: str, resource: Resource, context: Context
) -> Iterator[Iterable[tuple[ObjectMetadata, int | None]]]:
    if resource == CLAIMS:
        for claimed in claims(kube, context.retry, namespace):
            yield [(claim.metadata, claim.size) for claim in claimed]
        return
    for page in listed(kube, context.retry, resource, namespace, {}):
        yield [(metadata, None) for metadata in page]


class _Judged:
    """Objects sorted into those that are left, those that are the run's own, and the rest, in which owners may lead."""

    def __init__(self, owners: Owners, itself: Own, found: Cluster) -> None:
        self.owners, self.itself, self.found = owners, itself, found
        created = owners.workflow.creation_timestamp
        self.since = created.timestamp() if created else None
        self.uids = {owners.workflow.uid: "the workflow"} if isinstance(_uid(owners), Uid) else {}
        self._owned: list[_Kept] = []
        self._seen: set[str] = set()

    def take(self, kind: Listable, metadata: ObjectMetadata, size: int | None) -> None:
        if metadata.uid in self._seen:  # by another group's name
            return
        self._seen.add(metadata.uid)
        if self.itself.why(kind.resource, metadata):
            return
        labels = [(key, self.owners.of_label(str(key), str(value))) for key, value in metadata.labels.items()]
        selectors = {key: selector for key, selector in labels if selector}
        if selectors and self._is_older(metadata):
            self.found.foreign |= {(kind.resource.label, selector) for selector in selectors.values()}
            return
        if not selectors:
            if metadata.owners:
                self._owned.append(_Kept(kind, metadata, size))
            return
        key = min(selectors, key=lambda key: (not key.startswith("workflows.argoproj.io/"), key))
        self._left(kind, metadata, size, why=f"label {key}", selector=selectors[key])

    def follow_owners(self) -> None:
        """Also what is owned by the workflow or by what is left, and so on."""
        rest = self._owned
        while True:
            owned = [kept for kept in rest if self._owner(kept)]
            if not owned:
                return
            rest = [kept for kept in rest if not self._owner(kept)]
            for kept in owned:
                self._left(kept.kind, kept.metadata, kept.size, why=f"owned by {self._owner(kept)}")

    def _left(
        self, kind: Listable, metadata: ObjectMetadata, size: int | None, *, why: str, selector: str = ""
    ) -> None:
        self.uids[metadata.uid] = f"{kind.resource.label}/{metadata.name}"
        self.found.objects.append(LeftObject(kind.resource, metadata, why, selector, size, kind.deletable))

    def _owner(self, kept: _Kept) -> str:
        return next((self.uids[uid] for uid in kept.metadata.owners if uid in self.uids), "")

    def _is_older(self, metadata: ObjectMetadata) -> bool:
        """Than the workflow, as what an earlier one of the same name has made; times are of whole seconds."""
        return self.since is not None and metadata.created is not None and metadata.created < self.since - 1


def _uid(owners: Owners) -> str:
    return next((one for one in owners.telling if isinstance(one, Uid)), "")


def steps(cluster: Cluster) -> Iterator[Mapping[str, object]]:
    """Settings of cleanup.kubernetes for what is left, one for each selector; what owns others goes first."""
    kinds: dict[str, list[str]] = {}
    for one in sorted(cluster.objects, key=_order):
        if one.selector and one.deletable and (one.resource.label, one.selector) not in cluster.foreign:
            kinds.setdefault(one.selector, [])
            if one.resource.label not in kinds[one.selector]:
                kinds[one.selector].append(one.resource.label)
    for selector, labels in kinds.items():
        yield {"kinds": labels, "selector": selector}


def _order(one: LeftObject) -> tuple[int, str, str]:
    """Makers of pods, pods, what pods use, and claims."""
    last: Callable[[str], int] = {"pods": 1, "configmaps": 2, "secrets": 2, "persistentvolumeclaims": 3}.get  # type: ignore[assignment]
    return last(one.resource.label) or 0, one.resource.label, one.metadata.name


def counts(objects: Iterable[LeftObject]) -> dict[str, int]:
    """How many of each kind."""
    labels = sorted(one.resource.label for one in objects)
    return dict(chain((label, labels.count(label)) for label in dict.fromkeys(labels)))

"""The workflow's own record: the Workflow object with all its nodes, as Argo's controller keeps it.

A handler reads it while the workflow is Running still: `status.phase`, its label, `finishedAt` and `message` are those
of its end only after the handler has ended. So how the workflow ended is read from its own node, the root.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from exitkit.argo import nodenames
from exitkit.argo.record import loose
from exitkit.argo.record.node import FULFILLED, Node
from exitkit.argo.record.uncollected import uncollected
from exitkit.argo.timestamp import parse_moment

if TYPE_CHECKING:
    from exitkit.argo.workflow import Workflow

__all__ = ["Node", "WorkflowRecord", "read"]

_LABEL = "workflows.argoproj.io/"
_ENDS = frozenset({"Succeeded", "Failed", "Error"})


def read(document: object) -> "WorkflowRecord":
    """The record that the object of kind Workflow holds. Raises ValueError, in words for a note, for what is none.

    Nodes that cannot be read leave a record without nodes, and a note in it.
    """
    whole = loose.mapping(document)
    metadata, status = loose.mapping(whole.get("metadata")), loose.mapping(whole.get("status"))
    kind = whole.get("kind")
    if not metadata or not (kind == "Workflow" or (kind is None and ("spec" in whole or "status" in whole))):
        raise ValueError("it is no Workflow")
    nodes, note = _nodes(status)
    return WorkflowRecord(whole, metadata, status, nodes, (note,) if note else ())


def _nodes(status: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The nodes by id as they came, and why there are none where there should be."""
    nodes = loose.mapping(status.get("nodes"))
    if nodes:
        return nodes, ""
    if compressed := loose.text(status, "compressedNodes"):
        from exitkit.argo.record import packed

        try:
            return packed.nodes(compressed), ""
        except ValueError as error:
            return {}, str(error)
    if loose.text(status, "offloadNodeStatusVersion"):
        return {}, "its nodes are in Argo's database, which only argo-server reads: set ARGO_SERVER"
    return {}, ""


@dataclass(frozen=True, eq=False)
class WorkflowRecord:
    """The properties have Argo's names, "" or empty where Argo says nothing. Times are aware.

    `document` is the object as it came, `notes` say what of it could not be read.
    """

    document: Mapping[str, Any] = field(repr=False)
    _metadata: Mapping[str, Any] = field(repr=False)
    _status: Mapping[str, Any] = field(repr=False)
    _nodes: Mapping[str, Any] = field(repr=False)
    notes: tuple[str, ...] = ()
    # What was made of it, so that nobody makes it again: by whom it was asked for, and the attempts at each node.
    joined: "list[tuple[Workflow, Workflow]]" = field(default_factory=list, init=False, repr=False)
    _attempts: dict[str, tuple[Node, ...]] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        return loose.text(self._metadata, "name")

    @property
    def namespace(self) -> str:
        return loose.text(self._metadata, "namespace")

    @property
    def uid(self) -> str:
        return loose.text(self._metadata, "uid")

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return loose.words(self._metadata.get("labels"))

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        return loose.words(self._metadata.get("annotations"))

    @property
    def created_at(self) -> datetime | None:
        return parse_moment(loose.text(self._metadata, "creationTimestamp"))

    @property
    def submitted_by(self) -> str:
        """Who submitted it, by the labels that argo-server sets; "" where it was made by kubectl or a CronWorkflow."""
        for name in ("creator-preferred-username", "creator-email", "creator"):
            if who := self.labels.get(_LABEL + name):
                return who.replace(".at.", "@")  # a label cannot hold an @
        return ""

    # How it went

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by id, handlers and hooks as well."""
        with uncollected():
            return {key: Node(raw) for key, raw in self._nodes.items() if isinstance(raw, dict)}

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes.values()}

    @property
    def root(self) -> Node | None:
        """The workflow's own node."""
        return self.nodes.get(self.name)

    @property
    def live_phase(self) -> str:
        """`status.phase`: Running while a handler runs."""
        return loose.text(self._status, "phase")

    @property
    def status(self) -> str:
        """Succeeded, Failed or Error, also while a handler runs; else its live phase."""
        if self.live_phase in _ENDS or self.root is None or not self.root.fulfilled:
            return self.live_phase
        return self.root.phase if self.root.phase in _ENDS else "Succeeded"  # of a root that is Skipped or Omitted

    @property
    def ended(self) -> bool:
        return self.status in _ENDS

    @property
    def message(self) -> str:
        return loose.text(self._status, "message") or (self.root.message if self.root else "")

    @property
    def started_at(self) -> datetime | None:
        return parse_moment(loose.text(self._status, "startedAt")) or (self.root.started_at if self.root else None)

    @property
    def finished_at(self) -> datetime | None:
        """When what it is for had ended, handlers aside."""
        if self.root is not None and self.root.finished_at is not None:
            return self.root.finished_at
        return parse_moment(loose.text(self._status, "finishedAt"))

    @property
    def duration(self) -> float | None:
        """Seconds from its start to its end, handlers aside; None while it runs."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())

    @property
    def progress(self) -> str:
        return loose.text(self._status, "progress")

    @property
    def resources(self) -> Mapping[str, float]:
        """Seconds that its pods took of each resource: of one CPU, of 100 Mi of memory, by what was requested."""
        return loose.numbers(self._status.get("resourcesDuration"))

    @property
    def conditions(self) -> tuple[Mapping[str, Any], ...]:
        return loose.mappings(self._status.get("conditions"))

    @property
    def outputs(self) -> Mapping[str, str]:
        """Its global output parameters."""
        return loose.pairs(loose.mapping(self._status.get("outputs")).get("parameters"))

    # What it was made of

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """What ran: with workflowTemplateRef or the controller's defaults that is the stored spec."""
        stored = loose.mapping(self._status.get("storedWorkflowTemplateSpec"))
        own = loose.mapping(self.document.get("spec"))
        return {**stored, **({"arguments": own["arguments"]} if "arguments" in own else {})} if stored else own

    @property
    def parameters(self) -> Mapping[str, str]:
        """Its parameters, those of its WorkflowTemplate where it says nothing else; one from a ConfigMap is not here."""
        kept: dict[str, str] = {}
        for spec in (loose.mapping(self._status.get("storedWorkflowTemplateSpec")), self.document.get("spec")):
            kept |= loose.pairs(loose.mapping(loose.mapping(spec).get("arguments")).get("parameters"))
        return kept

    @property
    def entrypoint(self) -> str:
        return loose.text(self.spec, "entrypoint")

    @property
    def service_account_name(self) -> str:
        return loose.text(self.spec, "serviceAccountName")

    @property
    def priority(self) -> int | None:
        return loose.integer(self.spec.get("priority"))

    @property
    def shutdown(self) -> str:
        """Stop or Terminate, where somebody asked for it."""
        return loose.text(loose.mapping(self.document.get("spec")), "shutdown")

    @property
    def workflow_template(self) -> str:
        """The WorkflowTemplate that it was made from, or ""."""
        return loose.text(loose.mapping(loose.mapping(self.document.get("spec")).get("workflowTemplateRef")), "name")

    @cached_property
    def templates(self) -> Mapping[str, Mapping[str, Any]]:
        """The templates by name; those of other WorkflowTemplates as Argo stores them, `namespaced/shared/fit`."""
        own = {loose.text(item, "name"): item for item in loose.mappings(self.spec.get("templates"))}
        stored = loose.mapping(self._status.get("storedTemplates"))
        return {**own, **{key: item for key, item in stored.items() if isinstance(item, dict)}}

    def template_of(self, node: Node) -> Mapping[str, Any]:
        """The template that the node runs, or {}; tags in it are as they were written."""
        reference = node.template_ref
        if reference:
            scope = "cluster" if loose.flag(reference.get("clusterScope")) else "namespaced"
            key = f"{scope}/{loose.text(reference, 'name')}/{loose.text(reference, 'template')}"
            return self.templates.get(key, {})
        found = self.templates.get(node.template_name)
        return found if found is not None else self.templates.get(f"{node.template_scope}/{node.template_name}", {})

    @property
    def artifact_repository(self) -> Mapping[str, Any]:
        """Where its artifacts and archived logs are: `s3` or `gcs` with bucket, endpoint and names of Secrets."""
        return loose.mapping(loose.mapping(self._status.get("artifactRepositoryRef")).get("artifactRepository"))

    # Who is whose

    @property
    def pod_names_are_ids(self) -> bool:
        """Whether its pods are named in Argo's first form, in which a pod has its node's id."""
        return self.annotations.get(f"{_LABEL}pod-name-format") == "v1"

    def pod_name(self, node: Node) -> str:
        """The name of the node's pod, which a container of a containerSet shares with its parent; "" where it has none."""
        if node.type == "Container":
            parent = self.nodes.get(node.boundary_id)
            return self.pod_name(parent) if parent is not None and parent.type != "Container" else ""
        return "" if node.is_parent else self.computed_pod_name(node)

    def computed_pod_name(self, node: Node) -> str:
        """As Argo would name a pod of the node, also where it has none, as `workflow.failures` does."""
        if self.pod_names_are_ids:
            return node.id
        return nodenames.pod_name_of(self.name, node.name, node.template_name, node.id)

    def subject(self, handler: str) -> Node | None:
        """The node that a handler or hook is for, by the handler's id or name."""
        own = self.nodes.get(handler) or self.by_name.get(handler)
        return self.by_name.get(nodenames.subject_of(own.name if own else handler))

    def attempts(self, node: Node) -> tuple[Node, ...]:
        """The attempts at a node with a retryStrategy, in their order; its hooks are among its children, and not here."""
        if node.id not in self._attempts:
            children = (self.nodes.get(key) for key in node.children) if node.type == "Retry" else ()
            tried = (child for child in children if child is not None and child.retried and not child.hooked)
            self._attempts[node.id] = tuple(tried)
        return self._attempts[node.id]

    def last_attempt(self, node: Node) -> Node:
        """The attempt whose end is the node's; the node itself where it is tried once only."""
        tried = self.attempts(node)
        return tried[-1] if tried else node

    def above(self, node: Node) -> Iterator[Node]:
        """Every node that the node is part of, the nearest first: its attempt's Retry, its group, its template's node."""
        for name in nodenames.names_above(node.name):
            parent = self.by_name.get(name)
            if parent is not None:
                yield parent

    def is_settled(self, subject: Node | None = None) -> bool:
        """Whether the node, else the workflow itself, has ended in this reading of it.

        Argo makes the handler's pod before it writes down why, so that a handler which starts at once reads too soon.
        """
        if subject is None:
            return self.ended
        return subject.phase in FULFILLED

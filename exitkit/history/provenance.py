"""What a run was made from, kept of the last success, and what of it is another now: images, parameters, templates, nodes.

A parameter may be a secret, and the store is none: of each value only a short hash is kept, and the value itself where it is
short and plain. See docs/decisions/062.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from exitkit.argo.record import Node, WorkflowRecord, loose
from exitkit.argo.workflow import Workflow
from exitkit.text import redact
from exitkit.text.safe import is_secret_name
from exitkit.version import __version__

KINDS: Final = ("image", "parameter", "template", "node pool", "exitkit")
"""What can change, in the order in which people are told of it."""

ROOM: Final[Mapping[str, int]] = MappingProxyType(
    {"image": 2000, "parameter": 3000, "template": 2000, "node pool": 1000, "exitkit": 100}
)
"""Bytes that the facts of one success take in the store, some 8 KiB in all; a history may have 64."""

_LONGEST_NAME, _LONGEST_VALUE = 150, 40
_MOST_NODES = 3  # pools or tags that are named
_HASH, _SECRET_HASH = 8, 4
"""Hex digits kept of a value: 32 bits tell values apart; 16, of what may be a secret, also fit thousands of guesses."""

# Numbers, dates, words and paths; nothing with a password in it, and no long run of letters and digits, which may be a key.
_PLAIN = re.compile(r"[\w.,:/+=\-]*", re.ASCII)
_DENSE = re.compile(r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9+/_]{16,}")
_IMAGE = re.compile(r'"image": "(?:[^"\\]|\\.)*"')  # which is told by itself
_TAG = re.compile(r"\{\{=?\s*(inputs|workflow)\.parameters\.([\w.-]+)\s*\}\}")
# Names of nodes that say their pool: GKE's gke-CLUSTER-POOL-HASH-END, and AKS' aks-POOL-NUMBER-vmssEND.
# https://cloud.google.com/kubernetes-engine/docs/concepts/node-pools, https://learn.microsoft.com/azure/aks/
_POOLS = (
    re.compile(r"gke-(.+)-[0-9a-f]{8}-[0-9a-z]{4}"),
    re.compile(r"aks-([a-z0-9]+)-[0-9]+-vmss[0-9a-z]+"),
)
_SELECTORS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "karpenter.sh/nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
)


class Trait(NamedTuple):
    """One thing that the run was made from: a hash of it, and the value where it may be shown, else ""."""

    hash: str
    shown: str = ""


class Change(NamedTuple):
    """What is another than in the last success. `before` and `after` are "" where there was none, or it is not shown.

    `is_usual` says that it changed between the two successes before as well, as a nightly run's date does.
    """

    kind: str
    name: str
    before: str = ""
    after: str = ""
    sort: str = "changed"
    is_usual: bool = False

    @property
    def what(self) -> str:
        """`parameter date`, `image ranker`, `node pool of fit`."""
        if self.kind == "exitkit":
            return self.kind
        name = self.name.rpartition("/")[2] if self.kind == "image" else self.name
        return f"{self.kind} of {name}" if self.kind == "node pool" else f"{self.kind} {name}"

    @property
    def remark(self) -> str:
        """What a table says beside it."""
        return "another each time" if self.is_usual else "" if self.sort == "changed" else self.sort

    def __str__(self) -> str:
        if self.sort != "changed":
            shown = self.after or self.before
            return f"{self.what} is {self.sort}" + (f" ({shown})" if shown else "")
        return f"{self.what} {self.before} → {self.after}" if self.before and self.after else self.what

    def facts(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "name": self.name,
            "before": self.before,
            "after": self.after,
            "change": self.sort,
            "usual": self.is_usual,
        }


@dataclass(frozen=True)
class Provenance:
    """What a run was made from, by kind and name.

    A kind is missing where nobody could tell, as without a record; `cut` ones are not whole, and `often` are those that
    changed from the success before to this one.
    """

    traits: Mapping[str, Mapping[str, Trait]] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    often: frozenset[tuple[str, str]] = frozenset()

    def changes(self, before: "Provenance") -> tuple[Change, ...]:
        """What of this is another than before, the least usual first; only of kinds that both know."""
        found: list[Change] = []
        for kind in KINDS:
            if kind in self.traits and kind in before.traits:
                found += self._changed(kind, before)
        return tuple(sorted(found, key=lambda change: change.is_usual))

    def after(self, before: "Provenance") -> "Provenance":
        """This one, knowing what was another before."""
        often = frozenset((change.kind, change.name) for change in self.changes(before) if change.sort == "changed")
        return Provenance(self.traits, self.cut, often)

    def _changed(self, kind: str, before: "Provenance") -> Iterator[Change]:
        mine, theirs = self.traits[kind], before.traits[kind]
        for name, trait in mine.items():
            old = theirs.get(name)
            if old is None:
                # A template of another WorkflowTemplate is stored when it is first met.
                if kind not in before.cut and (
                    kind in ("image", "parameter") or (kind == "template" and "/" not in name)
                ):
                    yield Change(kind, name, "", trait.shown, "new")
            elif old.hash != trait.hash and not (kind == "node pool" and _are_among(trait.shown, old.shown)):
                yield Change(kind, name, old.shown, trait.shown, is_usual=(kind, name) in before.often)
        if kind == "parameter" and kind not in self.cut:
            yield from (Change(kind, name, old.shown, "", "gone") for name, old in theirs.items() if name not in mine)

    def dump(self) -> dict[str, object]:
        """As JSON has it."""
        traits = {kind: {name: list(trait) for name, trait in each.items()} for kind, each in self.traits.items()}
        return {"traits": traits, "cut": sorted(self.cut), "often": sorted(map(list, self.often))}

    @staticmethod
    def load(value: object) -> "Provenance":
        """As it was dumped. Raises ValueError, TypeError, KeyError or AttributeError for what is none."""
        whole: Any = value
        traits = {
            str(kind): {str(name): Trait(_text(trait[0]), _text(trait[1])) for name, trait in each.items()}
            for kind, each in whole["traits"].items()
        }
        often = frozenset((_text(kind), _text(name)) for kind, name in whole["often"])
        return Provenance(traits, frozenset(map(_text, whole["cut"])), often)


def provenance(workflow: Workflow, record: WorkflowRecord | None, series: str) -> Provenance:
    """What the run was made from, as far as its arguments and its record tell; `series` salts the hashes."""
    known: dict[str, Mapping[str, tuple[str, str]]] = {"exitkit": {"version": (__version__, __version__)}}
    if workflow.parameters or record is not None:
        known["parameter"] = {name: (value, shown(name, value)) for name, value in workflow.parameters.items()}
    if record is not None and record.nodes:
        known |= _of_record(record, workflow.parameters)
    traits: dict[str, dict[str, Trait]] = {}
    cut = set()
    for kind in KINDS:
        if kind not in known:
            continue
        traits[kind], room = {}, ROOM[kind]
        for name, (value, text) in sorted(known[kind].items()):
            short = name if len(name) <= _LONGEST_NAME else f"{name[:100]}…{_hash(name, 12)}"
            digits = _SECRET_HASH if kind == "parameter" and not text else _HASH
            trait = Trait(_hash(f"{series}\0{kind}\0{name}\0{value}", digits), text)
            room -= len(json.dumps([short, trait])) + 2
            if room < 0:
                cut.add(kind)
                break
            traits[kind][short] = trait
    return Provenance(traits, frozenset(cut))


def shown(name: str, value: str) -> str:
    """The value where it may be read by who reads the store: short, plain and no secret, by its name or its look; else ""."""
    if len(value) > _LONGEST_VALUE or is_secret_name(name) or not _PLAIN.fullmatch(value) or _DENSE.search(value):
        return ""
    return value if redact.redact(value) == value else ""


def _of_record(record: WorkflowRecord, parameters: Mapping[str, str]) -> dict[str, Mapping[str, tuple[str, str]]]:
    images: dict[str, set[str]] = {}
    pools: dict[str, set[str]] = {}
    templates = {
        name: (_IMAGE.sub("", json.dumps(template, sort_keys=True)), "") for name, template in record.templates.items()
    }
    met: set[tuple[str, str]] = set()
    for node in record.nodes.values():
        if node.type != "Pod" or node.hooked:
            continue
        name, pool = node.template_name, pool_of(node)
        if pool:
            pools.setdefault(name, set()).add(pool)
        template = record.template_of(node)
        raw = json.dumps([container.get("image") for container in containers(template)])
        values = json.dumps(sorted(node.inputs.items())) if "{{" in raw else ""
        if (raw, values) in met:
            continue
        met.add((raw, values))
        if chosen := next((value for key in _SELECTORS if (value := _selector(template, key))), ""):
            pools.setdefault(name, set()).add(chosen)
        for container in containers(template):
            repository, version = split_image(_filled(loose.text(container, "image"), node, parameters))
            if repository:
                images.setdefault(repository, set()).add(version)
    return {
        "image": {name: _several(versions) for name, versions in images.items()},
        "template": templates,
        "node pool": {name: _several(names) for name, names in pools.items()},
    }


def containers(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All containers of a template, those beside and before the main one as well."""
    for name in ("container", "script"):
        if single := loose.mapping(template.get(name)):
            yield single
    yield from loose.mappings(loose.mapping(template.get("containerSet")).get("containers"))
    yield from loose.mappings(template.get("initContainers"))
    yield from loose.mappings(template.get("sidecars"))


def split_image(image: str) -> tuple[str, str]:
    """`registry:5000/team/ranker` and `1.4` of an image; a digest is cut to 12 digits, as docker does."""
    name, _, digest = image.strip().partition("@")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    if digest:
        algorithm, _, digits = digest.partition(":")
        tag = f"{tag}@{algorithm}:{digits[:12]}"
    return head, tag or "latest"


def pool_of(node: Node) -> str:
    """The pool that the node's name tells, or ""."""
    return next((match[1] for pattern in _POOLS if (match := pattern.fullmatch(node.host))), "")


def _selector(template: Mapping[str, Any], key: str) -> str:
    return loose.text(loose.mapping(template.get("nodeSelector")), key)


def _filled(image: str, node: Node, parameters: Mapping[str, str]) -> str:
    """With the parameters that it is written with."""
    known = {"inputs": node.inputs, "workflow": parameters}
    return _TAG.sub(lambda tag: known[tag[1]].get(tag[2], tag[0]), image)


def _several(values: set[str]) -> tuple[str, str]:
    """All of them to be compared, and the first few to be shown."""
    each = sorted(values)
    more = f",+{len(each) - _MOST_NODES}" if len(each) > _MOST_NODES else ""
    return "\n".join(each), redact.redact(",".join(value[:100] for value in each[:_MOST_NODES]) + more)


def _are_among(now: str, before: str) -> bool:
    """Whether all pools were known before: a run that ends early meets fewer."""
    return set(now.split(",")) <= set(before.split(","))


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:digits]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value[:400]

"""The bill: what a workflow's pods had reserved, times a table of prices.

Argo counts seconds of each resource that was requested: of one CPU, of 100 Mi of memory, of one of anything else
(https://argo-workflows.readthedocs.io/en/latest/resource-duration/). It counts what a pod asked for, not what it used,
and where it asked for nothing Argo counts 100 m of CPU and 100 Mi.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Final

from pydantic import BaseModel, Field

from exitkit.errors import ConfigError
from exitkit.process.spans import NodeSpan, Spans
from exitkit.settings import STRICT, yamltext

_HOUR: Final = 3600.0
# ResourceQuantityDenominator in Argo's workflow_types.go.
_UNIT: Final = {"memory": 100 / 1024, "storage": 10.0, "ephemeral-storage": 10.0}
"""GiB of which Argo counts seconds; of all else it counts seconds of one."""

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Prices(BaseModel):
    """What an hour costs: of one CPU, of one GiB of memory and of ephemeral storage, of one of any other resource."""

    model_config = STRICT

    currency: str = Field("USD", max_length=10, description="What the prices are in.")
    date: str = Field("", max_length=40, description="As of when they are; it is told with the bill.")
    cpu: Price = Field(0.0, description="An hour of one CPU.")
    memory: Price = Field(0.0, description="An hour of one GiB of memory.")
    others: dict[str, Price] = Field({}, description="An hour of one of another resource, such as nvidia.com/gpu.")

    def of(self, resource: str) -> float | None:
        """An hour of one of it, or of one GiB; None where no price is known."""
        return {"cpu": self.cpu, "memory": self.memory}.get(resource, self.others.get(resource))


@dataclass(frozen=True)
class Item:
    """What the pods of one step cost. `hours` are those of each resource: of one CPU, of one GiB, of one of others.

    `retries` is how much of `cost` went into tries that failed and were tried again, `seconds` how long all pods
    ran together.
    """

    step: str
    pods: int
    cost: float
    retries: float
    seconds: float
    hours: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Bill:
    """All of it, the dearest step first. `missing` are resources without a price, of which the cost does not tell."""

    currency: str
    date: str
    items: tuple[Item, ...]
    missing: tuple[str, ...] = ()

    @property
    def cost(self) -> float:
        return math.fsum(item.cost for item in self.items)

    @property
    def retries(self) -> float:
        return math.fsum(item.retries for item in self.items)

    @property
    def hours(self) -> Mapping[str, float]:
        made: dict[str, float] = defaultdict(float)
        for item in self.items:
            for resource, hours in item.hours.items():
                made[resource] += hours
        return dict(made)


def sample(name: str) -> Prices:
    """One of the samples. Raises ConfigError for a name that none has."""
    tables = yamltext.read(files(__package__).joinpath("prices.yaml").read_text(encoding="utf-8")).data
    if name not in tables:
        raise ConfigError(f"prices: no sample is called {name[:100]!r}; there are {', '.join(tables)}")
    return Prices.model_validate(tables[name])


def chosen(prices: "str | Prices | None") -> Prices | None:
    """What a setting `prices` comes to: a sample by its name, or the prices themselves. Raises ConfigError."""
    return sample(prices) if isinstance(prices, str) else prices


def bill(spans: Spans, prices: Prices) -> Bill:
    """What the pods among the spans had reserved, by step: all tries and items of one template below one node."""
    missing: set[str] = set()
    steps: dict[str, list[NodeSpan]] = defaultdict(list)
    for span in spans:
        if span.type == "Pod":  # what holds pods has their sum
            steps[span.template or span.node.display_name].append(span)
    items = [_item(step, each, prices, missing) for step, each in steps.items()]
    items.sort(key=lambda item: (-item.cost, -item.seconds, item.step))
    return Bill(prices.currency, prices.date, tuple(items), tuple(sorted(missing)))


def _item(step: str, spans: Iterable[NodeSpan], prices: Prices, missing: set[str]) -> Item:
    hours: dict[str, float] = defaultdict(float)
    cost = retries = seconds = 0.0
    pods = 0
    rates: dict[str, tuple[float, float]] = {}
    for span in spans:
        own = 0.0
        for resource, amount in span.node.resources.items():
            rate = rates.get(resource)
            if rate is None:
                price = prices.of(resource)
                if price is None:
                    missing.add(resource)
                rate = rates[resource] = (_UNIT.get(resource, 1.0) / _HOUR, price or 0.0)
            each = amount * rate[0]
            hours[resource] += each
            own += each * rate[1]
        pods, cost, seconds = pods + 1, cost + own, seconds + (span.end - span.start)
        if span.retried and span.failed:  # in vain
            retries += own
    return Item(step, pods, cost, retries, seconds, dict(hours))

"""What a run cost: what its pods had requested, times a table of prices."""

import pytest

from exitkit.errors import ConfigError
from exitkit.process.bill import Prices, bill, sample
from exitkit.process.spans import Spans

PRICES = Prices(cpu=1.0, memory=0.5, date="today")


def test_the_bill_is_the_sum_of_its_steps_the_dearest_first(etl):
    """An hour of a CPU and of a GiB is 1.5; only pods count, for what holds them has their sum; the handler that asks is not over."""
    made = bill(Spans(etl.record().nodes.values()), PRICES)
    assert [(item.step, item.pods, item.cost) for item in made.items[:3]] == [
        ("score", 4, 6.0),
        ("extract", 2, 3.0),
        ("fit", 1, 2.0),
    ]
    assert (made.cost, made.retries, made.missing) == (11.0, 1.5, ())
    assert made.hours == {"cpu": 8.0, "memory": 6.0}


def test_a_resource_without_a_price_is_named(nodes):
    """The cost does not tell of it, and says so."""
    nodes.add("fit", "Pod", 0, 10, boundary="", resourcesDuration={"cpu": 3600, "nvidia.com/gpu": 7200})
    spans = Spans(nodes.record().nodes.values())
    assert bill(spans, PRICES).missing == ("nvidia.com/gpu",)
    dear = bill(spans, Prices(cpu=1.0, others={"nvidia.com/gpu": 2.5}))
    assert (dear.cost, dear.missing) == (6.0, ())


def test_argos_units_are_its_own(nodes):
    """Of 100 Mi of memory, of 10 Gi of storage."""
    nodes.add("a", "Pod", 0, 10, boundary="", resourcesDuration={"memory": 3600, "ephemeral-storage": 3600})
    made = bill(Spans(nodes.record().nodes.values()), PRICES)
    assert made.hours == {"memory": pytest.approx(100 / 1024), "ephemeral-storage": 10.0}


@pytest.mark.parametrize("name", ["aws-fargate", "gke-autopilot", "azure-container-instances"])
def test_there_is_a_dated_sample_for_each_cloud(name):
    """With a price for both that every pod has."""
    prices = sample(name)
    assert prices.cpu > 0 and prices.memory > 0 and prices.date and prices.currency == "USD"


def test_a_sample_that_is_none_is_told():
    """With those that there are."""
    with pytest.raises(ConfigError, match="no sample is called 'cloud'; there are aws-fargate, "):
        sample("cloud")

"""What a run cost: what its pods had requested, times a table of prices."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from exitkit.argo import record
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


RECORDS = sorted((Path(__file__).parents[1] / "data/records").glob("*.json"))
_NEVER = ("Skipped", "Omitted")
# What a pod of each template asks for: CPUs and MiB; the recorded pods ran for no whole second.
_ASKED = ((1, 100), (2, 1024), (4, 16384), (0, 333))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_bill_of_a_recorded_workflow_is_the_sum_by_hand(path):
    """Within 1 %: of each pod's seconds, as Argo counts them, times the price of an hour; retries and steps as well."""
    document = json.loads(path.read_bytes())
    workflow = document.get("workflow", document)
    nodes = workflow["status"].get("nodes") or {}
    for number, node in enumerate(nodes.values()):
        cpu, mib = _ASKED[number % len(_ASKED)]
        ran = 37 + 61 * number
        node["resourcesDuration"] = {"cpu": ran * cpu, "memory": ran * mib // 100}  # of 100 Mi
    total, in_vain, steps = Fraction(), Fraction(), {}
    for node in nodes.values():
        hooked = node.get("nodeFlag", {}).get("hooked") or ".onExit" in node["name"] or ".hooks." in node["name"]
        runs_still = node["phase"] in ("Running", "Pending")
        if node["type"] != "Pod" or node["phase"] in _NEVER or (hooked and runs_still) or not node.get("startedAt"):
            continue
        used = node["resourcesDuration"]
        # 0.04 for a CPU's hour and 0.005 for one of a GiB.
        cost = Fraction(used["cpu"] * 4, 100 * 3600) + Fraction(used["memory"] * 100 * 5, 1024 * 1000 * 3600)
        total += cost
        name = node.get("templateRef", {}).get("template") or node.get("templateName") or node["displayName"]
        steps[name] = steps.get(name, 0) + cost
        if node.get("nodeFlag", {}).get("retried") and node["phase"] in ("Failed", "Error"):
            in_vain += cost
    made = bill(Spans(record.read(workflow).nodes.values()), Prices(cpu=0.04, memory=0.005))
    assert made.cost == pytest.approx(float(total), rel=0.01)
    assert made.retries == pytest.approx(float(in_vain), rel=0.01)
    assert {item.step: item.cost for item in made.items} == pytest.approx(
        {name: float(cost) for name, cost in steps.items()}, rel=0.01
    )


def test_there_are_a_dozen_recorded_workflows_with_a_bill():
    """The sums by hand above are of pods that Argo recorded."""
    with_pods = 0
    for path in RECORDS:
        workflow = json.loads(path.read_bytes())
        nodes = workflow.get("workflow", workflow)["status"].get("nodes") or {}
        with_pods += any(node["type"] == "Pod" and node["phase"] == "Succeeded" for node in nodes.values())
    assert with_pods >= 12

"""What a step should ask for: never less than its peak and the margin, more after it ran out of memory."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.process.usage import StepUsage, quantity, together
from exitkit.process.usage.advice import Advice, advise, patch

GI = float(1 << 30)


def usage(asked=None, peak=None, limit=None, **more):
    """Of memory, in GiB."""
    made = {"asked": asked, "peak": peak, "limits": limit}
    values = {name: {} if value is None else {"memory": value * GI} for name, value in made.items()}
    return StepUsage("fit", **({"kind": "container", "pods": 1, "seen": 1} | values | more))


def test_what_asks_for_too_much_is_told_with_a_patch():
    """As people say it, over the runs that are known."""
    advice = advise(usage(16, 3.1, 16, runs=9, pods=9, seen=9))
    assert advice.said == "fit: 16Gi asked, 3.1Gi at most in 9 runs"
    assert yaml.safe_load(patch([advice])) == {
        "spec": {
            "templates": [
                {
                    "name": "fit",
                    "container": {"resources": {"requests": {"memory": "4Gi"}, "limits": {"memory": "4Gi"}}},
                }
            ]
        }
    }


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.001, 500), st.none() | st.floats(0.01, 900), st.none() | st.floats(1, 3), st.booleans(), st.floats(0, 2)
)
def test_nothing_is_suggested_under_the_peak_and_its_margin(peak, asked, times, out, margin):
    """Of memory and CPU, requests and limits, whatever was asked for; after running out of memory more than it had."""
    limit = asked * times if asked is not None and times is not None else None
    for name, unit in (("memory", GI), ("cpu", 0.1)):
        scaled = {
            key: {} if value is None else {name: value * unit}
            for key, value in (("asked", asked), ("peak", peak), ("limits", limit))
        }
        is_out = out and name == "memory"
        at = limit * unit if is_out and limit else 0.0
        advice = advise(StepUsage("fit", "container", pods=1, seen=1, out=is_out, out_at=at, **scaled), margin)
        for written in (*advice.requests.values(), *advice.limits.values()):
            assert quantity.parse(written) >= peak * unit * (1 + margin) * (1 - 1e-9)
        request, cap = (
            quantity.parse(values[name]) if name in values else None for values in (advice.requests, advice.limits)
        )
        if request and (cap or limit):
            assert request <= (cap or limit * unit) * (1 + 1e-9)
        if at:
            assert cap and cap > at


@pytest.mark.parametrize(
    ("asked", "peak", "limit", "requests", "limits"),
    [
        (16, 15.9, 16, "24Gi", "24Gi"),
        (8, 7.9, 8, "12Gi", "12Gi"),
        (0.5, 0.4, 0.5, "768Mi", "768Mi"),
        (2, 3, 4, "3840Mi", "6Gi"),  # it is the limit that was too low
        (4, None, 4, "6Gi", "6Gi"),  # nobody has seen it
    ],
)
def test_after_it_ran_out_of_memory_the_next_size_is_suggested(asked, peak, limit, requests, limits):
    """Its peak is no measure: it would have used more."""
    advice = advise(usage(asked, peak, limit, out=True, out_at=limit * GI))
    assert (advice.requests["memory"], advice.limits["memory"]) == (requests, limits)


def test_a_size_that_was_raised_since_is_not_raised_again():
    """It ran out at 4 GiB, and has 8 by now; not less than the next size after four is suggested."""
    usages = [usage(4, 3.9, 4, out=True, out_at=4 * GI), usage(8, 4.2, 8), usage(8, 4.3, 8)]
    known = together(usages)
    assert (known.runs, known.pods, known.asked, known.out_at) == (3, 3, {"memory": 8 * GI}, 4 * GI)
    assert advise(known).requests == {"memory": "6Gi"}
    assert advise(together([*usages, usage(6, 4.4, 6)])).requests == {}


def test_about_what_is_asked_for_is_not_worth_a_word():
    """Nor does a limit that is enough change."""
    for asked, peak in ((4, 3.1), (4.2, 3.2), (1, 0.8)):
        assert advise(usage(asked, peak, 8)) == Advice(usage(asked, peak, 8), {}, {})
    assert patch([advise(usage(4, 3.1, 8))]) == ""


def test_less_is_suggested_only_where_the_pods_were_seen():
    """One of which nobody knows may have used more; more is suggested all the same."""
    assert advise(usage(16, 3, pods=10, seen=8)).requests == {}
    assert advise(usage(16, 3, pods=10, seen=9)).requests == {"memory": "3840Mi"}
    assert advise(usage(2, 3, pods=10, seen=1)).requests == {"memory": "3840Mi"}
    assert (
        advise(usage(16, 3, pods=10, seen=8)).said
        == "fit: 16Gi asked, 3Gi at most in this run; Prometheus knew 8 of 10 pods"
    )


def test_without_a_request_there_is_a_suggestion():
    """And the words say what was used."""
    advice = advise(usage(None, 3))
    assert (advice.requests, advice.limits, advice.said) == ({"memory": "3840Mi"}, {}, "fit: 3Gi at most in this run")
    assert advise(usage(16)).said == "fit: Prometheus knew none of its pods"


def test_a_step_of_several_containers_has_no_patch():
    """Which of them holds the resources is not known; the numbers are told."""
    assert patch([advise(usage(16, 3, kind=""))]) == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [("16Gi", 16 * GI), ("500m", 0.5), ("1.5", 1.5), ("2e3", 2000.0), ("128M", 128e6), (".5", 0.5), ("1k", 1000.0),
     ("1Ei", 2.0**60), ("", None), ("Gi", None), ("{{x}}", None), ("-1", None), ("1e999", None), ("1 Gi", None), ("9" * 99, None)],
)  # fmt: skip
def test_quantities_are_read_as_kubernetes_does(text, value):
    """And what is none is nothing."""
    assert quantity.parse(text) == value


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 5e13))
def test_a_size_that_is_written_is_read_as_it_was_meant(size):
    """Not below what was wanted, and not much above."""
    whole, written = quantity.memory_above(size)
    assert quantity.parse(written) == whole >= size
    assert whole - size <= max(64 << 20, size)
    cores, written = quantity.cpu_above(size / 1e12)
    assert quantity.parse(written) == pytest.approx(cores) and cores >= size / 1e12 * (1 - 1e-9)
    assert quantity.next_size(size) > size

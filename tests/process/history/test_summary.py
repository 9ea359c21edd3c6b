"""What is said of a series: what failed of what, what is flaky, what is slow, and what it cost."""

import pytest

from exitkit.argo import record
from exitkit.process.bill import Prices
from exitkit.process.history.pastrun import PastRun, of_end, of_record, of_report
from exitkit.process.history.summary import Summary

OK, BAD = "Succeeded", "Failed"


def plain(number, *, status=OK, seconds=10.0, **more):
    return PastRun(f"n-{number}", status, float(number + 1), "store", seconds=seconds, **more)


def test_a_step_that_passes_when_tried_again_is_flaky(etl):
    """Of the recorded form of a retry: the tries of one step are on the same inputs."""
    summary = Summary([of_record(etl.record(phase="Failed"), None)])
    (flaky,) = summary.flaky
    assert (flaky.name, flaky.tries, flaky.failed, flaky.lost) == ("extract", 2, 1, 68.0)
    assert len(flaky.within) == 1 and flaky.across == ()


def test_a_step_that_passes_in_a_later_run_on_the_same_inputs_is_flaky(known):
    """And one on other inputs, with other parameters of the workflow, or that passed before only, is not."""
    same = {"day": "monday"}
    failed, passed = known(1, ("load", BAD, 9, same)), known(2, ("load", OK, 9, same))
    (flaky,) = Summary([failed, passed]).flaky
    assert (flaky.name, [run.name for run in flaky.across], flaky.within) == ("load", ["nightly-001"], ())
    for other in (
        known(2, ("load", OK, 9, {"day": "tuesday"})),
        known(2, ("load", OK, 9, same), parameters=[("region", "eu")]),
        known(0, ("load", OK, 9, same)),
    ):
        runs = sorted((failed, other), key=lambda run: run.ended)
        assert Summary(runs).flaky == []


def test_a_step_that_was_mended_is_not_flaky(night):
    """Its template is another one since, so what passed is not what failed."""
    runs = []
    for number, image in ((1, "load:1"), (2, "load:2")):
        workflow = night(number, ("load", BAD if number == 1 else OK, 9, {}))
        workflow["spec"]["templates"] = [{"name": "load", "container": {"image": image}}]
        runs.append(of_record(record.read(workflow), None))
    assert Summary(runs).flaky == []


def test_items_of_a_loop_are_not_each_others_tries(known):
    """One that fails beside one that passes is no flaky step, whatever they are given."""
    run = known(1, ("score(0:eu)", BAD, 5, {}), ("score(1:us)", OK, 5, {}))
    assert Summary([run]).flaky == []
    assert run.steps["score"].runs == 2


def test_what_a_report_leaves_says_the_same_as_the_record(etl, report_of):
    """Flaky steps, times, cause and cost, from the report.json of the same run."""
    prices = Prices(cpu=1.0, memory=0.5, currency="EUR")
    of_file = of_report(report_of(etl, prices))
    of_object = of_record(etl.record(phase="Failed"), prices)
    for name in ("name", "status", "seconds", "ended", "key", "cause", "cost"):
        assert getattr(of_file, name) == getattr(of_object, name), name
    assert of_file.steps == of_object.steps
    assert [step.name for step in Summary([of_file]).flaky] == ["extract"]


def test_runs_are_grouped_by_what_they_failed_of(known):
    """Numbers aside; one of which only the store knows is told by the words of another with its cause."""
    first, second = known(1, ("load", BAD, 9, {})), known(3, ("load", BAD, 9, {}))
    other = known(2, ("fit", BAD, 9, {}))
    kept = plain(400 * 86400, status=BAD, key=first.key)
    causes = Summary([first, other, second, kept]).causes
    assert [(cause.cause, len(cause.runs), cause.steps) for cause in causes] == [
        ("load broke", 3, ("load",)),
        ("fit broke", 1, ("fit",)),
    ]


@pytest.mark.parametrize(
    ("statuses", "row", "succeeded"), [("sss", 0, 3), ("sff", 2, 1), ("fsf", 1, 1), ("fff", 3, 0), ("", 0, 0)]
)
def test_failures_in_a_row_are_those_up_to_the_last_run(statuses, row, succeeded):
    """Not those before a success."""
    summary = Summary([plain(number, status=OK if how == "s" else BAD) for number, how in enumerate(statuses)])
    assert (summary.failures_in_a_row, summary.succeeded) == (row, succeeded)


def test_what_is_usual_is_that_of_successes():
    """A failure that ends at once makes nothing look faster, and a run of unknown length counts for none."""
    runs = [plain(number, seconds=float(number)) for number in range(1, 21)]
    summary = Summary([*runs, plain(30, status=BAD, seconds=0.1), plain(31, seconds=None)])
    assert (summary.median, summary.percentile(0.95), summary.percentile(1.0)) == (10.5, 19.0, 20.0)
    assert Summary([plain(1, status=BAD)]).median is None


def test_a_step_that_takes_longer_lately_is_told(known):
    """By the medians of the last third and what was before; of few runs, or for little, nothing is said."""
    runs = [known(number, ("fit", OK, 60 if number < 6 else 90, {})) for number in range(9)]
    (slower,) = Summary(runs).slower
    assert (slower.name, slower.before, slower.lately) == ("fit", 60.0, 90.0)
    assert Summary(runs[2:8]).slower == []
    assert Summary([known(number, ("fit", OK, 2 if number < 6 else 4, {})) for number in range(9)]).slower == []


def test_the_slowest_step_is_first_by_its_median(known):
    """Runs in which it failed do not count."""
    runs = [known(number, ("fit", OK, 50 + number, {}), ("load", OK, 80, {})) for number in range(3)]
    runs.append(known(3, ("fit", BAD, 9999, {})))
    assert [(times.name, times.runs, times.median, times.most, times.last) for times in Summary(runs).slowest] == [
        ("load", 3, 80.0, 80.0, 80.0),
        ("fit", 3, 51.0, 52.0, 52.0),
    ]


def test_the_bill_is_the_sum_of_the_runs(known):
    """By steps, what failed runs cost apart; runs without one are not counted in its mean."""
    prices = Prices(cpu=1.0)
    runs = [known(number, ("fit", OK, 10, {}), ("load", OK, 10, {}), cpu=3600, prices=prices) for number in range(3)]
    runs += [known(4, ("fit", BAD, 10, {}), cpu=7200, prices=prices), plain(900 * 86400)]
    (bill,) = Summary(runs).bills
    assert (bill.currency, bill.runs, bill.cost, bill.failed, bill.retries, bill.mean) == ("USD", 4, 8.0, 2.0, 0.0, 2.0)
    assert bill.steps == (("fit", 5.0), ("load", 3.0))


def test_bills_in_two_currencies_are_two(known):
    """Amounts of different money have no sum."""
    runs = [known(n, ("fit", OK, 10, {}), cpu=3600, prices=Prices(cpu=1.0, currency=c)) for n, c in enumerate("AAB")]
    assert [(bill.currency, bill.runs) for bill in Summary(runs).bills] == [("A", 2), ("B", 1)]


def test_an_end_in_the_store_is_a_run():
    """With its times, as far as they were known."""
    from exitkit.history.ends import End

    run = of_end(End(1000.0, "id", "Failed", 60.0, "cause", "etl-1"))
    assert (run.name, run.failed, run.started, run.ended, run.key) == ("etl-1", True, 940.0, 1000.0, "cause")
    assert of_end(End(1000.0, "id", "Succeeded")).seconds is None


@pytest.mark.parametrize("phase", ["Running", "Pending", ""])
def test_what_has_not_ended_is_no_run(night, phase):
    """Its numbers would be others tomorrow."""
    workflow = night(1, ("load", OK, 9, {}))
    workflow["status"]["nodes"][workflow["metadata"]["name"]]["phase"] = phase
    workflow["status"]["phase"] = phase
    assert of_record(record.read(workflow), None) is None
    assert of_report({"version": 1, "workflow": {"name": "a", "status": phase}}) is None

"""One figure judged: which chain leads to it, what its causes are, and when there is none."""

from __future__ import annotations

import pytest

from perfreport.judge.reconcile import Cause, CauseStep, Counted, Outcome, judge, statistic_of
from perfreport.stats.quantile import Standing
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject

EXACT = Rounding("exact", 1e-12)
WHOLE = Rounding("nearest", 1.0)


def figure(value: float, rounding: Rounding = EXACT, q: float | None = None) -> Figure:
    return Figure(Subject(Kind.TOTAL, "Total"), "mean", value, "ms", rounding, q=q)


def counted(value: float, *chains, ours: float | None = 10.0, **more) -> Counted:
    rounding = more.pop("rounding", EXACT)
    return Counted(figure(value, rounding, more.pop("q", None)), ours, ours, chains, **more)


def test_the_same_number_is_equal() -> None:
    finding = judge(counted(10.0, ()))
    assert (finding.status, finding.causes, finding.why) == (Outcome.EQUAL, (), "")


def test_the_first_chain_that_leads_to_the_number_counts() -> None:
    finding = judge(
        counted(
            12.0,
            (),
            ((Cause.OK_ONLY, 11.0),),
            ((Cause.LAST_ROWS, 14.0), (Cause.TYPE_6, 12.0)),
            ((Cause.STEADY_ONLY, 12.0),),
        )
    )
    assert finding.status == Outcome.EXPLAINED
    assert finding.causes == (
        CauseStep(Cause.LAST_ROWS, 14.0, 4.0),
        CauseStep(Cause.TYPE_6, 12.0, -2.0),
    )
    assert finding.why == (
        "of the last 20,000 samples in the file only; quantile by definition 6, p (n + 1)"
    )


def test_a_step_that_moves_nothing_is_no_cause() -> None:
    chain = ((Cause.OK_ONLY, 10.0), (Cause.CUMULATED, 12.0), (Cause.TYPE_6, 12.0 * (1 + 1e-15)))
    assert [step.cause for step in judge(counted(12.0, chain)).causes] == [Cause.CUMULATED]


def test_a_chain_with_a_number_that_is_not_there_leads_nowhere() -> None:
    finding = judge(counted(12.0, ((Cause.OK_ONLY, None), (Cause.TYPE_6, 12.0))))
    assert finding.status == Outcome.UNEXPLAINED
    assert finding.why == "no known way of counting gives the tool's number"


def test_rounding_is_the_last_cause() -> None:
    finding = judge(counted(13.0, ((Cause.CUMULATED, 12.6),), rounding=WHOLE))
    assert [step.cause for step in finding.causes] == [Cause.CUMULATED, Cause.ROUNDING]
    assert judge(counted(14.0, ((Cause.CUMULATED, 12.6),), rounding=WHOLE)).status == (
        Outcome.UNEXPLAINED
    )


@pytest.mark.parametrize(
    ("value", "status"), [(0.0, Outcome.EXPLAINED), (1.0, Outcome.UNEXPLAINED)]
)
def test_of_no_samples_only_zero_is_explained(value: float, status: Outcome) -> None:
    finding = judge(counted(value, ((Cause.FAILED_ONLY, None),), empty=True))
    assert finding.status == status
    assert [step.cause for step in finding.causes] == [Cause.EMPTY_IS_ZERO] * (value == 0)


def test_an_estimate_may_miss_the_rank_by_little_and_tells_by_how_much() -> None:
    near, far = Standing(503, 0, 1000), Standing(540, 0, 1000)
    finding = judge(counted(11.0, (), rounding=WHOLE, q=0.5, digests=(near,)))
    assert [step.cause for step in finding.causes] == [Cause.DIGEST]
    assert finding.why == "an estimate, 2.5 of 1,000 ranks (0.25 points) off"
    finding = judge(counted(11.0, (), rounding=WHOLE, q=0.5, digests=(far,)))
    assert finding.status == Outcome.UNEXPLAINED
    assert "misses it by 39.5" in finding.why


def test_the_length_by_which_a_tool_divides_is_told() -> None:
    finding = judge(counted(9.5, ((Cause.DIVISOR, 9.5),), divisor=35.25))
    assert finding.why == "per second of 35.25 s"


def test_a_figure_is_called_as_people_call_it() -> None:
    assert statistic_of(figure(1.0, q=0.95)) == "p95"
    assert statistic_of(figure(1.0, q=0.999)) == "p99.9"
    ranged = Figure(Subject(Kind.TOTAL, "x"), "count", 1.0, "1", EXACT, low=800, high=1200)
    assert statistic_of(ranged) == "count 800..1200 ms"


def test_digits_that_the_results_lack_are_a_cause_as_far_as_they_go() -> None:
    finding = judge(counted(10.0000004, (), decimals=5e-7))
    assert [step.cause for step in finding.causes] == [Cause.SIX_DECIMALS]
    assert judge(counted(10.0000006, (), decimals=5e-7)).status == Outcome.UNEXPLAINED
    # 10.0050001, as it was, is printed as 10.01; the results have 10.005.
    printed = Rounding("nearest", 0.01)
    finding = judge(counted(10.01, (), ours=10.0049999, rounding=printed, decimals=5e-7))
    assert [step.cause for step in finding.causes] == [Cause.SIX_DECIMALS, Cause.ROUNDING]
    assert sum(step.size for step in finding.causes) == pytest.approx(0.0050001)


def test_of_what_the_run_does_not_have_nothing_is_explained() -> None:
    finding = judge(counted(0.0, ((Cause.OK_ONLY, 0.0),), ours=None, empty=True, known=False))
    assert (finding.status, finding.why) == (Outcome.UNEXPLAINED, "the run has no such rows")


def test_of_what_is_unexplained_the_nearest_number_that_a_known_way_leads_to_is_told() -> None:
    chains = (((Cause.OK_ONLY, 33.4),), ((Cause.OK_ONLY, 40.0),))
    finding = judge(counted(32.0, *chains, ours=27.0))
    assert (finding.status, finding.ours, finding.nearest) == (Outcome.UNEXPLAINED, 27.0, 33.4)
    assert judge(counted(27.0, (), ours=27.0)).nearest is None

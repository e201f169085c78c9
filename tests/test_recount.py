"""Our numbers beside those that the tools themselves computed of the same results."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import jmeter_window
import pyarrow as pa
import pytest
from reconciling import PAIRS, RECORDINGS, SAMPLES, Pair, pair, run_of

import perfreport
from perfreport.errors import InputError
from perfreport.judge.reconcile import Cause, Finding, Outcome, Reconciliation
from perfreport.recount import recount
from perfreport.run import writer as writer_module
from perfreport.run.store import Run, open_run
from perfreport.toolreports.model import Figure, ToolReport
from perfreport.toolreports.read import read_report

WINDOW = pair("jmeter-5.6.3-window.tool.json")


@cache
def reconciled(each: Pair) -> Reconciliation:
    return recount(run_of(each.results), read_report(each.report))


def causes(findings: tuple[Finding, ...]) -> Counter[Cause]:
    return Counter(step.cause for finding in findings for step in finding.causes)


def found(result: Reconciliation, subject: str, statistic: str, outcome: str = "all") -> Finding:
    (finding,) = [
        each
        for each in result.findings
        if (each.subject, each.statistic, each.outcome) == (subject, statistic, outcome)
    ]
    return finding


CAUSES = {
    "JMeter": {Cause.SUBRESULTS, Cause.CUT_CONTROLLERS, Cause.LAST_ROWS, Cause.TYPE_6, Cause.DIVISOR, Cause.KIBIBYTES,
               Cause.ROUNDING},
    "Gatling": {Cause.OK_ONLY, Cause.FAILED_ONLY, Cause.CUMULATED, Cause.DIVISOR, Cause.DIGEST,
                Cause.EMPTY_IS_ZERO, Cause.ROUNDING},
    "k6": {Cause.OK_ONLY, Cause.DIVISOR, Cause.INPUT_ORDER, Cause.EMPTY_IS_ZERO, Cause.ROUNDING},
}  # fmt: skip


@pytest.mark.parametrize("each", PAIRS, ids=str)
def test_every_difference_has_causes_of_its_tool_that_lead_from_ours_to_its_number(
    each: Pair,
) -> None:
    report, result = read_report(each.report), reconciled(each)
    assert result.of(Outcome.UNEXPLAINED) == ()
    assert result.reconciled
    assert len(result.findings) == len(report.figures) > 20
    assert set(causes(result.findings)) <= CAUSES[result.tool]
    if result.tool == "k6" and result.form != "console":
        assert Cause.ROUNDING not in causes(result.findings)
    for finding in result.findings:
        assert bool(finding.causes) == (finding.status == Outcome.EXPLAINED)
        value = finding.ours or 0.0
        for step in finding.causes:
            assert step.value == pytest.approx(value + step.size, rel=1e-9, abs=1e-9)
            value = step.value
        assert value == pytest.approx(finding.tool, rel=1e-9, abs=1e-9)


def changed(figure: Figure, tool: str) -> Figure:
    """The figure with a value that no way of counting gives, by a little more than its rounding."""
    value = figure.value
    if figure.q is not None and tool == "Gatling":
        return replace(figure, value=10 * value + 100)  # it estimates: beyond all samples
    if figure.rounding.how in ("nearest", "down"):
        return replace(figure, value=value + 2.1 * figure.rounding.step)
    much = 1e-5 if figure.rounding.how == "float32" else 1e-8
    return replace(figure, value=value * (1 + much) + (value == 0))


@pytest.mark.parametrize(
    "each",
    [
        pair(name)
        for name in (
            "default.tool.json", "o2c-3.10.3.tool.json", "gatling-3.13.5.stats.js.gz",
            "gatling-3.10.3.console.txt", "gatling-3.13.5.console.txt", "gatling-3.14.0.index.html.gz",
            "short.tool.json", "handle.tool.json", "k6-2.2.0-machine.tool.json",
            "k6-1.1.0-legacy.txt", "k6-1.1.0-full.txt",
        )
    ],
    ids=str,
)  # fmt: skip
def test_a_changed_figure_has_no_cause_and_the_others_keep_theirs(each: Pair) -> None:
    """One of each statistic and rounding is changed."""
    report = read_report(each.report)
    figures = list(report.figures)
    order = list(range(len(figures)))
    random.Random(str(each)).shuffle(order)
    chosen: dict[object, int] = {}
    for place in order:
        if figures[place].statistic != "rate":
            chosen.setdefault((figures[place].statistic, figures[place].outcome), place)
    # The largest counter's is what k6 divides by as far as anybody knows: not that one.
    rates = [place for place in order if figures[place].statistic == "rate"]
    if rates:
        chosen["rate"] = min(rates, key=lambda place: figures[place].value)
    for place in chosen.values():
        figures[place] = changed(figures[place], report.tool)
    result = recount(run_of(each.results), replace(report, figures=tuple(figures)))
    lost = [result.findings.index(finding) for finding in result.of(Outcome.UNEXPLAINED)]
    assert lost == sorted(chosen.values())


@pytest.mark.parametrize(
    ("results", "report"),
    [
        ("jmeter-5.6.3-window.tool.json", "default.tool.json"),
        ("o2c-3.12.0.tool.json", "o2c-3.9.5.tool.json"),
        ("short.tool.json", "v2.tool.json"),
    ],
)
def test_the_report_of_another_run_is_not_reconciled(results: str, report: str) -> None:
    result = recount(run_of(pair(results).results), read_report(pair(report).report))
    assert not result.reconciled
    assert len(result.of(Outcome.UNEXPLAINED)) > 10


def test_a_report_of_another_tool_is_refused() -> None:
    report = read_report(pair("default.tool.json").report)
    with pytest.raises(InputError, match=r"the report is of JMeter, the run .* of k6"):
        recount(run_of(pair("short.tool.json").results), report)


def test_a_run_of_a_summary_alone_cannot_be_counted(tmp_path: Path) -> None:
    report = pair("handle.tool.json").report
    run = open_run(perfreport.ingest([report], tmp_path / "x.parquet").path)
    with pytest.raises(InputError, match="holds no samples"):
        recount(run, read_report(report))


@pytest.mark.parametrize("name", ["handle.tool.json", "o2c-3.15.1.console.txt"])
def test_what_servers_recorded_beside_the_test_changes_nothing(name: str, tmp_path: Path) -> None:
    """The recording of a server is from another hour."""
    of_server = SAMPLES / "prometheus-json/kafka_lag_by_topic.json"
    inputs = [of_server, pair(name).results or of_server]
    run = open_run(perfreport.ingest(inputs, tmp_path / "x.parquet").path)
    assert recount(run, read_report(pair(name).report)).findings == reconciled(pair(name)).findings


# --- JMeter ------------------------------------------------------------------------------------


def test_jmeter_takes_the_last_20_000_rows_of_a_label_and_of_total_in_the_order_of_the_file() -> (
    None
):
    result = reconciled(WINDOW)
    for subject, rows in (("order", 58_800), ("Total", 60_000)):
        assert found(result, subject, "count").ours == rows
        steps = found(result, subject, "p99").causes
        assert steps[0].cause == Cause.LAST_ROWS
        assert steps[0].size < -4000
    # 1,200 rows are fewer than the window.
    assert [step.cause for step in found(result, "lookup", "p99").causes] == [Cause.TYPE_6]


def test_a_dashboard_without_a_window_is_found_by_search() -> None:
    result = reconciled(pair("jmeter-5.6.3-window-of-all.tool.json"))
    assert Cause.LAST_ROWS not in causes(result.findings)
    assert [step.cause for step in found(result, "order", "p99").causes] in ([], [Cause.TYPE_6])


def test_jmeter_s_total_counts_sub_results_and_no_controllers() -> None:
    result = reconciled(pair("default.tool.json"))
    total = found(result, "Total", "count")
    assert (total.ours, total.tool) == (4492, 7157)
    assert [step.cause for step in total.causes] == [Cause.SUBRESULTS]
    assert (
        causes(tuple(each for each in result.findings if each.kind == "label"))[Cause.SUBRESULTS]
        == 0
    )


def test_a_controller_that_the_end_of_the_test_cut_off_counts_for_jmeter_as_a_request() -> None:
    count = found(reconciled(pair("jmeter-5.6.3-cut.tool.json")), "Total", "count")
    assert [(step.cause, step.size) for step in count.causes] == [
        (Cause.SUBRESULTS, 550),
        (Cause.CUT_CONTROLLERS, 10),
    ]


def without_header(tmp_path: Path) -> Run:
    with gzip.open(RECORDINGS / "jmeter-5.6.3-cut.jtl.gz", "rb") as whole:
        (tmp_path / "headless.jtl").write_bytes(whole.read().partition(b"\n")[2])
    return open_run(perfreport.ingest([tmp_path / "headless.jtl"], tmp_path / "x.parquet").path)


def test_jmeter_takes_the_first_record_of_a_file_without_a_header_for_one(tmp_path: Path) -> None:
    report = read_report(RECORDINGS / "jmeter-5.6.3-headless.tool.json")
    run = without_header(tmp_path)
    result = recount(run, report)
    assert result.of(Outcome.UNEXPLAINED) == ()
    moved = {
        each.subject
        for each in result.findings
        if Cause.FIRST_RECORD in {step.cause for step in each.causes}
    }
    assert moved == {"Total", "create_po"}
    count = found(result, "create_po", "count")
    assert [(step.cause, step.size) for step in count.causes] == [(Cause.FIRST_RECORD, -1)]
    # A report of all records needs no such cause, one of other numbers finds none.
    whole = recount(run, read_report(pair("jmeter-5.6.3-cut.tool.json").report))
    assert whole.reconciled
    assert Cause.FIRST_RECORD not in causes(whole.findings)
    figures = tuple(
        replace(each, value=each.value + 1)
        if (each.subject.name, each.statistic) == ("create_po", "max")
        else each
        for each in report.figures
    )
    worse = recount(run, replace(report, figures=figures))
    assert {each.subject for each in worse.of(Outcome.UNEXPLAINED)} == {"create_po"}


def test_a_total_of_transactions_alone_is_empty_for_jmeter(tmp_path: Path) -> None:
    """JMeter writes NaN and the extremes of its integers for what it did not count."""
    header, *records = (SAMPLES / "jmeter-csv/default.jtl").read_text(encoding="utf-8").split("\n")
    parents = [line for line in records if "Number of samples in transaction" in line]
    (tmp_path / "parents.jtl").write_text("\n".join([header, *parents, ""]), encoding="utf-8")
    run = open_run(perfreport.ingest([tmp_path / "parents.jtl"], tmp_path / "x.parquet").path)
    result = recount(run, read_report(RECORDINGS / "jmeter-5.6.3-parents.tool.json"))
    assert result.of(Outcome.UNEXPLAINED) == ()
    total = found(result, "Total", "count")
    assert (total.ours, total.tool) == (535, 0)
    assert [step.cause for step in total.causes] == [Cause.CONTROLLERS]
    assert [step.cause for step in found(result, "Total", "rate").causes] == [Cause.EMPTY_IS_ZERO]
    assert not [
        each for each in result.findings if (each.subject, each.statistic) == ("Total", "max")
    ]


def window_in_parts(tmp_path: Path) -> Run:
    """The 60,000 rows as three inputs of a run of three files."""
    for number, first in enumerate(range(0, 60_000, 20_000)):
        part = jmeter_window.written(tmp_path / f"{number}.jtl", first, first + 20_000)
        perfreport.ingest([part], f"{tmp_path}/run/", append=number > 0)
    return open_run(tmp_path / "run")


def window_appended(tmp_path: Path) -> Run:
    """The same, each appended to one file."""
    for number, first in enumerate(range(0, 60_000, 20_000)):
        part = jmeter_window.written(tmp_path / f"{number}.jtl", first, first + 20_000)
        perfreport.ingest([part], tmp_path / "run.parquet", append=number > 0)
    return open_run(tmp_path / "run.parquet")


@pytest.mark.parametrize("kept", [window_in_parts, window_appended])
@pytest.mark.parametrize("threads", [1, 7])
def test_file_order_outlives_parts_row_groups_and_threads(
    kept, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_ROW_GROUP_ROWS", 3000)
    run = kept(tmp_path)
    assert len(run.parts) == (3 if kept is window_in_parts else 1)
    connect = duckdb.connect
    monkeypatch.setattr(
        duckdb, "connect", lambda config: connect(config=config | {"threads": threads})
    )
    assert recount(run, read_report(WINDOW.report)).of(Outcome.UNEXPLAINED) == ()


def test_a_label_that_one_side_lacks_is_told() -> None:
    report = read_report(pair("default.tool.json").report)
    without = tuple(each for each in report.figures if each.subject.name != "get_invoice")
    result = recount(run_of(pair("default.tool.json").results), replace(report, figures=without))
    (lost,) = result.of(Outcome.UNEXPLAINED)
    assert (lost.subject, lost.ours, lost.tool) == ("get_invoice", 533, None)
    assert lost.why == "the tool's report says nothing of it"
    renamed = tuple(
        replace(each, subject=replace(each.subject, name="Get Invoice"))
        if each.subject.name == "get_invoice"
        else each
        for each in report.figures
    )
    result = recount(run_of(pair("default.tool.json").results), replace(report, figures=renamed))
    assert {each.subject for each in result.of(Outcome.UNEXPLAINED)} == {
        "get_invoice",
        "Get Invoice",
    }
    assert found(result, "Get Invoice", "mean").ours is None


# --- other ways of counting --------------------------------------------------------------------


def counted_otherwise(run: Run, **filters: str) -> ToolReport:
    """JMeter's figures of a label, made by NumPy of some of its rows or of other times."""
    import numpy as np

    rows = run.arrow().filter(
        pa.compute.equal(run.arrow()["name"].cast(pa.string()), "create_order")
    )
    rows = rows.filter(pa.compute.not_equal(rows["kind"].cast(pa.string()), "users"))
    times = rows["duration_ms"].to_numpy()
    if filters.get("time") == "without connect":
        times = times - rows["connect_ms"].to_numpy()
    if filters.get("outcome") == "ok":
        times = times[rows["ok"].to_numpy()]
    method = filters.get("method", "weibull")
    values = {"count": len(times), "mean": times.mean(), "min": times.min(), "max": times.max()}
    quantiles = {q: float(np.quantile(times, q, method=method)) for q in (0.5, 0.9, 0.95, 0.99)}
    report = read_report(pair("default.tool.json").report)
    kept = [each for each in report.figures if each.subject.name == "create_order"]
    figures = [
        replace(each, value=float(quantiles[each.q] if each.q else values[each.statistic]))
        for each in kept
        if each.statistic in (*values, "quantile")
    ]
    return replace(report, figures=tuple(figures))


@pytest.mark.parametrize(
    ("filters", "cause"),
    [
        ({"method": "linear"}, None),
        ({"time": "without connect"}, Cause.WITHOUT_CONNECT),
        ({"outcome": "ok"}, Cause.OK_ONLY),
        ({"outcome": "ok", "method": "linear"}, Cause.OK_ONLY),
    ],
)
def test_another_way_is_believed_if_it_leads_to_all_figures(filters, cause: Cause | None) -> None:
    run = run_of(pair("default.tool.json").results)
    report = counted_otherwise(run, **filters)
    result = recount(run, report)
    of_label = tuple(each for each in result.findings if each.tool is not None)
    assert [each for each in of_label if each.status == Outcome.UNEXPLAINED] == []
    assert set(causes(of_label)) - {Cause.TYPE_6, Cause.TYPE_7} == ({cause} if cause else set())
    # One wrong figure, and the way is not believed for any other.
    figures = list(report.figures)
    place = next(at for at, each in enumerate(figures) if each.statistic == "mean")
    figures[place] = replace(figures[place], value=figures[place].value * 1.01)
    worse = recount(run, replace(report, figures=tuple(figures)))
    lost = [each for each in worse.of(Outcome.UNEXPLAINED) if each.tool is not None]
    assert len(lost) > 1 if cause else len(lost) >= 1


# --- k6 and Gatling ----------------------------------------------------------------------------


def test_k6_divides_by_the_whole_test_and_leaves_failed_requests_out_where_it_says_so() -> None:
    result = reconciled(pair("short.tool.json"))
    rate = found(result, "http_reqs", "rate")
    assert [step.cause for step in rate.causes] == [Cause.DIVISOR]
    assert re.fullmatch(r"per second of 35\.39\d+ s", rate.why)
    expected = "http_req_duration{expected_response:true}"
    assert [step.cause for step in found(result, expected, "mean").causes] == [Cause.OK_ONLY]
    assert found(result, "http_req_duration", "p95").status == Outcome.EQUAL


def test_the_last_value_of_a_gauge_is_the_last_in_the_file(tmp_path: Path) -> None:
    """Two in the same microsecond: ours is the larger, k6's the later."""
    definition = {"name": "depth", "type": "gauge", "contains": "default", "thresholds": []}
    lines = [{"metric": "depth", "type": "Metric", "data": definition}]
    for nanoseconds, value in ((100, 5.0), (200, 3.0)):
        point = {"time": f"2026-01-01T00:00:00.000000{nanoseconds}Z", "value": value, "tags": {}}
        lines.append({"metric": "depth", "type": "Point", "data": point})
    (tmp_path / "log.json").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    report = {"metrics": {"depth": {"value": 3, "min": 3, "max": 5}}}
    (tmp_path / "summary.json").write_text(json.dumps(report))
    run = open_run(perfreport.ingest([tmp_path / "log.json"], tmp_path / "x.parquet").path)
    result = recount(run, read_report(tmp_path / "summary.json"))
    assert [step.cause for step in found(result, "depth", "last").causes] == [Cause.INPUT_ORDER]
    assert len(result.of(Outcome.EQUAL)) == 2


def depths(tmp_path: Path, name: str) -> Run:
    """A trend of 12.3456784, 2.3456786 and 2 in a log of this name, as k6 writes them there."""
    values = (12.3456784, 2.3456786, 2.0)
    if name.endswith(".csv"):
        lines = ["metric_name,timestamp,metric_value,extra_tags,metadata"]
        lines += [f"depth,{1795623798 + at},{value:.6f},kind=x," for at, value in enumerate(values)]
    else:
        definition = {"name": "depth", "type": "trend", "contains": "default", "thresholds": []}
        documents: list[object] = [{"metric": "depth", "type": "Metric", "data": definition}]
        for at, value in enumerate(values):
            point = {"time": f"2026-01-01T00:00:0{at}Z", "value": value, "tags": {}}
            documents.append({"metric": "depth", "type": "Point", "data": point})
        lines = [json.dumps(document) for document in documents]
    (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    return open_run(perfreport.ingest([tmp_path / name], tmp_path / f"{name}.parquet").path)


def test_k6_s_csv_has_six_decimals_and_its_json_all(tmp_path: Path) -> None:
    report = {"avg": 5.563785666666667, "max": 12.3456784, "min": 2, "med": 2.3456786}
    (tmp_path / "summary.json").write_text(json.dumps({"metrics": {"depth": report}}))
    figures = read_report(tmp_path / "summary.json")
    rounded = recount(depths(tmp_path, "log.csv"), figures)
    assert rounded.reconciled
    assert [step.cause for step in found(rounded, "depth", "max").causes] == [Cause.SIX_DECIMALS]
    assert found(rounded, "depth", "min").status == Outcome.EQUAL
    whole = recount(depths(tmp_path, "log.json"), figures)
    assert len(whole.of(Outcome.EQUAL)) == 4
    off = tuple(replace(each, value=each.value + 1.1e-6) for each in figures.figures)
    for name in ("log.csv", "log.json"):
        run = open_run(tmp_path / f"{name}.parquet")
        assert len(recount(run, replace(figures, figures=off)).of(Outcome.UNEXPLAINED)) == 4


def test_zeros_of_what_the_run_does_not_have_are_no_findings_of_nothing(tmp_path: Path) -> None:
    """But k6 does write zeros, and only these, of what a threshold names and never was."""
    run = depths(tmp_path, "log.json")
    zeros = {"avg": 0, "max": 0, "min": 0, "med": 0}
    metrics = {
        "depth{kind:never}": zeros,
        "height": zeros,
        "depth{kind:other}": zeros,
        "width{kind:other}": zeros | {"max": 3},
    }
    (tmp_path / "summary.json").write_text(json.dumps({"metrics": metrics}))
    result = recount(run, read_report(tmp_path / "summary.json"))
    explained = {each.subject for each in result.of(Outcome.EXPLAINED)}
    assert explained == {"depth{kind:never}", "height"}
    assert {each.why for each in result.of(Outcome.UNEXPLAINED) if each.tool is not None} == {
        "the run has no such rows"
    }


def test_a_label_that_the_run_lacks_is_unexplained_to_its_last_zero() -> None:
    report = read_report(pair("default.tool.json").report)
    other = tuple(
        replace(each, subject=replace(each.subject, name="Other"))
        for each in report.figures
        if each.subject.name == "moved_login"
    )
    assert 0 in {each.value for each in other}
    result = recount(
        run_of(pair("default.tool.json").results), replace(report, figures=report.figures + other)
    )
    assert len(result.of(Outcome.UNEXPLAINED)) == len(other)


def test_the_length_of_a_test_may_not_be_shorter_than_its_samples() -> None:
    report = read_report(pair("short.tool.json").report)
    faster = tuple(
        replace(each, value=each.value * 3) if each.statistic == "rate" else each
        for each in report.figures
    )
    result = recount(run_of(pair("short.tool.json").results), replace(report, figures=faster))
    assert {each.statistic for each in result.of(Outcome.UNEXPLAINED)} == {"rate"}


def test_the_statistics_of_a_gatling_group_are_of_its_cumulated_time() -> None:
    result = reconciled(pair("o2c-3.12.0.tool.json"))
    group = found(result, "Order to Cash", "max")
    assert [step.cause for step in group.causes] == [Cause.CUMULATED]
    requests = tuple(each for each in result.findings if each.kind == "request")
    assert Cause.CUMULATED not in causes(requests)


def test_an_estimate_of_gatling_tells_by_how_many_ranks_it_misses() -> None:
    finding = found(reconciled(pair("o2c-3.14.9.console.txt")), "All Requests", "p99")
    assert finding.causes[-1].cause == Cause.DIGEST
    assert finding.why == "an estimate, 4.16 of 517 ranks (0.8 points) off"


def test_what_the_ramp_up_makes_of_a_figure_stands_beside_it() -> None:
    result = reconciled(pair("short.tool.json"))
    finding = found(result, "http_reqs", "sum")
    assert finding.ours == finding.tool == 1046
    assert 0 < (finding.steady or 0) < 1046
    assert finding in result.with_ramp_up


def test_rates_of_a_test_that_lasted_for_weeks_are_not_believed() -> None:
    """All counters agree on a length, but none of a run whose samples span half a minute."""
    each = pair("short.tool.json")
    report = read_report(each.report)
    figures = tuple(
        replace(figure, value=figure.value * 1e-4) if figure.statistic == "rate" else figure
        for figure in report.figures
    )
    result = recount(run_of(each.results), replace(report, figures=figures))
    lost = result.of(Outcome.UNEXPLAINED)
    assert len(lost) == sum(figure.statistic == "rate" for figure in figures)

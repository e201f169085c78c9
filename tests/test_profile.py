"""A run measured for comparing: from its rows, and from the file that condensed them."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perfreport import api, measure
from perfreport.cli import main
from perfreport.errors import Exit, RunError
from perfreport.ingestion import ingest
from perfreport.profile import CondensedProfile, Profile, RunProfile, condense, open_profile
from perfreport.resources import folder
from perfreport.run.info import RunInfo, TestType
from perfreport.run.schema import batch
from perfreport.run.store import Run, open_run
from perfreport.run.writer import RunWriter
from perfreport.sla.model import Pack
from perfreport.stats.spent import PHASES

SAMPLES = folder("sample_results")
RECORDINGS = (
    "k6-json/run.json.gz",
    "jmeter-csv/default.jtl",
    "gatling-binary/o2c-3.15.1.log",
)
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def recorded(folder_: Path, sample: str) -> Run:
    target = folder_ / f"{Path(sample).name.split('.')[0]}.parquet"
    ingest([SAMPLES / sample], target)
    return open_run(target)


@pytest.fixture(scope="module", params=RECORDINGS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return recorded(tmp_path_factory.mktemp("runs"), request.param)


def condensed(run: Run, pack: Pack | None = None) -> Profile:
    small = run.path.with_name(f"{run.name}.small")
    condense(run, small, pack, overwrite=True)
    return open_profile(small)


def test_a_condensed_run_has_the_same_sketches_windows_phases_and_failures(run: Run) -> None:
    rows, small = RunProfile(run), condensed(run)
    assert isinstance(small, CondensedProfile)
    assert small.info == run.info
    assert small.judged_window() == rows.judged_window() == measure.judged_window(run)
    assert small.names() == rows.names()
    ours, theirs = small.side(small.judged_window()), rows.side(rows.judged_window())
    assert ours.users == theirs.users
    assert ours.failures == theirs.failures
    assert ours.sketches.keys() == theirs.sketches.keys()
    for name, sketch in ours.sketches.items():
        other = theirs.sketches[name]
        for part in ("cell", "bin", "count", "errors"):
            assert np.array_equal(getattr(sketch, part), getattr(other, part))
        assert sketch.cells == other.cells
    for name, spent in ours.spent.items():
        assert np.array_equal(spent.duration_ms, theirs.spent[name].duration_ms)
        assert spent.phases_ms.keys() == theirs.spent[name].phases_ms.keys()


def test_the_figures_of_its_own_window_are_exact_and_those_of_another_close(run: Run) -> None:
    rows, small = RunProfile(run), condensed(run)
    for window in (small.judged_window(), small.whole):
        kept, shown = rows.side(window), small.side(window)
        assert shown.exact
        assert shown.endpoints == kept.endpoints
        assert shown.successful == kept.successful
    # On borders of cells: there a sketch counts the very requests.
    cell = timedelta(seconds=small.cell_s)
    other = replace(small.whole, start=small.whole.start + cell, end=small.whole.start + 3 * cell)
    kept, shown = rows.side(other), small.side(other)
    assert not shown.exact
    for exact, close in ((kept.endpoints, shown.endpoints), (kept.successful, shown.successful)):
        assert exact.keys() == close.keys()
        assert exact
        for name, figures in exact.items():
            assert astuple(close[name]) == pytest.approx(astuple(figures), rel=0.0101, abs=0.06)
            assert (close[name].count, close[name].errors) == (figures.count, figures.errors)


def test_figures_are_those_of_numpy(run: Run) -> None:
    """All requests of the window, and the successful ones alone."""
    profile = RunProfile(run)
    window = profile.judged_window()
    side, frame = profile.side(window), run.pandas()
    frame = frame[
        (frame.kind == profile.kind) & (frame.ts >= window.start) & (frame.ts < window.end)
    ]
    assert side.requests == len(frame) > 0
    for name, figures in side.endpoints.items():
        mine = frame[frame.name == name]
        assert (figures.count, figures.errors) == (len(mine), int((mine.ok == False).sum()))  # noqa: E712
        expected = np.percentile(mine.duration_ms, (50, 95, 99))
        assert (figures.p50_ms, figures.p95_ms, figures.p99_ms) == pytest.approx(expected)
        assert figures.mean_ms == pytest.approx(mine.duration_ms.mean())
        passed = mine[mine.ok == True]  # noqa: E712
        if passed.empty:
            assert name not in side.successful
            continue
        assert side.successful[name].p95_ms == pytest.approx(np.percentile(passed.duration_ms, 95))
        assert side.successful[name].count == len(passed)


def test_phases_are_the_sums_of_the_successful_requests(run: Run) -> None:
    profile, frame = RunProfile(run), run.pandas()
    side = profile.side(profile.whole)
    frame = frame[(frame.kind == profile.kind) & (frame.ok == True)]  # noqa: E712
    for name, spent in side.spent.items():
        mine = frame[frame.name == name]
        assert spent.requests.sum() == len(mine)
        assert spent.mean_ms() == pytest.approx(mine.duration_ms.mean())
        known = [phase for phase in PHASES if mine[f"{phase}_ms"].notna().any()]
        assert list(spent.phases_ms) == known
        for phase in known:
            assert spent.mean_ms(phase) == pytest.approx(mine[f"{phase}_ms"].mean())


def test_failures_are_counted_by_what_they_are(run: Run) -> None:
    profile, frame = RunProfile(run), run.pandas()
    frame = frame[(frame.kind == profile.kind) & (frame.ok == False)]  # noqa: E712
    ends = profile.whole.start + timedelta(seconds=profile.cell_s * 1000)
    side = profile.side(replace(profile.whole, end=ends))
    counted = frame.groupby(["name", "status", "error"], observed=True, dropna=False).size()
    assert sorted(row.count for row in side.failures) == sorted(counted)
    assert sum(row.count for row in side.failures) == len(frame)


def made(path: Path, count: int = 400, **info) -> Run:
    """Requests with as many different messages as failures, and some without an outcome."""
    writer = RunWriter(path)
    at = np.datetime64(START.replace(tzinfo=None)) + np.arange(count) * np.timedelta64(250, "ms")
    writer.write(
        batch(
            count,
            {
                "kind": "request",
                "ts": pa.array(at.astype("datetime64[us]"), pa.timestamp("us", "UTC")),
                "name": ["told" if n % 2 else "not told" for n in range(count)],
                "status": pa.array([500 if n % 2 else None for n in range(count)], pa.int16()),
                "ok": pa.array([False if n % 2 else None for n in range(count)]),
                "error": [f"order {n}" if n % 2 else None for n in range(count)],
                "duration_ms": np.arange(1.0, count + 1),
            },
        )
    )
    end = START + timedelta(milliseconds=250 * count)
    writer.finish(RunInfo(start=START, end=end, **info))
    return open_run(path)


def test_an_endless_number_of_messages_is_cut(tmp_path: Path) -> None:
    side = RunProfile(made(tmp_path / "r.parquet")).side(
        measure.whole(made(tmp_path / "r.parquet"))
    )
    assert len(side.failures) == 51
    assert sum(row.count for row in side.failures) == 200
    rest = next(row for row in side.failures if row.error is None)
    assert (rest.status, rest.count) == (500, 150)


def test_a_request_without_an_outcome_is_no_success_that_a_tool_reported(tmp_path: Path) -> None:
    small = condensed(made(tmp_path / "r.parquet"))
    for window in (small.whole, replace(small.whole, end=START + timedelta(seconds=50))):
        side = small.side(window)
        assert side.endpoints["not told"].error_rate is None
        assert side.endpoints["told"].error_rate == 1.0
        assert set(side.successful) == {"not told"}


def test_the_windows_of_a_pack_are_kept_exactly_too(tmp_path: Path) -> None:
    run = made(tmp_path / "r.parquet", scenario="s", test_type=TestType.LOAD)
    stages = [{"ramp": "30s", "to": 5}, {"hold": "70s"}]
    pack = Pack.model_validate({"scenarios": [{"scenario": "s", "stages": stages}]})
    window = RunProfile(run).judged_window(pack)
    assert window != RunProfile(run).judged_window()
    assert not condensed(run).side(window).exact
    assert condensed(run, pack).side(window).exact


def test_a_condensed_run_is_a_small_parquet_file_that_any_reader_opens(tmp_path: Path) -> None:
    run = recorded(tmp_path, "k6-json/run.json.gz")
    condense(run, tmp_path / "small.parquet")
    assert (tmp_path / "small.parquet").stat().st_size < run.path.stat().st_size / 5
    table = pq.read_table(tmp_path / "small.parquet")
    parts = set(table["part"].to_pylist())
    assert parts == {"names", "load", "sketch", "spent", "failures", "figures"}
    assert sum(table["count"].filter(pa.compute.equal(table["part"], "sketch")).to_pylist()) > 0


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = recorded(tmp_path, "k6-json/run.json.gz")
    for name in ("one", "two"):
        condense(run, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("baseline", "run"):
        ingest([SAMPLES / "k6-json" / f"{name}.json.gz"], tmp_path / f"{name}.parquet")
        condense(open_run(tmp_path / f"{name}.parquet"), tmp_path / f"{name}.small")
    return tmp_path / "baseline", tmp_path / "run"


def test_condensed_runs_are_compared_with_the_same_result(pair: tuple[Path, Path]) -> None:
    pack = api.load_pack(folder("sla") / "demo.yaml")
    found = [
        api.compare(*(open_profile(path.with_suffix(suffix)) for path, suffix in zip(pair, both, strict=True)), pack)
        for both in [(".parquet", ".parquet"), (".small", ".parquet"), (".small", ".small")]
    ]  # fmt: skip
    for other in found[1:]:
        assert other.comparisons == found[0].comparisons
        assert (other.verdict, other.why) == (found[0].verdict, found[0].why)
        assert other.comparable == found[0].comparable
        assert other.places == found[0].places
    assert found[0].verdict == "regressed"


def test_the_command_line_takes_a_condensed_run_where_it_can(pair, capsys, monkeypatch) -> None:
    monkeypatch.chdir(pair[0].parent)
    sla = str(folder("sla") / "demo.yaml")
    assert main(["compare", "baseline.small", "run.parquet", "--sla", sla]) == Exit.WANTING
    assert main(["compare", "baseline.small", "run.small", "--sla", sla]) == Exit.WANTING
    arguments = [
        "report",
        "run.parquet",
        "--baseline",
        "baseline.small",
        "--sla",
        sla,
        "-o",
        "r.html",
    ]
    assert main(arguments) == Exit.OK
    assert "create_order" in Path("r.html").read_text(encoding="utf-8")
    capsys.readouterr()
    for refused in (["summary", "run.small"], ["check", "run.small", "--sla", sla], ["sql", "run.small", "select 1"],
                    ["report", "run.small", "--sla", sla, "-o", "s.html"], ["condense", "run.small", "-o", "x"]):  # fmt: skip
        assert main(refused) == Exit.INPUT
        said = capsys.readouterr().err
        assert said.startswith("error: run.small: a condensed run, which has no rows.")
        assert said.count("\n") == 1


def test_the_command_says_what_it_wrote_and_overwrites_nothing(pair, capsys, monkeypatch) -> None:
    monkeypatch.chdir(pair[0].parent)
    before = Path("run.parquet").read_bytes()
    assert main(["condense", "run.parquet", "-o", "new"]) == Exit.OK
    assert "done: new: " in capsys.readouterr().err
    for output in ("new", "run.parquet", "baseline.parquet", ".", "-", "nowhere/new"):
        assert main(["condense", "run.parquet", "-o", output]) == Exit.INPUT
    assert Path("run.parquet").read_bytes() == before
    assert main(["condense", "run.parquet", "-o", "run.parquet", "--overwrite"]) == Exit.INPUT
    assert main(["condense", "run.parquet", "-o", "new", "--overwrite"]) == Exit.OK
    assert Path("run.parquet").read_bytes() == before


def rewritten(small: Path, change) -> None:
    table = pq.read_table(small)
    metadata = dict(pq.read_metadata(small).metadata)
    pq.write_table(change(table, metadata).replace_schema_metadata(metadata), small)


def newer(table, metadata):
    metadata[b"perfreport-condensed"] = b"2"
    return table


def without_info(table, metadata):
    del metadata[b"perfreport"]
    return table


def damaged_info(table, metadata):
    metadata[b"perfreport"] = b"{"
    return table


def without_column(table, metadata):
    return table.drop_columns(["bin"])


def with_other_types(table, metadata):
    at = table.schema.get_field_index("count")
    return table.set_column(at, "count", pa.array(["many"] * len(table)))


def without_parts(table, metadata):
    return table.drop_columns(["part"])


@pytest.mark.parametrize(
    "change",
    [newer, without_info, damaged_info, without_column, with_other_types, without_parts],
)
def test_a_damaged_condensed_run_is_one_line(pair, change, capsys) -> None:
    small = pair[0].with_suffix(".small")
    rewritten(small, change)
    assert main(["compare", str(small), str(pair[1].with_suffix(".parquet"))]) == Exit.INPUT
    said = capsys.readouterr().err
    assert said.startswith(f"error: {small}: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("left", [0, 3, 100, 5000, -4, -9])
def test_a_condensed_run_that_was_cut_off_is_one_line(pair, left, capsys) -> None:
    small = pair[0].with_suffix(".small")
    small.write_bytes(small.read_bytes()[:left])
    assert main(["compare", str(small), str(pair[1].with_suffix(".parquet"))]) == Exit.INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_without_rows_cannot_be_condensed(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "empty.parquet")
    writer.finish(RunInfo())
    with pytest.raises(RunError, match="the run has no rows"):
        condense(open_run(tmp_path / "empty.parquet"), tmp_path / "small")
    assert not (tmp_path / "small").exists()

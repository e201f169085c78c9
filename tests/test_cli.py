"""The command line: exit codes, error lines, documents of the contract, streams."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest

from perfreport.cli import main
from perfreport.errors import Exit, RunError
from perfreport.ingestion import ingest
from perfreport.ingestion.inputs import labels_of
from perfreport.run.store import open_run

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_results"
K6 = SAMPLES / "k6-json"
ROW = [
    "count", "errors", "error_rate", "rate_per_s", "mean_ms", "stdev_ms", "min_ms", "p50_ms", "p75_ms",
    "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "apdex", "received_bytes", "sent_bytes",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs: short, baseline and run."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("short", "baseline", "run"):
        assert (
            main(["ingest", str(K6 / f"{name}.json.gz"), "-o", str(folder / f"{name}.parquet")])
            == 0
        )
    assert (
        main(["ingest", str(SAMPLES / "prometheus-json/soak"), "-o", str(folder / "soak.parquet")])
        == 0
    )
    return folder


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "pack.yaml"
    path.write_text("compare: {min_steady: 30s}\n")
    return path


def stdout_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document: dict[str, object] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    return document


# --- documents of the contract -----------------------------------------------------------------


def test_summary_json_holds_the_keys_of_the_contract(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["summary", str(runs / "short.parquet"), "--format", "json", "--window", "all"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert {"from", "to", "how"} <= document["window"].keys()
    assert set(ROW) <= document["total"].keys()
    assert all(
        {"kind", "name", "scenario", "group", *ROW} <= row.keys() for row in document["endpoints"]
    )
    assert all(row.keys() >= {"name", "passes", "fails"} for row in document["checks"])
    metric_keys = {"name", "labels", "unit", "count", "mean", "min", "max", "last"}
    assert all(row.keys() >= metric_keys for row in document["metrics"])
    assert {"start", "end", "sources", "thresholds", "metrics"} <= document["run"].keys()


def test_compare_json_holds_the_keys_of_the_contract(
    runs: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [
        "compare",
        str(runs / "baseline.parquet"),
        str(runs / "run.parquet"),
        "--sla",
        str(pack),
    ]
    assert main([*line, "--format", "json"]) == Exit.WANTING
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "regressed"
    assert {"comparable", "shared_shift", "run_to_run_sd", "comparisons"} <= document.keys()
    assert {"p50", "p95", "p99", "source", "runs"} == document["run_to_run_sd"].keys()
    keys = {
        "name", "statistic", "baseline", "run", "change", "ci_low", "ci_high", "p_value", "detectable",
        "verdict", "samples_baseline", "samples_run", "why",
    }  # fmt: skip
    assert all(row.keys() >= keys for row in document["comparisons"])


def test_only_the_slowed_endpoint_is_called_regressed(
    runs: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [
        "compare",
        str(runs / "baseline.parquet"),
        str(runs / "run.parquet"),
        "--sla",
        str(pack),
    ]
    main([*line, "--format", "json"])
    rows = json.loads(capsys.readouterr().out)["comparisons"]
    assert {row["name"] for row in rows if row["verdict"] == "regressed"} == {"create_order"}


def test_the_same_run_twice_is_unchanged(runs: Path, pack: Path) -> None:
    run = str(runs / "run.parquet")
    assert main(["compare", run, run, "--sla", str(pack)]) in (Exit.OK, Exit.UNDECIDED)


def test_trends_json_tells_the_truth_of_the_soak(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "trends",
                str(runs / "soak.parquet"),
                "--sla",
                str(ROOT / "sla/demo.yaml"),
                "--format",
                "json",
            ]
        )
        == 0
    )
    series = json.loads(capsys.readouterr().out)["series"]
    heap = next(row for row in series if row["name"] == "heap_used_bytes")
    assert heap["verdict"] == "growing"
    assert heap["slope_low"] <= 40.96 * 2**20 <= heap["slope_high"]
    lag = next(
        row for row in series
        if row["name"] == "kafka_lag_by_topic" and row["labels"] == {"topic": "sales-order-created-event"}
    )  # fmt: skip
    assert lag["verdict"] == "plateaued"


def packed(folder: Path, limit: str) -> str:
    """A pack that asks one thing of all requests together."""
    path = folder / "limits.yaml"
    path.write_text(f"objectives: {{total: ['{limit}']}}\n")
    return str(path)


@pytest.mark.parametrize(
    ("limit", "verdict", "options", "code"),
    [
        ("p95 < 10s", "ready", [], Exit.OK),
        ("p95 < 10ms", "not_ready", [], Exit.WANTING),
        ("p95 < 10ms", "not_ready", ["--undecided", "pass"], Exit.WANTING),
        ("p999 < 10s", "undecided", [], Exit.UNDECIDED),
        ("p999 < 10s", "undecided", ["--undecided", "pass"], Exit.OK),
        ("p999 < 10s", "undecided", ["--undecided", "fail"], Exit.WANTING),
    ],
)
def test_the_exit_code_is_the_verdict(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    limit: str, verdict: str, options: list[str], code: Exit,
) -> None:  # fmt: skip
    line = ["check", str(runs / "run.parquet"), "--sla", packed(tmp_path, limit), *options]
    assert main([*line, "--format", "json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["verdict"] == verdict
    keys = {
        "id", "run", "subject", "statistic", "operator", "limit", "observed", "unit", "margin",
        "status", "samples", "why",
    }  # fmt: skip
    assert all(each.keys() >= keys for each in document["objectives"])
    assert all(each.keys() >= {"id", "run", "severity", "why"} for each in document["audit"])


def test_a_comparison_is_a_page_and_a_comment_too(
    runs: Path, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [
        "compare",
        str(runs / "baseline.parquet"),
        str(runs / "run.parquet"),
        "--sla",
        str(pack),
    ]
    page = tmp_path / "comparison.html"
    assert main([*line, "--format", "html", "-o", str(page)]) == Exit.WANTING
    html = page.read_text(encoding="utf-8")
    assert "<title>Regressed: run against baseline</title>" in html
    assert "default-src &#39;none&#39;" in html
    assert main([*line, "--format", "markdown"]) == Exit.WANTING
    comment = capsys.readouterr().out
    assert comment.startswith("**Regressed**")
    assert "| `create_order` | P50 |" in comment


def test_junit_counts_what_it_holds(runs: Path, tmp_path: Path) -> None:
    """The counts of each suite are those of its elements, as CI servers expect."""
    out = tmp_path / "junit.xml"
    pack = str(ROOT / "sla/demo.yaml")
    main(["check", str(runs / "run.parquet"), "--sla", pack, "--format", "junit", "-o", str(out)])
    suites = ElementTree.parse(out).getroot().findall("testsuite")
    assert suites
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "-1")) == len(cases)
        for kind in ("failure", "error", "skipped"):
            attribute = {"failure": "failures", "error": "errors"}.get(kind, kind)
            counted = sum(case.find(kind) is not None for case in cases)
            assert int(suite.get(attribute, "0")) == counted


def test_each_form_of_a_check_names_each_objective(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["check", str(runs / "run.parquet"), "--sla", packed(tmp_path, "p95 < 10ms")]
    for form in ("table", "markdown", "junit"):
        main([*line, "--format", form])
        assert "p95" in capsys.readouterr().out.lower(), form


def test_a_report_pairs_baselines_and_refuses_what_it_cannot_pair(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = ["--sla", str(ROOT / "sla/demo.yaml")]
    out = tmp_path / "report.html"
    one = ["report", str(runs / "run.parquet"), *pack, "-o", str(out)]
    assert main([*one, "--baseline", str(runs / "baseline.parquet")]) == Exit.OK
    assert "create_order" in out.read_text()
    first = out.read_bytes()
    assert main([*one, "--baseline", str(runs / "baseline.parquet")]) == Exit.OK
    assert out.read_bytes() == first  # same input, same bytes
    twice = ["report", str(runs / "run.parquet"), str(runs / "run.parquet"), *pack, "-o", str(out)]
    assert main(twice) == Exit.INPUT
    assert "another run is called run" in capsys.readouterr().err
    assert out.read_bytes() == first


# --- streams and formats -----------------------------------------------------------------------


def test_standard_input_is_read_and_standard_output_written(runs: Path, tmp_path: Path) -> None:
    text = gzip.decompress((K6 / "handle.json.gz").read_bytes())
    command = [sys.executable, "-m", "perfreport", "ingest", "-", "-o", str(tmp_path / "x.parquet")]
    done = subprocess.run(command, input=text, capture_output=True, check=True)
    assert done.stdout == b""
    assert b"rows" in done.stderr


def test_quiet_says_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "perfreport", "--quiet", "ingest", str(K6 / "handle.json.gz"),
        "-o", str(tmp_path / "x.parquet"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_tables_fit_80_columns(runs: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["summary", str(runs / "short.parquet"), "--window", "all"])
    main(["compare", str(runs / "baseline.parquet"), str(runs / "run.parquet"), "--sla", str(pack)])
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("window")]
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_a_run_of_aggregates_shows_them_as_the_tool_named_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    run = str(tmp_path / "run.parquet")
    summary = str(SAMPLES / "k6-summary/export-1.1.0.json")
    assert main(["ingest", summary, "-o", run, "--start", "2026-11-23T01:00:00Z"]) == 0
    assert main(["summary", run, "--format", form, "--window", "all"]) == 0
    printed = " ".join(capsys.readouterr().out.replace("\\_", "_").split())
    assert "p(95) 56.3 ms" in printed
    assert "count 1,046, rate 29.6/s" in printed
    assert "P95" not in printed


def test_a_run_of_server_series_shows_their_ranges(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", str(runs / "soak.parquet"), "--window", "all"]) == 0
    assert "kafka_lag_by_topic" in capsys.readouterr().out


def test_csv_has_the_same_facts_as_json(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["summary", str(runs / "short.parquet"), "--window", "all", "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    main(["summary", str(runs / "short.parquet"), "--window", "all", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    expected = {(row["kind"], row["name"]): row["p95_ms"] for row in document["endpoints"]}
    got = {
        (row["kind"], row["name"]): float(row["p95_ms"]) for row in rows if row["name"] != "total"
    }
    assert got == expected


def test_csv_defuses_formulas(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sql", str(runs / "short.parquet"), "select '=1+1' as x, -1 as y", "--format", "csv"])
    assert capsys.readouterr().out == "x,y\n'=1+1,-1\n"


def test_sql_json_and_errors(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["sql", str(runs / "short.parquet"), "select count(*) n from run", "--format", "json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out) == [{"n": 3426}]
    assert main(["sql", str(runs / "short.parquet"), "select nothing from run"]) == Exit.INPUT
    assert (
        main(["sql", str(runs / "short.parquet"), "select * from read_csv('/etc/passwd')"])
        == Exit.INPUT
    )
    assert "Traceback" not in capsys.readouterr().err


def test_sql_gives_every_column_and_value_as_what_it_is(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(runs / "run.parquet")
    main(["sql", run, "select * from run limit 1"])
    assert "received_bytes" in capsys.readouterr().out
    query = "select map {'a': 'b'} as labels, 1 as x, null as nothing"
    main(["sql", run, query, "--format", "json"])
    row = {"labels": {"a": "b"}, "x": 1, "nothing": None}
    assert json.loads(capsys.readouterr().out) == [row]
    main(["sql", run, query, "--format", "csv"])
    assert capsys.readouterr().out == 'labels,x,nothing\n"{""a"": ""b""}",1,\n'


def test_no_output_destroys_an_input(runs: Path, tmp_path: Path, pack: Path) -> None:
    run = tmp_path / "run.parquet"
    run.write_bytes((runs / "run.parquet").read_bytes())
    linked = tmp_path / "linked"
    linked.symlink_to(run)
    before = {path: path.read_bytes() for path in (run, pack)}
    for output in (run, linked, pack):
        for line in (
            ["report", str(run), "--sla", str(pack), "-o", str(output)],
            ["check", str(run), "--sla", str(pack), "--format", "json", "-o", str(output)],
            ["compare", str(run), str(run), "--sla", str(pack), "-o", str(output)],
        ):
            assert main(line) == Exit.INPUT
    assert {path: path.read_bytes() for path in before} == before


def test_a_shipped_pack_is_found_by_name(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("default", "sla/default.yaml", "chiroerp"):
        assert main(["check", "--sla", name]) == Exit.OK
    assert main(["check", "--sla", "elsewhere/default.yaml"]) == Exit.INPUT


def test_what_the_user_said_of_a_run_steers_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "x.parquet")
    said = ["--system", "a\nb\x1b[31m", "--release", "<script>alert(1)</script>"]
    main(["ingest", str(K6 / "handle.json.gz"), "-o", out, *said])
    main(["summary", out])
    assert "\x1b" not in capsys.readouterr().out
    main(["summary", out, "--format", "markdown"])
    assert "<script>" not in capsys.readouterr().out


def test_only_and_by_split_and_filter(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            "summary",
            str(runs / "short.parquet"),
            "--window",
            "all",
            "--by",
            "status",
            "--only",
            "failed",
            "--format",
            "json",
        ]
    )
    document = json.loads(capsys.readouterr().out)
    requests = [row for row in document["endpoints"] if row["kind"] == "request"]
    assert sum(row["count"] for row in requests) == document["total"]["count"] == 57
    assert all(row["status"] == 0 or row["status"] >= 400 for row in requests)


def test_window_is_half_open_and_offsets_count_from_the_start(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = []
    for window in ("0s..10s", "10s..20s", "0s..20s"):
        main(["summary", str(runs / "short.parquet"), "--window", window, "--format", "json"])
        counts.append(json.loads(capsys.readouterr().out)["total"]["count"])
    assert counts[0] + counts[1] == counts[2] > 0


# --- mistakes ----------------------------------------------------------------------------------


def mistakes(folder: Path) -> Iterator[tuple[str, list[str]]]:
    (folder / "empty.json").touch()
    (folder / "nothing").mkdir()
    (folder / "text.txt").write_text("hello\n")
    (folder / "bad.yaml").write_text("compare: {min_stedy: 30s}\n")
    k6, out = str(K6 / "short.json.gz"), str(folder / "x.parquet")
    (folder / "there.parquet").write_bytes(b"precious")
    yield "no such file", ["ingest", str(folder / "none.json"), "-o", out]
    yield "empty", ["ingest", str(folder / "empty.json"), "-o", out]
    yield "folder without files", ["ingest", str(folder / "nothing"), "-o", out]
    yield "no reader knows", ["ingest", str(folder / "text.txt"), "-o", out]
    yield "no such reader", ["ingest", k6, "-o", out, "--format", "k6-jsn"]
    yield "exists", ["ingest", k6, "-o", str(folder / "there.parquet")]
    yield "cannot be written", ["ingest", k6, "-o", str(folder / "none/x.parquet")]
    yield "not a time zone", ["ingest", k6, "-o", out, "--timezone", "Mars/Base"]
    yield "not K=V", ["ingest", k6, "-o", out, "--label", "x"]
    yield "--queries", ["ingest", k6, "-o", out, "--prometheus", "http://127.0.0.1:9"]
    yield "nothing to ingest", ["ingest", "-o", out]
    (folder / "in.json.gz").write_bytes(Path(k6).read_bytes())
    same = str(folder / "in.json.gz")
    yield "is one of the inputs", ["ingest", same, "-o", same, "--overwrite"]
    yield "Name a file", ["ingest", k6, "-o", "-"]
    yield "exclude each other", ["ingest", k6, "-o", out, "--append", "--overwrite"]
    yield "no such run", ["summary", str(folder / "none.parquet")]
    yield "not a run file", ["summary", str(folder / "there.parquet")]
    yield 'Did you mean "min_steady"?', ["check", "--sla", str(folder / "bad.yaml")]
    too_long = str(folder / ("x" * 300))
    yield "name too long", ["ingest", k6, "-o", too_long]
    yield "name too long", ["summary", too_long]
    yield "name too long", ["check", str(folder / "there.parquet"), "--sla", too_long]
    yield "No such option", ["summary", "--frmat", "json", str(folder / "there.parquet")]
    yield "No such command", ["sumary"]
    for moment in ("yesterday", "2026-11-23T10:00", "1795399806497"):
        expected = f'"{moment}" is not a time with its zone, such as 2026-11-23T10:00:00Z'
        yield expected, ["ingest", k6, "-o", str(folder / "new.parquet"), "--start", moment]


def test_each_mistake_is_one_or_two_lines_exit_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = list(mistakes(tmp_path))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    for expected, line in cases:
        assert main(line) == Exit.INPUT, line
        said = capsys.readouterr()
        assert expected in said.err, line
        assert said.out == ""
        assert "Traceback" not in said.err
        assert len(said.err.splitlines()) <= 4, said.err  # click adds usage and a hint
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert (tmp_path / "there.parquet").read_bytes() == b"precious"


def test_debug_shows_where_an_error_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", str(tmp_path / "none.parquet"), "--debug"]) == Exit.INPUT
    assert "Traceback" in capsys.readouterr().err


def test_strict_refuses_what_the_default_only_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.decompress((K6 / "handle.json.gz").read_bytes())
    cut = tmp_path / "cut.json"
    cut.write_bytes(whole[: len(whole) // 2])
    assert (
        main(["ingest", str(cut), "-o", str(tmp_path / "strict.parquet"), "--strict"]) == Exit.INPUT
    )
    assert not (tmp_path / "strict.parquet").exists()
    assert main(["ingest", str(cut), "-o", str(tmp_path / "x.parquet")]) == Exit.OK
    assert "cut off" in capsys.readouterr().err


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_interrupted_ingest_leaves_no_file(tmp_path: Path, signal_number: signal.Signals) -> None:
    """The input is a pipe that never ends, so that the ingest cannot be over before the signal."""
    head = gzip.decompress((K6 / "handle.json.gz").read_bytes())
    process = subprocess.Popen(
        [sys.executable, "-m", "perfreport", "ingest", "-", "-o", str(tmp_path / "x.parquet")],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        # A runner in the background ignores the interrupt, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        process.stdin.write(head)
        process.stdin.flush()
        while not list(tmp_path.iterdir()):  # the temporary file shows that the ingest has begun
            time.sleep(0.01)
        assert ended_by(process, signal_number) == Exit.INTERRUPTED
    assert list(tmp_path.iterdir()) == []


def ended_by(process: subprocess.Popen[bytes], signal_number: signal.Signals) -> int:
    """The exit code after a signal, sent again as a user would.

    CPython loses one that arrives between two reads inside a single BufferedReader.read of a pipe.
    """
    for _ in range(6):
        process.send_signal(signal_number)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=5)
    pytest.fail("the ingest does not end")


def test_a_reader_that_goes_away_is_no_error(runs: Path) -> None:
    line = f'"{sys.executable}" -m perfreport sql short.parquet "select * from run" --format csv | head -1'
    done = subprocess.run(
        line, shell=True, cwd=runs, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout.startswith("kind,ts,name")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments", ["check short.parquet", "compare baseline.parquet run.parquet"]
)
def test_a_reader_that_goes_away_does_not_change_the_verdict(runs: Path, arguments: str) -> None:
    line = [sys.executable, "-m", "perfreport", *arguments.split(), "--sla"]
    line.append(str(ROOT / "sla" / "demo.yaml"))
    alone = subprocess.run(line, cwd=runs, capture_output=True, text=True)
    reader, writer = os.pipe()
    os.close(reader)
    piped = subprocess.run(line, cwd=runs, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert alone.stdout != ""
    assert alone.returncode in (Exit.WANTING, Exit.UNDECIDED)
    assert (piped.returncode, piped.stderr) == (alone.returncode, alone.stderr)


def test_appending_keeps_every_row_and_every_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in ("x.parquet", "parts/"):
        out = f"{tmp_path}/{target}"
        for name in ("short", "handle"):
            assert main(["ingest", str(K6 / f"{name}.json.gz"), "-o", out, "--append"]) == 0
        main(
            [
                "sql",
                out,
                "select source, count(*) n from run group by 1 order by 1",
                "--format",
                "json",
            ]
        )
        assert json.loads(capsys.readouterr().out) == [
            {"source": "handle", "n": 1053},
            {"source": "short", "n": 3426},
        ]


@pytest.mark.parametrize("target", ["x.parquet", "parts/"])
def test_the_names_of_what_is_added_to_count_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    files = []
    for number in range(2):
        files.append(str(tmp_path / f"{number}.jtl"))
        Path(files[-1]).write_text(
            "timeStamp,elapsed,label,responseMessage,threadName\n"
            + "".join(f"1795399806497,5,order {number}-{place},OK,a 1-1\n" for place in range(6))
        )
    out = ["-o", f"{tmp_path}/{target}", "--append", "--max-names"]
    assert main(["ingest", files[0], *out, "10"]) == 0
    assert main(["ingest", files[1], *out, "10"]) == 2
    assert "more than 10 different endpoint names" in capsys.readouterr().err
    assert main(["ingest", files[1], *out, "12"]) == 0


@pytest.mark.parametrize("target", ["x.parquet", "parts/"])
def test_a_file_that_is_in_the_run_already_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    log, out = str(K6 / "handle.json.gz"), f"{tmp_path}/{target}"
    assert main(["ingest", log, log, "-o", out]) == Exit.INPUT
    assert not Path(out).exists()
    assert main(["ingest", log, "-o", out]) == Exit.OK
    before = open_run(out).arrow().num_rows
    assert main(["ingest", log, "-o", out, "--append"]) == Exit.INPUT
    assert open_run(out).arrow().num_rows == before
    said = capsys.readouterr().err
    assert said.count("handle.json.gz: the same file as handle.json.gz, which is in the run") == 2


def test_a_run_of_parts_is_no_longer_than_one_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, start in enumerate((1_795_399_806_497, 1_700_000_000_000)):
        (tmp_path / f"{number}.jtl").write_text(f"timeStamp,elapsed\n{start},5\n")
    out = f"{tmp_path}/parts/"
    assert main(["ingest", str(tmp_path / "0.jtl"), "-o", out]) == Exit.OK
    assert main(["ingest", str(tmp_path / "1.jtl"), "-o", out, "--append"]) == Exit.INPUT
    assert "more than a year" in capsys.readouterr().err
    assert len(list(Path(out).iterdir())) == 1


def test_control_characters_of_input_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = (
        '{"status":"success","warnings":["w\\u001b[2J"],"data":{"resultType":"vector","result":[]}}'
    )
    (tmp_path / "q.json").write_text(answer)
    main(["ingest", str(tmp_path / "q.json"), "-o", str(tmp_path / "x.parquet")])
    said = capsys.readouterr().err
    assert "Prometheus warns: w" in said
    assert "\x1b" not in said


def test_failures_are_not_counted_where_nobody_told_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jtl").write_text("timeStamp,elapsed,label\n1795399806497,5,order\n")
    run = str(tmp_path / "x.parquet")
    assert main(["ingest", str(tmp_path / "a.jtl"), "-o", run, "--quiet"]) == Exit.OK
    assert main(["summary", run, "--window", "all"]) == Exit.OK
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("order")]
    assert line.split()[1:3] == ["1", "–"]


def test_two_generators_merge_exactly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Halves of one log, ingested together, give the percentiles of the whole."""
    lines = gzip.decompress((K6 / "short.json.gz").read_bytes()).splitlines(keepends=True)
    middle = next(
        at
        for at in range(len(lines) // 2, len(lines))
        if b'"metric":"http_reqs","type":"Point"' in lines[at]
    )
    (tmp_path / "a.json").write_bytes(b"".join(lines[:middle]))
    (tmp_path / "b.json").write_bytes(b"".join(lines[middle:]))
    totals = []
    for inputs in ([K6 / "short.json.gz"], [tmp_path / "a.json", tmp_path / "b.json"]):
        out = str(tmp_path / "x.parquet")
        main(["ingest", *map(str, inputs), "-o", out, "--overwrite"])
        capsys.readouterr()
        main(["summary", out, "--window", "all", "--format", "json"])
        total = json.loads(capsys.readouterr().out)["total"]
        totals.append({key: value for key, value in total.items() if isinstance(value, float)})
    assert len(totals[0]) > 10
    assert totals[0] == pytest.approx(totals[1], rel=1e-12)


def test_a_folder_means_its_files_and_names_what_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "run.json.gz").write_bytes((K6 / "handle.json.gz").read_bytes())
    (folder / "empty.log").touch()
    (folder / "notes.txt").write_text("hello\n")
    (folder / ".hidden").write_text("hello\n")
    assert main(["ingest", str(folder), "-o", str(tmp_path / "x.parquet")]) == Exit.OK
    said = capsys.readouterr().err
    assert "empty.log: left out, the file is empty" in said
    assert "notes.txt: left out, no reader knows this format" in said
    assert "hidden" not in said


def test_many_files_of_a_folder_that_nobody_knows_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "log.jtl").write_text("timeStamp,elapsed\n1795399806497,5\n")
    for number in range(12):
        (folder / f"{number:02}.txt").write_text("nothing of a load tool")
    assert main(["ingest", str(folder), "-o", str(tmp_path / "x.parquet")]) == Exit.OK
    said = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert said == [
        "note: 00.txt, 01.txt, 02.txt, 03.txt, 04.txt and 7 more: left out, no reader knows their format"
    ]


def test_a_folder_of_folders_names_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results" / "run-2").mkdir(parents=True)
    assert main(["ingest", str(tmp_path / "results"), "-o", str(tmp_path / "x.parquet")]) == 2
    assert f"such as {tmp_path / 'results' / 'run-2'}." in capsys.readouterr().err


def test_two_columns_of_one_name_are_told(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["sql", str(runs / "short.parquet"), "select 1 as a, 2 as a", "--format", "json"]
    assert main(line) == Exit.INPUT
    assert 'two columns are called "a"' in capsys.readouterr().err


def test_a_damaged_run_is_told(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray((runs / "short.parquet").read_bytes())
    footer = int.from_bytes(content[-8:-4], "little") + 8
    for at in range(100, len(content) - footer, 50):
        content[at] ^= 0x55
    path = tmp_path / "damaged.parquet"
    path.write_bytes(content)
    for line in (["summary", str(path)], ["sql", str(path), "select * from run"]):
        assert main(line) == Exit.INPUT
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith(f"error: {path}: cannot be read (")
        assert said.endswith("Ingest the inputs again.")


def test_a_run_that_somebody_else_wrote_in_the_meantime_stays(tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    with pytest.raises(RunError, match="somebody else in the meantime"):
        ingest([K6 / "short.json.gz"], target, on_read=lambda _: target.touch())
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
    assert target.read_bytes() == b""


@pytest.mark.parametrize("target", ["x.parquet", "parts/"])
def test_metrics_that_come_later_do_not_change_what_was_tested(tmp_path: Path, target: str) -> None:
    """One ingest of both says the same as one after the other, in either order."""
    load, server = K6 / "short.json.gz", SAMPLES / "prometheus-json/kafka_lag_by_topic.json"
    together = ingest([load, server], tmp_path / "together.parquet").info
    for number, inputs in enumerate([(load, server), (server, load)]):
        out = f"{tmp_path}/{number}-{target}"
        for each in inputs:
            ingest([each], out, append=True)
        info = open_run(out).info
        assert (info.tool, info.start, info.end) == (together.tool, together.start, together.end)
        assert not info.only_servers


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["a.json", "b.json"], ["a", "b"]),
        (["a.json", "x/a.csv", "y/a.csv"], ["a", "a-2", "a-3"]),
        (["a-3.json", "a.json", "x/a.json"], ["a-3", "a", "a-2"]),
        (["a-2.json", "a.json", "x/a.json"], ["a-2", "a", "a-3"]),
        (["a.json", "x/a.json", "a-2.json"], ["a", "a-2", "a-2-2"]),
        (["-", ".jtl"], ["stdin", ".jtl"]),
    ],
)
def test_each_input_has_a_label_of_its_own(paths: list[str], labels: list[str]) -> None:
    assert labels_of(paths) == labels

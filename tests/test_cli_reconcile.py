"""perfreport reconcile on the command line: exit codes, a table of 80 columns, the JSON document."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from reconciling import pair, run_of

import perfreport
from perfreport.cli import main
from perfreport.errors import Exit

FINDING = {
    "subject", "kind", "statistic", "outcome", "unit", "ours_unit", "ours", "steady", "tool", "status", "causes",
    "why", "nearest",
}  # fmt: skip


def reconcile(results: str, report: Path, *more: str) -> int:
    return main(
        ["reconcile", str(run_of(pair(results).results).path), "--with", str(report), *more]
    )


@pytest.fixture
def tampered(tmp_path: Path) -> Path:
    """The export of `short` with another median."""
    text = pair("short.tool.json").report.read_text(encoding="utf-8")
    document = json.loads(text)
    document["metrics"]["http_req_duration"]["med"] *= 1.001
    path = tmp_path / "tampered.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_all_explained_is_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile("short.tool.json", pair("short.tool.json").report) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("k6 --summary-export, run ")
    assert lines[1] == "159 figures: 147 equal, 12 explained, 0 unexplained"
    assert re.fullmatch(r"ramp-up included: without it \d+ of our numbers are others", lines[2])


def test_a_difference_without_a_cause_is_exit_3_and_shown(
    tampered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconcile("short.tool.json", tampered) == Exit.WANTING
    out = capsys.readouterr().out
    assert "159 figures: 146 equal, 12 explained, 1 unexplained" in out
    assert "http_req_duration p50" in " ".join(out[out.index("without a cause") :].split())


def test_what_has_no_cause_stands_below_the_reason_and_a_label_that_lacks_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(pair("default.tool.json").report.read_text(encoding="utf-8"))
    document["Other"] = document["get_invoice"]
    document["get_invoice"] = document["create_order"]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert reconcile("default.tool.json", path) == Exit.WANTING
    out = capsys.readouterr().out
    sections = out.split("\nwithout a cause: ")[1:]
    assert [section.split("\n")[0] for section in sections] == [
        "no known way of counting gives the tool's number",
        "the run has no such rows",
    ]
    assert len(re.findall(r"^get_invoice \w+ +\S+", sections[0], re.MULTILINE)) > 9
    assert [line.split() for line in sections[1].splitlines()[1:]] == [
        ["what", "figures"],
        ["Other", "13"],
    ]


@pytest.mark.parametrize(
    "name", ["default.tool.json", "o2c-3.12.0.tool.json", "o2c-3.14.9.console.txt", "baseline.txt"]
)
@pytest.mark.parametrize("other", [False, True])
def test_the_table_fits_80_columns(
    name: str, other: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = pair(name).report
    if other:  # the numbers of another run
        report = tmp_path / report.name
        shutil.copy(pair({"baseline.txt": "run.txt"}.get(name, name)).report, report)
        if name != "baseline.txt":
            report.write_text(
                report.read_text(encoding="utf-8").replace("7", "8"), encoding="utf-8"
            )
    assert reconcile(name, report) == (Exit.WANTING if other else Exit.OK)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_the_json_document_has_its_keys(tampered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile("short.tool.json", tampered, "--format", "json") == Exit.WANTING
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["schema"] == 1
    assert (document["tool"], document["form"]) == ("k6", "--summary-export")
    assert document["reconciled"] is False
    assert document["window"].keys() == {"from", "to", "how"}
    counts = document["figures"]
    assert counts.keys() == {"total", "equal", "explained", "unexplained", "with_ramp_up"}
    assert counts["total"] == len(document["findings"]) == 159
    assert all(finding.keys() == FINDING for finding in document["findings"])
    steps = [step for finding in document["findings"] for step in finding["causes"]]
    assert steps
    assert all(step.keys() == {"cause", "value", "size"} for step in steps)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("timeStamp,elapsed,label\n", "no report of a load tool that is known here. Known: k6's"),
        ("", "no report of a load tool"),
        ('{"Total": {"transaction": "Total", "sampleCount": 3}}', '"Total" has no errorCount'),
        ('{"metrics": {', "cannot be read"),
        ("---- Global Information ----\n", "is cut off"),
    ],
)
def test_what_is_no_report_is_exit_2_and_one_line(
    content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "given.txt"
    path.write_text(content)
    assert reconcile("short.tool.json", path) == Exit.INPUT
    streams = capsys.readouterr()
    assert said in streams.err
    assert streams.out == ""
    assert len(streams.err.splitlines()) == 1


def test_a_report_of_another_tool_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile("short.tool.json", pair("default.tool.json").report) == Exit.INPUT
    assert "of JMeter" in capsys.readouterr().err


def test_a_notebook_gets_the_same(tampered: Path) -> None:
    run = run_of(pair("short.tool.json").results)
    assert perfreport.reconcile(run, pair("short.tool.json").report).reconciled
    assert not perfreport.reconcile(run, tampered).reconciled


def test_control_characters_and_markup_of_a_report_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(pair("default.tool.json").report.read_text(encoding="utf-8"))
    document["\x1b[31mred[/bold]"] = document["Total"]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert reconcile("default.tool.json", path) == Exit.WANTING
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "red[/bold]" in out


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.OK
    assert "Only check, compare and reconcile use 3 and 4." in capsys.readouterr().out

"""The tools' own reports: told apart by content, read to the last figure, and never a crash."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from pathlib import Path

import pytest
from reconciling import PAIRS, pair

from perfreport.errors import InputError
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject, ToolReport
from perfreport.toolreports.read import parse_report, read_report

# One of each form.
FORMS = {
    "default.tool.json": ("JMeter", "statistics.json", 15 * 13),
    "gatling-3.4.2.stats.json.gz": ("Gatling", "stats.json", 11 * 38),
    "gatling-3.10.3.global_stats.json": ("Gatling", "global_stats.json", 38),
    "gatling-3.13.5.stats.js.gz": ("Gatling", "stats.js", None),
    "gatling-3.14.0.index.html.gz": ("Gatling", "index.html", None),
    "gatling-3.10.3.console.txt": ("Gatling", "console", 38),
    "gatling-3.13.5.console.txt": ("Gatling", "console", 38 - 6),
    "short.tool.json": ("k6", "--summary-export", None),
    "handle.tool.json": ("k6", "handleSummary", None),
    "k6-2.2.0-machine.tool.json": ("k6", "machine-readable summary", None),
    "k6-1.1.0-legacy.txt": ("k6", "console", None),
    "k6-2.2.0-full.txt": ("k6", "console", None),
}
every_form = pytest.mark.parametrize("name", FORMS)


@cache
def content(name: str) -> bytes:
    from perfreport.readers.source import Source

    with pair(name).report.open("rb") as stream:
        return b"".join(Source(stream, name).blocks())


def parsed(name: str) -> ToolReport:
    return parse_report(content(name), name)


def report_or_refusal(data: bytes) -> ToolReport | None:
    try:
        return parse_report(data, "x")
    except InputError:
        return None


@every_form
def test_a_report_is_known_by_its_content(name: str) -> None:
    tool, form, figures = FORMS[name]
    report = parsed(name)
    assert (report.tool, report.form) == (tool, form)
    assert figures in (None, len(report.figures))
    windows = content(name).replace(b"\n", b"\r\n")
    assert parse_report(b"\xef\xbb\xbf" + windows, name).figures == report.figures


@every_form
def test_a_report_that_was_cut_gives_no_other_figures(name: str) -> None:
    data = content(name)
    whole = set(parsed(name).figures)
    chosen = random.Random(name)
    places = {*range(60), *(chosen.randrange(len(data)) for _ in range(60))}
    for place in places:
        report = report_or_refusal(data[:place])
        if report is not None and report.form != "console":
            assert set(report.figures) <= whole


@every_form
def test_damage_is_never_a_crash(name: str) -> None:
    data = content(name)
    chosen = random.Random(name)
    for damage in (1, 1, 1, 1, 2, 3, 5, 10, 30, 100, 1000) * 4:
        changed = bytearray(data)
        for _ in range(damage):
            changed[chosen.randrange(len(data))] = chosen.randrange(256)
        report_or_refusal(bytes(changed))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"{",
        b'{"a": 1}',
        b"results\n1,2\n",
        b'{"Total": {"transaction": "Total", "sampleCount": 1}}',
        b'{"Total": {"transaction": "Total", "sampleCount": "many"}}',
        b'{"stats": {"numberOfRequests": 1}, "name": "x"}',
        b'{"numberOfRequests": {"total": true}}',
        b'{"metrics": {"http_reqs": 1}}',
        b'{"metrics": []}',
        b'{"results": {}}',
        b"<html>Gatling</html>",
        b"---- Global Information ------\n> request",
        b"var stats = { numberOfRequests",
        b'{"a":' * 5000,
        b'var stats = {"numberOfRequests":' + b"[" * 100_000,
        bytes(range(256)),
    ],
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    assert report_or_refusal(data) is None


def test_the_refusal_lists_what_is_known() -> None:
    with pytest.raises(InputError, match=r"no report .* Known: k6's summary .* JMeter.* Gatling's"):
        parse_report(b"timeStamp,elapsed,label\n1,2,x\n", "results.jtl")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_report(tmp_path / "nothing.json")
    with pytest.raises(InputError, match=r"a folder\. Give the file .* statistics\.json, .* index"):
        read_report(tmp_path)
    cut = tmp_path / "cut.gz"
    cut.write_bytes(pair("gatling-3.14.0.index.html.gz").report.read_bytes()[:4000])
    with pytest.raises(InputError, match="cut off or damaged"):
        read_report(cut)


def test_a_file_of_gatling_without_the_numbers_says_where_they_are() -> None:
    """Before 3.14 index.html has none, since then js/stats.js."""
    page = b"<!DOCTYPE html><html><title>Gatling Stats</title><table></table></html>"
    with pytest.raises(InputError, match=r"js/stats\.json or js/stats\.js: give one of these"):
        parse_report(page, "index.html")
    script = b"function openStatisticsTableModal () {\n  const a = document.body;\n}\n"
    with pytest.raises(InputError, match=r"writes them into index\.html\. Give that"):
        parse_report(script, "stats.js")


OF_2_3 = """{
    type: "GROUP",
name: "Global Information",
path: "",
stats: {
    "name": "Global Information",
    "numberOfRequests": {"total": "1", "ok": "1", "ko": "0"},
    STATISTICS
},
contents: {
"malipo-b6aca": {
        type: "REQUEST",
        name: "Malipo \\\\"Cu\\\\"",
path: "Malipo \\"Cu\\"",
stats: {
    "name": "Malipo "Cu"",
    "numberOfRequests": {"total": "1", "ok": "1", "ko": "0"},
    STATISTICS
}
    }
}
}""".replace(
    "STATISTICS",
    ",".join(
        f'"{key}": {{"total": "7", "ok": "7", "ko": "-"}}'
        for key in (
            "minResponseTime", "maxResponseTime", "meanResponseTime", "standardDeviation",
            "percentiles1", "percentiles2", "meanNumberOfRequestsPerSecond",
        )
    ),
)  # fmt: skip


@pytest.mark.parametrize("as_json", [False, True])
def test_a_quote_in_a_name_of_gatling_2_is_read_though_it_ends_the_text(as_json: bool) -> None:
    text = f"var stats = {OF_2_3}\n\nfunction fillStats(stat){{\n}}"
    if as_json:
        text = re.sub(
            r"^(\s*)(type|name|path|stats|contents)(?=:)", r'\1"\2"', OF_2_3, flags=re.MULTILINE
        )
    subjects = {figure.subject for figure in parse_report(text.encode(), "x").figures}
    assert subjects == {
        Subject(Kind.TOTAL, "Global Information"),
        Subject(Kind.REQUEST, 'Malipo "Cu"'),
    }


@pytest.mark.parametrize("each", PAIRS, ids=str)
def test_no_figure_is_told_with_two_values(each) -> None:
    """A scenario of k6 may be told twice: as a section, and as a submetric of the script."""
    told = {
        ((each.subject, each.statistic, each.outcome, each.q, each.low, each.high), each.value)
        for each in read_report(each.report).figures
    }
    assert len(told) == len({key for key, _ in told})


def test_a_rate_of_jmeter_that_is_no_number_is_left_out() -> None:
    document = json.loads(content("default.tool.json"))
    document["Total"]["throughput"] = "Infinity"
    report = parse_report(json.dumps(document).encode(), "x")
    assert len(report.figures) == 15 * 13 - 1


# --- k6's console ------------------------------------------------------------------------------


def row(text: str) -> dict[str, tuple[float, str, Rounding]]:
    """Value, unit and rounding of each statistic in a row of k6's summary."""
    report = parse_report(f"  █ TOTAL RESULTS \n\n    {text}\n".encode(), "x")
    return {
        (f"p{100 * each.q:g}" if each.q else each.statistic): (each.value, each.unit, each.rounding)
        for each in report.figures
    }


def down(step: float) -> Rounding:
    return Rounding("down", pytest.approx(step))


def test_times_are_in_milliseconds_and_cut_off() -> None:
    found = row(
        "x...: avg=1m12s min=629ns med=12.16µs max=1h2m3s p(90)=87.6ms p(99.9)=2.5s count=7"
    )
    assert found == {
        "mean": (72_000, "ms", down(1000)),
        "min": (pytest.approx(629e-6), "ms", down(1e-6)),
        "p50": (pytest.approx(0.01216), "ms", down(1e-5)),
        "max": (3_723_000, "ms", down(1000)),
        "p90": (87.6, "ms", down(0.01)),
        "p99.9": (2500, "ms", down(10)),
        "count": (7, "1", Rounding("nearest", 1e-6)),
    }


def test_bytes_are_in_units_of_a_thousand_and_rounded() -> None:
    assert row("data_sent...: 104 kB 3.9 kB/s") == {
        "sum": (104_000, "By", Rounding("nearest", pytest.approx(1100))),
        "rate": (3900, "By/s", Rounding("nearest", pytest.approx(100))),
    }


def test_a_rate_a_counter_and_a_gauge() -> None:
    whole = Rounding("exact")
    share = (0.9596, "1", Rounding("down", 0.0001))
    new = {"share": share, "nonzero": (238, "1", whole), "count": (248, "1", whole)}
    assert row("checks...: 95.96% 238 out of 248") == new
    assert row("checks...: 95.96% ✓ 238     ✗ 10") == new  # as older versions write it
    assert row("http_reqs...: 428    16.242626/s") == {
        "sum": (428, "1", Rounding("nearest", 1e-6)),
        "rate": (16.242626, "/s", Rounding("nearest", 1e-6)),
    }
    gauge = row("vus...: 1      min=1          max=3 ")
    assert {key: value for key, (value, _, _) in gauge.items()} == {"last": 1, "min": 1, "max": 3}


def test_sections_are_tags_and_checks_have_their_group() -> None:
    figures = parsed("k6-2.2.0-full.txt").figures
    subjects = {figure.subject for figure in figures}
    assert Subject(Kind.METRIC, "http_reqs") in subjects
    inner = (("scenario", "kenya_o2c"), ("group", "::Order to Cash::order"))
    assert Subject(Kind.METRIC, "http_reqs", tags=inner) in subjects
    assert Subject(Kind.CHECK, "order created", tags=inner) in subjects
    assert Subject(Kind.METRIC, "http_req_duration", tags=(("name", "etims"),)) in subjects
    legacy = {figure.subject for figure in parsed("k6-1.1.0-legacy.txt").figures}
    group = (("group", "::Order to Cash::order"),)
    assert Subject(Kind.CHECK, "order approved", tags=group) in legacy


def test_groups_of_a_single_scenario_are_sections_of_their_own() -> None:
    page = """
  █ TOTAL RESULTS

    http_reqs...: 4    1/s

  █ GROUP: outer

    http_reqs...: 3    1/s

    ↳ GROUP: inner

      http_reqs...: 2    1/s

  █ GROUP: █ GROUP: odd

    http_reqs...: 1    1/s
"""
    sums = {
        each.value: dict(each.subject.tags)
        for each in parse_report(page.encode(), "x").figures
        if each.statistic == "sum"
    }
    assert sums == {
        4: {},
        3: {"group": "::outer"},
        2: {"group": "::outer::inner"},
        1: {"group": "::█ GROUP: odd"},
    }


def test_a_name_of_a_check_may_have_several_lines() -> None:
    page = """
  █ TOTAL RESULTS

    ✗ x, "y"
z
      ↳  99% — ✓ 241 / ✗ 2
    ✓ a
  b
c
    ✓ always

    http_reqs...: 4    1/s
"""
    checks = {
        (each.subject.name, each.outcome): each.value
        for each in parse_report(page.encode(), "x").figures
        if each.subject.kind == Kind.CHECK
    }
    assert checks == {
        ('x, "y"\nz', "ok"): 241,
        ('x, "y"\nz', "failed"): 2,
        ("a\n  b\nc", "failed"): 0,
        ("always", "failed"): 0,
    }


@pytest.mark.parametrize(
    "name", [name for name, (_, form, _) in FORMS.items() if form == "console"]
)
def test_colours_of_a_terminal_change_nothing(name: str) -> None:
    """As `script` and logs of CI keep them, with their line ends."""
    lines = content(name).decode().split("\n")
    coloured = "\x1b[0K\r\r\n".join(
        re.sub(r"([✓✗] .*|\d[\d.]*(?:µs|ms|s|%)?)", "\x1b[2;36m\\1\x1b[0m", line) for line in lines
    )
    assert coloured.count("\x1b") > 100
    assert parse_report(coloured.encode(), name).figures == parsed(name).figures


def test_thresholds_are_no_checks() -> None:
    checks: list[Figure] = [
        figure
        for name in ("k6-1.1.0-legacy.txt", "k6-2.2.0-full.txt")
        for figure in parsed(name).figures
        if figure.subject.kind == Kind.CHECK
    ]
    assert checks
    assert not [each for each in checks if "<" in each.subject.name or ">" in each.subject.name]

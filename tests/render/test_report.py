"""The report says what the evidence says, whatever the evidence is, and the same every time."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import fields, replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import evidence
import pytest

from perfreport.judge.evidence import Readiness, RunEvidence
from perfreport.judge.findings import Check, Status, Verdict
from perfreport.render import build_endpoints
from perfreport.render.build import build_report
from perfreport.render.build_finding import headline_of
from perfreport.render.html import css_string, render_report
from perfreport.tables import EndpointBin, EndpointRow, TimelineRow

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '"onmouseover="alert(1)',
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "‮reversed⁦",
    "\x00\x07\x1b[31m\r\nSet-Cookie: a",
    "n" * 500,
    "&lt;b&gt; & 'single' \"double\" `back` \\3c",
    "]]><!--",
    "",
]


class Page(HTMLParser):
    """What a browser would make of the page: elements with their attributes, ids, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [str(a["id"]) for _, a in self.elements if "id" in a]


@pytest.fixture(scope="module")
def usual() -> str:
    return render_report(evidence.readiness())


def test_the_same_evidence_gives_the_same_bytes(usual: str) -> None:
    assert render_report(evidence.readiness()) == usual


def test_the_first_screen_tells_the_verdict_and_why(usual: str) -> None:
    page = Page(usual)
    assert "Not ready: ChiroERP 2026.2, production readiness" in page.text
    assert "Why not: 2 of 14 requirements fail" in page.text
    told = [
        "POST /api/v1/finance/invoices/generate: p95 2310.0, limit < 2000.0.",
        "circuit_breaker: max unknown, limit < 1.0.",
        "KRA eTIMS (P95): 2310.0, limit < 2000.0.",
    ]
    reasons = evidence.check().reasons
    assert re.findall("<strong>(.*?)</strong>\n<small>", usual)[: len(told)] == [
        html.escape(headline) for headline in told
    ]
    for reason in reasons:
        assert reason.removesuffix(".").partition("; ")[2] in usual


def test_a_reason_says_its_test_and_leads_to_its_figure() -> None:
    first = build_report(evidence.readiness()).masthead.why[0]
    assert first.detail == "Kenya O2C load, run o2c-load, n = 241268."
    assert first.link is not None
    assert first.link.text == "See the endpoints"


@pytest.mark.parametrize(
    ("why", "headline"),
    [
        ("Error rate 9.5 %, limit < 1 %", "Error rate 9.5 %, limit < 1 %"),
        ("Slope 1.0 %/h, limit <= 0.50 %/h", "Error Rate: slope 1.0 %/h, limit ≤ 0.50 %/h"),
        ("165 requests with status >= 500", "Error Rate: 165 requests with status ≥ 500"),
        ("P95 20 ms, limit < 22 ms", "Error Rate: P95 20 ms, limit < 22 ms"),
    ],
)
def test_a_headline_says_no_word_twice(why: str, headline: str) -> None:
    finding = evidence.objective("x", "p95", 1.0, 1.0, Status.FAIL, target="Error Rate")
    assert headline_of(finding, why) == headline


@pytest.mark.parametrize(
    ("days", "told"),
    [(0, "23 Nov 2026"), (1, "23 to 24 Nov 2026"), (10, "23 Nov 2026 to 3 Dec 2026")],
)
def test_the_days_of_the_runs_are_told_shortly(days: int, told: str) -> None:
    run = evidence.load_run()
    whole = replace(run.whole, end=run.whole.start + timedelta(days=days, seconds=1))
    usual = evidence.readiness()
    kicker = build_report(replace(usual, runs=(replace(run, whole=whole),))).masthead.kicker
    assert kicker[-1] == f"{told}, all times UTC"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_report_without_any_run_or_objective_is_whole(verdict: Verdict) -> None:
    page = Page(render_report(evidence.empty(verdict)))
    assert page.all("h1")
    assert "requirements" in page.ids
    assert "audit" in page.ids


def test_each_status_has_its_word_its_shape_and_its_hue(usual: str) -> None:
    for css, shape, word in [
        ("fail", "i-fail", "Fail"),
        ("risk", "i-risk", "At risk"),
        ("nodata", "i-few", "Too few"),
        ("nodata", "i-nodata", "No data"),
        ("none", "i-none", "Not tested"),
        ("none", "i-sign", "To sign"),
        ("pass", "i-pass", "Pass"),
    ]:
        icon = f'<svg class="icon" aria-hidden="true"><use href="#{shape}"/></svg>'
        assert f'<span class="status {css}">{icon}{word}</span>' in usual


def test_requirements_stand_worst_first() -> None:
    groups = build_report(evidence.readiness()).requirements.groups
    words = [group.badge.word for group in groups]
    assert words == ["Fail", "At risk", "Too few", "No data", "Not tested", "To sign", "Pass"]


def test_every_link_leads_somewhere_and_ids_are_unique(usual: str) -> None:
    page = Page(usual)
    assert len(page.ids) == len(set(page.ids))
    for link in page.all("a"):
        assert str(link["href"]).removeprefix("#") in page.ids


def test_the_benchmark_table_has_every_target_and_scenario() -> None:
    table = build_report(evidence.readiness()).benchmarks
    assert table is not None
    assert [column.name for column in table.columns] == ["Kenya O2C", "Kenya P2P", "Tanzania O2C"]
    cells = {
        (row.name, c.name): cell
        for row in table.rows
        for c, cell in zip(table.columns, row.cells, strict=True)
    }
    assert cells["KRA eTIMS (P95)", "Kenya O2C"].value == "2.31 s"
    assert cells["KRA eTIMS (P95)", "Kenya O2C"].remark == "fail, 16 % over"
    assert cells["API Response (P95)", "Tanzania O2C"].value == "Not tested"
    assert cells["API Response (P95)", "Kenya P2P"].badge is None


def test_a_percentile_of_the_timeline_is_that_of_its_bin() -> None:
    run = evidence.load_run()
    figure = build_report(evidence.readiness()).runs[0].timeline
    assert figure is not None
    times = next(track for track in figure.tracks if track.title == "Response time")
    row = run.timeline[100]
    assert figure.bin_times[100] == "50:00"
    assert times.reads[100] == f"{row.p50_ms:.0f} ms · {row.p95_ms:.0f} ms · {row.p99_ms:.0f} ms"


def test_the_judged_window_is_drawn_where_it_is() -> None:
    figure = build_report(evidence.readiness()).runs[0].timeline
    assert figure is not None
    assert float(figure.window_x) == pytest.approx(1000 * 930 / 5400, abs=0.05)
    assert float(figure.window_width) == pytest.approx(1000 * (4770 - 930) / 5400, abs=0.1)


def test_the_endpoint_table_shows_the_whole_run_beside_the_window() -> None:
    table = build_report(evidence.readiness()).runs[0].endpoints
    assert table is not None
    row = next(row for row in table.rows if row.name == "etims")
    assert (row.count, row.whole_count) == ("241,268", "300,680")
    assert row.badge is not None
    assert row.badge.word == "Fail"


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("GET /orders/{id}", "https://erp.example:8443/orders/4711", "/orders/4711"),
        ("GET /orders/{id}", "/orders/4711", "/orders/4711"),
        ("GET /orders/{id}", "http://[half/orders/4711", "/orders/4711"),
        ("GET /orders/{id}", None, ""),
        ("create_order", "https://erp.example/orders", ""),
    ],
)
def test_a_name_with_a_placeholder_comes_with_an_example(
    name: str, url: str | None, shown: str
) -> None:
    run = evidence.load_run()
    info = run.info.model_copy(update={"examples": {name: url} if url else {}})
    table = build_endpoints.endpoints(
        replace(run, info=info, endpoints=(hollow_endpoint(name),)), "run", {}
    )
    assert table is not None
    assert [row.example for row in table.rows] == [shown]


def test_rows_beside_the_point_are_folded_and_none_is_lost() -> None:
    extra = tuple(replace(hollow_endpoint(f"part-{n}"), kind="subrequest") for n in range(5))
    run = evidence.load_run()
    table = build_report(evidence.with_run(run, endpoints=(*run.endpoints, *extra))).runs[0]
    assert table.endpoints is not None
    assert [row.name for row in table.endpoints.more] == [row.name for row in extra]
    assert table.endpoints.more_label == "Five further endpoints: 5 subrequests"


def test_the_slowest_endpoint_is_a_request_and_no_group_of_them() -> None:
    usual, run = evidence.readiness(), evidence.load_run()
    group = replace(run.endpoints[0], name="order to cash", kind="transaction", p95_ms=9000.0)
    unasked = replace(usual.check, objectives=())
    page = build_report(
        replace(usual, check=unasked, runs=(replace(run, endpoints=(*run.endpoints, group)),))
    )
    assert page.runs[0].endpoints is not None
    assert page.runs[0].endpoints.title == "etims is the slowest: P95 2.31 s"


def test_rare_failures_are_folded_and_messages_lose_their_ornaments() -> None:
    said = "Test failed: expected / ****** received  : [[[503]]] ****** comparison: [[[200]]] /"
    kinds = tuple(evidence.failure(f"e{n}", 503, said, 100 - n) for n in range(8))
    bare = evidence.failure("bare", 502, "1502", 200)
    table = build_report(evidence.with_run(evidence.load_run(), errors=(bare, *kinds))).runs[0]
    assert table.failures is not None
    rows = (*table.failures.rows, *table.failures.rare)
    assert [row.name for row in rows] == ["bare", *(f"e{n}" for n in range(8))]
    assert rows[0].message == ""
    assert rows[1].message == "Test failed: expected received : 503 comparison: 200"
    assert table.failures.rare_label == "Four rarer kinds of failure, 378 requests"


def test_what_is_the_limit_of_a_series_gets_no_track_of_its_own() -> None:
    heap = evidence.PACK.series[0].model_copy(update={"capacity": "heap_max"})
    pack = evidence.PACK.model_copy(update={"series": (heap, *evidence.PACK.series[1:])})
    run = evidence.load_run()
    most = tuple(replace(point, name="heap_max", value=2.0**32) for point in run.series)
    usual = replace(evidence.readiness(), pack=pack, runs=(run,))
    shown = [
        build_report(replace(usual, runs=(replace(run, series=s),)))
        for s in (run.series, (*run.series, *most))
    ]
    before, after = ([track.title for track in page.runs[0].timeline.tracks] for page in shown)
    assert before == after


def test_the_comparison_has_a_mark_for_each_relative_change() -> None:
    table = build_report(evidence.readiness()).runs[0].compared
    assert table is not None
    assert [row.badge.word for row in table.rows][:3] == ["Regressed", "Regressed", "Improved"]
    every = (*table.rows, *table.more)
    assert len(every) == len(evidence.comparison().comparisons)
    assert [row.statistic for row in every if row.mark is None] == ["Failed"]
    assert {row.statistic for row in table.rows} == {"P95, ms", "P50, ms"}
    assert table.more_label == "Two further rows: 1 unchanged, 1 reported"
    assert table.rows[0].change == "+26.2 %"
    assert table.rows[0].interval == "[+21.0, +31.0]"


def test_the_soak_table_has_the_guides_hours() -> None:
    table = build_report(evidence.readiness()).runs[1].soak
    assert table is not None
    assert (table.first, table.middle, table.last) == ("Hour 1", "Hour 12", "Hour 24")
    assert table.title == "8.3 After 24 h JVM heap still grows"
    assert table.rows[0].to_limit == "54 h to 4.0 GiB [49, 61]"
    assert (table.rows[0].slope, table.rows[0].slope_interval) == ("+41.0 MiB/h", "[+36.9, +45.1]")


def test_provenance_names_each_source_with_its_hash_and_what_was_rejected(usual: str) -> None:
    sources = build_report(evidence.readiness()).provenance.sources
    assert [(row.name, row.rows, row.rejected) for row in sources] == [
        ("gen1.json.gz", "1,279,806", "0"),
        ("gen2.json.gz", "1,279,112", "3, cut off"),
    ]
    assert "ab" * 32 in usual
    assert "gen2.json.gz, line 84,211: cut off inside a record" in usual


def test_the_policy_allows_this_script_alone_and_no_request(usual: str) -> None:
    page = Page(usual)
    policy = next(
        str(m["content"])
        for m in page.all("meta")
        if "content" in m and "default-src" in str(m["content"])
    )
    assert policy.startswith("default-src 'none';")
    script = re.search(r"<script>(.*?)</script>", usual, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|src=|@import|url\(", usual)


@pytest.mark.parametrize("name", HOSTILE, ids=[f"hostile-{n}" for n in range(len(HOSTILE))])
def test_nothing_from_input_becomes_markup_or_script(name: str, usual: str) -> None:
    text = render_report(poisoned(evidence.readiness(), name))
    expected, page = Page(usual), Page(text)
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in expected.elements}
    assert len(page.all("script")) == len(expected.all("script"))
    assert len(page.all("style")) == 1
    for tag, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on")], tag
        assert str(attributes.get("href") or "#").startswith("#")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("text", HOSTILE, ids=[f"hostile-{n}" for n in range(len(HOSTILE))])
def test_a_css_string_cannot_be_left(text: str) -> None:
    assert re.fullmatch(r'"([a-zA-Z0-9 .,]|\\[0-9a-f]{1,6} )*"', css_string(text))


NOTHING = dict.fromkeys((f.name for f in fields(TimelineRow)), None)


def hollow_endpoint(name: str, count: int = 0, errors: int = 0) -> EndpointRow:
    values = dict.fromkeys((f.name for f in fields(EndpointRow)), None)
    return EndpointRow(
        **values | {"count": count, "errors": errors, "kind": "request", "name": name}
    )


ODD_RUNS = {
    "no request at all": {
        "total": evidence.nothing(),
        "total_all": evidence.nothing(),
        "endpoints": (),
        "endpoints_all": (),
        "timeline": (),
        "endpoint_bins": (),
        "errors": (),
        "checks": (),
        "comparison": None,
    },
    "nothing but its name": {
        "total": evidence.nothing(),
        "total_all": evidence.nothing(),
        "endpoints": (),
        "endpoints_all": (),
        "timeline": (),
        "endpoint_bins": (),
        "errors": (),
        "checks": (),
        "comparison": None,
        "series": (),
    },
    "all failed": {"total": evidence.total(500, 500)},
    "one endpoint": {
        "endpoints": evidence.load_run().endpoints[:1],
        "endpoints_all": evidence.load_run().endpoints_all[:1],
    },
    "200 endpoints": {
        "endpoints": tuple(
            evidence.endpoint(f"GET /api/{n}", 0.005, 100.0 + n, 0, 1_000_000) for n in range(200)
        )
    },
    "endpoints without a figure": {
        "endpoints": tuple(hollow_endpoint(f"e{n}") for n in range(3)),
        "endpoints_all": (),
    },
    "not a number anywhere": {
        "timeline": tuple(
            TimelineRow(n * 30.0, float("nan"), 3, 0, float("nan"), float("nan"), float("inf"))
            for n in range(9)
        ),
        "endpoint_bins": tuple(
            EndpointBin("etims", n * 30.0, 3, 0, float("nan")) for n in range(9)
        ),
    },
    "unknown everywhere": {
        "timeline": tuple(TimelineRow(n * 30.0, None, 0, 0, None, None, None) for n in range(9)),
        "endpoint_bins": tuple(EndpointBin("etims", n * 30.0, 0, 0, None) for n in range(9)),
    },
    "one bin": {"timeline": evidence.load_run().timeline[:1]},
    "no time passed": {
        "whole": evidence.window(0, 0, "all"),
        "window": evidence.window(0, 0, "all"),
    },
    "an empty window": {"window": evidence.window(60, 60, "given")},
    "a bin below a second": {"bin_s": 0.25},
}


@pytest.mark.parametrize("case", ODD_RUNS)
def test_any_run_gives_a_whole_page(case: str) -> None:
    text = render_report(evidence.with_run(evidence.load_run(), **ODD_RUNS[case]))
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    for word in ("nan", "inf", "None"):
        shown = [
            t
            for t in page.text
            if re.search(rf"(?<![\w-]){word}(?![\w-])", t)
            and "limit" not in t
            and "use strict" not in t
        ]
        assert shown == [], shown
    assert not re.search(r'(?: d|style|x|y|width|height)="[^"]*(?:nan|inf|None)', text)


def test_ten_runs_of_one_name_keep_their_anchors_apart() -> None:
    page = Page(render_report(replace(evidence.readiness(), runs=(evidence.load_run(),) * 10)))
    assert len(page.ids) == len(set(page.ids))


def test_findings_of_every_status_without_any_number_are_shown() -> None:
    objectives = tuple(
        evidence.objective(f"s{n}", "p95", None, None, status, samples=None)
        for n, status in enumerate(Status)
    )
    check = Check(Verdict.UNDECIDED, (), objectives)
    page = Page(render_report(Readiness(evidence.PACK, check, ())))
    assert len([i for i in page.ids if i.startswith("r-")]) == len(Status)


def test_partials_are_short() -> None:
    for partial in (Path(__file__).parents[2] / "templates").glob("*.j2"):
        assert len(partial.read_text().splitlines()) < 80, partial.name


def poisoned(readiness: Readiness, name: str) -> Readiness:
    """The evidence with `name` wherever a text can come from input."""
    pack = readiness.pack.model_copy(
        update={
            "system": name,
            "targets": tuple(
                t.model_copy(update={"metric": name, "target": name})
                for t in readiness.pack.targets
            ),
            "scenarios": tuple(
                s.model_copy(update={"title": name}) for s in readiness.pack.scenarios
            ),
            "series": tuple(s.model_copy(update={"title": name}) for s in readiness.pack.series),
        }
    )
    check = Check(
        readiness.check.verdict,
        (name,) * 3,
        tuple(
            replace(
                o,
                id=name,
                subject=name,
                why=name,
                scenario=name,
                target=o.target and name,
                run=o.run and name,
            )
            for o in readiness.check.objectives
        ),
        tuple(replace(a, id=name, run=name, why=name) for a in readiness.check.audit),
    )
    return Readiness(pack, check, tuple(poisoned_run(run, name) for run in readiness.runs))


def poisoned_run(run: RunEvidence, name: str) -> RunEvidence:
    info = run.info.model_copy(
        update={
            "system": name,
            "release": name,
            "scenario": name,
            "environment": name,
            "tool": name,
            "tool_version": name,
            "labels": {name: name},
            "sources": [
                s.model_copy(
                    update={
                        "name": name,
                        "format": name,
                        "sha256": name,
                        "rejections": [r.model_copy(update={"why": name}) for r in s.rejections],
                    }
                )
                for s in run.info.sources
            ],
        }
    )
    comparison = run.comparison and replace(
        run.comparison,
        why=name,
        comparable=tuple(replace(d, why=name) for d in run.comparison.comparable),
        comparisons=tuple(
            replace(c, name=name, statistic=name, why=name) for c in run.comparison.comparisons
        ),
    )
    return replace(
        run,
        name=name,
        info=info,
        window=replace(run.window, how=name),
        endpoints=tuple(replace(row, name=name, kind=name, group=name) for row in run.endpoints),
        endpoints_all=tuple(replace(row, name=name, kind=name) for row in run.endpoints_all),
        checks=tuple(replace(row, name=name) for row in run.checks),
        endpoint_bins=tuple(replace(row, name=name) for row in run.endpoint_bins),
        errors=tuple(replace(row, name=name, error=name) for row in run.errors),
        series=tuple(replace(p, name=name, labels={name: name}, unit=name) for p in run.series),
        trends=tuple(
            replace(t, name=name, labels={name: name}, unit=name, why=name) for t in run.trends
        ),
        baseline=run.baseline and name,
        comparison=comparison,
    )


STORIES = {
    "it held": (
        [100.0, 104, 98, 101, 99, 103],
        "P95 held near 101 ms, never above 104 ms in the judged window",
    ),
    "it rose": (
        [100.0, 101, 102, 120, 140, 141],
        "P95 rose from 101 ms to 141 ms within the judged window",
    ),
    "it fell": (
        [140.0, 141, 120, 102, 101, 100],
        "P95 fell from 141 ms to 101 ms within the judged window",
    ),
    "one peak": (
        [100.0, 101, 99, 300, 100, 98],
        "P95 held near 100 ms but peaked at 300 ms after 17:00",
    ),
    "a slow spell": (
        [100.0, 101, 99, 100, 220, 230, 225, 100, 98, 101, 99, 100],
        "P95 stood near 225 ms from 17:30 to 19:00, else near 100 ms",
    ),
}


@pytest.mark.parametrize("case", STORIES)
def test_the_title_of_the_timeline_tells_what_p95_did(case: str) -> None:
    levels, told = STORIES[case]
    rows = tuple(
        TimelineRow(930 + n * 30.0, 10.0, 600, 0, level / 2, level, level * 2)
        for n, level in enumerate(levels)
    )
    figure = build_report(evidence.with_run(evidence.load_run(), timeline=rows)).runs[0].timeline
    assert figure is not None
    assert figure.title == f"{told}; 735 requests failed"

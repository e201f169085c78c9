"""Evidence to the model of the page: each section by its own module."""

from __future__ import annotations

from collections.abc import Callable

from perfreport import __version__
from perfreport.judge.evidence import Readiness
from perfreport.judge.findings import ObjectiveFinding
from perfreport.render.build_benchmarks import benchmarks
from perfreport.render.build_finding import scenario_title, untested
from perfreport.render.build_masthead import masthead, subject
from perfreport.render.build_provenance import provenance
from perfreport.render.build_requirements import requirements, row_ids
from perfreport.render.build_run import run_section
from perfreport.render.build_text import VERDICT_BADGES, anchor, capital, plain, unique
from perfreport.render.model import Benchmarks, Link, Report, RunSection
from perfreport.run.schema import SCHEMA_VERSION

_RUNS_IN_NAVIGATION = 6


def build_report(readiness: Readiness) -> Report:
    """All that the page shows; the same evidence gives the same model."""
    check = readiness.check
    ids = unique(anchor("run", run.name) for run in readiness.runs)
    names = _short_names(readiness)
    sections = tuple(
        run_section(run, readiness.pack, check.objectives, section, name)
        for run, section, name in zip(readiness.runs, ids, names, strict=True)
    )
    table = benchmarks(readiness)
    evidence_of = _evidence(readiness, sections, table)
    verdict, about = VERDICT_BADGES[check.verdict].word, subject(readiness)
    return Report(
        title=f"{verdict}: {about}, production readiness",
        subject=about,
        navigation=_navigation(table, sections),
        masthead=masthead(readiness, row_ids(check.objectives), evidence_of),
        requirements=requirements(readiness, evidence_of),
        benchmarks=table,
        runs=sections,
        provenance=provenance(readiness),
        print_foot=f"{about} · {verdict}",
        foot=f"perfreport {__version__}, schema {SCHEMA_VERSION}. Same input, same bytes.",
    )


def _short_names(readiness: Readiness) -> list[str]:
    """What the navigation calls each run: its test, or its own name where two made that test."""
    tests = [
        " ".join(
            filter(None, [scenario_title(readiness.pack, run.info.scenario), run.info.test_type])
        )
        for run in readiness.runs
    ]
    return [
        capital(plain(test if test and tests.count(test) == 1 else run.name, 24))
        for run, test in zip(readiness.runs, tests, strict=True)
    ]


def _navigation(table: Benchmarks | None, sections: tuple[RunSection, ...]) -> tuple[Link, ...]:
    links = [Link("#requirements", "Requirements")]
    if table:
        links.append(Link("#benchmarks", "Benchmarks"))
    if len(sections) <= _RUNS_IN_NAVIGATION:
        links += [Link(f"#{section.id}", section.nav) for section in sections]
    else:
        links.append(Link(f"#{sections[0].id}", f"{len(sections)} runs"))
    return (*links, Link("#audit", "Audit"))


def _evidence(
    readiness: Readiness, sections: tuple[RunSection, ...], table: Benchmarks | None
) -> Callable[[ObjectiveFinding], str]:
    """A function from a finding to the anchor of the figure that shows it; empty if none does."""
    by_run = dict(zip((run.name for run in readiness.runs), sections, strict=True))

    def evidence_of(finding: ObjectiveFinding) -> str:
        section = by_run.get(finding.run or "")
        if section is None or untested(finding):
            return "#benchmarks" if table and finding.target else ""
        return _figure(section, finding)

    return evidence_of


def _figure(section: RunSection, finding: ObjectiveFinding) -> str:
    if section.soak and finding.statistic == "slope":
        return f"#{section.id}_soak"
    if section.failures and finding.statistic in ("error_rate", "count"):
        return f"#{section.id}_failures"
    if section.checks and finding.statistic == "checks":
        return f"#{section.id}_checks"
    if section.endpoints and section.endpoints.rows:
        names = {row.name: row.id for row in (*section.endpoints.rows, *section.endpoints.more)}
        if row := names.get(plain(finding.subject)):
            return f"#{row}"
        if finding.unit == "ms" and finding.statistic.startswith("p"):
            return f"#{section.id}_endpoints"
    return f"#{section.timeline.id}" if section.timeline else f"#{section.id}"

"""All that a template of the report may see: frozen, and every text ready to be placed.

Numbers appear here only as geometry (percent of a plot, units of a view box), never to be read.
Text that came from input is a plain `str`: the templates escape it.
"""

from __future__ import annotations

from dataclasses import dataclass

from perfreport.render.figures.margin_bar import MarginBar
from perfreport.render.figures.sparkline import Sparkline
from perfreport.render.figures.squares import Squares
from perfreport.render.figures.strip import Strip
from perfreport.render.figures.timeline import Timeline
from perfreport.render.model_comparison import Compared
from perfreport.render.model_parts import Badge as Badge
from perfreport.render.model_parts import Fact as Fact


@dataclass(frozen=True)
class Link:
    """A place in this page."""

    href: str
    text: str


@dataclass(frozen=True)
class Tally:
    """How many objectives have one status, as squares and as a number."""

    badge: Badge
    count: str
    squares: Squares


@dataclass(frozen=True)
class Reason:
    """One sentence of the verdict, with what it rests on."""

    text: str
    detail: str
    link: Link | None


@dataclass(frozen=True)
class Masthead:
    """The first screen above the table: verdict, why, and whether the test can be trusted."""

    kicker: tuple[str, ...]
    verdict: Badge
    tallies: tuple[Tally, ...]
    tallies_label: str
    why_label: str
    why: tuple[Reason, ...]
    why_more: str
    trust_label: Badge
    trust: tuple[str, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Requirement:
    """One objective, judged."""

    id: str
    name: Link
    remark: str
    title: str  # the whole sentence of the finding
    test: str
    run: str  # where several runs were made of the test
    samples: str
    measured: str
    limit: str
    bar: MarginBar | None
    margin: str
    baseline: str
    change: str
    interval: str


@dataclass(frozen=True)
class RequirementGroup:
    """The objectives of one status."""

    badge: Badge
    rows: tuple[Requirement, ...]


@dataclass(frozen=True)
class Requirements:
    """The requirement table, worst first."""

    caption: str
    baseline: str  # heading of the baseline's column; empty where there is none
    groups: tuple[RequirementGroup, ...]
    untested: tuple[str, ...]  # what a collapsed row stands for
    notes: tuple[str, ...]


@dataclass(frozen=True)
class BenchmarkCell:
    """A target in a scenario; without a badge the pair does not exist in the pack."""

    badge: Badge | None
    value: str
    remark: str
    bar: MarginBar | None


@dataclass(frozen=True)
class BenchmarkColumn:
    name: str
    test: str


@dataclass(frozen=True)
class BenchmarkRow:
    name: str
    target: str
    cells: tuple[BenchmarkCell, ...]


@dataclass(frozen=True)
class Benchmarks:
    """The table of the guide's section 8.1: targets by scenarios."""

    title: str
    columns: tuple[BenchmarkColumn, ...]
    rows: tuple[BenchmarkRow, ...]


@dataclass(frozen=True)
class Endpoint:
    """A request or transaction in the judged window, the whole run beside it; times in ms."""

    id: str
    badge: Badge | None
    name: str
    kind: str
    remark: str
    example: str  # a path of one of its requests, where the name has a placeholder
    count: str
    rate: str
    failed: str
    p50: str
    p95: str
    p99: str
    longest: str
    limit: str
    whole_count: str
    whole_p95: str
    spark: Sparkline | None


@dataclass(frozen=True)
class Endpoints:
    """The table of requests, worst first; `more` is folded away."""

    title: str
    sub: str
    spark_heading: str
    judged: bool  # any row with a limit
    rows: tuple[Endpoint, ...]
    more: tuple[Endpoint, ...]
    more_label: str


@dataclass(frozen=True)
class Failure:
    """One kind of failure of one request."""

    what: str
    message: str
    name: str
    count: str
    share: str
    first: str
    last: str
    spark: Sparkline | None


@dataclass(frozen=True)
class Failures:
    """What failed in the judged window."""

    title: str
    sub: str
    spark_heading: str
    rows: tuple[Failure, ...]
    rare: tuple[Failure, ...]  # folded away
    rare_label: str
    more: str


@dataclass(frozen=True)
class ScriptCheck:
    """A named check of the load script."""

    badge: Badge
    name: str
    passes: str
    fails: str
    share: str


@dataclass(frozen=True)
class ScriptChecks:
    title: str
    rows: tuple[ScriptCheck, ...]


@dataclass(frozen=True)
class SoakRow:
    """One series over a soak."""

    name: str
    labels: str
    first: str
    middle: str
    last: str
    slope: str
    slope_interval: str
    to_limit: str
    badge: Badge
    why: str
    spark: Sparkline | None


@dataclass(frozen=True)
class Soak:
    """The table of the guide's section 8.3: what grew."""

    title: str
    sub: str
    first: str
    middle: str
    last: str
    spark_heading: str
    rows: tuple[SoakRow, ...]
    more: tuple[SoakRow, ...]
    more_label: str


@dataclass(frozen=True)
class RunSection:
    """All figures of one run."""

    id: str
    nav: str
    title: str
    statuses: tuple[Badge, ...]  # how many of its objectives have which status, worst first
    sub: str
    timeline: Timeline | None
    strip: Strip | None
    endpoints: Endpoints | None
    failures: Failures | None
    checks: ScriptChecks | None
    compared: Compared | None
    soak: Soak | None


@dataclass(frozen=True)
class Audit:
    """A doubt about a test."""

    badge: Badge
    id: str
    run: str
    why: str


@dataclass(frozen=True)
class SourceRow:
    """One input file or server."""

    run: str
    name: str
    format: str
    rows: str
    rejected: str
    rejections: tuple[str, ...]
    size: str
    sha256: str


@dataclass(frozen=True)
class Definition:
    term: str
    text: str


@dataclass(frozen=True)
class Provenance:
    """Where the numbers came from and how they were made."""

    audit_title: str
    audit: tuple[Audit, ...]
    sources_title: str
    sources: tuple[SourceRow, ...]
    rejections: tuple[str, ...]
    method: tuple[Definition, ...]
    definitions: tuple[Definition, ...]


@dataclass(frozen=True)
class Report:
    """The whole page."""

    title: str
    subject: str  # system and release
    navigation: tuple[Link, ...]
    masthead: Masthead
    requirements: Requirements
    benchmarks: Benchmarks | None
    runs: tuple[RunSection, ...]
    provenance: Provenance
    print_foot: str
    foot: str

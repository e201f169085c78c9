"""Audit, sources and method: where the numbers came from, and how far they can be trusted."""

from __future__ import annotations

from collections import Counter

from perfreport import units
from perfreport.judge.evidence import Readiness, RunEvidence
from perfreport.judge.findings import AuditFinding, Severity
from perfreport.render.build_text import (
    SENTENCE_LENGTH,
    SEVERITY_BADGES,
    capital,
    count,
    counted,
    plain,
)
from perfreport.render.build_timeline import HOW
from perfreport.render.model import Audit, Definition, Provenance, SourceRow
from perfreport.run.info import RunInfo, SourceInfo

# What each tool's response time covers (docs of the tools; the same words as in docs/formats).
_RESPONSE_TIME = {
    "k6": "k6 http_req_duration: sending, waiting, receiving; without DNS, connect and TLS",
    "JMeter": "JMeter elapsed: from just before the request to the last byte, DNS, connect and TLS included",
    "Gatling": "Gatling end minus start: DNS, connect and TLS included",
}
# Of a tool that only its reader knows.
_CONNECTING = {
    "with_connect": "DNS, connect and TLS included",
    "without_connect": "without DNS, connect and TLS",
}


def provenance(readiness: Readiness) -> Provenance:
    """The last section."""
    audit = readiness.check.audit
    return Provenance(
        audit_title=_audit_title(audit),
        audit=_audit(audit),
        sources_title=_sources_title(readiness.runs),
        sources=tuple(
            _source(run, source) for run in readiness.runs for source in run.info.sources
        ),
        rejections=tuple(
            f"{plain(source.name, 60)}, {plain(rejection.text(source.places), 180)}"
            for run in readiness.runs
            for source in run.info.sources
            for rejection in source.rejections
        ),
        method=_method(readiness),
        definitions=_definitions(),
    )


def response_time(info: RunInfo) -> str:
    """What the response time of a run covers, or nothing where that is not known."""
    tool = info.tool or ""
    known = [_RESPONSE_TIME[name] for name in tool.split(" + ") if name in _RESPONSE_TIME]
    if known or info.response_time not in _CONNECTING:
        return "; ".join(known)
    return f"{plain(tool, 40)}: {_CONNECTING[info.response_time]}"


def _audit_title(audit: tuple[AuditFinding, ...]) -> str:
    counts = Counter(each.severity for each in audit)
    warnings = counted(counts[Severity.WARNING], "warning")
    if counts[Severity.INVALID]:
        broken = counted(counts[Severity.INVALID], "finding")
        return f"The test decides nothing: {broken} {'voids' if counts[Severity.INVALID] == 1 else 'void'} it"
    if counts[Severity.WARNING]:
        verb = "limits" if counts[Severity.WARNING] == 1 else "limit"
        return f"The test is valid: nothing found that voids it, {warnings} {verb} what it says"
    return "The test is valid: nothing found that voids or limits it"


def _audit(audit: tuple[AuditFinding, ...]) -> tuple[Audit, ...]:
    order = [Severity.INVALID, Severity.WARNING, Severity.INFO]
    ranked = sorted(
        audit, key=lambda each: (order.index(each.severity), each.id, each.run, each.why)
    )
    return tuple(
        Audit(
            SEVERITY_BADGES[each.severity],
            plain(each.id, 60),
            plain(each.run, 60),
            capital(plain(each.why, SENTENCE_LENGTH)),
        )
        for each in ranked
    )


def _sources_title(runs: tuple[RunEvidence, ...]) -> str:
    sources = [source for run in runs for source in run.info.sources]
    rejected = sum(source.rejected for source in sources)
    cut = sum(source.truncated for source in sources)
    parts = [
        capital(counted(len(sources), "source")),
        f"{count(rejected) if rejected else 'no'} records rejected",
    ]
    if cut:
        parts.append(f"{cut} cut off at the end")
    return ", ".join(parts)


def _source(run: RunEvidence, source: SourceInfo) -> SourceRow:
    rejected = count(source.rejected) + (", cut off" if source.truncated else "")
    return SourceRow(
        run=plain(run.name, 60),
        name=plain(source.name, 100),
        format=plain(source.format, 40),
        rows=count(source.rows),
        rejected=rejected,
        rejections=tuple(plain(each.why, 100) for each in source.rejections),
        size="–" if source.size is None else units.data(source.size),
        sha256=plain(source.sha256, 64) or "not a file",
    )


def _method(readiness: Readiness) -> tuple[Definition, ...]:
    compare = readiness.pack.compare
    texts = [
        Definition(
            "Percentiles",
            "exact over all samples of the judged window, linear between order statistics (type 7), never averaged. "
            "Failed requests count.",
        ),
        Definition(
            "Intervals", "95 %, from batches of time, since requests of one moment are alike."
        ),
        Definition("Judged window", _windows(readiness.runs)),
    ]
    for words in sorted({response_time(run.info) for run in readiness.runs} - {""}):
        texts.append(Definition("Response time", words + "."))
    if any(run.comparison for run in readiness.runs):
        texts.append(
            Definition(
                "Comparison",
                f"a row regressed if it is slower by at least {units.percent(compare.min_effect)} and that is "
                f"significant at level {units.percent(compare.alpha)} or below, with the variation between runs "
                "counted in; unchanged if its 90 % interval lies within "
                f"±{units.percent(compare.margin)}; else inconclusive.",
            )
        )
    if any(run.trends for run in readiness.runs):
        texts.append(
            Definition(
                "Soak trends",
                "Theil-Sen slope of window floors or medians after warm-up, with an interval that allows for "
                "autocorrelation; growing only where the later half still grows.",
            )
        )
    return tuple(texts)


def _windows(runs: tuple[RunEvidence, ...]) -> str:
    if not runs:
        return "steady users after the ramp and half its length."
    ways = sorted({HOW.get(run.window.how, plain(run.window.how, 40)) for run in runs})
    return f"steady load, without ramps and warm-up; {'; '.join(ways)}. Half-open, UTC."


def _definitions() -> tuple[Definition, ...]:
    return (
        Definition("P95", "95 of 100 requests were at least this fast."),
        Definition("Margin", "what is left of the limit, as a share of it."),
        Definition("n", "number of requests behind a figure."),
        Definition("Failed", "the tool said so, or no answer came."),
        Definition(
            "At risk",
            "passes, but with less than 10 % left, or with an interval that covers the limit.",
        ),
        Definition(
            "Too few",
            "fewer than ten requests above the percentile, or fewer than three failures expected at the limit.",
        ),
    )

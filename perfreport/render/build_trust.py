"""Whether the test can be trusted: the audit in a few words, and the facts beside it."""

from __future__ import annotations

from collections import Counter

from perfreport import units
from perfreport.judge.evidence import Readiness
from perfreport.judge.findings import (
    AuditFinding,
    Severity,
)
from perfreport.render.build_text import (
    SENTENCE_LENGTH,
    SEVERITY_BADGES,
    capital,
    count,
    counted,
    listed,
    plain,
)
from perfreport.render.figures.scale import finite
from perfreport.render.model import Badge, Fact


def trust_label(audit: tuple[AuditFinding, ...]) -> Badge:
    """The answer in one line, by the gravest finding."""
    counts = Counter(each.severity for each in audit)
    if counts[Severity.INVALID]:
        word = f"No: {counted(counts[Severity.INVALID], 'finding')} {_makes(counts)} it invalid."
        return Badge("fail", "i-fail", word)
    if counts[Severity.WARNING]:
        return Badge("risk", "i-risk", f"Yes, with {counted(counts[Severity.WARNING], 'warning')}.")
    return Badge("pass", "i-pass", "Yes: nothing was found that limits it.")


def _makes(counts: Counter[Severity]) -> str:
    return "makes" if counts[Severity.INVALID] == 1 else "make"


def trust(audit: tuple[AuditFinding, ...], runs: int) -> tuple[str, ...]:
    """The gravest doubts, two kinds at most: the rest stands in the audit."""
    order = list(SEVERITY_BADGES)
    kinds: dict[tuple[int, str], list[AuditFinding]] = {}
    for each in sorted(audit, key=lambda each: (order.index(each.severity), each.id, each.run)):
        if each.severity is not Severity.INFO:
            kinds.setdefault((order.index(each.severity), each.id), []).append(each)
    return tuple(_doubt(alike, runs) for alike in list(kinds.values())[:2])


def _doubt(alike: list[AuditFinding], runs: int) -> str:
    """The first of its kind in full; where it was found again, the other runs by name."""
    first = alike[0]
    if runs == 1:
        return _sentence(capital(first.why))
    others = dict.fromkeys(plain(each.run, 40) for each in alike if each.run != first.run)
    again = f"; likewise in {listed(others)}" if others else ""
    return _sentence(f"In {plain(first.run, 40)}, {plain(first.why, SENTENCE_LENGTH)}{again}")


def _sentence(text: str) -> str:
    shown = plain(text, SENTENCE_LENGTH)
    return shown if shown.endswith((".", "…", "?", "!")) else f"{shown}."


def facts(readiness: Readiness) -> tuple[Fact, ...]:
    """What was judged, in six numbers."""
    runs = readiness.runs
    users = max(finite(bin.users for run in runs for bin in run.timeline), default=0)
    sources = [source for run in runs for source in run.info.sources]
    requests = sum(run.total.count for run in runs)
    failed = sum(run.total.errors for run in runs)
    facts = [
        Fact("runs handed in", count(len(runs))),
        Fact(
            "judged, in all" if len(runs) != 1 else "judged window",
            units.span(sum(run.window.seconds for run in runs)),
        ),
        Fact("requests judged", count(requests)),
        Fact("users, most", count(users) if users else "not recorded"),
        Fact("requests failed", units.percent(failed / requests) if requests else "–"),
        Fact("records rejected", count(sum(source.rejected for source in sources))),
    ]
    return tuple(facts)

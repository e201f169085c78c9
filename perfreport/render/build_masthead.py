"""The first screen: the verdict, why it is so, and whether the test can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from perfreport.judge.evidence import Readiness, RunEvidence
from perfreport.judge.findings import (
    Check,
    ObjectiveFinding,
    Status,
    Verdict,
)
from perfreport.render.build_finding import headline_of, parted, test_name, untested
from perfreport.render.build_text import (
    NOT_TESTED,
    SENTENCE_LENGTH,
    STATUS_BADGES,
    TALLY_WORDS,
    VERDICT_BADGES,
    capital,
    count,
    counted,
    listed,
    plain,
)
from perfreport.render.build_trust import facts, trust, trust_label
from perfreport.render.figures.squares import squares
from perfreport.render.model import Badge, Link, Masthead, Reason, Tally

RowIds = Mapping[tuple[str | None, str], str]
Evidence = Callable[[ObjectiveFinding], str]

_REASONS_SHOWN = 5
_LINKS = {  # by the end of the anchor
    "_failures": "See the failures",
    "_soak": "See the growth",
    "_checks": "See the checks",
    "_e_": "See the endpoint",
    "_endpoints": "See the endpoints",
    "_time": "See the timeline",
}


def masthead(readiness: Readiness, row_ids: RowIds, evidence_of: Evidence) -> Masthead:
    """The masthead; `row_ids` are the anchors of the requirement rows by `id` of the finding.

    `evidence_of` gives the anchor of the figure that a finding rests on.
    """
    check = readiness.check
    sentences = check.reasons[:_REASONS_SHOWN]
    hidden = len(check.reasons) - len(sentences)
    return Masthead(
        kicker=_kicker(readiness),
        verdict=VERDICT_BADGES[check.verdict],
        tallies=_tallies(check),
        tallies_label=f"{counted(len(check.objectives), 'requirement')} by status",
        why_label=_why_label(check),
        why=tuple(_reason(sentence, readiness, row_ids, evidence_of) for sentence in sentences),
        why_more=_more(hidden),
        trust_label=trust_label(check.audit),
        trust=trust(check.audit, len(readiness.runs)),
        facts=facts(readiness),
    )


def subject(readiness: Readiness) -> str:
    """System and release under review."""
    systems = [readiness.pack.system, *(run.info.system for run in readiness.runs)]
    system = next((plain(name, 60) for name in systems if name), "System under test")
    return " ".join([system, *_distinct(run.info.release for run in readiness.runs)][:2])


def _kicker(readiness: Readiness) -> tuple[str, ...]:
    environments = _distinct(run.info.environment for run in readiness.runs)
    return tuple(
        filter(
            None,
            [
                "Production readiness review",
                subject(readiness),
                listed(environments),
                _dates(readiness.runs),
            ],
        )
    )


def _distinct(texts: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(plain(text, 60) for text in texts if text))


def _dates(runs: tuple[RunEvidence, ...]) -> str:
    days = sorted({moment.date() for run in runs for moment in (run.whole.start, run.whole.end)})
    if not days:
        return ""
    first, last = days[0], days[-1]
    if first == last:
        return f"{_day(last)}, all times UTC"
    same_month = (first.year, first.month) == (last.year, last.month)
    return f"{first.day if same_month else _day(first)} to {_day(last)}, all times UTC"


def _day(day: date) -> str:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{day.day} {months[day.month - 1]} {day.year}"


def _tallies(check: Check) -> tuple[Tally, ...]:
    counts = Counter(None if untested(each) else each.status for each in check.objectives)
    order: list[Status | None] = [
        Status.FAIL,
        Status.AT_RISK,
        Status.TOO_FEW,
        Status.NO_DATA,
        None,
        Status.MANUAL,
        Status.PASS,
    ]
    return tuple(_tally(status, counts[status]) for status in order if counts[status])


def _tally(status: Status | None, number: int) -> Tally:
    badge = NOT_TESTED if status is None else STATUS_BADGES[status]
    word = "not tested" if status is None else TALLY_WORDS[status]
    return Tally(
        badge=Badge(badge.css, badge.icon, word),
        count=count(number),
        squares=squares(number, hollow=status in (None, Status.MANUAL)),
    )


def _why_label(check: Check) -> str:
    total = len(check.objectives)
    failed = sum(each.status is Status.FAIL for each in check.objectives)
    match check.verdict:
        case Verdict.NOT_READY:
            return f"Why not: {failed} of {counted(total, 'requirement')} {_verb(failed, 'fail')}"
        case Verdict.UNDECIDED:
            return "Why undecided"
        case Verdict.CONDITIONS:
            return "On which conditions"
        case _:
            return f"Why: {counted(total, 'requirement')}, none broken"


def _verb(number: int, verb: str) -> str:
    return f"{verb}s" if number == 1 else verb


def _more(hidden: int) -> str:
    if not hidden:
        return ""
    points = counted(hidden, "further point")
    return f"And {points} to settle, in the table below and in the audit."


def _reason(sentence: str, readiness: Readiness, row_ids: RowIds, evidence_of: Evidence) -> Reason:
    """What was found; where, and what it rests on, stands in smaller type."""
    of = next((each for each in readiness.check.objectives if _told_by(sentence, each)), None)
    if of is None:
        return Reason(plain(sentence, SENTENCE_LENGTH), "", None)
    headline, ground = parted(of.why)
    place = [test_name(readiness.pack, of), f"run {plain(of.run, 40)}" if of.run else ""]
    return Reason(
        text=f"{headline_of(of, headline)}.",
        detail=f"{capital(', '.join(filter(None, [*place, plain(ground, SENTENCE_LENGTH)])))}.",
        link=_link(evidence_of(of), row_ids.get((of.run, of.id))),
    )


def _link(evidence: str, row: str | None) -> Link | None:
    """To the figure that shows it, else to its row in the table."""
    named = next((text for mark, text in _LINKS.items() if mark in evidence), None)
    if named:
        return Link(evidence, named)
    return Link(f"#{row}", "See the requirement") if row else None


def _told_by(sentence: str, finding: ObjectiveFinding) -> bool:
    return bool(finding.why) and f"{finding.name}: {finding.why}" in sentence

"""Words about one finding: what is required, how far it is from its limit, what changed."""

from __future__ import annotations

import re

from perfreport import units
from perfreport.judge.findings import Change, ObjectiveFinding, Status
from perfreport.render.build_text import (
    SENTENCE_LENGTH,
    STATISTIC_WORDS,
    limit_text,
    plain,
    points_text,
    signed,
)
from perfreport.render.figures.margin_bar import used_share
from perfreport.sla.model import Pack

_GROUND = ("; n = ", "; 95 % interval ")  # where a finding's sentence turns to what it rests on


def untested(finding: ObjectiveFinding) -> bool:
    """True where the pack asks for a run that was not handed in."""
    return finding.run is None and finding.status is Status.NO_DATA


def parted(sentence: str) -> tuple[str, str]:
    """A finding's sentence as what was found, and what that rests on."""
    for mark in _GROUND:
        headline, found, ground = sentence.partition(mark)
        if found:
            return headline, mark.removeprefix("; ") + ground
    return sentence, ""


def headline_of(finding: ObjectiveFinding, said: str) -> str:
    """What was found, under the name of what is required, and no word of it twice.

    `said` is the finding's own sentence: `Error rate 49.9 %, limit < 1 %`.
    """
    name, said = plain(finding.target or finding.name), signed(plain(said, SENTENCE_LENGTH))
    if said.lower().startswith(name.lower()):
        return said
    word = STATISTIC_WORDS.get(finding.statistic, "")
    if word and word in name and said.lower().startswith(word.lower()):
        said = said[len(word) :].lstrip()
    return f"{name}: {_uncapital(said)}"


def _uncapital(text: str) -> str:
    """The text with its first letter small, but for a word such as `P95`."""
    return text if re.match(r"\w[A-Z0-9]", text) else text[:1].lower() + text[1:]


def requirement_name(finding: ObjectiveFinding) -> str:
    """What is required, in a few words: `create_order, P95`, `Error Rate`, or the criterion."""
    if finding.title and not finding.target:
        return plain(finding.title)
    subject = plain(finding.target or finding.subject)
    word = STATISTIC_WORDS.get(finding.statistic, "")
    told = word.lower() in subject.lower() or (finding.target and not word.startswith("P"))
    return subject if told else f"{subject}, {word}"


def requirement_remark(finding: ObjectiveFinding) -> str:
    """What the name leaves open: what a count counts, and that an objective is optional."""
    counts = finding.statistic == "count" and finding.run is not None
    said = plain(finding.why.partition(", limit")[0], 100) if counts else ""
    counted = signed(re.sub(r"^[\d,]+ ", "", said))  # the number stands under Measured
    return ", ".join(filter(None, [counted, "" if finding.required else "optional"]))


def limit_of(finding: ObjectiveFinding) -> str:
    """`< 500 ms`."""
    return limit_text(finding.operator, finding.limit, finding.unit)


def margin_text(finding: ObjectiveFinding) -> str:
    """How far the value is from its limit: `15 % over`, `4.2 × limit`, `28 % left`."""
    if finding.status in (Status.NO_DATA, Status.MANUAL):
        return "not judged"
    if finding.status is Status.TOO_FEW:
        return "too few to say"
    share = used_share(finding.operator, finding.observed, finding.limit)
    if share is None:
        return ""
    if finding.limit == 0:
        return "none" if finding.observed == 0 else "none allowed"
    return _floor(share) if finding.operator.startswith(">") else _ceiling(share)


def _ceiling(share: float) -> str:
    if share >= 2:
        return f"{units.number(share, 2)} × limit"
    return f"{_percent(share - 1)} over" if share > 1 else f"{_percent(1 - share)} left"


def _floor(share: float) -> str:
    """`share` is required over measured; people read measured over required."""
    if share > 1:
        return f"{_percent(1 - 1 / share)} short"
    if share == 1:
        return "met exactly"
    if share == 0:
        return "nothing required"
    more = 1 / share
    return f"{units.number(more, 2)} × required" if more >= 2 else f"{_percent(more - 1)} more"


def _percent(share: float) -> str:
    return f"{units.number(share * 100, 2)} %"


def test_name(pack: Pack, finding: ObjectiveFinding) -> str:
    """Which test the objective belongs to: `Kenya O2C load`."""
    scenario = scenario_title(pack, finding.scenario)
    return " ".join(filter(None, [scenario, plain(finding.test_type, 20)]))


def scenario_title(pack: Pack, name: str | None) -> str:
    """What people call a scenario."""
    found = pack.scenario(name) if name else None
    return plain((found.title if found else None) or name, 40)


def change_text(change: Change) -> str:
    """`+14.5 %`, or percentage points for an error rate."""
    if change.change is None:
        return ""
    if change.statistic == "error_rate":
        return points_text(change.change)
    return units.signed_percent(change.change)


def interval_text(change: Change) -> str:
    """The interval of a change: `[+5.9, +17.4]`."""
    if change.ci_low is None or change.ci_high is None:
        return ""
    write = points_text if change.statistic == "error_rate" else units.signed_percent
    low, high = (
        write(bound).removesuffix(" %").removesuffix(" pp")
        for bound in (change.ci_low, change.ci_high)
    )
    return f"[{low}, {high}]"

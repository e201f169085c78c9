"""Which earlier runs may stand beside a baseline: the same test, not cut off by a change for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from perfreport import units
from perfreport.errors import nearest
from perfreport.judge.comparable import listed
from perfreport.judge.findings import Earlier
from perfreport.judge.history import load_text, newest, same_load, tested_as
from perfreport.judge.record import PIN, RunRecord
from perfreport.judge.shifts import Shift, shifts, statistic_word
from perfreport.sla.settings import CompareSettings

_TEST = ("system", "scenario", "test type", "environment", "tool")


@dataclass(frozen=True)
class Offered:
    """A run that may be history; `named` by its own name, not found in a folder."""

    record: RunRecord
    named: bool


def lineage(
    run: RunRecord, baseline: RunRecord, offered: Sequence[Offered], settings: CompareSettings
) -> tuple[Earlier, ...]:
    """For each run that is offered as history of a baseline, whether it is used, and why not.

    Used are runs of the same test at the same load, between the changes for good next to the
    baseline: a mean over both sides of a change is the state of no release. Of what is in a folder,
    earlier runs only; who names a later run means it.
    """
    whys = list(_unlike(run, baseline, offered, settings))
    alike = [each.record for each, why in zip(offered, whys, strict=True) if not why]
    cut = _cut_off(baseline, alike, settings)
    whys = [why or cut.get(id(each.record), "") for each, why in zip(offered, whys, strict=True)]
    return tuple(
        Earlier(each.record.name, used=not why, why=why or "the same test")
        for each, why in zip(offered, whys, strict=True)
    )


def _unlike(
    run: RunRecord, baseline: RunRecord, offered: Iterable[Offered], settings: CompareSettings
) -> Iterator[str]:
    seen: dict[object, RunRecord] = {}
    for each in offered:
        record = each.record
        first = seen.setdefault(record.identity, record)
        if record.identity == run.identity:
            yield "it is the run itself"
        elif record.identity == baseline.identity:
            yield "it is the baseline itself"
        elif first is not record:
            yield f"the same run as {first.name}"
        elif record.started > run.started and not each.named:
            yield "it is not earlier than the run"
        else:
            yield unlike(record, baseline) or _too_short(record, settings)


def _too_short(record: RunRecord, settings: CompareSettings) -> str:
    seconds = (record.end - record.start).total_seconds()
    if seconds >= settings.min_steady:
        return ""
    return f"{units.span(seconds)} of steady load, {units.span(settings.min_steady)} are needed"


def unlike(record: RunRecord, other: RunRecord) -> str:
    """What makes two runs different tests, or an empty string."""
    if not record.requests:
        return "no request of it is judged"
    for what, mine, theirs in zip(_TEST, tested_as(record), tested_as(other), strict=True):
        if mine != theirs:
            return f"another {what}: {mine or 'none'} against {theirs or 'none'}"
    if not same_load(record, other):
        return f"another load: {load_text(record)} against {load_text(other)}"
    return ""


def _cut_off(
    baseline: RunRecord, alike: Sequence[RunRecord], settings: CompareSettings
) -> dict[int, str]:
    """By the id of a record, the change that lies between it and the baseline."""
    runs = sorted([baseline, *alike], key=lambda record: (record.started, record.name))
    found, _ = shifts(runs, settings, settings.gate)
    home = runs.index(baseline)
    cut: dict[int, str] = {}
    for shift in found:  # the nearest change of those on one side is told
        if shift.at <= home:
            cut |= {id(record): f"before {_told(shift)}" for record in runs[: shift.at]}
        else:
            cut = {id(record): f"after {_told(shift)}" for record in runs[shift.at :]} | cut
    return cut


def _told(shift: Shift) -> str:
    changes = [f"{change.name} {statistic_word(change.statistic)}" for change in shift.changes]
    at = f"{shift.release} ({shift.run})" if shift.release else shift.run
    return f"the change of {listed(changes)} at {at}"


def picked(run: RunRecord, found: Sequence[RunRecord]) -> RunRecord | None:
    """The newest earlier run of the same test: the baseline where a folder of runs is given."""
    return newest(
        record
        for record in found
        if record.started <= run.started
        and record.identity != run.identity
        and not unlike(record, run)
    )


def pinned(run: RunRecord, found: Sequence[RunRecord], tag: str) -> RunRecord | None:
    """The newest run of the same scenario and test type that carries the tag."""
    test = run.scenario, run.test_type
    return newest(
        record
        for record in found
        if record.tag == tag
        and (record.scenario, record.test_type) == test
        and record.identity != run.identity
    )


def no_such_tag(tag: str, found: Sequence[RunRecord]) -> str:
    """What to say where no run carries a tag: those that there are."""
    tags = sorted({record.tag for record in found if record.tag})
    if not tags:
        return (
            f'no run is pinned as "{tag}", nor as anything else. '
            f"Pin one: perfreport ingest ... --label {PIN}={tag}"
        )
    return f'no run is pinned as "{tag}". There are: {", ".join(tags)}.{nearest(tag, tags)}'

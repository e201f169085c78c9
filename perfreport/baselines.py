"""Which runs a run is compared with: its baseline in a folder of runs, and the history beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfreport.errors import RunError
from perfreport.judge.findings import Earlier
from perfreport.judge.lineage import Offered, lineage, no_such_tag, picked, pinned
from perfreport.library import (
    Recorded,
    Skipped,
    is_folder_of_runs,
    is_pattern,
    measured,
    open_library,
    record_of,
)
from perfreport.profile import Profile, open_profile
from perfreport.sla.model import Pack
from perfreport.sla.settings import CompareSettings


@dataclass(frozen=True)
class Choice:
    """The run of a folder that was chosen as the baseline, and the others, which may be history.

    A file that could not be read stands among them, so that it is told.
    """

    baseline: Path
    others: tuple[Recorded | Skipped, ...]


def choose_baseline(
    folder: Path, run: Profile, pack: Pack | None = None, tag: str | None = None
) -> Choice:
    """The run of a folder that a run is held against.

    tag  the newest run of the same scenario and test type that is labelled baseline=TAG, alone;
         without one the newest earlier run of the same test, and all others are its history

    Raises RunError where the folder has no such run.
    """
    if not is_folder_of_runs(folder):
        raise RunError(f"{folder}: not a folder of runs, in which --baseline-tag could be found.")
    found = open_library([folder], pack)
    mine = measured(run, pack)
    chosen = picked(mine, found.records) if tag is None else pinned(mine, found.records, tag)
    if chosen is None and tag is not None:
        raise RunError(f"{folder}: {no_such_tag(tag, found.records)}")
    if chosen is None:
        raise RunError(
            f"{folder}: none of its {len(found.runs)} runs is an earlier one of the same test as "
            f"{run.name} (system, scenario, test type, environment, tool, load). Name a baseline."
        )
    baseline = next(each.path for each in found.runs if each.record is chosen)
    others = (each for each in found.runs if each.path != baseline)
    return Choice(baseline, (*others, *found.skipped) if tag is None else ())


def history_of(
    run: Profile,
    baseline: Profile,
    given: Sequence[Profile | Recorded | Skipped | str | Path],
    pack: Pack | None = None,
) -> tuple[tuple[Earlier, ...], list[Profile]]:
    """What is said of each run that is offered as history, and the profiles of those that are used.

    given  profiles, runs by their paths, folders or patterns of them, and what was found there
    """
    settings = pack.compare if pack else CompareSettings()
    found = [offer for each in given for offer in _offers(each, pack)]
    offers = [offer for offer in found if isinstance(offer, _Offer)]
    told = lineage(
        measured(run, pack), measured(baseline, pack), [offer.offered for offer in offers], settings
    )
    used = [offer.profile for offer, said in zip(offers, told, strict=True) if said.used]
    skipped = (
        Earlier(offer.path.name, used=False, why=offer.why)
        for offer in found
        if isinstance(offer, Skipped)
    )
    return (*told, *skipped), used


@dataclass(frozen=True)
class _Offer:
    offered: Offered
    source: Profile | Path

    @property
    def profile(self) -> Profile:
        return self.source if isinstance(self.source, Profile) else open_profile(self.source)


def _offers(
    given: Profile | Recorded | Skipped | str | Path, pack: Pack | None
) -> Iterator[_Offer | Skipped]:
    if isinstance(given, Profile):
        yield _Offer(Offered(measured(given, pack), named=True), given)
    elif isinstance(given, Recorded):
        yield _in_folder(given)
    elif isinstance(given, Skipped):
        yield given
    elif is_folder_of_runs(Path(given)) or is_pattern(given):
        library = open_library([given], pack)
        yield from (_in_folder(each) for each in library.runs)
        yield from library.skipped
    else:
        yield _Offer(Offered(record_of(Path(given), pack), named=True), Path(given))


def _in_folder(found: Recorded) -> _Offer:
    return _Offer(Offered(found.record, named=False), found.path)

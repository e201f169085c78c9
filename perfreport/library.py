"""A folder of runs is the database: finds its runs, and keeps an index of their figures.

The index is a folder `.perfreport` beside the runs with a small file for each: its record, and the
size and time of the run file that it was measured from. A run that is new or changed is measured
again; a file of the index that cannot be read counts as absent, so that deleting any loses nothing.
"""

from __future__ import annotations

import glob
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from perfreport import __version__
from perfreport.errors import InputError, RunError
from perfreport.judge.record import RunRecord, run_record
from perfreport.profile import Profile, open_profile
from perfreport.run.info import TestType
from perfreport.run.writer import whole_file
from perfreport.sla.model import Pack
from perfreport.stats.sketch import within

INDEX = ".perfreport"
_VERSION = 1  # of the index: a record of another one is measured again
_PART = re.compile(r"part-\d+\.parquet")  # as ingest names the parts of a run that is a folder
# As pytest does it: backup programs and git leave the folder alone.
_CACHEDIR_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# The index of perfreport: figures of the runs beside it. It may be deleted at any time.\n"
)


@dataclass(frozen=True)
class Skipped:
    """A file of a folder that is not a run, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class Recorded:
    """A run, and its record under a name that no other has."""

    path: Path
    record: RunRecord


@dataclass(frozen=True)
class Library:
    """The runs that were found, in order of time, and what was skipped on the way."""

    runs: tuple[Recorded, ...]
    skipped: tuple[Skipped, ...]

    @property
    def records(self) -> list[RunRecord]:
        return [run.record for run in self.runs]


def open_library(
    given: Sequence[str | Path],
    pack: Pack | None = None,
    keep_index: bool = True,
    on_measured: Callable[[Path], None] | None = None,
) -> Library:
    """The records of the runs, condensed runs, globs and folders of them that are given.

    pack         its stages decide what is steady
    keep_index   write what had to be measured into the index beside the runs
    on_measured  called for each run once it is known

    Raises InputError where nothing is found, and RunError for a run that is given by its own name
    and is none; a file in a folder that is none is skipped.
    """
    recorded: list[Recorded] = []
    skipped: list[Skipped] = []
    for path, in_folder in _found(given):
        try:
            recorded.append(Recorded(path, record_of(path, pack, keep_index)))
        except RunError as error:
            if not in_folder:
                raise
            skipped.append(Skipped(path, str(error).removeprefix(f"{path}: ")))
        if on_measured:
            on_measured(path)
    if not recorded:
        raise InputError(_nothing(given, skipped))
    runs = sorted(_named_apart(recorded), key=lambda run: (run.record.started, run.record.name))
    return Library(tuple(runs), tuple(skipped))


def is_folder_of_runs(path: Path) -> bool:
    """Whether `path` is a folder whose Parquet files are runs each, not the parts of one.

    The parts of one run are called part-0001.parquet and so on, as `ingest` names them.
    """
    if not path.is_dir():
        return False
    return not _is_run_of_parts(path)


def is_pattern(given: str | Path) -> bool:
    """Whether a path that does not exist is a pattern of those that do."""
    return glob.has_magic(str(given)) and not Path(given).exists()


def _is_run_of_parts(folder: Path) -> bool:
    names = [entry.name for entry in _entries(folder) if entry.suffix == ".parquet"]
    return bool(names) and all(map(_PART.fullmatch, names))


def _found(given: Sequence[str | Path]) -> list[tuple[Path, bool]]:
    """Every run once, and whether it was only found in a folder; a pattern means its matches."""
    found: dict[Path, tuple[Path, bool]] = {}
    for text in map(str, given):
        path = Path(text)
        if is_pattern(text):
            # Path.glob refuses absolute patterns.
            matches = sorted(map(Path, glob.glob(text, recursive=True)))  # noqa: PTH207
            if not matches:
                raise InputError(f"{text}: no run matches this pattern.")
        else:
            matches = [path]
        for match in matches:
            for run, in_folder in _runs_of(match):
                found.setdefault(run.absolute(), (run, in_folder))
    return list(found.values())


def _runs_of(path: Path) -> Iterator[tuple[Path, bool]]:
    """The run at `path`, or those of the folder: its Parquet files, and folders of parts in it."""
    if not is_folder_of_runs(path):
        yield path, False
        return
    for entry in _entries(path):
        if entry.is_dir():
            if _is_run_of_parts(entry):
                yield entry, True
        elif entry.suffix == ".parquet":
            yield entry, True


def _entries(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _nothing(given: Sequence[str | Path], skipped: Sequence[Skipped]) -> str:
    where = ", ".join(map(str, given))
    if skipped:
        return f"{where}: no run among {len(skipped)} files. The first, {skipped[0].path.name}: {skipped[0].why}"
    return f"{where}: a folder without runs. Make one: perfreport ingest INPUT -o {given[0]}/RUN.parquet"


def _named_apart(recorded: Sequence[Recorded]) -> Iterator[Recorded]:
    """Runs of one file name in several folders are told apart by as much of the path as it takes."""
    names = {run.path: run.record.name for run in recorded}
    for depth in range(1, 1 + max(len(run.path.absolute().parts) for run in recorded)):
        counts = Counter(names.values())
        shared = {path for path, name in names.items() if counts[name] > 1}
        if not shared:
            break
        for path in shared:
            names[path] = "/".join(path.absolute().parts[-1 - depth :]).removesuffix(".parquet")
    for run in recorded:
        yield replace(run, record=replace(run.record, name=names[run.path]))


def record_of(path: Path, pack: Pack | None = None, keep_index: bool = False) -> RunRecord:
    """The record of one run: from the index beside it, or measured."""
    stamps = _stamps(path)
    entry = _read_entry(path)
    if entry is not None and entry.stamps == stamps and entry.stages == _stages(entry.record, pack):
        return entry.record
    record = measured(open_profile(path), pack)
    if keep_index:
        _write_entry(path, _Entry(_versions(), path.name, stamps, _stages(record, pack), record))
    return record


def measured(profile: Profile, pack: Pack | None = None) -> RunRecord:
    """The record of a profile over its judged window."""
    side = profile.side(profile.judged_window(pack))
    return run_record(
        side.name,
        side.info,
        side.start,
        side.window,
        within(side.sketches, side.start, side.window),
        side.endpoints if side.exact else None,
        side.users,
    )


_TEST_TYPES = (None, *(kind.value for kind in TestType))
Stages = tuple[tuple[float, float, float], ...]


def _stages(record: RunRecord, pack: Pack | None) -> Stages:
    """What of a pack decides the judged window of a run."""
    if pack is None:
        return ()
    test_type = TestType(record.test_type) if record.test_type else None
    return tuple(pack.window_stages(record.scenario, test_type))


class _Stamp(msgspec.Struct, frozen=True):
    """One file of a run: an index entry holds as long as these do."""

    name: str
    size: int
    mtime_ns: int


class _Entry(msgspec.Struct, frozen=True):
    """One run in the index."""

    versions: tuple[int, str]
    file: str
    stamps: tuple[_Stamp, ...]
    stages: Stages
    record: RunRecord


def _versions() -> tuple[int, str]:
    """Another perfreport may measure otherwise."""
    return _VERSION, __version__


def _stamps(path: Path) -> tuple[_Stamp, ...]:
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not all(part.exists() for part in parts):
        raise RunError(f"{path}: no such run. Make one: perfreport ingest INPUT -o {path}")
    found = ((part.name, part.stat()) for part in parts)
    return tuple(_Stamp(name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


def _entry_file(path: Path) -> Path:
    """Names of runs may be as long as a name can be, and differ in case only: hence a digest."""
    name = path.absolute().name
    return path.absolute().parent / INDEX / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _read_entry(path: Path) -> _Entry | None:
    try:
        entry = msgspec.json.decode(_entry_file(path).read_bytes(), type=_Entry)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        return None
    ours = entry.versions == _versions() and entry.file == path.name
    return entry if ours and entry.record.test_type in _TEST_TYPES else None


def _write_entry(path: Path, entry: _Entry) -> None:
    """Whole or not at all; a folder that cannot be written has no index."""
    file = _entry_file(path)
    with suppress(OSError, RunError):
        if not file.parent.is_dir():
            file.parent.mkdir(exist_ok=True)  # another process may be as far
            (file.parent / "CACHEDIR.TAG").write_text(_CACHEDIR_TAG, encoding="utf-8")
            (file.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        with whole_file(file) as part:
            part.write_bytes(msgspec.json.encode(entry))

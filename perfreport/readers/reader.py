"""What a reader is, and how the right one is found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc

from perfreport.errors import InputError, PerfReportError, PluginError, nearest
from perfreport.readers.foreign import advice, packed
from perfreport.readers.source import Source
from perfreport.run.schema import KINDS, SCHEMA

ENTRY_POINTS = "perfreport.readers"  # the group in which other packages offer readers


@dataclass(frozen=True)
class Reader:
    """One input format.

    name   as in `--format`
    sniff  does a file that starts with these bytes (decompressed, up to 64 KiB) have this format?
    read   the rows of a source as record batches of `run.schema.SCHEMA`, in input order; what it
           learns of the run besides goes to `source.facts`, what it cannot read to `source.skip`
    """

    name: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Source], Iterator[pa.RecordBatch]]


class UnknownFormat(InputError):
    """No reader claims the input: it is empty, or of a format that nobody knows.

    broken  what readers of other packages died of, one of which might have known it
    """

    def __init__(self, name: str, head: bytes, broken: Sequence[str] = ()) -> None:
        foreign = packed(head) or advice(head)
        empty = not head.strip()
        self.why = foreign or ("the file is empty" if empty else "no reader knows this format")
        self.name = name
        if foreign:
            super().__init__(f"{name}: {foreign}")
        elif empty:
            super().__init__(f"{name}: {self.why}. Give the file that the load tool wrote.")
        else:
            super().__init__(
                f"{name}: {self.why} (it starts with {head[:24]!r}). Known: {', '.join(readers())}. "
                + " ".join(["Choose one with --format.", *broken])
            )


def readers() -> dict[str, Reader]:
    """Every reader by name: perfreport's own, then those of other packages."""
    return built_in() | plugins().readers


def reader_for(source: Source, forced: str | None = None) -> Reader:
    """The reader named by `--format`, else the one that knows how the content starts.

    Raises InputError for an empty input, an unknown name and an unknown format; PluginError for a
    name whose package cannot be loaded.
    """
    if forced is not None:
        return _named(forced)
    head = source.head()
    if not head.strip() or packed(head):
        raise UnknownFormat(source.name, head)
    for reader in built_in().values():
        if reader.sniff(head):
            return reader
    return _plugin_for(source, head)


@cache
def built_in() -> dict[str, Reader]:
    """The modules of this folder that hold a `READER`, by its name."""
    package = importlib.import_module("perfreport.readers")
    found: dict[str, Reader] = {}
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        reader = getattr(importlib.import_module(module.name), "READER", None)
        if reader is not None:
            found[reader.name] = reader
    return dict(sorted(found.items()))


def _named(name: str) -> Reader:
    if name in built_in():
        return built_in()[name]
    known = readers()
    if name in known:
        return known[name]
    for broken, error in plugins().broken:
        if broken == name:
            raise error
    raise InputError(
        f"--format {name}: no such reader. Known: {', '.join(known)}.{nearest(name, known)}"
    )


def _plugin_for(source: Source, head: bytes) -> Reader:
    found = plugins()
    broken = [str(error) for _, error in found.broken]
    for reader in found.readers.values():
        try:
            if reader.sniff(head):
                return reader
        except PluginError as error:  # the next one may be sound
            broken.append(str(error))
    raise UnknownFormat(source.name, head, broken)


# --- Readers of other packages --------------------------------------------------------------------


@dataclass(frozen=True)
class Plugins:
    """What other packages offer under the entry point group.

    readers  by name
    broken   name and fault of those that cannot be used
    """

    readers: dict[str, Reader] = field(default_factory=dict)
    broken: list[tuple[str, PluginError]] = field(default_factory=list)


@cache
def plugins() -> Plugins:
    """The readers of other packages. Loaded only where no reader of perfreport's own will do, so that
    a package that is slow or broken is met by those alone who need it.
    """
    found = Plugins()
    try:
        with _Blame("the readers of other packages", "cannot be listed"):
            points = entry_points(group=ENTRY_POINTS)
    except PluginError as error:
        return Plugins(broken=[("", error)])
    for point in points:
        try:
            reader = _loaded(point)
            if reader.name in built_in() or reader.name in found.readers:
                raise PluginError(f'{_package(point)}: the name "{reader.name}" is taken.')
        except PluginError as error:
            found.broken.append((point.name, error))
        else:
            found.readers[reader.name] = _guarded(reader, point)
    return found


def _loaded(point: EntryPoint) -> Reader:
    with _Blame(_package(point), "cannot be loaded"):
        reader = point.load()
    if not isinstance(reader, Reader):
        raise PluginError(
            f"{_package(point)}: {point.value} is a {type(reader).__name__}, not a Reader. "
            'Write MODULE:READER, and READER = Reader(name="…", sniff=…, read=…).'
        )
    if not isinstance(reader.name, str) or reader.name != point.name:
        raise PluginError(
            f'{_package(point)}: a reader called "{reader.name}" under the name "{point.name}". '
            "Both have to be the same."
        )
    return reader


def _guarded(reader: Reader, point: EntryPoint) -> Reader:
    """A reader whose crash is a PluginError, and whose batches are what the others promise."""

    def sniff(head: bytes) -> bool:
        with _Blame(_package(point), "crashed while it looked at the input"):
            return bool(reader.sniff(head))

    def read(source: Source) -> Iterator[pa.RecordBatch]:
        with _Blame(_package(point), f"crashed while it read {source.name}"):
            batches = iter(reader.read(source))
        while True:
            with _Blame(_package(point), f"crashed while it read {source.name}"):
                batch = next(batches, None)
            if batch is None:
                return
            if (wrong := _wrong(batch)) is not None:
                raise PluginError(
                    f"{_package(point)}: gave {wrong}. Make batches with schema.batch()."
                )
            yield batch

    return replace(reader, sniff=sniff, read=read)


def _wrong(batch: object) -> str | None:
    """What later steps could not stand of a batch."""
    if not isinstance(batch, pa.RecordBatch):
        return f"a {type(batch).__name__}, not a RecordBatch"
    if batch.schema != SCHEMA:
        return "a batch of another schema"
    for column in SCHEMA:
        if not column.nullable and batch.column(column.name).null_count:
            return f"rows without {column.name}"
    unknown = sorted(set(pc.unique(batch.column("kind")).to_pylist()) - KINDS)
    return f'rows of an unknown kind, "{unknown[0]}"' if unknown else None


@dataclass(frozen=True)
class _Blame:
    """Turns whatever a package raises into one line that names it; what it says itself stays."""

    whose: str
    what: str

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(error, PerfReportError):
            words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise PluginError(
                f"{self.whose}: {self.what}: {words}. "
                "Tell its authors (--debug shows where), or uninstall it."
            ) from error


def _package(point: EntryPoint) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    return f"reader {point.name} of the package {package}"

"""What a reader is, and how the right one is found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

import pyarrow as pa

from perfreport.errors import InputError, nearest
from perfreport.readers.source import Source

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
    """No reader claims the input: it is empty, or of a format that nobody knows."""

    def __init__(self, name: str, head: bytes) -> None:
        self.why = "no reader knows this format" if head.strip() else "the file is empty"
        self.name = name
        what_to_do = (
            f" (it starts with {head[:24]!r}). Known: {', '.join(readers())}. "
            "Choose one with --format."
            if head.strip()
            else ". Give the file that the load tool wrote."
        )
        super().__init__(f"{name}: {self.why}{what_to_do}")


@cache
def readers() -> dict[str, Reader]:
    """Every reader by name: the modules of this folder that hold a `READER`, then entry points."""
    package = importlib.import_module("perfreport.readers")
    found: dict[str, Reader] = {}
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        reader = getattr(importlib.import_module(module.name), "READER", None)
        if reader is not None:
            found[reader.name] = reader
    for point in entry_points(group=ENTRY_POINTS):
        reader = point.load()
        found.setdefault(reader.name, reader)
    return dict(sorted(found.items()))


def reader_for(source: Source, forced: str | None = None) -> Reader:
    """The reader named by `--format`, else the one that knows how the content starts.

    Raises InputError for an empty input, an unknown name and an unknown format.
    """
    known = readers()
    if forced is not None:
        if forced not in known:
            raise InputError(
                f"--format {forced}: no such reader. Known: {', '.join(known)}.{nearest(forced, known)}"
            )
        return known[forced]
    head = source.head()
    if head.strip():
        for reader in known.values():
            if reader.sniff(head):
                return reader
    raise UnknownFormat(source.name, head)

"""Which files the inputs of a command line mean, and what the run calls each."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import IO

from perfreport.errors import InputError
from perfreport.readers import influxdb
from perfreport.readers.server import Server
from perfreport.readers.source import ReadOptions

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class InputFile:
    """A file to read; one found in a folder may be of a kind that nobody knows."""

    path: Path
    in_folder: bool

    def open(self) -> IO[bytes]:
        if str(self.path) == STANDARD_INPUT:
            return sys.stdin.buffer
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            raise InputError(f"{self.path}: no such file or folder.") from None
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}.") from error

    @property
    def size(self) -> int:
        with suppress(OSError):
            return self.path.stat().st_size
        return 0


def found_files(inputs: Sequence[str | Path], forced: bool = False) -> list[InputFile]:
    """The files that the inputs mean: a folder its files, a glob its matches, each in order of name.

    URLs are left out.

    Raises InputError for a folder without files and a glob without matches.
    """
    found: list[InputFile] = []
    for given in map(str, inputs):
        if influxdb.is_url(given):
            continue
        path = Path(given)
        if path.is_dir():
            entries = sorted(entry for entry in path.iterdir() if _visible_file(entry))
            if not entries:
                raise _without_files(path)
            found += [InputFile(entry, in_folder=not forced) for entry in entries]
        elif glob.has_magic(given) and not path.exists():
            # Path.glob refuses absolute patterns.
            matches = sorted(map(Path, glob.glob(given, recursive=True)))  # noqa: PTH207
            if not matches:
                raise InputError(f"{given}: no file matches this pattern.")
            found += [InputFile(match, in_folder=False) for match in matches if match.is_file()]
        else:
            found.append(InputFile(path, in_folder=False))
    return found


def _without_files(folder: Path) -> InputError:
    inner = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if not inner:
        return InputError(f"{folder}: a folder without files. Give the folder of the results.")
    return InputError(
        f"{folder}: holds folders and no file. Give the one with the results, "
        f"such as {folder / inner[-1]}."
    )


def found_databases(
    inputs: Sequence[str | Path], options: ReadOptions, format: str | None = None
) -> list[Server]:
    """The databases that the inputs name by their URLs.

    Raises InputError for a URL that cannot be right, and where `format` says something else.
    """
    given = list(map(str, inputs))
    urls = list(filter(influxdb.is_url, given))
    servers = [influxdb.live_server(url, options) for url in urls]
    if urls and format not in (None, influxdb.FORMAT):
        raise InputError(
            f"--format {format}: {influxdb.shown(urls[0])} is a URL, and those are read as "
            f"{influxdb.FORMAT}. Leave --format out."
        )
    if format == influxdb.FORMAT and len(urls) < len(given):
        path = next(text for text in given if text not in urls)
        raise InputError(
            f"--format {format}: {path} is not a URL such as http://localhost:8086/k6."
        )
    return servers


def _visible_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def labels_of(paths: Sequence[str]) -> list[str]:
    """A short name per input for the column `source`, each its own: `short`, `short-2`."""
    labels: dict[str, None] = {}
    for path in paths:
        stem = (
            "stdin" if path == STANDARD_INPUT else Path(path).name.split(".")[0] or Path(path).name
        )
        numbered = (f"{stem}-{number}" for number in count(2))
        labels[next(label for label in chain([stem], numbered) if label not in labels)] = None
    return list(labels)

"""Reads an SLA pack: one YAML file, or a folder of them merged; every error names its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from perfreport import resources
from perfreport.errors import SlaError
from perfreport.sla import document
from perfreport.sla.document import Document, Place
from perfreport.sla.lint import problems
from perfreport.sla.model import Pack

_FILES = ("alerts", "dashboards")  # keys that name other files, relative to the pack


def load_pack(path: Path | str) -> Pack:
    """The pack of a file or folder; SlaError (file, line, key, what is allowed) if it has a flaw."""
    path = _shipped(Path(path))
    read = _read(path)
    if not read.data:
        raise SlaError(
            f"{path}: the pack is empty. Say what to keep under objectives: or scenarios:"
        )
    _find_files(read, path if path.is_dir() else path.parent)
    try:
        pack = Pack.model_validate(read.data)
    except ValidationError as error:
        raise SlaError(_first([_message(read, detail) for detail in error.errors()])) from None
    flaws = [_sentence(read, place, text) for place, text in problems(pack)]
    if flaws:
        raise SlaError(_first(flaws))
    return pack


def _shipped(path: Path) -> Path:
    """The shipped pack that a path means where it does not exist: `default`, `sla/default.yaml`."""
    packs = resources.folder("sla")
    if not path.exists() and str(path.parent) in (".", "sla"):
        for name in (path.name, f"{path.name}.yaml"):
            if (packs / name).exists():
                return packs / name
    return path


def _read(path: Path) -> Document:
    if not path.exists():
        raise SlaError(
            f"{path}: no such file or folder. --sla takes a YAML file or a folder of them"
        )
    if not path.is_dir():
        return document.read(path, str(path))
    merged = Document(lines={(): str(path)})
    for read in _pack_files(path):
        document.merge(merged, read)
    return merged


def _pack_files(folder: Path) -> Iterator[Document]:
    """The YAML files of a folder but for those that another one names as alerts or dashboards."""
    found = {
        file.name: document.read(file, str(file))
        for file in sorted(folder.iterdir())
        if file.suffix in (".yaml", ".yml") and file.is_file()
    }
    if not found:
        raise SlaError(f"{folder}: no YAML file in this folder")
    named = {
        name for read in found.values() for key in _FILES for name in _texts(read.data.get(key))
    }
    yield from (read for name, read in found.items() if name not in named)


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _find_files(read: Document, folder: Path) -> None:
    """Make the names of other files paths, and insist that they are there."""
    for key in _FILES:
        names = read.data.get(key)
        if not isinstance(names, list):
            continue
        for index, name in enumerate(names):
            if not isinstance(name, str) or not (folder / name).is_file():
                raise SlaError(
                    _sentence(read, (key, index), f'"{name}" is not a file beside the pack')
                )
        read.data[key] = [folder / name for name in names]


def _message(read: Document, detail: ErrorDetails) -> str:
    place = _written(read, detail["loc"])
    context = detail.get("ctx", {})
    if detail["type"] == "unknown_key":
        return _sentence(read, (*place, context["key"]), detail["msg"])
    if detail["type"] == "missing":
        return _sentence(read, place[:-1], f'"{place[-1]}" is missing')
    text = str(context["error"]) if detail["type"] == "value_error" else detail["msg"]
    found = read.value(place)
    if isinstance(found, str | int | float) and str(found) not in text:
        text = f'"{found}": {text}'
    return _sentence(read, place, text)


def _written(read: Document, location: tuple[int | str, ...]) -> Place:
    """pydantic's location without the tags that it adds for the branches of a union."""
    place: Place = ()
    for step in location:
        inside = read.value(place)
        fits = isinstance(inside, list) if isinstance(step, int) else isinstance(inside, dict)
        if fits and (isinstance(step, int) or step in inside or step == location[-1]):
            place = (*place, step)
    return place


def _sentence(read: Document, place: Place, text: str) -> str:
    where = read.where(place) or read.where(())
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return f"{where}: {key.lstrip('.')}: {text}" if key else f"{where}: {text}"


def _first(flaws: list[str]) -> str:
    more = len(flaws) - 1
    return flaws[0] + (f" (and {more} more {'flaw' if more == 1 else 'flaws'})" if more else "")

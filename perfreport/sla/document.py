"""YAML files as plain data that remembers the file and line of each key, so that errors can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from perfreport.errors import SlaError

Key = str | int
Place = tuple[Key, ...]  # the way from the top to a value: ("scenarios", 0, "requests", 2, "sla")

_DEEPEST = 40  # a pack needs eight levels


@dataclass
class Document:
    """A mapping, and where each of its parts was written."""

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, str] = field(default_factory=dict)  # "file.yaml:12"

    def where(self, place: Place) -> str:
        """`file.yaml:12` of the value, or of the innermost part around it that was written."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, "")

    def value(self, place: Place) -> Any:
        """What was written there; None where nothing was."""
        found: Any = self.data
        for key in place:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found


def read(path: Path, shown: str) -> Document:
    """One YAML file; `shown` is its name in messages."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SlaError(f"{shown}: not a text in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise SlaError(f"{shown}: cannot be read: {error.strerror}") from None
    try:
        _refuse_traps(text, shown)
        node = yaml.compose(text, yaml.SafeLoader)
        return _document(node, shown)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise SlaError(f"{shown}{line}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise SlaError(f"{shown}: not YAML: {str(error).splitlines()[0]}") from None
    except ValueError as error:  # a date such as 2026-13-45
        raise SlaError(f"{shown}: not YAML: {error}") from None


def merge(into: Document, other: Document) -> None:
    """Add a file to the pack: lists grow, any other key may stand in one file only."""
    for key, value in other.data.items():
        first = into.data.get(key)
        if first is not None and not (isinstance(first, list) and isinstance(value, list)):
            raise SlaError(
                f"{other.where((key,))}: {key}: said before, in {into.where((key,))}. "
                "Say it in one file only"
            )
        offset = len(first) if isinstance(first, list) else 0
        into.data[key] = [*first, *value] if isinstance(first, list) else value
        for place, line in other.lines.items():
            if place and place[0] == key:
                into.lines.setdefault(_moved(place, offset), line)


def _moved(place: Place, offset: int) -> Place:
    if len(place) > 1 and isinstance(place[1], int):
        return (place[0], place[1] + offset, *place[2:])
    return place


def _refuse_traps(text: str, shown: str) -> None:
    """Nothing that is small to write and huge to read: aliases of aliases, endless nesting."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise SlaError(f"{shown}:{line}: aliases (*{event.anchor}) are not read; write it out")
        if depth > _DEEPEST:
            raise SlaError(f"{shown}:{line}: nested too deeply")


def _document(node: yaml.Node | None, shown: str) -> Document:
    document = Document(lines={(): shown})
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return document
    if not isinstance(node, yaml.MappingNode):
        raise SlaError(
            f"{shown}: a pack is a mapping such as `scenarios:`, this is a list or a text"
        )
    constructor = yaml.SafeLoader("")
    try:
        document.data = _plain(node, (), shown, document.lines, constructor)
    finally:
        constructor.dispose()
    return document


def _plain(
    node: yaml.Node,
    place: Place,
    shown: str,
    lines: dict[Place, str],
    constructor: yaml.SafeLoader,
) -> Any:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*place, index)] = f"{shown}:{item.start_mark.line + 1}"
        return [
            _plain(item, (*place, index), shown, lines, constructor)
            for index, item in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        return {
            key: _plain(item, (*place, key), shown, lines, constructor)
            for key, item in _items(node, place, shown, lines)
        }
    return constructor.construct_object(node)


def _items(
    node: yaml.MappingNode, place: Place, shown: str, lines: dict[Place, str]
) -> Iterator[tuple[str, yaml.Node]]:
    for key_node, item in node.value:
        here = f"{shown}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise SlaError(f"{here}: a key is a word, not a {key_node.id}")
        key = key_node.value
        if (*place, key) in lines:
            raise SlaError(
                f"{here}: {key}: said before, in line {lines[(*place, key)].rsplit(':')[-1]}"
            )
        lines[(*place, key)] = here
        yield key, item

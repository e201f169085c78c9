"""Quantities as a pack writes them: `15min`, `30%`, `10,000`, `10/s`, `p95 < 500ms`.

Each type parses the text and tells JSON Schema that a text is what an editor should expect.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from perfreport import units
from perfreport.sla import grammar
from perfreport.sla.grammar import Limit


def _seconds(written: Any) -> Any:
    if isinstance(written, bool | int | float):
        raise ValueError(f"{written} has no unit (try 90s, 15min or 1h30min)")
    return units.seconds(written) if isinstance(written, str) else written


def _share(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    value, unit = units.quantity(written)
    if unit not in ("1", ""):
        raise ValueError(f'"{written}" is not a share (try 30%)')
    return value


def _amount(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    value, unit = units.quantity(written)
    if unit:
        raise ValueError(f'"{written}" is not a plain number (try 5000)')
    return value


def _per_second(written: Any) -> Any:
    if not isinstance(written, str):
        raise ValueError(f"{written} has no unit (try 10/s)")
    value, unit = units.quantity(written)
    if unit not in units.PER_SECOND:
        raise ValueError(f'"{written}" is not a rate (try 10/s or 600/min)')
    return value * units.PER_SECOND[unit]


def _capacity(written: Any) -> Any:
    """A number in the series' canonical unit, or another query as it is."""
    if not isinstance(written, str):
        return written
    try:
        return units.quantity(written)[0]
    except ValueError:
        return written


def _limits(written: Any) -> Any:
    texts = [written] if isinstance(written, str) else written
    if not isinstance(texts, list | tuple):
        raise ValueError("an objective is a text such as p95 < 500ms, or a list of them")
    return tuple(grammar.parse(text) if isinstance(text, str) else text for text in texts)


def _limit(written: Any) -> Any:
    return grammar.parse(written) if isinstance(written, str) else written


def _names(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


_TEXT = WithJsonSchema({"type": "string"})
_TEXTS = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
)
_NUMBER = WithJsonSchema({"type": ["number", "string"]})
Seconds = Annotated[float, BeforeValidator(_seconds), _TEXT]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_share), _NUMBER]
Amount = Annotated[float, Field(ge=0), BeforeValidator(_amount), _NUMBER]
PerSecond = Annotated[float, BeforeValidator(_per_second), _TEXT]
Capacity = Annotated[float | str, BeforeValidator(_capacity), _NUMBER]
Objective = Annotated[Limit, BeforeValidator(_limit), _TEXT]
MaybeObjective = Annotated[Limit | None, BeforeValidator(_limit), _TEXT]
Limits = Annotated[tuple[Limit, ...], BeforeValidator(_limits), _TEXTS]
Names = Annotated[tuple[str, ...], BeforeValidator(_names), _TEXTS]

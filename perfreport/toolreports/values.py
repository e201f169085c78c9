"""Untyped JSON taken apart with a clear word about what is wrong."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from perfreport.errors import InputError

_DEEPEST = 200  # groups in groups; a file that is deeper is damaged, and would exhaust the stack


def decoded(data: bytes, name: str) -> Any:
    """The JSON value; InputError where it is not JSON, or nested beyond all sense."""
    try:
        value = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        why = str(error) or "nested too deep"
        raise InputError(
            f"{name}: looks like JSON but cannot be read ({why}). Was it copied whole?"
        ) from error
    return value


def objects(value: Any, name: str, where: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise InputError(f"{name}: {where} is no object. Give the file as the tool wrote it.")
    return value


def number(value: Any, name: str, where: str) -> float:
    """A finite number, which may be written as a text."""
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise InputError(f"{name}: {where} is {_shown(value)}, not a number. Was the file edited?")
    return found


def text(value: Any, name: str, where: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise InputError(f"{name}: {where} is {_shown(value)}, not a text. Was the file edited?")
    return value.encode("utf-8", "replace").decode()  # JavaScript knows halves of characters


def check_depth(depth: int, name: str) -> None:
    """InputError for groups nested deeper than any tool's."""
    if depth > _DEEPEST:
        raise InputError(f"{name}: groups nested more than {_DEEPEST} deep. Was the file damaged?")


def _shown(value: Any) -> str:
    return repr(value)[:40]

"""Small parts of the model that several pages share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Badge:
    """A status: word, shape and hue, always together."""

    css: str  # fail, risk, nodata, none, pass: the hue
    icon: str  # id of the shape
    word: str


@dataclass(frozen=True)
class Fact:
    """A term and its value."""

    term: str
    value: str

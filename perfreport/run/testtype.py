"""The kinds of test of a readiness review; apart from RunInfo, so that --help needs no pydantic."""

from __future__ import annotations

from enum import StrEnum


class TestType(StrEnum):
    """The kinds of test of a readiness review."""

    __test__ = False  # the name is the field's, pytest must not collect it

    SMOKE = "smoke"
    LOAD = "load"
    STRESS = "stress"
    SOAK = "soak"
    SPIKE = "spike"
    PRODUCTION = "production"

"""How `compare` decides: the `compare:` section of an SLA pack, all of it optional."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from perfreport import units
from perfreport.sla.section import Section


def _fraction(written: Any) -> Any:
    """`5%` as 0.05; a number stands for itself."""
    return _scaled(written, expected="1", example="5%")


def _milliseconds(written: Any) -> Any:
    """`2ms` as 2.0; a number is milliseconds."""
    return _scaled(written, expected="ms", example="2ms")


def _seconds(written: Any) -> Any:
    """`5min` as 300.0; a number is seconds."""
    scaled = _scaled(written, expected="ms", example="5min")
    return scaled / 1000 if scaled is not written else written


def _scaled(written: Any, expected: str, example: str) -> Any:
    if not isinstance(written, str):
        return written
    value, unit = units.quantity(written)
    if unit == "":
        return written  # a plain number in quotes: pydantic reads it
    if unit != expected:
        raise ValueError(f'"{written}" has the wrong unit (try {example})')
    return value


Fraction = Annotated[float, BeforeValidator(_fraction)]
Milliseconds = Annotated[float, BeforeValidator(_milliseconds)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Judged = Literal["p50", "p95", "p99", "error_rate", "throughput"]


class CompareSettings(Section):
    """The parameters of the comparison; docs/statistics.md says what each costs and buys."""

    # A change below 5 % is within what a deployment of the same release shows.
    min_effect: Fraction = Field(default=0.05, ge=0, lt=1)
    # Some tools record whole milliseconds: 3 -> 4 ms is rounding, not 33 %.
    min_effect_ms: Milliseconds = Field(default=2.0, ge=0)
    margin: Fraction = Field(default=0.10, gt=0, lt=1)  # unchanged: surely within this
    # 2 % suits most; 3 % on shared cloud machines, 1 % on a dedicated, quiet bench.
    run_to_run_sd: Fraction = Field(default=0.02, ge=0, lt=1)
    alpha: Fraction = Field(default=0.01, gt=0, lt=0.5)  # one-sided level of one row, at most
    family: Fraction = Field(default=0.05, gt=0, lt=0.5)  # shared by all endpoints of a run
    max_detectable: Fraction = Field(default=0.25, gt=0)  # a row that cannot show this is blind
    min_steady: Seconds = Field(default=300.0, ge=0)
    gate: tuple[Judged, ...] = Field(default=("p50", "p95", "error_rate"), min_length=1)

    def level(self, endpoints: int) -> float:
        """The one-sided level of each row when `endpoints` are compared."""
        return min(self.alpha, self.family / max(endpoints, 1))

"""The `compare:` section of a pack: written forms, defaults, mistakes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from perfreport.sla.settings import CompareSettings


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert CompareSettings().model_dump() == {
        "min_effect": 0.05,
        "min_effect_ms": 2.0,
        "margin": 0.10,
        "run_to_run_sd": 0.02,
        "alpha": 0.01,
        "family": 0.05,
        "max_detectable": 0.25,
        "min_steady": 300.0,
        "gate": ("p50", "p95", "error_rate"),
    }


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("min_effect", "5%", 0.05),
        ("min_effect", 0.03, 0.03),
        ("min_effect_ms", 2, 2.0),
        ("min_effect_ms", "0.5ms", 0.5),
        ("min_steady", "5min", 300.0),
        ("min_steady", "1min 30s", 90.0),
        ("min_steady", 60, 60.0),
        ("min_steady", "60", 60.0),
        ("gate", ["p50"], ("p50",)),
    ],
)
def test_settings_are_written_as_people_write_them(key, written, value) -> None:
    assert getattr(CompareSettings(**{key: written}), key) == value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_effect": "5ms"}, "wrong unit"),
        ({"min_steady": "5%"}, "wrong unit"),
        ({"min_effect": "five"}, "not a quantity"),
        ({"margin": 0}, "greater than 0"),
        ({"alpha": "60%"}, "less than 0.5"),
        ({"run_to_run_sd": float("nan")}, "finite"),
        ({"gate": []}, "at least 1 item"),
        ({"gate": ["p42"]}, "'p50', 'p95', 'p99', 'error_rate' or 'throughput'"),
        ({"min_efect": 0.1}, 'Did you mean "min_effect"'),
    ],
)
def test_a_mistake_is_named(settings, message) -> None:
    with pytest.raises(ValidationError, match=message):
        CompareSettings(**settings)

"""What a pack answers about its own series."""

from __future__ import annotations

import pytest

from perfreport.sla.model import Pack

PACK = Pack.model_validate(
    {
        "series": [
            {"series": "heap", "query": "a", "capacity": "heap_max"},
            {"series": "heap_max", "also": ["jvm_memory_max_bytes"], "query": "b"},
            {"series": "pool", "query": "c", "capacity": 50},
            {"series": "lag", "query": "d"},
            {"series": "threads", "query": "e", "capacity": "threads_max"},
        ]
    }
)


@pytest.mark.parametrize(
    ("series", "recorded", "capacity"),
    [
        ("pool", [], 50.0),
        ("lag", [("lag", 7.0)], None),
        ("heap", [("heap_max", 4e9)], 4e9),
        ("heap", [("jvm_memory_max_bytes", 3e9), ("jvm_memory_max_bytes", 4e9)], 4e9),
        ("heap", [("jvm_memory_max_bytes", -1.0)], None),  # the JVM's word for no limit
        ("heap", [("threads_max", 9.0)], None),
        ("threads", [("threads_max", 200.0)], 200.0),
    ],
)
def test_a_capacity_is_a_number_or_the_largest_value_of_the_series_that_is_named(
    series: str, recorded: list[tuple[str, float]], capacity: float | None
) -> None:
    found = PACK.series_named(series)
    assert found is not None
    assert PACK.capacity_of(found, recorded) == capacity


def test_limits_are_known_by_every_name_that_they_have() -> None:
    assert PACK.limit_names == {"heap_max", "jvm_memory_max_bytes", "threads_max"}

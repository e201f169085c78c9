"""docs/sla.md shows every key of the language, and what it shows is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfreport.sla import model, settings
from perfreport.sla.grammar import SERIES_STATISTICS, STATISTICS, parse
from perfreport.sla.loader import load_pack
from perfreport.sla.section import Section

TEXT = (Path(__file__).parents[2] / "docs" / "sla.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
SECTIONS = [
    value
    for module in (model, settings)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Section) and value.model_fields
]
KEYS = {
    field.alias or name for section in SECTIONS for name, field in section.model_fields.items()
} - {"what", "without_dependency"}  # written as `of: users` and `of: requests without dependency`


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_stands_in_an_example(key: str) -> None:
    assert re.search(rf"\b{key}:", "\n".join(BLOCKS))


@pytest.mark.parametrize("statistic", sorted({*STATISTICS, *SERIES_STATISTICS}))
def test_every_statistic_is_named(statistic: str) -> None:
    assert re.search(rf"\b{statistic}\b", TEXT)


def test_all_examples_together_are_one_sound_pack(tmp_path: Path) -> None:
    others = "scenarios:\n  - scenario: kenya_p2p\n  - scenario: tanzania_o2c\n"
    for number, block in enumerate([*BLOCKS, others]):
        (tmp_path / f"{number}.yaml").write_text(block, encoding="utf-8")
    for name in ("alerts.yml", "dashboard.json"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert len(load_pack(tmp_path).scenarios) == 3


def test_every_objective_of_the_table_reads() -> None:
    table = TEXT[TEXT.index("| written | means |") : TEXT.index("Operators are")]
    written = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(written) == 11
    for text in written:
        if not text.startswith(("max(", "slope(")):
            assert parse(text).series is None
        else:
            assert parse(text).series

"""A damaged date must not stretch a run; inputs of different years are no run."""

from __future__ import annotations

from pathlib import Path

import pytest

import perfreport
from perfreport.errors import InputError

HEADER = "timeStamp,elapsed,label,success\n"
FIRST_MS = 1_795_399_806_497
YEAR_2126_MS = 4_923_000_000_000


def jtl(path: Path, *times_ms: int) -> Path:
    path.write_text(HEADER + "".join(f"{time},5,order,true\n" for time in times_ms))
    return path


@pytest.mark.parametrize("place", [0, 1, 9])
def test_a_row_a_century_from_the_others_is_counted_and_left_out(
    tmp_path: Path, place: int
) -> None:
    times = [FIRST_MS + 1000 * number for number in range(9)]
    times.insert(place, YEAR_2126_MS)
    done = perfreport.ingest([jtl(tmp_path / "a.jtl", *times)], tmp_path / "run.parquet")
    (source,) = done.info.sources
    assert (source.rows, source.rejected) == (9, 1)
    assert source.rejections[0].why == (
        f"row {place + 1} is of 2126-01-02 04:00:00, a year or more from the others"
    )
    assert done.info.end is not None
    assert done.info.end.year == 2026
    assert any("skipped 1 of 10 records, first: row" in note for note in done.notes)


def test_inputs_of_different_years_are_no_run(tmp_path: Path) -> None:
    files = [jtl(tmp_path / "a.jtl", FIRST_MS), jtl(tmp_path / "b.jtl", YEAR_2126_MS)]
    with pytest.raises(InputError, match=r"from 2026-11-23 .* to 2126-.*more than a year"):
        perfreport.ingest(files, tmp_path / "run.parquet")
    assert not (tmp_path / "run.parquet").exists()

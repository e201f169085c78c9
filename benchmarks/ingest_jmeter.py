"""How fast is a JTL read? As ratios to the bare CSV readers of Arrow and DuckDB on the same file.

    .venv/bin/python benchmarks/ingest_jmeter.py [MEGABYTES]

The file is the records of the sample `default.jtl`, repeated. Each reader runs three times, the
fastest counts. Arrow's and DuckDB's give every column; they do not look for damage, sub-results,
transactions or users.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.csv as pa_csv

from perfreport import resources
from perfreport.readers import jmeter_csv
from perfreport.readers.source import Source

SAMPLE = resources.folder("sample_results") / "jmeter-csv" / "default.jtl"


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = repeated(Path(folder) / "results.jtl", megabytes)
        size = path.stat().st_size / 1e6
        ours, rows = fastest(lambda: read(path))
        print(f"{size:.0f} MB, {rows:,} rows: {size / ours:.0f} MB/s, {rows / ours:,.0f} rows/s")
        for name, run in (("pyarrow.csv", arrow), ("DuckDB's read_csv", duck)):
            seconds, records = fastest(lambda run=run: run(path))
            print(
                f"{name}: {size / seconds:.0f} MB/s ({seconds / ours:.2f} of our time), "
                f"{records:,} records"
            )


def repeated(path: Path, megabytes: int) -> Path:
    header, records = SAMPLE.read_bytes().split(b"\n", 1)
    times = max(1, round(megabytes * 1e6 / len(records)))
    with path.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(times):
            file.write(records)
    return path


def fastest(run: Callable[[], int]) -> tuple[float, int]:
    """Seconds of the fastest of three runs, and how many rows it gave."""
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        rows = run()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), rows


def read(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(batch.num_rows for batch in jmeter_csv.read(Source(stream, path.name)))


def arrow(path: Path) -> int:
    return pa_csv.read_csv(
        path, parse_options=pa_csv.ParseOptions(newlines_in_values=True)
    ).num_rows


def duck(path: Path) -> int:
    return (
        duckdb.read_csv(str(path), header=True, max_line_size=4_000_000).to_arrow_table().num_rows
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)

"""How fast are k6's JSON and CSV read? As ratios to `wc -l`, to DuckDB's read_json, to each other.

    .venv/bin/python benchmarks/ingest_k6.py [MEGABYTES]

The log is the sample `baseline`, repeated; CSV and JSON of one run are those of `short`. Each program runs three times, the fastest counts; memory
is the peak of a process of its own that only reads, for the log and for one four times as large.
"""

import gzip
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from perfreport import resources
from perfreport.readers import k6_csv, k6_json
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source

SAMPLES = resources.folder("sample_results")
SAMPLE = SAMPLES / "k6-json" / "baseline.json.gz"


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = repeated(Path(folder) / "log.json", megabytes)
        larger = repeated(Path(folder) / "larger.json", 4 * megabytes)
        size = log.stat().st_size / 1e6
        ours, rows = fastest(lambda: read(log))
        wc, _ = fastest(lambda: subprocess.run(["wc", "-l", log], check=True, capture_output=True))
        duck, _ = fastest(lambda: count(log))
        print(f"{size:.0f} MB, {rows:,} rows: {size / ours:.0f} MB/s, {rows / ours:,.0f} rows/s")
        print(
            f"DuckDB's read_json, counting points: {size / duck:.0f} MB/s ({duck / ours:.2f} of our time)"
        )
        print(f"wc -l: {size / wc:.0f} MB/s ({wc / ours:.3f} of our time)")
        print(
            f"CSV takes {csv_share(Path(folder), megabytes):.2f} of the time of JSON of the same run"
        )
        print(
            f"peak memory: {peak(log):.0f} MB, for the log four times as large {peak(larger):.0f} MB"
        )


def csv_share(folder: Path, megabytes: int) -> float:
    """Seconds for CSV per second for JSON, the same points in both."""
    seconds = []
    for reader, size in ((k6_json.READER, megabytes), (k6_csv.READER, megabytes / 2.3)):
        sample = SAMPLES / reader.name / f"short.{reader.name[3:]}.gz"
        log = repeated(folder / sample.stem, size, sample)
        once, rows = fastest(lambda log=log, reader=reader: read(log, reader))
        seconds.append(once / rows)
    return seconds[1] / seconds[0]


def repeated(log: Path, megabytes: float, path: Path = SAMPLE) -> Path:
    sample = gzip.decompress(path.read_bytes())
    with log.open("wb") as file:
        for _ in range(max(1, round(megabytes * 1e6 / len(sample)))):
            file.write(sample)
    return log


def fastest(run: Callable[[], object]) -> tuple[float, object]:
    """Seconds of the fastest of three runs, and what it gave."""
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result


def read(log: Path, reader: Reader = k6_json.READER) -> int:
    with log.open("rb") as stream:
        return sum(batch.num_rows for batch in reader.read(Source(stream, log.name)))


def count(log: Path) -> object:
    """The least that DuckDB can do: time, value and tags of each point, counted and summed."""
    return duckdb.sql(
        "select metric, count(*), max(data.time), sum(data.value), max(data.tags) "
        "from read_json($log, format = 'newline_delimited', columns = {metric: 'varchar', "
        "type: 'varchar', data: 'struct(time varchar, value double, tags json)'}) group by metric",
        params={"log": str(log)},
    ).fetchall()


def peak(log: Path) -> float:
    """Megabytes at the peak of a process that only reads."""
    code = subprocess.run(
        [sys.executable, __file__, "--read", log], check=True, capture_output=True, text=True
    )
    return float(code.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(Path(sys.argv[2]))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)

"""Pairs of results and the report that their tool made of them, and runs of those results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import jmeter_window

import perfreport
from perfreport import resources
from perfreport.run.store import Run, open_run

RECORDINGS = Path(__file__).parent / "recordings" / "reconcile"
SAMPLES = resources.folder("sample_results")


@dataclass(frozen=True)
class Pair:
    """Results, and a report of the same test; None stands for the file of `jmeter_window`."""

    results: Path | None
    report: Path

    def __str__(self) -> str:
        return self.report.name


PAIRS = (
    Pair(SAMPLES / "jmeter-csv/default.jtl", SAMPLES / "jmeter-csv/default.tool.json"),
    Pair(None, RECORDINGS / "jmeter-5.6.3-window.tool.json"),
    Pair(None, RECORDINGS / "jmeter-5.6.3-window-of-all.tool.json"),
    Pair(RECORDINGS / "jmeter-5.6.3-cut.jtl.gz", RECORDINGS / "jmeter-5.6.3-cut.tool.json"),
    *(
        Pair(SAMPLES / f"gatling-text/{name}.log", SAMPLES / f"gatling-text/{name}.tool.json")
        for name in ("o2c-3.4.2", "o2c-3.9.5", "o2c-3.10.3", "o2c-3.12.0")
    ),
    *(
        Pair(SAMPLES / f"gatling-binary/{name}.log", SAMPLES / f"gatling-binary/{name}.console.txt")
        for name in ("o2c-3.13.5", "o2c-3.14.9", "o2c-3.15.1")
    ),
    Pair(SAMPLES / "gatling-binary/o2c-3.15.1.log", RECORDINGS / "gatling-3.15.1.index.html.gz"),
    *(
        Pair(RECORDINGS / f"gatling-{version}.log.gz", RECORDINGS / f"gatling-{version}.{report}")
        for version, report in (
            ("3.4.2", "stats.json.gz"),
            ("3.10.3", "stats.js.gz"),
            ("3.10.3", "global_stats.json"),
            ("3.10.3", "console.txt"),
            ("3.13.5", "stats.js.gz"),
            ("3.13.5", "console.txt"),
            ("3.14.0", "index.html.gz"),
        )
    ),
    *(
        Pair(SAMPLES / f"k6-json/{name}.json.gz", SAMPLES / f"k6-json/{name}.tool.json")
        for name in ("short", "handle", "v2", "metadata", "grpc")
    ),
    *(
        Pair(SAMPLES / f"k6-csv/{name}.csv.gz", SAMPLES / f"k6-csv/{name}.tool.json")
        for name in ("quoted-v2", "few-columns")
    ),
    *(
        Pair(SAMPLES / f"k6-json/{name}.json.gz", SAMPLES / f"k6-json/{name}.txt")
        for name in ("baseline", "run")
    ),
    Pair(SAMPLES / "k6-json/short.json.gz", RECORDINGS / "k6-1.1.0-full.txt"),
    *(
        Pair(RECORDINGS / f"{name}.json.gz", RECORDINGS / f"{name}.txt")
        for name in ("k6-1.1.0-legacy", "k6-1.1.0-compact", "k6-2.2.0-full")
    ),
    Pair(RECORDINGS / "k6-2.2.0-machine.json.gz", RECORDINGS / "k6-2.2.0-machine.tool.json"),
)


def pair(report: str) -> Pair:
    """The pair whose report is called so."""
    (found,) = [each for each in PAIRS if each.report.name == report]
    return found


@cache
def run_of(results: Path | None) -> Run:
    """The run of these results, ingested once a process."""
    folder = Path(mkdtemp(prefix="perfreport-reconcile-"))
    source = results or jmeter_window.written(folder / "window.jtl")
    return open_run(perfreport.ingest([source], folder / "run.parquet").path)

"""A run against a folder of runs: which is the baseline, and which earlier ones are its history."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from perfreport.cli import main
from perfreport.errors import Exit
from perfreport.library import open_library
from perfreport.run.info import RunInfo
from perfreport.run.schema import batch
from perfreport.run.writer import RunWriter

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
SECONDS = 400
RATES = {"create_order": 12.0, "get_invoice": 8.0}  # requests per second
MEDIANS_MS = {"create_order": 40.0, "get_invoice": 20.0}


def made(
    path: Path, day: int, slower: float = 1.0, rate: float = 1.0, seconds: int = SECONDS, **info
) -> None:
    """A run of two endpoints, of which only create_order may be slower."""
    random = np.random.default_rng(day)
    factor = float(np.exp(random.normal(0, 0.01)))
    start = START + timedelta(days=day)
    writer = RunWriter(path)
    for name, per_s in RATES.items():
        count = round(per_s * rate * seconds)
        at_us = np.sort(random.integers(0, seconds * 1_000_000, count))
        median = MEDIANS_MS[name] * factor * (slower if name == "create_order" else 1.0)
        columns = {
            "kind": "request",
            "ts": pa.array(int(start.timestamp() * 1e6) + at_us, pa.timestamp("us", "UTC")),
            "name": name,
            "ok": random.uniform(size=count) > 0.001,
            "duration_ms": random.lognormal(np.log(median), 0.4, count),
        }
        writer.write(batch(count, columns))
    known = {"tool": "k6", "scenario": "o2c", "environment": "staging"} | info
    writer.finish(RunInfo(start=start, end=start + timedelta(seconds=seconds), **known))


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs, the last four after a change to the worse; one is pinned, two are other tests."""
    folder = tmp_path_factory.mktemp("made") / "runs"
    folder.mkdir()
    for day in range(8):
        labels = {"baseline": "2026.1"} if day == 1 else {}
        slower = 1.25 if day >= 4 else 1.0
        made(folder / f"day-{day}.parquet", day, slower, release=f"r{day}", labels=labels)
    made(folder / "laptop.parquet", 20, environment="laptop")
    made(folder / "busy.parquet", 21, rate=1.3)
    made(folder.parent / "run.parquet", 10, slower=1.25, release="r10")
    made(folder.parent / "old.parquet", 9, release="r9")
    open_library([folder])  # once, so that each test finds the index
    return folder.parent


@pytest.fixture
def place(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made_once, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


def compared(capsys, *arguments: str) -> tuple[dict, str]:
    code = main(["compare", *arguments, "--format", "json"])
    said = capsys.readouterr()
    assert code in (Exit.OK, Exit.WANTING, Exit.UNDECIDED), said.err
    return json.loads(said.out), said.err


def used(found: dict) -> dict[str, bool]:
    return {each["name"]: each["used"] for each in found["history"]}


def test_in_a_folder_the_newest_earlier_run_is_the_baseline_and_the_rest_history(
    place, capsys
) -> None:
    found, said = compared(capsys, "runs", "run.parquet")
    assert said == "note: the baseline is runs/day-7.parquet\n"
    assert found["verdict"] == "unchanged"
    assert [each["name"] for each in found["baselines"]] == ["day-7", "day-4", "day-5", "day-6"]
    assert found["run_to_run_sd"]["source"] == "history"
    assert used(found) == {f"day-{day}": day >= 4 for day in range(7)} | {
        "laptop": False,
        "busy": False,
    }
    why = {each["name"]: each["why"] for each in found["history"]}
    assert why["day-0"].startswith("before the change of create_order")
    assert "r4 (day-4)" in why["day-0"]
    assert why["laptop"] == "it is not earlier than the run"


def test_a_pinned_baseline_is_found_by_its_tag(place, capsys) -> None:
    found, said = compared(capsys, "runs", "run.parquet", "--baseline-tag", "2026.1")
    assert said == "note: the baseline is runs/day-1.parquet\n"
    assert [each["name"] for each in found["baselines"]] == ["day-1"]
    assert found["verdict"] == "regressed"


def test_a_condensed_run_can_be_pinned_later(place, capsys) -> None:
    arguments = ["condense", "runs/day-2.parquet", "-o", "runs/kept.parquet"]
    assert main([*arguments, "--label", "baseline=stable"]) == Exit.OK
    capsys.readouterr()
    found, _ = compared(capsys, "runs", "run.parquet", "--baseline-tag", "stable")
    assert found["verdict"] == "regressed"
    assert {each["name"] for each in found["baselines"]} <= {"kept", "day-2"}


def test_a_pinned_baseline_may_have_a_folder_as_its_history(place, capsys) -> None:
    arguments = ("runs", "run.parquet", "--baseline-tag", "2026.1", "--history", "runs")
    found, _ = compared(capsys, *arguments)
    assert [each["name"] for each in found["baselines"]] == ["day-1", "day-0", "day-2", "day-3"]
    assert found["verdict"] == "regressed"


def test_named_history_is_used_whenever_it_ran(place, capsys) -> None:
    later = [f"runs/day-{day}.parquet" for day in (5, 6, 7)]
    arguments = [word for path in later for word in ("--history", path)]
    found, said = compared(capsys, "runs/day-7.parquet", "runs/day-4.parquet", *arguments)
    assert said == ""
    assert used(found) == {"day-5": True, "day-6": True, "day-7": False}
    found, _ = compared(
        capsys, "runs/day-0.parquet", "old.parquet", "--history", "runs/day-[123].parquet"
    )
    assert used(found) == {"day-1": True, "day-2": True, "day-3": True}


def test_history_of_another_test_is_left_out_and_told(place, capsys) -> None:
    others = ("--history", "runs/laptop.parquet", "--history", "runs/busy.parquet")
    found, _ = compared(capsys, "runs/day-0.parquet", "old.parquet", *others)
    assert [each["name"] for each in found["baselines"]] == ["day-0"]
    why = {each["name"]: each["why"] for each in found["history"]}
    assert why["laptop"] == "another environment: laptop against staging"
    assert why["busy"].startswith("another load: ")


def test_history_with_too_little_steady_load_is_left_out(place, capsys) -> None:
    Path("long.yaml").write_text("compare: {min_steady: 6min}\n", encoding="utf-8")
    made(Path("short.parquet"), day=11, seconds=300)
    arguments = ("runs/day-0.parquet", "old.parquet", "--sla", "long.yaml")
    found, _ = compared(capsys, *arguments, "--history", "short.parquet")
    assert [each["used"] for each in found["history"]] == [False]
    assert found["history"][0]["why"].endswith(" of steady load, 6 min are needed")


MISTAKES = [
    (["old.parquet", "runs"],
     "error: runs: a folder of runs cannot be the run that is judged. Only BASELINE may be one: "
     "perfreport compare FOLDER RUN."),
    (["runs", "run.parquet", "--baseline-tag", "2026.2"],
     'error: runs: no run is pinned as "2026.2". There are: 2026.1. Did you mean "2026.1"?'),
    (["old.parquet", "run.parquet", "--baseline-tag", "2026.1"],
     "error: old.parquet: not a folder of runs, in which --baseline-tag could be found."),
    (["empty", "run.parquet"],
     "error: empty: a folder without runs. Make one: perfreport ingest INPUT -o empty/RUN.parquet"),
    (["other", "run.parquet"],
     "error: other: none of its 1 runs is an earlier one of the same test as run (system, scenario, "
     "test type, environment, tool, load). Name a baseline."),
    (["old.parquet", "run.parquet", "--history", "nowhere.parquet"],
     "error: nowhere.parquet: no such run. Make one: perfreport ingest INPUT -o nowhere.parquet"),
    (["old.parquet", "run.parquet", "--history", "no-*.parquet"],
     "error: no-*.parquet: no run matches this pattern."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_is_one_line(place, capsys, arguments, said) -> None:
    Path("empty").mkdir()
    Path("other").mkdir()
    shutil.copy("runs/laptop.parquet", "other/laptop.parquet")
    assert main(["compare", *arguments]) == Exit.INPUT
    assert capsys.readouterr().err == f"{said}\n"


def test_runs_of_one_instant_that_differ_are_no_copies(place, capsys) -> None:
    """Simulated runs often all begin at one instant and send at one rate."""
    for seed in range(3):
        made(Path(f"s{seed}.parquet"), day=30)
    for seed, slower in enumerate((1.001, 1.002, 1.003)):
        made(Path(f"s{seed}.parquet"), day=30, slower=slower)
    found, _ = compared(capsys, "s0.parquet", "s1.parquet", "--history", "s2.parquet")
    assert used(found) == {"s2": True}


def test_ingest_and_condense_refuse_a_label_without_a_value(place, capsys) -> None:
    assert main(["condense", "run.parquet", "-o", "x", "--label", "baseline"]) == Exit.INPUT
    assert '"baseline" is not K=V' in capsys.readouterr().err
    assert not Path("x").exists()


def test_an_index_that_says_nonsense_is_measured_again(place, capsys) -> None:
    """Whoever can write into the folder can write the index: it is input like any other."""
    pack = place / "pack.yaml"
    pack.write_text("scenarios: [{scenario: o2c}]\n")
    before = open_library([place / "runs"]).records
    nonsense = [
        ("test_type", "no such"),
        ("started", "today"),
        ("requests", "many"),
        ("labels", []),
    ]
    entries = sorted((place / "runs" / ".perfreport").glob("*.json"))
    for entry, (key, value) in zip(entries, nonsense, strict=False):
        document = json.loads(entry.read_bytes())
        document["record"][key] = value
        entry.write_text(json.dumps(document))
    assert main(["history", "runs", "--sla", "pack.yaml"]) == Exit.OK
    assert "error" not in capsys.readouterr().err
    assert open_library([place / "runs"]).records == before


def test_a_damaged_run_of_a_folder_is_told_without_the_path_to_it(place, capsys) -> None:
    whole = (place / "run.parquet").read_bytes()
    damaged = whole[:2000] + bytes(len(whole) // 2) + whole[2000 + len(whole) // 2 :]
    (place / "runs" / "damaged.parquet").write_bytes(damaged)
    assert main(["history", "runs", "--format", "json"]) == Exit.OK
    document = json.loads(capsys.readouterr().out)
    (why,) = [each["why"] for each in document["apart"] if each["name"] == "damaged.parquet"]
    assert "cannot be read" in why
    assert str(place) not in why


@pytest.mark.parametrize("arguments", [["runs"], ["runs/day-7.parquet", "--history", "runs"]])
def test_a_run_that_is_lost_as_history_is_told(place, capsys, arguments: list[str]) -> None:
    (place / "runs" / "cut.parquet").write_bytes((place / "run.parquet").read_bytes()[:5000])
    document, _ = compared(capsys, *arguments, "run.parquet")
    (lost,) = [each for each in document["history"] if each["name"] == "cut.parquet"]
    assert not lost["used"]
    assert lost["why"].startswith("not a run file")

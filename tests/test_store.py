"""A run opens the same way from one file or a folder of parts, and nothing else opens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perfreport.errors import RunError
from perfreport.run.info import MetricInfo, Rejection, RunInfo, SourceInfo, TestType
from perfreport.run.schema import METRIC, REQUEST, SCHEMA, SCHEMA_VERSION, batch
from perfreport.run.store import joined, merged_info, open_run
from perfreport.run.writer import METADATA_KEY, RunWriter

FULL_INFO = RunInfo(
    system="ChiroERP",
    release="2.4.0",
    scenario="kenya_o2c",
    test_type=TestType.LOAD,
    environment="staging",
    labels={"build": "117", "Ort": "Zürich"},
    tool="k6",
    tool_version="1.1.0",
    start=datetime(2026, 11, 23, 8, 0, 0, 123456, UTC),
    end=datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    sources=[
        SourceInfo(
            name="a.json.gz",
            format="k6-json",
            size=17,
            sha256="00" * 32,
            rows=3,
            rejected=1,
            rejections=[Rejection(line=4, why="not JSON")],
            truncated=True,
        )
    ],
    metrics={"http_req_duration": MetricInfo(type="trend", unit="ms")},
    thresholds={"http_req_duration": ["p(95)<500"]},
)


def write(path: Path, info: RunInfo | None = None, rows: pa.RecordBatch | None = None) -> Path:
    writer = RunWriter(path)
    writer.write(rows or requests([1.0, 2.0, 3.0]))
    writer.finish(info or RunInfo())
    return path


def requests(durations: list[float], **more: object) -> pa.RecordBatch:
    columns = {"kind": REQUEST, "ts": 0, "name": "GET /", "duration_ms": durations}
    return batch(len(durations), columns | more)


def write_metadata(path: Path, metadata: dict[str, str], schema: pa.Schema = SCHEMA) -> Path:
    """A Parquet file without rows and with any metadata."""
    pq.write_table(schema.empty_table().replace_schema_metadata(metadata), path)
    return path


def test_the_info_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert open_run(write(tmp_path / "run.parquet", FULL_INFO)).info == FULL_INFO


def test_an_empty_info_comes_back_too(tmp_path: Path) -> None:
    assert open_run(write(tmp_path / "run.parquet", RunInfo())).info == RunInfo()


def test_every_column_comes_back_with_its_type(tmp_path: Path) -> None:
    rows = requests(
        [1.5],
        ts=pa.array([1], pa.int64()),
        method="GET",
        group="a/b",
        scenario="s",
        source="one",
        status=200,
        ok=True,
        error="none",
        sent_bytes=2**40,
        received_bytes=0,
        users=5.0,
        value=0.25,
        unit="ms",
        labels=[[("k", "v"), ("ö", "")]],
    )
    table = open_run(write(tmp_path / "run.parquet", rows=rows)).arrow()
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist() == pa.Table.from_batches([rows]).to_pylist()
    assert table.to_pylist()[0]["blocked_ms"] is None


def test_a_run_is_a_view_for_queries(tmp_path: Path) -> None:
    run = open_run(write(tmp_path / "run.parquet"))
    assert run.duckdb.sql("select count(*), max(duration_ms) from run").fetchall() == [(3, 3.0)]
    described = run.duckdb.sql("describe run").fetchall()
    assert [column[0] for column in described] == SCHEMA.names


def test_parts_open_as_one_run_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder / "part-0002.parquet", RunInfo(tool="JMeter"), requests([3.0]))
    write(folder / "part-0001.parquet", RunInfo(tool="k6"), requests([1.0, 2.0]))
    run = open_run(folder)
    assert run.info.tool == "k6 + JMeter"
    assert run.arrow()["duration_ms"].to_pylist() == [1.0, 2.0, 3.0]
    assert run.duckdb.sql("select sum(duration_ms) from run").fetchall() == [(6.0,)]


def test_parts_whose_dictionaries_differ_keep_their_values(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder / "a.parquet", rows=requests([1.0], name=["first"]))
    write(folder / "b.parquet", rows=requests([2.0], name=["second"]))
    run = open_run(folder)
    assert run.arrow()["name"].to_pylist() == ["first", "second"]
    assert run.duckdb.sql("select name from run order by name").fetchall() == [
        ("first",),
        ("second",),
    ]


@pytest.mark.parametrize(
    "name", ["a run.parquet", "it's.parquet", "run[1].parquet", "what?.parquet"]
)
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    run = open_run(write(tmp_path / name))
    assert run.duckdb.sql("select count(*) from run").fetchall() == [(3,)]
    assert run.name == name.removesuffix(".parquet")


def test_a_name_is_never_a_pattern(tmp_path: Path) -> None:
    write(tmp_path / "what1.parquet")
    run = open_run(write(tmp_path / "what?.parquet"))
    assert run.duckdb.sql("select count(*) from run").fetchall() == [(3,)]


def test_a_relative_path_is_found_after_the_folder_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "run.parquet")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    run = open_run("run.parquet")
    assert run.duckdb.sql("select count(*) from run").fetchall() == [(3,)]
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run.duckdb.sql("select count(*) from run").fetchall() == [(3,)]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('{secret}')",
        "select * from '{other}'",
        "copy (select 1) to '{out}'",
        "attach '{out}'",
        "set enable_external_access = true",
        "install httpfs",
        "load httpfs",
    ],
)
def test_queries_reach_nothing_but_the_run(tmp_path: Path, query: str) -> None:
    run = open_run(write(tmp_path / "run.parquet"))
    other = write(tmp_path / "other.parquet")
    secret, out = tmp_path / "secret.txt", tmp_path / "out.db"
    secret.write_text("secret")
    with pytest.raises(duckdb.Error):
        run.duckdb.sql(query.format(secret=secret, other=other, out=out)).fetchall()
    assert not out.exists()


def test_a_sort_larger_than_the_memory_spills_outside_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    work.mkdir()
    temporary.mkdir()
    path = write(tmp_path / "run.parquet")
    program = """
import duckdb, sys
from perfreport.run import store
connect = duckdb.connect
duckdb.connect = lambda config: connect(config=config | {"memory_limit": "50MB", "threads": 1})
run = store.open_run(sys.argv[1])
print(run.duckdb.sql(
    "select count(*), max(n) from "
    "(select range as n, hash(range)::varchar as text from range(1000000) order by text) where n >= 0"
).fetchall())
print(*run.duckdb.sql("select current_setting('temp_directory')").fetchall()[0])
"""
    # From a file: DuckDB takes `python -c` for interactive and draws a progress bar on stdout.
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(path)],
        cwd=work,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=True,
    )
    counted, folder = done.stdout.splitlines()
    assert counted == "[(1000000, 999999)]"
    assert Path(folder).parent == temporary
    assert list(work.iterdir()) == []
    assert list(temporary.iterdir()) == []  # and cleans up behind itself


def test_a_run_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"absent\.parquet: no such run"):
        open_run(tmp_path / "absent.parquet")


def test_a_folder_without_parts_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"without \.parquet files"):
        open_run(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"timeStamp,elapsed,label\n" * 100])
def test_a_file_of_another_kind_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.parquet"
    path.write_bytes(content)
    with pytest.raises(RunError, match="not a run file") as caught:
        open_run(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_cut_run_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "run.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunError, match="not a run file"):
        open_run(path)


def test_parquet_of_somebody_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a Parquet file, but not a run"):
        open_run(write_metadata(tmp_path / "other.parquet", {}))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": "one"}', '{"start": "then"}'])
def test_damaged_metadata_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(RunError, match="metadata is damaged"):
        open_run(write_metadata(tmp_path / "run.parquet", {METADATA_KEY: text}))


def test_a_newer_run_is_told_whatever_else_it_says(tmp_path: Path) -> None:
    newer = {"schema_version": SCHEMA_VERSION + 1, "test_type": "chaos", "sources": {}}
    path = write_metadata(tmp_path / "run.parquet", {METADATA_KEY: json.dumps(newer)})
    with pytest.raises(RunError, match=rf"newer perfreport \(schema {SCHEMA_VERSION + 1}"):
        open_run(path)


def test_a_key_that_a_later_version_adds_does_no_harm(tmp_path: Path) -> None:
    later = {"schema_version": SCHEMA_VERSION, "system": "ERP", "weather": "fair"}
    path = write_metadata(tmp_path / "run.parquet", {METADATA_KEY: json.dumps(later)})
    assert open_run(path).info.system == "ERP"


def test_missing_columns_are_told(tmp_path: Path) -> None:
    schema = SCHEMA.remove(SCHEMA.get_field_index("ok"))
    metadata = {METADATA_KEY: RunInfo().model_dump_json()}
    with pytest.raises(RunError, match="columns are not those of a run"):
        open_run(write_metadata(tmp_path / "run.parquet", metadata, schema))


def test_the_first_part_to_say_something_wins_and_times_span_all() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    first = RunInfo(system="one", labels={"a": "1"}, tool="k6", start=late, end=late)
    second = RunInfo(system="two", release="2", labels={"a": "2", "b": "2"}, tool="k6", start=early)
    merged = merged_info([first, second])
    assert (merged.system, merged.release) == ("one", "2")
    assert merged.labels == {"a": "1", "b": "2"}
    assert (merged.start, merged.end) == (early, late)
    assert merged.tool == "k6"
    assert first.release is None  # the parts stay as they were


def test_names_are_joined_once_each() -> None:
    assert joined(None, None) is None
    assert joined("k6", None) == "k6"
    assert joined("k6 + Prometheus", "Prometheus + JMeter") == "k6 + Prometheus + JMeter"


def test_a_batch_refuses_a_column_that_the_schema_lacks() -> None:
    with pytest.raises(KeyError, match=r"not columns of the schema: .'latency'."):
        batch(1, {"kind": METRIC, "ts": 0, "name": "x", "latency": 1.0})

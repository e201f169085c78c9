"""A run file appears whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perfreport.errors import RunError
from perfreport.run import writer as writer_module
from perfreport.run.info import RunInfo
from perfreport.run.schema import REQUEST, SCHEMA, batch
from perfreport.run.writer import RunWriter, whole_file

OLD = b"the file of yesterday"


def requests(count: int, first: int = 0) -> pa.RecordBatch:
    numbers = list(range(first, first + count))
    return batch(
        count,
        {
            "kind": REQUEST,
            "ts": pa.array([number * 1000 for number in numbers], pa.int64()),
            "name": [f"GET /{number % 3}" for number in numbers],
            "duration_ms": [float(number) for number in numbers],
        },
    )


def written(
    path: Path, *batches: pa.RecordBatch, fail_with: type[BaseException] | None = None
) -> Path:
    writer = RunWriter(path)
    for rows in batches:
        writer.write(rows)
    if fail_with:
        writer.abandon()
        raise fail_with
    writer.finish(RunInfo(system="test"))
    return path


@pytest.fixture(params=[False, True], ids=["new", "replacing"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a run is to be written: free, or taken by an older file."""
    path = tmp_path / "run.parquet"
    if request.param:
        path.write_bytes(OLD)
    return path


def assert_untouched(target: Path) -> None:
    """Either nothing is there, or the old file alone."""
    files = list(target.parent.iterdir())
    assert files == ([target] if target.exists() else [])
    assert all(file.read_bytes() == OLD for file in files)


def test_a_finished_file_replaces_what_was_there(target: Path) -> None:
    with whole_file(target) as part:
        written(part, requests(10))
    assert pq.read_table(target).num_rows == 10
    assert list(target.parent.iterdir()) == [target]


def test_the_target_stays_as_it_was_until_the_end(target: Path) -> None:
    before = target.exists()
    with whole_file(target) as part:
        part.write_bytes(b"half")
        assert target.exists() == before
        assert part.parent == target.parent  # a rename across file systems would not be atomic


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, MemoryError, SystemExit])
def test_any_failure_leaves_nothing_behind(target: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), whole_file(target) as part:
        written(part, requests(10), fail_with=failure)
    assert_untouched(target)


def test_a_failing_system_call_is_a_run_error(target: Path) -> None:
    with pytest.raises(RunError, match="cannot be written: No space left"), whole_file(target):
        raise OSError(28, "No space left on device")
    assert_untouched(target)


def test_the_file_has_the_ordinary_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        with whole_file(tmp_path / "run.parquet") as part:
            part.write_bytes(b"whole")
        assert os.umask(0o027) == 0o027  # left as it was
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "run.parquet").stat().st_mode) == 0o640


def test_a_missing_folder_is_a_run_error(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match="cannot be written: No such file"),
        whole_file(tmp_path / "absent" / "run.parquet"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_a_folder_is_a_run_error(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(RunError, match="cannot be written: Is a directory"), whole_file(folder):
        pass
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("keep_old", [False, True])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, keep_old: bool) -> None:
    """A limit on the size of files stands for the full disk: both make the write fail half way."""
    target = tmp_path / "run.parquet"
    if keep_old:
        target.write_bytes(OLD)
    program = textwrap.dedent(
        """
        import os, random, resource, signal, sys
        from pathlib import Path
        from perfreport.errors import RunError
        from perfreport.run.info import RunInfo
        from perfreport.run.schema import batch
        from perfreport.run.writer import RunWriter, whole_file

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        draw = random.Random(0)
        try:
            with whole_file(Path(sys.argv[1])) as part:
                writer = RunWriter(part)
                try:
                    for _ in range(20):
                        times = [draw.random() for _ in range(20_000)]
                        writer.write(batch(20_000, {
                            "kind": "request", "ts": 0, "name": "GET /", "duration_ms": times}))
                    writer.finish(RunInfo())
                except BaseException:
                    writer.abandon()
                    raise
        except RunError as error:
            print(error)
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(target)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(f"{target}: cannot be written")
    assert "File too large" in done.stdout
    assert_untouched(target)


def test_batches_of_any_size_become_row_groups_of_one_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_ROW_GROUP_ROWS", 1000)
    path = written(tmp_path / "run.parquet", *(requests(70, 70 * n) for n in range(50)))
    footer = pq.read_metadata(path)
    sizes = [footer.row_group(n).num_rows for n in range(footer.num_row_groups)]
    assert sum(sizes) == 3500
    assert set(sizes[:-1]) == {1050}
    assert pq.read_table(path)["duration_ms"].to_pylist() == [float(n) for n in range(3500)]


def test_a_run_without_rows_is_a_file_with_the_schema(tmp_path: Path) -> None:
    path = written(tmp_path / "run.parquet")
    assert pq.read_schema(path).names == SCHEMA.names
    assert pq.read_metadata(path).num_rows == 0

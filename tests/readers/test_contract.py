"""What every reader owes, over every file in sample_results/READER/; a new sample needs no edit here."""

import bz2
import gzip
import io
import random
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import zstandard

from perfreport import resources
from perfreport.errors import PerfReportError
from perfreport.readers import source as source_module
from perfreport.readers.reader import readers
from perfreport.readers.source import HEAD_SIZE, ReadOptions, Source
from perfreport.run import schema

ROOT = resources.folder("sample_results")
# Beside the samples stand their descriptions, the tools' own numbers, lists of queries, and
# answers that a reader has to refuse.
BESIDE = re.compile(r"README\.md|.*\.tool\.json|.*\.txt|queries\..*|.*truth\.json|.*/refused/.*")
KINDS = {
    value
    for name, value in vars(schema).items()
    if name in ("REQUEST", "SUBREQUEST", "TRANSACTION", "ITERATION", "CHECK", "USERS", "METRIC")
}
PLAIN = pa.schema(
    pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
    for field in schema.SCHEMA
)
STARTED = datetime(2026, 11, 23, tzinfo=UTC)  # of inputs that tell no time of day
EXCERPT = 256 * 1024  # of the larger samples: cut at 40 places they would take minutes


def samples() -> list[str]:
    found = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file())
    return sorted(
        name
        for name in found
        if not BESIDE.fullmatch(name) and not BESIDE.fullmatch(Path(name).name)
    )


SAMPLES = samples()
SMALLEST = sorted(
    {
        name.split("/")[0]: name
        for name in sorted(SAMPLES, key=lambda name: -(ROOT / name).stat().st_size)
    }.values()
)


@cache
def content(name: str) -> bytes:
    """The bytes of a sample as its tool wrote them, not compressed."""
    pieces = Source(io.BytesIO((ROOT / name).read_bytes()), name).blocks()
    return b"".join(pieces)


@cache
def excerpt(name: str) -> bytes:
    return content(name)[:EXCERPT]


def rows_of(name: str, data: bytes) -> tuple[pa.Table, Source]:
    """All rows of `data`, read by the reader of the sample `name`, with texts as texts."""
    source = Source(io.BytesIO(data), Path(name).name, ReadOptions(start=STARTED))
    batches = list(readers()[name.split("/")[0]].read(source))
    for batch in batches:
        assert batch.schema == schema.SCHEMA
        batch.validate(full=True)
    return pa.Table.from_batches(batches, schema.SCHEMA).cast(PLAIN), source


def rows_or_refusal(name: str, data: bytes) -> pa.Table | None:
    """The rows, or None where the reader says what is wrong; anything else is a crash."""
    try:
        return rows_of(name, data)[0]
    except PerfReportError:
        return None


def observed(table: pa.Table) -> pa.Table:
    """What was seen of single requests: users are counted over a second, which a cut shortens."""
    return table.filter(pc.not_equal(table["kind"], schema.USERS))


def assert_before_cut(cut: pa.Table, whole: pa.Table) -> None:
    """The rows are the first of all, but of the last one's message the end may be cut off.

    Where a format's records end in a message, nobody can tell whether one without its line end is
    whole; its numbers are.
    """
    rows = observed(cut)
    assert rows.num_rows <= whole.num_rows
    expected = whole.slice(0, rows.num_rows)
    if not rows.equals(expected):
        *before, last = rows.to_pylist()
        *expected_before, expected_last = expected.to_pylist()
        assert before == expected_before
        assert (expected_last["error"] or "").startswith(last["error"] or "")
        assert last | {"error": None} == expected_last | {"error": None}


def test_there_is_a_sample_of_every_reader_that_reads_files() -> None:
    assert {name.split("/")[0] for name in SAMPLES} <= set(readers())
    assert SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_exactly_one_reader_claims_a_sample(name: str) -> None:
    claims = [
        reader.name for reader in readers().values() if reader.sniff(content(name)[:HEAD_SIZE])
    ]
    assert claims == [name.split("/")[0]]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_whole_and_its_rows_make_sense(name: str) -> None:
    table, source = rows_of(name, content(name))
    killed = Path(name).name.startswith("killed")
    assert table.num_rows > 0
    assert source.rejected <= killed
    assert source.truncated is killed
    assert set(table["kind"].unique().to_pylist()) <= KINDS
    assert pc.min(pc.utf8_length(table["name"])).as_py() > 0
    assert (pc.max(pc.utf8_length(table["error"])).as_py() or 0) <= schema.ERROR_LENGTH
    assert (pc.min(table["duration_ms"]).as_py() or 0) >= 0
    assert not pc.any(pc.is_nan(table["duration_ms"])).as_py()
    for kind, column in ((schema.USERS, "users"), (schema.METRIC, "value"), (schema.CHECK, "ok")):
        of_kind = table.filter(pc.equal(table["kind"], kind))
        assert of_kind[column].null_count == 0, f"{kind} without {column}"


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress, bz2.compress])
def test_compression_changes_nothing(name: str, compress) -> None:
    plain, _ = rows_of(name, excerpt(name))
    packed, source = rows_of(name, compress(excerpt(name)))
    assert packed.equals(plain)
    assert source.info("x", 0).size == len(compress(excerpt(name)))


@pytest.mark.parametrize("name", SAMPLES)
def test_it_does_not_matter_where_a_block_of_bytes_ends(name: str, monkeypatch) -> None:
    plain, before = rows_of(name, excerpt(name))
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 997)
    monkeypatch.setattr(source_module, "_BITE", 331)
    monkeypatch.setattr(source_module, "HEAD_SIZE", 512)
    pieces, after = rows_of(name, excerpt(name))
    assert pieces.equals(plain)
    assert after.rejections == before.rejections


@pytest.mark.parametrize("name", SAMPLES)
def test_a_cut_sample_gives_the_rows_before_the_cut(name: str) -> None:
    whole = observed(rows_of(name, excerpt(name))[0])
    chosen = random.Random(name)
    for _ in range(40):
        cut = chosen.randrange(len(excerpt(name)))
        rows = rows_or_refusal(name, excerpt(name)[:cut])
        if rows is not None:
            assert_before_cut(rows, whole)


@pytest.mark.parametrize("name", SMALLEST)
def test_no_place_of_a_cut_is_a_crash(name: str) -> None:
    start = 0
    for cut in range(min(1500, len(content(name)))):
        rows = rows_or_refusal(name, content(name)[:cut])
        count = 0 if rows is None else observed(rows).num_rows
        assert count >= start or rows is None, f"byte {cut} took a row away"
        start = count


@pytest.mark.parametrize("name", SAMPLES)
def test_a_compressed_sample_may_be_cut_anywhere(name: str) -> None:
    packed = gzip.compress(excerpt(name), 1)
    whole = observed(rows_of(name, excerpt(name))[0])
    chosen = random.Random(name)
    for _ in range(5):
        rows = rows_or_refusal(name, packed[: chosen.randrange(len(packed))])
        if rows is not None:
            assert_before_cut(rows, whole)


@pytest.mark.parametrize("name", SAMPLES)
def test_flipped_bytes_are_never_a_crash(name: str) -> None:
    chosen = random.Random(name)
    start = chosen.randrange(max(1, len(excerpt(name)) - 16_000))
    for damage in (1, 1, 1, 1, 2, 3, 5, 10, 30, 100, 300):
        data = bytearray(excerpt(name))
        near = min(len(data), start + 16_000) if damage < 100 else len(data)
        for _ in range(damage):
            data[chosen.randrange(start, near)] = chosen.randrange(256)
        rows_or_refusal(name, bytes(data))


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_inside_compressed_data_is_never_a_crash(name: str) -> None:
    chosen = random.Random(name)
    for compress in (gzip.compress, zstandard.compress, bz2.compress):
        data = bytearray(compress(excerpt(name)))
        for _ in range(3):
            data[chosen.randrange(4, len(data))] = chosen.randrange(256)
        rows_or_refusal(name, bytes(data))

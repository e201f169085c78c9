"""Each question is one SQL file that says what it asks, what it needs and what it gives."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import perfreport
from perfreport import query, resources
from perfreport.run.info import RunInfo
from perfreport.run.schema import batch
from perfreport.run.store import Run, open_run
from perfreport.run.writer import RunWriter

PACKAGE = Path(perfreport.__file__).parent
QUESTIONS = sorted(path.stem for path in (PACKAGE / "sql").glob("*.sql"))

# A value for every $parameter that a question may have.
PARAMETERS: dict[str, Any] = {
    "start": datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    "end": datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    "bin_s": 10.0,
    "cell_s": 10.0,
    "kind": "request",
    "by": "name",
    "only": "all",
    "names": ["heap"],
    "satisfied_ms": 500.0,
    "tolerated_ms": 1500.0,
    "keys": ["country"],
    "measure": "duration",
    "quantiles": [0.5, 0.95],
    "most": 3,
}

_TEXT = pa.nulls(1, pa.string())

# An Arrow table for every name that a question reads beside `run`.
TABLES = {
    "subjects": pa.table(
        {
            "subject": ["all"],
            "kind": ["request"],
            "name": ["GET /"],
            "scenario": pa.nulls(1, pa.string()),
            "outermost": [True],
        }
    ),
    "members": pa.table(
        {
            "pool": [0],
            "kind": ["request"],
            "name": ["GET /"],
            "group": _TEXT,
            "scenario": _TEXT,
            "method": _TEXT,
            "status": pa.nulls(1, pa.int16()),
            "ok": pa.nulls(1, pa.bool_()),
            "phased": [False],
            "tags": pa.array([[None]], pa.list_(pa.string())),
        }
    ),
    "wanted": pa.table(
        {
            "pool": [0, 0],
            "rank": pa.array([1, None], pa.int64()),
            "limit_ms": pa.array([None, 20.0], pa.float64()),
        }
    ),
    "users": pa.table(
        {
            "name": ["users"],
            "source": ["one"],
            "scenario": pa.nulls(1, pa.string()),
            "outermost": [True],
            "at_s": [0],
            "users": [5.0],
        }
    ),
}

every_question = pytest.mark.parametrize("question", QUESTIONS)


@dataclass(frozen=True)
class Header:
    question: str
    needs: str
    gives: str

    @property
    def parameters(self) -> set[str]:
        return set(re.findall(r"\$(\w+)", self.needs))

    @property
    def columns(self) -> list[str]:
        return [name.strip().strip('"') for name in self.gives.split(";")[0].split(",")]


def header_of(question: str) -> Header:
    """The comment at the top of a question; a line indented by six goes on with the one before."""
    comments: list[str] = []
    for line in (PACKAGE / "sql" / f"{question}.sql").read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        if line.startswith("--      "):
            comments[-1] += " " + line[2:].strip()
        else:
            comments.append(line)
    asked = [line[3:] for line in comments if not line.startswith(("-- in   ", "-- out  "))]
    needs = [line[8:] for line in comments if line.startswith("-- in   ")]
    gives = [line[8:] for line in comments if line.startswith("-- out  ")]
    assert len(needs) == len(gives) == 1, f"{question}.sql: one `-- in   ` and one `-- out  `"
    return Header(" ".join(asked), needs[0], gives[0])


def written(path: Path, *columns: dict[str, Any]) -> Run:
    """A run of one row per mapping, on a clock within the window of PARAMETERS."""
    writer = RunWriter(path)
    for row in columns:
        writer.write(batch(1, {"ts": [PARAMETERS["start"]], "name": "GET /", **row}))
    writer.finish(RunInfo())
    return open_run(path)


def answer(run: Run, question: str) -> Any:
    return query.ask(
        run, question, TABLES, **{name: PARAMETERS[name] for name in query.parameters_of(question)}
    )


@every_question
def test_the_header_asks_a_question(question: str) -> None:
    assert header_of(question).question.rstrip().endswith("?")


@every_question
def test_the_header_names_the_parameters(question: str) -> None:
    assert header_of(question).parameters == query.parameters_of(question)


@every_question
def test_the_header_says_what_a_row_is(question: str) -> None:
    assert "; a row per " in header_of(question).gives


@every_question
def test_an_empty_run_gives_the_promised_columns(question: str, tmp_path: Path) -> None:
    run = written(tmp_path / "run.parquet")
    assert answer(run, question).column_names == header_of(question).columns


@every_question
def test_rows_with_nothing_but_what_is_required_do_no_harm(question: str, tmp_path: Path) -> None:
    """All that a tool may leave out is null at once."""
    kinds = ["request", "subrequest", "transaction", "iteration", "check", "users", "metric"]
    run = written(tmp_path / "run.parquet", *({"kind": kind} for kind in kinds))
    assert answer(run, question).column_names == header_of(question).columns


@every_question
def test_the_answer_has_a_total_order(question: str) -> None:
    text = (PACKAGE / "sql" / f"{question}.sql").read_text(encoding="utf-8")
    assert re.search(r"^order by ", text, re.MULTILINE)


@every_question
def test_keywords_are_lowercase(question: str) -> None:
    text = (PACKAGE / "sql" / f"{question}.sql").read_text(encoding="utf-8")
    code = re.sub(r"--.*|'[^']*'", "", text)
    assert re.findall(r"\b(?:SELECT|FROM|WHERE|GROUP|ORDER|WITH|AS|AND|JOIN)\b", code) == []


def test_every_question_is_asked_by_some_module() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert [question for question in QUESTIONS if f'"{question}"' not in code] == []


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of k6 with requests, checks, users and metrics, and a series of a server."""
    path = tmp_path_factory.mktemp("recording") / "short.parquet"
    samples = resources.folder("sample_results")
    inputs = [
        samples / "k6-json/short.json.gz",
        samples / "prometheus-json/kafka_lag_by_topic.json",
    ]
    return open_run(perfreport.ingest(inputs, path).path)


@every_question
def test_the_answer_about_a_recording_is_the_reviewed_one(
    question: str, recording: Run, golden: Callable[[str, str], None]
) -> None:
    span = {"start": recording.info.start, "end": recording.info.end}
    parameters = (
        PARAMETERS
        | span
        | {
            "cell_s": 60.0,
            "names": ["errors", "invoice_queue_depth"],
        }
    )
    pooled = query.ask(recording, "names").select(["kind", "name", "scenario", "outermost"])
    tables = {
        "subjects": pooled.append_column("subject", pooled["kind"]),
        "users": query.ask(recording, "users", **span),
        "members": members(recording),
        "wanted": TABLES["wanted"],
    }
    given = {name: parameters[name] for name in query.parameters_of(question)}
    rows = query.ask(recording, question, tables, **given).to_pylist(maps_as_pydicts="strict")
    assert rows
    golden(f"sql/{question}.jsonl", "".join(f"{as_json(row)}\n" for row in rows))


def members(recording: Run) -> pa.Table:
    """A pool of the requests of each outcome."""
    sorts = query.ask(recording, "strata", keys=PARAMETERS["keys"])
    requests = sorts.filter(pc.equal(sorts["kind"], "request")).drop_columns(["rows"])
    return requests.append_column("pool", requests["ok"].cast(pa.int64()))


def as_json(row: dict[str, Any]) -> str:
    """A row on one line; sums of floats differ in their last digits with the order of threads."""
    rounded = {
        name: float(f"{value:.10g}") if isinstance(value, float) else value
        for name, value in row.items()
    }
    return json.dumps(rounded, default=str, ensure_ascii=False)


LOOKS_LIKE_SQL = re.compile(
    r"\bselect\b.+\bfrom\b|\binsert\s+into\b|\bcreate\s+(?:table|view)\b|\bcopy\b.+\bto\s+'|\border\s+by\b",
    re.IGNORECASE | re.DOTALL,
)


INFLUXQL = PACKAGE / "readers" / "influxdb.py"  # asks InfluxDB, in a language that no shell runs


@pytest.mark.parametrize(
    "module",
    sorted(set(PACKAGE.rglob("*.py")) - {INFLUXQL}),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_sql_in_python(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documentation = {id(text) for text in docstrings(tree)}
    found = [
        f"line {node.lineno}: {node.value[:60]!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
        and LOOKS_LIKE_SQL.search(node.value)
    ]
    assert found == []


def docstrings(tree: ast.AST) -> list[ast.Constant]:
    """The constants that stand alone as a statement."""
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]

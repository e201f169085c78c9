"""Asks a run a question: runs one file of `sql/`, binds its $parameters, returns Arrow or rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from perfreport import resources
from perfreport.errors import QueryError, RunError
from perfreport.run.store import Run

Row = TypeVar("Row")


def ask(
    run: Run, question: str, tables: Mapping[str, pa.Table] | None = None, **parameters: Any
) -> pa.Table:
    """The answer of `sql/QUESTION.sql` about a run.

    tables      Arrow tables that the question reads beside `run`, by name
    parameters  values of its $parameters

    Raises RunError for a file of the run that is damaged or gone.
    """
    connection = run.duckdb.cursor()
    for name, table in (tables or {}).items():
        connection.register(name, table)
    try:
        return connection.sql(_text(question), params=parameters or None).to_arrow_table()
    except _UNREADABLE as error:
        raise _unreadable(run, error) from error


def rows(run: Run, question: str, row: type[Row], **parameters: Any) -> list[Row]:
    """The answer as frozen rows; the SQL's columns are the fields of `row`."""
    return [
        row(**values)
        for values in ask(run, question, **parameters).to_pylist(maps_as_pydicts="strict")
    ]


def ask_text(run: Run, sql: str) -> pa.Table:
    """The answer of one query that the user wrote; QueryError with DuckDB's own words if it fails."""
    try:
        answer = run.duckdb.cursor().sql(sql)
        if answer is None:
            raise QueryError("the query gives no rows. Write a select on the table run.")
        if repeated := [name for name, n in Counter(answer.columns).items() if n > 1]:
            raise QueryError(f'two columns are called "{repeated[0]}". Name one with `as`.')
        return answer.to_arrow_table()
    except _UNREADABLE as error:
        raise _unreadable(run, error) from error
    except duckdb.Error as error:
        raise QueryError(f"the query does not run: {str(error).strip()}") from error


# A damaged page is an invalid input, one beyond the end of the file is of the file system.
_UNREADABLE = (duckdb.IOException, duckdb.InvalidInputException)


def _unreadable(run: Run, error: duckdb.Error) -> RunError:
    why = str(error).splitlines()[0].rstrip(".")
    for (
        part
    ) in run.parts:  # DuckDB names the file by its whole path, which is nobody else's business
        why = why.replace(str(part), part.name)
    return RunError(f"{run.path}: cannot be read ({why}). Ingest the inputs again.")


@cache
def _text(question: str) -> str:
    return resources.sql(question)


def parameters_of(question: str) -> set[str]:
    """The names of a question's $parameters."""
    code = re.sub(r"--.*", "", _text(question))
    return set(re.findall(r"\$(\w+)", code))

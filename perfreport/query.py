"""Asks a run a question: runs one file of `sql/`, binds its $parameters, returns Arrow or rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from perfreport import resources
from perfreport.errors import QueryError
from perfreport.run.store import Run

Row = TypeVar("Row")


def ask(
    run: Run, question: str, tables: Mapping[str, pa.Table] | None = None, **parameters: Any
) -> pa.Table:
    """The answer of `sql/QUESTION.sql` about a run.

    tables      Arrow tables that the question reads beside `run`, by name
    parameters  values of its $parameters
    """
    connection = run.duckdb.cursor()
    for name, table in (tables or {}).items():
        connection.register(name, table)
    return connection.sql(_text(question), params=parameters or None).to_arrow_table()


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
        return answer.to_arrow_table()
    except duckdb.Error as error:
        raise QueryError(f"the query does not run: {str(error).strip()}") from error


@cache
def _text(question: str) -> str:
    return resources.sql(question)


def parameters_of(question: str) -> set[str]:
    """The names of a question's $parameters."""
    code = re.sub(r"--.*", "", _text(question))
    return set(re.findall(r"\$(\w+)", code))

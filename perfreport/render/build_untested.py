"""Rows of the requirement table for tests that were not handed in."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from perfreport.judge.findings import ObjectiveFinding
from perfreport.render.build_finding import (
    limit_of,
    requirement_name,
    test_name,
)
from perfreport.render.build_text import (
    anchor,
    unique,
)
from perfreport.render.model import Link, Requirement
from perfreport.sla.model import Pack

_FOLD = 2  # more untested rows of one test than this become one row


def untested_rows(
    pack: Pack, findings: list[ObjectiveFinding]
) -> tuple[tuple[Requirement, ...], list[str]]:
    """A row for each test that was not handed in, and the sentences of what each stands for."""
    rows, folded = [], []
    ordered = sorted(findings, key=lambda each: (test_name(pack, each), each.id))
    for test, members in groupby(ordered, key=lambda each: test_name(pack, each)):
        group = list(members)
        if len(group) <= _FOLD:
            rows += [_untested(requirement_name(each), test, limit_of(each), "") for each in group]
            continue
        name = f"{len(group)} requirements of {test or 'the pack'}"
        rows.append(_untested(name, test, "", "#untested"))
        names = "; ".join(f"{requirement_name(each)} {limit_of(each)}" for each in group)
        folded.append(f"{test or 'Without a scenario'}: {names}.")
    ids = unique(row.id for row in rows)
    return tuple(replace(row, id=row_id) for row, row_id in zip(rows, ids, strict=True)), folded


def _untested(name: str, test: str, limit: str, href: str) -> Requirement:
    return Requirement(
        id=f"r_untested_{anchor(test, name)}",
        name=Link(href, name),
        remark="",
        title="",
        test=test,
        run="",
        samples="",
        measured="",
        limit=limit,
        bar=None,
        margin="no run handed in",
        baseline="",
        change="",
        interval="",
    )

"""Which ways to fail are new in a run?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from perfreport.judge.findings import NewFailure
from perfreport.judge.side import Side

Kind = tuple[int | None, str | None]

_AT_LEAST = 5  # times; fewer are an accident
_MORE = 5.0  # times the baseline's rate: rates of one system differ by a third from run to run
_LEVEL = 0.001  # one-sided; there are a few kinds in each of many endpoints
_HTTP_ERROR = re.compile(r"[45]\d\d")
_CODE = r"\b[A-Z]{1,8}-?\d{1,5}\b"  # ORA-00060, E1001: another number is another error
_UUID = r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
_IDS = re.compile(
    rf"(?P<kept>{_CODE})|{_UUID}|\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{{8,}}\b|\d+"
)


@dataclass
class _Count:
    """How often a kind came, and the message that most of them had."""

    count: int = 0
    example: str | None = None
    most: int = 0

    def add(self, count: int, error: str | None) -> None:
        self.count += count
        if count > self.most:
            self.most, self.example = count, error


def new_failures(name: str, baselines: Sequence[Side], run: Side) -> tuple[NewFailure, ...]:
    """Failures of an endpoint that the baselines do not have, or at less than a fifth of the rate.

    Each kind is tested alone: given how many there are on both sides, so many in the run would come
    by chance in one of a thousand (conditional test of two Poisson rates, Przyborowski and Wilenski
    1940). Messages that differ in numbers and ids only are one kind. The most frequent first.
    """
    ours = _counted(name, [run])
    if not ours:
        return ()
    theirs = _counted(name, baselines)
    requests = _requests(name, [run])
    before = _requests(name, baselines)
    found = [
        NewFailure(status, kind.example, kind.count, kind.count / requests)
        for (status, error), kind in ours.items()
        if requests and _is_new(kind.count, _known(theirs, status, error), requests, before)
    ]
    return tuple(sorted(found, key=lambda each: (-each.count, each.status or 0, each.error or "")))


def _counted(name: str, sides: Sequence[Side]) -> dict[Kind, _Count]:
    kinds: dict[Kind, _Count] = {}
    for side in sides:
        for row in side.failures_of(name):
            kind = (row.status, None if row.error is None else normalised(row.error))
            kinds.setdefault(kind, _Count()).add(row.count, row.error)
    return kinds


def normalised(error: str) -> str:
    """A message without what changes from request to request: numbers, hex, UUIDs.

    >>> normalised("order 4711 at 10.0.0.7:54312 failed: ORA-00060"), normalised("status 503")
    ('order # at #.#.#.#:# failed: ORA-00060', 'status 503')
    """

    def replaced(match: re.Match[str]) -> str:
        text = match[0]
        return text if match["kept"] or _HTTP_ERROR.fullmatch(text) else "#"

    return _IDS.sub(replaced, error)


def _requests(name: str, sides: Sequence[Side]) -> int:
    return sum(side.endpoints[name].count for side in sides if name in side.endpoints)


def _known(theirs: dict[Kind, _Count], status: int | None, error: str | None) -> int:
    """How often the baselines failed like this; rare messages are kept as their status alone."""
    kinds = {(status, error), (status, None)}
    return sum(theirs[kind].count for kind in kinds if kind in theirs)


def _is_new(count: int, known: int, requests: int, before: int) -> bool:
    if count < _AT_LEAST or not before or count * before < _MORE * known * requests:
        return False
    share = requests / (requests + before)
    return float(stats.binom.sf(count - 1, count + known, share)) < _LEVEL

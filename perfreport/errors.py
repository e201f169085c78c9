"""One tree of errors, each with the exit code that it means."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class Exit(IntEnum):
    """What an exit code says; the same list stands in `perfreport --help`."""

    OK = 0
    CRASH = 1  # Python's own: a crash must never look like a verdict
    INPUT = 2  # bad usage or bad input; nothing was written
    WANTING = 3  # judged and found wanting: not ready, regressed, not reconciled
    UNDECIDED = 4  # not enough data to say
    INTERRUPTED = 130


class PerfReportError(Exception):
    """Anything that a user can mend: one or two lines of what, where and what to do."""

    exit_code = Exit.INPUT


class InputError(PerfReportError):
    """An input file, folder or server cannot be read, or holds nothing to read."""


class RunError(PerfReportError):
    """A run file is missing, is not one of ours, or cannot be written."""


class SlaError(PerfReportError):
    """An SLA pack cannot be read, or says something that the language does not know."""


class PluginError(PerfReportError):
    """A reader of another package cannot be loaded, or crashed: a bug there, never a verdict."""

    exit_code = Exit.CRASH


class QueryError(PerfReportError):
    """A query that the user wrote does not run."""


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean "x"?` for the known word nearest to `word`, or an empty string."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f' Did you mean "{close[0]}"?' if close else ""

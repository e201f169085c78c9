"""The command line: one file a command, each a door to one library call."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO, cast

import click

from perfreport import __version__
from perfreport.cli import (
    check,
    compare,
    condense,
    demo,
    history,
    ingest,
    reconcile,
    report,
    sql,
    summary,
    trends,
)
from perfreport.cli.common import Flags, error_console, flag_options, say
from perfreport.errors import Exit, PerfReportError

_EXIT_CODES = """\b
Exit codes:
  0    all well
  1    internal error, never a verdict
  2    bad usage or bad input; nothing was written
  3    judged and found wanting: not ready, regressed, not reconciled
  4    undecided; --undecided pass|fail folds it into 0 or 3
  130  interrupted
Only check, compare and reconcile use 3 and 4.

\b
perfreport demo
"""


class _InOrder(click.Group):
    """Lists the commands in the order of the work, not of the alphabet."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrder,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@flag_options
@click.version_option(__version__, prog_name="perfreport")
def cli() -> None:
    """Turn load test results into a verdict that a readiness review can trust."""


for _module in (
    ingest,
    summary,
    check,
    compare,
    history,
    trends,
    condense,
    report,
    reconcile,
    sql,
    demo,
):
    cli.add_command(_module.command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    with _patient_output():
        return _exit_code(arguments)


def _exit_code(arguments: Sequence[str] | None) -> int:
    flags = Flags()
    # A killed ingest cleans up like one that was interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = cli.main(arguments, prog_name="perfreport", standalone_mode=False, obj=flags)
        sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.Abort:
        error_console(flags).print("interrupted")
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PerfReportError as error:
        if flags.debug:
            traceback.print_exc()
        say(f"error: {error}", flags, style="red")
        return error.exit_code
    except RuntimeError as error:
        if "interrupt" not in str(error).lower():  # DuckDB's word for Ctrl-C inside a query
            raise
        error_console(flags).print("interrupted")
        return Exit.INTERRUPTED
    except OSError as error:  # of a path or a stream of the user's: no permission, a name too long
        if flags.debug:
            traceback.print_exc()
        what = error.filename or "output"
        say(f"error: {what}: {error.strerror or error}.", flags, style="red")
        return Exit.INPUT


class _Patient:
    """Standard output whose reader may go away, as `head` does: what is left is for nobody.

    The command goes on to its end, for its exit code is a verdict that a pipe must not change.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._patience():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._patience():
            self._stream.flush()

    @contextmanager
    def _patience(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _patient_output() -> Iterator[None]:
    stream = sys.stdout
    sys.stdout = cast(TextIO, _Patient(stream))
    try:
        yield
    finally:
        sys.stdout = stream

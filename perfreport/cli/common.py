"""What several commands share: arguments, options, consoles, notes and progress."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

F = TypeVar("F", bound=Callable[..., Any])

RUN = click.Path(path_type=Path)
WINDOW_HELP = "steady (default), all, or FROM..TO: offsets such as 5m..95m, or RFC 3339 times."


class Command(click.Command):
    """A command whose help ends in the line to paste, which is its docstring's last paragraph."""

    def format_help_text(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        text, _, _ = (self.help or "").rpartition("\b\n")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(inspect.cleandoc(text).strip())

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        _, _, line = (self.help or "").rpartition("\b\n")
        formatter.write(f"\n  {line.strip()}\n")


@dataclass
class Flags:
    """--quiet and --debug, wherever they stand on the line."""

    quiet: bool = False
    debug: bool = False

    @classmethod
    def current(cls) -> Flags:
        return click.get_current_context().ensure_object(cls)


def flag_options(command: F) -> F:
    """--quiet and --debug."""
    for name, text in (
        ("debug", "Show the traceback of an error."),
        ("quiet", "No notes and no progress, errors only."),
    ):
        command = click.option(
            f"--{name}", is_flag=True, is_eager=True, expose_value=False, callback=_raise_flag, help=text
        )(command)  # fmt: skip
    return command


def _raise_flag(context: click.Context, option: click.Parameter, given: bool) -> None:
    if given and option.name:
        setattr(context.ensure_object(Flags), option.name, True)


def format_option(*formats: str) -> Callable[[F], F]:
    """--format with the first of `formats` as the default."""
    return click.option(
        "--format", "fmt", type=click.Choice(formats), default=formats[0], show_default=True,
        help="How to print the result.",
    )  # fmt: skip


def output_option(command: F) -> F:
    """-o FILE for the result itself."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path), help="Write to FILE instead of stdout; - is stdout."
    )(command)  # fmt: skip


def sla_option(required: bool = False) -> Callable[[F], F]:
    """--sla PATH."""
    return click.option(
        "--sla", type=click.Path(path_type=Path), required=required,
        help="SLA pack: a YAML file or a folder of them.",
    )  # fmt: skip


def undecided_option(command: F) -> F:
    """--undecided."""
    return click.option(
        "--undecided", type=click.Choice(["pass", "fail"]),
        help="Exit with 0 or 3 instead of 4 where the data cannot tell.",
    )(command)  # fmt: skip


def label_option(command: F) -> F:
    """--label K=V, repeated; `labels_of` reads them."""
    return click.option(
        "--label", "labels", multiple=True, metavar="K=V",
        help="Anything else worth keeping; baseline=TAG pins the run as a baseline.",
    )(command)  # fmt: skip


def labels_of(labels: Sequence[str]) -> dict[str, str]:
    """What was given as --label."""
    for label in labels:
        if not all(label.partition("=")):
            raise click.BadParameter(f'"{label}" is not K=V', param_hint="--label")
    return {key: value for key, _, value in (label.partition("=") for label in labels)}


def output_console(width: int | None = None) -> Console:
    """stdout, 80 columns wide where it is not a terminal; NO_COLOR is honoured by rich."""
    if width is None and not sys.stdout.isatty():
        width = 80
    return Console(width=width, highlight=False, markup=False, emoji=False)


def error_console(flags: Flags) -> Console:
    """stderr, for notes and errors; lines are never broken, so that they can be searched."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def tell(notes: Sequence[str], level: str = "note") -> None:
    """Notes to stderr, unless --quiet."""
    flags = Flags.current()
    if not flags.quiet:
        for note in notes:
            say(f"{level}: {note}", flags, style="yellow" if level == "note" else "green")


def say(text: str, flags: Flags, style: str) -> None:
    """Lines to stderr, without control characters: parts of them come from input."""
    from perfreport.render.table import printable

    lines = "\n".join(map(printable, text.split("\n")))
    error_console(flags).print(lines, style=style)


def emit(text: str, output: Path | None, inputs: Sequence[Path] = ()) -> None:
    """The result to stdout, or whole or not at all to a file, which may be none of the inputs."""
    if output is None or str(output) == "-":
        click.echo(text, nl=False)
        return
    from perfreport.run.writer import whole_file

    refuse_inputs(output, inputs)
    with whole_file(output) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def refuse_inputs(output: Path, inputs: Sequence[Path]) -> None:
    """Raise a usage error where writing `output` would destroy what was read."""
    for given in inputs:
        files = [given, *given.iterdir()] if given.is_dir() else [given]
        if output.exists() and any(file.exists() and file.samefile(output) for file in files):
            raise click.UsageError(f"-o {output} is one of the inputs. Choose another file.")


@contextmanager
def progress(total_bytes: int, what: str) -> Iterator[Callable[[int], None]]:
    """A bar on stderr that counts bytes; only on a terminal, never with --quiet."""
    flags = Flags.current()
    console = error_console(flags)
    bar = Progress(
        what, BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=flags.quiet or not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task(what, total=total_bytes or None)
        yield lambda count: bar.advance(task, count)

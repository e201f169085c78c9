"""A comparison for the terminal and as JSON: what changed, what is undecided, the rest in a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from perfreport.judge.findings import Change, ChangeVerdict, Comparison
from perfreport.render import json
from perfreport.render.change_words import (
    VERDICT_WORDS,
    Endpoint,
    change_text,
    decide_text,
    failures_text,
    history_lines,
    interval_text,
    open_errors_text,
    reasons,
    row_word,
    sd_line,
    statistic_word,
    sure_text,
    told,
    value_text,
)
from perfreport.render.compare_markdown import as_markdown
from perfreport.render.names import short_names, wrapped
from perfreport.render.table import captured, printable

__all__ = ["as_json", "as_markdown", "as_text", "for_terminal"]

_STYLES: dict[ChangeVerdict | None, str] = {
    ChangeVerdict.REGRESSED: "bold red",
    ChangeVerdict.IMPROVED: "green",
    ChangeVerdict.INCONCLUSIVE: "yellow",
}
_HEADINGS = ("", "baseline", "run", "change", "90 % interval", "")
_INDENT = 2
_MOST_CHANGED, _MOST_UNDECIDED = 30, 8  # endpoints; every row stands in the other formats
_MOST_NOT_COMPARABLE = 3  # figures of runs that cannot be compared say little
_NAME_IN_TEXT = 44  # of an endpoint that is only named
_NAMES_LENGTH = 230  # about three lines
_LEFT_OUT_SHOWN = 5


def as_json(comparison: Comparison) -> str:
    """The document of the contract."""
    return json.document(json.plain(comparison))


def as_text(comparison: Comparison) -> str:
    """The terminal's output as plain text, for a file."""
    return captured(lambda console: for_terminal(comparison, console), width=80)


def for_terminal(comparison: Comparison, console: Console) -> None:
    """Verdict and reasons; then what changed, what is undecided, and all else in one line."""
    console.print(
        VERDICT_WORDS[comparison.verdict], style=_STYLES.get(comparison.verdict) or "bold"
    )
    for n, line in enumerate(reasons(comparison)):
        _paragraph(console, line, "  " if n == 0 else "  doubt: ", style="" if n == 0 else "yellow")
    groups = told(comparison)
    is_comparable = comparison.verdict is not ChangeVerdict.NOT_COMPARABLE
    changed = groups.changed[:_MOST_CHANGED]
    undecided = groups.undecided[: _MOST_UNDECIDED if is_comparable else _MOST_NOT_COMPARABLE]
    table = _Rows([row for endpoint in (*changed, *undecided) for row in endpoint.rows])
    names = short_names((row.name for row in comparison.comparisons), console.width)
    if changed or undecided:
        console.print()
        console.print(table.heading, style="dim")
    for endpoint in changed:
        _print_endpoint(endpoint, names[endpoint.name], table, console)
    _print_more(len(groups.changed) - len(changed), "changed", console)
    if undecided and changed:
        console.print()
    for endpoint in undecided:
        _print_endpoint(endpoint, names[endpoint.name], table, console)
    _print_more(len(groups.undecided) - len(undecided), "undecided", console)
    console.print()
    _print_names(
        open_errors_text(groups.open_errors), [r.name for r in groups.open_errors], console
    )
    unchanged = len(groups.unchanged)
    noun = "endpoint" if unchanged == 1 else "endpoints"
    _print_names(f"{unchanged:,} {noun} unchanged", groups.unchanged, console)
    for line in (sd_line(comparison), *_cut_list(history_lines(comparison))):
        _paragraph(console, line, style="dim")


class _Rows:
    """Rows in columns that are as wide as their widest cell."""

    def __init__(self, rows: Sequence[Change]) -> None:
        cells = [_HEADINGS, *(_cells(row) for row in rows)]
        self._widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]

    @property
    def heading(self) -> str:
        return self._line(_HEADINGS)

    def line(self, row: Change) -> Text:
        *_, word = cells = _cells(row)
        line = Text(self._line(cells))
        line.highlight_words([word] if word else [], _STYLES.get(row.verdict, ""))
        return line

    def _line(self, cells: Sequence[str]) -> str:
        first, *numbers, word = cells
        parts = [first.ljust(self._widths[0])]
        parts += [
            " " * (width - cell_len(cell)) + cell
            for cell, width in zip(numbers, self._widths[1:-1], strict=True)
        ]
        return (" " * _INDENT + "  ".join([*parts, word])).rstrip()


def _cells(row: Change) -> tuple[str, ...]:
    return (
        printable(statistic_word(row))[:10],
        value_text(row, row.baseline),
        value_text(row, row.run),
        change_text(row, row.change),
        interval_text(row),
        row_word(row.verdict),
    )


def _print_endpoint(endpoint: Endpoint, name: str, table: _Rows, console: Console) -> None:
    """Its name, a line for each statistic that matters, where it differs, what would decide it."""
    console.print(Text(name, style="bold"))
    for row in endpoint.rows:
        console.print(table.line(row), no_wrap=True, overflow="ellipsis")
    place = endpoint.place
    notes = (
        ("where", place.why if place else ""),
        ("new", failures_text(place.failures) if place else ""),
        ("sure", sure_text(endpoint.rows)),
        ("needs", decide_text(endpoint.rows)),
    )
    for label, text in notes:
        if text:
            _paragraph(console, text, f"{' ' * _INDENT}{label:<8}", style="dim")


def _print_more(count: int, what: str, console: Console) -> None:
    if count > 0:
        noun = "endpoint is" if count == 1 else "endpoints are"
        _paragraph(
            console, f"{count:,} more {noun} {what}: --format markdown, html or json has all"
        )


def _print_names(what: str, names: Sequence[str], console: Console) -> None:
    """`7 endpoints unchanged: a, b, c and 4 more`."""
    if not names:
        return
    short = list(short_names(names, _NAME_IN_TEXT).values())
    shown: list[str] = []
    while len(shown) < len(short) and sum(map(len, shown)) + len(short[len(shown)]) < _NAMES_LENGTH:
        shown.append(short[len(shown)])
    more = len(short) - len(shown)
    _paragraph(console, f"{what}: {', '.join(shown)}" + (f" and {more:,} more" if more else ""))


def _cut_list(lines: Sequence[str]) -> list[str]:
    shown = list(lines[:_LEFT_OUT_SHOWN])
    more = len(lines) - len(shown)
    return [*shown, f"and {more:,} more"] if more else shown


def _paragraph(console: Console, text: str, label: str = "", style: str = "") -> None:
    """Text that wraps below its own beginning."""
    for n, line in enumerate(wrapped(printable(text), max(20, console.width - len(label)))):
        start = label if n == 0 else " " * len(label)
        shown = Text(start).append(line, style=style)
        shown.rstrip()
        console.print(shown, no_wrap=True, overflow="ignore")

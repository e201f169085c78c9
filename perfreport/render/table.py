"""One table, several ways to print it: terminal, Markdown, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARKDOWN = re.compile(r"[\\`*_\[\]|~]|#(?=\w)")
_LINKED = re.compile(r"@(?=\w)|#(?=\w)|:(?=//)|\bwww(?=\.)", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """A column: its title, whether numbers stand right, and from which width on names are broken."""

    title: str
    right: bool = False
    width: int | None = None


@dataclass(frozen=True)
class Table:
    """Texts in rows, ready to print; `styles` gives a colour to whole rows."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[str | None, ...] = ()


def for_terminal(table: Table, console: Console) -> None:
    """Print the table as wide as the terminal allows."""
    rich_table = RichTable(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for column in table.columns:
        rich_table.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=column.width is None,
            overflow="fold" if column.width else "ellipsis",
            min_width=column.width and min(column.width, 12),
        )
    styles = table.styles or (None,) * len(table.rows)
    for row, style in zip(table.rows, styles, strict=True):
        cells = zip(table.columns, row, strict=True)
        rich_table.add_row(
            *(Text(broken(printable(cell), column.width)) for column, cell in cells), style=style
        )
    console.print(rich_table)


def captured(print_to: Callable[[Console], None], width: int = 100) -> str:
    """What a printer prints, as plain text without colours."""
    written = io.StringIO()
    print_to(
        Console(
            file=written, width=width, highlight=False, markup=False, emoji=False, no_color=True
        )
    )
    return written.getvalue()


def for_markdown(table: Table) -> str:
    """The table for a pull request or a wiki."""
    lines = [_markdown_row(column.title for column in table.columns)]
    lines.append(_markdown_row("---:" if column.right else "---" for column in table.columns))
    lines += [_markdown_row(markdown_text(cell) for cell in row) for row in table.rows]
    return "\n".join(lines) + "\n"


def for_csv(keys: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Values under their contract keys in full precision; formulas are defused."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return written.getvalue()


def printable(text: str) -> str:
    """The text without control characters, which could steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def broken(name: str, width: int | None) -> str:
    """A long name on several lines, broken at blanks, before slashes, after hyphens and underscores."""
    if width is None or len(name) <= width:
        return name
    lines = [""]
    for piece in re.findall(r"/?[^/ _-]*[ _-]?", name):
        if len(lines[-1]) + len(piece.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _markdown_row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def markdown_text(text: str) -> str:
    """Text in which nothing is Markdown, HTML, a link, or a mention of somebody.

    >>> markdown_text("a_b | <c> @d"), markdown_text("https://e.f #12")
    ('a\\\\_b \\\\| &lt;c&gt; @&#8203;d', 'https:&#8203;//e.f \\\\#&#8203;12')
    """
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _MARKDOWN.sub(r"\\\g<0>", escaped)
    # Services look for these in the text as it is shown: a space of no width parts them.
    return _LINKED.sub(r"\g<0>&#8203;", escaped)


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value

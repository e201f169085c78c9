"""A comparison for a pull request: short, with all rows folded away, within what a comment may hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perfreport import units
from perfreport.judge.findings import Change, Comparison, Tested
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
from perfreport.render.table import markdown_text, printable

# GitHub takes 65,536 characters in a comment, and other services more.
_MOST = 60_000
_MOST_SHOWN = 20_000  # of them above the fold
_MOST_NAME = 160
_MOST_SENTENCE = 500
_MOST_DOUBTS = 8_000
_SIGNS = {"regressed": "▲", "improved": "▼", "inconclusive": "?", "unchanged": "="}
_HEAD = (
    "| endpoint | statistic | baseline | run | change | 90 % interval | finding |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | --- |"
)


def as_markdown(comparison: Comparison) -> str:
    """Verdict, reason, doubts, what changed or is undecided; the rest in folds."""
    why, *doubts = reasons(comparison)
    blocks = [f"**{VERDICT_WORDS[comparison.verdict]}**: {_sentence(why)}"]
    if doubts:
        lines = [f"- Doubt: {_sentence(doubt)}" for doubt in doubts]
        blocks.append(_within(lines, _MOST_DOUBTS, "more doubts"))
    groups = told(comparison)
    shown = [row for each in (*groups.changed, *groups.undecided) for row in each.rows]
    if shown:
        blocks.append(_table(shown, _MOST_SHOWN))
    if notes := _notes((*groups.changed, *groups.undecided)):
        blocks.append(_within(notes, _MOST_SHOWN // 2, "further notes"))
    if groups.open_errors:
        blocks.append(f"{open_errors_text(groups.open_errors).capitalize()}.")
    if groups.unchanged:
        blocks.append(f"{_counted(len(groups.unchanged), 'endpoint')} unchanged.")
    blocks.append(_fold("What was compared", _compared(comparison)))
    used = sum(map(len, blocks))
    if comparison.comparisons:
        count = _counted(len(comparison.comparisons), "row")
        blocks.append(_fold(f"All {count}", _table(comparison.comparisons, _MOST - used)))
    return "\n\n".join(blocks) + "\n"


def _table(rows: Iterable[Change], most: int) -> str:
    return _within([_row(row) for row in rows], most, "more rows in --format json", head=_HEAD)


def _within(lines: Sequence[str], most: int, what: str, head: str = "") -> str:
    """As many lines as fit, then how many did not."""
    used, shown = len(head), []
    for line in lines:
        used += len(line) + 1
        if used > most:
            break
        shown.append(line)
    text = "\n".join([head, *shown] if head else shown)
    left = len(lines) - len(shown)
    return f"{text}\n\n{left:,} {what}." if left else text


def _row(row: Change) -> str:
    word = row_word(row.verdict)
    cells = (
        _cell(row.name),
        markdown_text(statistic_word(row)[:20]),
        value_text(row, row.baseline),
        value_text(row, row.run),
        change_text(row, row.change),
        interval_text(row),
        f"{_SIGNS[word]} {word}" if word in _SIGNS else word,
    )
    return f"| {' | '.join(cells)} |"


def _notes(endpoints: Iterable[Endpoint]) -> list[str]:
    """For each endpoint that has any: where it differs, how it fails now, how sure, what decides."""
    notes = []
    for endpoint in endpoints:
        place = endpoint.place
        parts = [
            place.why if place else "",
            f"new failures: {failures_text(place.failures)}" if place and place.failures else "",
            sure_text(endpoint.rows),
            f"to decide {needs}" if (needs := decide_text(endpoint.rows)) else "",
        ]
        said = "; ".join(filter(None, parts))
        if said:
            notes.append(f"- {code(endpoint.name)}: {_sentence(said)}")
    return notes


def _compared(comparison: Comparison) -> str:
    """The runs side by side, and what the judgement rests on."""
    runs = [("run", comparison.tested), ("baseline", comparison.baselines[0])]
    runs += [("history", earlier) for earlier in comparison.baselines[1:]]
    lines = [
        "| | run | release | environment | tool | judged window (UTC) | requests |\n"
        "| --- | --- | --- | --- | --- | --- | ---: |",
        *(_tested(role, tested) for role, tested in runs),
        "",
        *(f"- {_sentence(line)}" for line in (sd_line(comparison), *history_lines(comparison))),
    ]
    return _within(lines, _MOST // 6, "more runs")


def _tested(role: str, tested: Tested) -> str:
    seconds = (tested.end - tested.start).total_seconds()
    release = " ".join(filter(None, [tested.system, tested.release]))
    cells = (
        role,
        _cell(tested.name),
        _cell(release),
        _cell(tested.environment or ""),
        _cell(tested.tool or ""),
        f"{units.utc(tested.start)}, {units.span(seconds)}",
        f"{tested.requests:,}",
    )
    return f"| {' | '.join(cells)} |"


def _fold(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def _sentence(text: str) -> str:
    return markdown_text(_short(text, _MOST_SENTENCE))


def code(text: str) -> str:
    """Text from input as code, in which no service finds links, mentions or markup.

    >>> code("GET /a|b"), code("a`b"), code("")
    ('`GET /a|b`', '`` a`b ``', '')
    """
    shown = _short(printable(text).strip(), _MOST_NAME)
    if not shown:
        return ""
    if "`" not in shown:
        return f"`{shown}`"
    fence = "`" * (max(map(len, _runs_of_ticks(shown))) + 1)
    return f"{fence} {shown} {fence}"


def _cell(text: str) -> str:
    """The same in a table, which is split at pipes before code is looked for."""
    return code(text).replace("|", "\\|")


def _runs_of_ticks(text: str) -> list[str]:
    return ["", *"".join(c if c == "`" else " " for c in text).split()]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 + 1 :]}"

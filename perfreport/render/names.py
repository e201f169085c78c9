"""Long names made short, so that each is still known and no two become the same; lines of text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.cells import cell_len

from perfreport.render.table import printable

_HEAD = 0.45  # the method and the area stand first, what is done stands last
_BEFORE = 4  # letters shown before the place where names begin to differ
# A word with the unit that follows it: `9 %` stays on one line.
_WORD = re.compile(r"\S+(?: (?:%|ms|s|min|h|d|pp|points)[,;.)\]]*(?!\S))*")
_PIECE = re.compile(r"/?[^/_-]*[_-]?")


def short_names(names: Iterable[str], width: int) -> dict[str, str]:
    """Each name in at most `width` columns, cut in the middle; distinct names stay distinct.

    >>> short_names(["POST /api/v1/sales/orders/{id}/approve", "GET /health"], 28)
    {'POST /api/v1/sales/orders/{id}/approve': 'POST /api/v1…rs/{id}/approve', 'GET /health': 'GET /health'}
    """
    plain = {name: printable(name) for name in dict.fromkeys(names)}
    alike: dict[str, list[str]] = {}
    for name, text in plain.items():
        alike.setdefault(_cut(text, width), []).append(name)
    short = {group[0]: text for text, group in alike.items() if len(group) == 1}
    taken = set(alike)
    for group in alike.values():
        if len(group) > 1:
            common = _common_letters([plain[name] for name in group])
            for name in group:
                told = _told_apart(plain[name], common, width)
                short[name] = _untaken(told, taken, width)
                taken.add(short[name])
    return {name: short[name] for name in plain}


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines: broken at blanks, long paths before their slashes, longer words anywhere.

    >>> wrapped("POST /api/orders/{id}/approve worse by 14.9 %", 17)
    ['POST', '/api/orders/{id}', '/approve worse by', '14.9 %']
    """
    lines = [""]
    for word in _WORD.findall(text):
        if cell_len(lines[-1]) + 1 + cell_len(word) <= width or not lines[-1]:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
        else:
            lines.append(word)
        while cell_len(lines[-1]) > width:
            kept = _broken_at(lines[-1], width)
            lines[-1:] = [lines[-1][:kept].rstrip(), lines[-1][kept:].lstrip()]
    return lines


def _broken_at(word: str, width: int) -> int:
    """How many letters of a word that is too long stand on its first line."""
    kept = 0
    for piece in _PIECE.findall(word):
        if cell_len(word[: kept + len(piece)]) > width:
            break
        kept += len(piece)
    return kept or max(1, len(_first(word, width)))


def _cut(text: str, width: int, head: float = _HEAD) -> str:
    """The text with its middle left out where it is too long."""
    if cell_len(text) <= width:
        return text
    left = round((width - 1) * head)
    return f"{_first(text, left)}…{_last(text, width - 1 - left)}"


def _common_letters(texts: list[str]) -> int:
    """With how many letters all of them begin."""
    columns = zip(*texts, strict=False)
    differ = (n for n, letters in enumerate(columns) if len(set(letters)) > 1)
    return next(differ, min(map(len, texts)))


def _told_apart(text: str, common: int, width: int) -> str:
    """The name cut so that the letters show in which it differs from others that begin alike."""
    head = _first(text, (width - 2) // 3)
    if common <= len(head):
        return _cut(text, width)
    rest = text[max(len(head), common - _BEFORE) :]
    return f"{head}…{_cut(rest, width - 1 - cell_len(head), 0.6)}"


def _untaken(text: str, taken: set[str], width: int) -> str:
    """The text, or with a number where another name already has it."""
    free, number = text, 1
    while free in taken:
        number += 1
        free = f"{_first(text, width - 1 - len(str(number)))}~{number}"
    return free


def _first(text: str, width: int) -> str:
    """As many letters from the start as fit."""
    kept, used = 0, 0
    for letter in text:
        used += cell_len(letter)
        if used > width:
            break
        kept += 1
    return text[:kept]


def _last(text: str, width: int) -> str:
    """As many letters from the end as fit."""
    return _first(text[::-1], width)[::-1]

"""What can be read of an answer that is JSON no longer: its whole series, whole points of the others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import msgspec

# Inside of a text quotes are escaped: this begins a series and nothing else.
_SERIES = re.compile(r'\{\s*"metric"\s*:\s*(?=\{)')
_POINT = re.compile(r'\[\s*(\d{1,20}(?:\.\d+)?)\s*,\s*"([^"\\]*)"\s*\]', re.ASCII)
_HISTOGRAMS = '"histograms"'
_BETWEEN = re.compile(r"\s*(?:,\s*|\][^\[]*)?", re.DOTALL)
_LIST_ENDED = re.compile(r"\}\s*\]\Z")
_ENDED = re.compile(r'(?:\}\s*\}|"(?:warnings|infos)"\s*:\s*\[[^\[]*\]\s*\})\s*', re.DOTALL)
_LONGEST_END = 10_000  # closing brackets, and some warnings
_DECODER = json.JSONDecoder()
_labels = msgspec.json.Decoder(dict[str, str]).decode


@dataclass(frozen=True)
class Piece:
    """A series as JSON, or what is left of one.

    at      where in the text it begins
    series  None where no labels or no point of it are left
    is_damaged  something of it is lost
    """

    at: int
    series: bytes | None
    is_damaged: bool


def pieces_of(text: str) -> Iterator[Piece]:
    """The series of a damaged answer, in its order."""
    starts = [found.start() for found in _SERIES.finditer(text)]
    for begin, end in pairwise([*starts, len(text)]):
        yield from _pieces(text[begin:end], begin)


def is_cut(text: str) -> bool:
    """Does a text lack the end that every answer has?"""
    tail = text[-_LONGEST_END:].rstrip()
    if text.lstrip().startswith("["):
        return _LIST_ENDED.search(tail) is None
    return not any(_ENDED.fullmatch(tail, found.start()) for found in re.finditer(r'[}"]', tail))


def _pieces(text: str, at: int) -> Iterator[Piece]:
    past = _end_of_object(text)
    if past is None or not _is_series(text[:past]):
        yield Piece(at, _salvaged(text), is_damaged=True)
        return
    yield Piece(at, text[:past].encode(), is_damaged=False)
    if not _BETWEEN.fullmatch(text, past):
        yield Piece(at + past, None, is_damaged=True)


def _end_of_object(text: str) -> int | None:
    try:
        return _DECODER.raw_decode(text)[1]
    except (ValueError, RecursionError):
        return None


def _is_series(text: str) -> bool:
    """False too for what the json module takes though it is not JSON, such as a bare NaN."""
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _salvaged(text: str) -> bytes | None:
    """The whole points of a damaged series, wherever they stand in it; None if there are none."""
    start = text.index("{", 1)
    past = _end_of_object(text[start:])
    try:
        labels = _labels(text[start : start + (past or 0)])
    except msgspec.DecodeError:
        return None
    body = text[start + (past or 0) :]
    if _HISTOGRAMS in body:
        return _closed(text)
    points = [(float(at), value) for at, value in _POINT.findall(body)]
    return msgspec.json.encode({"metric": labels, "values": points}) if points else None


def _closed(text: str) -> bytes | None:
    """A series of native histograms up to the last whole one, closed by hand."""
    whole = text[: text.rfind("}]") + 2] + "]}"
    return whole.encode() if _is_series(whole) else None

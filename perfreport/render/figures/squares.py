"""One square per objective: how many there are of a status, seen at once."""

from __future__ import annotations

from dataclasses import dataclass

_PITCH_X, _PITCH_Y, _WIDTH, _HEIGHT = 11, 15, 9, 12
_PER_ROW = 16
_SHOWN = 160  # ten rows; beyond that the number alone has to tell


@dataclass(frozen=True)
class Squares:
    """A path in a view box of `width` by `height`; hollow squares are stroked, not filled."""

    path: str
    width: int
    height: int
    hollow: bool


def squares(count: int, hollow: bool = False) -> Squares:
    """`count` squares in rows of 16."""
    shown = min(count, _SHOWN)
    rows = -(-shown // _PER_ROW)
    return Squares(
        path="".join(
            f"M{(n % _PER_ROW) * _PITCH_X} {(n // _PER_ROW) * _PITCH_Y}"
            f"h{_WIDTH}v{_HEIGHT}h-{_WIDTH}z"
            for n in range(shown)
        ),
        width=max(1, min(shown, _PER_ROW)) * _PITCH_X,
        height=max(1, rows) * _PITCH_Y - (_PITCH_Y - _HEIGHT),
        hollow=hollow,
    )

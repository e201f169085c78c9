"""Shares of yes in answers about simulated systems, whose answers depend on each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Key = tuple[object, ...]


@dataclass
class Shares:
    """By what was asked, and for each system how many answers were yes, of how many."""

    by_system: dict[Key, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, answers: Mapping[Key, Sequence[bool]]) -> None:
        """The answers of one more system."""
        for key, given in answers.items():
            self.by_system[key].append((sum(given), len(given)))

    def of(self, *key: object) -> float:
        yes, asked = zip(*self.by_system[key], strict=True)
        return sum(yes) / sum(asked)

    def error(self, *key: object) -> float:
        """Standard error of a share, by systems."""
        shares = [yes / asked for yes, asked in self.by_system[key]]
        return float(np.std(shares, ddof=1) / np.sqrt(len(shares))) if len(shares) > 1 else 1.0

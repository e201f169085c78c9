"""Style and types are part of the tests, so that a change is checked in one place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command",
    ["ruff check --no-cache .", "ruff format --check --no-cache .", "mypy"],
)
def test_the_tools_have_nothing_to_say(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def tracked_text() -> list[Path]:
    """Every text file of the project that people write, notebooks and packs included."""
    suffixes = {".py", ".md", ".sql", ".j2", ".css", ".js", ".toml", ".yaml", ".yml", ".ipynb"}
    skipped = {".venv", ".git", "build", "dist", "demo", "node_modules"}
    return sorted(
        path
        for path in ROOT.rglob("*")
        if path.suffix in suffixes
        and not skipped & set(path.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


def test_lines_end_with_lf_and_files_with_a_line_end() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in tracked_text()
        if b"\r" in (data := path.read_bytes()) or (data and not data.endswith(b"\n"))
    ]
    assert wrong == []


def test_nothing_names_a_folder_of_one_machine() -> None:
    homes = ["/" + "root/", "/" + "home/", "/" + "Users/", "/" + "work/"]
    wrong = [
        f"{path.relative_to(ROOT)}: {home}"
        for path in tracked_text()
        for home in homes
        if home in path.read_text(encoding="utf-8")
    ]
    assert wrong == []

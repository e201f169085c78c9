"""The Makefile sets up what is missing, and nothing twice."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM_THAT_IS_THERE = "PROGRAMS=sh"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which everything was installed after pyproject.toml was last changed."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for number, name in enumerate(
        ["pyproject.toml", ".venv/bin/pip", ".venv/.installed", ".venv/.installed-dev"]
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (number, number))
    return tmp_path


def would_run(checkout: Path, *arguments: str) -> str:
    """What make would do, without doing it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--dry-run", PROGRAM_THAT_IS_THERE, *arguments],
        cwd=checkout,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("target", ["demo", "test", "check"])
def test_the_second_time_installs_nothing(checkout: Path, target: str) -> None:
    commands = would_run(checkout, target)
    assert "pip" not in commands
    assert "venv .venv" not in commands
    assert "apt-get" not in commands


@pytest.mark.parametrize(("target", "installed"), [("demo", "."), ("test", "'.[dev]'")])
def test_a_changed_pyproject_installs_again(checkout: Path, target: str, installed: str) -> None:
    os.utime(checkout / "pyproject.toml", (9, 9))
    commands = would_run(checkout, target)
    assert f"pip install --quiet --editable {installed}\n" in commands
    assert "venv .venv" not in commands


def test_a_fresh_checkout_makes_its_own_environment(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    commands = would_run(checkout, "test", "PYTHON=python9")
    assert "python9 -m venv .venv\n" in commands
    assert "apt-get install -qq -y --no-install-recommends python9-venv" in commands


def test_only_absent_programs_are_installed(checkout: Path) -> None:
    commands = would_run(checkout, "programs", "PROGRAMS=sh no-such-program")
    assert "--no-install-recommends no-such-program;" in commands


def test_what_cannot_be_installed_is_told(checkout: Path, tmp_path: Path) -> None:
    """Neither apt nor sudo is there: one line says what to do."""
    (tmp_path / "bin").mkdir()
    for program in ("make", "sh", "id"):
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    done = subprocess.run(
        [tmp_path / "bin" / "make", "programs", "PROGRAMS=no-such-program"],
        cwd=checkout,
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert (
        "Could not install no-such-program. Install it by hand, then repeat this command."
        in done.stderr
    )


def test_continuous_integration_runs_the_same_from_any_folder(tmp_path: Path) -> None:
    """A stub named make tells where it was called and with what."""
    stub = tmp_path / "make"
    stub.write_text('#!/bin/sh\npwd\necho "$@"\n')
    stub.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "run"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(ROOT), "test"]

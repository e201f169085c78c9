"""The wheel works where nothing but itself is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from perfreport import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Output of a command that must succeed, without what this environment says to Python."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COV_", "PYTEST"))
    }
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def stored(*patterns: str) -> list[str]:
    """What the wheel must hold of these folders of the checkout, by its name in the wheel."""
    return [
        f"perfreport/_shared/{path.relative_to(ROOT)}"
        for pattern in patterns
        for path in sorted(ROOT.glob(pattern))
        if path.is_file()
    ]


def test_the_wheel_holds_all_that_is_not_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = stored("templates/**/*", "sla/**/*", "sample_results/**/*")
    expected += [str(path.relative_to(ROOT)) for path in ROOT.glob("perfreport/sql/*.sql")]
    assert len(expected) > 40
    assert [name for name in expected if name not in names] == []


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"perfreport", f"perfreport-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or "test_" in name]


def test_the_demo_works_from_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    """An empty environment, an empty folder: only what the wheel declares is there."""
    environment, folder = tmp_path / "environment", tmp_path / "folder"
    folder.mkdir()
    venv.create(environment, with_pip=True)
    programs = environment / "bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    output = run(programs / "perfreport", "demo", cwd=folder)
    (report,) = folder.rglob("report.html")
    first = report.read_bytes()
    run(programs / "perfreport", "demo", cwd=folder)  # safe to repeat: the same, to the byte
    assert report.read_bytes() == first
    html = report.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert str(ROOT) not in output + html
    assert run(programs / "perfreport", "--version") == f"perfreport, version {__version__}\n"

"""The notebooks run from top to bottom, by the public names only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def cells(notebook: Path) -> list[Any]:
    return [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]


@every_notebook
def test_it_is_stored_without_outputs(notebook: Path) -> None:
    assert [cell.id for cell in cells(notebook) if cell.outputs or cell.execution_count] == []


@every_notebook
def test_it_imports_the_public_names_only(notebook: Path) -> None:
    code = "\n".join(cell.source for cell in cells(notebook))
    assert "import perfreport\n" in code
    assert re.findall(r"perfreport\.\w+\.\w+\(|(?:from|import) perfreport\.\w+", code) == []


@every_notebook
def test_it_runs_from_top_to_bottom(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    document = nbformat.read(notebook, 4)
    client = NotebookClient(document, resources={"metadata": {"path": str(notebook.parent)}})
    done = client.execute()  # raises CellExecutionError with the traceback of the cell
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert any("application/vnd.plotly.v1+json" in output.get("data", {}) for output in outputs)

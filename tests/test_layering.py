"""The data flows one way: read, canonical run, query, judge, render; and each file has one job."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import click.testing
import pytest

import perfreport
from perfreport.cli import cli

PACKAGE = Path(perfreport.__file__).parent
README = PACKAGE.parent / "README.md"

# A module imports from its own layer and from those before it.
LAYERS = (
    "errors",
    "units",
    "resources",
    "run",
    "readers",
    "toolreports",
    "ingestion",
    "tables",
    "query",
    "stats",
    "sla",
    "judge",
    "measure",
    "profile",
    "library",
    "baselines",
    "recount",
    "assess",
    "render",
    "api",
    "cli",
)
OUTSIDE = ("__init__", "__main__", "__version__")  # the two doors, and what is defined in the first
PURE = ("stats", "judge")  # no input, no output
INPUT_AND_OUTPUT = {
    "duckdb", "http", "io", "os", "pathlib", "requests", "shutil", "socket", "subprocess", "tempfile",
    "urllib", "perfreport.query", "perfreport.resources", "perfreport.run.store", "perfreport.run.writer",
}  # fmt: skip
HEAVY = ("plotly", "scipy", "pandas", "numba", "numpy", "pyarrow", "pydantic", "duckdb")
MOST_LINES = 400

MODULES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = sorted(cli.commands)


def name_of(module: Path) -> str:
    return str(module.relative_to(PACKAGE.parent))


def layer_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, inside functions too."""
    package = ["perfreport", *module.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*stem, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


modules = pytest.mark.parametrize("module", MODULES, ids=name_of)


@modules
def test_a_module_imports_from_its_own_layer_and_those_before_it(module: Path) -> None:
    layer = layer_of(module)
    if layer in OUTSIDE:
        return
    assert layer in LAYERS, f"{name_of(module)}: give its layer a place in LAYERS"
    upward = [
        f"{name_of(module)}:{line} imports {name}"
        for line, name in imports(module)
        if name.startswith("perfreport.")
        and (imported := name.split(".")[1]) not in OUTSIDE
        and imported not in LAYERS[: LAYERS.index(layer) + 1]
    ]
    assert upward == []


def test_the_order_of_layers_is_that_of_the_design() -> None:
    """Every layer exists, so that none is left over from a file that moved."""
    present = {layer_of(module) for module in MODULES} - set(OUTSIDE)
    assert set(LAYERS) == present


@pytest.mark.parametrize(
    "module", [module for module in MODULES if layer_of(module) in PURE], ids=name_of
)
def test_statistics_and_judges_are_pure(module: Path) -> None:
    impure = [
        f"{name_of(module)}:{line} imports {name}"
        for line, name in imports(module)
        if any(name == banned or name.startswith(f"{banned}.") for banned in INPUT_AND_OUTPUT)
    ]
    opens = [
        f"{name_of(module)}:{node.lineno} calls {node.func.id}"
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("open", "print", "input")
    ]
    assert impure + opens == []


@pytest.mark.parametrize(
    "module", [module for module in MODULES if layer_of(module) != "readers"], ids=name_of
)
def test_a_module_is_short_enough_to_do_one_thing(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@modules
def test_a_module_says_what_it_is(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = modules_loaded_by([*arguments, "--help"])
    assert "perfreport.cli" in loaded
    assert [name for name in loaded if name.split(".")[0] in HEAVY] == []


def modules_loaded_by(arguments: list[str]) -> list[str]:
    """Names of the modules in memory after a command line."""
    program = (
        "import json, sys\n"
        "from perfreport.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "print(json.dumps(sorted(sys.modules)))\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return loaded


@pytest.mark.parametrize("command", COMMANDS)
def test_help_starts_with_a_verb_and_ends_with_a_line_to_paste(command: str) -> None:
    text = (cli.commands[command].help or "").strip()
    first, last = text.splitlines()[0], text.splitlines()[-1].strip()
    assert first[0].isupper()
    assert first.endswith((".", ":")) or len(first) > 60
    assert last.startswith(f"perfreport {command}")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    unexplained = [
        option.name
        for option in cli.commands[command].params
        if isinstance(option, click.Option) and not option.help
    ]
    assert unexplained == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"perfreport {command}" in README.read_text(encoding="utf-8")


def test_the_exit_codes_are_told_by_help() -> None:
    text = click.testing.CliRunner().invoke(cli, ["--help"]).output
    for code in ("0", "1", "2", "3", "4", "130"):
        assert any(line.split()[:1] == [code] for line in text.splitlines())

"""The documentation is run, not trusted: console blocks, links and docstring examples."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import pytest

import perfreport

PACKAGE = Path(perfreport.__file__).parent
ROOT = PACKAGE.parent
DOCUMENTS = sorted(
    path
    for folder in ("", "docs", "sla", "sample_results", "notebooks", "benchmarks")
    for path in (ROOT / folder).glob("*.md" if not folder else "**/*.md")
)
FENCED = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


@dataclass(frozen=True)
class Step:
    """A line that a reader types, and what the document says comes back."""

    command: str
    output: str


def steps(document: Path) -> Iterator[Step]:
    """Every `$ command` of the console blocks with the lines below it, in order."""
    for block in FENCED.findall(document.read_text(encoding="utf-8")):
        for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = re.sub(r"\\\n\s*(?:> )?", "", typed).partition("\n")
            yield Step(command.strip(), output)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with what a checkout offers beside it."""
    for name in ("sample_results", "sla"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if any("perfreport " in step.command for step in steps(path))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_commands_of_a_document_print_what_it_says(document: Path, folder: Path) -> None:
    """The commands run one after the other in one folder; a line `...` stands for any lines."""
    code, differences = 0, []
    for step in steps(document):
        if step.command == "echo $?":
            got = f"{code}\n"
        elif step.command.startswith(("perfreport ", "mkdir ")):
            code, got = typed_in(folder, step.command)
            if code not in (0, 3, 4):
                differences.append(f"$ {step.command}\nexit code {code}\n{got}")
        else:
            continue  # make, pip and the like
        if step.output and not matches(step.output, got):
            differences.append("\n".join([f"$ {step.command}", *difference(step.output, got)]))
    assert not differences, "\n\n".join(differences)


def typed_in(folder: Path, command: str) -> tuple[int, str]:
    """Exit code and output, standard error included, of a line typed in a folder."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        | {"NO_COLOR": "1", "COLUMNS": "80", "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def matches(expected: str, got: str) -> bool:
    flags = doctest.ELLIPSIS
    return doctest.OutputChecker().check_output(trimmed(expected), trimmed(got), flags)


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


def difference(expected: str, got: str) -> list[str]:
    return list(
        unified_diff(
            trimmed(expected).splitlines(),
            trimmed(got).splitlines(),
            "document",
            "real",
            lineterm="",
        )
    )


def test_a_difference_is_noticed() -> None:
    assert matches("one\n...\nfour\n", "one \ntwo\nthree\nfour\n")
    assert not matches("one\n...\nfour\n", "one\ntwo\nthree\n")


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    broken = [
        target
        for found in LINK.findall(without_code(document.read_text(encoding="utf-8")))
        if not leads_somewhere(document, target := found[0] or found[1])
    ]
    assert broken == []


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def leads_somewhere(document: Path, target: str) -> bool:
    if re.match(r"(?:https?|mailto):", target):
        return True
    path, _, anchor = target.partition("#")
    file = document.parent / path if path else document
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file.read_text(encoding="utf-8"))


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", without_code_blocks(text), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def without_code_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


MODULES_WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES_WITH_EXAMPLES)
def test_examples_in_docstrings_give_what_they_say(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))
    assert results.attempted > 0
    assert results.failed == 0

"""Readers of other packages: the one of the documentation, and those that are broken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from perfreport.cli import main
from perfreport.errors import Exit
from perfreport.readers.reader import plugins, readers

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plugins.md"
HEY = ROOT / "tests" / "plugins" / "hey.csv"
START = "2026-11-25T16:14:38Z"
KNOWN = ROOT / "sample_results" / "gatling-text" / "killed-3.12.0.log"


# -- the page ----------------------------------------------------------------------------------


def block(name: str) -> str:
    """The code below a file's name."""
    found = re.search(rf"`{re.escape(name)}`:\n\n```\w+\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert found, name
    return found[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package of the page is installed, with nothing fetched for it."""
    project, target = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("target")
    for name in ("perfreport_hey.py", "pyproject.toml"):
        (project / name).write_text(block(name))
    options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--no-compile"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", target, project]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def typed(folder: Path, *arguments: str | Path) -> tuple[int, str]:
    """Exit code and output of a command line, with what is installed in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "perfreport", *arguments],
        env=os.environ | {"PYTHONPATH": str(folder), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_the_reader_of_the_page_reads_a_recording_as_pandas_does(
    installed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run.parquet"
    code, output = typed(installed, "ingest", HEY, "-o", run, "--start", START)
    assert (code, output) == (0, f"done: {run}: 300 rows\n")
    rows = pq.read_table(run).to_pandas()
    recorded = pd.read_csv(HEY)
    for column, name in [
        ("duration_ms", "response-time"),
        ("connect_ms", "DNS+dialup"),
        ("send_ms", "Request-write"),
        ("wait_ms", "Response-delay"),
        ("receive_ms", "Response-read"),
    ]:
        np.testing.assert_allclose(rows[column], recorded[name] * 1000, rtol=1e-12)
    offsets = rows["ts"] - pd.Timestamp(START)
    assert (offsets / pd.Timedelta(microseconds=100)).tolist() == pytest.approx(
        (recorded["offset"] * 10_000).tolist(), abs=1e-6
    )
    assert rows["status"].tolist() == recorded["status-code"].tolist()
    assert rows["ok"].tolist() == (recorded["status-code"] < 400).tolist()
    assert not rows["ok"].all()
    assert set(rows["name"]) == {"hey"}


def test_its_format_is_listed_and_may_be_forced(installed: Path, tmp_path: Path) -> None:
    code, output = typed(installed, "ingest", HEY, "-o", tmp_path / "run", "--format", "hay")
    assert code == Exit.INPUT
    assert output.startswith("error: --format hay: no such reader. Known: ")
    assert ", hey." in output
    code, output = typed(
        installed,
        "ingest",
        HEY,
        "-o",
        tmp_path / "run.parquet",
        "--format",
        "hey",
        "--start",
        START,
    )
    assert code == 0, output


def test_it_refuses_what_it_cannot_place_in_time_and_counts_what_is_damaged(
    installed: Path, tmp_path: Path
) -> None:
    code, output = typed(installed, "ingest", HEY, "-o", tmp_path / "run.parquet")
    assert (code, output) == (
        Exit.INPUT,
        "error: hey.csv: hey tells no time of day. Give --start.\n",
    )
    damaged = tmp_path / "orders.csv"
    damaged.write_bytes(HEY.read_bytes().replace(b",201,", b",2x1,", 1)[:-1])
    code, output = typed(
        installed, "ingest", damaged, "-o", tmp_path / "run.parquet", "--start", START
    )
    assert code == 0
    assert output.splitlines()[0] == (
        "note: orders.csv: skipped 2 of 300 records, first: line 2: not a line of eight numbers; "
        "the input was cut off"
    )


def test_the_page_stays_an_example_of_a_few_lines() -> None:
    code = [line for line in block("perfreport_hey.py").splitlines() if line.strip()]
    assert len(code) <= 36


def test_what_the_page_promises_to_plug_ins_is_there() -> None:
    """Names in its table that look like imports can be imported."""
    promised = re.findall(r"^\| `(perfreport\.[\w.]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(promised) >= 5
    for name in promised:
        module, _, attribute = name.rpartition(".")
        done = __import__(module, fromlist=[attribute])
        assert hasattr(done, attribute), name


# -- broken plug-ins ---------------------------------------------------------------------------

SOUND = """
from perfreport.readers.reader import Reader
from perfreport.run.schema import METRIC, batch

def sniff(head):
    return head.startswith(b"ECHO")

def rows(**more):
    return batch(1, {"kind": METRIC, "ts": [0], "name": "echo", "value": 1.0} | more)

def read(source):
    yield rows()

READER = Reader(name="echo", sniff=sniff, read=read)
"""

Offer = Callable[..., None]


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """Installs a package that offers a reader, as the files say that pip would write."""
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(str(folder))

    def install(code: str, name: str = "echo", package: str = "echo-reader") -> None:
        module = package.replace("-", "_")
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[perfreport.readers]\n{name} = {module}:READER\n")
        plugins.cache_clear()

    yield install
    plugins.cache_clear()
    for module in [name for name in sys.modules if name.endswith("_reader")]:
        del sys.modules[module]


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    file = tmp_path / "run.echo"
    file.write_text("ECHO\n")
    return file


def ingested(capsys: pytest.CaptureFixture[str], file: Path, *more: str) -> tuple[int, list[str]]:
    """Exit code and lines on stderr; the run stands beside the file if there is one."""
    code = main(["ingest", str(file), "-o", str(file.parent / "run.parquet"), *more])
    return code, capsys.readouterr().err.splitlines()


def test_a_sound_plugin_reads(
    offer: Offer, echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(SOUND)
    assert ingested(capsys, echo) == (0, [f"done: {tmp_path / 'run.parquet'}: 1 rows"])
    assert list(readers())[-1] == "echo"
    moment = pq.read_table(tmp_path / "run.parquet")["ts"].to_pylist()
    assert moment == [datetime(1970, 1, 1, tzinfo=UTC)]


BROKEN_ON_LOADING = {
    "import nowhere_to_be_found": "cannot be loaded: ModuleNotFoundError: No module named",
    "def broken(:": "cannot be loaded: SyntaxError: invalid syntax",
    "raise RuntimeError('two\\nlines')": "cannot be loaded: RuntimeError: two lines. Tell its authors",
    "import sys; sys.exit(3)": "cannot be loaded: SystemExit: 3.",
    "x = 1": "cannot be loaded: AttributeError: module 'echo_reader' has no attribute 'READER'",
    "READER = 'echo'": "echo_reader:READER is a str, not a Reader. Write MODULE:READER",
    SOUND.replace(
        'name="echo"', 'name="k6-json"'
    ): 'a reader called "k6-json" under the name "echo"',
    SOUND.replace('name="echo"', "name=None"): 'a reader called "None" under the name "echo"',
}


@pytest.mark.parametrize(
    ("code", "words"), BROKEN_ON_LOADING.items(), ids=BROKEN_ON_LOADING.values()
)
def test_a_plugin_that_cannot_be_loaded_is_told_to_those_who_need_it(
    code: str, words: str, offer: Offer, echo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(code)
    status, lines = ingested(capsys, echo)
    assert status == Exit.INPUT
    (line,) = lines
    assert line.startswith("error: run.echo: no reader knows this format (it starts with b'ECHO")
    assert f"Choose one with --format. reader echo of the package echo-reader 1.0: {words}" in line
    assert not (echo.parent / "run.parquet").exists()
    status, lines = ingested(capsys, echo, "--format", "echo")
    assert status == Exit.CRASH
    (line,) = lines
    assert line.startswith(f"error: reader echo of the package echo-reader 1.0: {words}")


def test_a_broken_plugin_is_not_met_by_other_formats(
    offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer("raise RuntimeError")
    for arguments in ([], ["--format", "gatling-text", "--overwrite"]):
        run = tmp_path / "run.parquet"
        assert main(["ingest", str(KNOWN), "-o", str(run), *arguments]) == 0
        assert "echo" not in capsys.readouterr().err
    assert "echo_reader" not in sys.modules


def test_a_package_whose_metadata_cannot_be_read_is_told_and_no_traceback(
    offer: Offer, echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(SOUND)
    (points,) = tmp_path.rglob("entry_points.txt")
    points.write_bytes(b"[perfreport.readers]\n\xff = echo_reader:READER\n")
    status, lines = ingested(capsys, echo)
    assert status == Exit.INPUT
    assert "the readers of other packages: cannot be listed: UnicodeDecodeError" in lines[0]
    points.write_text("[perfreport.readers]\necho = !\n")
    plugins.cache_clear()
    status, lines = ingested(capsys, echo, "--format", "echo")
    assert status == Exit.CRASH
    assert lines[0].startswith(
        "error: reader echo of the package echo-reader 1.0: cannot be loaded"
    )


def test_a_broken_plugin_does_not_hide_a_sound_one(
    offer: Offer, echo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer("raise RuntimeError", name="other", package="other-reader")
    offer(SOUND)
    assert ingested(capsys, echo)[0] == 0


@pytest.mark.parametrize("taken", ["gatling-text", "echo"])
def test_a_name_that_is_taken_stays_with_the_first(
    taken: str, offer: Offer, echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(SOUND, package="a-reader")
    offer(SOUND.replace('"echo"', f'"{taken}"'), name=taken, package="late-reader")
    assert readers()["gatling-text"].read.__module__ == "perfreport.readers.gatling_text"
    assert ingested(capsys, echo)[0] == 0
    assert ingested(capsys, echo, "--overwrite", "--format", "echo")[0] == 0
    (tmp_path / "what").write_text("what is this\n")
    _, lines = ingested(capsys, tmp_path / "what", "--overwrite")
    assert f' 1.0: the name "{taken}" is taken.' in lines[0]


def test_a_plugin_that_crashes_while_it_looks_does_not_stop_the_next(
    offer: Offer, echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(
        SOUND.replace("return head", "return head.nothing").replace('"echo"', '"a"'),
        name="a",
        package="a-reader",
    )
    offer(SOUND)
    assert ingested(capsys, echo)[0] == 0
    (tmp_path / "what").write_text("what is this\n")
    status, lines = ingested(capsys, tmp_path / "what", "--overwrite")
    assert status == Exit.INPUT
    assert len(lines) == 1
    assert (
        "reader a of the package a-reader 1.0: crashed while it looked at the input: "
        "AttributeError: 'bytes' object has no attribute 'nothing'." in lines[0]
    )


BROKEN_ON_READING = {
    "    raise KeyError('lost')\n    yield": "crashed while it read run.echo: KeyError: 'lost'.",
    "    yield rows()\n    1 / 0": "crashed while it read run.echo: ZeroDivisionError: division by zero.",
    "    return 7": "crashed while it read run.echo: TypeError: 'int' object is not iterable.",
    "    yield rows()\n    open('/nowhere')": "crashed while it read run.echo: FileNotFoundError:",
    "    raise SystemExit(0)\n    yield": "crashed while it read run.echo: SystemExit: 0.",
    "    def f(n): return f(n)\n    yield f(1)": "crashed while it read run.echo: RecursionError:",
    "    yield rows(valu=1)": "crashed while it read run.echo: KeyError:",
    "    yield 'rows'": "gave a str, not a RecordBatch. Make batches with schema.batch().",
    "    yield rows().to_struct_array()": "gave a StructArray, not a RecordBatch.",
    "    yield rows().select(['kind', 'ts', 'name'])": "gave a batch of another schema.",
    "    yield rows(name=None)": "gave rows without name.",
    "    yield rows(kind='reqest')": 'gave rows of an unknown kind, "reqest".',
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "words"), BROKEN_ON_READING.items(), ids=BROKEN_ON_READING.values()
)
def test_a_plugin_that_crashes_while_it_reads_is_named_and_nothing_is_written(
    body: str, words: str, offer: Offer, echo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(SOUND.replace("    yield rows()", body))
    status, lines = ingested(capsys, echo)
    assert status == Exit.CRASH
    (line,) = lines
    assert line.startswith(f"error: reader echo of the package echo-reader 1.0: {words}")
    assert [path.name for path in echo.parent.iterdir() if "parquet" in path.name] == []


def test_what_a_plugin_says_of_its_input_is_said_as_it_is(
    offer: Offer, echo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = "    from perfreport.errors import InputError\n    raise InputError('run.echo: empty.')\n    yield"
    offer(SOUND.replace("    yield rows()", error))
    assert ingested(capsys, echo) == (Exit.INPUT, ["error: run.echo: empty."])


def test_debug_shows_where_a_plugin_crashed(
    offer: Offer, echo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(SOUND.replace("    yield rows()", "    1 / 0\n    yield"))
    status, lines = ingested(capsys, echo, "--debug")
    assert status == Exit.CRASH
    assert any("echo_reader.py" in line for line in lines)


# -- what others export ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ('"Time","heap"\n2026-11-25 16:14:38,1.2 GB\n', "a table of Grafana, whose values are rounded"),
        ("sep=,\r\nTime,heap\r\n", "a table of Grafana"),
        ('[{"schema":{"refId":"A","fields":[]},"data":{"values":[]}}]', "JSON of Grafana"),
        ('{"state": "Done", "series": [{"refId":"A"}]}', "JSON of Grafana"),
        ('{"request":{"url":"api/ds/query?ds_type=prometheus"}}', "JSON of Grafana"),
        ('{"results":{"A":{"status":200,"frames":[]}}}', "JSON of Grafana"),
        ('up{instance="a", job="b"} =>\n1 @[1795623194]\n', "text of promtool query; promtool query -o json"),
        ('up{instance="a"} => 1 @[1795623215.116]\n', "text of promtool query"),
        ('{"metric":{"__name__":"up"},"values":[1],"timestamps":[1795623194000]}\n', "lines of VictoriaMetrics"),
    ],
)  # fmt: skip
def test_a_file_that_lost_something_is_refused_with_what_to_save_instead(
    head: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "saved"
    file.write_bytes(head.encode())
    status, lines = ingested(capsys, file)
    assert status == Exit.INPUT
    (line,) = lines
    assert line.startswith(f"error: saved: {words}")
    assert "Save what /api/v1/query_range returns, or let ingest ask the server" in line

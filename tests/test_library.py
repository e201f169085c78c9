"""A folder of runs is the database: what is found in it, and the index of its figures."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from history_runs import made

from perfreport import library
from perfreport.cli import main
from perfreport.errors import Exit, InputError, RunError
from perfreport.library import Library, is_folder_of_runs, open_library
from perfreport.profile import condense
from perfreport.run.store import open_run
from perfreport.sla.loader import load_pack

PACK = """
system: shop
scenarios:
  - scenario: o2c
    title: Order to cash
    users: 3
    stages: [{stages}]
    requests:
      - request: order
        weight: 100%
        sla: p95 < 100ms
"""


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of four days, the last two slower; one more that is condensed alone."""
    folder = tmp_path_factory.mktemp("made")
    for day in range(5):
        made(folder / f"day-{day}.parquet", day, slower=1.5 if day >= 2 else 1.0)
    condense(open_run(folder / "day-4.parquet"), folder / "condensed.parquet")
    (folder / "day-4.parquet").unlink()
    return folder


@pytest.fixture
def runs(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, as the folder `runs` of the current one."""
    shutil.copytree(made_once, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return Path("runs")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that are measured."""
    names: list[str] = []
    unwatched = library.open_profile

    def watched(path):
        names.append(Path(path).name)
        return unwatched(path)

    monkeypatch.setattr(library, "open_profile", watched)
    return names


def names(found: Library) -> list[str]:
    return [record.name for record in found.records]


def entry_of(run: Path) -> Path:
    digest = hashlib.sha256(run.name.encode()).hexdigest()[:32]
    return run.parent / ".perfreport" / f"{digest}.json"


ALL = ["day-0", "day-1", "day-2", "day-3", "condensed"]


# What is found


def test_a_folder_gives_its_runs_and_condensed_runs_in_order_of_time(runs) -> None:
    found = open_library([runs])
    assert names(found) == ALL
    assert [each.record.exact for each in found.runs] == [True] * 5
    assert found.skipped == ()


@pytest.mark.parametrize("given", ["runs/day-[0-3].parquet", "**/day-?.parquet"])
def test_a_pattern_gives_its_matches_relative_and_absolute(runs, given) -> None:
    assert names(open_library([given])) == ALL[:4]
    assert names(open_library([f"{Path.cwd()}/{given}"])) == ALL[:4]


def test_a_run_that_is_given_twice_is_found_once(runs) -> None:
    given = ["runs/day-1.parquet", runs, Path.cwd() / "runs" / "day-1.parquet", "runs/*.parquet"]
    assert names(open_library(given)) == ALL


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(runs) -> None:
    (runs / "day-0.parquet").rename("day[1].parquet")
    assert names(open_library(["day[1].parquet"])) == ["day[1]"]


def test_a_folder_of_parts_is_one_run_and_may_stand_among_runs(runs) -> None:
    parts = runs / "in-parts"
    parts.mkdir()
    (runs / "day-0.parquet").rename(parts / "part-0001.parquet")
    assert not is_folder_of_runs(parts)
    assert is_folder_of_runs(runs)
    assert names(open_library([parts])) == ["in-parts"]
    assert names(open_library([runs])) == ["in-parts", *ALL[1:]]


def test_folders_that_are_no_runs_and_hidden_files_are_passed_over(runs) -> None:
    (runs / "notes").mkdir()
    made(runs / "older" / "run.parquet", 9)  # a folder of runs in a folder of runs
    (runs / ".hidden.parquet").write_text("x")
    (runs / "README.md").write_text("x")
    found = open_library([runs])
    assert (names(found), found.skipped) == (ALL, ())


def damaged(runs: Path) -> dict[str, bytes]:
    whole = (runs / "day-0.parquet").read_bytes()
    return {
        "cut.parquet": whole[: len(whole) // 2],
        "empty.parquet": b"",
        "text.parquet": b"name,ms\norder,12\n",
        "zeros.parquet": bytes(5000),
    }


def test_what_is_no_run_in_a_folder_is_skipped_and_told(runs) -> None:
    for name, content in damaged(runs).items():
        (runs / name).write_bytes(content)
    pq.write_table(pa.table({"x": [1, 2]}), runs / "foreign.parquet")
    found = open_library([runs])
    assert names(found) == ALL
    assert [each.path.name for each in found.skipped] == [
        "cut.parquet",
        "empty.parquet",
        "foreign.parquet",
        "text.parquet",
        "zeros.parquet",
    ]
    for each in found.skipped:
        assert each.why
        assert "\n" not in each.why
        assert not each.why.startswith(str(each.path))


@pytest.mark.parametrize("name", ["cut.parquet", "empty.parquet", "text.parquet", "zeros.parquet"])
def test_what_is_no_run_but_given_by_its_name_is_an_error(runs, name) -> None:
    Path(name).write_bytes(damaged(runs)[name])
    with pytest.raises(RunError, match=name):
        open_library([runs, name])


def test_where_nothing_is_found_it_is_said_what_to_do(runs) -> None:
    Path("empty").mkdir()
    with pytest.raises(InputError, match=r"^empty: a folder without runs\. Make one: perfreport "):
        open_library(["empty"])
    Path("empty/x.parquet").write_text("x")
    with pytest.raises(InputError, match=r"^empty: no run among 1 files\. The first, x.parquet: "):
        open_library(["empty"])
    with pytest.raises(InputError, match=r"^no-\*: no run matches this pattern\.$"):
        open_library([runs, "no-*"])
    with pytest.raises(RunError, match=r"^nowhere\.parquet: no such run\."):
        open_library([runs, "nowhere.parquet"])


def test_runs_of_one_name_in_two_folders_are_told_apart_by_their_folders(runs) -> None:
    for folder in ("a/nightly", "b/nightly"):
        Path(folder).mkdir(parents=True)
        shutil.copy(runs / "day-0.parquet", f"{folder}/run.parquet")
    shutil.copy(runs / "day-1.parquet", "a/other.parquet")
    found = open_library(["a/nightly", "b/nightly", "a/other.parquet"])
    assert names(found) == ["a/nightly/run", "b/nightly/run", "other"]


# The index


def test_the_second_time_no_run_is_measured_and_the_records_are_the_same(runs, opened) -> None:
    first = open_library([runs])
    assert sorted(opened) == sorted(f"{name}.parquet" for name in ALL)
    opened.clear()
    assert open_library([runs]) == first
    assert opened == []


def test_the_index_is_beside_the_runs_and_left_alone_by_git_and_backups(runs) -> None:
    open_library([runs])
    index = runs / ".perfreport"
    assert (
        (index / "CACHEDIR.TAG")
        .read_text()
        .startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    )
    assert (index / ".gitignore").read_text() == "*\n"
    kept = {path.name for path in index.iterdir()} - {"CACHEDIR.TAG", ".gitignore"}
    assert kept == {entry_of(runs / f"{name}.parquet").name for name in ALL}
    assert str(Path.cwd()) not in entry_of(runs / "day-0.parquet").read_text()


def test_no_index_is_written_where_none_is_wanted(runs, opened) -> None:
    open_library([runs], keep_index=False)
    assert not (runs / ".perfreport").exists()


def test_only_new_and_changed_runs_are_measured_again(runs, opened) -> None:
    before = open_library([runs])
    opened.clear()
    made(runs / "day-9.parquet", 9)
    made(runs / "day-1.parquet", 1, slower=3.0)
    after = open_library([runs])
    assert sorted(opened) == ["day-1.parquet", "day-9.parquet"]
    assert names(after) == [*ALL, "day-9"]
    assert after.runs[0] == before.runs[0]
    mine, old = (
        found.records[1].endpoints["order"].figures["p50"].value for found in (after, before)
    )
    assert mine == pytest.approx(3 * old, rel=0.05)


def test_a_run_of_the_same_size_but_another_time_is_measured_again(runs, opened) -> None:
    open_library([runs])
    opened.clear()
    stat = (runs / "day-2.parquet").stat()
    os.utime(runs / "day-2.parquet", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    open_library([runs])
    assert opened == ["day-2.parquet"]


def test_a_run_of_another_size_but_the_same_time_is_measured_again(runs, opened) -> None:
    open_library([runs])
    opened.clear()
    stat = (runs / "day-2.parquet").stat()
    made(runs / "day-2.parquet", 2, rate=0.5)
    os.utime(runs / "day-2.parquet", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    open_library([runs])
    assert opened == ["day-2.parquet"]


def test_a_run_that_was_renamed_is_not_taken_for_the_one_that_had_its_name(runs, opened) -> None:
    open_library([runs])
    opened.clear()
    (runs / "day-0.parquet").rename(runs / "renamed.parquet")
    (runs / "day-1.parquet").rename(runs / "day-0.parquet")
    found = open_library([runs])
    assert names(found)[:2] == ["renamed", "day-0"]
    assert sorted(opened) == ["day-0.parquet", "renamed.parquet"]


def test_a_changed_part_of_a_run_in_parts_is_noticed(runs, opened) -> None:
    parts = runs / "in-parts"
    parts.mkdir()
    (runs / "day-0.parquet").rename(parts / "part-0001.parquet")
    open_library([runs])
    opened.clear()
    open_library([runs])
    assert opened == []
    made(parts / "part-0001.parquet", 0, slower=2.0)
    open_library([runs])
    assert opened == ["in-parts"]


DAMAGE = {
    "empty": lambda text: "",
    "no JSON": lambda text: "\x00\xff",
    "cut": lambda text: text[:200],
    "another shape": lambda text: '{"versions": [1]}',
    "a list": lambda text: "[]",
    "wrong types": lambda text: text.replace('"requests":', '"requests":"many","x":', 1),
    "deep nesting": lambda text: "[" * 100_000,
    "another version": lambda text: text.replace('"versions":[', '"versions":[9', 1),
    "another file": lambda text: text.replace("day-2.parquet", "day-3.parquet", 1),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_an_entry_that_cannot_be_used_is_measured_and_written_again(runs, opened, damage) -> None:
    before = open_library([runs])
    opened.clear()
    entry = entry_of(runs / "day-2.parquet")
    whole = entry.read_text()
    assert damage(whole) != whole
    entry.write_text(damage(whole), encoding="latin-1")
    assert open_library([runs]) == before
    assert opened == ["day-2.parquet"]
    assert entry.read_text() == whole


def test_an_index_that_was_deleted_is_made_again(runs, opened) -> None:
    before = open_library([runs])
    shutil.rmtree(runs / ".perfreport")
    assert open_library([runs]) == before
    assert entry_of(runs / "day-0.parquet").exists()


def test_a_folder_that_cannot_be_written_has_no_index_but_is_read(
    runs, opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, whom no mode of a folder stops.
    monkeypatch.setattr(Path, "mkdir", refused)
    assert names(open_library([runs])) == ALL
    assert len(opened) == len(ALL)
    assert not (runs / ".perfreport").exists()


def test_a_file_where_the_index_should_be_is_left_alone(runs) -> None:
    (runs / ".perfreport").write_text("mine")
    assert names(open_library([runs])) == ALL
    assert (runs / ".perfreport").read_text() == "mine"


def test_an_index_that_cannot_be_written_any_more_is_still_used(
    runs, opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_library([runs])
    opened.clear()
    made(runs / "day-9.parquet", 9)

    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("perfreport.run.writer.tempfile.mkstemp", refused)
    assert names(open_library([runs])) == [*ALL, "day-9"]
    assert opened == ["day-9.parquet"]
    assert not list((runs / ".perfreport").glob("*.part"))


def pack_of(stages: str):
    Path("pack.yaml").write_text(PACK.replace("{stages}", stages))
    return load_pack(Path("pack.yaml"))


def test_other_stages_of_a_pack_are_another_window_and_measured_anew(runs, opened) -> None:
    short, long = "{hold: 400s}", "{ramp: 200s, to: 3}, {hold: 200s}"
    open_library([runs], pack_of(short))
    opened.clear()
    first = open_library([runs], pack_of(short))
    assert opened == []
    other = open_library([runs], pack_of(long))
    assert len(opened) == len(ALL)
    assert other.records[0].requests < 0.6 * first.records[0].requests
    opened.clear()
    assert open_library([runs], pack_of(long)) == other
    assert opened == []


def test_what_else_a_pack_says_does_not_make_the_index_old(runs, opened) -> None:
    open_library([runs], pack_of("{hold: 400s}"))
    opened.clear()
    text = Path("pack.yaml").read_text().replace("p95 < 100ms", "p95 < 200ms")
    Path("pack.yaml").write_text(text)
    open_library([runs], load_pack(Path("pack.yaml")))
    assert opened == []


def test_a_condensed_run_has_the_record_of_the_run_itself(runs) -> None:
    condense(open_run(runs / "day-1.parquet"), Path("kept.parquet"))
    [itself] = open_library([runs / "day-1.parquet"]).records
    [kept] = open_library(["kept.parquet"]).records
    assert kept.identity == itself.identity
    assert kept.endpoints == itself.endpoints
    assert (kept.requests, kept.failures) == (itself.requests, itself.failures)


def test_each_run_is_announced_once_it_is_known(runs) -> None:
    announced: list[Path] = []
    open_library([runs], on_measured=announced.append)
    assert [path.name for path in announced] == sorted(f"{name}.parquet" for name in ALL)


# The command


def history(*arguments: str) -> int:
    return main(["history", *arguments])


def test_the_command_tells_the_runs_what_changed_and_what_it_skipped(runs, capsys) -> None:
    (runs / "text.parquet").write_text("x")
    assert history("runs") == Exit.OK
    said = capsys.readouterr()
    assert said.err == ""
    assert "shop, o2c, load, staging, k6: 5 runs at" in said.out
    assert "order changed, first in day-2, after day-1" in said.out
    assert "not in a series: text.parquet: " in said.out


def test_the_command_gives_json_and_leaves_a_verdict_to_compare(runs, capsys) -> None:
    assert history("runs", "--format", "json", "-o", "history.json") == Exit.OK
    assert capsys.readouterr().err.endswith("history.json: 5 runs\n")
    [series] = json.loads(Path("history.json").read_text())["series"]
    assert [run["name"] for run in series["runs"]] == ALL
    [shift] = series["shifts"]
    assert (shift["run"], shift["since"]) == ("day-2", "day-1")


def test_the_command_refuses_to_write_over_a_run(runs, capsys) -> None:
    before = (runs / "day-0.parquet").read_bytes()
    assert history("runs", "--format", "json", "-o", "runs/day-0.parquet") == Exit.INPUT
    assert (runs / "day-0.parquet").read_bytes() == before


MISTAKES = [
    (["empty"],
     "error: empty: a folder without runs. Make one: perfreport ingest INPUT -o empty/RUN.parquet"),
    (["nowhere.parquet"],
     "error: nowhere.parquet: no such run. Make one: perfreport ingest INPUT -o nowhere.parquet"),
    (["no-*.parquet"], "error: no-*.parquet: no run matches this pattern."),
    (["runs", "--baseline-tag", "x"],
     'error: no run is pinned as "x", nor as anything else. '
     "Pin one: perfreport ingest ... --label baseline=x"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_is_one_line(runs, capsys, arguments, said) -> None:
    Path("empty").mkdir()
    assert history(*arguments) == Exit.INPUT
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"{said}\n")


def test_no_run_at_all_is_a_usage_error(runs, capsys) -> None:
    assert history() == Exit.INPUT
    assert "RUN..." in capsys.readouterr().err

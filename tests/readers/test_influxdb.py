"""The live client: against the real InfluxDB that the real k6 filled, and fakes for what goes wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from influxdb_server import SECRET, InfluxServer, RecordedRun, running_influxdb
from real_servers import free_port
from test_k6_json import plain
from test_prometheus import Answering, Fake, always, serving

import perfreport
from perfreport.cli import main
from perfreport.errors import InputError
from perfreport.readers import influxdb, k6_json
from perfreport.readers.influxdb import Database, Span
from perfreport.readers.source import ReadOptions, Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import SCHEMA
from perfreport.run.store import open_run

NO_CREDENTIALS: dict[str, str] = {}
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
START_S = int(START.timestamp())
SECOND = timedelta(seconds=1)


def read(
    url: str, start: datetime, end: datetime, options: ReadOptions | None = None
) -> tuple[list[dict], Source]:
    """The rows between two moments, without the columns that are null, and their source."""
    with closing(Database(url, NO_CREDENTIALS)) as database:
        answer = database.answer(start, end, options or ReadOptions(start=start, end=end))
        table = pa.Table.from_batches(answer.batches, SCHEMA)
    table.validate(full=True)
    return [plain(row) for row in table.to_pylist()], answer.source


def of_file(log: Path) -> list[dict]:
    source = Source(io.BytesIO(log.read_bytes()), log.name)
    table = pa.Table.from_batches(k6_json.read(source), SCHEMA)
    return [plain(row) for row in table.to_pylist()]


def comparable(row: dict) -> tuple:
    """A row as a value; InfluxDB holds no empty tags, and no unit of a script's own metric."""
    known = row | {"labels": tuple(sorted((k, v) for k, v in row["labels"].items() if v))}
    if row["kind"] == "metric":
        known.pop("unit", None)
    return tuple(sorted(known.items()))


def span_of(rows: list[dict]) -> tuple[datetime, datetime]:
    """From before the first stamp of k6 to after the last."""
    ends = [row["ts"] + timedelta(milliseconds=row.get("duration_ms", 0)) for row in rows]
    return min(row["ts"] for row in rows), max(ends) + timedelta(milliseconds=1)


def line(metric: str, second: float, value: object = 1.5, tags: str = "", fields: str = "") -> str:
    return f"{metric}{tags} value={value}{fields} {round((START_S + second) * 1e9)}"


@pytest.fixture(scope="session")
def some_points(influxdb_server: InfluxServer) -> str:
    """A database of its own with a point of `vus` every second for ten seconds."""
    influxdb_server.write("some", *(line("vus", second, second) for second in range(10)))
    return f"{influxdb_server.url}/some"


# -- the real server, filled by the real k6 --------------------------------------------------------


def test_the_rows_are_those_of_the_json_that_k6_wrote_at_the_same_time(k6_run: RecordedRun) -> None:
    expected = of_file(k6_run.json_log)
    rows, source = read(k6_run.url, *span_of(expected))
    kinds = Counter(row["kind"] for row in rows)
    assert kinds["request"] == 40 + 40 + 8 + 4
    assert (kinds["iteration"], kinds["check"], kinds["transaction"]) == (40, 40, 40)
    assert Counter(row.get("ok") for row in rows if row["kind"] == "request")[None] > 0
    assert Counter(map(comparable, rows)) == Counter(map(comparable, expected))
    assert (source.rejected, source.notes) == (0, [])
    ended = [row["ts"] + timedelta(milliseconds=row.get("duration_ms", 0)) for row in rows]
    early = timedelta(microseconds=2)  # each is rounded to a microsecond
    assert all(later > former - early for former, later in pairwise(ended))


def test_metrics_are_known_by_name(k6_run: RecordedRun) -> None:
    _, source = read(k6_run.url, *span_of(of_file(k6_run.json_log)))
    assert source.facts.tool == "k6"
    assert source.facts.metrics["http_req_duration"] == MetricInfo(type="trend", unit="ms")
    assert source.facts.metrics["data_sent"] == MetricInfo(type="counter", unit="By")
    assert source.facts.metrics["orders"] == MetricInfo(type="trend")


@pytest.mark.parametrize("most", [1, 100, 10_000])
def test_it_does_not_matter_how_much_is_asked_at_once(
    most: int, k6_run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = span_of(of_file(k6_run.json_log))
    rows, _ = read(k6_run.url, *window)
    monkeypatch.setattr(influxdb, "_MOST_POINTS", most)
    monkeypatch.setattr(influxdb, "_BUCKETS", 7)
    monkeypatch.setattr(influxdb, "_MOST_MEASUREMENTS", 30 if most == 1 else 4)
    monkeypatch.setattr(influxdb, "BATCH_ROWS", 50)
    if most == 1:  # as many questions as milliseconds: a tenth of a second will do
        first = min(row["ts"] + timedelta(milliseconds=row.get("duration_ms", 0)) for row in rows)
        window = first - timedelta(milliseconds=1), first + timedelta(milliseconds=100)
        expected, _ = read(k6_run.url, *window)
        assert expected
        assert len(expected) < len(rows)
        rows = [row for row in rows if row in expected]
    parts, _ = read(k6_run.url, *window)
    assert Counter(map(comparable, parts)) == Counter(map(comparable, rows))


def test_windows_that_follow_each_other_hold_each_row_once(k6_run: RecordedRun) -> None:
    start, end = span_of(of_file(k6_run.json_log))
    middle = start + (end - start) / 2
    whole, _ = read(k6_run.url, start, end)
    first, _ = read(k6_run.url, start, middle)
    second, _ = read(k6_run.url, middle, end)
    assert first
    assert second
    assert Counter(map(comparable, first + second)) == Counter(map(comparable, whole))


def test_a_window_is_half_open_to_the_nanosecond(some_points: str) -> None:
    rows, _ = read(some_points, START + 2 * SECOND, START + 5 * SECOND)
    assert [row["users"] for row in rows] == [2, 3, 4]


def test_a_request_belongs_to_the_window_in_which_it_ended(influxdb_server: InfluxServer) -> None:
    tags = ",name=slow,method=GET,status=200"
    influxdb_server.write("edges", *(line("http_req_duration", at, 3000, tags) for at in (1, 4)))
    rows, _ = read(f"{influxdb_server.url}/edges", START, START + 4 * SECOND)
    assert [(row["ts"], row["duration_ms"]) for row in rows] == [(START - 2 * SECOND, 3000)]


def test_ingest_from_the_command_line(
    k6_run: RecordedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = of_file(k6_run.json_log)
    start, end = (moment.isoformat() for moment in span_of(expected))
    run = tmp_path / "run.parquet"
    url = k6_run.url.replace("http://", "http://jo:pass-word@")
    assert main(["ingest", url, "-o", str(run), "--start", start, "--end", end]) == 0
    info = open_run(run).info
    assert (info.tool, info.only_servers) == ("k6", False)
    (source,) = info.sources
    assert (source.name, source.format) == (k6_run.url.removeprefix("http://"), "influxdb")
    assert (source.rows, source.size, source.sha256) == (len(expected), None, None)
    assert info.start == min(row["ts"] for row in expected)
    assert b"pass-word" not in run.read_bytes()
    assert "pass-word" not in "".join(capsys.readouterr())


def test_without_a_window_that_of_the_files_counts(k6_run: RecordedRun, tmp_path: Path) -> None:
    expected = of_file(k6_run.json_log)
    done = perfreport.ingest([k6_run.url, k6_run.json_log], tmp_path / "run.parquet")
    assert done.rows == 2 * len(expected)
    assert [source.format for source in done.info.sources] == ["k6-json", "influxdb"]
    assert done.notes == ()


def test_points_just_outside_of_the_files_time_are_told(
    some_points: str, tmp_path: Path, influxdb_server: InfluxServer
) -> None:
    log = tmp_path / "log.json"
    log.write_text(
        "".join(
            json.dumps({"metric": "vus", "type": "Point", "data": {"time": at, "value": 1}}) + "\n"
            for at in ("2026-03-02T10:00:02Z", "2026-03-02T10:00:06Z")
        )
    )
    done = perfreport.ingest([log, some_points], tmp_path / "run.parquet")
    assert done.rows == 2 + 5
    name = some_points.removeprefix("http://")
    assert done.notes == (
        f"{name}: it has 2 more points in the minute before the time of the files. "
        "Are they of this run? Then give --start and --end.",
        f"{name}: it has 3 more points in the minute after the time of the files. "
        "Are they of this run? Then give --start and --end.",
    )


def test_several_databases_make_one_run(
    some_points: str, influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    influxdb_server.write("other", line("vus", 3, 7))
    urls = [some_points, f"{influxdb_server.url}/other".replace("http:", "influxdb:")]
    options = ReadOptions(start=START, end=START + 10 * SECOND)
    done = perfreport.ingest(urls, tmp_path / "run.parquet", options=options, format="influxdb")
    assert [source.rows for source in done.info.sources] == [10, 1]


def test_a_merged_run_asks_prometheus_over_the_time_of_the_database(
    some_points: str, tmp_path: Path
) -> None:
    asked: list[tuple[str, str]] = []

    def answer(path: str, parameters: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("buildinfo"):
            return 200, {}, b'{"status":"success","data":{"version":"9.9"}}'
        asked.append((parameters["start"], parameters["end"]))
        values = [[START_S, "7"]]
        result = [{"metric": {}, "values": values}]
        told = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return 200, {}, json.dumps(told).encode()

    queries = tmp_path / "queries.json"
    queries.write_text(json.dumps({"up": "up"}))
    run = tmp_path / "run.parquet"
    with serving(Fake(answer)) as fake:
        arguments = ["ingest", some_points, "-o", str(run), "--start", "2026-03-02T10:00:00Z"]
        arguments += ["--end", "2026-03-02T10:00:10Z"]
        arguments += ["--prometheus", fake.url, "--queries", str(queries)]
        assert main(arguments) == 0
    assert asked[-1] == (f"{START_S}.000", f"{START_S + 10}.000")
    assert [source.format for source in open_run(run).info.sources] == ["influxdb", "prometheus"]


def test_fields_count_as_tags_whatever_their_type(influxdb_server: InfluxServer) -> None:
    influxdb_server.write(
        "fields",
        line("http_reqs", 1, 1, ",name=a", ',status=201i,vu=7i,cached=true,url="http://h/1"'),
        line(
            "http_req_duration", 1, 9, ",name=a", ',status=201i,vu=7i,cached=true,url="http://h/1"'
        ),
    )
    (row,), _ = read(f"{influxdb_server.url}/fields", START, START + 2 * SECOND)
    assert (row["name"], row["status"], row["duration_ms"]) == ("a", 201, 9)
    assert row["labels"] == {"vu": "7", "cached": "true"}


def test_odd_names_and_texts_come_back(influxdb_server: InfluxServer) -> None:
    tags = r",tag\ with\,comma=a\=b\,c\ d"
    influxdb_server.write(
        "odd \"name\" 'x'".replace('"', ""), line(r'we"ird\,\ na\me', 1, 2, tags), line("vus", 1, 1)
    )
    url = f"{influxdb_server.url}/odd%20name%20'x'"
    rows, _ = read(url, START, START + 2 * SECOND)
    odd = next(row for row in rows if row["kind"] == "metric")
    assert odd["name"] == 'we"ird, na\\me'
    assert odd["labels"] == {"tag with,comma": "a=b,c d"}


def test_measurements_of_others_are_left_alone(influxdb_server: InfluxServer) -> None:
    influxdb_server.write(
        "mixed",
        line("vus", 1, 1),
        line("version", 1, '"1.2.3"'),
        f"cpu,host=a usage=0.5 {START_S + 1}000000000",
    )
    rows, source = read(f"{influxdb_server.url}/mixed", START, START + 2 * SECOND)
    assert [row["kind"] for row in rows] == ["users"]
    assert source.rejected == 0


def test_what_is_no_number_or_no_request_is_counted(influxdb_server: InfluxServer) -> None:
    influxdb_server.write("words", line("version", 1, '"1.2.3"'))
    _, source = read(f"{influxdb_server.url}/words", START, START + 2 * SECOND)
    assert [entry.why for entry in source.rejections] == [
        f"version at {START_S + 1}000000000: '1.2.3' is not a number"
    ]
    influxdb_server.write("part", line("http_req_waiting", 1, 2, ",name=alone"))
    _, source = read(f"{influxdb_server.url}/part", START, START + 2 * SECOND)
    assert [entry.why for entry in source.rejections] == [
        "a part of a request, apart from the others"
    ]


def test_a_retention_policy_of_the_url_is_asked(influxdb_server: InfluxServer) -> None:
    influxdb_server.ask('CREATE DATABASE "kept"')
    influxdb_server.ask('CREATE RETENTION POLICY "year" ON "kept" DURATION INF REPLICATION 1')
    influxdb_server.ask(
        'CREATE RETENTION POLICY "week" ON "kept" DURATION INF REPLICATION 1 DEFAULT'
    )
    influxdb_server.write("kept", line("vus", 1, 7))
    week, _ = read(f"{influxdb_server.url}/kept?retention=week", START, START + 2 * SECOND)
    assert [row["users"] for row in week] == [7]
    with pytest.raises(InputError, match="nothing of k6 between"):
        read(f"{influxdb_server.url}/kept?retention=year", START, START + 2 * SECOND)


# -- what goes wrong -------------------------------------------------------------------------------


def ingested(url: str, folder: Path, *more: str) -> int:
    window = ["--start", "2026-03-02T10:00:00Z", "--end", "2026-03-02T10:10:00Z"]
    return main(["ingest", url, "-o", str(folder / "run.parquet"), *(more or window)])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/absent", "InfluxDB says: database not found: absent. Check that this is the URL"),
        ("/some?retention=absent", "InfluxDB says: retention policy not found: absent."),
        ("/", "InfluxDB says: database not found: k6."),
    ],
)
def test_a_database_that_is_not_there_is_told(
    path: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_influxdb(tmp_path) as server:
        server.write("some", line("vus", 1))
        assert ingested(server.url + path, tmp_path) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("*.parquet"))


def test_a_time_without_points_is_told_and_writes_nothing(
    some_points: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    window = ["--start", "2026-03-01T10:00:00Z", "--end", "2026-03-01T11:00:00Z"]
    assert ingested(some_points, tmp_path, *window) == 2
    assert capsys.readouterr().err == (
        f"error: {some_points}: nothing of k6 between 2026-03-01 10:00:00 and 2026-03-01 11:00:00 "
        "UTC. Check --start and --end, and that this is the database of that run.\n"
    )
    assert not list(tmp_path.glob("*.parquet"))


def test_without_files_a_window_has_to_be_given(
    some_points: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingested(some_points, tmp_path, "--start", "2026-03-01T10:00:00Z") == 2
    assert capsys.readouterr().err.startswith(
        f"error: {some_points}: a database holds many runs. Say which time with --start and --end"
    )


def test_a_window_that_ends_before_it_starts_is_refused(some_points: str) -> None:
    with pytest.raises(InputError, match="is not after the start"):
        read(some_points, START, START)


PING = {"X-Influxdb-Version": "1.8.10"}
HTML = {"Content-Type": "text/html; charset=UTF-8"}
SERIES = b'{"results":[{"statement_id":0,"series":[{"name":"vus","columns":["time","count"],"values":[[%d,3]]}]}]}'


def influx(query: Answering) -> Answering:
    """A fake whose /ping is InfluxDB's."""

    def answer(path: str, parameters: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return (204, PING, b"") if path == "/ping" else query(path, parameters)

    return answer


def short(path: str, parameters: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Promises three points, gives one."""
    if "count" in parameters["q"]:
        return 200, {}, SERIES % (START_S * 10**9)
    body = b'{"results":[{"series":[{"name":"vus","columns":["time","value"],"values":[[1,2]]}]}]}'
    return 200, {}, body


def narrow(path: str, parameters: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Gives rows that lack a column."""
    if "count" in parameters["q"]:
        return 200, {}, SERIES % (START_S * 10**9)
    body = b'{"results":[{"series":[{"name":"vus","columns":["time","value"],"values":[[1]]}]}]}'
    return 200, {}, body


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (always(200, b"<html>", **HTML), "/ping answered 200 with text/html, not as InfluxDB does"),
        (always(404, b"gone"), "/ping answered 404 with no type, not as InfluxDB does"),
        (influx(always(200, b"<html>", **HTML)), "/query answered 200 with text/html, not as"),
        (influx(always(200, b'{"results":[{"stat')), "not as InfluxDB does, or not to its end"),
        (influx(always(200, b"{", **{"Content-Length": "9"})), "the answer broke off"),
        (always(401, b"{}"), "it asks for credentials (401). Set PERFREPORT_INFLUXDB_TOKEN, or"),
        (influx(always(403, b"{}")), "these credentials may not query it (403)"),
        (influx(always(400, b'{"error":"a\\nb"}')), "InfluxDB says: a b. Check"),
        (
            influx(always(200, b'{"results":[{"series":[{"name":"a","values":[["b",1]]}]}]}')),
            "not as InfluxDB does",
        ),
        (influx(narrow), "not as InfluxDB does"),
        (influx(short), "it gave 1 of 3 points between 2026-03-02 10:00:00 and"),
    ],
)
def test_a_server_that_is_no_help_says_why_in_a_line(
    answer: Answering, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Fake(answer)) as fake:
        url = fake.url.replace("//", "//jo:pass-word@") + "/k6"
        assert ingested(url, tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {fake.url}/k6: ")
    assert words in error
    assert error.count("\n") == 1
    assert "pass-word" not in error
    assert not list(tmp_path.glob("*.parquet"))


def test_a_server_that_is_down_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}/k6"
    assert ingested(url, tmp_path) == 2
    assert capsys.readouterr().err == (
        f"error: {url}: nothing answers there. Is the server up, and the port right?\n"
    )


@pytest.mark.parametrize("url", ["http://", "http://h:port/k6", "influxdb://[::1/k6"])
def test_a_url_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is not a URL such as http://localhost:8086/k6"):
        Database(url)


@pytest.mark.parametrize(
    ("inputs", "format", "words"),
    [
        (["http://h/k6"], "k6-json", r"--format k6-json: http://h/k6 is a URL"),
        (
            ["http://h/k6", "x.json"],
            "influxdb",
            "x.json is not a URL such as http://localhost:8086",
        ),
    ],
)
def test_a_format_that_contradicts_the_input_is_refused(
    inputs: list[str], format: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        perfreport.ingest(inputs, tmp_path / "run.parquet", format=format)


def test_an_end_without_anything_to_ask_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingested("x.json", tmp_path, "--end", "2026-03-01T10:00:00Z") == 2
    assert "--end needs --prometheus URL, or the URL of a database" in capsys.readouterr().err


# -- credentials -----------------------------------------------------------------------------------

PASSWORD = {"PERFREPORT_INFLUXDB_USERNAME": "jo", "PERFREPORT_INFLUXDB_PASSWORD": "pä"}
JWT = {"PERFREPORT_INFLUXDB_TOKEN": "aa.bb.cc"}
TOKEN = {"PERFREPORT_INFLUXDB_TOKEN": "t0ken=="}


@pytest.mark.parametrize(
    ("user", "environment", "header"),
    [
        ("", {}, None),
        ("", JWT, "Bearer aa.bb.cc"),
        ("", TOKEN, "Token t0ken=="),
        ("", PASSWORD, "Basic am86cMOk"),
        ("jo:p%C3%A4@", {}, "Basic am86cMOk"),
        ("jo:other@", PASSWORD, "Basic am86cMOk"),
    ],
)
def test_credentials_come_from_the_environment_else_from_the_url(
    user: str, environment: dict[str, str], header: str | None
) -> None:
    with serving(Fake(influx(always(200, b'{"results":[]}')))) as fake:
        with closing(
            Database(fake.url.replace("//", f"//{user}") + "/k6", environment)
        ) as database:
            assert database.probe() == "1.8.10"
        assert {sent for _, sent in fake.seen} == {header}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real InfluxDB that asks for credentials: `boss` may do all, `guest` nothing."""
    with running_influxdb(tmp_path_factory.mktemp("guarded"), auth=True) as server:
        server.ask("CREATE USER boss WITH PASSWORD 'pass-word' WITH ALL PRIVILEGES")
        boss = {"u": "boss", "p": "pass-word"}
        server.ask("CREATE USER guest WITH PASSWORD 'guess'", **boss)
        server.ask('CREATE DATABASE "k6"', **boss)
        yield server.url


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("boss:pass-word@", ""),
        ("boss:wrong@", "it asks for credentials (401)"),
        ("", "it asks for credentials (401)"),
        ("guest:guess@", "these credentials may not query it (403)"),
    ],
)
def test_the_real_server_takes_right_credentials_only(guarded: str, user: str, words: str) -> None:
    with closing(Database(guarded.replace("//", f"//{user}") + "/k6", NO_CREDENTIALS)) as database:
        if not words:
            assert database.probe().startswith("1.")
            return
        with pytest.raises(InputError) as error:
            database.probe()
    assert words in str(error.value)
    assert user.partition("@")[0] not in str(error.value) or not user


def test_the_real_server_takes_a_signed_token(guarded: str) -> None:
    claims = {"username": "boss", "exp": int(time.time()) + 3600}
    parts = [
        encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    signed = hmac.new(SECRET.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    token = {"PERFREPORT_INFLUXDB_TOKEN": ".".join([*parts, encoded(signed)])}
    with closing(Database(f"{guarded}/k6", token)) as database:
        assert database.probe().startswith("1.")


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


# -- spans -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length_ns", [1, 999_999, 10**6, 10**9, 86_400 * 10**9, 10**18])
def test_at_most_a_thousand_buckets_of_whole_milliseconds_make_up_a_span(length_ns: int) -> None:
    span = Span(7, 7 + length_ns)
    assert span.bucket_ns % 10**6 == 0
    assert 1000 * span.bucket_ns >= length_ns
    assert span.bucket_ns == 10**6 or 1000 * (span.bucket_ns - 10**6) < length_ns

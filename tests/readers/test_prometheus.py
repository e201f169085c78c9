"""The live client: against the real Prometheus for values, against small fakes for what goes wrong."""

from __future__ import annotations

import json
import math
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from prometheus_server import SECONDS, START, START_S, PrometheusServer, heap

from perfreport.cli import main
from perfreport.errors import InputError
from perfreport.readers.prometheus import (
    MOST_POINTS,
    Prometheus,
    Query,
    Window,
    default_step_s,
    live_server,
)
from perfreport.readers.server import Answer
from perfreport.run.info import MetricInfo
from perfreport.run.schema import SCHEMA
from perfreport.run.store import open_run

HEAP = Query("heap", "jvm_memory_used_bytes")
ERRORS = Query("etims_errors", "kra_etims_errors_total")
NOTHING = Query("nothing", "no_such_metric")
NO_CREDENTIALS: dict[str, str] = {}


def window(seconds: float, step_s: float | None = None) -> Window:
    return Window.of(START, START + timedelta(seconds=seconds), step_s)


def rows(answer: Answer) -> list[tuple[int, float, dict[str, str]]]:
    """(seconds since START, value, labels)."""
    table = pa.Table.from_batches(answer.batches, schema=SCHEMA)
    times = [(at - START_S * 10**6) / 1e6 for at in table["ts"].cast(pa.int64()).to_pylist()]
    labels = [dict(pairs) for pairs in table["labels"].to_pylist()]
    return list(zip(times, table["value"].to_pylist(), labels, strict=True))


# -- the real server ---------------------------------------------------------------------------


def test_values_are_those_that_promtool_was_given(prometheus_server: PrometheusServer) -> None:
    with closing(Prometheus(prometheus_server.url)) as server:
        (answer,) = server.ask([HEAP], window(600, 5))
    expected = [
        (float(second), heap(pool, second), {"instance": "127.0.0.1:8080", "id": pool})
        for pool in ("eden", "old")
        for second in range(0, 601, 5)
    ]
    assert rows(answer) == expected
    assert answer.info.rows == len(expected)
    assert answer.info.name == f"{prometheus_server.url.removeprefix('http://')}/heap"
    assert (answer.info.format, answer.info.size, answer.info.sha256) == ("prometheus", None, None)
    assert answer.facts.metrics == {"heap": MetricInfo(type="gauge", unit="By")}
    assert (answer.facts.tool, answer.facts.tool_version) == (
        "Prometheus",
        prometheus_server.version,
    )


def test_a_window_of_more_than_11000_points_comes_whole_and_without_doubles(
    prometheus_server: PrometheusServer,
) -> None:
    with closing(Prometheus(prometheus_server.url)) as server:
        (answer,) = server.ask([HEAP], window(SECONDS, 1))
    old = [(at, value) for at, value, labels in rows(answer) if labels["id"] == "old"]
    assert old == [(float(second), heap("old", second)) for second in range(SECONDS + 1)]
    assert len(old) == 14_401


def test_a_counter_is_known_by_its_name_and_an_empty_query_is_named(
    prometheus_server: PrometheusServer,
) -> None:
    with closing(Prometheus(prometheus_server.url)) as server:
        errors, nothing = server.ask([ERRORS, NOTHING], window(60, 15))
    assert [row[:2] for row in rows(errors)] == [(15.0 * i, i) for i in range(5)]
    assert errors.facts.metrics == {"etims_errors": MetricInfo(type="counter", unit="{errors}")}
    assert rows(nothing) == []
    assert nothing.notes == (
        f"{nothing.info.name}: no data in this time; are the query's labels right?",
    )


def test_queries_without_any_value_are_an_error(prometheus_server: PrometheusServer) -> None:
    nan = Query("nan", "jvm_memory_used_bytes * NaN")
    with closing(Prometheus(prometheus_server.url)) as server:
        answers = server.ask([NOTHING, nan], window(60))
        assert next(answers).info.rows == 0
        assert "26 of 26 points are NaN" in next(answers).notes[0]
        with pytest.raises(
            InputError,
            match=r"none of the 2 queries has a value between 2026-03-02 10:00:00 and 2026-03-02 10:01:00 UTC",
        ):
            next(answers)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("sum(", "query lag refused: 1:5: parse error: unclosed left parenthesis (400, bad_data)"),
        ("sum(\n  up)) by", "query lag refused: 2:"),
        ("up[5m]", 'query lag refused: invalid expression type "range vector"'),
    ],
)
def test_a_bad_query_is_named_in_the_words_of_prometheus_before_anything_is_read(
    prometheus_server: PrometheusServer, expression: str, words: str
) -> None:
    with closing(Prometheus(prometheus_server.url)) as server, pytest.raises(InputError) as error:
        server.probe([HEAP, Query("lag", expression)])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_query_that_only_the_data_refuses_is_named(prometheus_server: PrometheusServer) -> None:
    twice = Query("twice", "jvm_memory_used_bytes + on(instance) jvm_memory_used_bytes")
    with closing(Prometheus(prometheus_server.url)) as server:
        server.probe([twice])
        with pytest.raises(
            InputError, match=r"query twice refused: found duplicate series .*422, execution"
        ):
            next(server.ask([twice], window(60)))


def test_the_probe_tells_the_version(prometheus_server: PrometheusServer) -> None:
    with closing(Prometheus(prometheus_server.url + "/")) as server:
        assert server.probe([HEAP]) == prometheus_server.version


def test_the_command_line_reads_a_time_of_production(
    prometheus_server: PrometheusServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    queries = tmp_path / "queries.yaml"
    queries.write_text("heap: jvm_memory_used_bytes\nnothing: no_such_metric\n")
    command = ["ingest", "-o", str(tmp_path / "run.parquet"), "--queries", str(queries)]
    command += ["--prometheus", prometheus_server.url.replace("//", "//user:secret@")]
    command += ["--start", "2026-03-02T10:00:00Z", "--end", "2026-03-02T11:00:00Z"]
    assert main(command) == 0
    run = open_run(tmp_path / "run.parquet")
    assert run.arrow().num_rows == 2 * 721
    assert run.info.tool == "Prometheus"
    assert [source.rows for source in run.info.sources] == [1442, 0]
    told = "".join(capfd.readouterr())
    assert "/nothing: no data in this time" in told
    assert "secret" not in told
    assert b"secret" not in (tmp_path / "run.parquet").read_bytes()


def test_the_default_window_is_that_of_the_load(
    prometheus_server: PrometheusServer, tmp_path: Path
) -> None:
    (tmp_path / "queries.json").write_text('{"heap": "jvm_memory_used_bytes{id=\'old\'}"}')
    (tmp_path / "load.jtl").write_text(
        "timeStamp,elapsed,label,responseCode,success\n"
        f"{START_S + 60}000,10,order,200,true\n"
        f"{START_S + 119}500,500,order,200,true\n"
    )
    command = ["ingest", str(tmp_path / "load.jtl"), "-o", str(tmp_path / "run.parquet")]
    command += ["--prometheus", prometheus_server.url, "--queries", str(tmp_path / "queries.json")]
    assert main([*command, "--step", "20s"]) == 0
    run = open_run(tmp_path / "run.parquet")
    metric = run.arrow().filter(pc.field("kind") == "metric")
    assert metric["value"].to_pylist() == [heap("old", second) for second in (60, 80, 100, 120)]
    assert metric["source"].unique().to_pylist() == ["127.0.0.1:8080"]
    assert run.info.tool == "JMeter"


# -- fakes -------------------------------------------------------------------------------------


Answering = Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes]]


@dataclass
class Fake:
    """A small HTTP server: `answer` gives (status, headers, body) of a path and its parameters."""

    answer: Answering
    seen: list[tuple[str, str | None]] = field(default_factory=list)  # path, Authorization
    url: str = ""


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            fake.seen.append((parts.path, self.headers.get("Authorization")))
            parameters = {key: values[0] for key, values in parse_qs(parts.query).items()}
            status, headers, body = fake.answer(parts.path, parameters)
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


BUILD = b'{"status":"success","data":{"version":"9.9"}}'
ONE = (
    b'{"status":"success","data":{"resultType":"matrix","result":'
    b'[{"metric":{},"values":[[1772445600,"7"]]}]},"warnings":["a store is down"]}'
)
JSON = {"Content-Type": "application/json"}


def good(path: str, _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    return 200, JSON, BUILD if path.endswith("buildinfo") else ONE


def always(status: int, body: bytes, **headers: str) -> Answering:
    return lambda path, parameters: (status, headers, body)


def redirect_to(url: str) -> Answering:
    return always(307, b"", Location=url)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (always(401, b"no"), "it asks for credentials (401). Set PERFREPORT_PROMETHEUS_TOKEN, or"),
        (always(403, b"no"), "these credentials may not query it (403). Ask for read access."),
        (
            always(200, b"<html>Grafana</html>", **{"Content-Type": "text/html; charset=UTF-8"}),
            "status/buildinfo answered 200 with text/html, not as Prometheus does. Give the server's",
        ),
        (
            always(404, b"<html>", **{"Content-Type": "text/html"}),
            "query answered 404 with text/html",
        ),
        (always(200, b""), "answered 200 with no type"),
        (always(200, b'{"cluster_name":"es"}'), "not as Prometheus does"),
        (
            always(503, b"Service Unavailable"),
            "not available (503). Is it starting? Try again later.",
        ),
        (redirect_to("/api/v1/status/buildinfo"), "it redirects in circles"),
        (redirect_to("ftp://127.0.0.1/"), "cannot be asked (InvalidSchema)"),
        (always(200, b"{", **{"Content-Length": "9"}), "the answer broke off or is damaged"),
        (
            always(200, b"no gzip", **{"Content-Encoding": "gzip"}),
            "the answer broke off or is damaged",
        ),
    ],
)
def test_a_server_that_is_no_help_says_why_in_a_line(answer: Answering, words: str) -> None:
    with (
        serving(Fake(answer)) as fake,
        closing(Prometheus(fake.url, NO_CREDENTIALS)) as server,
        pytest.raises(InputError) as error,
    ):
        server.probe([HEAP])
    assert words in str(error.value)
    assert str(error.value).startswith(f"{fake.url}: ")
    assert "\n" not in str(error.value)


def test_a_refused_connection_is_told_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://user:pass-word@127.0.0.1:{port}/prom"
    with closing(Prometheus(url, NO_CREDENTIALS)) as server, pytest.raises(InputError) as error:
        server.probe()
    assert str(error.value) == (
        f"http://127.0.0.1:{port}/prom: nothing answers there. Is the server up, and the port right?"
    )


def test_an_unknown_host_is_told() -> None:
    with (
        closing(Prometheus("http://no-such-host.invalid:9090", NO_CREDENTIALS)) as server,
        pytest.raises(InputError, match=r"^http://no-such-host\.invalid:9090: no such host\."),
    ):
        server.probe()


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfreport.readers.prometheus_http._READ_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            closing(Prometheus(url, NO_CREDENTIALS)) as server,
            pytest.raises(InputError, match="no answer within"),
        ):
            server.probe()


def test_a_certificate_that_nobody_signed_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def shake_hands_once(listening: socket.socket) -> None:
        plain, _ = listening.accept()
        with plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=shake_hands_once, args=(listening,))
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with (
            closing(Prometheus(url, NO_CREDENTIALS)) as server,
            pytest.raises(InputError, match=r"certificate is not accepted"),
        ):
            server.probe()
        thread.join()


def test_a_server_that_is_starting_is_asked_again() -> None:
    answers = iter([always(503, b"starting"), always(502, b"")])

    def starting(path: str, parameters: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return next(answers, good)(path, parameters)

    with serving(Fake(starting)) as fake, closing(Prometheus(fake.url, NO_CREDENTIALS)) as server:
        assert server.probe() == "9.9"
        assert len(fake.seen) == 3


def test_a_server_without_buildinfo_is_asked_a_trivial_query() -> None:
    def old(path: str, parameters: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return (404, {}, b"") if path.endswith("buildinfo") else good(path, parameters)

    with serving(Fake(old)) as fake, closing(Prometheus(fake.url, NO_CREDENTIALS)) as server:
        assert server.probe() is None
        assert [path for path, _ in fake.seen] == ["/api/v1/status/buildinfo", "/api/v1/query"]


def test_a_warning_of_prometheus_is_told_once_per_query() -> None:
    with serving(Fake(good)) as fake, closing(Prometheus(fake.url, NO_CREDENTIALS)) as server:
        (answer,) = server.ask([HEAP], window(3 * MOST_POINTS, 1))
    assert answer.info.rows == 4
    assert answer.notes == (f"{answer.info.name}: Prometheus warns: a store is down",)


def test_an_answer_too_large_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfreport.readers.prometheus_http.LARGEST_ANSWER", 1 << 20)
    with (
        serving(Fake(always(200, BUILD + b" " * (2 << 20)))) as fake,
        closing(Prometheus(fake.url, NO_CREDENTIALS)) as server,
        pytest.raises(InputError, match="an answer larger than 1 MiB"),
    ):
        server.probe()


# -- credentials -------------------------------------------------------------------------------

TOKEN = {"PERFREPORT_PROMETHEUS_TOKEN": "t0ken"}
PASSWORD = {"PERFREPORT_PROMETHEUS_USERNAME": "jo", "PERFREPORT_PROMETHEUS_PASSWORD": "pä"}


@pytest.mark.parametrize(
    ("user", "environment", "header"),
    [
        ("", {}, None),
        ("", TOKEN, "Bearer t0ken"),
        ("", PASSWORD, "Basic am86cMOk"),
        ("jo:p%C3%A4@", {}, "Basic am86cMOk"),
        ("jo:other@", PASSWORD, "Basic am86cMOk"),
        ("jo:other@", TOKEN, "Bearer t0ken"),
    ],
)
def test_credentials_come_from_the_environment_else_from_the_url(
    user: str, environment: dict[str, str], header: str | None
) -> None:
    with serving(Fake(good)) as fake:
        with closing(Prometheus(fake.url.replace("//", f"//{user}"), environment)) as server:
            server.probe()
        assert [sent for _, sent in fake.seen] == [header]


def test_a_netrc_entry_serves_where_nothing_else_is_said_and_never_replaces_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login jo password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(Fake(good)) as fake:
        for environment in ({}, TOKEN):
            with closing(Prometheus(fake.url, environment)) as server:
                server.probe()
        assert [sent for _, sent in fake.seen] == ["Basic am86c2VjcmV0", "Bearer t0ken"]


@pytest.mark.parametrize("environment", [TOKEN, PASSWORD], ids=["token", "password"])
def test_credentials_are_not_sent_to_a_host_that_a_redirect_names(
    environment: dict[str, str],
) -> None:
    with (
        serving(Fake(good)) as other,
        serving(Fake(redirect_to(f"{other.url}/api/v1/status/buildinfo"))) as first,
        closing(Prometheus(first.url, environment)) as server,
    ):
        assert server.probe() == "9.9"
    assert first.seen[0][1] is not None
    assert [sent for _, sent in other.seen] == [None]


def test_a_login_page_behind_a_redirect_is_called_what_it_is() -> None:
    with (
        serving(Fake(always(200, b"<html>", **{"Content-Type": "text/html"}))) as login,
        serving(Fake(redirect_to(f"{login.url}/login"))) as first,
        closing(Prometheus(first.url, TOKEN)) as server,
        pytest.raises(InputError) as error,
    ):
        server.probe()
    host = login.url.removeprefix("http://")
    assert f"with text/html from {host}, not as Prometheus does" in str(error.value)
    assert [sent for _, sent in login.seen] == [None]


# -- URL, window, step -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "localhost:9090",
        "ftp://host",
        "file:///etc/passwd",
        "http://",
        "",
        "http://h:port",
        "http://[::1",
    ],
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is not a URL such as http://localhost:9090"):
        Prometheus(url)


def test_a_wrong_url_is_told_without_its_password() -> None:
    with pytest.raises(InputError) as error:
        Prometheus("htp://user:pass-word@host:9090")
    assert "pass-word" not in str(error.value)
    assert "host:9090" in str(error.value)


@given(
    st.integers(0, 4 * 10**12), st.integers(1, 10**9), st.integers(1, 10**6), st.integers(0, 999)
)
def test_the_parts_of_a_window_hold_each_moment_once(
    start_ms: int, span_ms: int, step_ms: int, odd_us: int
) -> None:
    span_ms = min(span_ms, 50 * MOST_POINTS * step_ms)
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start_ms, microseconds=odd_us)
    end = start + timedelta(milliseconds=span_ms)
    asked = 0
    for part in Window.of(start, end, step_ms / 1000).parts():
        first, last, step = (round(float(part[key]) * 1000) for key in ("start", "end", "step"))
        assert (first - start_ms) == asked * step_ms
        assert step == step_ms
        points = (last - first) // step + 1
        assert 1 <= points <= MOST_POINTS
        asked += points
    assert asked == span_ms // step_ms + 1


@pytest.mark.parametrize(
    ("seconds", "step_s"), [(30, 5), (7200, 5), (10_001, 10), (86_400, 60), (30 * 86_400, 1800)]
)
def test_the_default_step_gives_at_most_2000_points(seconds: float, step_s: float) -> None:
    assert default_step_s(seconds) == step_s
    assert math.ceil(seconds / default_step_s(seconds)) <= 2000


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InputError, match="the end, 2026-03-02 09:59:50, is not after the start"):
        window(-10)


@pytest.mark.parametrize(
    ("step", "words"), [("soon", "is not a duration"), ("0s", "The finest is 1ms")]
)
def test_a_step_that_cannot_be_is_refused(step: str, words: str, tmp_path: Path) -> None:
    queries = tmp_path / "queries.json"
    queries.write_text(json.dumps({"up": "up"}))
    with pytest.raises(InputError, match=words):
        live_server("http://localhost", queries, step=step)

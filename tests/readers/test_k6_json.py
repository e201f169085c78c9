"""k6's JSON log: real recordings against k6's own summaries, generated logs against a slow twin."""

import gzip
import io
import json
import math
import random
import re
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfreport import resources
from perfreport.readers import k6_json
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import SCHEMA

SAMPLES = resources.folder("sample_results") / "k6-json"
HTTP = [
    "http_reqs",
    "http_req_duration",
    "http_req_blocked",
    "http_req_connecting",
    "http_req_tls_handshaking",
    "http_req_sending",
    "http_req_waiting",
    "http_req_receiving",
    "http_req_failed",
]
PHASES = dict(
    zip(
        HTTP[1:8],
        ["duration_ms", "blocked_ms", "connect_ms", "tls_ms", "send_ms", "wait_ms", "receive_ms"],
        strict=True,
    )
)


def read(log: bytes) -> tuple[list[dict], Source]:
    """The rows of a log, without the columns that are null, and its source."""
    source = Source(io.BytesIO(log), "test.json")
    table = pa.Table.from_batches(k6_json.read(source), SCHEMA)
    table.validate(full=True)
    return [plain(row) for row in table.to_pylist()], source


def plain(row: dict) -> dict:
    known = {key: value for key, value in row.items() if value is not None}
    return known | {"labels": dict(row["labels"] or ())}


def sample(name: str) -> bytes:
    return gzip.decompress((SAMPLES / name).read_bytes())


def point(metric: str, value: float = 1, time: str = "2026-11-23T02:00:01Z", **tags: str) -> str:
    data = {"time": time, "value": value, "tags": tags}
    return json.dumps({"metric": metric, "type": "Point", "data": data}, ensure_ascii=False)


def definition(name: str, type: str, contains: str = "default", thresholds: object = ()) -> str:
    data = {"name": name, "type": type, "contains": contains, "thresholds": thresholds}
    return json.dumps({"type": "Metric", "data": data | {"submetrics": None}, "metric": name})


def request(duration: float = 5, time: str = "2026-11-23T02:00:01Z", **tags: str) -> list[str]:
    """The nine lines of a request; http_req_failed is 0 unless `expected_response` is false."""
    tags = {"method": "GET", "status": "200", "expected_response": "true"} | tags
    failed = float(tags["expected_response"] == "false")
    values = [1, duration, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, failed]
    return [point(metric, value, time, **tags) for metric, value in zip(HTTP, values, strict=True)]


def log(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


# --- against k6's own numbers -------------------------------------------------------------------


def k6_percentile(values: list[float], percent: float) -> float:
    """As TrendSink.P of k6's metrics/sink.go computes it: type 7."""
    ordered = sorted(values)
    at = percent / 100 * (len(ordered) - 1.0)
    below, above = ordered[math.floor(at)], ordered[math.ceil(at)]
    return below + (above - below) * (at - math.floor(at))


def trend_of(values: list[float]) -> dict[str, float]:
    """k6's statistics of a trend; `avg` sums in the order of the log."""
    of = {"count": len(values), "min": min(values), "max": max(values)}
    of |= {"avg": list(accumulate(values))[-1] / len(values), "med": k6_percentile(values, 50)}
    return of | {f"p({q})": k6_percentile(values, q) for q in (90, 95, 99)}


def assert_trend(values: list[float], own: dict[str, float]) -> None:
    assert {"min", "avg", "med", "max", "p(90)", "p(95)"} <= own.keys()
    assert {key: trend_of(values)[key] for key in own if key in trend_of(values)} == {
        key: value for key, value in own.items() if key in trend_of(values)
    }


def summary_of(name: str) -> dict[str, dict[str, float]]:
    """The flat metrics of a summary export, and those of handleSummary alike."""
    metrics = json.loads((SAMPLES / name).read_text())["metrics"]
    return {name: entry.get("values", entry) for name, entry in metrics.items()}


@pytest.mark.parametrize("name", ["short", "handle", "v2"])
@pytest.mark.parametrize(
    ("metric", "column"),
    [*PHASES.items(), ("iteration_duration", "iteration"), ("group_duration", "transaction")],
)
def test_every_time_has_k6s_own_statistics_to_the_last_bit(name, metric, column) -> None:
    rows, _ = read(sample(f"{name}.json.gz"))
    kind, column = ("request", column) if column.endswith("_ms") else (column, "duration_ms")
    values = [row[column] for row in rows if row["kind"] == kind]
    assert_trend(values, summary_of(f"{name}.tool.json")[metric])


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("grpc_req_duration", "request"),
        ("iteration_duration", "iteration"),
        ("ws_session_duration", "metric"),
        ("ws_ping", "metric"),
    ],
)
def test_grpc_calls_and_websocket_sessions_have_k6s_own_times(metric, kind) -> None:
    rows, _ = read(sample("grpc.json.gz"))
    values = [
        row["value"] if kind == "metric" else row["duration_ms"]
        for row in rows
        if row["kind"] == kind and (kind != "metric" or row["name"] == metric)
    ]
    assert_trend(values, summary_of("grpc.tool.json")[metric])


@pytest.mark.parametrize(
    "metric",
    ["http_req_duration", "web_vital_cls", "web_vital_fcp", "web_vital_lcp", "web_vital_ttfb"],
)
def test_what_a_browser_measured_has_k6s_own_statistics(metric) -> None:
    rows, source = read(sample("browser-v2.json.gz"))
    own = summary_of("browser-v2.tool.json")
    assert_trend(values_of(rows, f"browser_{metric}"), own[f"browser_{metric}"])
    failed = values_of(rows, "browser_http_req_failed")
    assert (sum(failed), len(failed)) == (6, 9)
    assert own["browser_http_req_failed"]["passes"] == 6
    assert sum(values_of(rows, "browser_data_received")) == own["browser_data_received"]["count"]
    assert not any(row["kind"] == "request" for row in rows)
    assert source.rejected == 0


def test_a_grpc_call_that_found_nothing_failed() -> None:
    rows, _ = read(sample("grpc.json.gz"))
    calls = Counter(
        (row["name"], row["status"], row["ok"]) for row in rows if row["kind"] == "request"
    )
    assert calls == {("/grpc.health.v1.Health/Check", 0, True): 30, ("absent_service", 5, False): 6}


@pytest.mark.parametrize("name", ["short", "handle", "v2"])
def test_a_threshold_on_some_requests_sees_the_same_requests(name) -> None:
    rows, _ = read(sample(f"{name}.json.gz"))
    requests = [row for row in rows if row["kind"] == "request"]
    chosen = {
        "http_req_duration{name:etims}": [r for r in requests if r["name"] == "etims"],
        "http_req_duration{scenario:kenya_o2c}": [
            r for r in requests if r["scenario"] == "kenya_o2c"
        ],
        "http_req_duration{expected_response:true}": [r for r in requests if r["ok"]],
    }
    for metric, rows_of in chosen.items():
        own = summary_of(f"{name}.tool.json")[metric]
        assert_trend([row["duration_ms"] for row in rows_of], own)


@pytest.mark.parametrize("name", ["short", "handle", "v2"])
def test_counts_are_k6s_own(name) -> None:
    rows, source = read(sample(f"{name}.json.gz"))
    own = summary_of(f"{name}.tool.json")
    kinds = Counter(row["kind"] for row in rows)
    failed = sum(row["kind"] == "request" and not row["ok"] for row in rows)
    checks = [row["ok"] for row in rows if row["kind"] == "check"]
    users = [row["users"] for row in rows if row["kind"] == "users"]
    assert kinds["request"] == own["http_reqs"]["count"]
    assert kinds["iteration"] == own["iterations"]["count"]
    assert failed == own["http_req_failed"]["passes"]  # for a rate these are the non-zero values
    assert sum(checks) == own["checks"]["passes"]
    assert len(checks) - sum(checks) == own["checks"]["fails"]
    assert (min(users), max(users)) == (own["vus"]["min"], own["vus"]["max"])
    for counter in ("orders_created", "data_sent", "data_received"):
        assert sum(values_of(rows, counter)) == own[counter]["count"]
    errors = values_of(rows, "errors")
    assert (sum(errors), len(errors)) == (own["errors"]["passes"], sum(rate_counts(own["errors"])))
    assert source.rejected == 0
    assert not source.truncated


def values_of(rows: list[dict], metric: str) -> list[float]:
    return [row["value"] for row in rows if row["kind"] == "metric" and row["name"] == metric]


def rate_counts(own: dict[str, float]) -> tuple[float, float]:
    return own["passes"], own["fails"]


def test_requests_that_k6_did_not_judge_are_not_judged() -> None:
    rows, _ = read(sample("metadata.json.gz"))
    own = summary_of("metadata.tool.json")
    requests = [row for row in rows if row["kind"] == "request"]
    ok = Counter(row.get("ok") for row in requests)
    assert_trend([row["duration_ms"] for row in requests], own["http_req_duration"])
    assert ok.total() == own["http_reqs"]["count"]
    assert ok[False] == own["http_req_failed"]["passes"]
    assert ok[True] == own["http_req_failed"]["fails"]
    assert ok[None] == 40


@pytest.mark.parametrize("name", ["short", "handle", "v2"])
def test_each_named_check_counts_as_in_k6(name) -> None:
    rows, _ = read(sample(f"{name}.json.gz"))
    own = dict(checks_of(json.loads((SAMPLES / f"{name}.tool.json").read_text())["root_group"]))
    for check, (passes, fails) in own.items():
        results = [row["ok"] for row in rows if row["kind"] == "check" and row["name"] == check]
        assert (sum(results), len(results) - sum(results)) == (passes, fails), check
    assert own


def checks_of(group: dict) -> list[tuple[str, tuple[int, int]]]:
    """Checks and groups are lists in handleSummary and mappings in the summary export."""
    listed = {
        key: list(value.values()) if isinstance(value, dict) else value
        for key, value in group.items()
        if key in ("checks", "groups")
    }
    own = [(check["name"], (check["passes"], check["fails"])) for check in listed["checks"]]
    return own + [check for inner in listed["groups"] for check in checks_of(inner)]


@pytest.mark.parametrize("name", ["baseline", "run"])
def test_the_consoles_counts_and_percentiles_are_met(name) -> None:
    rows, _ = read(sample(f"{name}.json.gz"))
    durations = [row["duration_ms"] for row in rows if row["kind"] == "request"]
    line = re.search(r"http_req_duration\.+: (.*)", (SAMPLES / f"{name}.txt").read_text())
    shown = dict(re.findall(r"(\S+)=([\d.]+)ms", line[1]))
    assert len(durations) == {"baseline": 7205, "run": 7204}[name]
    for percent in (90, 95):  # the console cuts off what stands behind the second digit
        behind = np.quantile(durations, percent / 100) - float(shown[f"p({percent})"])
        assert 0 <= behind < 0.01


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.json.gz")))
def test_a_recording_gives_the_rows_of_the_slow_twin(name) -> None:
    assert read(sample(name))[0] == slow_k6(sample(name).decode().splitlines())


# --- the slow twin ------------------------------------------------------------------------------


def slow_k6(lines: list[str], judges: bool | None = None) -> list[dict]:
    """The same rows, one dictionary at a time, for a log without damage."""
    entries = [json.loads(line) for line in lines]
    units = {}
    rows: list[dict] = []
    requests: list[dict] = []  # the points of the request being read
    if judges is None:
        judges = any(entry["metric"] == "http_req_failed" for entry in entries)
    for entry in entries:
        metric, data = entry["metric"], entry["data"]
        if entry["type"] == "Metric":
            default = "1" if data["type"] in ("counter", "rate") else None
            units[metric] = {"time": "ms", "data": "By", "default": default}[data["contains"]]
            continue
        if metric in HTTP:
            key = data["time"], data["tags"], data.get("metadata")
            if not requests or requests[-1]["key"] != key or metric in requests[-1]:
                requests.append({"key": key, "row": len(rows)})
                rows.append({})
            requests[-1][metric] = data["value"]
            continue
        requests.append({"key": None})
        if metric != "iterations":
            rows.append(slow_row(metric, data, units.get(metric)))
    for entry in requests:
        if entry["key"]:
            rows[entry["row"]] = slow_request(entry, judges)
    return rows


def slow_request(points: dict, judges: bool) -> dict:
    time, tags, metadata = points["key"]
    status = int(tags["status"])
    if "http_req_failed" in points:
        ok = points["http_req_failed"] == 0
    else:
        ok = None if judges else 200 <= status <= 399
    tags = tags | (metadata or {})
    name, url = tags.get("name"), tags.get("url")
    if "/" in name and url in (name, None):
        path = re.sub(r"^(http://[^/]*|\$\{\})", "", name).split("?")[0]
        path = re.sub(r"(?<=/)(\d+|\$\{\}|[0-9a-f]{8}-[0-9a-f-]{27})(?=/|$)", "{id}", path)
        name = f"{tags['method']} {path}"
    row = {"kind": "request", "name": name, "method": tags["method"], "status": status, "ok": ok}
    row["error"] = tags.get("error") or (tags.get("error_code") if ok is False else None)
    row |= {column: points.get(metric) for metric, column in PHASES.items()}
    row["ts"] = slow_start(time, points["http_req_duration"])
    return finished(row, tags, {"name", "method", "status", "error", "url", "expected_response"})


def slow_row(metric: str, data: dict, unit: str | None) -> dict:
    tags, value = data["tags"] | (data.get("metadata") or {}), data["value"]
    timed = metric in ("iteration_duration", "group_duration", "grpc_req_duration")
    row = {"ts": slow_start(data["time"], value if timed else 0)}
    match metric:
        case "checks":
            row |= {
                "kind": "check",
                "name": tags.get("check", metric),
                "ok": value != 0,
                "value": value,
            }
            return finished(row | {"unit": "1"}, tags, {"check"})
        case "iteration_duration":
            row |= {"kind": "iteration", "name": "iteration", "duration_ms": value}
        case "group_duration":
            *outer, name = tags["group"].split("::")
            tags = tags | {"group": "::".join(outer)}
            row |= {"kind": "transaction", "name": name, "duration_ms": value}
        case "grpc_req_duration":
            status = int(tags["status"])
            row |= {"kind": "request", "name": tags["name"], "duration_ms": value}
            row |= {"status": status, "ok": status == 0}
            return finished(row, tags, {"name", "status", "url"})
        case "vus":
            row |= {"kind": "users", "name": "vus", "users": value}
        case _:
            row |= {"kind": "metric", "name": metric, "value": value, "unit": unit}
            return finished(row, tags, {"url"} if "name" in tags else set())
    return finished(row, tags, set())


def finished(row: dict, tags: dict, taken: set[str]) -> dict:
    row["group"] = "/".join(filter(None, tags.get("group", "").split("::"))) or None
    row["scenario"] = tags.get("scenario")
    labels = {key: value for key, value in tags.items() if key not in taken | {"group", "scenario"}}
    row = {key: value for key, value in row.items() if value is not None}
    return row | {"labels": labels}


def slow_start(time: str, duration_ms: float) -> datetime:
    """Nanoseconds are beyond datetime: cut them off after subtracting."""
    whole, fraction, zone = re.fullmatch(r"([^.]{19})\.?(\d*)(Z|[+-].*)", time).groups()
    second = int(datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp())
    ended_ns = second * 10**9 + int(f"{fraction:0<9}")
    microseconds = (ended_ns - round(duration_ms * 1e6)) // 1000
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


# --- generated logs -----------------------------------------------------------------------------


class Log:
    """A random log as k6 would write it: records of one or more lines, definitions between them."""

    def __init__(self, random: random.Random, style: str) -> None:
        self._random = random
        self._style = style  # tagged; untagged: no expected_response; old: no http_req_failed
        self._defined: set[str] = set()
        self.records: list[list[str]] = []
        for _ in range(random.randint(1, 12)):
            self.records.append(self._record())

    def _record(self) -> list[str]:
        kind = self._random.choice(KINDS)
        time, value = self._time(), self._value()
        shared = {"scenario": "s1", "group": self._random.choice(["", "::a", "::a::b & c"])}
        match kind:
            case "request":
                return self._request(time, shared)
            case "check":
                passed = float(self._random.random() < 0.5)
                return self._lines(["checks"], [passed], time, shared | {"check": "fine – «ok»"})
            case "group":
                return self._lines(["group_duration"], [value], time, shared | {"group": "::a::b"})
            case "iteration":
                return self._lines(["iteration_duration"], [value], time, shared)
            case "iterations":
                return self._lines(["iterations"], [1], time, shared)
            case "vus":
                return self._lines(["vus"], [self._random.randint(0, 9)], time, {})
            case "metric":
                name = self._random.choice(["data_sent", "orders", "queue", "waited"])
                return self._lines([name], [value], time, shared | {"cu": "yes", "status": "7"})
        tags = {"name": "/p.Shop/Buy", "method": "Buy", "service": "p.Shop", "status": "0"}
        return self._lines(["grpc_req_duration"], [value], time, shared | tags)

    def _request(self, time: str, shared: dict) -> list[str]:
        failed = self._random.random() < 0.3
        tags = shared | {"method": "GET", "status": "503" if failed else "200"}
        url = f"http://h:1/api/v1/orders/{self._random.randint(1, 3)}?a=1"
        tags["name"] = tags["url"] = self._random.choice(["create", "a/b", url][::2])
        if failed:
            tags["error_code"] = "1503"
        metrics = HTTP if self._style != "old" else HTTP[:8]
        if self._style == "tagged":
            if self._random.random() < 0.2:  # responseCallback: null
                metrics = HTTP[:8]
            else:
                tags["expected_response"] = str(not failed).lower()
        values = [1, *(self._value() for _ in range(7)), float(failed)]
        return self._lines(metrics, values, time, tags)

    def _lines(self, metrics: list[str], values: list, time: str, tags: dict) -> list[str]:
        meta = {"vu": "1", "iter": str(self._random.randint(0, 2))}
        metadata = {"metadata": meta} if self._random.random() < 0.2 else {}
        lines = []
        for metric, value in zip(metrics, values, strict=False):
            if metric not in self._defined:
                self._defined.add(metric)
                lines.append(definition(metric, *self._type(metric)))
            data = {"time": time, "value": value, "tags": self._mixed(tags)}
            data |= {key: self._mixed(entries) for key, entries in metadata.items()}
            line = {"metric": metric, "type": "Point", "data": data}
            lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
        return lines

    def _mixed(self, entries: dict) -> dict:
        """Versions 0.38 to 0.40 write tags in any order, versions up to 1.x metadata."""
        order = list(entries)
        self._random.shuffle(order)
        return {key: entries[key] for key in order}

    def _type(self, metric: str) -> tuple[str, str]:
        known = {"data_sent": ("counter", "data"), "orders": ("counter", "default")}
        known |= {"queue": ("gauge", "default"), "vus": ("gauge", "default")}
        return known.get(metric, ("trend", "time"))

    def _time(self) -> str:
        second = self._random.randint(0, 3)
        fraction = self._random.choice(["", ".5", ".123456789", ".000001", ".99999"])
        return (
            f"2026-11-23T23:59:5{second}{fraction}{self._random.choice(['Z', '+03:00', '-05:30'])}"
        )

    def _value(self) -> float:
        return self._random.choice([0, 1, 1e-06, 9.439379, self._random.random() * 1e4])


KINDS = [
    "request",
    "request",
    "request",
    "check",
    "group",
    "iteration",
    "iterations",
    "vus",
    "metric",
    "grpc",
]
STYLES = ["tagged", "untagged", "old"]


@settings(max_examples=150, deadline=None)
@given(random=st.randoms(use_true_random=False), style=st.sampled_from(STYLES))
def test_a_generated_log_gives_the_rows_of_the_slow_twin(random, style) -> None:
    lines = [line for record in Log(random, style).records for line in record]
    rows, source = read(log(*lines))
    assert rows == slow_k6(lines)
    assert source.rejected == 0


@settings(max_examples=150, deadline=None)
@given(random=st.randoms(use_true_random=False), style=st.sampled_from(["tagged", "old"]))
def test_a_cut_log_gives_every_whole_record_and_no_other(random, style) -> None:
    records = Log(random, style).records
    whole = log(*(line for record in records for line in record))
    cut = random.randint(0, len(whole))
    ends = np.cumsum([len(log(*record)) for record in records])
    kept = [record for record, end in zip(records, ends, strict=True) if end - 1 <= cut]
    rows, source = read(whole[:cut])
    judges = b'"metric":"http_req_failed"' in whole[:cut].rpartition(b"\n")[0].replace(b": ", b":")
    assert rows == slow_k6([line for record in kept for line in record], judges)
    assert source.rejected <= 1
    assert source.truncated or cut == len(whole) or source.rejected == 0


# --- what is odd --------------------------------------------------------------------------------


def test_a_request_starts_its_duration_before_k6s_time_stamp() -> None:
    rows, _ = read(log(*request(9.439379, time="2026-11-23T05:12:03.935143633+03:00", name="x")))
    # 3.935143633 s - 9.439379 ms = 3.925704254 s
    assert rows[0]["ts"] == datetime(2026, 11, 23, 2, 12, 3, 925704, tzinfo=UTC)


def test_two_requests_of_one_time_and_tags_are_two() -> None:
    rows, _ = read(log(*request(5), *request(6)))
    assert [row["duration_ms"] for row in rows] == [5, 6]


def test_definitions_between_the_lines_of_a_request_do_not_part_it() -> None:
    lines = request(5)
    mixed = [
        text
        for name, line in zip(HTTP, lines, strict=True)
        for text in (definition(name, "trend"), line)
    ]
    rows, source = read(log(*mixed))
    assert len(rows) == 1
    assert rows[0]["receive_ms"] == 0.6
    assert set(source.facts.metrics) == set(HTTP)


def test_an_expected_404_succeeded_and_a_rejected_200_failed() -> None:
    rows, _ = read(
        log(
            *request(status="404", error_code="1404"),
            *request(status="200", expected_response="false", error_code="1"),
        )
    )
    assert [(row["ok"], row.get("error")) for row in rows] == [(True, None), (False, "1")]


def test_a_refused_connection_says_why() -> None:
    tags = {"status": "0", "error": "dial: connection refused", "error_code": "1212"}
    rows, _ = read(log(*request(0, expected_response="false", name="x", **tags)))
    assert (rows[0]["status"], rows[0]["ok"]) == (0, False)
    assert rows[0]["error"] == "dial: connection refused"
    assert rows[0]["labels"] == {"error_code": "1212"}


def test_a_long_error_is_cut_at_500_characters() -> None:
    rows, _ = read(log(*request(expected_response="false", error="ü" * 900)))
    assert rows[0]["error"] == "ü" * 500


@pytest.mark.parametrize(
    ("tags", "ok"),
    [
        ({"status": "200"}, True),
        ({"status": "399"}, True),
        ({"status": "404"}, False),
        ({"status": "0"}, False),
        ({"status": "200", "expected_response": "false"}, False),
        ({"status": "503", "expected_response": "true"}, True),
        ({}, None),
    ],
)
def test_without_http_req_failed_the_tag_and_then_the_status_decide(tags, ok) -> None:
    lines = [point(metric, 1, **tags) for metric in HTTP[:8]] + [point("vus", 1)]
    assert read(log(*lines))[0][0].get("ok") is ok


def test_a_request_that_its_script_would_not_judge_has_no_verdict() -> None:
    unjudged = [point(metric, 1, status="503", error_code="1503") for metric in HTTP[:8]]
    lines = [definition("http_req_failed", "rate"), *request(), *unjudged, point("vus", 1)]
    row = read(log(*lines))[0][1]
    assert row["status"] == 503
    assert "ok" not in row
    assert "error" not in row


def test_the_order_of_tags_and_metadata_may_change_inside_a_request() -> None:
    lines = []
    for number, metric in enumerate(HTTP):
        tags = list({"method": "GET", "status": "200", "name": "x"}.items())[:: (-1) ** number]
        meta = list({"vu": "1", "iter": "2"}.items())[:: (-1) ** number]
        data = {"time": "2026-11-23T02:00:01Z", "value": 1, "tags": dict(tags)}
        data["metadata"] = dict(meta)
        lines.append(json.dumps({"metric": metric, "type": "Point", "data": data}))
    rows, source = read(log(*lines, point("vus", 1)))
    assert [row["kind"] for row in rows] == ["request", "users"]
    assert source.rejected == 0


def test_metadata_become_labels_and_a_tag_wins_over_them() -> None:
    data = {"time": "2026-11-23T02:00:01Z", "value": 1, "tags": {"a": "tag"}}
    line = {"metric": "m", "type": "Point", "data": data | {"metadata": {"a": "meta", "vu": "3"}}}
    assert read(log(json.dumps(line)))[0][0]["labels"] == {"a": "tag", "vu": "3"}


def test_a_status_that_is_no_number_stays_a_label() -> None:
    rows, _ = read(log(*request(status="pending", name="x")))
    assert "status" not in rows[0]
    assert rows[0]["labels"] == {"status": "pending"}


def test_a_custom_metric_keeps_the_tags_that_tell_its_series_apart() -> None:
    tags = {"name": "n", "url": "n", "method": "GET", "status": "200", "group": "::a::b"}
    row = read(log(definition("seen", "counter"), point("seen", 2, **tags)))[0][0]
    assert row["group"] == "a/b"
    assert row["labels"] == {"name": "n", "method": "GET", "status": "200"}
    assert (row["value"], row["unit"]) == (2, "1")


@pytest.mark.parametrize(
    ("type", "contains", "unit"),
    [
        ("trend", "time", "ms"),
        ("counter", "data", "By"),
        ("counter", "default", "1"),
        ("rate", "default", "1"),
        ("gauge", "default", None),
        ("trend", "default", None),
    ],
)
def test_the_unit_follows_from_type_and_content(type, contains, unit) -> None:
    rows, source = read(log(definition("m", type, contains), point("m", 3)))
    assert source.facts.metrics == {"m": MetricInfo(type=type, unit=unit)}
    assert rows[0].get("unit") == unit


def test_thresholds_are_kept_as_written() -> None:
    aborting = {"threshold": "p(99)<900", "abortOnFail": True, "delayAbortEval": "10s"}
    _, source = read(log(definition("m", "trend", "time", ["p(95)<500", aborting])))
    assert source.facts.thresholds == {"m": ["p(95)<500", "p(99)<900"]}


def test_a_grpc_call_is_a_request_whose_status_0_is_well() -> None:
    tags = {"name": "/p.Shop/Buy", "url": "h:1/p.Shop/Buy", "service": "p.Shop", "method": "Buy"}
    rows, _ = read(log(*(point("grpc_req_duration", 7, status=code, **tags) for code in "05")))
    assert [(row["kind"], row["name"], row["ok"]) for row in rows] == [
        ("request", "/p.Shop/Buy", True),
        ("request", "/p.Shop/Buy", False),
    ]
    assert rows[0]["labels"] == {"method": "Buy", "service": "p.Shop"}


def test_groups_and_iterations_start_their_duration_earlier() -> None:
    rows, _ = read(
        log(
            point("group_duration", 500, group="::Order to Cash::a/b"),
            point("iteration_duration", 1000),
            point("iterations", 1),
        )
    )
    group, iteration = rows
    assert (group["kind"], group["name"], group["group"]) == ("transaction", "a/b", "Order to Cash")
    assert group["ts"] == datetime(2026, 11, 23, 2, 0, 0, 500_000, tzinfo=UTC)
    assert (iteration["kind"], iteration["duration_ms"]) == ("iteration", 1000)
    assert iteration["ts"] == datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "not JSON at all",
        "[]",
        '{"metric":"vus","type":"Point"}',
        '{"metric":"vus","type":"Point","data":{"time":"2026-11-23T02:00:01Z","value":"1"}}',
        point("vus", 1, time="yesterday"),
        point("vus", 1, time="2026-13-23T02:00:01Z"),
        point("vus", 1, time="0001-01-01T00:00:00Z"),
        point("vus", 1, time="9999-01-01T00:00:00Z"),
        point("iteration_duration", -1),
        point("iteration_duration", 1e300),
        point("vus", 1, a=1),
        definition("m", "unheard"),
        definition("m", "trend", thresholds=[5]),
        '{"metric":"vus\udcff","type":"Point","data":{"time":"2026-11-23T02:00:01Z","value":1}}',
    ],
)
def test_a_line_that_makes_no_sense_is_counted_and_named(line) -> None:
    before, after = point("vus", 1), point("vus", 2)
    damaged = f"{before}\n{line}\n{after}\n".encode(errors="surrogateescape")
    rows, source = read(damaged)
    assert [row["users"] for row in rows] == [1, 2]
    assert source.rejected == 1
    assert source.rejections[0].line == 2
    assert source.rejections[0].why
    assert not source.truncated


def test_a_broken_line_inside_a_request_leaves_one_hole() -> None:
    lines = request(5)
    rows, source = read(log(*lines[:5], lines[5][:-9], *lines[6:], point("vus", 1)))
    assert "send_ms" not in rows[0]
    assert (rows[0]["duration_ms"], rows[0]["receive_ms"], rows[0]["ok"]) == (5, 0.6, True)
    assert (len(rows), source.rejected) == (2, 1)


def test_a_request_without_its_duration_is_still_counted() -> None:
    lines = request(5)
    rows, _ = read(log(lines[0], *lines[2:], point("vus", 1)))
    assert "duration_ms" not in rows[0]
    assert rows[0]["ts"] == datetime(2026, 11, 23, 2, 0, 1, tzinfo=UTC)


def test_a_part_of_a_request_alone_is_no_request() -> None:
    rows, source = read(log(*request(5), *request(6, name="other")[5:], point("vus", 1)))
    assert [row["kind"] for row in rows] == ["request", "users"]
    assert source.rejections[0].line == 10


def test_durations_filtered_out_of_a_log_are_requests() -> None:
    rows, source = read(log(*(request(ms)[1] for ms in (5, 6, 7))))
    assert [(row["duration_ms"], row["ok"]) for row in rows] == [(5, True), (6, True), (7, True)]
    assert source.rejected == 0


def test_the_first_versions_wrote_the_type_first_and_null_for_no_tags() -> None:
    line = '{"type":"Point","data":{"time":"2020-11-23T02:00:01Z","value":3,"tags":null},"metric":"vus"}'
    assert read(log(line))[0][0]["users"] == 3


def test_windows_line_ends_and_blank_lines_do_no_harm() -> None:
    rows, source = read("\r\n".join([*request(5), "", point("vus", 1), ""]).encode())
    assert [row["kind"] for row in rows] == ["request", "users"]
    assert source.rejected == 0


def test_a_byte_order_mark_does_no_harm() -> None:
    lines = [definition("waited", "trend", "time"), point("waited", 1)]
    rows, source = read(b"\xef\xbb\xbf" + log(*lines))
    assert rows[0]["unit"] == "ms"
    assert source.rejected == 0


@pytest.mark.parametrize("cut", [3 * 300, 3 * 300 - 7])
def test_a_request_cut_off_in_compressed_data_is_one_rejected_record(cut) -> None:
    lines = [line.ljust(299) for line in [point("vus", 1), *request(5)]]
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(log(*lines)[:cut]) + packer.flush(zlib.Z_SYNC_FLUSH)
    rows, source = read(packed)
    assert [row["kind"] for row in rows] == ["users"]
    assert (source.rejected, source.truncated) == (1, True)


def test_an_unterminated_last_line_counts_if_it_is_whole() -> None:
    rows, source = read(log(*request(5))[:-1])
    assert len(rows) == 1
    assert not source.truncated


def test_many_rows_come_in_batches_that_join_without_a_seam() -> None:
    lines = [text for ms in range(20_000) for text in (*request(ms), point("vus", ms))]
    lines += [point("checks", i % 2, check=f"c{i}") for i in range(60_000)]
    data = log(*lines)
    batches = list(k6_json.read(Source(io.BytesIO(data), "x")))
    assert len(batches) > 1
    table = pa.Table.from_batches(batches)
    durations = [ms for ms in table["duration_ms"].to_pylist() if ms is not None]
    assert durations == list(range(20_000))
    assert table["name"].to_pylist()[-1] == "c59999"


@pytest.mark.parametrize(
    "head",
    [
        b'{"type":"Metric","data":{"name":"vus"},"metric":"vus"}\n',
        b'{"metric":"vus","type":"Point","data":{"time":"2026',
        b'\xef\xbb\xbf{ "metric" : "vus", "type" : "Point", "data" : {}}\n',
        b'{"type":"Point","data":{"time":"2020-11-23T02:00:01Z","value":1,"tags":null},"metric":"vus"}',
        b'     execution: local\n\n{"metric":"vus","type":"Point","data":{"time":"',
    ],
)
def test_k6s_lines_are_known_by_their_shape(head) -> None:
    assert k6_json.sniff(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"timeStamp,elapsed,label\n",
        b'{"metrics":{"vus":{"value":1}},"type":"Point"}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"type":"Point"}}]}}',
        b'[{"metric":"vus","type":"Point","data":{}}]',
    ],
)
def test_other_formats_are_left_to_others(head) -> None:
    assert not k6_json.sniff(head)

"""The file of --queries: what it may say, and how a mistake in it is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfreport import resources
from perfreport.errors import InputError
from perfreport.readers.prometheus_queries import Query, read_queries
from perfreport.run.info import MetricInfo


def written(folder: Path, text: str, name: str = "queries.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_name_has_an_expression_or_a_mapping(tmp_path: Path) -> None:
    text = """
        lag: sum by (topic) (kafka_consumer_lag)
        api_p95: {query: "histogram_quantile(0.95, x)", unit: s}
        orders_total: {query: "sum(orders)", unit: "{orders}"}
        restarts: {query: "sum(restarts)", type: counter}
    """
    assert read_queries(written(tmp_path, text)) == [
        Query("lag", "sum by (topic) (kafka_consumer_lag)"),
        Query("api_p95", "histogram_quantile(0.95, x)", MetricInfo(type="gauge", unit="s")),
        Query("orders_total", "sum(orders)", MetricInfo(type="counter", unit="{orders}")),
        Query("restarts", "sum(restarts)", MetricInfo(type="counter")),
    ]


def test_the_queries_of_the_recordings_are_read() -> None:
    path = resources.folder("sample_results") / "prometheus-json" / "queries.json"
    queries = read_queries(path)
    assert [query.name for query in queries][:2] == ["http_p95_raw", "http_p95_by_uri"]
    assert queries[4].expression == "sum(kafka_consumer_lag) by (topic)"


def test_json_may_be_indented_with_tabs(tmp_path: Path) -> None:
    path = written(tmp_path, '{\n\t"up": "up",\n\t"lag": "sum(lag)"\n}', "queries.json")
    assert read_queries(path) == [Query("up", "up"), Query("lag", "sum(lag)")]


def test_the_series_of_an_sla_pack_are_queries(tmp_path: Path) -> None:
    text = """
        system: shop
        series:
          - series: jvm_heap
            query: sum(jvm_memory_used_bytes)
            unit: By
            capacity: 4GiB
            shape: sawtooth
          - {series: tokens, query: tokens_total, shape: counter}
    """
    assert read_queries(written(tmp_path, text)) == [
        Query("jvm_heap", "sum(jvm_memory_used_bytes)", MetricInfo(type="gauge", unit="By")),
        Query("tokens", "tokens_total", MetricInfo(type="counter")),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "q.yaml: holds no query"),
        ("# nothing\n{}", "q.yaml: holds no query"),
        ("series: []", "q.yaml: holds no query"),
        ("- up\n- lag", "q.yaml: not a mapping of names to queries"),
        ("up: up\nlag: [sum(lag]\n", "q.yaml:2: lag: ['sum(lag'] is not a query"),
        ("up: up\nlag: 'sum", "q.yaml:2: neither YAML nor JSON: found unexpected end of stream"),
        ("up: 1", "q.yaml:1: up: 1 is not a query; put it in quotes"),
        ("up: ''", "q.yaml:1: up: a query needs a name and an expression"),
        ("lag: sum(lag)\nup: up\nlag: lag", 'q.yaml:3: "lag" stands on line 1 already'),
        (
            "lag:\n  qurey: up",
            'q.yaml:1: lag: "qurey" is not known. Allowed: query, unit, type. Did you',
        ),
        ("lag: {query: up, type: summary}", "type 'summary' is not one of counter, gauge"),
        ("lag: {unit: s}", "lag: a query needs a name and an expression"),
        (
            "lag: !!python/object:os.system {}",
            "q.yaml:1: neither YAML nor JSON: could not determine a constructor",
        ),
        ("series:\n  - query: up", "q.yaml:2: a series needs a name: - series: kafka_lag"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as error:
        read_queries(written(tmp_path, text, "q.yaml"))
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"none\.yaml: cannot be read: No such file or directory\."
    ):
        read_queries(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"lag: \xe9")
    with pytest.raises(InputError, match=r"latin\.yaml: not a text in UTF-8 \(byte 5\)"):
        read_queries(tmp_path / "latin.yaml")

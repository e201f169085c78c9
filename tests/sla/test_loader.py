"""A flaw in a pack names its file, line and key, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfreport.errors import Exit, SlaError
from perfreport.sla.loader import load_pack
from perfreport.sla.model import Load

SOUND = """\
system: Shop
targets:
  - metric: Answer
    target: p95 < 500ms
    sla: p95 < 500ms
scenarios:
  - scenario: checkout
    also: [Checkout]
    users: 5000
    stages: [{ramp: 15min, to: 5000}, {hold: 1h30min}, {ramp: 15min, to: 0}]
    orders_from: POST /orders
    throughput: ">= 2500/h"
    requests:
      - request: POST /orders
        also: [create_order, Create Order]
        weight: 30%
        sla: p95 < 500ms
      - request: POST /pay
        weight: 70%
        sla: [p95 < 2s, p99 < 5s]
        externalDependency: BANK
    criticalPaths:
      - {path: money moves, requests: POST /pay}
tests:
  - test: load
    criteria:
      - {criterion: the database keeps up, sla: max(db_cpu) < 70%}
dependencies:
  - dependency: BANK
    rateLimit: {test: 10/s}
    timeout: 5s
series:
  - {series: db_cpu, query: cpu, unit: "%"}
  - {series: heap, query: heap, unit: By}
compare: {min_steady: 2min}
"""


@pytest.fixture
def pack_of(tmp_path: Path):
    def write(text: str, name: str = "pack.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_sound_pack_is_read_in_full(pack_of) -> None:
    pack = load_pack(pack_of(SOUND))
    scenario = pack.scenarios[0]
    assert pack.system == "Shop"
    assert scenario.loads == (Load(900, 0, 5000), Load(5400, 5000, 5000), Load(900, 5000, 0))
    assert scenario.seconds == 7200
    assert [request.weight for request in scenario.requests] == [0.3, 0.7]
    assert [limit.text for limit in scenario.requests[1].sla] == ["p95 < 2s", "p99 < 5s"]
    assert pack.dependencies[0].rate_limit.test == 10
    assert pack.compare.min_steady == 120
    assert pack.critical_endpoints("checkout") == {"POST /pay"}
    assert scenario.request_named("create_order") is scenario.requests[0]


# what is written instead of what: the message
FLAWS = [
    ("system: Shop", "sytem: Shop", '1: sytem: unknown key. Did you mean "system"? Allowed: '),
    ("        sla: p95", "        slaa: p95",
     '17: scenarios[0].requests[0].slaa: unknown key. Did you mean "sla"? Allowed: also, '
     "externalDependency, optional, request, sla, weight"),
    ("p95 < 500ms\n      - request", "p59 < 500ms\n      - request",
     '17: scenarios[0].requests[0].sla: "p59 < 500ms": "p59" is not a statistic. Did you mean "p99"?'),
    ("[p95 < 2s, p99 < 5s]", "[p95 < 2s, p99 < 5x]", '20: scenarios[0].requests[1].sla: '),
    ("sla: [p95 < 2s, p99 < 5s]", "sla: {p95: 2s}", "20: scenarios[0].requests[1].sla: an objective is a text"),
    ("users: 5000", "users: many", '9: scenarios[0].users: "many" is not a quantity'),
    ("users: 5000", "users: 5000/h", "9: scenarios[0].users: \"5000/h\" is not a plain number"),
    ("users: 5000", "users: -1", "9: scenarios[0].users: "),
    ("weight: 30%", "weight: 40%", "13: scenarios[0].requests: the weights make 110 %, not 100 %"),
    ("        weight: 30%\n", "", "13: scenarios[0].requests: some requests have a weight and some have none"),
    ("weight: 30%", "weight: 30ms", '16: scenarios[0].requests[0].weight: "30ms" is not a share'),
    ("weight: 30%", "weight: 130%", "16: scenarios[0].requests[0].weight: "),
    ("orders_from: POST /orders", "orders_from: POST /order",
     '11: scenarios[0].orders_from: no request is called "POST /order". Did you mean "POST /orders"?'),
    ("    orders_from: POST /orders\n", "", "11: scenarios[0].throughput: needs orders_from"),
    ('">= 2500/h"', "p95 < 5s", '12: scenarios[0].throughput: "p95 < 5s" is not a rate'),
    ("externalDependency: BANK", "externalDependency: BNAK",
     '21: scenarios[0].requests[1].externalDependency: no dependency is called "BNAK". Did you mean "BANK"?'),
    ("requests: POST /pay}", "requests: POST /buy}",
     '23: scenarios[0].criticalPaths[0].requests: no request is called "POST /buy". Did you mean "POST /pay"?'),
    ("{hold: 1h30min}", "{hold: 90}", "10: scenarios[0].stages[1].hold: 90 has no unit (try 90s"),
    ("{hold: 1h30min}", "{hold: 1h, to: 5}", "10: scenarios[0].stages[1]: a stage is {ramp: 15min, to: 5000}"),
    ("{hold: 1h30min}", "{}", "10: scenarios[0].stages[1]: a stage is"),
    ("- scenario: checkout", "- title: checkout", '7: scenarios[0]: "scenario" is missing'),
    ("max(db_cpu)", "max(db_cpuu)",
     '27: tests[0].criteria[0].sla: no series is called "db_cpuu". Did you mean "db_cpu"? Known: db_cpu, heap'),
    ("max(db_cpu) < 70%", "max(heap) < 70%",
     '27: tests[0].criteria[0].sla: "max(heap) < 70%" cannot be compared: heap is in By, without a capacity'),
    ("max(db_cpu) < 70%", "max(db_cpu) < 70ms", "cannot be compared: db_cpu is in %"),
    ("sla: max(db_cpu) < 70%}", "manual: false}", "27: tests[0].criteria[0]: a criterion has either an sla or manual"),
    ("- test: load", "- test: laod", '25: tests[0].test: "laod": Input should be \'smoke\', \'load\''),
    ("sla: p95 < 500ms\nscen", "of: {dependency: BNK}\n    sla: p95 < 1s\nscen",
     '5: targets[0].of.dependency: no dependency is called "BNK". Did you mean "BANK"?'),
    ("sla: p95 < 500ms\nscen", "of: request\n    sla: p95 < 1s\nscen",
     '5: targets[0].of: "request" is not known. Did you mean "requests"? Allowed: requests, '),
    ("sla: p95 < 500ms\nscen", "sla: p95 < 1s\n    cells: {chekout: p95 < 2s}\nscen",
     '6: targets[0].cells.chekout: no scenario is called "chekout". Did you mean "checkout"?'),
    ("    sla: p95 < 500ms\nscen", "scen", '3: targets[0]: needs an sla, such as "p95 < 500ms"'),
    ("{test: 10/s}", "{test: 10}", "30: dependencies[0].rateLimit.test: 10 has no unit (try 10/s)"),
    ("{min_steady: 2min}", "{min_stedy: 2min}", '35: compare.min_stedy: unknown key. Did you mean "min_steady"?'),
    ("system: Shop", "system: Shop\nsystem: Mart", "2: system: said before, in line 1"),
    ("    users: 5000", "    users: 5000\n    users: 1", "10: users: said before, in line 9"),
    ("- {series: heap", "- {series: db_cpu", '34: series[1]: "db_cpu" is there twice'),
    ("system: Shop", "system: [Shop", "not YAML: expected ',' or ']'"),
    ("system: Shop", "system: *shop", "1: aliases (*shop) are not read; write it out"),
    ("system: Shop", "system: !!python/object/apply:os.system [ls]", "1: system: Input should be a valid string"),
    ("system: Shop", "system: !!python/name:os.system x", "1: not YAML: could not determine a constructor"),
    ("system: Shop", "system: 2026-13-45", "not YAML: month must be in 1..12"),
    ("system: Shop", "[a]: 1", "1: a key is a word, not a "),
    ("system: Shop", "alerts: [rules.yml]", '1: alerts[0]: "rules.yml" is not a file beside the pack'),
    ("system: Shop", "objectives: 5", '1: objectives: "5": Input should be a valid dictionary'),
]  # fmt: skip


@pytest.mark.parametrize(("written", "instead", "message"), FLAWS)
def test_a_flaw_names_its_place_and_what_is_allowed(
    pack_of, written: str, instead: str, message: str
) -> None:
    assert written in SOUND
    path = pack_of(SOUND.replace(written, instead, 1))
    with pytest.raises(SlaError) as refused:
        load_pack(path)
    said = str(refused.value)
    assert said.startswith(str(path))
    assert message in said
    assert "\n" not in said
    assert refused.value.exit_code is Exit.INPUT


def test_further_flaws_are_counted(pack_of) -> None:
    path = pack_of(SOUND.replace("weight: 30%", "weight: 40%").replace("max(db_cpu)", "max(x)"))
    with pytest.raises(SlaError, match=r"\(and 1 more flaw\)$"):
        load_pack(path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n", "~\n"])
def test_an_empty_pack_is_refused(pack_of, text: str) -> None:
    with pytest.raises(SlaError, match="the pack is empty"):
        load_pack(pack_of(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "a pack is a mapping"),
        ("just words\n", "a pack is a mapping"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        ("a: \t b: [\n", "not YAML"),
        ("a" * 10 + ": " + "[" * 5000, "nested too deeply"),
        ("{" * 3000, "nested too deeply"),
        ("a: " + "[" * 2000 + "]" * 2000, "nested too deeply"),
    ],
)
def test_what_is_not_a_mapping_is_refused(pack_of, text: str, message: str) -> None:
    with pytest.raises(SlaError, match=message):
        load_pack(pack_of(text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes(b"system: \xff\xfe")
    with pytest.raises(SlaError, match=r"not a text in UTF-8 \(byte 8\)"):
        load_pack(path)


def test_a_missing_pack_says_what_sla_takes(tmp_path: Path) -> None:
    with pytest.raises(
        SlaError, match=r"no such file or folder\. --sla takes a YAML file or a folder"
    ):
        load_pack(tmp_path / "none.yaml")


def test_a_folder_is_one_pack(pack_of, tmp_path: Path) -> None:
    pack_of("system: Shop\nscenarios: [{scenario: a}]\nalerts: [rules.yml]\n", "1.yaml")
    pack_of("scenarios:\n  - scenario: b\n    users: 3\n", "2.yaml")
    pack_of("groups: []\n", "rules.yml")
    pack_of("not a pack", "notes.txt")
    pack = load_pack(tmp_path)
    assert [scenario.scenario for scenario in pack.scenarios] == ["a", "b"]
    assert pack.alerts == (tmp_path / "rules.yml",)


def test_a_flaw_in_the_second_file_of_a_folder_names_that_file(pack_of, tmp_path: Path) -> None:
    pack_of("scenarios: [{scenario: a}]\n", "1.yaml")
    second = pack_of("scenarios:\n  - scenario: b\n    usres: 3\n", "2.yaml")
    with pytest.raises(SlaError) as refused:
        load_pack(tmp_path)
    assert str(refused.value).startswith(f"{second}:3: scenarios[1].usres: unknown key.")


def test_a_key_may_stand_in_one_file_only(pack_of, tmp_path: Path) -> None:
    pack_of("system: A\n", "1.yaml")
    pack_of("# second\nsystem: B\n", "2.yaml")
    with pytest.raises(SlaError, match=r"2\.yaml:2: system: said before, in .*1\.yaml:1"):
        load_pack(tmp_path)


def test_a_name_may_stand_in_one_file_only(pack_of, tmp_path: Path) -> None:
    pack_of("scenarios: [{scenario: a}]\n", "1.yaml")
    pack_of("scenarios: [{scenario: a}]\n", "2.yaml")
    with pytest.raises(SlaError, match=r'2\.yaml:1: scenarios\[1\]: "a" is there twice'):
        load_pack(tmp_path)


def test_a_folder_without_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SlaError, match="no YAML file in this folder"):
        load_pack(tmp_path)

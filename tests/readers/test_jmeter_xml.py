"""JMeter's XML results: against the CSV of the same run, a slow twin, and damage of all kinds."""

from __future__ import annotations

import gzip
import io
import random
import re
import tracemalloc
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import quoteattr

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfreport import resources
from perfreport.errors import InputError
from perfreport.readers import jmeter_csv, jmeter_xml
from perfreport.readers import source as source_module
from perfreport.readers.source import ReadOptions, Source

SAMPLES = resources.folder("sample_results")
START = 1_795_399_806_497
MESSAGE = "Number of samples in transaction : 2, number of failing samples : 0"
Row = dict[str, Any]


def content(name: str) -> bytes:
    return gzip.decompress((SAMPLES / "jmeter-xml" / name).read_bytes())


def source_of(data: bytes | str, **options: Any) -> Source:
    stored = data.encode() if isinstance(data, str) else data
    return Source(io.BytesIO(stored), "x.xml", ReadOptions(**options))


def all_rows(source: Source, reader=jmeter_xml) -> list[Row]:
    return pa.Table.from_batches(reader.read(source)).to_pylist()


def samples_of(found: list[Row]) -> list[Row]:
    return [row for row in found if row["kind"] != "users"]


def rows(data: bytes | str, **options: Any) -> list[Row]:
    """The rows of single samples; nothing may be rejected."""
    source = source_of(data, **options)
    found = samples_of(all_rows(source))
    assert source.rejections == []
    assert not source.truncated
    return found


def sample(*inside: str, tag: str = "httpSample", **attributes: object) -> str:
    """A plain successful sample but for `attributes`, around others."""
    usual = {
        "t": 23, "it": 0, "lt": 20, "ct": 7, "ts": START, "s": "true", "lb": "create_order",
        "rc": "201", "rm": "Created", "tn": "kenya_o2c 1-1", "dt": "text", "by": 174, "sby": 218,
        "ng": 2, "na": 3,
    }  # fmt: skip
    said = {name: value for name, value in (usual | attributes).items() if value is not None}
    written = " ".join(
        f"{name}={quoteattr(str(value), {chr(10): '&#xa;'})}" for name, value in said.items()
    )
    body = "".join(f"  {line}\n" for part in inside for line in part.splitlines())
    return f"<{tag} {written}>\n{body}</{tag}>" if inside else f"<{tag} {written}/>"


def transaction(*inside: str, **attributes: object) -> str:
    usual: dict[str, object] = {"lb": "TC", "rm": MESSAGE, "dt": "", "rc": "200"}
    return sample(*inside, tag="sample", **(usual | attributes))


def document(*samples: str, declared: str = "UTF-8", version: str = "1.2") -> str:
    return (
        f'<?xml version="1.0" encoding="{declared}"?>\n<testResults version="{version}">\n'
        + "".join(f"{it}\n" for it in samples)
        + "\n</testResults>\n"
    )


def kinds(*samples: str) -> list[tuple[str, str, str | None]]:
    return [(row["kind"], row["name"], row["group"]) for row in rows(document(*samples))]


# --- The tool's own numbers, and the other format -------------------------------------------------


def as_multiset(found: list[Row], without: frozenset[str]) -> Counter[str]:
    kept = ({name: row[name] for name in sorted(row.keys() - without)} for row in found)
    return Counter(map(repr, kept))


@pytest.mark.parametrize(
    ("table", "document"),
    [("nested.jtl", "nested.xml.gz"), ("all-columns.jtl", "everything.xml.gz")],
)
def test_the_same_run_recorded_both_ways_gives_the_same_rows(table: str, document: str) -> None:
    """Two listeners of one run; the rows differ in their order where threads wrote at once."""
    of_csv = all_rows(source_of((SAMPLES / "jmeter-csv" / table).read_bytes()), jmeter_csv)
    of_xml = all_rows(source_of(content(document)))
    assert len(of_csv) == len(of_xml)
    nothing: frozenset[str] = frozenset()
    apart = as_multiset(of_csv, nothing) - as_multiset(of_xml, nothing)
    # A parent that the end of the test cut off does not tell its time: only nesting gives its group.
    assert apart.total() == (1 if table == "nested.jtl" else 0)
    group = frozenset(("group",))
    assert as_multiset(of_csv, group) == as_multiset(of_xml, group)


def test_users_are_those_of_the_other_format() -> None:
    users = [
        [(row["ts"], row["users"]) for row in all_rows(source, reader) if row["kind"] == "users"]
        for source, reader in (
            (source_of((SAMPLES / "jmeter-csv" / "nested.jtl").read_bytes()), jmeter_csv),
            (source_of(content("nested.xml.gz")), jmeter_xml),
        )
    ]
    assert users[0] == users[1]
    assert max(count for _, count in users[0]) == 9.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("parent.xml.gz", {"request": 355, "subrequest": 150, "transaction": 42}),
        ("nested.xml.gz", {"request": 235, "subrequest": 100, "transaction": 44}),
        ("everything.xml.gz", {"request": 179, "subrequest": 60, "transaction": 10}),
        ("o2c-2.13.xml.gz", {"request": 126, "subrequest": 45, "transaction": 9}),
    ],
)
def test_a_recording_holds_what_its_readme_says(name: str, expected: dict[str, int]) -> None:
    found = rows(content(name))
    assert Counter(row["kind"] for row in found) == expected
    written = content(name).count(b"<httpSample ") + content(name).count(b"<sample ")
    assert len(found) == written


# --- The slow twin --------------------------------------------------------------------------------


def slow_rows(data: bytes) -> list[Row]:
    """What a document should become, by the standard library's tree and nothing else."""
    text = re.sub(rb"&#x(?:[0-8bcef]|1[0-9a-f]|fff[ef]);", "\ufffd".encode(), data)
    return [
        row
        for element in ElementTree.fromstring(text)
        for row in slow_sample(element, None, inside_request=False)
    ]


def slow_sample(
    element: ElementTree.Element, group: str | None, inside_request: bool
) -> Iterator[Row]:
    said = element.attrib
    message, url = said.get("rm", ""), element.findtext("java.net.URL")
    unfinished = not message and said.get("dt") == "" and url is None and element.tag == "sample"
    is_transaction = message.startswith("Number of samples in transaction") or unfinished
    kind = "transaction" if is_transaction else "request"
    kind = "subrequest" if inside_request else kind
    failures = (it.findtext("failureMessage") for it in element.findall("assertionResult"))
    failure = next(filter(None, failures), None)
    ok, code = said["s"] == "true", said.get("rc", "")
    latency, connect = int(said["lt"]), int(said.get("ct", -1))
    yield {
        "kind": kind,
        "ts": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(said["ts"])),
        "name": said["lb"] or "(unnamed)",
        "group": group,
        "scenario": said["tn"].rsplit(" ", 1)[0] or None,
        "status": int(code) if code.isdecimal() else None,
        "ok": ok,
        "error": None if ok else ((failure or f"{code} {message}".strip())[:500] or None),
        "duration_ms": float(said["t"]),
        "wait_ms": float(latency - connect) if 0 <= connect <= latency else None,
        "received_bytes": int(said["by"]),
    }
    if kind == "transaction":
        name = said["lb"] or "(unnamed)"
        group = name if group is None else f"{group}/{name}"
    for inner in element:
        if inner.tag in ("sample", "httpSample"):
            yield from slow_sample(inner, group, kind != "transaction")


def assert_same(found: list[Row], expected: list[Row]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert {name: ours[name] for name in theirs} == theirs


RECORDED = ["parent.xml.gz", "nested.xml.gz", "everything.xml.gz", "o2c-2.13.xml.gz"]


@pytest.mark.parametrize("name", RECORDED)
def test_every_row_of_a_recording_equals_that_of_the_slow_twin(name: str) -> None:
    assert_same(rows(content(name)), slow_rows(content(name)))


@pytest.mark.parametrize("name", RECORDED)
def test_reading_sample_by_sample_gives_the_same(name: str, monkeypatch) -> None:
    fast = all_rows(source_of(content(name)))
    nothing = jmeter_xml._Found(), None
    monkeypatch.setattr(jmeter_xml._Samples, "_at_once", lambda self, piece: nothing)
    assert all_rows(source_of(content(name))) == fast


TEXT = st.text(st.sampled_from("ab \"'<>&;\n\t]–é漢😀\u2028#x0"), max_size=12)


@st.composite
def trees(draw: st.DrawFn, deep: int = 3) -> str:
    inside = [draw(trees(deep - 1)) for _ in range(draw(st.integers(0, 2)) if deep else 0)]
    is_transaction = draw(st.booleans())
    return sample(
        *inside,
        tag="sample" if is_transaction else draw(st.sampled_from(["sample", "httpSample"])),
        ts=START + draw(st.integers(0, 5000)),
        t=draw(st.integers(0, 99_999)),
        lt=draw(st.integers(0, 50)),
        ct=draw(st.integers(0, 50)),
        lb=draw(TEXT),
        s=draw(st.sampled_from(["true", "false"])),
        rc=draw(st.sampled_from(["200", "500", "", "Non HTTP: x, y"])),
        rm=MESSAGE if is_transaction else draw(TEXT).replace("Number", ""),
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(trees(), max_size=4), st.booleans())
def test_however_samples_are_nested_the_twins_agree(samples: list[str], fast: bool) -> None:
    data = document(*samples).encode()
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            nothing = jmeter_xml._Found(), None
            patch.setattr(jmeter_xml._Samples, "_at_once", lambda self, piece: nothing)
        assert_same(rows(data), slow_rows(data))


# --- Nesting --------------------------------------------------------------------------------------


def test_parts_of_a_transaction_are_requests_in_its_group_and_their_parts_sub_results() -> None:
    login = sample(sample(lb="login-0"), sample(sample(lb="login-1-0"), lb="login-1"), lb="login")
    assert kinds(transaction(sample(lb="order"), login), sample(lb="after")) == [
        ("transaction", "TC", None),
        ("request", "order", "TC"),
        ("request", "login", "TC"),
        ("subrequest", "login-0", "TC"),
        ("subrequest", "login-1", "TC"),
        ("subrequest", "login-1-0", "TC"),
        ("request", "after", None),
    ]


def test_a_transaction_in_a_transaction_has_a_path_as_group() -> None:
    inner = transaction(sample(lb="order"), lb="inner")
    assert kinds(transaction(inner, sample(lb="last"), lb="outer")) == [
        ("transaction", "outer", None),
        ("transaction", "inner", "outer"),
        ("request", "order", "outer/inner"),
        ("request", "last", "outer"),
    ]


def test_a_transaction_that_the_end_of_the_test_cut_off_is_one() -> None:
    cut = transaction(sample(lb="order"), rm="", rc="")
    assert kinds(cut) == [("transaction", "TC", None), ("request", "order", "TC")]
    assert kinds(sample(tag="sample", rm="", rc=""))[0][0] == "request"


def test_a_sub_result_without_message_and_type_is_no_transaction() -> None:
    script = sample(sample(tag="sample", rm="", dt="", lb="script-0"), tag="sample", lb="script")
    assert kinds(script) == [("request", "script", None), ("subrequest", "script-0", None)]


def test_where_transactions_cannot_be_told_the_user_is() -> None:
    source = source_of(document(sample(sample(rm=None, dt=None), rm=None, dt=None)))
    assert [row["kind"] for row in samples_of(all_rows(source))] == ["request", "subrequest"]
    assert "transactions cannot be told from requests" in source.notes[0]


# --- Attributes and elements ----------------------------------------------------------------------

FAILED = (
    "<assertionResult>\n  <name>fast</name>\n  <failure>{}</failure>\n  <error>false</error>\n"
    "  <failureMessage>{}</failureMessage>\n</assertionResult>"
)
PASSED = "<assertionResult>\n  <name>a</name>\n  <failure>false</failure>\n  <error>false</error>\n</assertionResult>"


def test_the_message_of_the_first_failed_assertion_is_the_error() -> None:
    first, second = FAILED.format("true", "too &lt;slow&gt;"), FAILED.format("true", "wrong")
    (row,) = rows(document(sample(PASSED, first, second, s="false")))
    assert row["error"] == "too <slow>"
    (plain,) = rows(document(sample(PASSED, s="false", rc="500", rm="Oops")))
    assert (plain["error"], plain["status"]) == ("500 Oops", 500)


def test_the_message_of_a_sub_result_is_not_its_parents() -> None:
    found = rows(document(sample(sample(FAILED.format("true", "inner"), s="false"), s="false")))
    assert [row["error"] for row in found] == ["201 Created", "inner"]


def test_a_url_of_each_label_is_kept_as_an_example() -> None:
    url = "<java.net.URL>http://me:pw@127.0.0.1/orders/4711?key=secret&amp;x</java.net.URL>"
    source = source_of(document(sample(), sample(url), sample(lb="other")))
    all_rows(source)
    assert source.options.names.examples == {"create_order": "http://127.0.0.1/orders/4711"}


def test_other_attributes_are_sample_variables() -> None:
    found = rows(document(sample(orderId="4711", empty=""), sample(other="é")))
    assert [row["labels"] for row in found] == [[("orderId", "4711")], [("other", "é")]]


def test_the_host_is_the_source_and_old_names_are_understood() -> None:
    (row,) = rows(document(sample(hn="gen-1", rc=None, rs="404", sby=None, it=None)))
    assert (row["source"], row["status"], row["sent_bytes"]) == ("gen-1", 404, None)


def test_version_1_0_writes_texts_as_in_urls() -> None:
    (row,) = rows(document(sample(lb="a+%C3%A9%3A"), version="1.0"))
    assert row["name"] == "a é:"
    assert rows(document(sample(lb="a+%3A")))[0]["name"] == "a+%3A"


def test_response_data_that_looks_like_results_is_data() -> None:
    text = document(sample(lb="not me")).replace("&", "&amp;").replace("<", "&lt;")
    element = f'<responseData class="java.lang.String">{text}</responseData>'
    data = document("@", sample()).replace("@", sample("@").replace("@", element))
    assert len(rows(data)) == 2


@pytest.mark.parametrize(
    "text", ["&#x0;", "&#0;", "&#x1f;", "&#xFFFE;", "&#xd83d;", "\0", "\x1b", "\uffff"]
)
def test_characters_that_xml_forbids_do_not_stop_the_reader(text: str) -> None:
    data = document(sample(lb="@"), sample(f"<responseData>a{text}b</responseData>"))
    assert [row["name"] for row in rows(data.replace("@", f"a{text}b"))] == [
        "a\ufffdb",
        "create_order",
    ]


def test_references_that_xml_allows_are_kept() -> None:
    data = document(sample(lb="@")).replace("@", "&#x9;&#10;&#xe9;&#x1F600;&lt;&amp;&quot;")
    assert rows(data)[0]["name"] == '\t\n\u00e9\U0001f600<&"'


# --- Encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("ISO-8859-1", "latin-1"), ("windows-1252", "cp1252"), ("UTF-16", "utf-16"),
        ("UTF-16LE", "utf-16-le"), ("UTF-16BE", "utf-16-be"), ("GBK", "gbk"), ("UTF-8", "utf-8-sig"),
    ],
)  # fmt: skip
def test_the_declared_encoding_counts(declared: str, codec: str, monkeypatch) -> None:
    data = document(sample(lb="malipo é"), sample(), declared=declared).encode(codec)
    assert jmeter_xml.sniff(data)
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 301)
    monkeypatch.setattr(source_module, "_BITE", 77)
    assert [row["name"] for row in rows(data)] == ["malipo é", "create_order"]


def test_bytes_that_are_not_of_the_encoding_do_not_cost_the_sample() -> None:
    data = document(sample(lb="malipo é"), sample()).encode("latin-1")
    assert [row["name"] for row in rows(data)] == ["malipo \ufffd", "create_order"]
    claimed = document(sample(lb="é"), declared="UTF-16").encode()  # a declaration that is not true
    assert rows(claimed)[0]["name"] == "é"


@pytest.mark.parametrize("declared", ["klingon", "rot13", "zip", "idna", "unicode_escape"])
def test_an_encoding_that_is_none_of_text_is_refused(declared: str) -> None:
    with pytest.raises(InputError, match=f'^x.xml:1: the encoding "{declared}" is not known'):
        all_rows(source_of(document(sample(), declared=declared)))


# --- What is claimed, what is refused -------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        '<testResults version="1.2">',
        '\ufeff<?xml version="1.0"?>\r\n<!-- kept -->\n<testResults>',
        sample(),
        sample(tag="sample"),
    ],
)
def test_results_are_claimed(head: str) -> None:
    assert jmeter_xml.sniff(head.encode())


@pytest.mark.parametrize(
    "head",
    [
        "", " ", " " * 60_000, "<", "\0" * 100, '<?xml version="1.0"?><testsuites/>',
        '<?xml version="1.0"?><jmeterTestPlan version="1.2">', "<sample/>", "<testResultsOfMine>",
        "timeStamp,elapsed,label", "<html><testResults>",
    ],
)  # fmt: skip
def test_other_formats_are_not_claimed(head: str) -> None:
    assert not jmeter_xml.sniff(head.encode())


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE testResults [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">'
    '<!ENTITY file SYSTEM "file:///etc/passwd">]>\n<testResults>\n'
)


def test_a_document_type_is_refused_and_no_entity_is_ever_resolved() -> None:
    data = BOMB + sample(lb="@").replace("@", "&file;&b;") + "\n</testResults>"
    assert jmeter_xml.sniff(data.encode())
    with pytest.raises(InputError, match=r"^x\.xml: has a DOCTYPE"):
        all_rows(source_of(data))
    inner = document(BOMB, sample(lb="@").replace("@", "&file;"), sample(lb="good"))
    source = source_of(inner)
    assert [row["name"] for row in samples_of(all_rows(source))] == ["good"]
    assert [it.why for it in source.rejections] == [
        "not well-formed (invalid token)",
        "undefined entity",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (document(sample(ts=None)), r"^x\.xml: no attribute ts, .*timestamp_format=ms"),
        (document(sample(t=None)), r"^x\.xml: no attribute t, .*time=true"),
        (document('<sampleResult timeStamp="1" time="2"/>'), r"^x\.xml: results of a JMeter before 2.1 "),
        (document(sample(sc=5, ec=0), sample(sc=7), sample(sc=1)), "^x.xml: most rows stand for"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_one_line(data: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        all_rows(source_of(data))
    assert "\n" not in str(refusal.value)


def test_a_run_without_samples_gives_no_row() -> None:
    assert rows(document()) == []


# --- Damage ---------------------------------------------------------------------------------------

GOOD = [sample(PASSED, sample(lb=f"r{number}-0"), lb=f"r{number}") for number in range(6)]
NAMES = [name for number in range(6) for name in (f"r{number}", f"r{number}-0")]


def damaged(data: bytes | str) -> tuple[list[str], list[tuple[int, str]], bool]:
    """The names read, the places rejected, and whether the input was cut."""
    source = source_of(data)
    names = [row["name"] for row in samples_of(all_rows(source))]
    return names, [(place.line, place.why) for place in source.rejections], source.truncated


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"ts": "-5"}, 'timeStamp is "-5"'),
        ({"ts": "9" * 18}, f'timeStamp is "{"9" * 18}"'),
        ({"ts": 253_402_300_799_999}, 'timeStamp is "253402300799999"'),  # the end of the year 9999
        ({"ts": None}, 'timeStamp is ""'),
        ({"t": "1e999"}, 'elapsed is "1e999"'),
        ({"t": "NaN"}, 'elapsed is "NaN"'),
        ({"t": "-1"}, 'elapsed is "-1"'),
        ({"t": "0x1f"}, 'elapsed is "0x1f"'),
        ({"t": None}, 'elapsed is ""'),
        ({"s": "maybe"}, 'success is "maybe"'),
        ({"by": "9" * 30}, f'bytes is "{"9" * 30}"'),
        ({"it": "9" * 18}, f'IdleTime is "{"9" * 18}"'),
        (
            {"sc": 3},
            "one row for 3 samples (SampleCount), their times are lost; record with mode=StrippedBatch",
        ),
    ],
)
def test_a_value_that_is_none_costs_its_sample_alone(attributes: dict, why: str) -> None:
    bad = sample(sample(lb="inner"), **(attributes | {"lb": "bad"}))
    names, rejections, cut = damaged(document(*GOOD[:2], bad, *GOOD[2:]))
    assert names == [*NAMES[:4], "inner", *NAMES[4:]]
    assert rejections == [(3 + 2 * 8, why)]
    assert not cut


@pytest.mark.parametrize(
    ("place", "text", "why"),
    [
        ("</httpSample>\n<httpSample", "\n<httpSample", "mismatched tag"),  # a closing tag is lost
        ('lb="r2"', 'lb="r2', "not well-formed (invalid token)"),
        ('lb="r2"', "lb=r2", "not well-formed (invalid token)"),
        ('lb="r2"', 'lb="r2" lb="r2"', "duplicate attribute"),
        ('lb="r2"', 'lb="&nothing;"', "undefined entity"),
        ('lb="r2"', 'lb="&#x110000;"', "reference to invalid character number"),
        ('lb="r2"', 'lb="&#99999999999999999999;"', "reference to invalid character number"),
        ("</assertionResult>", "", "mismatched tag"),
    ],
)
def test_a_malformed_sample_costs_itself_alone(place: str, text: str, why: str) -> None:
    whole = document(*GOOD)
    third = whole.index('lb="r2"') - 80
    at = whole.index(place, third)
    names, rejections, cut = damaged(whole[:at] + text + whole[at + len(place) :])
    assert names == NAMES[:4] + NAMES[6:]
    assert rejections == [(3 + 2 * 8, why)]
    assert not cut


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("half of a line that was written twice", "text outside of samples"),
        ("<jmeter/>", "<jmeter> is no sample"),
        ("\0\0\0\0", "text outside of samples"),
    ],
)
def test_what_stands_between_samples_costs_none(text: str, why: str) -> None:
    names, rejections, _ = damaged(document(*GOOD[:3], text, *GOOD[3:]))
    assert names == NAMES
    assert [reason for _, reason in rejections] == [why]
    assert rejections[0][0] == 3 + 3 * 8


def test_a_sample_cannot_swallow_others_by_an_end_that_another_has_too_much() -> None:
    lines = document(*GOOD).split("\n")
    first = lines.index("</httpSample>")
    last = max(at for at, line in enumerate(lines) if line == "</httpSample>")
    lines.insert(last, "</httpSample>")
    del lines[first]
    names, rejections, _ = damaged("\n".join(lines))
    assert names == [*NAMES[2:]]
    assert [why for _, why in rejections] == ["mismatched tag", "mismatched tag"]


def test_joined_documents_are_one_run() -> None:
    assert len(rows(document(*GOOD) * 3)) == 36
    assert len(rows((document(*GOOD) + "\ufeff" + document(*GOOD)).replace("\n", "\r\n"))) == 24


def test_zeros_behind_the_end_are_nothing() -> None:
    assert len(rows(document(*GOOD) + "\0" * 5000)) == 12


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_cut_at_any_byte_keeps_every_whole_sample(end: str) -> None:
    data = document(*GOOD[:2]).replace("\n", end).encode()
    whole = rows(data)
    ends = [found.end() for found in re.finditer(rb"(?m)^</httpSample>", data)]
    for cut in range(data.index(b"<testResults") + 14, data.index(b"</testResults>") + 14):
        source = source_of(data[:cut])
        found = samples_of(all_rows(source))
        assert found == whole[: 2 * sum(at <= cut for at in ends)], f"cut at byte {cut}"
        assert source.truncated
        assert source.rejected <= 1


def test_a_killed_run_gives_what_was_written() -> None:
    source = source_of(content("killed.xml.gz"))
    found = samples_of(all_rows(source))
    assert source.truncated
    assert len(found) == content("killed.xml.gz").count(b"ample t=")


def test_results_may_be_laid_out_in_another_way() -> None:
    """As `xmllint --format` does, on one line, or without indentation."""
    text = document(*GOOD)
    indented = "\n".join(f"  {line}" if "ample" in line else line for line in text.split("\n"))
    for other in (indented, text.replace("\n", ""), text.replace("\n", " \n\n")):
        assert [row["name"] for row in rows(other)] == NAMES


def test_damage_of_one_block_does_not_matter_to_the_next(monkeypatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 700)
    monkeypatch.setattr(source_module, "_BITE", 100)
    chosen = random.Random(4)
    for _ in range(60):
        bad = chosen.randrange(6)
        text = document(*GOOD[:bad], GOOD[bad].replace('lb="r', 'lb=r"', 1), *GOOD[bad + 1 :])
        names, rejections, _ = damaged(text)
        assert names == NAMES[: 2 * bad] + NAMES[2 * bad + 2 :]
        assert rejections == [(3 + 8 * bad, "not well-formed (invalid token)")]


# --- Too much of everything -----------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A document made while it is read: a start, a text many times, an end."""

    def __init__(self, start: str, text: str, times: int, end: str) -> None:
        self._pieces = iter([start.encode(), *[text.encode()] * times, end.encode()])
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def peak_of(stream: io.RawIOBase) -> tuple[list[Row], Source, float]:
    """The rows, and how many MB were in use at most."""
    source = Source(stream, "x.xml", ReadOptions())
    tracemalloc.start()
    found = samples_of(all_rows(source))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return found, source, peak


KIB = 64 * 1024


@pytest.mark.parametrize(
    ("element", "text"),
    [("responseData", "x" * (KIB - 1) + "\n"), ("failureMessage", "&#x0;é\n" + "y" * (KIB - 9))],
)
def test_a_text_of_100_mb_is_passed_over(element: str, text: str) -> None:
    around, behind = sample("@", lb="long").split("@")
    stream = Endless(document(around).split("\n\n</")[0] + f"<{element}>", text, 1600,
                     f"</{element}>{behind}\n{sample(lb='next')}\n</testResults>")  # fmt: skip
    found, source, peak = peak_of(stream)
    assert [row["name"] for row in found] == ["long", "next"]
    assert (source.rejected, source.truncated) == (0, False)
    assert peak < 60


@pytest.mark.parametrize(
    "bomb",
    [
        ("<a>", 3, "elements nested deeper than 250"),
        ('<sample t="1">', 3, "elements nested deeper than 250"),
        ("a" * 9999, 1000, "a sample longer than any"),  # a tag of 10 MB
        (f"<name>{'b' * 39_000}</name>", 1000, "a sample longer than any"),
    ],
)
def test_a_bomb_costs_its_sample_alone(bomb: tuple[str, int, str]) -> None:
    text, times, why = bomb
    around = "<httpSample " if text[0] == "a" else sample("@", lb="bomb").split("@")[0]
    if times == 3:
        text = text * 30_000
    stream = Endless(document(sample(lb="first"), around).split("\n\n</")[0], text, times,
                     f"\n{sample(lb='next')}\n</testResults>")  # fmt: skip
    found, source, peak = peak_of(stream)
    assert [row["name"] for row in found] == ["first", "next"]
    assert [it.why for it in source.rejections] == [why]
    assert source.rejections[0].line == 4
    assert peak < 150


def test_many_samples_take_no_more_memory_than_few(monkeypatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 400_000)
    text = (sample(PASSED) + "\n") * 1000
    start = document().split("\n\n</")[0] + "\n"

    def peak(times: int) -> float:
        source = Source(Endless(start, text, times, "</testResults>"), "x.xml", ReadOptions())
        tracemalloc.start()
        count = sum(batch.num_rows for batch in jmeter_xml.read(source))
        reached = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        assert count == times * 1000 + 1  # users of one second
        return reached

    assert peak(16) < 1.3 * peak(4)

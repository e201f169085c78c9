"""Endpoint names: which part of a URL is an identifier, what wins, and what is too much."""

import base64
import re
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfreport.errors import InputError
from perfreport.readers.names import Names, frequent_patterns, load_name_map, path_of, shown_url

API = "https://erp.example:8443/api/v1"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{API}/orders", "/api/v1/orders"),
        (f"{API}/orders/", "/api/v1/orders/"),
        (f"{API}/orders/4711/approve", "/api/v1/orders/{id}/approve"),
        (f"{API}/orders/4711?expand=lines&t=5#top", "/api/v1/orders/{id}"),
        (f"{API}/orders#4711", "/api/v1/orders"),
        (f"{API}/invoices/a522bc2b-44e6-4b18-b1fc-0addd5da883e", "/api/v1/invoices/{id}"),
        (f"{API}/invoices/A522BC2B-44E6-4B18-B1FC-0ADDD5DA883E.pdf", "/api/v1/invoices/{id}.pdf"),
        (f"{API}/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/api/v1/events/{id}"),
        (f"{API}/objects/507f1f77bcf86cd799439011", "/api/v1/objects/{id}"),
        (f"{API}/sessions/dGhpcyBpcyBhIHRlc3Q0", "/api/v1/sessions/{id}"),
        (f"{API}/sessions/q8Zk1ZpXr0WvN5cE2mTtYg==", "/api/v1/sessions/{id}"),
        (f"{API}/verify/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "/api/v1/verify/{id}"),
        ("${}/api/v1/orders/${}/lines/${}", "/api/v1/orders/{id}/lines/{id}"),
        ("${}${}", "/{id}"),
        ("${}", "/"),
        ("${}/orders/order-${}.json", "/orders/order-{id}.json"),
        ("https://erp.example", "/"),
        ("https://erp.example?next=https://other.example/1", "/"),
        ("http://[::1]:8080/a/1", "/a/{id}"),
        ("https://user:****@erp.example/a", "/a"),
        ("/already/a/path/1", "/already/a/path/{id}"),
        ("", "/"),
    ],
)
def test_a_path_has_no_identifiers(url: str, path: str) -> None:
    assert path_of(url) == path


@pytest.mark.parametrize(
    "word",
    [
        "v1",
        "oauth2",
        "2fa",
        "deadbeef",  # a short hash is a word as well
        "getInvoicesByCustomerV2",
        "purchase-order-confirmations",
        "CustomerAccountStatement2024",
        "accounts_receivable_aging_report_v2",
        "x" * 40,
        "KRA-ETIMS-INTEGRATION-2",
        "2026-11-23",
        "sales.orders",
    ],
)
def test_a_word_of_the_api_stays(word: str) -> None:
    assert path_of(f"https://h/{word}") == f"/{word}"


@given(st.integers(min_value=0), st.uuids(), st.binary(min_size=16, max_size=40))
def test_generated_identifiers_are_found(number: int, one: uuid.UUID, octets: bytes) -> None:
    ids = [str(number), str(one), str(one).upper(), f"5{octets.hex()}"]
    assert path_of("https://h/" + "/".join(["a", *ids, "b"])) == "/a" + "/{id}" * len(ids) + "/b"


def test_nearly_all_random_base64_of_16_bytes_is_found() -> None:
    tokens = (
        base64.urlsafe_b64encode(
            uuid.UUID(int=seed * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).bytes
        )
        for seed in range(1, 2001)
    )
    found = [path_of(f"/s/{token.decode()}") == "/s/{id}" for token in tokens]
    assert sum(found) > 0.9 * len(found)


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_has_a_path_and_a_path_is_its_own(text: str) -> None:
    path = path_of(text)
    assert path.startswith("/")
    assert not re.search("[?#]", path)
    assert path_of(path) == path


@pytest.mark.parametrize(
    ("named", "method", "url", "name"),
    [
        ("create_order", "POST", "create_order", "create_order"),  # k6 repeats a name as URL
        ("create_order", "POST", f"{API}/orders", "create_order"),  # before 0.41 it did not
        ("/api/v1/orders/:id", "GET", "/api/v1/orders/:id", "/api/v1/orders/:id"),
        (f"{API}/orders/1", "GET", f"{API}/orders/1", "GET /api/v1/orders/{id}"),
        ("${}/orders/${}", "GET", "${}/orders/${}", "GET /orders/{id}"),
        (None, "GET", f"{API}/orders/1", "GET /api/v1/orders/{id}"),
        (None, None, f"{API}/orders/1", "/api/v1/orders/{id}"),
        ("Create Order 17", None, None, "Create Order 17"),  # a JMeter label is its user's choice
        (f"{API}/logo.png", None, None, f"{API}/logo.png"),
        (None, "GET", None, "GET"),
        (None, None, None, "(unnamed)"),
        ("", None, None, "(unnamed)"),
    ],
)
def test_what_the_tool_named_wins(named, method, url, name) -> None:
    assert Names().endpoint(named, method, url) == name


def test_the_first_rule_that_matches_goes_before_all_else(tmp_path) -> None:
    file = tmp_path / "names.yaml"
    file.write_text("^create_: create\n'POST .*/orders/\\d+$': change order\n/orders/: orders\n")
    names = Names(load_name_map(file))
    assert names.endpoint("create_order", "POST", "create_order") == "create"
    assert names.endpoint(f"{API}/orders/1", "POST", f"{API}/orders/1") == "change order"
    assert names.endpoint(None, "GET", f"{API}/orders/1") == "orders"
    assert names.endpoint("Create Order", None, None) == "Create Order"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", ":1: not YAML"),
        ("a: b\n\tc: d", ":2: not YAML"),
        ("- a\n- b", "not a mapping"),
        ("", "not a mapping"),
        ("just a text", "not a mapping"),
        ("'(orders': x", "'(orders': not a regular expression"),
        ("orders: 5", "'orders': the name is 5"),
        ("orders:", "'orders': the name is None"),
        ("5: orders", "5: the expression is 5"),
        ("[a]: b", "not YAML"),
        ("? !!python/object/apply:os.system [ls]\n: b", "not YAML"),
    ],
)
def test_a_name_map_that_is_none_says_where_and_why(tmp_path, text: str, said: str) -> None:
    file = tmp_path / "names.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as refusal:
        load_name_map(file)
    assert str(refusal.value).startswith(str(file))
    assert said in str(refusal.value)


def test_a_name_map_that_cannot_be_read_says_so(tmp_path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: cannot be read: No such file"):
        load_name_map(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff")
    with pytest.raises(InputError, match="not UTF-8"):
        load_name_map(tmp_path / "binary.yaml")


def test_as_many_names_as_the_limit_are_allowed_and_one_more_is_not() -> None:
    names = Names(limit=30)
    for number in range(30):
        names.endpoint(f"order {number}", None, None)
    names.endpoint("order 7", "GET", "again")
    with pytest.raises(InputError) as refusal:
        names.endpoint("one too many", None, None)
    assert "more than 30 different endpoint names" in str(refusal.value)
    assert "--max-names" in str(refusal.value)
    assert "order * (30)" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 2


def test_the_cache_does_not_grow_with_the_urls_and_forgets_no_name() -> None:
    names = Names()
    for number in range(120_000):
        assert names.endpoint(None, "GET", f"{API}/orders/{number}") == "GET /api/v1/orders/{id}"
    assert len(names._cache) <= 50_000


def test_the_ten_most_frequent_patterns_are_shown() -> None:
    crowd = [f"GET /users/user_{word}x/cart" for word in range(100)]
    crowd += [f"POST /tags/{chr(97 + word % 26)}{word}" for word in range(40)]
    few = [f"GET /menu/{word}" for word in "abcdefghijklmno"]
    shown = frequent_patterns(crowd + few)
    assert shown[:3] == ["GET /users/user_*/cart (100)", "POST /tags/* (40)", "GET /menu/a (1)"]
    assert len(shown) == 10


@given(st.lists(st.text(max_size=200), max_size=30))
def test_patterns_count_every_name_once(names: list[str]) -> None:
    shown = frequent_patterns(names)
    counts = [int(re.search(r"\(([\d,]+)\)$", pattern)[1]) for pattern in shown]
    assert sum(counts) == len(names) or len(shown) == 10


def test_the_first_url_of_each_name_is_kept_as_an_example() -> None:
    names = Names()
    first = "https://erp.example/orders/4711?token=abc"
    for url in (first, "https://erp.example/orders/4712"):
        names.endpoint(url, "GET", url)
    names.endpoint("create_order", "POST", "create_order")  # k6 repeats the name
    names.endpoint("${}/orders/${}", "GET", "${}/orders/${}")
    assert names.examples == {"GET /orders/{id}": "https://erp.example/orders/4711"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@erp.example/a?key=k#top", "https://erp.example/a"),
        ("//me@erp.example/a", "//erp.example/a"),
        ("/a/me@erp.example", "/a/me@erp.example"),
        ("http://h/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln/x", "http://h/{id}/x"),
        ("http://h/q8Zk1ZpXr0WvN5cE2mTtYg==/x", "http://h/{id}/x"),
        ("http://h/" + "a" * 900, ("http://h/" + "a" * 900)[:500]),
    ],
)
def test_an_example_shows_no_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown

"""A comparison in the terminal and in Markdown: what matters first, whatever the names are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import comparisons
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from test_report import HOSTILE

from perfreport.judge.findings import Change, ChangeVerdict, Comparison, NewFailure
from perfreport.render.change_words import told
from perfreport.render.compare import as_json, as_markdown, as_text
from perfreport.render.names import short_names, wrapped

GITHUB_TAKES = 65_536

every_comparison = pytest.mark.parametrize("name", comparisons.ALL)


def of(name: str) -> Comparison:
    return comparisons.ALL[name]()


# --- terminal -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["regressed", "inconclusive", "not_comparable", "unchanged"])
def test_the_terminal_and_the_comment_say_what_was_reviewed(
    name: str, golden: Callable[[str, str], None]
) -> None:
    golden(f"compare/{name}.txt", as_text(of(name)))
    golden(f"compare/{name}.md", as_markdown(of(name)))


@every_comparison
@pytest.mark.parametrize("hostile", [None, *HOSTILE, "ロード" * 60], ids=str)
def test_no_line_is_wider_than_80_columns(name: str, hostile: str | None) -> None:
    comparison = of(name) if hostile is None else comparisons.named(of(name), hostile)
    lines = as_text(comparison).split("\n")
    assert [line for line in lines if cell_len(line) > 80] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert all(line.isprintable() for line in lines)


@every_comparison
def test_the_verdict_stands_first_and_its_reason_below(name: str) -> None:
    first, second, *_ = as_text(of(name)).splitlines()
    assert first.lower().replace(" ", "_") == of(name).verdict
    reason = of(name).comparable[0].why if name == "not_comparable" else of(name).why
    assert reason.startswith(second.strip().split()[0])


def test_every_row_that_moved_has_a_line_of_its_own_under_the_whole_name() -> None:
    lines = as_text(of("regressed")).splitlines()
    below = lines[lines.index(comparisons.ORDERS) + 1 :]
    assert re.fullmatch(r"  P50 +182 ms +208 ms +\+14\.5 % +\+9\.5 to \+19\.5  regressed", below[0])
    assert "P95" in below[1]
    assert "sure" in below[4]


def test_unchanged_endpoints_take_one_line_and_the_undecided_are_counted() -> None:
    text = as_text(of("sixty_endpoints"))
    assert len(text.splitlines()) < 70
    assert "38 endpoints unchanged: " in text
    assert re.search(r"and \d+ more\n", text)
    assert "11 more endpoints are undecided" in text


def test_what_would_decide_an_inconclusive_row_is_told() -> None:
    text = as_text(of("inconclusive"))
    assert "P50: 6 more runs or 40 min of load a run; P95: 40 min of load a run" in text
    only = replace(of("inconclusive").comparisons[0], more_runs=1, minutes=None)
    assert "P50: 1 more run\n" in as_text(replace(of("inconclusive"), comparisons=(only,)))


def test_error_rates_that_nothing_would_decide_take_one_line() -> None:
    """Where failures vary by a third from run to run, each healthy pair would fill a screen."""
    calm = comparisons.unchanged()
    opened = {"verdict": ChangeVerdict.INCONCLUSIVE, "detectable": 0.0075}

    def rows(**also: float) -> tuple[Change, ...]:
        return tuple(
            replace(row, **opened, **also) if row.statistic == "error_rate" else row
            for row in calm.comparisons
        )

    names = list(dict.fromkeys(row.name for row in calm.comparisons))
    open_errors = replace(calm, comparisons=rows())
    said = " ".join(as_text(open_errors).split())
    assert f"errors too unsteady to tell in {len(names)} endpoints" in said
    assert "(a rise shows from 0.75 points on): " in said
    assert "inconclusive" not in said
    assert "Errors too unsteady to tell" in as_markdown(open_errors)
    helped = as_text(replace(calm, comparisons=rows(minutes=45.0)))
    assert "too unsteady" not in helped
    assert "inconclusive" in helped


def test_statistics_outside_of_the_gate_leave_an_endpoint_unchanged() -> None:
    usual = of("unchanged")
    assert told(usual).undecided == ()  # though each P99 is inconclusive
    gated = told(replace(usual, gate=("p99",)))
    assert len(gated.undecided) == len(comparisons.ENDPOINTS)


def test_what_moved_outside_of_the_gate_is_shown() -> None:
    rows = tuple(
        replace(row, verdict=ChangeVerdict.REGRESSED)
        if (row.name, row.statistic) == (comparisons.APPROVE, "p99")
        else row
        for row in of("unchanged").comparisons
    )
    changed = told(replace(of("unchanged"), comparisons=rows)).changed
    assert [endpoint.name for endpoint in changed] == [comparisons.APPROVE]
    assert [row.statistic for row in changed[0].rows] == ["p50", "p95", "p99", "error_rate"]


def test_new_failures_are_counted_after_the_third() -> None:
    usual = of("regressed")
    failures = tuple(NewFailure(500 + n, None, 10 - n, 0.001) for n in range(5))
    places = (replace(usual.places[0], failures=failures), *usual.places[1:])
    text = as_text(replace(usual, places=places))
    assert "500, 10 × (0.10 %); 501, 9 × (0.10 %); 502, 8 × (0.10 %); 2 more" in text


# --- names ----------------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.lists(names, max_size=12), st.integers(12, 40))
def test_short_names_fit_and_distinct_names_stay_distinct(
    given_names: list[str], width: int
) -> None:
    short = short_names(given_names, width)
    assert short.keys() == set(given_names)
    assert all(cell_len(text) <= width for text in short.values())
    assert len(set(short.values())) == len(short)


def test_a_long_path_is_known_by_its_method_and_its_end() -> None:
    name = "POST /api/v1/sales/orders/{id}/approve"
    assert short_names([name], 30)[name] == "POST /api/v1/…ers/{id}/approve"


def test_names_that_differ_in_their_middle_show_in_what() -> None:
    given_names = [row.name for row in comparisons.many(4).comparisons[:18]]
    assert [re.findall(r"000\d", text) for text in short_names(given_names, 40).values()] == [
        ["0000"], ["0001"], ["0002"],
    ]  # fmt: skip


@given(names, st.integers(8, 40))
def test_wrapping_loses_no_letter(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= width for line in lines)


# --- markdown -------------------------------------------------------------------------------------


def outside_of_code(markdown: str) -> str:
    """What a service would look at: without code and without our own folds."""
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown.replace("\\`", ""))


@pytest.mark.parametrize(
    "hostile",
    [
        *HOSTILE,
        "@somebody see #12 and https://example.com www.example.com",
        "[text](https://example.com) ![image](x)",
        "a | b || c\n\n# heading\n> quote",
        "`code` ``two`` ```three",
        "</details><h1>x",
    ],
)
def test_input_is_never_markup_link_or_mention(hostile: str) -> None:
    comment = as_markdown(comparisons.named(of("regressed"), hostile))
    seen = outside_of_code(comment)
    assert not re.search(r"<(?!/?(?:details|summary)>)", seen)
    assert not re.search(r"(?<!\w)@\w|(?<!\\)#\d|://|www\.", seen.replace("&#8203;", "\N{ZERO WIDTH SPACE}"))  # fmt: skip
    assert not re.search(r"(?<!\\)[\[\]]", seen)
    assert seen.count("<details>") == seen.count("</details>") == 2
    rows = [line for line in comment.splitlines() if line.startswith("| ")]
    cells = {len(re.split(r"(?<!\\)\|", line)) for line in rows}
    assert cells == {9}  # seven columns in both tables


@pytest.mark.parametrize(
    "hostile", [*HOSTILE, "[a](b) ![c](d) *e* `f | ``g", "# h\n> i\n1. j", "|"]
)
def test_another_engine_finds_our_own_blocks_alone(hostile: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    blocks = parser.parse(as_markdown(comparisons.named(of("regressed"), hostile)))
    inline = {part.type for block in blocks for part in block.children or ()}
    assert inline <= {"text", "strong_open", "strong_close", "code_inline", "text_special"}
    kinds = {block.type.removesuffix("_open").removesuffix("_close") for block in blocks}
    assert kinds <= {
        "paragraph", "inline", "bullet_list", "list_item", "html_block",
        "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert sum(block.type == "table_open" for block in blocks) == 3
    markup = [block.content.strip() for block in blocks if block.type == "html_block"]
    assert all(re.fullmatch(r"<details><summary>[\w ]+</summary>|</details>", m) for m in markup)


def test_a_comment_of_a_thousand_endpoints_says_what_it_leaves_out() -> None:
    comment = as_markdown(comparisons.many(1000))
    assert len(comment) < GITHUB_TAKES
    assert re.search(r"[\d,]+ more rows in --format json\.", comment)


def test_a_comment_stays_in_its_size_where_every_letter_has_to_be_escaped() -> None:
    usual = comparisons.many(300)
    doubts = (*of("regressed").comparable, *of("not_comparable").comparable) * 20
    hostile = comparisons.named(replace(usual, comparable=doubts), "@a" * 600)
    assert len(as_markdown(hostile)) < GITHUB_TAKES


@every_comparison
def test_a_comment_begins_with_the_verdict_in_words(name: str) -> None:
    comment = as_markdown(of(name))
    assert re.match(
        r"\*\*(Regressed|Improved|Unchanged|Inconclusive|Not comparable)\*\*: ", comment
    )
    assert len(comment) < GITHUB_TAKES


def test_rows_say_their_finding_in_words_beside_a_sign() -> None:
    comment = as_markdown(of("regressed"))
    assert f"| `{comparisons.ORDERS}` | P50 | 182 ms | 208 ms | +14.5 % | +9.5 to +19.5 | ▲ regressed |" in comment  # fmt: skip
    assert "▼ improved |" in comment
    assert "? inconclusive |" in comment


# --- json -----------------------------------------------------------------------------------------


@every_comparison
def test_the_document_holds_every_field(name: str) -> None:
    import json

    document = json.loads(as_json(of(name)), parse_constant=pytest.fail)
    assert document["schema"] == 1
    assert {"tested", "baselines", "places", "history", "gate"} <= document.keys()
    assert len(document["comparisons"]) == len(of(name).comparisons)

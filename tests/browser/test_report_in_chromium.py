"""The report and the pages of a comparison and a history in a real browser: no complaint, no request, room for everything, text that can be read."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from perfreport.render.html import render_comparison, render_history, render_report

sys.path.insert(0, str(Path(__file__).parents[1] / "render"))
import comparisons
import evidence
import histories

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers often have 64 MB of it
]
LOOKS = [(width, scheme) for width in (390, 768, 1000, 1400) for scheme in ("light", "dark")]

# Every element that holds text of its own, with its contrast against the first opaque background
# behind it (WCAG 2.1, relative luminance).
CONTRASTS = """() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = (part) => {
    for (; part; part = part.parentElement) {
      const colour = parse(getComputedStyle(part).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const part of document.querySelectorAll("body *")) {
    const own = [...part.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !part.getClientRects().length || ["SCRIPT", "STYLE"].includes(part.tagName)) continue;
    const a = luminance(parse(getComputedStyle(part).color)), b = luminance(behind(part));
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), part.className + ": " + part.textContent.slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0]).slice(0, 5).concat([[found.length, "count"]]);
}"""

# What sticks out of the page on the right, and which text of a figure is cut or covers another.
STICKS_OUT = """() => [...document.querySelectorAll("main *")]
  .filter((part) => !part.closest(".scroll, .unseen, .shapes, thead") && part.getClientRects().length)
  .filter((part) => part.getBoundingClientRect().right > innerWidth + 0.5)
  .map((part) => part.tagName + "." + part.className + ": " + part.textContent.trim().slice(0, 40))"""
OVERLAPS = """() => {
  const out = [];
  for (const plot of document.querySelectorAll(".plot, .axis")) {
    const boxes = [...plot.querySelectorAll("span")].map((s) => [s.getBoundingClientRect(), s.textContent]).filter(([b]) => b.width);
    boxes.forEach(([a, one], i) => boxes.slice(i + 1).forEach(([b, two]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 2) out.push(one + " | " + two);
    }));
  }
  return out;
}"""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> str:
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        pytest.fail("Chromium is missing. Install it: apt-get install chromium (make test does)")
    return found


class Visit:
    """A page that was opened, with what the browser said and asked for meanwhile."""

    def __init__(self, context: BrowserContext, report: Path) -> None:
        self.page: Page = context.pages[0]
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(report.as_uri())


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("report"), render_report(evidence.readiness()))


@pytest.fixture(scope="module")
def context(
    playwright: Playwright, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    profile = tmp_path_factory.mktemp("profile")
    opened = playwright.chromium.launch_persistent_context(
        profile, executable_path=chromium, args=FLAGS
    )
    yield opened
    opened.close()


def written(folder: Path, text: str) -> Path:
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def look(context: BrowserContext, report: Path, width: int, scheme: str = "light") -> Visit:
    context.pages[0].set_viewport_size({"width": width, "height": 900})
    context.pages[0].emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    return Visit(context, report)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_page_fits_says_nothing_asks_for_nothing_and_can_be_read(
    context: BrowserContext, report: Path, width: int, scheme: str
) -> None:
    visit = look(context, report, width, scheme)
    assert visit.said == []
    assert visit.asked == [report.as_uri()]
    assert everything_can_be_read(visit.page, width) > 300


def everything_can_be_read(page: Page, width: int) -> int:
    """How many pieces of text there are; all have room and contrast."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKS_OUT) == []
    assert page.evaluate(OVERLAPS) == []
    *worst, (number, _) = page.evaluate(CONTRASTS)
    assert worst[0][0] >= 4.5, worst
    return int(number)


def test_every_section_is_visible_and_the_navigation_leads_to_it(
    context: BrowserContext, report: Path
) -> None:
    page = look(context, report, 1400).page
    headings = page.locator("main > section > h2:not(.unseen)")
    assert headings.count() == 4
    for n in range(headings.count()):
        assert headings.nth(n).is_visible()
    page.get_by_role("link", name="Audit", exact=True).first.click()
    page.wait_for_function("document.getElementById('audit').getBoundingClientRect().top < 120")


def test_the_timeline_reads_one_moment_under_the_pointer_and_by_keys(
    context: BrowserContext, report: Path
) -> None:
    page = look(context, report, 1400).page
    plot = page.locator("figure.timeline .plot").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    moment = page.locator(".read.moment")
    assert moment.inner_text() in ("44:30", "45:00")
    assert page.locator(".read").nth(2).inner_text().count(" · ") == 2
    page.locator(".tracks").first.focus()
    before = moment.inner_text()
    page.keyboard.press("ArrowRight")
    assert moment.inner_text() != before
    page.keyboard.press("Escape")
    assert moment.count() == 0


def test_a_table_of_endpoints_can_be_sorted_and_searched(
    context: BrowserContext, tmp_path: Path
) -> None:
    run = replace(
        evidence.load_run(),
        endpoints=tuple(
            evidence.endpoint(f"GET /api/{n:03}", 0.005 + n / 1e5, 100.0 + n, 0, 1_000_000)
            for n in range(200)
        ),
    )
    page = look(
        context, written(tmp_path, render_report(replace(evidence.readiness(), runs=(run,)))), 1400
    ).page
    table = page.locator("table.endpoints").first
    table.locator("thead th.r").first.click()
    table.locator("thead th.r").first.click()
    counts = [
        int(text.replace(",", ""))
        for text in table.locator("tbody td.r:nth-child(2)").all_inner_texts()
    ]
    assert counts == sorted(counts)
    page.locator(".search").first.fill("api/150")
    assert page.locator("table.endpoints tbody tr:visible").count() == 1


def test_the_page_is_whole_without_scripts(
    playwright: Playwright, chromium: str, report: Path, tmp_path: Path
) -> None:
    opened = playwright.chromium.launch_persistent_context(
        tmp_path / "profile", executable_path=chromium, args=FLAGS, java_script_enabled=False
    )
    page = opened.pages[0]
    page.goto(report.as_uri())
    assert page.locator("figure.timeline svg path").count() > 10
    assert page.locator("h1").inner_text() == "Not ready"
    opened.close()


def test_it_prints_on_a4(context: BrowserContext, report: Path, tmp_path: Path) -> None:
    page = look(context, report, 1400, "dark").page
    printed = page.pdf(
        path=tmp_path / "report.pdf", prefer_css_page_size=True, print_background=True
    )
    sheets = printed.count(b"/Type /Page\n") or printed.count(b"/Type /Page ")
    assert 3 <= sheets <= 9
    assert re.search(rb"/MediaBox \[0 0 594\.\d+\s+841\.\d+\s*\]", printed)  # A4 in points


def test_hostile_names_run_nothing(context: BrowserContext, tmp_path: Path) -> None:
    from test_report import HOSTILE, poisoned

    for n, name in enumerate(HOSTILE):
        folder = tmp_path / str(n)
        folder.mkdir()
        visit = look(
            context, written(folder, render_report(poisoned(evidence.readiness(), name))), 390
        )
        assert visit.said == []
        assert len(visit.asked) == 1
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390, name


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("name", ["regressed", "inconclusive", "nulls"])
def test_the_page_of_a_comparison_fits_with_everything_opened(
    context: BrowserContext, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    page = render_comparison(comparisons.ALL[name](), comparisons.BAND)
    visit = look(context, written(tmp_path, page), width, scheme)
    assert (visit.said, len(visit.asked)) == ([], 1)
    visit.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert everything_can_be_read(visit.page, width) > 150


def test_the_name_of_an_endpoint_leads_to_where_it_differs(
    context: BrowserContext, tmp_path: Path
) -> None:
    file = written(tmp_path, render_comparison(comparisons.regressed(), comparisons.BAND))
    page = look(context, file, 1400).page
    closed = page.locator("details.place:not([open])")
    before = closed.count()
    page.get_by_role("link", name=comparisons.ENDPOINTS[9][0]).first.click()
    page.wait_for_function("document.querySelector('details.place:target')?.open")
    assert closed.count() == before - 1


def test_hostile_names_in_a_comparison_run_nothing_and_fit(
    context: BrowserContext, tmp_path: Path
) -> None:
    from test_report import HOSTILE

    for n, name in enumerate(HOSTILE):
        folder = tmp_path / str(n)
        folder.mkdir()
        page = render_comparison(comparisons.named(comparisons.regressed(), name), comparisons.BAND)
        visit = look(context, written(folder, page), 390)
        assert (visit.said, len(visit.asked)) == ([], 1)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390, name


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("name", ["usual", "two_series", "hollow"])
def test_the_page_of_a_history_fits_with_everything_opened(
    context: BrowserContext, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    visit = look(context, written(tmp_path, render_history(histories.ALL[name]())), width, scheme)
    assert (visit.said, len(visit.asked)) == ([], 1)
    visit.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert everything_can_be_read(visit.page, width) > 30


def test_labels_of_many_changes_cover_nothing_on_a_phone(
    context: BrowserContext, tmp_path: Path
) -> None:
    text = render_history(histories.restless())
    visit = look(context, written(tmp_path, text), 390)
    assert visit.page.locator(".changed").count() > 2
    assert everything_can_be_read(visit.page, 390) > 100


def test_hostile_names_in_a_history_run_nothing_and_fit(
    context: BrowserContext, tmp_path: Path
) -> None:
    from test_report import HOSTILE

    for n, name in enumerate(HOSTILE):
        folder = tmp_path / str(n)
        folder.mkdir()
        visit = look(context, written(folder, render_history(histories.hostile(name))), 390)
        assert (visit.said, len(visit.asked)) == ([], 1)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390, name

"""The report as one HTML file: evidence to a model, the model into templates.

The file needs no network and grants nothing: its policy allows one script, by hash, and styles.
Everything from input passes Jinja's autoescape, but for the running foot of the printed pages,
which CSS has to spell out: there each letter outside of a small alphabet is a CSS escape.
"""

from __future__ import annotations

import base64
import hashlib
import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from perfreport import resources
from perfreport.judge.evidence import Readiness
from perfreport.judge.findings import Comparison
from perfreport.judge.history import History
from perfreport.render.build import build_report
from perfreport.render.build_comparison_page import build_comparison_page
from perfreport.render.build_history import build_history
from perfreport.render.model import Report
from perfreport.render.model_comparison import ComparisonPage
from perfreport.render.model_history import HistoryPage


def render_report(readiness: Readiness) -> str:
    """The whole page. The same evidence gives the same bytes."""
    return _page("report", build_report(readiness))


def render_comparison(comparison: Comparison, band: float) -> str:
    """One comparison as a page of its own; `band` is the change too small to matter."""
    return _page("comparison_page", build_comparison_page(comparison, band))


def render_history(history: History) -> str:
    """A folder of runs as a page: what changed for good, and each endpoint over the runs."""
    return _page("history", build_history(history))


def _page(template: str, report: Report | ComparisonPage | HistoryPage) -> str:
    script = _file("report.js")
    environment = Environment(
        loader=FileSystemLoader(resources.folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{template}.html.j2").render(
        report=report,
        style=Markup(_file("report.css")),
        print_foot=Markup(css_string(report.print_foot)),
        script=Markup(script),
        policy=content_policy(script),
    )


def _file(name: str) -> str:
    return (resources.folder("templates") / name).read_text(encoding="utf-8")


def content_policy(script: str) -> str:
    """The page's Content-Security-Policy: no request at all, and only this script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def css_string(text: str) -> str:
    """A CSS string literal that holds the text whatever is in it.

    >>> css_string("a</style>")
    '"a\\\\3c \\\\2f style\\\\3e "'
    """
    return '"' + re.sub(r"[^a-zA-Z0-9 .,]", lambda m: f"\\{ord(m.group()):x} ", text) + '"'

"""Files that hold the right numbers in a shape that lost something: what to save instead."""

from __future__ import annotations

import re

_INSTEAD = "Save what /api/v1/query_range returns, or let ingest ask the server: --prometheus URL --queries FILE."
_SHAPES = (
    (
        # Inspect > Data, > JSON (panel data) and > Query; and what its API answers.
        re.compile(
            rb'\s*(?:\[\s*\{\s*"schema"\s*:\s*\{|\{\s*"(?:state"\s*:\s*"\w+"\s*,\s*"series"\s*:\s*\['
            rb'|(?:traceId"\s*:[^,]*,\s*")?request"\s*:\s*\{\s*"url"'
            rb'|results"\s*:\s*\{\s*"\w+"\s*:\s*\{))'
        ),
        "JSON of Grafana, as its panels show the data",
    ),
    (
        re.compile(rb'(?:\xef\xbb\xbf)?(?:"?sep=[,;]"?\r?\n)?"?Time"?[,;\t]'),
        "a table of Grafana, whose values are rounded for display",
    ),
    (
        re.compile(rb"[^\n]*=>[ \r]*\n?[^\n@]*@\[\d"),
        "text of promtool query; promtool query -o json prints what can be read",
    ),
    (
        re.compile(rb'\s*\{\s*"metric"\s*:\s*\{[^\n]*"(?:values|timestamps)"\s*:\s*\['),
        "lines of VictoriaMetrics's export",
    ),
)


def advice(head: bytes) -> str | None:
    """What a file that starts so is, and what to save instead; None for any other."""
    return next((f"{what}. {_INSTEAD}" for shape, what in _SHAPES if shape.match(head)), None)

"""Files that are not what a tool wrote: packed, of another encoding, or in a shape that lost something."""

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


_PACKED = (
    (
        re.compile(rb".{257}ustar", re.DOTALL),
        "a tar archive",
        "Unpack it, and give its files or its folder.",
    ),
    (re.compile(rb"PK\x03\x04"), "a zip archive", "Unpack it, and give its files or its folder."),
    (
        re.compile(rb"\xfd7zXZ\x00"),
        "compressed by xz",
        "Decompress it: xz -d; gzip, zstd and bzip2 are read.",
    ),
    (
        re.compile(rb"PAR1"),
        "a Parquet file",
        "A run is given to summary, check, compare or report.",
    ),
)
_UTF_16 = re.compile(rb"\xff\xfe|\xfe\xff")


def packed(head: bytes) -> str | None:
    """What an archive is, and what to do; its contents must not be taken for one file."""
    return next((f"{what}. {todo}" for shape, what, todo in _PACKED if shape.match(head)), None)


def advice(head: bytes) -> str | None:
    """What a file that starts so is, and what to save instead; None for any other."""
    if _UTF_16.match(head):
        return "text in UTF-16, as a Windows shell writes it. Convert it to UTF-8."
    return next((f"{what}. {_INSTEAD}" for shape, what in _SHAPES if shape.match(head)), None)

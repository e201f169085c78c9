"""Finds out whose report a file is, by its content, and reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from perfreport.errors import InputError
from perfreport.readers.source import Source
from perfreport.toolreports import gatling, gatling_console, gatling_html, jmeter, k6, k6_console
from perfreport.toolreports.model import ToolReport
from perfreport.toolreports.values import decoded, objects

_LARGEST = 128 * 1024 * 1024  # bytes; a report of 5,000 endpoints has some five million
_KNOWN = (
    "k6's summary (--summary-export, handleSummary, console), JMeter's statistics.json, Gatling's "
    "stats.json, global_stats.json, stats.js, index.html and console"
)


def read_report(path: str | Path) -> ToolReport:
    """The report in a file.

    Raises InputError for a file that cannot be read, is no tool's report, or was cut or edited.
    """
    file = Path(path)
    return parse_report(_content(file), file.name)


def parse_report(data: bytes, name: str) -> ToolReport:
    """The report in these bytes; `name` is what messages call the file."""
    text = _plain(data.decode("utf-8-sig", "replace"))
    start = text.lstrip()[:1]
    if start == "{":
        return _of_json(text.encode(), name)
    if gatling_html.sniff(text):
        return gatling_html.parse(text, name)
    if gatling.sniff_script(text):
        return gatling.parse_script(text, name)
    if gatling_console.sniff(text):
        return gatling_console.parse(text, name)
    if k6_console.sniff(text):
        return k6_console.parse(text, name)
    gatling.refuse_empty_script(text, name)
    raise _unknown(name)


_COLOURS = re.compile(r"\x1b\[[0-9;:?]{0,40}[@-~]")


def _plain(text: str) -> str:
    """The text without the colours of a terminal, which logs of CI keep, and with plain line ends."""
    return re.sub(r"\r+\n", "\n", _COLOURS.sub("", text))


def _of_json(data: bytes, name: str) -> ToolReport:
    document = objects(_decoded(data, name), name, "the file")
    if jmeter.sniff(document):
        return jmeter.parse(document, name)
    if gatling.sniff(document):
        return gatling.parse(document, name)
    if k6.sniff(document):
        return k6.parse(data, name)
    raise _unknown(name)


def _decoded(data: bytes, name: str) -> Any:
    try:
        return decoded(data, name)
    except InputError:
        if b'"numberOfRequests"' not in data:
            raise
        try:
            return decoded(gatling.mended(data.decode()).encode(), name)
        except InputError:
            return decoded(gatling.mended_names(data.decode()).encode(), name)


def _content(file: Path) -> bytes:
    """The bytes of the file, decompressed if need be."""
    data = bytearray()
    try:
        with file.open("rb") as stream:
            source = Source(stream, file.name)
            for block in source.blocks():
                data += block
                if len(data) > _LARGEST:
                    raise InputError(
                        f"{file}: larger than {_LARGEST >> 20} MiB, which no report is. {_hint()}"
                    )
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file. Give the report that the load tool made."
        ) from None
    except IsADirectoryError:
        raise InputError(
            f"{file}: a folder. Give the file with the numbers: of a JMeter dashboard "
            "statistics.json, of a Gatling report js/stats.json, js/stats.js (3.13) or "
            "index.html (3.14 and newer)."
        ) from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}.") from error
    if source.truncated:
        raise InputError(f"{file}: compressed, and cut off or damaged. Copy it again.")
    return bytes(data)


def _unknown(name: str) -> InputError:
    return InputError(f"{name}: no report of a load tool that is known here. {_hint()}")


def _hint() -> str:
    return f"Known: {_KNOWN}."

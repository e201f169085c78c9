"""Which column of a JMeter CSV file is which: its header, `--columns`, or what JMeter writes by default.

A header of column names may be missing: in JMeter before 3.0 that is the default, later
`jmeter.save.saveservice.print_field_names=false`. Then the columns are those of `--columns`, else
those that some JMeter writes by default (recorded with 2.13, 3.0, 4.0 and 5.6.3), provided that the
first records fit them in number and kind of fields.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from difflib import get_close_matches
from itertools import islice

from perfreport.errors import InputError, nearest
from perfreport.readers.jmeter import (
    INTEGERS,
    LAST_MS,
    LEFT_OUT,
    TEXTS,
    TRUTH,
    integer,
    is_thread,
    lacks,
    milliseconds,
    number,
)
from perfreport.readers.source import Source
from perfreport.readers.timestamps import Ambiguous, Pattern, pattern_of

READ = frozenset(("timeStamp", "elapsed", "success", *INTEGERS, *TEXTS))
KNOWN = READ.union(LEFT_OUT)
# A record that is longer has a quote that was opened and never closed. Response bodies do get into
# failure messages, so this is far above what an assertion writes.
LONGEST_RECORD = 8 * 1024 * 1024

_START = ("timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName")
_DEFAULTS = {
    "5": (
        *(*_START, "dataType", "success", "failureMessage", "bytes", "sentBytes"),
        *("grpThreads", "allThreads", "URL", "Latency", "IdleTime", "Connect"),
    ),
    "3.1 to 4.0": (
        *(*_START, "dataType", "success", "failureMessage", "bytes", "sentBytes"),
        *("grpThreads", "allThreads", "Latency", "IdleTime", "Connect"),
    ),
    "3.0": (
        *(*_START, "dataType", "success", "failureMessage", "bytes"),
        *("grpThreads", "allThreads", "Latency", "IdleTime"),
    ),
    "2.13": (*_START, "dataType", "success", "bytes", "grpThreads", "allThreads", "Latency"),
    "2.12 and older": (*_START, "dataType", "success", "bytes", "Latency"),
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIRST_COLUMN = re.compile(r'"?\w+"?(?P<delimiter>\W)')
_TRIED = 50  # records that a list of columns is held against
_SIGN = re.compile(r'[^\w"\r\n]')  # what may be a delimiter
_COMPARED = ("grpThreads", "allThreads", "Connect", "IdleTime")
_TYPES = frozenset(("text", "bin", ""))  # what JMeter writes as dataType


@dataclass(frozen=True)
class Layout:
    """Which field of a record is what, and the pattern of the time stamps (None: milliseconds)."""

    delimiter: str
    header: list[str]
    places: dict[str, int]  # of the columns that are read
    variables: dict[str, int]  # columns that become labels
    first: int = 2  # the line on which the first record begins
    pattern: Pattern | None = None

    @classmethod
    def of(cls, delimiter: str, header: list[str], first: int) -> Layout:
        places = {name: at for at, name in reversed(list(enumerate(header))) if name in READ}
        variables = {name: at for at, name in enumerate(header) if name not in KNOWN and name}
        return cls(delimiter, header, places, variables, first)

    def microseconds(self, text: str) -> int | None:
        """The time stamp of a record; None where it is none."""
        if self.pattern is None:
            since = milliseconds(text)
            return None if since is None else since * 1000
        moment = self.pattern.microseconds(text)
        return moment if moment is not None and 0 <= moment <= LAST_MS * 1000 else None


def claims(head: bytes) -> bool:
    """Does a file with this head hold samples of JMeter, with a header or without?"""
    return _has_header(first_line(head)) or _headerless(head) is not None


def layout_of(source: Source) -> Layout:
    """The layout of a file. InputError where columns or times cannot be told."""
    head = source.head()
    layout = _named(source, head) if _has_header(first_line(head)) else _unnamed(source, head)
    return _with_pattern(source, layout, head)


def without_header(blocks: Iterator[bytes], layout: Layout) -> Iterator[bytes]:
    """The records alone: the header stands in the first block, which holds the head."""
    block = next(blocks, b"").removeprefix(_BYTE_ORDER_MARK)
    for _ in range(1, layout.first):
        block = block[(block.find(b"\n") + 1) or len(block) :]
    yield block
    yield from blocks


# --- With a header --------------------------------------------------------------------------------


def first_line(head: bytes) -> str:
    return text_of(head.removeprefix(_BYTE_ORDER_MARK).split(b"\n", 1)[0])


def _has_header(line: str) -> bool:
    names = _header(line)[1] if _FIRST_COLUMN.match(line) else []
    columns = KNOWN.intersection(names)
    return len(columns) >= 2 and not columns.isdisjoint(("timeStamp", "elapsed"))


def _header(line: str) -> tuple[str, list[str]]:
    """The delimiter and the column names; a name may be quoted, as those of variables are."""
    first = _FIRST_COLUMN.match(line)
    delimiter = first["delimiter"] if first else ","
    return delimiter, Splitter(delimiter).fields(line) or []


def _named(source: Source, head: bytes) -> Layout:
    delimiter, header = _header(first_line(head))
    layout = Layout.of(delimiter, header, first=2)
    missing = {"timeStamp": "timestamp_format=ms", "elapsed": "time=true"}
    for column, setting in missing.items():
        if column not in layout.places:
            raise InputError(
                f"{source.name}:1: no column {column}, so nothing can be told of times. "
                f"Record with jmeter.save.saveservice.{setting}."
            )
    given = _given(source)
    if given and given != header:
        source.note("has a line of column names, which counts; --columns was not needed")
    return layout


# --- Without --------------------------------------------------------------------------------------


def _unnamed(source: Source, head: bytes) -> Layout:
    given = _given(source)
    found = _by_columns(head, given) if given else _by_default(source, head)
    if found is None:
        raise InputError(_what_was_found(source, head, given))
    return found


def _given(source: Source) -> list[str]:
    """The names of --columns. InputError where they cannot be those of a result file."""
    names = [name.strip('"') for name in source.options.columns]
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise InputError(f'--columns names "{twice[0]}" twice. Give one name for each field.')
    for needed in ("timeStamp", "elapsed"):
        if names and needed not in names:
            raise InputError(
                f"--columns: no column {needed}, so nothing can be told of times."
                f"{nearest(needed, names)}"
            )
    for name in names:
        if name not in KNOWN and (known := get_close_matches(name, KNOWN, 1, cutoff=0.85)):
            source.note(f'--columns: "{name}" is kept as a label. Did you mean "{known[0]}"?')
    return names


def _by_columns(head: bytes, names: list[str]) -> Layout | None:
    """The layout with the delimiter that cuts most records into fields that suit the names."""
    tried = [Layout.of(sign, names, first=1) for sign in _signs(head)]
    best = next((layout for layout in tried if _suits(layout, list(_records(head, layout)))), None)
    if best is None:
        return None
    first = next(_records(head, best), [])
    if len(first) == len(names) and not _fits(best, first) and _is_header(first):
        return replace(best, first=2)  # other names for the columns, or in another language
    return best


def _by_default(source: Source, head: bytes) -> Layout | None:
    """The layout of the default that more than half of the first records fit."""
    for sign in _signs(head):
        for version, names in _DEFAULTS.items():
            layout = Layout.of(sign, list(names), first=1)
            records = list(_records(head, layout))
            if _suits(layout, records) and all(_is_plausible(layout, it) for it in records):
                source.note(
                    f"has no line of column names; its fields fit what JMeter {version} writes by "
                    "default. Give --columns if they are others"
                )
                return layout
    return None


def _what_was_found(source: Source, head: bytes, given: list[str]) -> str:
    shape = _headerless(head)
    sign, count, timed = shape or (",", 0, True)
    first = next(_records(head, Layout.of(sign, [], first=1)), [])
    shown = ", ".join(f'"{field[:30]}"' for field in first[:4])
    if not first:
        return f"{source.name}:1: no line of column names, and no whole record behind it."
    if shape and not timed:
        return (
            f"{source.name}:1: no time stamps: the first fields are {shown}. Record with "
            "jmeter.save.saveservice.timestamp_format=ms."
        )
    if len(given) == len(first):
        wrong = _misfit(given, first) or f"the first record is {shown} …"
        return (
            f"{source.name}:1: the records do not fit --columns: {wrong}. "
            "Check the order of the names."
        )
    if given:
        return (
            f"{source.name}:1: --columns names {len(given)} columns, but the records do not fit: "
            f"the first has {count or len(first)} fields, {shown} … Give one name for each field."
        )
    return (
        f"{source.name}:1: the line with the column names is missing, and the records fit none of "
        f"JMeter's defaults: the first has {count or len(first)} fields, {shown} … "
        "Give --columns timeStamp,elapsed,label,…, one name for each field."
    )


def _misfit(names: Sequence[str], fields: Sequence[str]) -> str | None:
    """The first field that cannot be what its column is called."""
    for name, field in zip(names, fields, strict=True):
        if name == "timeStamp" and not _are_times([field]):
            return f'timeStamp is "{field[:40]}"'
        if name != "timeStamp" and (why := lacks(name, field)):
            return why
    return None


def _headerless(head: bytes) -> tuple[str, int, bool] | None:
    """Delimiter, number of fields and whether there are times, if this looks like JMeter's records.

    A record begins with a time stamp and a number of milliseconds and says whether all went well,
    or which thread it was; one without a time stamp does both.
    """
    for sign in _signs(head):
        records = list(_records(head, Layout.of(sign, [], first=1)))
        count, most = Counter(map(len, records)).most_common(1)[0] if records else (0, 0)
        if count < 3 or 2 * most <= len(records):
            continue
        columns = list(zip(*(it for it in records if len(it) == count), strict=True))
        judged = any(all(text in TRUTH for text in column) for column in columns)
        threads = any(all(map(is_thread, column)) for column in columns)
        if _are_times(columns[0]) and _are_counts(columns[1]) and (judged or threads):
            return sign, count, True
        if _are_counts(columns[0]) and judged and threads:
            return sign, count, False
    return None


def _are_counts(texts: Sequence[str]) -> bool:
    return all(text.isdecimal() and len(text) < 12 for text in texts)


def _are_times(texts: Sequence[str]) -> bool:
    if all(text.isdecimal() and 12 <= len(text) <= 14 for text in texts):
        return True
    return len(texts[0]) > 9 and _is_written_time(texts)


def _is_written_time(texts: Sequence[str]) -> bool:
    try:
        pattern = pattern_of(texts, UTC)
    except Ambiguous:
        return True
    return pattern is not None and all(pattern.microseconds(text) is not None for text in texts)


def _is_header(fields: Sequence[str]) -> bool:
    return not any(text.strip().isdecimal() for text in fields)


def _signs(head: bytes) -> list[str]:
    """The characters that may be the delimiter, the usual ones first."""
    lines = text_of(b"\n".join(head.removeprefix(_BYTE_ORDER_MARK).split(b"\n", 3)[:3]))
    line = "" if lines.startswith(("{", "<")) else lines[:4096]  # JSON and XML
    usual = [sign for sign in ",;\t|" if sign in line]
    return [*usual, *sorted(set(_SIGN.findall(line)).difference(usual, ":./-"), key=line.index)]


def _records(head: bytes, layout: Layout) -> Iterator[list[str]]:
    """The first whole records in a head, as fields."""
    splitter = Splitter(layout.delimiter)
    lines = lines_of(head.removeprefix(_BYTE_ORDER_MARK))[layout.first - 1 :]
    return islice(_split_records(lines, splitter), _TRIED)


def _split_records(lines: list[bytes], splitter: Splitter) -> Iterator[list[str]]:
    at = 0
    while at < len(lines):
        past, open_quote = extent(lines, at)
        fields = splitter.fields(text_of(b"".join(lines[at:past])))
        whole = not open_quote and lines[past - 1].endswith(b"\n")
        if fields and whole and any(fields):
            yield fields
        at = past if fields and not open_quote else at + 1


def _suits(layout: Layout, records: list[list[str]]) -> bool:
    """Do most of the records fit? Some may be damaged."""
    return 2 * sum(_fits(layout, fields) for fields in records) > len(records)


def _fits(layout: Layout, fields: list[str]) -> bool:
    """Can these be the fields of a record of this layout?"""
    if len(fields) != len(layout.header):
        return False
    said = dict(zip(layout.header, fields, strict=True))
    return (
        _are_times([said["timeStamp"]])
        and number(said["elapsed"]) is not None
        and said.get("success", "") in (*TRUTH, "")
        and all(_is_number(said[name]) for name in (*INTEGERS, "grpThreads") if name in said)
        and ("dataType" not in said or said["dataType"] in _TYPES)
    )


def _is_number(text: str) -> bool:
    return not text or integer(text) is not None


def _is_plausible(layout: Layout, fields: list[str]) -> bool:
    """Would JMeter write such numbers? Tells lists apart that differ only in which numbers they have.

    A group has no more threads than all groups, connecting takes no longer than the sample, and
    only transactions, which have no data type, pause. No assertion fails with a number as message.
    """
    if not _fits(layout, fields):
        return True  # damaged: nothing can be told from it
    said = dict(zip(layout.header, fields, strict=True))
    figures = {name: number(said.get(name) or "0") or 0.0 for name in ("elapsed", *_COMPARED)}
    return (
        ("allThreads" not in said or figures["grpThreads"] <= figures["allThreads"])
        and figures["Connect"] <= figures["elapsed"]
        and (not said["dataType"] or figures["IdleTime"] == 0)
        and not said.get("failureMessage", "").isdecimal()
    )


# --- Time stamps ----------------------------------------------------------------------------------


def _with_pattern(source: Source, layout: Layout, head: bytes) -> Layout:
    """The layout with the pattern that the first time stamps follow."""
    place = layout.places["timeStamp"]
    records = _records(head, layout)
    stamps = [fields[place] for fields in records if len(fields) == len(layout.header)]
    if not stamps or any(integer(stamp) is not None and len(stamp) < 14 for stamp in stamps):
        return layout
    where = f"{source.name}:{layout.first}"
    try:
        pattern = pattern_of(stamps, source.options.timezone)
    except Ambiguous as date:
        raise InputError(
            f'{where}: the timeStamp "{date}" may have the day or the month first. '
            "Record with jmeter.save.saveservice.timestamp_format=ms."
        ) from None
    if pattern is None:
        raise InputError(
            f'{where}: the timeStamp "{stamps[0]}" is neither milliseconds since 1970 nor '
            "a date and time of a known pattern, such as yyyy/MM/dd HH:mm:ss.SSS."
        )
    return replace(layout, pattern=pattern)


# --- Records and fields ---------------------------------------------------------------------------


class Splitter:
    """Cuts a record into fields as JMeter does: a quote may stand in a quoted field only."""

    def __init__(self, delimiter: str) -> None:
        sign = re.escape(delimiter)
        self._field = re.compile(
            rf'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<plain>[^"\r\n{sign}]*))(?P<end>{sign}|\Z)'
        )

    def fields(self, record: str) -> list[str] | None:
        """The fields of one record without its line end; None where a quote is out of place."""
        fields, at = [], 0
        while found := self._field.match(record, at):
            quoted = found["quoted"]
            fields.append(found["plain"] if quoted is None else quoted.replace('""', '"'))
            if not found["end"]:
                return fields
            at = found.end()
        return None


def text_of(record: bytes) -> str:
    """A record or line without its line end."""
    return record.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


def lines_of(data: bytes) -> list[bytes]:
    """Lines that end in a line feed only: a carriage return alone stands inside of a field."""
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def extent(lines: Sequence[bytes], at: int) -> tuple[int, bool]:
    """The line after the record that begins at `at`, and whether a quote is still open there."""
    past, size = at + 1, len(lines[at])
    open_quote = lines[at].count(b'"') % 2 == 1
    while open_quote and past < len(lines) and size <= LONGEST_RECORD:
        open_quote = lines[past].count(b'"') % 2 == 0
        size += len(lines[past])
        past += 1
    return past, open_quote

"""JMeter's result file in XML (JTL): an element per sample, its sub-results nested in it.

The format is that of JMeter's SampleResultConverter: `<testResults version="1.2">` (1.0 and 1.1 in
JMeter 2.0 and 2.1) around `<sample>` and `<httpSample>` elements. Attributes hold the numbers, named
below; sample variables are further attributes. Of the elements inside, `<assertionResult>` and
`<java.net.URL>` are read, response data and the rest are passed over.

- XML 1.0 forbids most control characters, also as references. JMeter writes them nevertheless
  (`&#x0;` in binary responses, labels and messages): they are read as U+FFFD.
- Samples begin on lines of their own, all at the same depth of indentation: that is how the next
  one is found after a damaged one, and why no sample can swallow another.
- The parser is the standard library's expat: it gives tags one by one, so that nothing is kept of
  what is not read, and without a DTD it knows no entities but the five that XML has. lxml builds a
  tree of each response, and its lenient mode repairs damage silently.
What the attributes mean stands in jmeter.py.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perfreport.errors import InputError
from perfreport.readers.jmeter import (
    INTEGERS,
    IS_REQUEST,
    IS_SUBREQUEST,
    IS_TRANSACTION,
    LONGEST_MS,
    TEXTS,
    TRANSACTION_MESSAGE,
    Columns,
    Nesting,
    Rows,
    array_of,
    lacks,
    milliseconds,
    refuse_sums,
    summed,
)
from perfreport.readers.reader import Reader
from perfreport.readers.source import BLOCK_SIZE, Source

_ATTRIBUTES = {
    "ts": "timeStamp",
    "t": "elapsed",
    "lb": "label",
    "rc": "responseCode",
    "rs": "responseCode",  # of JMeter 2.0
    "rm": "responseMessage",
    "tn": "threadName",
    "dt": "dataType",
    "s": "success",
    "by": "bytes",
    "sby": "sentBytes",
    "na": "allThreads",
    "lt": "Latency",
    "ct": "Connect",
    "it": "IdleTime",
    "sc": "SampleCount",
    "hn": "Hostname",
}
_COLUMNS = frozenset(("timeStamp", "elapsed", "success", *TEXTS, *INTEGERS))
_LEFT_OUT = frozenset(("ng", "ec", "de"))
_ENCODED = ("lb", "rc", "rm", "tn", "dt")  # as in URLs, in version 1.0
_SAMPLES = frozenset(("sample", "httpSample"))
_TEXTS_READ = frozenset(("failureMessage", "java.net.URL"))

_DEEPEST = 250  # elements inside of each other; JMeter's reach some ten
_MOST_NAMES = 1000  # of attributes that are remembered
_LONGEST_NAME = 64  # of the start of a sample, its indentation included
_LONGEST_TAG = 1024 * 1024
_LONGEST_SAMPLE = 32 * 1024 * 1024  # without its long texts
_LONGEST_TEXT = 64 * 1024
_TEXT_KEPT = 4096  # of a longer one; an error has 500 characters

_PROLOG = r"\ufeff?(?:\s++|<\?(?:(?!\?>).)*+\?>|<!--(?:(?!-->).)*+-->)*+"
_STARTS = re.compile(
    _PROLOG + r"<(?:(?P<doctype>!DOCTYPE)\s+testResults\b|testResults[\s/>]"
    r"|httpSample\s|sample\s(?:[^<>]*\s)?ts?=)",
    re.DOTALL,
)
_ENCODING = re.compile(r"""<\?xml[^<>]*\sencoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")
_VERSION = re.compile(r"""<testResults[^<>]*\sversion\s*=\s*["']([^"'<>]*)["']""")
_FRAME = re.compile(
    rb"(?:\xef\xbb\xbf)?<\?xml[^<>]*\?>|</?testResults(?:\s[^<>]*)?>|\A\xef\xbb\xbf"
)
_CLOSED = re.compile(rb"</testResults\s*>[\s\0]*\Z")
_FIRST = re.compile(rb"(?:\A|\n)([ \t]*)<(?:httpSample|sample)(?=[\s/>])")
_FORBIDDEN = bytes(set(range(32)).difference(b"\t\n\r"))
_CONTROL = re.compile(b"[" + re.escape(_FORBIDDEN) + b"]")
_REFERENCE = re.compile(  # to a control character, half a surrogate pair, U+FFFE or U+FFFF
    rb"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef])|0*(?:[0-8]|1[124-9]|2\d|3[01]));",
    re.IGNORECASE,
)
# What is passed over goes before parsing: it is most of the bytes, and half of the tags.
_PASSED_OVER = re.compile(
    rb"<(?:assertionResult>\s*<name>[^<]*</name>\s*<failure>false</failure>\s*<error>false</error>\s*"
    rb"</assertionResult>|(responseData|samplerData|responseHeader|requestHeader|responseFile|cookies"
    rb"|method|queryString|redirectLocation)(?: [^<>]*)?>[^<]*</\1>)"
)
_REPLACEMENT = "\ufffd".encode()
_LONG = re.compile(rb"<[^<]{%d,}" % _LONGEST_TEXT)
_LONG_TAG = re.compile(rb"<[^<>]{%d}" % _LONGEST_TAG)
_TEXT_CODECS = re.compile(
    r"ascii|utf-(8|16|32)(-[lb]e)?|iso8859-\d+|cp\d+|koi8-[rut]|mac-\w+|gb\w+|big5\w*|euc_\w+|shift_?j\w+"
)


def sniff(head: bytes) -> bool:
    return _STARTS.match(_text_of(head)) is not None


def read(source: Source) -> Iterator[pa.RecordBatch]:
    source.facts.tool, source.facts.response_time = "JMeter", "with_connect"
    head = _text_of(source.head())
    _refuse(source, head)
    rows = Rows(source.options.names)
    version = _VERSION.search(head)
    samples = _Samples(source, rows, encoded=version is not None and version[1] == "1.0")
    for piece in _pieces(source, head):
        batch = samples.of(piece)
        if batch is not None:
            yield batch
    samples.finish()
    yield rows.users()


READER = Reader(name="jmeter-xml", sniff=sniff, read=read)


def _refuse(source: Source, head: str) -> None:
    found = _STARTS.match(head)
    if found and found["doctype"]:
        raise InputError(
            f"{source.name}: has a DOCTYPE, which JMeter never writes. Remove it: entities and "
            "external files are not read."
        )
    if re.search(r"<sampleResult[\s/>]", head):
        raise InputError(
            f"{source.name}: results of a JMeter before 2.1 (sampleResult elements), which are not read. "
            "Record with JMeter 2.1 or newer."
        )


# --- Bytes to pieces of whole samples -------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """Samples that are whole as far as lines tell, each from its line to before the next one's.

    data    UTF-8; before the first sample may stand the start of the document
    starts  where in it the samples begin
    line    the number of its first line
    """

    data: bytes
    starts: list[int]
    line: int
    is_last: bool = False
    is_cut: bool = False  # the document goes on

    def parts(self) -> Iterator[tuple[int, bytes]]:
        """The line and the bytes of each sample, and of what stands before the first."""
        bounds = sorted({0, *self.starts})
        line = self.line
        for start, stop in zip(bounds, [*bounds[1:], len(self.data)], strict=True):
            yield line, self.data[start:stop]
            line += self.data.count(b"\n", start, stop)


def _pieces(source: Source, head: str) -> Iterator[_Piece]:
    """The input in pieces of about a block; a sample that is longer than a block is one piece.

    Raises InputError for 32 MiB in which no line begins with a sample.
    """
    boundary: re.Pattern[bytes] | None = None
    rest, line, dropping = b"", 1, False
    for block in _as_utf8(source, head):
        rest += block
        boundary = boundary or _boundary(rest)
        starts = _starts(boundary, rest)
        if dropping and starts:
            line += rest.count(b"\n", 0, starts[0])
            rest, dropping = rest[starts[0] :], False
            starts = [start - starts[0] for start in starts]
        if not dropping and starts and starts[-1] > 0:
            yield _Piece(rest[: starts[-1]], starts[:-1], line)
            line += rest.count(b"\n", 0, starts[-1])
            rest = rest[starts[-1] :]
        if not dropping and len(rest) > BLOCK_SIZE:
            rest = _LONG.sub(_shortened, rest)
            dropping = _is_too_long(rest)
            if dropping and boundary is None:
                raise InputError(
                    f"{source.name}: no line begins with a sample. JMeter writes each on lines of "
                    "its own; restore them with: xmllint --format"
                )
            if dropping:
                source.skip(line, "a sample longer than any")
        if dropping:  # a start of a sample may be divided between blocks
            line += rest.count(b"\n", 0, max(0, len(rest) - 64))
            rest = rest[-64:]
    is_cut = _CLOSED.search(rest) is None
    rest = b"" if dropping else rest.rstrip(b"\0")
    yield _Piece(rest, _starts(boundary, rest), line, is_last=True, is_cut=is_cut)


def _boundary(data: bytes) -> re.Pattern[bytes] | None:
    """How lines begin that begin a sample: as the first of them; None where there is none yet."""
    first = _FIRST.search(data)
    if first is None:
        return None
    return re.compile(b"\n" + first[1] + rb"<(?:httpSample|sample)(?=[\s/>])")


def _starts(boundary: re.Pattern[bytes] | None, data: bytes) -> list[int]:
    """Where samples begin: where their lines do."""
    if boundary is None:
        return []
    starts = [found.start() + 1 for found in boundary.finditer(data)]
    return [0, *starts] if boundary.match(b"\n" + data[:_LONGEST_NAME]) else starts


def _shortened(found: re.Match[bytes]) -> bytes:
    """A tag with the start of the long text behind it, and its line ends: lines stay counted."""
    tag, closing, text = found[0].partition(b">")
    kept = re.sub(rb"&[^;&]{0,12}\Z", b"", text[:_TEXT_KEPT])
    return tag + closing + kept + b"\n" * text.count(b"\n", len(kept))


def _is_too_long(rest: bytes) -> bool:
    return len(rest) > _LONGEST_SAMPLE or _LONG_TAG.search(rest) is not None


def _as_utf8(source: Source, head: str) -> Iterator[bytes]:
    """The blocks of the input in UTF-8, whatever the declaration says that it is in."""
    encoding = _wide_encoding(source.head()) or _declared(source, head)
    if encoding is None:
        yield from source.blocks()
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for block in source.blocks():
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", True).encode()


def _declared(source: Source, head: str) -> str | None:
    """The codec of the declared encoding; None for UTF-8, and where the declaration cannot be true."""
    found = _ENCODING.match(head.removeprefix("\ufeff"))
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1]).name
    except LookupError:
        name = ""
    if not _TEXT_CODECS.fullmatch(name):
        raise InputError(
            f'{source.name}:1: the encoding "{found[1][:40]}" is not known. Convert the file to UTF-8.'
        )
    return None if name.startswith(("utf-", "ascii")) else name


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, told by a byte order mark or by how `<` is written."""
    marks = {
        "utf-32": (b"\xff\xfe\0\0", b"\0\0\xfe\xff"),
        "utf-16": (b"\xff\xfe", b"\xfe\xff"),
        "utf-16-le": (b"<\0",),
        "utf-16-be": (b"\0<",),
    }
    return next((name for name, begins in marks.items() if head.startswith(begins)), None)


def _text_of(head: bytes) -> str:
    return head.decode(_wide_encoding(head) or "utf-8", "replace")


# --- Pieces to rows -------------------------------------------------------------------------------


_Attributes = list[str]  # name, value, name, value, ... as they stand in the tag


@dataclass
class _Found:
    """Samples in the order of the document, a list for each thing that is told of them."""

    attributes: list[_Attributes] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)  # of the first assertion that has one
    urls: list[str | None] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)

    def take(self, tree: _Tree, kinds: list[int], groups: list[str | None], at: int) -> None:
        self.attributes.append(tree.attributes[at])
        self.messages.append(tree.messages[at])
        self.urls.append(tree.urls[at])
        self.kinds.append(kinds[at])
        self.groups.append(groups[at])


class _Samples:
    """Turns pieces into rows: as a whole if it is in order, else sample by sample."""

    def __init__(self, source: Source, rows: Rows, encoded: bool) -> None:
        self._source = source
        self._rows = rows
        self._encoded = encoded
        self._count = 0
        self._sums = 0
        self._said: set[str] = set()  # names of attributes seen

    def of(self, piece: _Piece) -> pa.RecordBatch | None:
        self._source.truncated |= piece.is_cut
        found, columns = self._at_once(piece)
        if columns is None:
            found = self._one_by_one(piece)
            columns = _columns(found.attributes, _tolerant)
        if not found.attributes or columns is None:
            return None
        if not self._count and {"rm", "dt"}.isdisjoint(found.attributes[0][::2]):
            self._source.note(
                "no attribute rm: transactions cannot be told from requests; what is nested counts "
                "as sub-results"
            )
        self._count += len(found.attributes)
        self._said.update(found.attributes[0][::2] if len(self._said) < _MOST_NAMES else ())
        self._add_elements(columns, found)
        kinds = np.array(found.kinds, np.int32)
        groups = pa.array(found.groups, pa.string()).dictionary_encode()
        return self._rows.of(
            columns, [name for name in columns if name not in _COLUMNS], Nesting(kinds, groups)
        )

    def finish(self) -> None:
        refuse_sums(self._source.name, self._sums, self._count)

    def _at_once(self, piece: _Piece) -> tuple[_Found, Columns | None]:
        """All samples of a piece that is in order, and their columns; None for these otherwise."""
        tree = _parsed(piece.data, with_lines=False)
        if tree.problem or tree.strays or tree.parents.count(-1) != len(piece.starts):
            return _Found(), None
        self._decode(tree.attributes)
        kinds, groups = _nesting(tree, self._rows.name)
        found = _Found(tree.attributes, tree.messages, tree.urls, kinds, groups)
        return found, _columns(tree.attributes, _strict)

    def _one_by_one(self, piece: _Piece) -> _Found:
        found = _Found()
        parts = list(piece.parts())
        for number, (line, data) in enumerate(parts, start=1):
            tree = _parsed(data)
            for at, why in tree.strays:
                self._source.skip(line + at - 1, why)
            if tree.problem:
                at, why = tree.problem
                if piece.is_cut and number == len(parts):
                    self._source.cut(line + at - 1)
                else:
                    self._source.skip(line + at - 1, why)
            self._decode(tree.attributes)
            self._take(found, tree, line)
        self._require_times()
        return found

    def _take(self, found: _Found, tree: _Tree, line: int) -> None:
        """The samples of a tree that can be used; of the others it tells why not."""
        kinds, groups = _nesting(tree, self._rows.name)
        for at, attributes in enumerate(tree.attributes):
            self._said.update(attributes[::2] if len(self._said) < _MOST_NAMES else ())
            why = self._objection(attributes)
            if why:
                self._source.skip(line + tree.lines[at] - 1, why)
            else:
                found.take(tree, kinds, groups, at)

    def _objection(self, sample: _Attributes) -> str | None:
        attributes = _by_name(sample)
        stamp = attributes.get("ts", "")
        if milliseconds(stamp) is None:
            return f'timeStamp is "{stamp[:40]}"'
        for key, name in _ATTRIBUTES.items():
            if (key in attributes or key == "t") and (why := lacks(name, attributes.get(key, ""))):
                return why
        why = summed(attributes.get("sc", ""))
        self._sums += why is not None
        return why

    def _require_times(self) -> None:
        """InputError where the samples so far have no time: what is recorded is set for the file."""
        for attribute, setting in (("ts", "timestamp_format=ms"), ("t", "time=true")):
            if self._said and attribute not in self._said:
                raise InputError(
                    f"{self._source.name}: no attribute {attribute}, so nothing can be told of "
                    f"times. Record with jmeter.save.saveservice.{setting}."
                )

    def _decode(self, samples: list[_Attributes]) -> None:
        for attributes in samples if self._encoded else ():
            for at in range(0, len(attributes), 2):
                if attributes[at] in _ENCODED:
                    attributes[at + 1] = unquote_plus(attributes[at + 1])

    def _add_elements(self, columns: Columns, found: _Found) -> None:
        """The columns that come from elements, if any sample has one."""
        if any(found.messages):
            columns["failureMessage"] = array_of("failureMessage", found.messages)
        if any(found.urls):
            columns["URL"] = array_of("URL", [url or "null" for url in found.urls])


def _by_name(sample: _Attributes) -> dict[str, str]:
    return dict(zip(sample[::2], sample[1::2], strict=True))


def _nesting(tree: _Tree, named: Callable[[str], str]) -> tuple[list[int], list[str | None]]:
    """The kind of each sample, and the names of the transactions around it.

    What a transaction encloses is a request or another transaction; what a request encloses is its
    sub-result.
    """
    kinds: list[int] = []
    groups: list[str | None] = []
    for at, parent in enumerate(tree.parents):
        inside = kinds[parent] if parent >= 0 else None
        group = groups[parent] if parent >= 0 else None
        if inside == IS_TRANSACTION:
            name = named(_by_name(tree.attributes[parent]).get("lb", ""))
            group = name if group is None else f"{group}/{name}"
        groups.append(group)
        if inside in (None, IS_TRANSACTION):
            kinds.append(IS_TRANSACTION if _is_transaction(tree, at) else IS_REQUEST)
        else:
            kinds.append(IS_SUBREQUEST)
    return kinds, groups


def _is_transaction(tree: _Tree, at: int) -> bool:
    """See jmeter.py: the message tells, or the lack of a message, a data type and a URL."""
    if tree.tags[at] != "sample":
        return False
    attributes = _by_name(tree.attributes[at])
    message = attributes.get("rm", "")
    if message or attributes.get("dt") != "":
        return message.startswith(TRANSACTION_MESSAGE)
    return tree.urls[at] is None


# --- Attributes to columns ------------------------------------------------------------------------


def _columns(
    samples: list[_Attributes], made: Callable[[str, Sequence[str]], pa.Array | None]
) -> Columns | None:
    """A column for each attribute that any sample has; None if `made` is not sure of one of them."""
    texts = _texts(samples)
    if samples and not texts.keys() >= {"ts", "t"}:
        return None
    columns: Columns = {}
    for key, values in texts.items():
        name = _ATTRIBUTES.get(key, key)
        if key in _LEFT_OUT or (key == "rs" and "rc" in texts):
            continue
        if key in _COLUMNS:  # a variable called like a column: a row has no place for it
            continue
        column = made(name, values)
        if column is None:
            return None
        columns[name] = column
    return columns


def _texts(samples: list[_Attributes]) -> dict[str, Sequence[str]]:
    """The values of each attribute; "" where a sample lacks it."""
    shapes = {tuple(sample[::2]) for sample in samples}
    if len(shapes) == 1:  # nearly always: what is recorded is set for the whole file
        values = zip(*(sample[1::2] for sample in samples), strict=True)
        return dict(zip(shapes.pop(), values, strict=True))
    named = [_by_name(sample) for sample in samples]
    keys = dict.fromkeys(key for shape in sorted(shapes) for key in shape)
    return {key: [attributes.get(key, "") for attributes in named] for key in keys}


def _strict(name: str, texts: Sequence[str]) -> pa.Array | None:
    """The column if all texts are as JMeter writes them."""
    plain = pa.array(texts, pa.string())
    if name == "success":
        judged = pc.is_in(plain, pa.array(["true", "false"]))
        return pc.equal(plain, "true") if pc.all(judged).as_py() else None
    if name in TEXTS:
        return plain.dictionary_encode()
    if name not in INTEGERS and name not in ("timeStamp", "elapsed"):
        return plain
    if not pc.all(pc.match_substring_regex(plain, "^[0-9]{1,11}$|^[12][0-9]{12}$")).as_py():
        return None
    numbers = plain.cast(pa.int64())
    return _as_told(name, numbers)


def _as_told(name: str, numbers: pa.Array) -> pa.Array | None:
    if name == "timeStamp":
        return pc.multiply(numbers, 1000)
    most = pc.max(numbers).as_py() or 0
    if name == "elapsed":
        return numbers.cast(pa.float64()) if most < LONGEST_MS else None
    return None if name == "SampleCount" and most > 1 else numbers


def _tolerant(name: str, texts: Sequence[str]) -> pa.Array:
    if name == "timeStamp":
        return pa.array([(milliseconds(text) or 0) * 1000 for text in texts], pa.int64())
    return array_of(name, texts)


# --- The parser -----------------------------------------------------------------------------------


class _TooDeep(Exception):
    """More elements inside of each other than JMeter writes."""


class _Tree:
    """The samples of a text, and what is wrong with it: a line of the text, and why.

    parents  the sample around each; -1 where there is none
    problem  where parsing ended; the sample that it ended in is not among the others
    strays   what belongs to no sample
    """

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.attributes: list[_Attributes] = []
        self.parents: list[int] = []
        self.lines: list[int] = []
        self.messages: list[str] = []
        self.urls: list[str | None] = []
        self.problem: tuple[int, str] | None = None
        self.strays: list[tuple[int, str]] = []

    def give_up(self, sample: int | None, line: int, why: str) -> None:
        """Stop at a problem, inside of the sample or of none."""
        if sample is not None:
            line = self.lines[sample] if self.lines else line
            for kept in (
                *(self.tags, self.attributes, self.parents),
                *(self.lines, self.messages, self.urls),
            ):
                del kept[sample:]
        self.problem = line, why


def _parsed(data: bytes, with_lines: bool = True) -> _Tree:
    """What is in a part of a document. Lines are told only on request: to count them takes time."""
    tree = _Tree()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = not with_lines  # else a text is told of where it ends
    parser.ordered_attributes = True
    around = _handle(parser, tree, with_lines)
    try:
        parser.Parse(b"<testResults>", False)
        parser.Parse(_cleaned(data), False)
        parser.Parse(b"</testResults>", True)
    except expat.ExpatError as error:
        tree.give_up(next(iter(around), None), error.lineno, expat.ErrorString(error.code))
    except _TooDeep:
        why = f"elements nested deeper than {_DEEPEST}"
        tree.give_up(next(iter(around), None), parser.CurrentLineNumber, why)
    finally:  # they know the parser: such a ring would keep the samples until Python looks for rings
        parser.StartElementHandler = parser.EndElementHandler = None
        parser.CharacterDataHandler = None
    return tree


def _handle(parser: expat.XMLParserType, tree: _Tree, with_lines: bool) -> list[int]:
    """Let the parser fill the tree; gives the list of samples around the place, the innermost last.

    Local functions, as attribute look-ups took a third of the time.
    """
    around: list[int] = []
    others: list[str] = []  # elements around the place, inside of that sample
    texts: list[str] = []
    tags, samples, parents, lines = tree.tags, tree.attributes, tree.parents, tree.lines
    messages, urls = tree.messages, tree.urls

    def start(tag: str, attributes: _Attributes) -> None:
        if tag in _SAMPLES and not (others and len(others) > 1):
            if len(around) > _DEEPEST:
                raise _TooDeep
            tags.append(tag)
            parents.append(around[-1] if around else -1)
            around.append(len(samples))
            samples.append(attributes)
            messages.append("")
            urls.append(None)
            if with_lines:
                lines.append(parser.CurrentLineNumber)
            parser.CharacterDataHandler = None
            return
        others.append(tag)
        if len(others) > _DEEPEST:
            raise _TooDeep
        if not around and len(others) == 2:
            stray(f"<{tag[:40]}> is no sample")
        if tag in _TEXTS_READ and around:
            texts.clear()
            parser.CharacterDataHandler = texts.append

    def end(tag: str) -> None:
        if len(others) > 1:
            others.pop()
            if tag in _TEXTS_READ and around:
                parser.CharacterDataHandler = None
                keep(tag, "".join(texts))
        elif around:
            around.pop()
            if not around:
                parser.CharacterDataHandler = outside

    def keep(tag: str, text: str) -> None:
        sample = around[-1]
        if tag == "java.net.URL":
            urls[sample] = text
        elif not messages[sample]:
            messages[sample] = text

    def outside(text: str) -> None:
        if text.strip():
            stray("text outside of samples")

    def stray(why: str) -> None:
        if not tree.strays:
            tree.strays.append((parser.CurrentLineNumber, why))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = outside
    return around


def _cleaned(data: bytes) -> bytes:
    """UTF-8 without what XML forbids and without the frame of the document; lines stay lines."""
    try:
        data.decode()
    except UnicodeDecodeError:
        data = data.decode("utf-8", "replace").encode()
    for noncharacter in ("\ufffe", "\uffff"):
        data = data.replace(noncharacter.encode(), _REPLACEMENT)
    if len(data.translate(None, _FORBIDDEN)) != len(data):
        data = _CONTROL.sub(_REPLACEMENT, data)
    if b"&#" in data:
        data = _REFERENCE.sub(_REPLACEMENT, data)
    data = _PASSED_OVER.sub(_line_ends, data)
    if b"testResults" in data or b"<?xml" in data:
        data = _FRAME.sub(_line_ends, data)
    return data


def _line_ends(found: re.Match[bytes]) -> bytes:
    return b"\n" * found[0].count(b"\n")

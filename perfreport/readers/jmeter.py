"""JMeter's samples as rows of a run, whatever file they came from.

- `timeStamp` is the start; `elapsed` includes connecting, `Latency` includes `Connect`.
- A row of a transaction controller is told by its message. JMeter's own Total leaves these out,
  and counts sub-results, which here are rows of kind `subrequest`.
- Samples inside of a generated parent sample are requests whose `group` is the controller's name.
  Where the controller writes a row of its own behind them, nothing ties them to it.
- `allThreads` is the number of users of one generator over all its thread groups, taken when a
  sample ends. So `users` rows have a source but no scenario: the sum over both stays true.
- In a distributed run thread names begin with the engine, `10.0.0.7:1099-`: that is the source,
  otherwise the column `Hostname` is.
- Two kinds of rows are marked by the label `jmeter.row`, for the dashboard takes them for something
  else: `unfinished`, a transaction that the end of the test cut off (it has no message), and
  `first_line`, the record that stands where a header should.
- Left out: dataType, grpThreads, Filename, Encoding, IdleTime, ErrorCount, and the URL of a row with
  a label but for one example. Columns that JMeter does not know become labels, as sample variables do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perfreport.errors import InputError
from perfreport.readers.names import Names
from perfreport.run.schema import ERROR_LENGTH, REQUEST, SUBREQUEST, TRANSACTION, USERS, batch

# By JMeter's names of them. Each may be missing but the first two.
#   timeStamp             int64, microseconds since 1970
#   elapsed               float64
#   success               bool
#   INTEGERS              int64
#   TEXTS                 dictionary of strings
#   sample variables      string
Columns = dict[str, pa.Array]

INTEGERS = ("bytes", "sentBytes", "allThreads", "Latency", "Connect", "IdleTime", "SampleCount")
TEXTS = (
    *("label", "responseCode", "responseMessage", "threadName", "dataType", "failureMessage"),
    *("URL", "Hostname"),
)
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
LEFT_OUT = ("grpThreads", "Filename", "Encoding", "ErrorCount")

MARK = "jmeter.row"  # a label
UNFINISHED, FIRST_LINE = "unfinished", "first_line"
TRANSACTION_MESSAGE = "Number of samples in transaction : "
_PARTS = re.compile(re.escape(TRANSACTION_MESSAGE) + r"(?P<count>\d{1,9}),")
# Thread 3 of the first group: "kenya_o2c 1-3"; in a distributed run "10.0.0.7:1099-kenya_o2c 1-3".
_THREAD = re.compile(r"(?:(?P<engine>[\w.\[\]:-]+:\d{2,5})-)?(?P<group>.*) \d+-\d+", re.DOTALL)
_SUB_RESULT = re.compile(r"(?P<parent>.*)-(?P<index>\d{1,9})", re.DOTALL)
_NULL = "null"  # what JMeter writes for a URL or a variable that is not there
_STATUS = re.compile(r"\d{1,5}", re.ASCII)
_INTEGER = re.compile(r" *-?\d{1,15} *", re.ASCII)
_NUMBER = re.compile(r" *\d{1,11}(?:\.\d{1,30})? *", re.ASCII)
LONGEST_MS = 10**11  # no sample lasted three years
LARGEST = 10**15
LAST_MS = 253_000_000_000_000  # in 9987: Python's dates end with 9999, and durations are added
_KINDS = pa.array([REQUEST, SUBREQUEST, TRANSACTION])
IS_REQUEST, IS_SUBREQUEST, IS_TRANSACTION = range(3)  # codes of these


def integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def milliseconds(text: str) -> int | None:
    """A time stamp; None where it is none, or too late to be true."""
    since = integer(text)
    return since if since is not None and 0 <= since <= LAST_MS else None


def is_thread(name: str) -> bool:
    """Does JMeter call a thread like that?"""
    return _THREAD.fullmatch(name) is not None


def lacks(name: str, text: str) -> str | None:
    """What is wrong with a field of a record; None if nothing. Time stamps are not looked at."""
    if name == "elapsed":
        fits = number(text) is not None
    elif name == "success":
        fits = not text or text in TRUTH
    else:
        fits = name not in INTEGERS or not text or integer(text) is not None
    return None if fits else f'{name} is "{text[:40]}"'


def summed(count: str) -> str | None:
    """Why a record cannot be used that stands for several samples; None if it does not."""
    if (integer(count) or 0) <= 1:
        return None
    return (
        f"one row for {count.strip()} samples (SampleCount), their times are lost; "
        "record with mode=StrippedBatch"
    )


def refuse_sums(name: str, sums: int, rows: int) -> None:
    """InputError for a file that holds more sums than samples."""
    if sums > rows:
        raise InputError(
            f"{name}: most rows stand for several samples each (SampleCount), their times "
            "are lost. Record with mode=StrippedBatch."
        )


def array_of(name: str, texts: Sequence[str]) -> pa.Array:
    """A column but that of time stamps, from texts that fit."""
    if name == "elapsed":
        return pa.array(map(number, texts), pa.float64())
    if name == "success":
        return pa.array(map(TRUTH.get, texts), pa.bool_())
    if name in INTEGERS:
        return pa.array(map(integer, texts), pa.int64())
    plain = pa.array(texts, pa.string())
    return plain.dictionary_encode() if name in TEXTS else plain


@dataclass(frozen=True)
class Nesting:
    """What the samples of a batch are to each other: a kind's code each, and the group of each."""

    kinds: np.ndarray
    groups: pa.Array | None


class Rows:
    """Turns columns of JMeter into rows of a run; remembers the samples still open, and users."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._enclosing = _Enclosing(self.name)
        self._users = _Users()
        self._seen: set[str] = set()  # labels, for an example URL of each

    def name(self, label: str) -> str:
        """What a sample with this label is called."""
        return self._names.endpoint(label or None, None, None)

    def of(
        self,
        columns: Columns,
        variables: Sequence[str],
        nesting: Nesting | None = None,
        first_line: bool = False,
    ) -> pa.RecordBatch:
        """A row per record.

        variables   the columns that become labels
        nesting     None where names and times of the records have to tell it
        first_line  the first of them stands where a header should
        """
        ts, elapsed = columns["timeStamp"], columns["elapsed"]
        threads = _Threads(columns, len(ts))
        nesting = nesting or self._enclosing.nesting(columns)
        kinds = nesting.kinds
        self._users.add(columns, threads.sources, kinds == IS_SUBREQUEST)
        ok = columns.get("success")
        connect, latency, sent, received = (
            _unless_negative(columns.get(it)) for it in ("Connect", "Latency", "sentBytes", "bytes")
        )
        users = _active(columns)
        return batch(
            len(ts),
            {
                "kind": pa.DictionaryArray.from_arrays(kinds, _KINDS),
                "ts": ts.cast(pa.timestamp("us", "UTC")),
                "name": self._endpoints(columns, len(ts)),
                "group": nesting.groups,
                "scenario": threads.scenarios,
                "source": threads.sources,
                "status": _each(columns.get("responseCode"), _status, pa.int16()),
                "ok": ok,
                "error": None if ok is None else _errors(columns, ok),
                "duration_ms": elapsed,
                "connect_ms": connect,
                "wait_ms": _wait(latency, connect),
                "sent_bytes": sent,
                "received_bytes": received,
                "users": None
                if users is None
                else pc.if_else(pa.array(kinds == IS_REQUEST), users, None),
                "labels": _labels(_marked(columns, kinds, first_line), [*variables, MARK], len(ts)),
            },
        )

    def users(self) -> pa.RecordBatch:
        """The `users` rows of the whole source."""
        return self._users.rows()

    def _endpoints(self, columns: Columns, length: int) -> pa.Array:
        labels, urls = columns.get("label"), columns.get("URL")
        if labels is not None:
            names = _each(labels, self.name)
            self._keep_examples(labels, urls)
            return names
        if urls is not None:
            return _each(urls, lambda url: self._names.endpoint(None, None, _unless_null(url)))
        return pa.array([self._names.endpoint(None, None, None)] * length)

    def _keep_examples(self, labels: pa.Array, urls: pa.Array | None) -> None:
        """The first URL of each label of which none was seen before."""
        texts = labels.dictionary.to_pylist()
        if urls is None or self._seen.issuperset(texts):
            return
        unseen = [code for code, text in enumerate(texts) if text not in self._seen]
        rows = np.flatnonzero(np.isin(labels.indices.to_numpy(), unseen))
        there = urls.take(pa.array(rows)).cast(pa.string())
        known = pc.invert(pc.is_in(there, pa.array(["", _NULL]))).to_numpy(zero_copy_only=False)
        codes, places = np.unique(labels.indices.to_numpy()[rows[known]], return_index=True)
        first = there.filter(pa.array(known)).take(pa.array(places)).to_pylist()
        for code, url in zip(codes, first, strict=True):
            self._names.keep_example(self.name(texts[code]), url)
            self._seen.add(texts[code])


def _each(
    texts: pa.Array | None, made: Callable[[str], Any], type: pa.DataType | None = None
) -> pa.Array | None:
    """What `made` makes of each text, made once for each different one."""
    if texts is None:
        return None
    values = pa.array([made(text) for text in texts.dictionary.to_pylist()], type or pa.string())
    found = values.take(texts.indices)
    return found if type else found.dictionary_encode()


def _unless_null(text: str) -> str | None:
    return None if text in ("", _NULL) else text


def _status(code: str) -> int | None:
    """The status code; None for `Non HTTP response code: java.net.ConnectException` and the like."""
    if not _STATUS.fullmatch(code) or int(code) > np.iinfo(np.int16).max:
        return None
    return int(code)


class _Threads:
    """The thread group and the generator of each row."""

    def __init__(self, columns: Columns, length: int) -> None:
        threads, hosts = columns.get("threadName"), columns.get("Hostname")
        self.scenarios = _each(threads, lambda name: _thread_part(name, "group"))
        engines = _each(threads, lambda name: _thread_part(name, "engine"))
        self.sources = _each(hosts, lambda host: host or None)
        if engines is not None and engines.null_count < length:
            self.sources = engines


def _thread_part(thread: str, part: str) -> str | None:
    found = _THREAD.fullmatch(thread)
    return found[part] if found else None


def tell_transactions(columns: Collection[str]) -> bool:
    """Do these columns suffice to tell the rows of transaction controllers?"""
    return "responseMessage" in columns or {"dataType", "URL"} <= set(columns)


def _transactions(columns: Columns, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are of transaction controllers, and which may be.

    Their message tells; one that the end of the test cut off has none, and neither a data type nor
    a URL. Where messages were not recorded, the latter two tell: hardly any other sampler leaves
    out both, but a sub-result may.
    """
    messages, types, urls = (columns.get(it) for it in ("responseMessage", "dataType", "URL"))
    surely, maybe = np.zeros(length, bool), np.zeros(length, bool)
    if types is not None and urls is not None:  # see tell_transactions
        maybe = _which(types, lambda text: not text) & _which(urls, lambda text: text == _NULL)
    if messages is not None:
        surely = _which(messages, lambda text: text.startswith(TRANSACTION_MESSAGE))
        maybe &= _which(messages, lambda text: not text)
    return surely, maybe


def _which(texts: pa.Array, holds: Callable[[str], bool]) -> np.ndarray:
    found = _each(texts, holds, pa.bool_())
    assert found is not None
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def _active(columns: Columns) -> pa.Array | None:
    """`allThreads`; null where it is 0, which senders that sum samples up write for unknown."""
    users = columns.get("allThreads")
    return None if users is None else pc.if_else(pc.greater(users, 0), users, None)


def _errors(columns: Columns, ok: pa.Array) -> pa.Array:
    """What went wrong in each failed row: the failed assertion, else the response's code and text."""
    failed = pc.fill_null(pc.invert(ok), False)
    rows = pa.array(np.flatnonzero(failed.to_numpy(zero_copy_only=False)))
    names = ("failureMessage", "responseCode", "responseMessage")
    said, code, text = (_text_at(columns.get(name), rows) for name in names)
    answer = pc.utf8_trim_whitespace(pc.binary_join_element_wise(code, text, " "))
    messages = pc.utf8_slice_codeunits(
        pc.if_else(pc.equal(said, ""), answer, said), 0, ERROR_LENGTH
    )
    known = pc.if_else(pc.equal(messages, ""), None, messages).dictionary_encode()
    places = np.full(len(ok), -1, np.int32)
    places[rows.to_numpy()] = pc.fill_null(known.indices, -1).to_numpy()
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), known.dictionary)


def _text_at(texts: pa.Array | None, rows: pa.Array) -> pa.Array:
    if texts is None:
        return pa.array([""] * len(rows), pa.string())
    return texts.take(rows).cast(pa.string())


def _unless_negative(numbers: pa.Array | None) -> pa.Array | None:
    """A time or an amount; null where it is below 0, which none can be."""
    return None if numbers is None else pc.if_else(pc.greater_equal(numbers, 0), numbers, None)


def _wait(latency: pa.Array | None, connect: pa.Array | None) -> pa.Array | None:
    """From connected to the first byte; null where no byte came: then Latency is 0, Connect not."""
    if latency is None or connect is None:
        return None
    return pc.if_else(pc.greater_equal(latency, connect), pc.subtract(latency, connect), None)


def _marked(columns: Columns, kinds: np.ndarray, first_line: bool) -> Columns:
    """The columns with MARK among them, if any row has one."""
    messages = columns.get("responseMessage")
    cut = kinds == IS_TRANSACTION
    if messages is None or not cut.any():
        cut = np.zeros(len(kinds), bool)
    else:
        cut &= _which(messages, lambda text: not text)
    if not first_line and not cut.any():
        return columns
    marks = np.where(cut, UNFINISHED, "").astype(object)
    if first_line:
        marks[0] = FIRST_LINE
    return columns | {MARK: pa.array(marks, pa.string())}


def _labels(columns: Columns, variables: Sequence[str], length: int) -> pa.Array | None:
    """The sample variables and the mark of each row; what was not set is left out."""
    only_mark = list(variables) == [MARK]
    variables = [name for name in dict.fromkeys(variables) if name in columns]
    if not variables:
        return None
    values = [pc.if_else(pc.equal(columns[name], _NULL), "", columns[name]) for name in variables]
    order = np.arange(length * len(variables)).reshape(len(variables), length).T.ravel()
    items = pa.concat_arrays(values).take(pa.array(order))
    keys = pa.array(variables).take(pa.array(np.tile(np.arange(len(variables)), length)))
    known = pc.not_equal(items, "")
    counts = known.to_numpy(zero_copy_only=False).reshape(length, len(variables)).sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    unset = np.append(counts == 0, False) if only_mark else None  # as in a block without any mark
    offsets = pa.array(ends, mask=unset)
    return pa.MapArray.from_arrays(offsets, keys.filter(known), items.filter(known))


# The latest sample of a thread and its sub-results so far: label to start, end (microseconds) and
# the number that its next sub-result will have. That of a transaction stands under _NO_PARENT.
_Tree = dict[str, list[int]]
_NO_PARENT = "\0"
_MOST_OPEN = 100_000  # threads that ended inside of a transaction would stay for good


@dataclass
class _Parent:
    """A transaction whose parts are still to come."""

    start: int
    end: int
    path: str  # names of the transactions around it, and its own
    left: int  # how many of its parts


class _Enclosing:
    """Tells what encloses a row from the rows of the same thread before it.

    A sub-result, unlike a request that only happens to be called `order-1`, is numbered by its
    parent, runs inside of the parent's time (to the millisecond), and is written by the same thread
    behind it with nothing between (checked on recordings: true of each sub-result).

    A generated parent sample is written before its children, whose number it tells, and a thread
    does nothing else in its time. A transaction controller without one is written behind them: the
    row before it began in its time. Only with `IdleTime` the end of a transaction is known.
    """

    def __init__(self, named: Callable[[str], str]) -> None:
        self._named = named
        # Of this block and of the one before: threads come and go by the million in open models.
        self._trees: dict[str, _Tree] = {}
        self._earlier: dict[str, _Tree] = {}
        self._open: dict[str, list[_Parent]] = {}  # of each thread, the innermost last
        self._paths: dict[str, int] = {}

    def nesting(self, columns: Columns) -> Nesting:
        """The kind and the group of each row."""
        surely, maybe = _transactions(columns, len(columns["timeStamp"]))
        kinds = np.where(surely | maybe, IS_TRANSACTION, IS_REQUEST).astype(np.int32)
        if "label" not in columns or "threadName" not in columns:
            return Nesting(kinds, None)
        self._earlier, self._trees = self._trees, {}
        if len(self._open) > _MOST_OPEN:
            self._open = {at: it for at, it in self._open.items() if at in self._earlier}
        self._paths = {}
        groups: dict[int, int] = {}
        trees, earlier, opened = self._trees, self._earlier, self._open
        starts = columns["timeStamp"].to_numpy()
        ends = starts + np.asarray(np.rint(columns["elapsed"].to_numpy() * 1000), np.int64)
        threads, labels = columns["threadName"], columns["label"]
        thread_names, label_names = threads.dictionary.to_pylist(), labels.dictionary.to_pylist()
        splits = [_split(label) for label in label_names]
        ends_with_pauses = starts + _with_pauses_us(columns)
        parts = _parts(columns)
        # Codes, not texts: hashing a new text per row took most of the reader's time.
        for row, (thread_code, label_code, start, end, kind, sure) in enumerate(
            zip(
                threads.indices.to_pylist(),
                labels.indices.to_pylist(),
                starts.tolist(),
                ends.tolist(),
                kinds.tolist(),
                surely.tolist(),
                strict=True,
            )
        ):
            thread, split = thread_names[thread_code], splits[label_code]
            tree = trees.get(thread)
            if split is not None and not sure:
                tree = tree or earlier.get(thread)
                if tree is not None and _belongs(tree, split, start, end):
                    kinds[row] = IS_SUBREQUEST
                    tree[label_names[label_code]] = [start, end, 0]
                    trees[thread] = tree
                    if thread in opened:
                        groups[row] = self._code(thread)
                    continue
            if kind == IS_TRANSACTION:
                end = int(ends_with_pauses[row])
            if thread in opened and self._take(thread, start, end):
                groups[row] = self._code(thread)
            if kind == IS_TRANSACTION:
                before = tree or earlier.get(thread)
                if before is None or not _began_inside(before, start):
                    self._enter(thread, start, end, label_names[label_code], int(parts[row]))
                trees[thread] = {_NO_PARENT: [start, end, 0]}
            else:
                trees[thread] = {label_names[label_code]: [start, end, 0]}
        return Nesting(kinds, self._groups(len(kinds), groups))

    def _enter(self, thread: str, start: int, end: int, label: str, parts: int) -> None:
        if parts:
            around = self._open.setdefault(thread, [])
            path = "/".join([*(parent.path for parent in around[-1:]), self._named(label)])
            around.append(_Parent(start, end, path, parts))

    def _take(self, thread: str, start: int, end: int) -> bool:
        """Is the next row of the thread a part of a transaction? Leaves those that it is not in."""
        around = self._open[thread]
        while around:
            parent = around[-1]
            if parent.left and parent.start <= start and end <= parent.end:
                parent.left -= 1
                return True
            around.pop()
        del self._open[thread]
        return False

    def _code(self, thread: str) -> int:
        """The code of the group in which the thread is."""
        return self._paths.setdefault(self._open[thread][-1].path, len(self._paths))

    def _groups(self, length: int, groups: dict[int, int]) -> pa.Array | None:
        if not groups:
            return None
        codes = np.full(length, -1, np.int32)
        codes[list(groups)] = list(groups.values())
        paths = pa.array(list(self._paths), pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), paths)


def _split(label: str) -> tuple[str, int] | None:
    named = _SUB_RESULT.fullmatch(label)
    return (named["parent"], int(named["index"])) if named else None


def _belongs(tree: _Tree, split: tuple[str, int], start: int, end: int) -> bool:
    """Is this the next sub-result of a sample in the tree? Counts it there if so."""
    parent = tree.get(split[0])
    if parent is None or split[1] < parent[2]:
        return False
    first, last = parent[0], parent[1]
    inside = first <= start and end <= last
    # Start and elapsed are rounded apart: one in some hundred sub-results ends a millisecond late.
    if not inside and not (first - _MS <= start < last and end <= last + _MS):
        return False
    parent[2] = split[1] + 1
    return True


_MS = 1000  # microseconds


def _parts(columns: Columns) -> np.ndarray:
    """How many samples each row says that it encloses; 0 where their time is not known."""
    messages = columns.get("responseMessage")
    if messages is None or "IdleTime" not in columns:
        return np.zeros(len(columns["timeStamp"]), np.int64)
    counts = _each(messages, _announced, pa.int64())
    assert counts is not None
    return np.asarray(counts.to_numpy(zero_copy_only=False))


def _announced(message: str) -> int:
    found = _PARTS.match(message)
    return int(found["count"]) if found else 0


def _began_inside(before: _Tree, start: int) -> bool:
    """Did the sample before a transaction begin in its time, that is, as a part of it?"""
    began, ended, _ = next(iter(before.values()))
    return began > start or (began == start and ended > start)


class _Users:
    """The largest number of users in each second of each generator: a few MB for a day."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str | None, int], tuple[int, int]] = {}

    def add(self, columns: Columns, sources: pa.Array | None, subrequest: np.ndarray) -> None:
        """Take note of `allThreads` at the END of each sample, where JMeter counts.

        A sub-result repeats the number of its parent.
        """
        users = _active(columns)
        if users is None:
            return
        ends = columns["timeStamp"].to_numpy() + _with_pauses_us(columns)
        table = pa.table(
            {
                "source": pa.nulls(len(users), pa.string())
                if sources is None
                else sources.cast(pa.string()),
                "second": ends // 1_000_000,
                "end": ends,
                "users": users,
            }
        ).filter(pc.and_(pa.array(~subrequest), pc.is_valid(users)))
        largest = table.group_by(["source", "second"]).aggregate([("end", "min"), ("users", "max")])
        for row in largest.to_pylist():
            key = row["source"], row["second"]
            first, most = self._seconds.get(key, (row["end_min"], row["users_max"]))
            self._seconds[key] = min(first, row["end_min"]), max(most, row["users_max"])

    def rows(self) -> pa.RecordBatch:
        """A row per second and generator, at the first moment of the second that was observed."""
        ordered = sorted(self._seconds.items(), key=lambda entry: (entry[0][1], entry[0][0] or ""))
        return batch(
            len(ordered),
            {
                "kind": USERS,
                "ts": pa.array([first for _, (first, _) in ordered], pa.timestamp("us", "UTC")),
                "name": USERS,
                "source": [source for (source, _), _ in ordered],
                "users": [users for _, (_, users) in ordered],
            },
        )


def _with_pauses_us(columns: Columns) -> np.ndarray:
    """From start to end: `elapsed`, and the pauses of a transaction (`IdleTime`) where recorded."""
    elapsed = columns["elapsed"]
    if "IdleTime" in columns:
        elapsed = pc.add(elapsed, pc.fill_null(columns["IdleTime"], 0))
    return np.asarray(np.rint(elapsed.to_numpy() * 1000), np.int64)

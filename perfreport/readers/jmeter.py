"""JMeter's samples as rows of a run, whatever file they came from.

- `timeStamp` is the start; `elapsed` includes connecting, `Latency` includes `Connect`.
- A row of a transaction controller is told by its message. JMeter's own Total leaves these out,
  and counts sub-results, which here are rows of kind `subrequest`.
- `allThreads` is the number of users of one generator over all its thread groups, taken when a
  sample ends. So `users` rows have a source but no scenario: the sum over both stays true.
- In a distributed run thread names begin with the engine, `10.0.0.7:1099-`: that is the source,
  otherwise the column `Hostname` is.
- Left out: dataType, grpThreads, Filename, Encoding, IdleTime, ErrorCount, and the URL of a row with
  a label but for one example. Columns that JMeter does not know become labels, as sample variables do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
LEFT_OUT = ("grpThreads", "Filename", "Encoding", "ErrorCount")

_TRANSACTION_MESSAGE = "Number of samples in transaction : "
# Thread 3 of the first group: "kenya_o2c 1-3"; in a distributed run "10.0.0.7:1099-kenya_o2c 1-3".
_THREAD = re.compile(r"(?:(?P<engine>[\w.\[\]:-]+:\d{2,5})-)?(?P<group>.*) \d+-\d+", re.DOTALL)
_SUB_RESULT = re.compile(r"(?P<parent>.*)-(?P<index>\d{1,9})", re.DOTALL)
_NULL = "null"  # what JMeter writes for a URL or a variable that is not there
_STATUS = re.compile(r"\d{1,5}", re.ASCII)
_KINDS = pa.array([REQUEST, SUBREQUEST, TRANSACTION])


class Rows:
    """Turns columns of JMeter into rows of a run; remembers the samples still open, and users."""

    def __init__(self, names: Names, variables: Sequence[str]) -> None:
        self._names = names
        self._variables = list(variables)
        self._enclosing = _Enclosing()
        self._users = _Users()
        self._seen: set[str] = set()  # labels, for an example URL of each

    def of(self, columns: Columns) -> pa.RecordBatch:
        """A row per record."""
        ts, elapsed = columns["timeStamp"], columns["elapsed"]
        threads = _Threads(columns, len(ts))
        transaction = _transactions(columns, len(ts))
        subrequest = self._enclosing.subrequests(columns, transaction)
        kinds = np.where(transaction, 2, np.where(subrequest, 1, 0)).astype(np.int32)
        self._users.add(columns, threads.sources, subrequest)
        ok = columns.get("success")
        connect, latency = columns.get("Connect"), columns.get("Latency")
        users = _active(columns)
        return batch(
            len(ts),
            {
                "kind": pa.DictionaryArray.from_arrays(kinds, _KINDS),
                "ts": ts.cast(pa.timestamp("us", "UTC")),
                "name": self._endpoints(columns, len(ts)),
                "scenario": threads.scenarios,
                "source": threads.sources,
                "status": _each(columns.get("responseCode"), _status, pa.int16()),
                "ok": ok,
                "error": None if ok is None else _errors(columns, ok),
                "duration_ms": elapsed,
                "connect_ms": connect,
                "wait_ms": _wait(latency, connect),
                "sent_bytes": columns.get("sentBytes"),
                "received_bytes": columns.get("bytes"),
                "users": None if users is None else pc.if_else(pa.array(kinds == 0), users, None),
                "labels": _labels(columns, self._variables, len(ts)),
            },
        )

    def users(self) -> pa.RecordBatch:
        """The `users` rows of the whole source."""
        return self._users.rows()

    def _endpoints(self, columns: Columns, length: int) -> pa.Array:
        labels, urls = columns.get("label"), columns.get("URL")
        if labels is not None:
            names = _each(labels, lambda label: self._names.endpoint(label or None, None, None))
            self._keep_examples(labels, urls)
            return names
        if urls is not None:
            return _each(urls, lambda url: self._names.endpoint(None, None, _unless_null(url)))
        return pa.array([self._names.endpoint(None, None, None)] * length)

    def _keep_examples(self, labels: pa.Array, urls: pa.Array | None) -> None:
        """The first URL of each label that was not seen before."""
        texts = labels.dictionary.to_pylist()
        if urls is None or self._seen.issuperset(texts):
            return
        codes, rows = np.unique(labels.indices.to_numpy(), return_index=True)
        first = urls.take(pa.array(rows)).cast(pa.string()).to_pylist()
        for code, url in zip(codes, first, strict=True):
            self._names.keep_example(self._names.endpoint(texts[code] or None, None, None), url)
        self._seen.update(texts)


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


def _transactions(columns: Columns, length: int) -> np.ndarray:
    """Which rows are of transaction controllers.

    Their message tells; one that the end of the test cut off has none, and neither a data type nor
    a URL. Where messages were not recorded, the latter two tell: hardly any other sampler leaves
    out both.
    """
    messages, types, urls = (columns.get(it) for it in ("responseMessage", "dataType", "URL"))
    found = np.zeros(length, bool)
    if types is not None and urls is not None:  # see tell_transactions
        found = _which(types, lambda text: not text) & _which(urls, lambda text: text == _NULL)
    if messages is None:
        return np.asarray(found)
    unfinished = found & _which(messages, lambda text: not text)
    return np.asarray(
        unfinished | _which(messages, lambda text: text.startswith(_TRANSACTION_MESSAGE))
    )


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


def _wait(latency: pa.Array | None, connect: pa.Array | None) -> pa.Array | None:
    """From connected to the first byte; null where no byte came: then Latency is 0, Connect not."""
    if latency is None or connect is None:
        return None
    return pc.if_else(pc.greater_equal(latency, connect), pc.subtract(latency, connect), None)


def _labels(columns: Columns, variables: Sequence[str], length: int) -> pa.Array | None:
    """The sample variables of each row; one that was not set is left out."""
    if not variables:
        return None
    values = [pc.if_else(pc.equal(columns[name], _NULL), "", columns[name]) for name in variables]
    order = np.arange(length * len(variables)).reshape(len(variables), length).T.ravel()
    items = pa.concat_arrays(values).take(pa.array(order))
    keys = pa.array(variables).take(pa.array(np.tile(np.arange(len(variables)), length)))
    known = pc.not_equal(items, "")
    counts = known.to_numpy(zero_copy_only=False).reshape(length, len(variables)).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.MapArray.from_arrays(offsets, keys.filter(known), items.filter(known))


# The latest sample of a thread and its sub-results so far: label to start, end (microseconds) and
# the number that its next sub-result will have.
_Tree = dict[str, list[int]]


class _Enclosing:
    """Tells a sub-result from a request that only happens to be called `order-1`.

    A sub-result is numbered by its parent, runs inside of the parent's time, and is written by the
    same thread behind it with nothing between (checked on recordings: true of each sub-result).
    """

    def __init__(self) -> None:
        # Of this block and of the one before: threads come and go by the million in open models.
        self._trees: dict[str, _Tree] = {}
        self._earlier: dict[str, _Tree] = {}

    def subrequests(self, columns: Columns, transaction: np.ndarray) -> np.ndarray:
        """Which rows are sub-results."""
        found = np.zeros(len(transaction), bool)
        if "label" not in columns or "threadName" not in columns:
            return found
        self._earlier, self._trees = self._trees, {}
        trees, earlier = self._trees, self._earlier
        starts = columns["timeStamp"].to_numpy()
        ends = starts + np.asarray(np.rint(columns["elapsed"].to_numpy() * 1000), np.int64)
        threads, labels = columns["threadName"], columns["label"]
        thread_names, label_names = threads.dictionary.to_pylist(), labels.dictionary.to_pylist()
        splits = [_split(label) for label in label_names]
        # Codes, not texts: hashing a new text per row took most of the reader's time.
        for row, (thread_code, label_code, start, end, is_transaction) in enumerate(
            zip(
                threads.indices.to_pylist(),
                labels.indices.to_pylist(),
                starts.tolist(),
                ends.tolist(),
                transaction.tolist(),
                strict=True,
            )
        ):
            thread, split = thread_names[thread_code], splits[label_code]
            tree = trees.get(thread)
            if split is not None and not is_transaction:
                tree = tree or earlier.get(thread)
                if tree is not None and _belongs(tree, split, start, end):
                    found[row] = True
                    tree[label_names[label_code]] = [start, end, 0]
                    trees[thread] = tree
                    continue
            trees[thread] = {} if is_transaction else {label_names[label_code]: [start, end, 0]}
        return found


def _split(label: str) -> tuple[str, int] | None:
    named = _SUB_RESULT.fullmatch(label)
    return (named["parent"], int(named["index"])) if named else None


def _belongs(tree: _Tree, split: tuple[str, int], start: int, end: int) -> bool:
    """Is this the next sub-result of a sample in the tree? Counts it there if so."""
    parent = tree.get(split[0])
    if parent is None or split[1] < parent[2] or start < parent[0] or end > parent[1]:
        return False
    parent[2] = split[1] + 1
    return True


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

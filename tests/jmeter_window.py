"""60,000 results of JMeter in which file order, time order and quantity of a label all matter.

The slow ones come first in the file, but not in time. JMeter 5.6.3 made the dashboards of
tests/recordings/reconcile/ of exactly these bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

START = 1_795_399_806_497
ROWS = 60_000
HEADER = (
    "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,"
    "failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n"
)


def lines(first: int = 0, last: int = ROWS) -> Iterator[str]:
    """The header and the records from `first` to below `last`."""
    yield HEADER
    for i in range(first, last):
        elapsed = 900 + i * 7919 % 6007 if i < 38_000 else 200 + i * 104_729 % 1801
        start = START + i * 37 % ROWS * 10
        ok = i % 97 != 0
        label = "lookup" if i % 50 == 7 else "order"
        code = "200,OK" if ok else "503,Service Unavailable"
        yield (
            f"{start},{elapsed},{label},{code},orders 1-{i % 20 + 1},text,{str(ok).lower()},,"
            f"{400 + i % 300},{250 + i % 11},20,20,http://127.0.0.1/{label},{elapsed - 1},0,{i % 3}\n"
        )


def written(path: Path, first: int = 0, last: int = ROWS) -> Path:
    path.write_text("".join(lines(first, last)))
    return path

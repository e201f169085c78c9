"""The text logs of Gatling 2.0 to 3.3 say whose each record is, and that is kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pyarrow.compute as pc
import pytest
from gatling_logs import (
    RUN_START,
    SAMPLES,
    SCENARIOS,
    Error,
    Group,
    Record,
    Request,
    User,
    read,
    rows_of,
    table,
)

from perfreport.errors import InputError
from perfreport.readers import gatling_text
from perfreport.readers.gatling_text import READER

Owned = tuple[int, Record]  # the number of a user, and what happened to it


def journeys(seed: int, errors: bool = True) -> list[Owned]:
    """Users of three scenarios who come, do something and go, all at the same time."""
    chosen = random.Random(seed)
    users = []
    for number in range(chosen.randrange(1, 12)):
        scenario = SCENARIOS[chosen.randrange(3)]
        begin = chosen.randrange(20_000)
        path, end = ("Order to Cash", "eTIMS – Cu")[: number % 3], begin + 3_000
        ok = chosen.random() < 0.7
        events: list[Record] = [
            User(scenario, True, begin),
            Request(path, "支付 ✓", begin, begin + 70, ok, "found 502", scenario),
            Request((), "Créer", begin + 9, begin + 9, True, "", scenario),
        ]
        if path:
            events.append(Group(path, begin, end, 79, ok, scenario))
        if errors and not ok:
            events.append(Error("Failed to build request", begin + 99))
        users.append([(number, event) for event in [*events, User(scenario, False, end)]])
    return [user.pop(0) for user in in_turn(users, chosen)]


def in_turn(users: list[list[Owned]], chosen: random.Random) -> Iterator[list[Owned]]:
    while waiting := [user for user in users if user]:
        yield chosen.choice(waiting)


def log_of_2_0(events: list[Owned], eol: str = "\n") -> bytes:
    run = ["KenyaO2C", "kenyao2c", "RUN", str(RUN_START), "jaribio", "2.0"]
    return written([run, *(columns_of_2_0(*event) for event in events)], eol)


def log_of_2_2(events: list[Owned], eol: str = "\n") -> bytes:
    run = ["RUN", "KenyaO2C", "", "kenyao2c", str(RUN_START), "jaribio", "2.0"]
    return written([run, *(columns_of_2_2(*event) for event in events)], eol)


def log_of_3_0(events: list[Owned], eol: str = "\n") -> bytes:
    run = ["RUN", "KenyaO2C", "kenyao2c", str(RUN_START), " ", "3.2.1"]
    return written([run, *(columns_of_3_0(*event) for event in events)], eol)


def written(lines: list[list[str]], eol: str) -> bytes:
    return "".join("\t".join(line) + eol for line in lines).encode()


def columns_of_2_0(user: int, record: Record) -> list[str]:
    number = f"7962857044051447503-{user}"
    match record:
        case Request(path, name, start, end, ok, message, scenario):
            times = [at(start), at(start + 1), at(end), at(end)]
            outcome = [status(ok), message or " "]
            return [str(scenario), number, "REQUEST", ",".join(path), name, *times, *outcome]
        case Group(path, start, end, cumulated, ok, scenario):
            counts = [str(cumulated), "3", "0"]
            times = [at(start), at(end)]
            return [str(scenario), number, "GROUP", ",".join(path), *times, *counts, status(ok)]
        case User(scenario, starts, time):
            times = [at(time), "0"] if starts else [at(time - 3_000), at(time)]
            return [scenario, number, "USER", "START" if starts else "END", *times]
    raise AssertionError(record)


def columns_of_2_2(user: int, record: Record) -> list[str]:
    match record:
        case Request() | Group():
            header, *rest = columns_of_3_0(user, record)
            return [header, str(record.scenario), *rest]
        case Error(message, time):
            return ["GROUP", message, at(time)]
    return columns_of_3_0(user, record)


def columns_of_3_0(user: int, record: Record) -> list[str]:
    match record:
        case Request(path, name, start, end, ok, message):
            outcome = [status(ok), message or " "]
            return ["REQUEST", str(user), ",".join(path), name, at(start), at(end), *outcome]
        case Group(path, start, end, cumulated, ok):
            spent = [at(start), at(end), str(cumulated), status(ok)]
            return ["GROUP", str(user), ",".join(path), *spent]
        case User(scenario, starts, time):
            begin = at(time if starts else time - 3_000)
            return ["USER", scenario, str(user), "START" if starts else "END", begin, at(time)]
        case Error(message, time):
            return ["ERROR", message, at(time)]


def at(time: int) -> str:
    return str(RUN_START + time)


def status(ok: bool) -> str:
    return "OK" if ok else "KO"


LAYOUTS = pytest.mark.parametrize(
    "log_of", [log_of_2_0, log_of_2_2, log_of_3_0], ids=["2.0", "2.2", "3.0"]
)


@LAYOUTS
@pytest.mark.parametrize("seed", range(15))
def test_a_log_of_each_layout_holds_what_was_written(
    log_of: Callable[..., bytes], seed: int
) -> None:
    events = journeys(seed, errors=log_of is not log_of_2_0)
    source, rows = read(READER, log_of(events, random.Random(seed).choice(["\n", "\r\n"])), 50)
    assert rows == rows_of([record for _, record in events])
    assert (source.rejected, source.truncated) == (0, False)


@LAYOUTS
def test_a_log_of_each_layout_may_be_cut_anywhere(log_of: Callable[..., bytes]) -> None:
    events = journeys(3, errors=False)[:9]
    log = log_of(events)
    run = log.index(b"\n") + 1
    for end in range(run, len(log)):
        source, rows = read(READER, log[:end])
        whole = log[run:end].count(b"\n") + (not log[:end].endswith(b"\n") and not source.truncated)
        expected = rows_of([record for _, record in events[:whole]])
        assert [row | {"error": ""} for row in rows] == [row | {"error": ""} for row in expected]


@LAYOUTS
def test_a_log_of_each_layout_is_known_by_its_beginning(log_of: Callable[..., bytes]) -> None:
    assert READER.sniff(log_of([]))
    assert READER.sniff(b"ASSERTION\tPATH\tGLOBAL\n" + log_of(journeys(1, errors=False)))


@pytest.mark.parametrize(
    ("sample", "version"),
    [
        ("o2c-2.1.7", "2.0 or 2.1"),
        ("o2c-2.3.1", "2.2 or 2.3"),
        ("o2c-3.0.3", "3.0.3"),
        ("o2c-3.3.1", "3.3.1"),
    ],
)
def test_each_request_of_a_recording_has_its_scenario(sample: str, version: str) -> None:
    source, rows = table(READER, SAMPLES / "gatling-text" / f"{sample}.log")
    assert source.facts.tool_version == version
    requests = rows.filter(pc.field("kind") == "request")
    of_p2p = {"Login page", "Login page Redirect 1", "Refused", "Créer commande"}
    for name, scenario in zip(
        requests["name"].to_pylist(), requests["scenario"].to_pylist(), strict=True
    ):
        assert scenario in ("Kenya P2P" if name in of_p2p else "Kenya O2C – scala", None)
    # 3.0.3 wrote one request a moment before the start of its user.
    assert requests["scenario"].null_count == (sample == "o2c-3.0.3")


def test_what_is_known_of_users_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatling_text, "_MOST_USERS", 2)
    events: list[Owned] = [(user, User(SCENARIOS[user % 2], True, 0)) for user in range(3)]
    request = Request((), "a", 0, 1, True)
    _, rows = read(READER, log_of_3_0([*events, *((user, request) for user in range(3))]))
    assert [row.get("scenario") for row in rows[:3]] == [*SCENARIOS[:2], None]


def test_further_columns_of_a_request_are_what_an_extractor_said() -> None:
    request = Request((), "a", 0, 1, False, "found 502", "Kenya O2C")
    line = log_of_2_2([(1, request)]).removesuffix(b"\n") + b"\torder 4711\tx\n"
    source, rows = read(READER, line)
    assert rows == rows_of([request])
    assert source.rejected == 0


def test_a_message_without_a_request_is_no_request_and_told() -> None:
    request = Request((), "feed", 5, 9, True)
    log = log_of_3_0([(1, request)])
    source, rows = read(READER, log + log.splitlines(True)[1].replace(at(9).encode(), b"0"))
    assert rows == rows_of([request])
    assert source.rejected == 0
    (note,) = source.notes
    assert "1 message of WebSockets or event streams that no check awaited" in note


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("REQUEST\tKenya O2C\t1\t\ta\t%(t)s\t%(t)s\tOK", "8 columns instead of 9"),
        ("GROUP\tKenya O2C\t1\tg\t%(t)s\t%(t)s\t1", "7 columns instead of 8"),
        ("GROUP\tFailed to build\t17x", "an ERROR record with a damaged number"),
        ("USER\tKenya O2C\t1\tSTART\t%(t)s", "5 columns instead of 6"),
        ("ERROR\tno such record\t%(t)s", "not a record of Gatling"),
        ("a\tb\tRUN\t%(t)s\t \t2.0", "a second RUN record: two logs in one file"),
    ],
)
def test_a_malformed_record_is_counted_and_reading_goes_on(line: str, why: str) -> None:
    good = Request((), "good", 0, 1, True, "", "Kenya O2C")
    run, record = log_of_2_2([(1, good)]).splitlines(True)
    source, rows = read(READER, run + record + (line % {"t": RUN_START}).encode() + b"\n" + record)
    assert rows == rows_of([good, good])
    assert [(one.line, one.why) for one in source.rejections] == [(3, why)]


@pytest.mark.parametrize(
    "run",
    [
        b"a\tb\tRUN\tsoon\t \t2.0\n",
        b"a\tb\tRUN\t1\t2.0\n",
        b"RUN\ta\t\tb\tsoon\t \t2.0\n",
        b"RUN\ta\t\tb\t1\t \tx\t2.0\n",
    ],
)
def test_a_damaged_run_record_is_refused(run: bytes) -> None:
    with pytest.raises(InputError, match="RUN record is damaged"):
        read(READER, run)


def test_the_same_journeys_give_the_same_rows_in_each_layout() -> None:
    events = journeys(5, errors=False)
    rows = [read(READER, log_of(events))[1] for log_of in (log_of_2_0, log_of_2_2, log_of_3_0)]
    assert rows[0] == rows[1] == rows[2]
    assert {row["scenario"] for row in rows[0]} == {
        record.scenario for _, record in events if isinstance(record, User)
    }

"""Time stamps whose pattern nobody told."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfreport.readers.timestamps import Ambiguous, pattern_of

NAIROBI = ZoneInfo("Africa/Nairobi")
BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = datetime(2026, 11, 23, 2, 10, 36, 201_000, tzinfo=UTC)
WHOLE = MOMENT.replace(microsecond=0)


def read(text: str, zone=UTC, *others: str) -> datetime | None:
    pattern = pattern_of([text, *others], zone)
    us = pattern.microseconds(text) if pattern else None
    return None if us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026/11/23 02:10:36.201", MOMENT),  # yyyy/MM/dd HH:mm:ss.SSS, the one JMeter suggests
        ("2026-11-23 02:10:36,201", MOMENT),
        ("2026-11-23T02:10:36.201Z", MOMENT),
        ("2026-11-23T05:10:36.201+03:00", MOMENT),
        ("2026-11-23T05:10:36.201+0300", MOMENT),
        ("2026-11-22T21:10:36.201-05", MOMENT),
        ("2026-11-23 02:10:36.201 UTC", MOMENT),
        ("2026-11-23 05:10:36.201 GMT+03:00", MOMENT),
        ("2026-11-23 02:10:36.201000", MOMENT),
        ("20261123021036201", MOMENT),
        ("20261123 021036", WHOLE),
        ("20261123T021036.201", MOMENT),
        ("2026/11/23 02:10:36", WHOLE),
        ("23.11.2026 02:10:36,201", MOMENT),
        ("23/11/2026 02:10:36", WHOLE),
        ("11/23/26 02:10:36", WHOLE),  # MM/dd/yy HH:mm:ss, JMeter's first default
        ("11/23/2026 2:10:36 AM", WHOLE),
        ("23-Nov-2026 02:10:36.201", MOMENT),
        ("Mon, 23 Nov 2026 02:10:36 +0000", WHOLE),
        ("Nov 23, 2026 2:10:36 am", WHOLE),
    ],
)
def test_the_shapes_of_simple_date_format_are_read(text: str, moment: datetime) -> None:
    assert read(text) == moment


def test_a_zone_in_the_text_wins_over_the_option() -> None:
    assert read("2026-11-23 02:10:36.201", NAIROBI) == MOMENT - timedelta(hours=3)
    assert read("2026-11-23T02:10:36.201Z", NAIROBI) == MOMENT
    assert read("2026-11-23T02:10:36.201+00:00", NAIROBI) == MOMENT


def test_daylight_saving_is_that_of_the_day() -> None:
    assert read("2026-07-01 12:00:00", BERLIN) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert read("2026-12-01 12:00:00", BERLIN) == datetime(2026, 12, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "others", "moment"),
    [
        ("02/03/2026 10:00:00", ["13/03/2026 10:00:00"], datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("02/03/2026 10:00:00", ["02/13/2026 10:00:00"], datetime(2026, 2, 3, 10, tzinfo=UTC)),
        ("02.03.2026 10:00:00", [], datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("02/03/26 10:00:00", [], datetime(2026, 2, 3, 10, tzinfo=UTC)),
    ],
)
def test_day_and_month_are_told_from_the_data(first, others, moment) -> None:
    assert read(first, UTC, *others) == moment


def test_what_cannot_be_told_is_not_guessed() -> None:
    with pytest.raises(Ambiguous, match="02/03/2026"):
        read("02/03/2026 10:00:00")


@pytest.mark.parametrize(
    "text",
    ["", "soon", "10:11:12", "1795399836201", "2026/13/01 00:00:00", "2026/02/30 00:00:00",
     "2026/11/23 24:00:00", "11/23/2026 13:10:36 PM", "2026/11/23 02:10"],
)  # fmt: skip
def test_what_is_no_date_and_time_is_none(text: str) -> None:
    assert read(text) is None


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1)).map(
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
    ),
    st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)
def test_any_moment_round_trips_in_any_zone(local: datetime, zone: timezone) -> None:
    moment = local.replace(tzinfo=zone)
    assert read(local.strftime("%Y/%m/%d %H:%M:%S.%f")[:-3], zone) == moment
    assert read(moment.isoformat(timespec="milliseconds")) == moment


@pytest.mark.parametrize(
    ("written", "ms"), [("5", 5), ("50", 50), ("500", 500), ("005", 5), ("123456", 123.456)]
)
def test_a_short_fraction_is_a_number_of_milliseconds_as_java_writes_it(
    written: str, ms: float
) -> None:
    """SimpleDateFormat's `ss.S` has no zeros before the number."""
    text = f"2026/11/23 02:08:44.{written}"
    pattern = pattern_of([text], UTC)
    assert pattern is not None
    whole = pattern.microseconds("2026/11/23 02:08:44")
    assert whole is not None
    assert pattern.microseconds(text) == whole + ms * 1000

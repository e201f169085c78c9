"""Quantities are read as people write them and written as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from perfreport import units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("250ms", 0.25),
        ("5m", 300),
        ("15min", 900),
        ("1h30min", 5400),
        ("2 h", 7200),
        ("1h 30m 15s", 5415),
        ("1.5h", 5400),
        ("3d", 259_200),
    ],
)
def test_durations(text: str, expected: float) -> None:
    assert units.seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", "h", "5 minutes", "1h30", "-5s", "5s!", "1h,30min"])
def test_what_is_no_duration_is_refused_in_quotes(text: str) -> None:
    with pytest.raises(ValueError, match=f'^"{text}" is not a duration'):
        units.seconds(text)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("500ms", 500, "ms"),
        ("2s", 2000, "ms"),
        ("1.5 s", 1500, "ms"),
        ("1h30min", 5_400_000, "ms"),
        ("0.1%", 0.001, "1"),
        ("70 %", 0.7, "1"),
        ("1000", 1000, ""),
        ("1,000", 1000, ""),
        ("10_000", 10_000, ""),
        ("2,500/h", 2500, "/h"),
        ("80/s", 80, "/s"),
        ("-3", -3, ""),
        ("1e3", 1000, ""),
        ("1%/h", 0.01, "/h of limit"),
        ("4GiB", 2**32, "By"),
        ("512 MB", 512e6, "By"),
    ],
)
def test_quantities(text: str, value: float, unit: str) -> None:
    assert units.quantity(text) == (pytest.approx(value), unit)


@pytest.mark.parametrize(
    "text", ["", "fast", "ms", "5 parsecs", "0,1%", "1,5s", "12,34", "5 .5ms", "5 0ms", "1,0000"]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    """A decimal comma above all: `0,1%` must never be taken for 1 %."""
    with pytest.raises(ValueError, match=r"is not a (quantity|unit|duration)"):
        units.quantity(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (-0.0, "0"),
        (5.0, "5"),
        (12.3456, "12.3"),
        (123.456, "123"),
        (1234.5, "1,234"),
        (1_234_567, "1,234,567"),
        (0.0123456, "0.0123"),
        (-0.5, "-0.500"),
        (float("nan"), "n/a"),
        (float("inf"), "n/a"),
    ],
)
def test_numbers_for_people(value: float, expected: str) -> None:
    assert units.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.42, "0.420 ms"),
        (450, "450 ms"),
        (999, "999 ms"),
        (2310, "2.31 s"),
        (12_345, "12.3 s"),
        (119_000, "119.0 s"),
        (750_000, "12 min 30 s"),
    ],
)
def test_times_for_people(value: float, expected: str) -> None:
    assert units.ms(value) == expected


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (150, "2 min 30 s"),
        (3599.6, "1 h"),
        (5400, "1 h 30 min"),
        (86_400, "24 h"),
        (259_180, "3 d"),
        (76 * 3600, "3 d 4 h"),
    ],
)
def test_spans_carry_over_into_the_next_unit(duration_s: float, expected: str) -> None:
    assert units.span(duration_s) == expected


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0, "0 %"), (0.0042, "0.42 %"), (0.00061, "0.061 %"), (0.12, "12 %"), (1, "100 %")],
)
def test_fractions_are_shown_as_percent(fraction: float, expected: str) -> None:
    assert units.percent(fraction) == expected


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.145, "+14.5 %"), (-0.03, "−3.0 %"), (0, "0.0 %"), (-0.0001, "0.0 %"), (12.5, "+1,250.0 %")],
)
def test_changes_carry_their_sign(fraction: float, expected: str) -> None:
    assert units.signed_percent(fraction) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "ms", "no data"),
        (float("nan"), "ms", "no data"),
        (450, "ms", "450 ms"),
        (0.45, "s", "450 ms"),
        (0.001, "1", "0.10 %"),
        (70, "%", "70 %"),
        (2**32, "By", "4.0 GiB"),
        (512, "By", "512 B"),
        (2500, "/h", "2,500/h"),
        (0.01, "/h of limit", "1 %/h"),
        (2**20, "By/h", "1.0 MiB/h"),
        (4500, "{messages}", "4,500 messages"),
        (5000, None, "5,000"),
    ],
)
def test_a_quantity_is_shown_in_its_unit(
    value: float | None, unit: str | None, expected: str
) -> None:
    assert units.quantity_text(value, unit) == expected


def test_moments_are_shown_in_utc() -> None:
    nairobi = timezone(timedelta(hours=3))
    assert units.utc(datetime(2026, 11, 20, 17, 3, 7, tzinfo=nairobi)) == "2026-11-20 14:03:07"
    assert units.utc(datetime(2026, 11, 20, 14, 3, 7, tzinfo=UTC)) == "2026-11-20 14:03:07"

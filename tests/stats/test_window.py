"""The judged window: found from stages, users or rate, and as a user writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from perfreport.errors import InputError
from perfreport.stats.window import Window, latest_cut, parse_window, steady_window

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def offsets(window: Window) -> tuple[float, float, str]:
    """Seconds from the run's start, and how."""
    return (
        (window.start - START).total_seconds(),
        (window.end - START).total_seconds(),
        window.how,
    )


def ramp(length_s: int, up_s: int, down_s: int, level: float):
    """Users second by second: a linear ramp up, a plateau, a linear ramp down."""
    at = np.arange(length_s, dtype=float)
    up = np.minimum(1, (at + 1) / max(up_s, 1))
    down = np.minimum(1, (length_s - at) / max(down_s, 1))
    return at, level * np.minimum(up, down)


MIN = 60
STAGES = [
    ("a ramp, a hold", [(15 * MIN, 0, 5000), (90 * MIN, 5000, 5000), (15 * MIN, 5000, 0)], 7200,
     (22.5 * MIN, 105 * MIN)),
    ("a short ramp settles 30 s", [(20, 0, 9), (600, 9, 9)], 620, (50, 620)),
    ("no ramp at all", [(600, 9, 9)], 600, (30, 600)),
    ("two holds in a row are one", [(60, 0, 9), (300, 9, 9), (300, 9, 9)], 660, (90, 660)),
    ("the hold at full load, not the longest", [(60, 0, 5), (900, 5, 5), (100, 5, 50), (600, 50, 50)],
     1660, (1060 + 50, 1660)),
    ("of two holds at full load the longer",
     [(60, 0, 9), (100, 9, 9), (60, 9, 1), (60, 1, 9), (700, 9, 9)], 980, (280 + 30, 980)),
]  # fmt: skip


@pytest.mark.parametrize(("stages", "length_s", "expected"), [c[1:] for c in STAGES],
                         ids=[c[0] for c in STAGES])  # fmt: skip
def test_stages_are_taken_as_written(stages, length_s, expected) -> None:
    window = steady_window(START, after(length_s), stages=stages)
    assert offsets(window) == (*expected, "stages")


@pytest.mark.parametrize("length_s", [600, 9000])
def test_a_run_of_another_length_did_not_follow_its_stages(length_s) -> None:
    stages = [(900, 0, 50), (5400, 50, 50), (900, 50, 0)]
    users = ramp(length_s, 60, 1, 50)
    window = steady_window(START, after(length_s), stages=stages, users=users)
    assert window.how == "users"


@pytest.mark.parametrize(
    ("length_s", "up_s", "down_s", "ramp_s"),
    [(600, 60, 1, 60), (600, 200, 1, 200), (1800, 300, 120, 300), (3600, 900, 300, 900)],
)
def test_the_plateau_of_users_is_found_within_two_bins(length_s, up_s, down_s, ramp_s) -> None:
    window = steady_window(START, after(length_s), users=ramp(length_s, up_s, down_s, 40))
    start, end, how = offsets(window)
    plateau = 0.95 * ramp_s  # where the ramp reaches 95 %
    assert how == "users"
    assert start == pytest.approx(plateau + max(30, plateau / 2), abs=15)
    assert end == pytest.approx(length_s - 0.95 * down_s, abs=10)


def test_users_win_over_the_request_rate_and_the_rate_over_nothing() -> None:
    at = np.arange(600.0)
    requests = (at, np.full(600, 80.0))
    users = ramp(600, 100, 1, 10)
    assert steady_window(START, after(600), users=users, requests=requests).how == "users"
    assert offsets(steady_window(START, after(600), requests=requests)) == (30, 600, "rate")
    unknown = (at, np.full(600, np.nan))
    assert steady_window(START, after(600), users=unknown, requests=requests).how == "rate"


@pytest.mark.parametrize("seed", range(10))
def test_users_that_only_follow_the_response_times_are_no_plateau(seed) -> None:
    """Arrivals at a constant rate, as of k6's open executors: 1 to 4 users, at random."""
    at = np.arange(90.0)
    users = (at, np.random.default_rng(seed).poisson(2.2, 90).astype(float))
    window = steady_window(START, after(90.05), users=users, requests=(at, np.full(90, 80.0)))
    assert offsets(window) == (30, 90.05, "rate")


def test_a_few_users_who_come_and_go_at_once_leave_the_plateau_as_it_is() -> None:
    at, users = ramp(600, 60, 1, 20)
    restarted = np.where((at > 300) & (at < 320), 12.0, users)
    assert offsets(steady_window(START, after(600), users=(at, restarted)))[2] == "users"


def test_a_dip_in_the_middle_does_not_end_the_plateau_but_the_last_drop_does() -> None:
    at = np.arange(900.0)
    requests = np.where((at >= 300) & (at < 330) | (at >= 700), 10.0, 80.0)
    assert offsets(steady_window(START, after(900), requests=(at, requests)))[0] == 30
    assert offsets(steady_window(START, after(900), requests=(at, requests)))[1] in (695, 700)


def test_the_noise_of_a_rate_moves_the_window_little() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        at = np.arange(600.0)
        requests = random.poisson(20, 600).astype(float)
        start, end, _ = offsets(steady_window(START, after(600), requests=(at, requests)))
        assert 30 <= start <= 60
        assert end >= 570


@pytest.mark.parametrize("length_s", [10, 25, 60, 89])
def test_a_short_run_keeps_two_thirds_and_says_so(length_s) -> None:
    at = np.arange(float(length_s))
    window = steady_window(START, after(length_s), requests=(at, np.full(length_s, 5.0)))
    assert offsets(window)[0] == pytest.approx(length_s / 3)
    assert offsets(window)[1] == length_s
    assert "the run is short" in window.why


def test_what_lies_in_an_unfinished_last_bin_is_no_drop() -> None:
    at = np.arange(0, 602.0)
    window = steady_window(START, after(602.4), requests=(at, np.full(len(at), 7.0)))
    assert offsets(window)[1] == 602.4


@pytest.mark.parametrize(
    "load", [{}, {"users": (np.array([]), np.array([]))}, {"requests": (np.zeros(1), np.zeros(1))}]
)
def test_a_run_without_load_is_judged_whole(load) -> None:
    assert offsets(steady_window(START, after(600), **load)) == (0, 600, "all")


def test_both_runs_get_the_latest_cut() -> None:
    day = timedelta(days=1)
    baseline = Window(after(30), after(600), "rate")
    run = Window(START + day + timedelta(seconds=75), START + day + timedelta(seconds=500), "rate")
    first, second = latest_cut([(START, baseline), (START + day, run)])
    assert offsets(first) == (75, 600, "rate")
    assert "as late as in the other run" in first.why
    assert second == run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m..95m", (300, 5700)),
        ("..95m", (0, 5700)),
        ("5m..", (300, 7200)),
        ("..", (0, 7200)),
        ("90s..1h30min", (90, 5400)),
        (" 1h .. 3h ", (3600, 7200)),
        ("2026-11-23T02:05:00Z..2026-11-23T05:10:00.5+03:00", (300, 600.5)),
        ("2026-11-23T01:00:00Z..10m", (0, 600)),
    ],
)
def test_a_written_window(text, expected) -> None:
    window = parse_window(text, START, after(7200))
    assert isinstance(window, Window)
    assert offsets(window) == (*expected, "given")


@pytest.mark.parametrize("text", ["steady", "all"])
def test_a_window_by_name(text) -> None:
    assert parse_window(text, START, after(7200)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stedy", "is not a window. Allowed: steady, all, or FROM"),
        ("5..95", "is not a window"),
        ("5m-95m", "is not a window"),
        ("9999999999999999d..", "is not a window"),
        ("95m..5m", "its start is not before its end"),
        ("5m..5m", "its start is not before its end"),
        ("3h..4h", "outside the run, which lasts 2 h"),
        ("2026-11-23T02:05:00..", "has no zone; add Z or"),
    ],
)
def test_a_window_that_cannot_be_says_what_can(text, message) -> None:
    with pytest.raises(InputError, match=message):
        parse_window(text, START, after(7200))

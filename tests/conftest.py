"""Fixtures that more than one test file uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from influxdb_server import InfluxServer, RecordedRun, recorded_run, running_influxdb
from prometheus_server import PrometheusServer, running_prometheus

# Generated inputs are the same each time: what fails in one run can be repeated in the next, and a
# slow machine is no failure.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write what tests/golden/ is compared with."
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the file of that name in tests/golden/, byte for byte."""

    def compare(name: str, text: str) -> None:
        file = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        assert file.exists(), f"{file}: write it with pytest --update-golden, and review it"
        assert text == file.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> Iterator[None]:
    """What tests serve on loopback is asked directly, also on a machine that has a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost,.invalid")
        yield


@pytest.fixture(scope="session")
def prometheus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A real Prometheus whose values are those of `prometheus_server.heap`."""
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """A real InfluxDB 1.x without credentials."""
    with running_influxdb(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture(scope="session")
def k6_run(influxdb_server: InfluxServer, tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    """A run of the real k6 into that InfluxDB, and into a file."""
    return recorded_run(tmp_path_factory.mktemp("k6"), influxdb_server)

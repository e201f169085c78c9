"""Fixtures that more than one test file uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_server import PrometheusServer, running_prometheus


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

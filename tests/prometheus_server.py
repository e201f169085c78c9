"""A real Prometheus on loopback, filled with values that are known exactly."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
from real_servers import free_port, program, wait_until_ready

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
START_S = int(START.timestamp())
SECONDS = 4 * 3600  # at a step of 1 s more than the 11,000 points that one answer may hold


def heap(pool: str, second: int) -> float:
    """What `jvm_memory_used_bytes{id=pool}` is, `second` seconds after START."""
    return {"old": 9.5e8 + 0.1 * second, "eden": float(second % 60) * 1e7}[pool]


def openmetrics() -> str:
    """Two series a second apart, and a counter every 15 s, as promtool reads them."""
    lines = ["# TYPE jvm_memory_used_bytes gauge"]
    for pool in ("old", "eden"):
        for second in range(SECONDS + 1):
            labels = f'instance="127.0.0.1:8080",id="{pool}"'
            lines.append(
                f"jvm_memory_used_bytes{{{labels}}} {heap(pool, second)!r} {START_S + second}"
            )
    lines.append("# TYPE kra_etims_errors counter")
    lines += [f"kra_etims_errors_total {i} {START_S + 15 * i}" for i in range(SECONDS // 15 + 1)]
    return "\n".join([*lines, "# EOF\n"])


@dataclass(frozen=True)
class PrometheusServer:
    """A server that is up; `folder` holds its data, and files that tests write for it."""

    url: str
    version: str


@contextmanager
def running_prometheus(folder: Path) -> Iterator[PrometheusServer]:
    """Prometheus with the values of `openmetrics`, ready to be asked."""
    binary, promtool = program("prometheus", "prometheus"), program("promtool", "prometheus")
    (folder / "values.txt").write_text(openmetrics())
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "values.txt", "data"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        (folder / "log.txt").open("wb") as log,
        subprocess.Popen(
            [
                binary,
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            wait_until_ready(f"{url}/-/ready", process, folder / "log.txt")
            build = requests.get(f"{url}/api/v1/status/buildinfo", timeout=5).json()
            yield PrometheusServer(url, build["data"]["version"])
        finally:
            process.kill()

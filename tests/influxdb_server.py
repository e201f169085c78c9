"""A real InfluxDB 1.x on loopback, and a real k6 to fill it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import files
from pathlib import Path

import requests
from real_servers import free_port, program, wait_until_ready

SECRET = "shared-secret"

_CONFIGURATION = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "meta"
[data]
  dir = "data"
  wal-dir = "wal"
  query-log-enabled = false
[coordinator]
  max-select-series = 0
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {auth}
  shared-secret = "{secret}"
  log-enabled = false
"""
_SCRIPT = """\
import exec from 'k6/execution';
import http from 'k6/http';
import { check, group } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const orders = new Counter('orders');
const waited = new Trend('waited', true);
const base = __ENV.BASE;

export const options = {
  tags: { country: 'KE', note: 'a, "b" = c&d' },
  scenarios: { shop: { executor: 'shared-iterations', vus: 1, iterations: 40 } },
};

export default function () {
  const i = exec.scenario.iterationInTest;
  group('Order to Cash', () => {
    const answer = http.post(`${base}/orders?a=1,2`, '{}', { tags: { name: 'create order' } });
    check(answer, { 'created, or so': (r) => r.status === 201 });
    waited.add(answer.timings.waiting);
  });
  http.get(`${base}/orders/${i}`, i % 3 ? {} : { responseCallback: null });
  if (i % 5 === 1) http.get(`${base}/absent`, { tags: { name: 'absent' } });
  if (i % 10 === 2) http.get('http://127.0.0.1:1/', { tags: { name: 'refused' } });
  orders.add(2, { kind: 'web' });
}
"""


@dataclass(frozen=True)
class InfluxServer:
    """A server that is up."""

    url: str

    def ask(self, question: str, **parameters: str) -> dict:
        asked = {"q": question, **parameters}
        answer = requests.post(f"{self.url}/query", params=asked, timeout=10)
        answer.raise_for_status()
        told = answer.json()
        assert not any("error" in result for result in told["results"]), told
        return told

    def write(self, database: str, *lines: str) -> None:
        """Points in InfluxDB's line protocol, into a database that is made if need be."""
        self.ask(f'CREATE DATABASE "{database}"')
        body = "\n".join(lines).encode()
        sent = requests.post(f"{self.url}/write", body, params={"db": database}, timeout=10)
        assert sent.status_code == 204, sent.text


@dataclass(frozen=True)
class RecordedRun:
    """What k6 wrote into the database, and the log in JSON that it wrote at the same time."""

    url: str
    json_log: Path


@contextmanager
def running_influxdb(folder: Path, auth: bool = False) -> Iterator[InfluxServer]:
    """InfluxDB with no data; with `auth` it asks for credentials, or tokens made with SECRET."""
    port = free_port()
    (folder / "influxdb.conf").write_text(
        _CONFIGURATION.format(rpc=free_port(), port=port, auth=str(auth).lower(), secret=SECRET)
    )
    url = f"http://127.0.0.1:{port}"
    with (
        (folder / "log.txt").open("wb") as log,
        subprocess.Popen(
            [program("influxd", "influxdb"), "-config", "influxdb.conf"],
            cwd=folder,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            wait_until_ready(f"{url}/ping", process, folder / "log.txt")
            yield InfluxServer(url)
        finally:
            process.kill()


def recorded_run(folder: Path, server: InfluxServer) -> RecordedRun:
    """A run of a second by the real k6 against a small server, into the database and as JSON.

    One virtual user: of two that tell the same nanosecond of the same thing InfluxDB keeps one.
    """
    (folder / "script.js").write_text(_SCRIPT)
    url = f"{server.url}/k6"
    with _shop() as base:
        subprocess.run(
            [_k6(), "run", "--quiet", "--no-usage-report", "--address", "",
             "--out", f"influxdb={url}", "--out", "json=log.json", "-e", f"BASE={base}", "script.js"],
            cwd=folder, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    return RecordedRun(url, folder / "log.json")


@contextmanager
def _shop() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(404 if self.path == "/absent" else 200)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(201)

        def _answer(self, status: int) -> None:
            body = json.dumps({"path": self.path}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _k6() -> str:
    """The binary of the Python package `k6`, wherever its scripts are installed."""
    return str(next(file.locate() for file in files("k6") or () if file.name == "k6"))

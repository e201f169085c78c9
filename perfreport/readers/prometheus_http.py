"""Speaks HTTP to a Prometheus server; its own words about a query on one line."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec
import requests

from perfreport.errors import InputError
from perfreport.readers.prometheus_json import LARGEST_ANSWER, sniff
from perfreport.readers.server_http import Connection, Service

QUERY_S = 60  # told to the server, which then gives up in its own words
_READ_S = QUERY_S + 10

_PROMETHEUS = Service(
    environment="PERFREPORT_PROMETHEUS",
    example="http://localhost:9090",
    option="--prometheus",
    smaller="Sum the series in the query, or give a larger --step.",
)


class Api:
    """The API below `URL/api/v1/`. Every failure is an InputError of a line or two."""

    def __init__(self, url: str, environment: Mapping[str, str] = os.environ) -> None:
        self._connection = Connection(_PROMETHEUS, url, environment)
        self.host, self.url = self._connection.host, self._connection.url

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str, parameters: Mapping[str, str], about: str = "") -> bytes:
        """The body of a successful answer; `about` is the name of the query that is asked."""
        response, body = self._response(path, parameters)
        self._refuse(path, about, response, body)
        return body

    def find(self, path: str) -> bytes | None:
        """The same, or None if this server does not know the path."""
        response, body = self._response(path, {})
        if response.status_code in (404, 405):
            return None
        self._refuse(path, "", response, body)
        return body

    def _response(
        self, path: str, parameters: Mapping[str, str]
    ) -> tuple[requests.Response, bytes]:
        url = f"{self.url}/api/v1/{path}"
        return self._connection.get(url, parameters, _READ_S, LARGEST_ANSWER)

    def _refuse(self, path: str, about: str, response: requests.Response, body: bytes) -> None:
        """Raise InputError unless this is an answer of Prometheus that tells success."""
        code = response.status_code
        self._connection.refuse_strangers(response)
        if not sniff(body) and code in (502, 503, 504):
            raise InputError(
                f"{self.url}: not available ({code}). Is it starting? Try again later."
            )
        if not sniff(body):
            raise InputError(
                f"{self.url}: {path} answered {self._connection.strange(response)}, not as "
                f"Prometheus does. Give the server's base URL, such as {_PROMETHEUS.example}."
            )
        if not response.ok:
            raise InputError(f"{self.url}: {_refusal(about, code, body)}")


class _Error(msgspec.Struct):
    error: str = "no reason given"
    errorType: str = "unknown"


_decode_error = msgspec.json.Decoder(_Error).decode


def _refusal(about: str, code: int, body: bytes) -> str:
    """Prometheus's own words about a query, on one line."""
    try:
        told = _decode_error(body)
    except msgspec.DecodeError:
        told = _Error()
    words = " ".join(told.error.split())
    what = f"query {about} refused" if about else "refused"
    todo = (
        " Mend it in the file of --queries." if told.errorType in ("bad_data", "execution") else ""
    )
    return f"{what}: {words} ({code}, {told.errorType}).{todo}"

"""Speaks HTTP to a Prometheus server: credentials, retries, and every failure in plain words.

Credentials come from the environment (PERFREPORT_PROMETHEUS_TOKEN, or _USERNAME and _PASSWORD), else
from the URL, else from ~/.netrc. They appear in no message and follow no redirect to another host.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import NameResolutionError
from urllib3.util import Retry

from perfreport.errors import InputError
from perfreport.readers.prometheus_json import LARGEST_ANSWER, sniff

ENVIRONMENT = "PERFREPORT_PROMETHEUS"
QUERY_S = 60  # told to the server, which then gives up in its own words

_CONNECT_S = 3.05
_READ_S = QUERY_S + 10


class Api:
    """The API below `URL/api/v1/`. Every failure is an InputError of a line or two."""

    def __init__(self, url: str, environment: Mapping[str, str] = os.environ) -> None:
        parts = _checked(url)
        self.host = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{self.host}{parts.path.rstrip('/')}"
        self._session = requests.Session()
        self._session.auth = _credentials(parts, environment)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))

    def close(self) -> None:
        self._session.close()

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
        try:
            with self._session.get(
                f"{self.url}/api/v1/{path}",
                params=parameters,
                timeout=(_CONNECT_S, _READ_S),
                stream=True,
            ) as response:
                return response, self._body(response)
        except requests.RequestException as error:
            raise InputError(f"{self.url}: {_why(error)}") from error

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for piece in response.iter_content(1 << 20):
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise InputError(
                    f"{self.url}: an answer larger than {LARGEST_ANSWER >> 20} MiB. "
                    "Sum the series in the query, or give a larger --step."
                )
        return bytes(body)

    def _refuse(self, path: str, about: str, response: requests.Response, body: bytes) -> None:
        """Raise InputError unless this is an answer of Prometheus that tells success."""
        code = response.status_code
        if code == 401:
            raise InputError(
                f"{self.url}: it asks for credentials (401). Set {ENVIRONMENT}_TOKEN, "
                f"or {ENVIRONMENT}_USERNAME and {ENVIRONMENT}_PASSWORD."
            )
        if code == 403:
            raise InputError(
                f"{self.url}: these credentials may not query it (403). Ask for read access."
            )
        if not sniff(body) and code in (502, 503, 504):
            raise InputError(
                f"{self.url}: not available ({code}). Is it starting? Try again later."
            )
        if not sniff(body):
            kind = response.headers.get("Content-Type", "no type").split(";")[0]
            raise InputError(
                f"{self.url}: {path} answered {code} with {kind}{self._by(response)}, not as "
                "Prometheus does. Give the server's base URL, such as http://localhost:9090."
            )
        if not response.ok:
            raise InputError(f"{self.url}: {_refusal(about, code, body)}")

    def _by(self, response: requests.Response) -> str:
        """` from HOST` where a redirect led to another host."""
        host = urlsplit(response.url).netloc.rpartition("@")[2]
        return f" from {host}" if host != self.host else ""


# Two seconds in all. What a server asks for by Retry-After could be an hour.
_RETRIES = Retry(
    total=3,
    connect=1,
    read=False,
    other=0,
    status=3,
    backoff_factor=0.3,
    status_forcelist=(502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
    respect_retry_after_header=False,
)


class _Bearer(AuthBase):
    """A token. As a plain header, requests would let an entry of ~/.netrc replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Error(msgspec.Struct):
    error: str = "no reason given"
    errorType: str = "unknown"


_decode_error = msgspec.json.Decoder(_Error).decode


def _checked(url: str) -> SplitResult:
    """The parts of an http or https URL. A message never shows what stands before the `@`."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = url.rpartition("@")[2]
        raise InputError(f'--prometheus: "{shown}" is not a URL such as http://localhost:9090.')
    return parts


def _credentials(parts: SplitResult, environment: Mapping[str, str]) -> AuthBase | None:
    """From the environment, else from the URL; None leaves it to ~/.netrc."""
    if token := environment.get(f"{ENVIRONMENT}_TOKEN"):
        return _Bearer(token)
    if user := environment.get(f"{ENVIRONMENT}_USERNAME"):
        password = environment.get(f"{ENVIRONMENT}_PASSWORD", "")
        return HTTPBasicAuth(user.encode(), password.encode())
    if parts.username:
        return HTTPBasicAuth(
            unquote(parts.username).encode(), unquote(parts.password or "").encode()
        )
    return None


def _why(error: requests.RequestException) -> str:
    """What went wrong and what to do, in words that hold no URL: it may carry credentials."""
    match error:
        case requests.exceptions.SSLError():
            return (
                f"its TLS certificate is not accepted ({_tls_reason(error)}). "
                "Name your own authority's file in REQUESTS_CA_BUNDLE."
            )
        case requests.exceptions.ProxyError():
            return "the proxy does not let it through. Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY."
        case requests.exceptions.ConnectTimeout():
            return f"no connection within {_CONNECT_S:.0f} s. Is the address right, and is a firewall between?"
        case requests.exceptions.Timeout():
            return f"no answer within {_READ_S} s. Is the server overloaded? Try a larger --step."
        case requests.exceptions.TooManyRedirects():
            return "it redirects in circles. Give the URL at which it answers itself."
        case (
            requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError()
        ):
            return "the answer broke off or is damaged. Try again."
        case requests.exceptions.ConnectionError():
            if any(isinstance(cause, NameResolutionError) for cause in _causes(error)):
                return "no such host. Check the name in --prometheus."
            return "nothing answers there. Is the server up, and the port right?"
        case _:
            return f"cannot be asked ({type(error).__name__}). Check the URL of --prometheus."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those inside it, as requests and urllib3 nest them."""
    seen: BaseException | None = error
    while isinstance(seen, BaseException):
        yield seen
        inner = getattr(seen, "reason", None) or next(iter(seen.args), None)
        seen = inner if inner is not seen else None


def _tls_reason(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
    return "no common TLS protocol"


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

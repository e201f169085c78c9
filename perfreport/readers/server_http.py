"""Speaks HTTP to a server: credentials, retries, and every failure in plain words.

Credentials come from the environment, else from the URL, else from ~/.netrc. They appear in no message
and follow no redirect to another host.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import NameResolutionError
from urllib3.util import Retry

from perfreport.errors import InputError

_CONNECT_S = 3.05


def _bearer(token: str) -> str:
    return f"Bearer {token}"


@dataclass(frozen=True)
class Service:
    """What messages say of a kind of server, and how it is told who asks.

    environment  prefix of the variables that hold credentials: _TOKEN, or _USERNAME and _PASSWORD
    example      a URL to compare with
    option       where the user gave the URL
    smaller      how to ask for less at once
    bearer       the header `Authorization` of a token
    """

    environment: str
    example: str
    option: str
    smaller: str
    bearer: Callable[[str], str] = _bearer


class Connection:
    """A session with one server. Every failure is an InputError of a line or two.

    url   without credentials and query, for messages
    host  with its port
    """

    def __init__(
        self, service: Service, url: str, environment: Mapping[str, str] = os.environ
    ) -> None:
        parts = _checked(service, url)
        self.service = service
        self.host = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{self.host}{parts.path.rstrip('/')}"
        self._session = requests.Session()
        self._session.auth = _credentials(service, parts, environment)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))

    def close(self) -> None:
        self._session.close()

    def get(
        self, url: str, parameters: Mapping[str, str], read_s: float, largest: int
    ) -> tuple[requests.Response, bytes]:
        """The response and its body.

        read_s   how long the server may be silent
        largest  bytes of a body; more is an InputError
        """
        try:
            with self._session.get(
                url, params=parameters, timeout=(_CONNECT_S, read_s), stream=True
            ) as response:
                return response, self._body(response, largest)
        except requests.RequestException as error:
            raise InputError(f"{self.url}: {self._why(error, read_s)}") from error

    def _body(self, response: requests.Response, largest: int) -> bytes:
        body = bytearray()
        for piece in response.iter_content(1 << 20):
            body += piece
            if len(body) > largest:
                raise InputError(
                    f"{self.url}: an answer larger than {largest >> 20} MiB. {self.service.smaller}"
                )
        return bytes(body)

    def refuse_strangers(self, response: requests.Response) -> None:
        """InputError where the answer says that we may not ask."""
        environment = self.service.environment
        if response.status_code == 401:
            raise InputError(
                f"{self.url}: it asks for credentials (401). Set {environment}_TOKEN, "
                f"or {environment}_USERNAME and {environment}_PASSWORD."
            )
        if response.status_code == 403:
            raise InputError(
                f"{self.url}: these credentials may not query it (403). Ask for read access."
            )

    def strange(self, response: requests.Response) -> str:
        """What an answer is that the expected server would not give: `404 with text/html`."""
        kind = response.headers.get("Content-Type", "no type").split(";")[0]
        host = urlsplit(response.url).netloc.rpartition("@")[2]  # a redirect may lead elsewhere
        by = f" from {host}" if host != self.host else ""
        return f"{response.status_code} with {kind}{by}"

    def _why(self, error: requests.RequestException, read_s: float) -> str:
        """What went wrong and what to do, in words that hold no URL: it may carry credentials."""
        match error:
            case requests.exceptions.SSLError():
                return (
                    f"its TLS certificate is not accepted ({_tls_reason(error)}). "
                    "Name your own authority's file in REQUESTS_CA_BUNDLE."
                )
            case requests.exceptions.ProxyError():
                return (
                    "the proxy does not let it through. Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY."
                )
            case requests.exceptions.ConnectTimeout():
                return f"no connection within {_CONNECT_S:.0f} s. Is the address right, and is a firewall between?"
            case requests.exceptions.Timeout():
                return (
                    f"no answer within {read_s:g} s. Is the server overloaded? "
                    f"{self.service.smaller}"
                )
            case requests.exceptions.TooManyRedirects():
                return "it redirects in circles. Give the URL at which it answers itself."
            case (
                requests.exceptions.ChunkedEncodingError()
                | requests.exceptions.ContentDecodingError()
            ):
                return "the answer broke off or is damaged. Try again."
            case requests.exceptions.ConnectionError():
                if any(isinstance(cause, NameResolutionError) for cause in _causes(error)):
                    return f"no such host. Check the name in {self.service.option}."
                return "nothing answers there. Is the server up, and the port right?"
            case _:
                return f"cannot be asked ({type(error).__name__}). Check the URL of {self.service.option}."


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


class _Token(AuthBase):
    """A token. As a plain header, requests would let an entry of ~/.netrc replace it."""

    def __init__(self, header: str) -> None:
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


def _checked(service: Service, url: str) -> SplitResult:
    """The parts of an http or https URL. A message never shows what stands before the `@`."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = url.rpartition("@")[2].split("?")[0]
        raise InputError(f'{service.option}: "{shown}" is not a URL such as {service.example}.')
    return parts


def _credentials(
    service: Service, parts: SplitResult, environment: Mapping[str, str]
) -> AuthBase | None:
    """From the environment, else from the URL; None leaves it to ~/.netrc."""
    if token := environment.get(f"{service.environment}_TOKEN"):
        return _Token(service.bearer(token))
    if user := environment.get(f"{service.environment}_USERNAME"):
        password = environment.get(f"{service.environment}_PASSWORD", "")
        return HTTPBasicAuth(user.encode(), password.encode())
    if parts.username:
        return HTTPBasicAuth(
            unquote(parts.username).encode(), unquote(parts.password or "").encode()
        )
    return None


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

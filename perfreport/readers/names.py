"""Endpoint names: what the tool named wins, otherwise method and path with identifiers replaced."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import yaml

from perfreport.errors import InputError

Rule = tuple[re.Pattern[str], str]  # where the pattern is found, this is the name

MAX_NAMES = 5000  # more rows than this no table, figure or reviewer can use
UNNAMED = "(unnamed)"
ID = "{id}"

_LONGEST_NAME = 500  # characters; a label that holds a whole request is no name
_CACHED = 50_000  # calls remembered, some 10 MB; a run of un-named URLs with ids never repeats them
_SHOWN_PATTERNS = 10
_SHOWN_PIECES = 20  # of a name: ten words and what stands between them
_WORDS = re.compile(r"([/ _.:=&?-])")
_CHILDREN = 20  # different words in one place of the names: an identifier, not a part of the API


class Names:
    """Turns a tool's name or a URL into the endpoint's name; one object for all inputs of a run.

    rules  of --name-map, in the order of the file; the first that matches wins
    limit  of --max-names: how many different names a run may have
    """

    def __init__(self, rules: Sequence[Rule] = (), limit: int = MAX_NAMES) -> None:
        self._rules = tuple(rules)
        self._limit = limit
        self.examples: dict[str, str] = {}  # of each endpoint the first URL seen, without secrets
        self._names: dict[str, int] = {}
        self._cache: dict[tuple[str | None, str | None, str | None], str] = {}

    def know(self, names: Iterable[str]) -> None:
        """Count the names of a run that is added to, too."""
        for name in names:
            self._admit(name)

    def endpoint(self, named: str | None, method: str | None, url: str | None) -> str:
        """The name of a request that the tool called `named`; any of the three may be unknown.

        k6 repeats the URL as the name of a request that the script did not name, so a name that
        equals the URL counts only if it does not look like one.

        Raises InputError when this is one name more than the limit.
        """
        key = named, method, url
        name = self._cache.get(key)
        if name is None:
            name = self._found(named, method, url)[:_LONGEST_NAME]
            self._admit(name)
            if url:
                self.keep_example(name, url)
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[key] = name
        return name

    def keep_example(self, name: str, url: str) -> None:
        """Remember a URL of an endpoint, unless one is known; k6's `${}` and plain names are none."""
        if name not in self.examples and ("://" in url or url.startswith("/")) and "${" not in url:
            self.examples[name] = shown_url(url)

    def _found(self, named: str | None, method: str | None, url: str | None) -> str:
        written = " ".join(filter(None, (method, url)))
        for pattern, name in self._rules:
            if (named and pattern.search(named)) or (url and pattern.search(written)):
                return name
        if named and not (named == url and _is_url(named)):
            return named
        if url:
            return " ".join(filter(None, (method, path_of(url))))
        return method or UNNAMED

    def _admit(self, name: str) -> None:
        if name in self._names:
            return
        self._names[name] = len(self._names)
        if len(self._names) > self._limit:
            raise InputError(
                f"more than {self._limit:,} different endpoint names. Name the requests in the load "
                "script, map them with --name-map FILE, or raise the limit with --max-names.\n"
                f"Most frequent: {'; '.join(frequent_patterns(self._names))}"
            )


def load_name_map(path: Path) -> tuple[Rule, ...]:
    """The rules of a --name-map file, a YAML mapping of regular expression to name.

    A rule applies where its expression is found in the tool's name or in `METHOD URL`.
    Raises InputError, with the file and the line or key, for a file that is not such a mapping.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}).") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}{_place(error)}: not YAML: {_problem(error)}.") from error
    if not isinstance(entries, dict) or not entries:
        raise InputError(
            f"{path}: not a mapping. Write one rule a line: 'POST .*/orders/\\d+/approve': approve"
        )
    return tuple(_rule(path, pattern, name) for pattern, name in entries.items())


def _rule(path: Path, pattern: object, name: object) -> Rule:
    for what, text in (("expression", pattern), ("name", name)):
        if not isinstance(text, str) or not text:
            raise InputError(f"{path}: {pattern!r}: the {what} is {text!r}, not a text. Quote it.")
    try:
        return re.compile(str(pattern)), str(name)
    except re.error as error:
        raise InputError(f"{path}: {pattern!r}: not a regular expression: {error}.") from error


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    return getattr(error, "problem", None) or str(error).splitlines()[0]


def path_of(url: str) -> str:
    r"""The path of a URL with each identifier as `{id}`; no host, no query, no fragment.

    >>> path_of("https://erp.example/api/v1/orders/4711/approve?notify=true")
    '/api/v1/orders/{id}/approve'
    >>> path_of("${}/api/v1/orders/${}"), path_of("https://erp.example")
    ('/api/v1/orders/{id}', '/')
    """
    local = _HOST.sub("", url, count=1)
    path = re.split(r"[?#]", local, maxsplit=1)[0]
    segments = [_segment(segment) for segment in path.lstrip("/").split("/")]
    return "/" + "/".join(segments)


def shown_url(url: str) -> str:
    """A URL as an example to show: without credentials, query and fragment, tokens as `{id}`.

    >>> shown_url("https://me:secret@erp.example/orders/4711?key=k#top")
    'https://erp.example/orders/4711'
    """
    address = _USER.sub(r"\1", re.split(r"[?#]", url, maxsplit=1)[0], count=1)
    segments = (ID if _is_token(segment) else segment for segment in address.split("/"))
    return "/".join(segments)[:_LONGEST_EXAMPLE]


_LONGEST_EXAMPLE = 500
_USER = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://|//)[^/@]*@")
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")  # a JWT


def _is_token(segment: str) -> bool:
    return bool(_TOKEN.fullmatch(segment)) or _is_base64(segment)


# A scheme and host, a host alone, or the placeholder that k6's http.url`${BASE}/…` leaves for them.
_HOST = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*|//[^/?#]*|\$\{[^}]*\}(?=[/$]|$))")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_SUFFIX = re.compile(r"\.[A-Za-z]{1,5}$")  # of a file name: 4711.pdf
_ID = re.compile(
    r"[0-9]+"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # UUID
    r"|[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}"  # ULID
    r"|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{16,}"  # hash, trace or object id
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # JWT
)
_BASE64 = re.compile(r"[A-Za-z0-9_+-]{20,}(?:=|%3[Dd]){0,2}")


def _is_url(text: str) -> bool:
    return "://" in text or text.startswith("${")


def _segment(segment: str) -> str:
    segment = _PLACEHOLDER.sub(ID, segment)
    suffix = _SUFFIX.search(segment)
    stem = segment[: suffix.start()] if suffix else segment
    if _ID.fullmatch(segment) or _is_base64(segment):
        return ID
    if suffix and (_ID.fullmatch(stem) or _is_base64(stem)):
        return ID + suffix.group()
    return segment


def _is_base64(segment: str) -> bool:
    """Long base64 changes between small, capital, digit and sign in 64 % of its places.

    In words such as getInvoicesByCustomerV2 fewer than 40 % do.
    """
    if not _BASE64.fullmatch(segment):
        return False
    classes = [_class(character) for character in segment.rstrip("=")]
    changes = sum(left != right for left, right in pairwise(classes))
    return {"small", "capital", "digit"} <= set(classes) and changes >= 0.4 * (len(classes) - 1)


def _class(character: str) -> str:
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "capital" if character.isupper() else "small"
    return "sign"


def frequent_patterns(names: Iterable[str]) -> list[str]:
    """The ten patterns that most names follow, as `GET /users/* (4,912)`.

    A place in which more than 20 different words stand after the same beginning is `*`.
    """
    patterns = [_WORDS.split(name)[:_SHOWN_PIECES] for name in names]
    for place in range(0, _SHOWN_PIECES, 2):
        following = defaultdict(set)
        reaching = [words for words in patterns if place < len(words)]
        for words in reaching:
            following[tuple(words[:place])].add(words[place])
        crowded = {before for before, words in following.items() if len(words) > _CHILDREN}
        for words in reaching:
            if tuple(words[:place]) in crowded:
                words[place] = "*"
    counts = Counter("".join(words) for words in patterns)
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return [f"{pattern} ({count:,})" for pattern, count in ranked[:_SHOWN_PATTERNS]]

"""Endpoint names: what the tool named wins, otherwise method and path with identifiers replaced."""

from __future__ import annotations


class Names:
    """Turns a tool's name or a URL into the endpoint's name."""

    def endpoint(self, named: str | None, method: str | None, url: str | None) -> str:
        return named or f"{method} {url}"

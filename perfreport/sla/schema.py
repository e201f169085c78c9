"""JSON Schema of the pack language, for editors."""

from __future__ import annotations

from typing import Any

from perfreport.sla.model import Pack


def json_schema() -> dict[str, Any]:
    """The schema that an editor takes to complete and check a pack."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "perfreport SLA pack",
        **Pack.model_json_schema(by_alias=True),
    }

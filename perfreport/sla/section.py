"""The base of every part of a pack: frozen, and strict about its keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from perfreport.errors import nearest


class Section(BaseModel):
    """A mapping of a pack; an unknown key is an error that names the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        allowed = {field.alias or name for name, field in cls.model_fields.items()}
        for key in data if isinstance(data, dict) else ():
            if key not in allowed:
                raise PydanticCustomError(
                    "unknown_key",
                    "unknown key.{hint} Allowed: {allowed}",
                    {
                        "key": key,
                        "hint": nearest(str(key), allowed),
                        "allowed": ", ".join(sorted(allowed)),
                    },
                )
        return data

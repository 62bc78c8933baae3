"""Addresses of stored objects."""

from typing import Annotated

from pydantic import Field

from gemini_operator.api import names
from gemini_operator.api.model import bounded
from gemini_operator.api.rules import rule, rules

URI_LIMIT = 2048

ObjectUri = Annotated[
    str,
    bounded(URI_LIMIT, names.OBJECT_URI),
    Field(
        json_schema_extra=rules(
            rule(
                "!self.matches('/[.]{1,2}(/|[?]|$)')",
                "uri cannot have . or .. between its slashes: write the path out",
            )
        )
    ),
]
"""An s3, gs, az or https URI of at most 2048 characters."""

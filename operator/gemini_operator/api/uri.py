"""Addresses of stored objects."""

from typing import Annotated

from pydantic import Field

from gemini_operator.api import names
from gemini_operator.api.model import bounded
from gemini_operator.api.rules import rule, rules

URI_LIMIT = 2048

ObjectUri = Annotated[
    str,
    bounded(URI_LIMIT),
    Field(
        json_schema_extra=rules(
            rule(
                f"self.matches(r'{names.BUCKET_URI}') || self.matches(r'{names.HTTPS_URL}')",
                "uri must be s3://bucket/path, gs://bucket/path or az://container/path without "
                "query, or https://host/path without user, password or port; no spaces, no #",
            ),
            rule(
                "!self.matches('/[.]{1,2}(/|[?]|$)')",
                "uri cannot have . or .. between its slashes: write the path out",
            ),
        )
    ),
]
"""An s3, gs, az or https URI. The API server checks its grammar, with a message for users."""

"""Names in a manifest: a mistake is answered with a sentence, not with a regular expression."""

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from gemini_operator.api import names
from gemini_operator.api.rules import KEY, rule


class Named:
    """Annotates a string whose grammar both the API server and the operator check.

    Args:
        pattern: of `gemini_operator.api.names`.
        message: what the string must be like, for a user.
    """

    def __init__(self, pattern: str, message: str) -> None:
        self._pattern = pattern
        self._message = message

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = dict(handler(schema))
        found[KEY] = [*found.get(KEY, ()), rule(f"self.matches(r'{self._pattern}')", self._message)]
        return found

    def _check(self, value: str) -> str:
        # An object may be older than its CRD, or than this version's grammar.
        if not names.matches(self._pattern, value):
            raise ValueError(self._message)
        return value

"""How large the results of embedding requests will be, as far as that is known before paying."""

from collections.abc import Iterable, Mapping
from typing import Any

# A float32 as Google writes it has some ten characters; these are fewer than any real answer has.
BYTES_PER_VALUE = 8

# Values of an embedding without outputDimensionality: ai.google.dev/gemini-api/docs/embeddings.
DIMENSIONS = {"gemini-embedding-001": 3072}


def least_bytes(model: str, items: Iterable[Mapping[str, Any]]) -> int:
    """The least size of the results of embedding requests, in bytes.

    Args:
        model: with or without its collection.
        items: `{"key": …, "request": {…}}` each. Of a model and a request that name no dimensions
            nothing is known, so they count as nothing.
    """
    default = DIMENSIONS.get(model.rpartition("/")[2], 0)
    return BYTES_PER_VALUE * sum(_dimensions(item["request"], default) for item in items)


def _dimensions(request: Mapping[str, Any], default: int) -> int:
    for name in ("outputDimensionality", "output_dimensionality"):
        if name in request:
            asked = request[name]
            # What is no number is for Google to reject.
            return max(0, asked) if isinstance(asked, int) else 0
    return default

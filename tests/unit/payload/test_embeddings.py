from typing import Any

import pytest

from gemini_operator.payload.embeddings import BYTES_PER_VALUE, least_bytes


def items(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": str(number), "request": request} for number, request in enumerate(requests)]


@pytest.mark.parametrize(
    ("model", "requests", "values"),
    [
        ("gemini-embedding-001", [{}, {}], 2 * 3072),
        ("models/gemini-embedding-001", [{}], 3072),
        ("gemini-embedding-001", [{"outputDimensionality": 768}, {}], 768 + 3072),
        ("another", [{"output_dimensionality": 4}, {}], 4),
        ("gemini-embedding-001", [{"outputDimensionality": "4"}, {"outputDimensionality": -1}], 0),
    ],
)
def test_the_least_size_is_that_of_the_values(
    model: str, requests: list[dict[str, Any]], values: int
) -> None:
    assert least_bytes(model, items(*requests)) == values * BYTES_PER_VALUE

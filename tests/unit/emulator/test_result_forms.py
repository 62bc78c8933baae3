"""How results look that a user has asked for."""

import io
import json
import math
from typing import Any

import pytest

from gemini_emulator.result_options import parse_result_options
from gemini_emulator.results import ResultCounts, write_results


def lines(keys: str, *, inline: bool) -> list[bytes]:
    def item(key: str) -> dict[str, Any]:
        label = {"metadata": {"key": key, "team": "x"}} if inline else {"key": key}
        return {**label, "request": {"contents": [{"parts": [{"text": f"Say {key}"}]}]}}

    return [json.dumps(item(key)).encode() + b"\n" for key in keys]


def results(keys: str = "abcd", /, *, inline: bool = True, **options: Any) -> list[Any]:
    return counted(keys, inline=inline, **options)[0]


def counted(keys: str, /, *, inline: bool, **options: Any) -> tuple[list[Any], ResultCounts]:
    output = io.BytesIO()
    counts = write_results(
        lines(keys, inline=inline),
        output,
        kind="GenerateContent",
        model="models/m",
        options=parse_result_options(options),
    )
    return [json.loads(line) for line in output.getvalue().split(b"\n")[:-1]], counts


def keys_of(rows: list[Any]) -> list[Any]:
    return [row.get("key") or row.get("metadata", {}).get("key") for row in rows]


both = pytest.mark.parametrize("inline", [True, False], ids=["inline", "file"])


@both
def test_the_order_is_changed_and_nothing_else(inline: bool) -> None:
    plain = results(inline=inline)
    assert results(inline=inline, order="reversed") == plain[::-1]
    shuffled = results(inline=inline, order="shuffled")
    assert shuffled != plain
    assert sorted(shuffled, key=str) == sorted(plain, key=str)
    assert shuffled == results(inline=inline, order="shuffled")


@pytest.mark.parametrize("number", range(2, 9))
def test_shuffled_is_never_the_order_of_the_input(number: int) -> None:
    keys = "abcdefgh"[:number]
    assert keys_of(results(keys, order="shuffled")) != list(keys)


@both
def test_keys_are_left_out_and_other_metadata_stays(inline: bool) -> None:
    rows = results(inline=inline, keys=False)
    assert keys_of(rows) == [None] * 4
    assert [row.get("metadata") for row in rows] == [{"team": "x"} if inline else None] * 4


@both
def test_results_are_missing_duplicate_or_foreign(inline: bool) -> None:
    rules = [
        {"form": "missing", "key": "a"},
        {"form": "duplicate", "key": "b"},
        {"form": "foreign", "key": "c"},
    ]
    rows, counts = counted("abcd", inline=inline, rows=rules)
    assert keys_of(rows) == ["b", "b", "foreign-3", "d"]
    assert counts == ResultCounts(succeeded=4)


@both
def test_every_nth_result_fails_and_counts_as_failed(inline: bool) -> None:
    rules = [{"form": "status", "every": 4}, {"form": "error", "every": 2}]
    rows, counts = counted("abcd", inline=inline, rows=rules)
    assert [next(iter(row)) for row in rows] == ["response", "error", "response", "status"]
    assert counts == ResultCounts(succeeded=2, failed=2)


def test_a_blocked_prompt_has_a_reason_and_no_candidates() -> None:
    (row,) = results("a", rows=[{"form": "blocked"}])
    assert row["response"]["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in row["response"]


def test_results_may_be_empty_numbers_that_json_lacks_or_vectors() -> None:
    forms = ("empty", "nan", "embedding", "separators")
    rules = [{"form": form, "key": key} for form, key in zip(forms, "abcd", strict=True)]
    empty, nan, embedding, separators = results(rows=rules)
    assert empty["response"] is None
    assert math.isnan(nan["response"]["avgLogprobs"])
    assert embedding["embedding"]["values"]
    text = separators["response"]["candidates"][0]["content"]["parts"][0]["text"]
    assert len(text.splitlines()) == 4

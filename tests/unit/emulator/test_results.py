import io
import json
from typing import Any

import pytest

from gemini_emulator.create_request import Kind
from gemini_emulator.results import FAIL, InvalidInputLine, ResultCounts, result_of, write_results


def request(text: str, **more: Any) -> dict[str, Any]:
    return {"contents": [{"parts": [{"text": text}]}], **more}


def lines(*items: Any) -> list[bytes]:
    return [json.dumps(item).encode() + b"\n" for item in items]


def processed(given: list[bytes], kind: Kind = "GenerateContent") -> tuple[ResultCounts, list[Any]]:
    output = io.BytesIO()
    counts = write_results(given, output, kind=kind, model="models/m")
    return counts, [json.loads(line) for line in output.getvalue().splitlines()]


def test_every_line_has_its_result_with_its_key_in_order() -> None:
    given = lines(
        {"key": "a", "request": request("one")},
        {"key": "b", "request": request(f"two {FAIL}")},
        {"metadata": {"key": "c"}, "request": request("three")},
    )
    counts, results = processed(given)
    assert counts == ResultCounts(succeeded=2, failed=1)
    assert [item.get("key") or item["metadata"]["key"] for item in results] == ["a", "b", "c"]
    assert ["response" in item for item in results] == [True, False, True]


def test_blank_lines_are_no_requests() -> None:
    counts, _ = processed([b"\n", *lines({"key": "a", "request": request("x")}), b"  \n"])
    assert counts == ResultCounts(succeeded=1)


@pytest.mark.parametrize(
    "bad", [b"not json", b"[]", b'{"key": "a"}', b'{"request": 5}', b"\xff\xfe"]
)
def test_a_bad_line_is_named_by_its_number(bad: bytes) -> None:
    with pytest.raises(InvalidInputLine, match=r"[Ll]ine 2"):
        processed([*lines({"request": request("x")}), bad])


def test_a_response_has_the_members_of_the_api() -> None:
    response = result_of(request("Say hello"), kind="GenerateContent", model="models/m-1")[
        "response"
    ]
    (candidate,) = response["candidates"]
    assert candidate["content"] == {"parts": [{"text": "Say hello (2 words)"}], "role": "model"}
    assert candidate["finishReason"] == "STOP"
    usage = response["usageMetadata"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
    assert response["modelVersion"] == "m-1"


@pytest.mark.parametrize("spelled", ["responseMimeType", "response_mime_type"])
def test_json_is_answered_where_json_is_asked_for(spelled: str) -> None:
    asked = request("Say hello", generation_config={spelled: "application/json"})
    response = result_of(asked, kind="GenerateContent", model="m")["response"]
    assert json.loads(response["candidates"][0]["content"]["parts"][0]["text"]) == {
        "answer": "Say hello (2 words)"
    }


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({}, 8),
        ({"outputDimensionality": 3}, 3),
        ({"output_dimensionality": 5}, 5),
        ({"outputDimensionality": 0}, 8),
        ({"outputDimensionality": "3"}, 8),
    ],
)
def test_a_vector_has_the_dimensions_asked_for(more: dict[str, Any], size: int) -> None:
    asked = {"content": {"parts": [{"text": "a"}]}, **more}
    response = result_of(asked, kind="EmbedContent", model="m")["response"]
    assert len(response["embedding"]["values"]) == size


def test_a_request_without_words_is_an_error_of_its_own() -> None:
    assert result_of({}, kind="GenerateContent", model="m")["error"]["code"] == 3

import io
import json
import re
from typing import Any

import pytest

from gemini_emulator.request_check import Kind
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
        ({"outputDimensionality": "3"}, 3),
        ({"embedContentConfig": {"outputDimensionality": 6}}, 6),
    ],
)
def test_a_vector_has_the_dimensions_asked_for(more: dict[str, Any], size: int) -> None:
    asked = {"content": {"parts": [{"text": "a"}]}, **more}
    response = result_of(asked, kind="EmbedContent", model="m")["response"]
    assert len(response["embedding"]["values"]) == size


def test_a_request_without_words_is_an_error_of_its_own() -> None:
    assert result_of({}, kind="GenerateContent", model="m")["error"]["code"] == 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "contents is not specified"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{}]}, r"contents\[0\]\.parts: contents\.parts must not be empty"),
        ({"systemInstruction": {"parts": [{"text": "s"}]}}, "contents is not specified"),
        ({"contents": "hi"}, "Invalid value at 'contents'"),
        (request("hi", nonsense=1), "Cannot find field"),
    ],
)
def test_a_wrong_request_has_an_error_in_googles_words(wrong: dict[str, Any], words: str) -> None:
    error = result_of(wrong, kind="GenerateContent", model="m")["error"]
    assert error["code"] == 3
    assert re.search(words, error["message"])


def test_a_request_with_an_image_only_is_answered() -> None:
    image = {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}]}
    assert "response" in result_of(image, kind="GenerateContent", model="m")


def text_of(config: dict[str, Any]) -> str:
    asked = request("Is it good or bad? Great, I love it", generationConfig=config)
    response = result_of(asked, kind="GenerateContent", model="m")["response"]
    return str(response["candidates"][0]["content"]["parts"][0]["text"])


@pytest.mark.parametrize("spelled", ["responseSchema", "responseJsonSchema", "response_schema"])
def test_the_text_fits_the_schema(spelled: str) -> None:
    schema = {"type": "object", "properties": {"good": {"type": "boolean"}}}
    text = text_of({"responseMimeType": "application/json", spelled: schema})
    assert set(json.loads(text)) == {"good"}
    assert isinstance(json.loads(text)["good"], bool)


def test_one_word_of_an_enum_is_answered_as_it_is() -> None:
    config = {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["good", "bad"]},
    }
    assert text_of(config) in {"good", "bad"}


@pytest.mark.parametrize("schema", [{"type": "object", "properties": [1]}, {"enum": 5}, "x", [1]])
def test_a_schema_that_is_none_never_stops_the_batch(schema: Any) -> None:
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    asked = request("hi", generationConfig=config)
    outcome = result_of(asked, kind="GenerateContent", model="m")
    assert set(outcome) <= {"response", "error"}

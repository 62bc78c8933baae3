import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gemini_emulator.errors import ApiError
from gemini_emulator.request_check import check_lines, refusal, violations

EXAMPLES = Path(__file__).parents[3] / "examples"
CONTENTS = [{"parts": [{"text": "hi"}], "role": "user"}]
CONTENT_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1beta.Content"


def messages(request: Any, path: str = "") -> list[str]:
    return [found.message() for found in violations(request, "GenerateContent", path)]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"generationConfig": {"temperature": 1, "thinkingConfig": {"thinking_budget": 0}}},
        {"generation_config": {"response_mime_type": "application/json", "responseSchema": {}}},
        {"system_instruction": {"parts": {"text": "s"}}},
        {"tools": [{"googleSearch": {}}], "safetySettings": [], "cachedContent": None},
        {"contents": {"parts": {"text": "one stands for a list with one"}}},
        {"contents": [{"parts": [{"inline_data": {"mimeType": "image/png", "data": "…"}}]}]},
    ],
)
def test_a_request_in_either_spelling_is_right(more: dict[str, Any]) -> None:
    assert messages({"contents": CONTENTS, **more}) == []


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        ({"contents": "hi"}, f"Invalid value at 'contents' ({CONTENT_TYPE}), \"hi\""),
        ({"contents": ["hi"]}, f"Invalid value at 'contents[0]' ({CONTENT_TYPE}), \"hi\""),
        (
            {"systemInstruction": "hi"},
            f"Invalid value at 'system_instruction' ({CONTENT_TYPE}), \"hi\"",
        ),
        (
            {"systemInstruction": [{}]},
            (
                'Invalid JSON payload received. Unknown name "systemInstruction": '
                "Proto field is not repeating, cannot start list."
            ),
        ),
        (
            {"prompt": 1},
            'Invalid JSON payload received. Unknown name "prompt": Cannot find field.',
        ),
        (
            {"generationConfig": {"maxTokens": 1}},
            (
                "Invalid JSON payload received. Unknown name \"maxTokens\" at 'generation_config': "
                "Cannot find field."
            ),
        ),
        (
            {"contents": [{"parts": [{"texts": "a"}]}]},
            (
                "Invalid JSON payload received. Unknown name \"texts\" at 'contents[0].parts[0]': "
                "Cannot find field."
            ),
        ),
        (
            {"contents": [{"parts": [{"text": 5}]}]},
            "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5",
        ),
    ],
)
def test_what_is_wrong_is_said_in_googles_words(request_body: Any, message: str) -> None:
    assert messages(request_body) == [message]


@pytest.mark.parametrize("size", ["many", 1.5e10, True, [3], {}])
def test_the_number_of_dimensions_is_a_number(size: Any) -> None:
    wanted = {"content": CONTENTS[0], "outputDimensionality": size}
    (found,) = violations(wanted, "EmbedContent")
    assert "output" in found.message()


def test_a_refusal_names_every_mistake_and_its_field() -> None:
    path = "batch.input_config.requests.requests[0].request"
    error = refusal(violations({"contents": "hi", "x": 1}, "GenerateContent", path))
    assert error is not None
    assert error.message.splitlines() == [
        f"Invalid value at '{path}.contents' ({CONTENT_TYPE}), \"hi\"",
        f"Invalid JSON payload received. Unknown name \"x\" at '{path}': Cannot find field.",
    ]
    assert error.details is not None
    fields = [item["field"] for item in error.details[0]["fieldViolations"]]
    assert fields == [f"{path}.contents", path]
    assert refusal([]) is None


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.stem)
def test_the_requests_of_the_examples_are_right(path: Path) -> None:
    for manifest in yaml.safe_load_all(path.read_text()):
        spec = manifest.get("spec", {})
        for item in spec.get("input", {}).get("inline", []):
            assert not list(violations(item["request"], spec.get("type", "GenerateContent")))
        for text in manifest.get("data", {}).values():
            check_lines(text.encode().splitlines(), "GenerateContent")


def encoded(*items: Any) -> Iterable[bytes]:
    return [json.dumps(item).encode() + b"\n" for item in items]


def test_wrong_lines_are_refused_with_their_numbers() -> None:
    good = {"key": "a", "request": {"contents": CONTENTS}}
    wrong = {"key": "b", "request": {"contents": CONTENTS, "thinking_config": {}}}
    check_lines([*encoded(good, good), b"\n"], "GenerateContent")
    with pytest.raises(ApiError) as caught:
        check_lines(
            [*encoded(good, wrong, {"request": {"contents": "x"}}), b"{"], "GenerateContent"
        )
    first, second, third = caught.value.message.splitlines()
    column = json.dumps(wrong).index('"thinking_config"') + 1
    assert first == (
        f"Error on line 2: invalid JSON, near column {column}: no such field: 'thinking_config'"
    )
    assert second.startswith("Error on line 3: invalid JSON, near column ")
    assert third.startswith("Error on line 4: invalid JSON, near column ")
    assert caught.value.code == 400

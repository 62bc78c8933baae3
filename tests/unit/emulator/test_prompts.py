from typing import Any

import pytest

from gemini_emulator.prompts import prompt


@pytest.mark.parametrize(
    ("request_body", "words"),
    [
        ({"contents": "hi"}, "hi"),
        ({"contents": ["a", "b"]}, "a\nb"),
        ({"contents": [{"parts": [{"text": "a"}, {"text": "b"}]}]}, "a\nb"),
        ({"contents": {"parts": {"text": "a"}}}, "a"),
        ({"content": {"parts": [{"text": "a"}]}}, "a"),
        ({"system_instruction": {"parts": [{"text": "s"}]}, "contents": "u"}, "s\nu"),
        ({"systemInstruction": "s", "contents": "u"}, "s\nu"),
        ({"contents": [{"parts": [{"inlineData": {"data": "…"}}, {"text": "a"}]}]}, "a"),
        ({"contents": [{"parts": [{"text": 5}]}]}, ""),
        ({}, ""),
    ],
)
def test_the_words_are_found_in_every_spelling(request_body: Any, words: str) -> None:
    assert prompt(request_body) == words

from typing import Any

import pytest

from gemini_emulator.generation import embedding_vector, generate_text, offered_options, prompt_text


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
    assert prompt_text(request_body) == words


ASK = "Classify the sentiment of this review as positive, negative or neutral: "


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("I love it, works great", "positive"),
        ("Arrived broken and support was rude", "negative"),
        ("It is a chair", "neutral"),
    ],
)
def test_a_sentiment_is_told_sensibly(text: str, word: str) -> None:
    assert generate_text(ASK + text) == word


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("as positive, negative or neutral: x", ["positive", "negative", "neutral"]),
        ("as positive, negative, or neutral. x", ["positive", "negative", "neutral"]),
        ("one of billing|shipping|returns", ["billing", "shipping", "returns"]),
        ("Answer billing / shipping", ["billing", "shipping"]),
        ("into: billing, shipping, and returns", ["billing", "shipping", "returns"]),
        ("say something", []),
    ],
)
def test_the_offered_words_are_found(prompt: str, words: list[str]) -> None:
    assert offered_options(prompt)[0] == words


def test_a_topic_named_in_the_text_is_chosen() -> None:
    ask = "Which topic is it, billing, shipping or returns? Shipping took three weeks."
    assert generate_text(ask) == "shipping"


def test_without_a_cue_the_choice_is_one_of_the_words_and_always_the_same() -> None:
    texts = [f"Label as red, green or blue: item {number}" for number in range(50)]
    answers = [generate_text(text) for text in texts]
    assert set(answers) == {"red", "green", "blue"}
    assert answers == [generate_text(text) for text in texts]


def test_other_prompts_are_echoed_shortly() -> None:
    assert generate_text("Say hello") == "Say hello (2 words)"
    long = generate_text("word " * 100)
    assert long.endswith("… (100 words)")
    assert len(long) < 150


def test_a_vector_has_its_size_its_bounds_and_always_the_same_numbers() -> None:
    numbers = embedding_vector("a", 64)
    assert len(numbers) == 64
    assert all(-1 <= number <= 1 for number in numbers)
    assert numbers == embedding_vector("a", 64)
    assert numbers[:8] == embedding_vector("a", 8)
    assert numbers != embedding_vector("b", 64)

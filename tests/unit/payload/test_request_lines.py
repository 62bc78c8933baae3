import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.payload.request_lines import KEY_LIMIT, InvalidLines, parse

GOOD = '{"key": "a", "request": {"contents": []}}'
SECRET_TEXT = "a-tenants-secret-prompt"

NAMES = st.sampled_from(["a", "ä", "\u2028", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
REQUESTS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=2)
ITEMS = st.lists(
    st.fixed_dictionaries({"key": st.text(min_size=1, max_size=20), "request": REQUESTS}),
    min_size=1,
    max_size=3,
    unique_by=lambda item: str(item["key"]),
)


def refusal(text: str) -> str:
    with pytest.raises(InvalidLines) as refused:
        parse(text)
    return str(refused.value)


# Reading lines


@given(items=ITEMS, ascii_only=st.booleans())
def test_what_was_written_as_jsonl_is_read_as_it_was(
    items: list[dict[str, Any]], ascii_only: bool
) -> None:
    lines = [json.dumps(item, ensure_ascii=ascii_only) for item in items]
    assert parse("\n".join(lines)) == items


def nested(levels: int) -> str:
    """A line whose request has so many levels."""
    return '{"key": "b", "request": ' + '{"a": ' * levels + "1" + "}" * levels + "}"


def test_a_request_of_64_levels_is_read() -> None:
    assert parse(nested(64))


@pytest.mark.parametrize("text", ["[{", r"\\\"[", "ä[", "]}"])
def test_metadata_may_have_64_levels_too_and_no_text_counts(text: str) -> None:
    line = nested(64)[:-1] + f', "metadata": {{"{text}": ' + "[" * 63 + f'"{text}"' + "]" * 63
    assert parse(line + "}}")
    deeper = line.replace('": [', '": [[', 1) + "]}}"
    assert "nested deeper than 64 levels" in refusal(deeper)


@given(text=st.text())
def test_s09_any_other_text_is_refused(text: str) -> None:
    with suppress(InvalidLines):
        assert parse(text)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD + "\n",
        f"\n\n{GOOD}\n\n  \n",
        GOOD + "\r\n",
        f"  {GOOD}  ",
        '{"request": {"contents": []}, "key": "a"}',
        "\ufeff" + GOOD,
    ],
    ids=["one", "line end", "blank lines", "CRLF", "blanks", "other order", "byte order mark"],
)
def test_lines_may_be_written_in_many_ways(text: str) -> None:
    assert parse(text) == [{"key": "a", "request": {"contents": []}}]


def test_separators_that_are_no_line_ends_do_not_end_lines() -> None:
    """str.splitlines would."""
    text = json.dumps({"key": "a", "request": {"t": "x\u2028y\x85z\x0b"}}, ensure_ascii=False)
    [item] = parse(text)
    assert item["request"]["t"] == "x\u2028y\x85z\x0b"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 3 ends before its JSON does: is it cut off"),
        ('{"key": "b", "request": {"contents": "Hel', "line 3 ends before its JSON does"),
        ('{"key": "b", "request": {"a": 1} ', "line 3 ends before its JSON does"),
        ('{"key": "b" "request": {}}', "line 3 is not JSON at column 13"),
        ("key: a", 'line 3 is not JSON: write {"key": "…", "request": {…}}, one a line'),
        ('{"key": "b", "request": {"t": NaN}}', "line 3 is not JSON"),
        ('{"key": "b", "request": {"t": -Infinity}}', "line 3 is not JSON"),
        ("[" * 100_000, "line 3 is nested deeper than 64 levels"),
        (nested(65), "line 3 is nested deeper than 64 levels"),
        (nested(800), "line 3 is nested deeper than 64 levels"),
        (nested(20_000), "line 3 is nested deeper than 64 levels"),
        ("1" * 5000, "line 3 is not JSON"),
        ("[]", "line 3 is not a JSON object"),
        ('"text"', "line 3 is not a JSON object"),
        ("null", "line 3 is not a JSON object"),
        ('{"request": {"a": 1}}', 'line 3 has no "key" of 1 to 256 characters'),
        ('{"key": "", "request": {"a": 1}}', 'line 3 has no "key" of 1 to 256 characters'),
        ('{"key": 7, "request": {"a": 1}}', 'line 3 has a number as "key": put it into quotes'),
        (
            json.dumps({"key": "k" * (KEY_LIMIT + 1), "request": {"a": 1}}),
            'line 3 has no "key" of 1 to 256 characters',
        ),
        ('{"key": "b"}', 'line 3 has no "request" object'),
        ('{"key": "b", "request": {}}', 'line 3 has no "request" object'),
        ('{"key": "b", "request": []}', 'line 3 has no "request" object'),
        ('{"key": "b", "request": "x"}', 'line 3 has no "request" object'),
        ('{"key": "b", "request": {"t": 1e999}}', "line 3 has a number that is too large"),
        ('{"key": "b", "request": {"t": "\\ud800"}}', "line 3 has half of a surrogate pair"),
        ('{"key": "\\udfff", "request": {"t": 1}}', "line 3 has half of a surrogate pair"),
        (
            '{"key": "b", "request": {"a": 1}, "systemInstruction": {}, "generationConfig": {}}',
            "line 3 has systemInstruction, generationConfig beside key, request and metadata",
        ),
        (
            '{"custom_id": "b", "method": "POST", "url": "/v1/x", "body": {}}',
            "line 3 is in the form of OpenAI's Batch API",
        ),
        ('{"key": "b", "request": {"a": 1}, "custom_id": "c"}', "line 3 has custom_id beside"),
        ('{"key": "b", "request": {"a": 1, "a": 2}}', "line 3 has the member a twice"),
        ('{"key": "b", "key": "b", "request": {"a": 1}}', "line 3 has the member key twice"),
        ('{"key": "b", "request": {"a": 1}, "metadata": []}', 'line 3 has "metadata" that is not'),
        (
            '{"key": "b", "request": {"a": 1}, "metadata": {"key": "c"}}',
            'line 3 has another "key" in metadata',
        ),
        (
            nested(3).replace(
                '"request"', '"metadata": ' + '{"a": ' * 65 + "1" + "}" * 65 + ', "request"'
            ),
            "line 3 is nested deeper",
        ),
    ],
)
def test_s09_a_bad_line_is_named_by_its_number_and_what_is_wrong(line: str, says: str) -> None:
    """Blank lines count, as they do in an editor."""
    assert refusal(f"{GOOD}\n\n{line}").startswith(says)


@pytest.mark.parametrize(
    "line",
    [
        SECRET_TEXT,
        f'{{"key": "{SECRET_TEXT}"}}',
        f'{{"key": "a", "request": "{SECRET_TEXT}"}}',
        f'{{"key": "{SECRET_TEXT}", "request": {{"a": 1}}}}\n' * 2,
        f'{{"key": "{SECRET_TEXT}", "request": {{"a": "\\ud800"}}}}',
    ],
)
def test_s09_a_refusal_never_quotes_the_input(line: str) -> None:
    assert SECRET_TEXT not in refusal(line)


def test_an_empty_input_is_refused() -> None:
    assert refusal("").startswith("it is empty: write")


@pytest.mark.parametrize("text", ["\n", "  \n\t\n"])
def test_an_input_without_requests_is_refused(text: str) -> None:
    assert "no requests" in refusal(text)


def test_keys_must_differ_and_both_lines_are_named() -> None:
    other = GOOD.replace('"a"', '"b"', 1)
    assert refusal(f"{GOOD}\n{other}\n\n{GOOD}") == "lines 1 and 4 have the same key"


@pytest.mark.parametrize("length", [1, KEY_LIMIT])
def test_a_key_may_have_up_to_256_characters(length: int) -> None:
    [item] = parse(json.dumps({"key": "ä" * length, "request": {"a": 1}}))
    assert len(item["key"]) == length


def test_metadata_is_read_with_its_request() -> None:
    line = '{"key": "a", "request": {"x": 1}, "metadata": {"product_id": "p-77", "tags": ["x"]}}'
    assert parse(line) == [json.loads(line)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"\n  [{GOOD}]", "line 2, column 3 begins a JSON array"),
        (f"[\n{GOOD},\n{GOOD}\n]", "line 1, column 1 begins a JSON array"),
        (json.dumps(json.loads(GOOD), indent=2), "line 1, column 1 begins one JSON object over"),
        (
            "\n".join(json.dumps(json.loads(GOOD), indent=2) for _ in "ab"),
            "line 1, column 1 begins one JSON object over",
        ),
        (
            json.dumps(json.loads(GOOD), indent=2) + "\nno JSON",
            "line 1, column 1 begins one JSON object over",
        ),
    ],
)
def test_json_that_is_not_one_request_a_line_is_named(text: str, says: str) -> None:
    assert refusal(text).startswith(says)
    assert "one a line" in refusal(text)


def test_the_first_ten_wrong_lines_are_listed_and_the_others_counted() -> None:
    said = refusal("\n".join(["[]x", *["{}"] * 14]).replace("[]x", GOOD))
    mistake = 'has no "key" of 1 to 256 characters'
    assert said == f"line 2 {mistake} (also lines 3 to 11); and 4 more"


def test_a_mistake_is_named_once_with_all_its_lines() -> None:
    openai = '{"custom_id": "b", "method": "POST", "url": "/v1/x", "body": {}}'
    said = refusal(f"{openai}\n7\n{openai}\n{GOOD}\n{openai}\n{openai}\n{GOOD}\n{GOOD}\n7")
    assert said == (
        "line 1 is in the form of OpenAI's Batch API: put custom_id into key and the Gemini request "
        "into request (also lines 3, 5 and 6); line 2 is not a JSON object (also line 9); "
        "lines 4, 7 and 8 have the same key"
    )

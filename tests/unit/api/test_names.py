import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.api import names

PATTERNS = {
    name: value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)
}
SEGMENTS = {name: PATTERNS[name] for name in PATTERNS if name not in {"BUCKET_URI", "HTTPS_URL"}}
GOOD = {
    "DNS_1123_LABEL": ["a", "a-b", "0"],
    "DNS_1123_SUBDOMAIN": ["a", "a.b-c.d", "gemini-api-key"],
    "DATA_KEY": ["api-key", ".hidden", "a..b", "API_KEY", "input.jsonl", "-"],
    "MODEL": ["gemini-2.5-flash", "models/gemini-2.5-flash", "tunedModels/mine_2", "a" * 128],
    "BATCH_NAME": ["batches/abc", "batches/A_-9", "batches/" + "a" * 128],
    "FILE_NAME": ["files/abc-1"],
    "ATTEMPT_ID": ["0123456789abcdef"],
    "UID": ["01234567-89ab-cdef-0123-456789abcdef"],
    "SHA256": ["0" * 64],
    "BUCKET_URI": ["s3://bucket", "gs://a-bucket/", "az://container/a/b.jsonl"],
    "HTTPS_URL": ["https://example.com/a?b=c", "https://example.com:443/"],
}


def test_every_pattern_is_tried() -> None:
    assert set(GOOD) == set(PATTERNS)


@pytest.mark.parametrize("name", GOOD)
def test_good_names_match(name: str) -> None:
    assert [value for value in GOOD[name] if not names.matches(PATTERNS[name], value)] == []


@pytest.mark.parametrize("pattern", SEGMENTS.values(), ids=SEGMENTS)
@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "../x", "a/../b", "/a", "a/", "a b", "a\n", "a%2fb", "é", "a\x00", "a?b"],
)
def test_s03_nothing_that_leaves_its_place_matches(pattern: str, value: str) -> None:
    assert not names.matches(pattern, value)


@given(st.text(alphabet=st.sampled_from("./\\%ab-_AZ09:\n\x00é"), max_size=12))
def test_s03_no_name_holds_more_than_one_slash_or_a_segment_of_dots(value: str) -> None:
    for name, pattern in SEGMENTS.items():
        for candidate in (value, f"models/{value}", f"batches/{value}", f"files/{value}"):
            if names.matches(pattern, candidate):
                segments = candidate.split("/")
                assert len(segments) <= 2, name
                assert not {"", ".", ".."} & set(segments), name


@pytest.mark.parametrize("value", [None, 1, b"a", ["a"]])
def test_what_is_no_string_never_matches(value: object) -> None:
    assert not names.matches(names.DNS_1123_LABEL, value)


@pytest.mark.parametrize("pattern", SEGMENTS.values(), ids=SEGMENTS)
def test_a_pattern_takes_no_exponential_time(pattern: str) -> None:
    """10,000 characters that almost match are refused; a backtracking explosion would time out."""
    for filler in ("a", "-", "a-", "a."):
        assert not names.matches(pattern, filler * 10_000 + "!")


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_pattern_is_anchored_and_portable(pattern: str) -> None:
    """The API server reads it as RE2, which has no look-around and no back-references."""
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert not re.search(r"\(\?|\\[1-9]|'", pattern)


@pytest.mark.parametrize(
    ("model", "normal"),
    [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("tunedModels/mine", "tunedModels/mine"),
    ],
)
def test_models_are_compared_in_one_form(model: str, normal: str) -> None:
    assert names.normalise_model(model) == normal
    assert names.normalise_model(normal) == normal

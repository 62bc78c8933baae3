import base64
import json
import time
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretBytes

from gemini_operator.base import sanitize
from gemini_operator.callbacks import address
from gemini_operator.callbacks.keys import CallbackKey

GOOGLES_KEY = "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"
NEWER_KEY = "AQ.Ab8RN6KkLlMmNnOoPp-QqRr_SsTt"
EMULATORS_KEY = "emulator-0123456789abcdef"
KEYS = (GOOGLES_KEY, NEWER_KEY, EMULATORS_KEY)
TARGET = address.Target(
    "geminibatchjobs",
    "team-a",
    "job",
    "0b5f8a5e-5a0e-4a52-8c56-0d5c2b9a7f01",
    "0123456789abcdef",
)
CALLBACK_KEY = CallbackKey("key-1", SecretBytes(b"k" * 32))

PUBLIC_URLS = st.from_regex(
    r"https?://[a-z][a-z0-9.-]{0,40}(:[0-9]{2,5})?(/[a-z0-9/._~-]{0,40})?", fullmatch=True
)
TARGETS = st.builds(
    address.Target,
    st.just("geminibatchjobs"),
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]{1,5})?", fullmatch=True),
    st.uuids().map(str),
    st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
)
# What an answer may look like: words, escapes, beginnings and ends of secrets.
PIECES = st.sampled_from(
    [
        *KEYS,
        "AIza",
        "emulator-",
        "%3D",
        "http://",
        "/v1/callbacks",
        "\x1b[31m",
        "\x1b]8;;",
        "\x07",
        "\x9b",
        " ",
        "…",
        '"',
        sanitize.MASK,
    ]
)
HOSTILE = st.lists(st.text(max_size=8) | PIECES, max_size=40).map("".join)


def is_control(character: str) -> bool:
    """Controls, surrogates, line and paragraph separators: what may break a line or a terminal."""
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


@given(value=HOSTILE, limit=st.integers(1, 200))
def test_s22_text_is_one_line_without_control_characters_and_within_its_limit(
    value: str, limit: int
) -> None:
    line = sanitize.text(value, limit)
    assert len(line) <= limit
    assert not any(map(is_control, line))


@given(value=HOSTILE, limit=st.integers(1, 200))
@example(value="AIza\x1b[0m0123456789", limit=100)
@example(value="\x1b\x1b[0m[0m", limit=100)
@example(value="x \x1b", limit=2)
def test_s22_sanitising_again_changes_nothing(value: str, limit: int) -> None:
    once = sanitize.text(value, limit)
    assert sanitize.text(once, limit) == once


@given(url=PUBLIC_URLS, target=TARGETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_s22_every_callback_address_is_masked_whole(
    url: str, target: address.Target, before: str, after: str
) -> None:
    """Neither the path nor the token may be left over, wherever the address stands."""
    whole = address.url(url, CALLBACK_KEY, target)
    token = address.token(CALLBACK_KEY, target)
    line = sanitize.text(f"{before} {whole} {after}", 10_000)
    assert "/v1/callbacks" not in line
    assert target.uid not in line
    assert token not in line


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda url: json.dumps({"uri": url}), id="json"),
        pytest.param(lambda url: json.dumps(url).replace("/", "\\/"), id="json with escaped slash"),
        pytest.param(lambda url: quote(url, safe=""), id="url-encoded"),
        pytest.param(lambda url: quote(url, safe="").replace("%2F", "%2f"), id="lower case hex"),
        pytest.param(lambda url: f"<a href='{url}'>{url}</a>", id="html"),
        pytest.param(lambda url: url.partition("https://receiver.example")[2], id="path alone"),
        pytest.param(lambda url: f"{url}?x=1", id="with a query"),
    ],
)
def test_s23_a_callback_address_is_masked_however_it_is_written(
    written: Callable[[str], str],
) -> None:
    url = address.url("https://receiver.example/base", CALLBACK_KEY, TARGET)
    line = sanitize.text(f"POST {written(url)} failed")
    assert address.token(CALLBACK_KEY, TARGET) not in line
    assert TARGET.attempt not in line
    assert sanitize.MASK in line


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "around", ["{}", "key={}", "?key={}&alt=sse", '"{}"', "({}).", "key%3D{}", "key%3d{}", "x {} y"]
)
def test_s22_what_is_shaped_like_an_api_key_is_masked(key: str, around: str) -> None:
    line = sanitize.text(around.format(key))
    assert key not in line
    assert sanitize.MASK in line


@pytest.mark.parametrize("hidden", ["{}\x1b[0m{}", "{}\x1b]8;;x\x07{}", "{}\x1bM{}"])
def test_s22_an_escape_sequence_inside_a_key_does_not_hide_it(hidden: str) -> None:
    line = sanitize.text(hidden.format(GOOGLES_KEY[:8], GOOGLES_KEY[8:]))
    assert GOOGLES_KEY not in line
    assert GOOGLES_KEY[8:] not in line


def test_s22_a_secret_of_no_known_shape_is_masked_when_it_is_named() -> None:
    secret = "correct-horse-battery-staple"
    line = sanitize.text(f"no such key: {secret}, {secret}!", secrets=(secret, ""))
    assert line == "no such key: [redacted], [redacted]!"
    assert sanitize.text(f"{secret[:9]}\x1b[0m{secret[9:]}", secrets=(secret,)) == sanitize.MASK


@pytest.mark.parametrize(
    "harmless",
    [
        "AIza",
        "models/gemini-2.5-flash is not found",
        "pod gemini-emulator-7d9f8c6b5-abcde is ready",
        "see /v1/callback and /v2/callbacks",
        "AQ.short",
    ],
)
def test_ordinary_words_are_left_alone(harmless: str) -> None:
    assert sanitize.text(harmless) == harmless


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, ""),
        ("", ""),
        ("  two words \t", "two words"),
        ("line one\r\nline two", "line one line two"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\x00b", "a b"),
        ("left\u202eright", "left right"),
        (ValueError("why"), "why"),
        (42, "42"),
        ("half \ud800 pair", "half   pair"),
    ],
)
def test_what_becomes_of_ordinary_values(value: object, line: str) -> None:
    assert sanitize.text(value) == line


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    line = sanitize.text("x" * 5000)
    assert len(line) == sanitize.MESSAGE_LIMIT
    assert line.endswith("x…")


@pytest.mark.parametrize(
    "piece", ["http://", "https://a/v1", "/v1/callbacks ", "emulator-", "AIza"]
)
def test_s22_a_hostile_line_costs_time_in_proportion_to_its_length(piece: str) -> None:
    """A pattern that went over the line again from every place would take minutes for this."""
    line = piece * (200_000 // len(piece))
    begun = time.process_time()
    sanitize.mask(line)
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("BATCH_STATE_RUNNING", "BATCH_STATE_RUNNING"),
        ("JOB2", "JOB2"),
        ("A" * 64, "A" * 64),
        ("A" * 65, "UNKNOWN"),
        ("running", "UNKNOWN"),
        ("2FAST", "UNKNOWN"),
        ("RUNNING\n", "UNKNOWN"),
        ("", "UNKNOWN"),
        (None, "UNKNOWN"),
        (7, "UNKNOWN"),
        (["RUNNING"], "UNKNOWN"),
    ],
)
def test_s22_a_state_is_googles_word_or_unknown(value: object, word: str) -> None:
    assert sanitize.state(value) == word


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (7, 7),
        ("7", 7),
        ("007", 7),
        (-1, 0),
        ("-1", 0),
        (10**20, sanitize.MAX_COUNT),
        ("9" * 20, sanitize.MAX_COUNT),
        ("9" * 5000, sanitize.MAX_COUNT),
        (True, 0),
        (1.5, 0),
        ("1.5", 0),
        ("²", 0),
        ("٣", 0),
        ("", 0),
        (None, 0),
        ({}, 0),
    ],
)
def test_s22_a_count_is_clamped_to_what_a_status_holds(value: object, number: int) -> None:
    assert sanitize.count(value) == number


@given(value=st.integers() | st.text() | st.none() | st.floats() | st.binary())
def test_s22_a_count_always_fits_an_int64(value: object) -> None:
    assert 0 <= sanitize.count(value) <= 2**63 - 1


def test_a_secret_in_another_encoding_is_not_made_readable() -> None:
    """Masking must not decode anything: base64 stays what it is."""
    encoded = base64.b64encode(GOOGLES_KEY.encode()).decode()
    assert sanitize.text(encoded) == encoded

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from gemini_operator.api import names
from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import CallbackKey

COUNTING = CallbackKey("counting", SecretBytes(bytes(range(32))))
REPEATING = CallbackKey("repeating", SecretBytes(b"\xa5" * 32))
REVIEWS = Target(
    "geminibatchjobs",
    "default",
    "classify-reviews",
    "6f1c2b7e-0d7c-4b61-9a7e-2f6a4c1d9b30",
    "00112233445566ff",
)
DOTTED = Target(
    "geminibatchjobs",
    "team-a",
    "nightly.summaries.v2",
    "00000000-0000-4000-8000-000000000001",
    "ffffffffffffffff",
)
PUBLIC = "https://callbacks.example.com"
PATH = (
    "/v1/callbacks/geminibatchjobs/default/classify-reviews/"
    "6f1c2b7e-0d7c-4b61-9a7e-2f6a4c1d9b30/00112233445566ff/a58dedcb5645f323736511d06489ef47"
)

targets = st.builds(
    Target,
    plural=st.from_regex("[a-z]{1,63}", fullmatch=True),
    namespace=st.from_regex(re.compile(names.DNS_1123_LABEL, re.ASCII), fullmatch=True).filter(
        lambda text: len(text) <= 63
    ),
    name=st.from_regex(re.compile(names.DNS_1123_SUBDOMAIN, re.ASCII), fullmatch=True).filter(
        lambda text: len(text) <= 253
    ),
    uid=st.uuids().map(str),
    attempt=st.from_regex(re.compile(names.ATTEMPT_ID, re.ASCII), fullmatch=True),
)


@pytest.mark.parametrize(
    ("key", "target", "expected"),
    [
        (COUNTING, REVIEWS, "a58dedcb5645f323736511d06489ef47"),
        (COUNTING, DOTTED, "d069db82a15d0c52b23fec6eb95a7f36"),
        (REPEATING, REVIEWS, "fb1981294aaa0d4dd9cb351150c1da14"),
        (REPEATING, DOTTED, "096679c8c06973047eab03d720c72912"),
    ],
)
def test_s17_token_known_answers(key: CallbackKey, target: Target, expected: str) -> None:
    """Both sides must keep agreeing: the digits were made with the openssl command."""
    assert address.token(key, target) == expected


def test_the_url_is_the_path_below_the_public_url() -> None:
    assert address.url(PUBLIC, COUNTING, REVIEWS) == PUBLIC + PATH
    assert address.url(PUBLIC + "/gemini/", COUNTING, REVIEWS) == PUBLIC + "/gemini" + PATH


@given(targets)
def test_an_address_that_was_made_is_recognised(target: Target) -> None:
    path = address.url("", COUNTING, target)
    parsed = address.parse(path)
    assert parsed is not None
    found, received = parsed
    assert found == target
    assert address.verify([REPEATING, COUNTING], found, received)
    assert not address.verify([REPEATING], found, received)


@pytest.mark.parametrize("field", ["namespace", "name", "uid", "attempt", "plural"])
def test_s17_a_token_is_bound_to_every_part(field: str) -> None:
    other = {
        "plural": "geminicronjobs",
        "namespace": "kube-system",
        "name": "other",
        "uid": DOTTED.uid,
        "attempt": DOTTED.attempt,
    }
    changed = Target(**{**{name: getattr(REVIEWS, name) for name in other}, field: other[field]})
    assert not address.verify([COUNTING], changed, address.token(COUNTING, REVIEWS))


def test_s17_parts_cannot_shift_into_each_other() -> None:
    one = Target("geminibatchjobs", "ab", "c", REVIEWS.uid, REVIEWS.attempt)
    two = Target("geminibatchjobs", "a", "bc", REVIEWS.uid, REVIEWS.attempt)
    assert address.token(COUNTING, one) != address.token(COUNTING, two)


@pytest.mark.parametrize("query", ["", "?", "?a=b", "?%61;x=/../", "?token=" + "0" * 32])
def test_a_query_is_no_part_of_the_address(query: str) -> None:
    parsed = address.parse(PATH + query)
    assert parsed == (REVIEWS, PATH.rpartition("/")[2])


@pytest.mark.parametrize(
    "path",
    [
        PATH.replace("default", "d%65fault"),
        PATH.replace("default", "default%2Fx"),
        PATH.replace("default", "default;v=1"),
        PATH.replace("default", "Default"),
        PATH.replace("default", ".."),
        PATH.replace("default", "-default"),
        PATH.replace("default", "défault"),
        PATH.replace("default", "a" * 64),
        PATH.replace("default/", "default//"),
        PATH.replace("classify", "clаssify"),  # noqa: RUF001 - a Cyrillic letter is the point
        PATH.replace("classify-reviews", "a" * 254),
        PATH.replace("classify-reviews", "a..b"),
        PATH.replace("classify-reviews", "a\x00b"),
        PATH.replace("6f1c2b7e", "6F1C2B7E"),
        PATH.replace("00112233445566ff", "00112233445566f"),
        PATH.replace("00112233445566ff", "00112233445566FF"),
        PATH[:-1],
        PATH + "0",
        PATH + "/",
        PATH + "\n",
        PATH + "#fragment",
        PATH[:-1] + "é",
        PATH[:-1] + "\udcff",
        PATH[:-1] + "٣",
        PATH + "?\udcff",
        PATH + "?" + "a" * 2048,
        PATH.upper(),
        "/" + PATH,
        "http://callbacks.example.com" + PATH,
        PATH.replace("/v1/", "/v1/./"),
        PATH.replace("/v1/", "/v2/"),
        "*",
        "",
    ],
)
def test_s17_only_the_literal_form_is_an_address(path: str) -> None:
    assert address.parse(path) is None


@given(st.text())
def test_s17_no_path_makes_parse_raise(path: str) -> None:
    assert address.parse(path) is None or path.startswith(address.PREFIX)


@given(st.text())
def test_s17_no_token_makes_verify_raise(received: str) -> None:
    assert not address.verify([COUNTING], DOTTED, received)


@pytest.mark.parametrize("received", ["", "é" * 32, "\ud800", "٣" * 32])
def test_s17_a_token_outside_ascii_is_refused(received: str) -> None:
    assert not address.verify([COUNTING], REVIEWS, received)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "UPPER", "a" * 254])
def test_no_address_is_made_that_the_receiver_would_refuse(name: str) -> None:
    target = Target("geminibatchjobs", "default", name, REVIEWS.uid, REVIEWS.attempt)
    with pytest.raises(ValueError, match="callback address") as refused:
        address.url(PUBLIC, COUNTING, target)
    assert address.token(COUNTING, target) not in str(refused.value)

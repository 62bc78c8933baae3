from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.gemini.kinds import batch_resource
from gemini_operator.gemini.remote import Counts
from gemini_operator.gemini.tokens import Token

NAME = "batches/b1"
ITEMS = [{"metadata": {"key": "a"}, "response": {"x": 1}}, {"error": {"code": 8}}]


def operation(**metadata: Any) -> dict[str, Any]:
    return {
        "name": NAME,
        "metadata": {
            "model": "models/gemini-2.5-flash",
            "displayName": "reviews [0f9a1b2c-00112233445566aa]",
            "createTime": "2026-01-01T00:00:00.123456789Z",
            "state": "BATCH_STATE_RUNNING",
            "batchStats": {"requestCount": "9", "successfulRequestCount": "8"},
            **metadata,
        },
    }


def test_a_summary_holds_what_google_says() -> None:
    summary = batch_resource.summary(operation(), NAME)
    assert summary.name == NAME
    assert summary.display_name == "reviews [0f9a1b2c-00112233445566aa]"
    assert summary.token == Token("0f9a1b2c", "00112233445566aa")
    assert summary.model == "models/gemini-2.5-flash"
    assert summary.state == "BATCH_STATE_RUNNING"
    assert summary.created == datetime(2026, 1, 1, microsecond=123456, tzinfo=UTC)
    assert summary.requests == Counts(total=9, succeeded=8, failed=0, pending=0)
    assert summary.error is None


def test_an_operation_with_nothing_in_it_is_no_end() -> None:
    summary = batch_resource.summary({}, NAME)
    assert (summary.display_name, summary.model, summary.token) == ("", "", None)
    assert not summary.terminal
    assert summary.requests == Counts()


def test_s22_what_google_says_is_bounded() -> None:
    summary = batch_resource.summary(
        {
            "error": {"code": 10**30, "message": "\x1b[31m" + "m" * 10**6},
            "metadata": {
                "state": "S" * 10**6,
                "displayName": "d\n" * 10**6,
                "model": "m" * 10**6,
                "createTime": "9" * 10**6,
                "batchStats": {"requestCount": 10**20, "failedRequestCount": "-5"},
            },
        },
        NAME,
    )
    assert summary.state == "UNKNOWN"
    assert len(summary.display_name) <= 512
    assert "\n" not in summary.display_name
    assert len(summary.model) <= 180
    assert summary.requests == Counts(total=2**63 - 1, failed=0)
    assert summary.error is not None
    assert len(summary.error) <= 1024
    assert "\x1b" not in summary.error


def test_s22_an_echoed_callback_address_or_key_is_not_kept() -> None:
    echo = "https://r.example/v1/callbacks/a/b/c/d/e/f refused for AIzaSyA1234567890abcdef"
    summary = batch_resource.summary({**operation(), "error": {"message": echo}}, NAME)
    assert summary.error is not None
    assert "callbacks" not in summary.error
    assert "AIza" not in summary.error


def test_s06_the_token_is_read_from_what_google_sent_and_not_from_what_is_shown() -> None:
    """Masking or cutting a display name must neither lose a batch nor claim one."""
    key_like = "emulator-reviews-of-may [0f9a1b2c-00112233445566aa]"
    assert batch_resource.summary(operation(displayName=key_like), NAME).token is not None
    long = "x" * 483 + " [0f9a1b2c-00112233445566aa]" + "y" * 100
    assert batch_resource.summary(operation(displayName=long), NAME).token is None


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "BATCH_STATE_UNSPECIFIED"),
        ({"done": False, "error": {"code": 3}}, "BATCH_STATE_UNSPECIFIED"),
        ({"done": True}, "BATCH_STATE_SUCCEEDED"),
        ({"done": True, "error": {"code": 3, "message": "m"}}, "BATCH_STATE_FAILED"),
        ({"done": True, "error": {"code": 1}}, "BATCH_STATE_CANCELLED"),
        ({"done": True, "error": "odd"}, "BATCH_STATE_FAILED"),
    ],
)
@pytest.mark.parametrize("word", ["", "BATCH_STATE_UNSPECIFIED"])
def test_a_finished_operation_without_a_word_has_ended(
    more: dict[str, Any], state: str, word: str
) -> None:
    assert batch_resource.summary({**operation(state=word), **more}, NAME).state == state


@pytest.mark.parametrize("word", [None, 5, ["BATCH_STATE_SUCCEEDED"], {"a": 1}, "done"])
def test_a_word_that_is_none_is_unknown(word: object) -> None:
    summary = batch_resource.summary({**operation(state=word), "done": True}, NAME)
    assert summary.state == "UNKNOWN"
    assert not summary.terminal


@pytest.mark.parametrize(
    "name",
    ["batches/", "batches/a/b", "batches/../x", "batches/a b", "models/x", "", None, 5, "x" * 200],
)
def test_s03_a_name_outside_the_grammar_is_no_name(name: object) -> None:
    assert batch_resource.name_of({"name": name}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"output": {"inlinedResponses": {"inlinedResponses": ITEMS}}}},
        {"response": {"inlinedResponses": {"inlinedResponses": ITEMS}}},
        {"metadata": {"output": {"inlinedEmbedContentResponses": {"inlinedResponses": ITEMS}}}},
    ],
)
def test_inline_results_are_found_wherever_google_puts_them(body: dict[str, Any]) -> None:
    observation = batch_resource.observation(body, NAME)
    assert observation.inline_results == ITEMS
    assert observation.results_file is None


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"output": {"responsesFile": "files/batch-b1"}}},
        {"response": {"responsesFile": "files/batch-b1"}},
    ],
)
def test_a_results_file_is_found_wherever_google_puts_it(body: dict[str, Any]) -> None:
    observation = batch_resource.observation(body, NAME)
    assert observation.results_file == "files/batch-b1"
    assert observation.inline_results is None


@pytest.mark.parametrize("name", ["files/../batches/x", "files/A", "https://x.example/f", 5])
def test_s03_a_results_file_outside_the_grammar_is_none(name: object) -> None:
    observation = batch_resource.observation({"response": {"responsesFile": name}}, NAME)
    assert observation.results_file is None


def test_an_empty_list_hides_no_results() -> None:
    empty: dict[str, Any] = {"inlinedResponses": {"inlinedResponses": []}}
    results = {"inlinedEmbedContentResponses": {"inlinedResponses": ITEMS}}
    for response in (results, empty | results):
        body = {"metadata": {"output": empty}, "response": response}
        assert batch_resource.observation(body, NAME).inline_results == ITEMS
    body = {"metadata": {"output": empty}, "response": {"responsesFile": "files/a"}}
    observation = batch_resource.observation(body, NAME)
    assert (observation.inline_results, observation.results_file) == (None, "files/a")
    only = batch_resource.observation({"response": empty}, NAME)
    assert only.inline_results == []


def test_an_item_that_is_no_object_keeps_its_place() -> None:
    body = {"response": {"inlinedResponses": {"inlinedResponses": [1, ITEMS[0], None]}}}
    assert batch_resource.observation(body, NAME).inline_results == [{}, ITEMS[0], {}]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "metadata",
                    "state",
                    "output",
                    "response",
                    "error",
                    "done",
                    "code",
                    "message",
                    "inlinedResponses",
                    "responsesFile",
                    "batchStats",
                    "requestCount",
                    "displayName",
                    "model",
                    "createTime",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(ANY)
def test_s22_no_shape_of_answer_raises(body: object) -> None:
    found = batch_resource.observation(body if isinstance(body, dict) else {"metadata": body}, NAME)
    assert len(found.summary.state) <= 64
    assert found.summary.requests.total >= 0

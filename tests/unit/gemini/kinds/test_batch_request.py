import pytest

from gemini_operator.gemini.kinds import batch_request
from gemini_operator.gemini.remote import Submission

REQUEST = {"contents": [{"parts": [{"text": "hi"}]}], "generation_config": {"topK": 1}, "new": {}}


def test_inline_requests_are_the_users_json_beside_their_key() -> None:
    submission = Submission(
        "m", "GenerateContent", "d [t]", inline=[{"key": "k1", "request": REQUEST}]
    )
    assert batch_request.batch(submission) == {
        "displayName": "d [t]",
        "inputConfig": {
            "requests": {"requests": [{"request": REQUEST, "metadata": {"key": "k1"}}]}
        },
    }


def test_the_users_metadata_goes_along_with_the_key() -> None:
    item = {"key": "k1", "request": REQUEST, "metadata": {"product_id": "p", "tags": ["x"]}}
    submission = Submission("m", "GenerateContent", "d", inline=[item])
    [request] = batch_request.batch(submission)["inputConfig"]["requests"]["requests"]
    assert request["metadata"] == {"product_id": "p", "tags": ["x"], "key": "k1"}


def test_a_file_is_named() -> None:
    submission = Submission("m", "EmbedContent", "d", file_name="files/in1")
    assert batch_request.batch(submission) == {
        "displayName": "d",
        "inputConfig": {"fileName": "files/in1"},
    }


@pytest.mark.parametrize("priority", [5, -5])
def test_a_priority_other_than_the_default_is_said(priority: int) -> None:
    submission = Submission("m", "GenerateContent", "d", inline=[], priority=priority)
    assert batch_request.batch(submission)["priority"] == priority


def test_p09_the_callback_carries_the_metadata() -> None:
    submission = Submission(
        "m",
        "GenerateContent",
        "d",
        inline=[],
        callback_url="https://r.example/v1/callbacks/x",
        user_metadata={"gemini-operator.io/uid": "u", "team": "a"},
    )
    assert batch_request.batch(submission)["webhookConfig"] == {
        "uris": ["https://r.example/v1/callbacks/x"],
        "user_metadata": {"gemini-operator.io/uid": "u", "team": "a"},
    }


def test_p20_without_a_callback_no_webhook_is_asked_for() -> None:
    submission = Submission("m", "GenerateContent", "d", inline=[], user_metadata={"team": "a"})
    assert "webhookConfig" not in batch_request.batch(submission)

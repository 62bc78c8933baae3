from typing import Any

import pytest

from gemini_emulator.create_request import CreateRequest, parse_create_request
from gemini_emulator.errors import ApiError

REQUEST = {"contents": [{"parts": [{"text": "hi"}]}]}


def read(batch: Any, model: str = "models/m") -> CreateRequest:
    return parse_create_request({"batch": batch}, kind="GenerateContent", model=model)


def test_everything_of_a_python_sdk_request_is_read() -> None:
    """With the SDK's mixture of spellings."""
    batch = {
        "inputConfig": {"requests": {"requests": [{"request": REQUEST, "metadata": {"key": "a"}}]}},
        "displayName": "job-1",
        "priority": 5,
        "webhookConfig": {"uris": ["https://h/x"], "user_metadata": {"some_key": {"n": 1}}},
    }
    assert read(batch) == CreateRequest(
        kind="GenerateContent",
        model="models/m",
        display_name="job-1",
        priority=5,
        requests=({"request": REQUEST, "metadata": {"key": "a"}},),
        uris=("https://h/x",),
        user_metadata={"some_key": {"n": 1}},
    )


@pytest.mark.parametrize("spelled", ["fileName", "file_name"])
def test_a_file_may_be_named_in_either_spelling(spelled: str) -> None:
    assert read({"inputConfig": {spelled: "files/in-1"}}).file_id == "in-1"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"requests": {"requests": []}},
        {"requests": {"requests": [{"request": REQUEST}]}, "fileName": "files/a"},
    ],
)
def test_exactly_one_input_is_needed(config: Any) -> None:
    with pytest.raises(ApiError, match="exactly one of requests and file_name"):
        read({"inputConfig": config})


@pytest.mark.parametrize("name", ["in1", "files/a/b", "gs://bucket/x"])
def test_a_file_name_has_one_form(name: str) -> None:
    with pytest.raises(ApiError, match="must have the form files/"):
        read({"inputConfig": {"fileName": name}})


@pytest.mark.parametrize(
    ("batch", "where"),
    [
        ({"inputConfig": {"requests": {"requests": [5]}}}, r"requests\[0\]"),
        ({"inputConfig": {"requests": {"requests": "x"}}}, "a list is expected"),
        ({"inputConfig": {"requests": {"requests": [{"request": {"a": 1}}]}}}, '"a"'),
        ({"inputConfig": {"requests": {"requests": [{"request": REQUEST, "key": "a"}]}}}, '"key"'),
        ({"inputConfig": {"requests": {"requests": [{"metadata": [1]}]}}}, "metadata"),
        ({"webhookConfig": {"uris": "https://h"}}, "webhook_config.uris"),
        ({"webhookConfig": {"user_metadata": []}, "inputConfig": {"fileName": 1}}, "file_name"),
        ({"webhookConfig": {"user_metadata": [1]}, "inputConfig": {}}, "user_metadata"),
        ({"priority": "high"}, "batch.priority"),
        ({"dest": "x"}, '"dest"'),
        (5, "'batch'"),
    ],
)
def test_a_wrong_member_is_named(batch: Any, where: str) -> None:
    with pytest.raises(ApiError, match=where) as caught:
        read(batch)
    assert caught.value.code == 400


def test_every_model_exists_but_the_unknown_ones() -> None:
    batch = {"inputConfig": {"fileName": "files/a"}}
    assert read(batch, "tunedModels/mine").model == "tunedModels/mine"
    with pytest.raises(ApiError, match="is not found") as caught:
        read(batch, "models/gemini-9-unknown")
    assert caught.value.code == 404


def test_embeddings_have_requests_of_their_own() -> None:
    request = {"content": {"parts": [{"text": "a"}]}, "output_dimensionality": 3}
    body = {"batch": {"inputConfig": {"requests": {"requests": [{"request": request}]}}}}
    assert parse_create_request(body, kind="EmbedContent", model="models/m").requests == (
        {"request": request},
    )
    with pytest.raises(ApiError, match='"content"'):
        parse_create_request(body, kind="GenerateContent", model="models/m")

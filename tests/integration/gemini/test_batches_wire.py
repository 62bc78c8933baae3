"""What is really on the wire when a batch is created, whatever the SDK would make of it."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Submission
from tests.integration.gemini.conftest import ClientFor
from tests.integration.gemini.peer import Peer, says

CREATED = says({"name": "batches/b1"})

GENERATE = {
    "contents": [
        {"role": "user", "parts": [{"text": "héllo ✓"}, {"inlineData": {"data": "AA=="}}]}
    ],
    "systemInstruction": {"parts": [{"text": "short"}]},
    "generation_config": {"thinking_config": {"thinking_budget": 0}, "topK": 40, "seed": 2**53 + 1},
    "model": "models/other",
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    "aMemberOfNextYear": {"batch": {"inputConfig": None}, "_private": [], "requests": [[1, [2.5]]]},
}
EMBED = {
    "content": {"parts": [{"text": "a"}]},
    "taskType": "RETRIEVAL_DOCUMENT",
    "output_dimensionality": 16,
    "title": None,
}


async def sent(peer: Peer, client_for: ClientFor, submission: Submission) -> Any:
    peer.then(CREATED)
    before = copy.deepcopy(submission)
    await client_for(peer.url).batches.submit(submission)
    assert submission == before, "the caller's data was changed"
    assert len(peer.seen) == 1
    return peer.seen[0]


@pytest.mark.parametrize(
    ("kind", "request_json", "method"),
    [
        ("GenerateContent", GENERATE, "batchGenerateContent"),
        ("EmbedContent", EMBED, "asyncBatchEmbedContent"),
    ],
)
async def test_inline_requests_go_out_untouched_with_everything_else(
    kind: Any, request_json: dict[str, Any], method: str, peer: Peer, client_for: ClientFor
) -> None:
    submission = Submission(
        model="gemini-2.5-flash",
        type=kind,
        display_name="reviews [0f9a1b2c-00112233445566aa]",
        inline=[{"key": "a", "request": request_json}, {"key": "b", "request": {}}],
        priority=-7,
        callback_url="https://r.example/v1/callbacks/geminibatchjobs/n/m/u/a/t",
        user_metadata={"gemini-operator.io/uid": "u", "display_name": "x", "uris": "y"},
    )
    seen = await sent(peer, client_for, submission)
    assert seen.method == "POST"
    assert seen.target == f"/v1beta/models/gemini-2.5-flash:{method}"
    assert seen.json == {
        "batch": {
            "displayName": "reviews [0f9a1b2c-00112233445566aa]",
            "inputConfig": {
                "requests": {
                    "requests": [
                        {"request": request_json, "metadata": {"key": "a"}},
                        {"request": {}, "metadata": {"key": "b"}},
                    ]
                }
            },
            "priority": -7,
            "webhookConfig": {
                "uris": ["https://r.example/v1/callbacks/geminibatchjobs/n/m/u/a/t"],
                "user_metadata": {
                    "gemini-operator.io/uid": "u",
                    "display_name": "x",
                    "uris": "y",
                },
            },
        }
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["batch", "_url", "input_config", "requests"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
).filter(lambda value: "inf" not in repr(value).casefold())


@given(request_json=st.dictionaries(st.text(max_size=8), JSON, max_size=4), key=st.text(max_size=9))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.parametrize("kind", ["GenerateContent", "EmbedContent"])
async def test_any_json_at_all_goes_out_untouched(
    kind: Any, request_json: dict[str, Any], key: str, peer: Peer, client_for: ClientFor
) -> None:
    peer.seen.clear()
    submission = Submission("m", kind, "d", inline=[{"key": key, "request": request_json}])
    seen = await sent(peer, client_for, submission)
    assert seen.json["batch"]["inputConfig"] == {
        "requests": {"requests": [{"request": request_json, "metadata": {"key": key}}]}
    }


@pytest.mark.parametrize(
    ("kind", "method", "member"),
    [
        ("GenerateContent", "batchGenerateContent", "fileName"),
        # Proto JSON knows both spellings; here the SDK's own one wins.
        ("EmbedContent", "asyncBatchEmbedContent", "file_name"),
    ],
)
async def test_a_file_goes_out_by_its_name(
    kind: Any, method: str, member: str, peer: Peer, client_for: ClientFor
) -> None:
    submission = Submission("tunedModels/t.1", kind, "d", file_name="files/in-1", priority=2**62)
    seen = await sent(peer, client_for, submission)
    assert seen.target == f"/v1beta/tunedModels/t.1:{method}"
    assert seen.json == {
        "batch": {"displayName": "d", "inputConfig": {member: "files/in-1"}, "priority": 2**62}
    }


@pytest.mark.parametrize(
    "model", ["models/../batches/b1:cancel?x=", "../x", "m/x", "models/m:x", "", "m\n", "é"]
)
async def test_s03_a_model_that_is_no_name_reaches_nobody(
    model: str, peer: Peer, client_for: ClientFor
) -> None:
    submission = Submission(model, "GenerateContent", "d", inline=[])
    with pytest.raises(errors.Rejected, match="nothing was sent"):
        await client_for(peer.url).batches.submit(submission)
    assert peer.seen == []


@pytest.mark.parametrize("name", ["files/../x", "in-1", "files/A", "gs://bucket/x", "files/"])
async def test_s03_a_file_that_is_no_name_reaches_nobody(
    name: str, peer: Peer, client_for: ClientFor
) -> None:
    submission = Submission("m", "GenerateContent", "d", file_name=name)
    with pytest.raises(errors.Rejected, match="nothing was sent"):
        await client_for(peer.url).batches.submit(submission)
    assert peer.seen == []


@pytest.mark.parametrize(
    "name", ["batches/../files/f1", "b1", "batches/b1:cancel", "batches/b1?x=1", "batches/", ""]
)
async def test_s03_a_batch_that_is_no_name_reaches_nobody(
    name: str, peer: Peer, client_for: ClientFor
) -> None:
    batches = client_for(peer.url).batches
    for call in (batches.observe, batches.cancel, batches.delete):
        with pytest.raises(errors.Rejected, match="nothing was sent"):
            await call(name)
    assert peer.seen == []


async def test_cancel_and_delete_name_the_batch(peer: Peer, client_for: ClientFor) -> None:
    batches = client_for(peer.url).batches
    await batches.cancel("batches/B-1_x")
    await batches.delete("batches/B-1_x")
    assert [(seen.method, seen.target) for seen in peer.seen] == [
        ("POST", "/v1beta/batches/B-1_x:cancel"),
        ("DELETE", "/v1beta/batches/B-1_x"),
    ]

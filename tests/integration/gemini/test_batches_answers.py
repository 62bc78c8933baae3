"""The table of answers to a create (protocol P10) and to everything else, over a real socket."""

import json
import warnings
from typing import Any

import pytest

from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Outcome, Submission
from tests.integration.gemini.conftest import ClientFor
from tests.integration.gemini.peer import Handler, Peer, breaks_off, drops, refuses, says, sends

SUBMISSIONS = [
    Submission("gemini-2.5-flash", "GenerateContent", "d", inline=[]),
    Submission("gemini-embedding-001", "EmbedContent", "d", file_name="files/f1"),
]
every_kind = pytest.mark.parametrize("submission", SUBMISSIONS, ids=lambda one: one.type)
KEY_INVALID = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
RETRY = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
TOO_BIG = b'{"name": "batches/b1", "x": "' + b"x" * 2**20 + b'"}'
TOO_DEEP = b'{"name":' * 501 + b"1" + b"}" * 501

REFUSED = {
    "bad key": (
        refuses(400, "INVALID_ARGUMENT", "API key not valid.", KEY_INVALID),
        errors.CredentialsRejected,
    ),
    "billing": (
        refuses(400, "FAILED_PRECONDITION", "Enable billing."),
        errors.CredentialsRejected,
    ),
    "precondition": (refuses(400, "FAILED_PRECONDITION"), errors.PermissionDenied),
    "401": (refuses(401, "UNAUTHENTICATED"), errors.CredentialsRejected),
    "403": (refuses(403, "PERMISSION_DENIED"), errors.PermissionDenied),
    "403 of a file": (refuses(403, "PERMISSION_DENIED", "No such File."), errors.FileMissing),
    "400": (refuses(400, "INVALID_ARGUMENT", "Unknown name"), errors.Rejected),
    "400 without JSON": (sends(b"<html>", 400), errors.Rejected),
    "404": (refuses(404, "NOT_FOUND"), errors.Rejected),
    "413": (sends(b"<html>too large</html>", 413), errors.Rejected),
    "429": (refuses(429, "RESOURCE_EXHAUSTED"), errors.Throttled),
}

UNKNOWN: dict[str, Handler] = {
    **{str(status): refuses(status) for status in (201, 202, 302, 402, 405, 408, 409, 422, 499)},
    **{str(status): refuses(status) for status in (500, 501, 502, 503, 504, 529)},
    "200 without a name": says({"metadata": {}}),
    "200 with another name": says({"name": "operations/b1"}),
    "200 with a path": says({"name": "batches/../files/f1"}),
    "200 with a number": says({"name": 5}),
    "200 with a list": says([{"name": "batches/b1"}]),
    "200 without a body": sends(b""),
    "200 with HTML": sends(b"<html>"),
    "200 with half a JSON": sends(
        b'{"name": "batches/b1"', headers={"Content-Type": "application/json"}
    ),
    "200 too big": sends(TOO_BIG),
    "200 too deep": sends(TOO_DEEP),
    "broken off": breaks_off(b'{"name": "batches/b1"}', 99),
    "dropped": drops,
}


@every_kind
@pytest.mark.parametrize(("answer", "kind"), REFUSED.values(), ids=REFUSED.keys())
async def test_p10_a_refused_create_did_not_happen(
    answer: Handler,
    kind: type[errors.GeminiError],
    submission: Submission,
    peer: Peer,
    client_for: ClientFor,
) -> None:
    peer.then(answer)
    with pytest.raises(errors.GeminiError) as caught:
        await client_for(peer.url).batches.submit(submission)
    assert type(caught.value) is kind
    assert len(peer.seen) == 1


@every_kind
@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_p10_any_other_answer_to_a_create_leaves_its_outcome_unknown(
    answer: Handler, submission: Submission, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(answer)
    with pytest.raises(errors.Ambiguous):
        await client_for(peer.url).batches.submit(submission)
    assert len(peer.seen) == 1


async def test_p10_where_nobody_is_there_nothing_was_sent(client_for: ClientFor) -> None:
    """A connection that never stood carried no byte of the create: there is nothing to search."""
    with pytest.raises(errors.NotSent, match="no connection"):
        await client_for("http://127.0.0.1:1").batches.submit(SUBMISSIONS[0])


@pytest.mark.parametrize(
    "answer",
    [refuses(429, details=RETRY), refuses(429, headers={"Retry-After": "7"})],
    ids=["RetryInfo", "Retry-After"],
)
async def test_p10_a_throttled_create_knows_how_long_to_wait(
    answer: Handler, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(answer)
    with pytest.raises(errors.Throttled) as caught:
        await client_for(peer.url).batches.submit(SUBMISSIONS[0])
    assert caught.value.retry_after == 7.0


ODD: dict[str, dict[str, Any]] = {
    "nothing else": {},
    "no metadata": {"metadata": None},
    "an unknown state": {"metadata": {"state": "BATCH_STATE_\x1b[31mODD"}},
    "a number as state": {"metadata": {"state": 5}},
    "odd counts": {"metadata": {"batchStats": {"requestCount": 10**20}}},
    "structured details": {
        "metadata": {
            "output": {
                "inlinedResponses": {"inlinedResponses": [{"error": {"details": [{"@type": "x"}]}}]}
            }
        }
    },
}


@every_kind
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
async def test_p10_a_created_batch_counts_however_odd_the_rest_of_the_answer_is(
    odd: dict[str, Any], submission: Submission, peer: Peer, client_for: ClientFor
) -> None:
    """The SDK raises for several of these, although the batch is there and paid for."""
    peer.then(says({"name": "batches/b1", **odd}))
    summary = await client_for(peer.url).batches.submit(submission)
    assert summary.name == "batches/b1"
    assert summary.outcome is Outcome.UNKNOWN


async def test_s22_the_sdk_prints_no_warning_that_quotes_google(
    peer: Peer, client_for: ClientFor
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = client_for(peer.url)
        for submission in SUBMISSIONS:
            peer.then(says({"name": "batches/b1", "metadata": {"state": "said\nby Google"}}))
            await client.batches.submit(submission)
    assert [str(one.message) for one in caught] == []


async def test_a_create_answers_with_what_google_says_of_the_batch(
    peer: Peer, client_for: ClientFor
) -> None:
    metadata = {
        "displayName": "d [0f9a1b2c-00112233445566aa]",
        "model": "models/m",
        "state": "BATCH_STATE_PENDING",
        "createTime": "2026-01-01T00:00:00Z",
        "batchStats": {"requestCount": "2", "pendingRequestCount": "2"},
    }
    peer.then(says({"name": "batches/b1", "metadata": metadata}))
    summary = await client_for(peer.url).batches.submit(SUBMISSIONS[0])
    assert (summary.state, summary.model) == ("BATCH_STATE_PENDING", "models/m")
    assert (summary.requests.total, summary.requests.pending) == (2, 2)
    assert summary.token == ("0f9a1b2c", "00112233445566aa")


CALLS: dict[str, Any] = {
    "list": lambda client: client.batches.search(),
    "get": lambda client: client.batches.observe("batches/b1"),
    "cancel": lambda client: client.batches.cancel("batches/b1"),
    "delete": lambda client: client.batches.delete("batches/b1"),
    "file get": lambda client: client.files.get("files/f1"),
    "file delete": lambda client: client.files.delete("files/f1"),
}
OTHERS = {
    "bad key": (
        refuses(400, "INVALID_ARGUMENT", "API key not valid.", KEY_INVALID),
        errors.CredentialsRejected,
    ),
    "401": (refuses(401, "UNAUTHENTICATED"), errors.CredentialsRejected),
    "403": (refuses(403, "PERMISSION_DENIED"), errors.PermissionDenied),
    "400": (refuses(400, "INVALID_ARGUMENT"), errors.Rejected),
    "precondition": (refuses(400, "FAILED_PRECONDITION"), errors.Rejected),
    "404": (refuses(404, "NOT_FOUND"), errors.NotFound),
    "429": (refuses(429, "RESOURCE_EXHAUSTED"), errors.Throttled),
    "500": (refuses(500, "INTERNAL"), errors.Unavailable),
    "503": (sends(b"upstream", 503), errors.Unavailable),
    "204": (sends(b"", 204), errors.Unavailable),
    "dropped": (drops, errors.Unavailable),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(("answer", "kind"), OTHERS.values(), ids=OTHERS.keys())
async def test_every_other_call_is_refused_or_unavailable_and_never_ambiguous(
    call: Any,
    answer: Handler,
    kind: type[errors.GeminiError],
    peer: Peer,
    client_for: ClientFor,
) -> None:
    peer.then(answer)
    with pytest.raises(errors.GeminiError) as caught:
        await call(client_for(peer.url))
    assert type(caught.value) is kind


@pytest.mark.parametrize("name", ["list", "get", "file get"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", TOO_DEEP], ids=["no", "html", "[]", "deep"]
)
async def test_s22_a_read_that_cannot_be_read_is_unavailable(
    name: str, body: bytes, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(sends(body))
    with pytest.raises(errors.Unavailable):
        await CALLS[name](client_for(peer.url))


async def test_an_answer_about_another_batch_is_none(peer: Peer, client_for: ClientFor) -> None:
    peer.then(says({"name": "batches/b2"}))
    with pytest.raises(errors.Unavailable, match="another batch"):
        await client_for(peer.url).batches.observe("batches/b1")


def with_results(count: int, size: int) -> dict[str, Any]:
    items = [{"metadata": {"key": str(n)}, "response": {"x": "r" * size}} for n in range(count)]
    output = {"inlinedResponses": {"inlinedResponses": items}}
    return {"name": "batches/b1", "metadata": {"output": output}, "done": True, "response": output}


async def test_results_may_be_larger_than_an_ordinary_answer(
    peer: Peer, client_for: ClientFor
) -> None:
    peer.then(says(with_results(20, 100_000)))
    found = await client_for(peer.url).batches.observe("batches/b1")
    assert found.summary.outcome is Outcome.SUCCEEDED
    assert found.inline_results is not None
    assert [item["metadata"]["key"] for item in found.inline_results] == [
        str(number) for number in range(20)
    ]


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
async def test_s22_results_have_a_limit_of_their_own(
    spare: int, fits: bool, peer: Peer, client_for: ClientFor
) -> None:
    body = json.dumps(with_results(20, 100_000)).encode()
    peer.then(sends(body))
    client = client_for(peer.url, results_limit=len(body) + spare)
    if fits:
        await client.batches.observe("batches/b1")
        return
    with pytest.raises(errors.TooLarge):
        await client.batches.observe("batches/b1")


async def test_s10_results_of_very_many_lists_are_not_parsed(
    peer: Peer, client_for: ClientFor
) -> None:
    # A user's metadata, which Google sends back. To parse it would hold up the event loop.
    item = {"metadata": {"key": "a", "x": [[]] * 300_000}, "response": {"text": "[" * 300_000}}
    output = {"inlinedResponses": {"inlinedResponses": [item]}}
    answer = says({"name": "batches/b1", "done": True, "response": output})
    peer.then(answer, answer)
    batches = client_for(peer.url).batches
    found = await batches.observe("batches/b1")
    assert (found.has_stream, found.inline_results) == (True, None)
    assert found.summary.outcome is Outcome.SUCCEEDED
    [[raw]] = [items async for items in batches.results("batches/b1") if items]
    assert json.loads(raw) == item
    # Brackets in a text are no lists.
    item["metadata"] = {"key": "a"}
    peer.then(says({"name": "batches/b1", "done": True, "response": output}))
    assert (await batches.observe("batches/b1")).inline_results == [item]


async def test_s10_very_many_results_are_not_kept(peer: Peer, client_for: ClientFor) -> None:
    output = {"inlinedResponses": {"inlinedResponses": [None] * 100_001}}
    answer = says({"name": "batches/b1", "done": True, "response": output})
    peer.then(answer, answer)
    batches = client_for(peer.url).batches
    found = await batches.observe("batches/b1")
    assert (found.has_stream, found.inline_results) == (True, None)
    assert sum([len(items) async for items in batches.results("batches/b1")]) == 100_001


async def test_results_of_another_batch_are_none(peer: Peer, client_for: ClientFor) -> None:
    peer.then(says({**with_results(1, 1), "name": "batches/b2"}))
    with pytest.raises(errors.Unavailable, match="another batch"):
        _ = [items async for items in client_for(peer.url).batches.results("batches/b1")]

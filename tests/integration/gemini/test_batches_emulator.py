"""The whole life of batches against the emulator as a process of its own."""

import json
from typing import Any

import pytest
from google.genai import types

from gemini_operator.gemini import errors, tokens
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Listing, Observation, Outcome, Submission
from tests.emulator_process import OTHER_PROJECT_KEY, EmulatorProcess
from tests.integration.gemini.conftest import ClientFor
from tests.waiting import eventually_async

UID = "0f9a1b2c-1111-4222-8333-444455556666"
ATTEMPT = "00112233445566aa"
INLINE = [
    {"key": key, "request": {"contents": [{"parts": [{"text": words}]}]}}
    for key, words in (("a", "say one"), ("b", "[[fail]]"), ("c", "say two"))
]


def submission(**more: Any) -> Submission:
    given: dict[str, Any] = {
        "model": "gemini-2.5-flash",
        "type": "GenerateContent",
        "display_name": tokens.display_name("reviews", UID, ATTEMPT),
        "inline": INLINE,
        **more,
    }
    return Submission(**given)


async def ended(client: GeminiClient, name: str) -> Observation:
    async def look() -> Observation | None:
        found = await client.batches.observe(name)
        return found if found.summary.terminal else None

    found = await eventually_async(look, what="the end of the batch")
    assert found is not None
    return found


async def listed(client: GeminiClient) -> Listing:
    found = await client.batches.search()
    assert isinstance(found, Listing)
    return found


async def test_an_inline_batch_from_its_create_to_its_results(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    created = await client.batches.submit(submission())
    assert created.outcome is Outcome.PENDING
    assert created.token == tokens.token_of(UID, ATTEMPT)
    found = await ended(client, created.name)
    assert found.summary.outcome is Outcome.SUCCEEDED
    assert (found.summary.requests.succeeded, found.summary.requests.failed) == (2, 1)
    assert found.summary.model == "models/gemini-2.5-flash"
    assert found.summary.created is not None
    assert found.inline_results is not None
    assert [item["metadata"]["key"] for item in found.inline_results] == ["a", "b", "c"]
    assert ["error" in item for item in found.inline_results] == [False, True, False]


async def test_an_embeddings_batch_is_created_with_its_webhook(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    created = await client.batches.submit(
        submission(
            model="gemini-embedding-001",
            type="EmbedContent",
            inline=[{"key": "a", "request": {"content": {"parts": [{"text": "x"}]}}}],
            callback_url="http://127.0.0.1:9/v1/callbacks/x",
            user_metadata={"team": "a"},
        )
    )
    (job,) = emulator.state()["jobs"]
    assert job["name"] == created.name
    assert job["uris"] == ["http://127.0.0.1:9/v1/callbacks/x"]
    assert job["userMetadata"] == {"team": "a"}
    found = await ended(client, created.name)
    assert found.inline_results is not None
    assert found.inline_results[0]["response"]["embedding"]["values"]


async def test_a_file_batch_ends_with_a_file_that_can_be_downloaded(
    emulator: EmulatorProcess, client_for: ClientFor, tmp_path: Any
) -> None:
    client = client_for(emulator.url)
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in INLINE))
    file = await client._sdk.aio.files.upload(
        file=path, config=types.UploadFileConfig(mime_type="jsonl")
    )
    created = await client.batches.submit(submission(inline=None, file_name=file.name))
    found = await ended(client, created.name)
    assert found.inline_results is None
    assert found.results_file is not None
    pieces = [piece async for piece in client.files.download(found.results_file, 2**20)]
    lines = [json.loads(line) for line in b"".join(pieces).splitlines()]
    assert [line["key"] for line in lines] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("action", "outcome", "said"),
    [
        ("fail", Outcome.FAILED, "a test asked for it"),
        ("expire", Outcome.EXPIRED, "expired"),
        ("cancel", Outcome.CANCELLED, "cancelled"),
    ],
)
async def test_every_end_is_told_with_its_reason(
    action: str, outcome: Outcome, said: str, emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    created = await client.batches.submit(submission())
    emulator.job(created.name, action)
    summary = (await client.batches.observe(created.name)).summary
    assert summary.outcome is outcome
    assert summary.error is not None
    assert said in summary.error


async def test_a_batch_is_cancelled_deleted_and_gone(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    batches = (client := client_for(emulator.url)).batches
    created = await batches.submit(submission())
    await batches.cancel(created.name)
    assert (await ended(client, created.name)).summary.outcome is Outcome.CANCELLED
    await batches.delete(created.name)
    for call in (batches.observe, batches.cancel, batches.delete):
        with pytest.raises(errors.NotFound):
            await call(created.name)


async def test_p11_a_search_sees_every_batch_of_the_project_and_none_of_others(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url, list_page_size=2)
    names = [(await client.batches.submit(submission())).name for _ in range(5)]
    found = await listed(client)
    assert found.complete
    assert sorted(batch.name for batch in found.batches) == sorted(names)
    assert {batch.token for batch in found.batches} == {tokens.token_of(UID, ATTEMPT)}
    assert emulator.requests("batches.list") == 3
    assert await listed(client_for(emulator.url, OTHER_PROJECT_KEY)) == Listing((), complete=True)


async def test_p12_a_batch_may_be_hidden_from_the_list_for_a_while(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    emulator.fault("batches.list", "lag", delaySeconds=3600)
    created = await client.batches.submit(submission())
    assert (await listed(client)).batches == ()
    emulator.clear_faults()
    assert [batch.name for batch in (await listed(client)).batches] == [created.name]


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        ({"action": "drop", "when": "before"}, 0),
        ({"action": "drop", "when": "after"}, 1),
        ({"action": "truncate"}, 1),
        ({"action": "status", "when": "after", "status": 503}, 1),
        ({"action": "status", "when": "before", "status": 500}, 0),
        ({"action": "delay", "when": "after", "delaySeconds": 60}, 1),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_p10_an_unknown_outcome_is_ambiguous_whether_a_batch_was_made_or_not(
    fault: dict[str, Any], made: int, emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    """One request each, and the search tells which of both it was."""
    client = client_for(emulator.url, create_timeout=1.0)
    emulator.fault("batches.create", **fault)
    with pytest.raises(errors.Ambiguous):
        await client.batches.submit(submission())
    assert emulator.requests("batches.create") == 1
    assert len((await listed(client)).batches) == made


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("unknown-key-that-is-not-known", errors.CredentialsRejected),
        ("emulator-unauthenticated-00001", errors.CredentialsRejected),
        ("emulator-forbidden-00000000001", errors.CredentialsRejected),
    ],
)
async def test_p10_a_key_that_google_refuses_creates_nothing(
    key: str, kind: type[Exception], emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url, key)
    with pytest.raises(kind) as caught:
        await client.batches.submit(submission())
    assert key not in str(caught.value)
    with pytest.raises(kind):
        await client.batches.search()
    assert emulator.state()["jobs"] == []


@pytest.mark.parametrize(
    "wrong",
    [{"model": "gemini-unknown"}, {"inline": [{"key": "a", "request": {"nonsense": 1}}]}],
    ids=["model", "request"],
)
async def test_p10_a_request_that_google_refuses_is_rejected_in_googles_words(
    wrong: dict[str, Any], emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    with pytest.raises(errors.Rejected, match=r"unknown|nonsense"):
        await client_for(emulator.url).batches.submit(submission(**wrong))
    assert emulator.state()["jobs"] == []


async def test_p10_a_throttled_create_made_nothing(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    emulator.fault("batches.create", "status", status=429, headers={"Retry-After": "7"})
    with pytest.raises(errors.Throttled) as caught:
        await client_for(emulator.url).batches.submit(submission())
    assert caught.value.retry_after == 7.0
    assert emulator.state()["jobs"] == []


async def test_a_client_outlives_a_restart_of_google(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    """Connections kept from before the restart are not mistaken for live ones."""
    client = client_for(emulator.url)
    await client.batches.search()
    emulator.restart()
    created = await client.batches.submit(submission())
    assert emulator.requests("batches.create") == 1
    assert created.outcome is Outcome.PENDING

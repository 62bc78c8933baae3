"""Batches through google-genai, synchronous and asynchronous."""

from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.emulator_process import EmulatorProcess
from tests.integration.sdk.conftest import VERSIONS, options
from tests.waiting import eventually, eventually_async

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

MODEL = "gemini-2.5-flash"


def ask(text: str, key: str = "k") -> dict[str, Any]:
    return {"contents": [{"parts": [{"text": text}], "role": "user"}], "metadata": {"key": key}}


def finished(client: genai.Client, name: str) -> types.BatchJob:
    return eventually(lambda: (job := client.batches.get(name=name)).done and job)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_inline_batch_runs_to_its_results(
    emulator: EmulatorProcess, api_key: str, version: str
) -> None:
    with genai.Client(api_key=api_key, http_options=options(emulator, version)) as client:
        created = client.batches.create(
            model=MODEL,
            src=[ask("Say hello", "one"), ask("[[fail]]", "two")],
            config={"display_name": "greetings"},
        )
        job = finished(client, created.name)
    assert created.state.name == "JOB_STATE_PENDING"
    assert created.create_time is not None
    assert (job.state.name, job.display_name) == ("JOB_STATE_SUCCEEDED", "greetings")
    assert job.model == f"models/{MODEL}"
    first, second = job.dest.inlined_responses
    assert first.response.text == "Say hello (2 words)"
    assert first.metadata == {"key": "one"}
    assert (second.error.code, second.metadata) == (13, {"key": "two"})


def test_a_batch_of_embeddings_has_the_dimensions_asked_for(client: genai.Client) -> None:
    created = client.batches.create_embeddings(
        model="gemini-embedding-001",
        src=types.EmbeddingsBatchJobSource(
            inlined_requests=types.EmbedContentBatch(
                contents=["a", "b"], config={"output_dimensionality": 5}
            )
        ),
        config={"display_name": "vectors"},
    )
    job = finished(client, created.name)
    answers = job.dest.inlined_embed_content_responses
    assert [len(answer.response.embedding.values) for answer in answers] == [5, 5]
    assert answers[0].response.embedding.values != answers[1].response.embedding.values


def test_a_batch_with_a_webhook_and_a_priority_is_understood(
    client: genai.Client, emulator: EmulatorProcess
) -> None:
    created = client.batches.create(
        model=MODEL,
        src=[ask("hi")],
        config={
            "webhook_config": {"uris": ["http://192.0.2.1/x"], "user_metadata": {"a_b": {"n": 1}}},
            "http_options": {"extra_body": {"batch": {"priority": -5}}},
        },
    )
    (job,) = [job for job in emulator.state()["jobs"] if job["name"] == created.name]
    assert job["uris"] == ["http://192.0.2.1/x"]
    assert job["userMetadata"] == {"a_b": {"n": 1}}
    assert job["priority"] == -5


def test_the_same_create_twice_makes_two_batches(client: genai.Client) -> None:
    names = {client.batches.create(model=MODEL, src=[ask("hi")]).name for _ in range(2)}
    assert len(names) == 2


def test_a_list_is_paged_newest_first_and_without_results(client: genai.Client) -> None:
    names = [client.batches.create(model=MODEL, src=[ask("hi")]).name for _ in range(5)]
    finished(client, names[0])
    pager = client.batches.list(config={"page_size": 2})
    assert len(pager.page) == 2
    listed = list(pager)
    assert [job.name for job in listed] == names[::-1]
    assert listed[-1].state.name == "JOB_STATE_SUCCEEDED"
    assert listed[-1].dest is None
    assert [job.name for job in client.batches.list()] == names[::-1]


def test_a_cancelled_batch_is_cancelled_and_a_deleted_one_is_gone(client: genai.Client) -> None:
    name = client.batches.create(model=MODEL, src=[ask("hi")]).name
    client.batches.cancel(name=name)
    assert client.batches.get(name=name).state.name == "JOB_STATE_CANCELLED"
    client.batches.delete(name=name)
    assert list(client.batches.list()) == []
    with pytest.raises(errors.ClientError) as caught:
        client.batches.get(name=name)
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_a_project_sees_only_its_own_batches_whichever_key_it_uses(
    emulator: EmulatorProcess, client: genai.Client, api_key: str
) -> None:
    name = client.batches.create(model=MODEL, src=[ask("hi")]).name
    rotated = api_key.removesuffix("1") + "2"
    with genai.Client(api_key=rotated, http_options=options(emulator)) as second:
        assert [job.name for job in second.batches.list()] == [name]
    with genai.Client(
        api_key="emulator-strangers-0000001", http_options=options(emulator)
    ) as other:
        assert list(other.batches.list()) == []
        with pytest.raises(errors.ClientError, match="404"):
            other.batches.cancel(name=name)


@pytest.mark.parametrize(
    ("key", "code", "status"),
    [
        ("AIzaSyNotAnEmulatorKey0000000000", 400, "INVALID_ARGUMENT"),
        ("emulator-short", 400, "INVALID_ARGUMENT"),
        ("emulator-unauthenticated-1", 401, "UNAUTHENTICATED"),
        ("emulator-forbidden-0000001", 403, "PERMISSION_DENIED"),
    ],
)
def test_s24_other_keys_are_refused_as_google_refuses_them(
    emulator: EmulatorProcess, key: str, code: int, status: str
) -> None:
    with (
        genai.Client(api_key=key, http_options=options(emulator)) as client,
        pytest.raises(errors.ClientError) as caught,
    ):
        client.batches.create(model=MODEL, src=[ask("hi")])
    assert (caught.value.code, caught.value.status) == (code, status)
    if code == 400:
        assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize(
    ("model", "source", "code"),
    [
        (MODEL, [], 400),
        (MODEL, "files/no-such-file", 404),
        ("gemini-9-unknown", [ask("hi")], 404),
        ("tunedModels/mine", [ask("hi")], None),
    ],
)
def test_what_google_refuses_is_refused(
    client: genai.Client, model: str, source: Any, code: int | None
) -> None:
    if code is None:
        assert client.batches.create(model=model, src=source).model == model
        return
    with pytest.raises(errors.ClientError) as caught:
        client.batches.create(model=model, src=source)
    assert caught.value.code == code


async def test_the_asynchronous_client_creates_gets_lists_cancels_and_deletes(aio: Any) -> None:
    created = await aio.batches.create(model=MODEL, src=[ask("Say hello")])

    async def done() -> Any:
        job = await aio.batches.get(name=created.name)
        return job.done and job

    job = await eventually_async(done)
    assert job.dest.inlined_responses[0].response.text == "Say hello (2 words)"
    second = await aio.batches.create(model=MODEL, src=[ask("Say hello")])
    await aio.batches.cancel(name=second.name)
    pager = await aio.batches.list(config={"page_size": 1})
    assert [j.name async for j in pager] == [second.name, created.name]
    await aio.batches.delete(name=second.name)
    assert [j.name async for j in await aio.batches.list()] == [created.name]

"""Answers byte for byte where an SDK would hide the details."""

import asyncio
import io
import re
from typing import Any

import pytest

from tests.emulator_process import EmulatorProcess
from tests.integration.emulator.conftest import REQUEST, Gemini, started_with
from tests.waiting import eventually_async

NANOSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
CREATE = "models/gemini-2.5-flash:batchGenerateContent"


async def operation_of(gemini: Gemini, name: str) -> Any:
    async def done() -> Any:
        operation = await gemini.get(name)
        return operation.get("done") and operation

    return await eventually_async(done)


async def test_an_operation_has_the_shape_of_googles(gemini: Gemini) -> None:
    status, created = await gemini.call(
        "POST",
        CREATE,
        {
            "batch": {
                "display_name": "shape",
                "priority": "7",
                "input_config": {
                    "requests": {
                        "requests": [
                            {"request": REQUEST, "metadata": {"key": "a"}},
                            {"request": {"contents": [{"parts": [{"text": "[[fail]]"}]}]}},
                        ]
                    }
                },
            }
        },
    )
    assert status == 200
    assert "done" not in created
    assert created["metadata"]["state"] == "BATCH_STATE_PENDING"
    assert created["metadata"]["batchStats"] == {
        "requestCount": "2",
        "pendingRequestCount": "2",
    }
    operation = await operation_of(gemini, created["name"])
    metadata, response = operation["metadata"], operation["response"]
    assert metadata["@type"].endswith(".GenerateContentBatch")
    assert metadata["batchStats"] == {
        "requestCount": "2",
        "successfulRequestCount": "1",
        "failedRequestCount": "1",
    }
    assert (metadata["priority"], metadata["displayName"]) == ("7", "shape")
    for name in ("createTime", "updateTime", "endTime"):
        assert NANOSECONDS.fullmatch(metadata[name])
    assert response.pop("@type").endswith(".GenerateContentBatchOutput")
    assert response == metadata["output"]
    first, second = response["inlinedResponses"]["inlinedResponses"]
    assert first["metadata"] == {"key": "a"}
    assert set(second) == {"error"}


async def test_a_list_item_has_counts_but_no_results(gemini: Gemini) -> None:
    name = await gemini.create()
    await operation_of(gemini, name)
    (item,) = (await gemini.get("batches?pageSize=1"))["operations"]
    assert item["done"] is True
    assert item["metadata"]["batchStats"]["successfulRequestCount"] == "1"
    assert "output" not in item["metadata"]
    assert "response" not in item


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "exactly one of requests and file_name"),
        ({"batch": {"inputConfig": {"fileName": "in1"}}}, "must have the form files/"),
        ({"batch": {"inputs": {}}}, "Unknown name \"inputs\" at 'batch'"),
        ({"batch": {"displayName": 5}}, "batch.display_name"),
        ({"batch": {"inputConfig": {"requests": {"requests": {}}}}}, "must be specified"),
        (
            {"batch": {"inputConfig": {"requests": {"requests": [{"request": {"prompt": 1}}]}}}},
            'Unknown name "prompt"',
        ),
        (
            {
                "batch": {
                    "inputConfig": {"requests": {"requests": [{"request": {"contents": "hi"}}]}}
                }
            },
            (
                "Invalid value at 'batch.input_config.requests.requests[0].request.contents' "
                '(type.googleapis.com/google.ai.generativelanguage.v1beta.Content), "hi"'
            ),
        ),
    ],
)
async def test_a_wrong_body_is_refused_in_googles_form(
    gemini: Gemini, body: Any, problem: str
) -> None:
    status, answer = await gemini.call("POST", CREATE, body)
    assert status == 400
    assert set(answer["error"]) - {"details"} == {"code", "message", "status"}
    assert (answer["error"]["code"], answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert problem in answer["error"]["message"]


async def test_a_body_beyond_20_mib_is_refused(emulator: EmulatorProcess, gemini: Gemini) -> None:
    url = f"{emulator.url}/v1beta/{CREATE}"
    body = io.BytesIO(b'{"batch": {"displayName": "' + b"x" * 21 * 2**20 + b'"}}')
    async with gemini.session.post(url, data=body) as answer:
        error = (await answer.json())["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert "exceeds the limit" in error["message"]


@pytest.mark.parametrize(
    "path", ["batches/none", "batches/none:cancel", "nothing", "batches?pageToken=x"]
)
async def test_every_error_is_json_in_googles_form(gemini: Gemini, path: str) -> None:
    method = "POST" if path.endswith(":cancel") else "GET"
    status, answer = await gemini.call(method, path)
    assert status == answer["error"]["code"]
    assert status in {400, 404}


async def test_models_are_listed_and_known_by_name(gemini: Gemini) -> None:
    listed = (await gemini.get("models"))["models"]
    assert await gemini.get(listed[0]["name"]) == listed[0]
    status, _ = await gemini.call("GET", "models/gemini-9")
    assert status == 404


@started_with("--max-open-batches", "2", "--schedule", "pending=1h")
async def test_too_many_open_batches_are_refused_with_429(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    first, _ = await asyncio.gather(gemini.create(), gemini.create())
    with pytest.raises(AssertionError, match="RESOURCE_EXHAUSTED"):
        await gemini.create()
    emulator.job(first, "succeed")
    await gemini.create()


@started_with("--signature", "v1a")
async def test_the_log_names_routes_but_no_key_and_no_address(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    await gemini.create("http://127.0.0.1:9/v1/callbacks/secret-token")
    emulator.stop()
    log = emulator.log.read_text()
    assert "batches.create: 200" in log
    assert "emulator-demo" not in log
    assert "secret-token" not in log

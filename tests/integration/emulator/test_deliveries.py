"""Callbacks as a receiver sees them."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.emulator_process import EmulatorProcess
from tests.integration.emulator.conftest import Gemini, Inbox, started_with
from tests.integration.emulator.verification import claims, v1a_keys

quick_retries = started_with("--retry-schedule", "first=1s,max=2s,for=1h")


async def public_keys(emulator: EmulatorProcess, gemini: Gemini) -> Any:
    async with gemini.session.get(emulator.jwks_url) as answer:
        return await answer.json()


async def test_a_callback_is_thin_and_signed_with_ed25519(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    name = await gemini.create(f"{inbox.url}/v1/callbacks/x")
    (callback,) = await inbox.wait(1)
    jwks = await public_keys(emulator, gemini)
    headers = callback.headers
    assert len(jwks["keys"]) == 3
    signed_by = v1a_keys(headers["webhook-signature"], headers, callback.body, jwks)
    assert signed_by == [2]
    assert v1a_keys(headers["webhook-signature"], headers, callback.body + b" ", jwks) == []
    assert headers["webhook-id"].startswith("msg_")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10
    event = json.loads(callback.body)
    assert event["data"] == {"id": name, "user_metadata": {"job_uid": "u-1"}}
    assert (event["type"], event["version"]) == ("batch.succeeded", "v1")


@quick_retries
async def test_a_refused_callback_comes_again_with_its_id_and_a_new_timestamp(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    inbox.answers = [503, 404]
    await gemini.create(inbox.url)
    callbacks = await inbox.wait(3)
    jwks = await public_keys(emulator, gemini)
    assert len({callback.headers["webhook-id"] for callback in callbacks}) == 1
    assert len({callback.body for callback in callbacks}) == 1
    times = [int(callback.headers["webhook-timestamp"]) for callback in callbacks]
    assert times[0] < times[1] < times[2]
    for callback in callbacks:
        signature = callback.headers["webhook-signature"]
        assert v1a_keys(signature, callback.headers, callback.body, jwks) == [2]
    state = await asyncio.to_thread(
        emulator.wait, lambda state: state["deliveries"][-1]["outcome"] == "delivered"
    )
    rows = [(row["attempt"], row["status"]) for row in state["deliveries"]]
    assert rows == [(1, 503), (2, 404), (3, 200)]


async def test_a_redirect_is_a_failure_and_is_not_followed(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    inbox.answers = [307]
    await gemini.create(inbox.url)
    state = await asyncio.to_thread(
        emulator.wait, lambda state: any(row["attempt"] for row in state["deliveries"])
    )
    (row,) = state["deliveries"]
    assert (row["status"], row["outcome"]) == (307, "pending")
    assert len(inbox.received) == 1


@started_with("--retry-schedule", "first=500ms,for=1500ms")
async def test_deliveries_are_given_up_when_their_time_is_over(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    inbox.answers = [500] * 10
    await gemini.create(inbox.url)
    state = await asyncio.to_thread(
        emulator.wait, lambda state: any(r["outcome"] == "given up" for r in state["deliveries"])
    )
    attempts = [row["attempt"] for row in state["deliveries"]]
    # The third would begin as the time ends; which of the two comes first is up to the machine.
    assert attempts in ([1, 2], [1, 2, 3])


async def test_an_event_may_be_sent_again_on_request(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    await gemini.create(inbox.url)
    (first,) = await inbox.wait(1)
    identity = first.headers["webhook-id"]
    await asyncio.to_thread(emulator.control, "POST", f"deliveries/{identity}", {})
    again = (await inbox.wait(2))[1]
    assert (again.headers["webhook-id"], again.body) == (identity, first.body)


@started_with("--signature", "jwt")
async def test_a_token_signs_where_that_is_asked_for(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    await gemini.create(inbox.url)
    (callback,) = await inbox.wait(1)
    jwks = await public_keys(emulator, gemini)
    found = claims(callback.headers["webhook-signature"], jwks)
    assert found["aud"] == inbox.url
    assert found["jti"] == callback.headers["webhook-id"]
    assert 0 < found["exp"] - found["iat"] <= 3600


@started_with("--signature", "both")
async def test_both_signatures_stand_side_by_side(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    await gemini.create(inbox.url)
    (callback,) = await inbox.wait(1)
    jwks = await public_keys(emulator, gemini)
    first, second = callback.headers["webhook-signature"].split(" ")
    assert v1a_keys(first, callback.headers, callback.body, jwks) == [2]
    assert claims(second, jwks)["aud"] == inbox.url


async def test_rotated_keys_sign_and_the_older_ones_stay_known(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    before = await public_keys(emulator, gemini)
    await asyncio.to_thread(emulator.control, "POST", "keys/rotate")
    after = await public_keys(emulator, gemini)
    assert after["keys"][:2] == before["keys"][1:]
    await gemini.create(inbox.url)
    (callback,) = await inbox.wait(1)
    signature = callback.headers["webhook-signature"]
    assert v1a_keys(signature, callback.headers, callback.body, after) == [2]
    assert v1a_keys(signature, callback.headers, callback.body, before) == []


@started_with("--deliver-to", "http://127.0.0.1:9/only/here")
async def test_s24_callbacks_go_only_where_the_command_line_allows(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    port = inbox.url.rpartition(":")[2]
    refused = [
        f"http://localhost:{port}/",
        f"https://127.0.0.1:{port}/",
        f"http://user:word@127.0.0.1:{port}/",
        "http://127.0.0.1.example/",
    ]
    await gemini.create(*refused, inbox.url)
    await inbox.wait(1)
    state = await asyncio.to_thread(
        emulator.wait, lambda state: state["deliveries"][-1]["outcome"] == "delivered"
    )
    outcomes = {row["uri"]: (row["outcome"], row["attempt"]) for row in state["deliveries"]}
    assert outcomes == dict.fromkeys(refused, ("refused", 0)) | {inbox.url: ("delivered", 1)}
    assert len(inbox.received) == 1


@pytest.mark.parametrize(
    ("action", "members"),
    [
        ("succeed", ("batch.succeeded",)),
        ("fail", ("batch.failed", "error_code", "error_message")),
        ("expire", ("batch.expired",)),
        ("cancel", ("batch.cancelled",)),
    ],
)
async def test_every_end_has_its_event(
    emulator: EmulatorProcess,
    gemini: Gemini,
    inbox: Inbox,
    action: str,
    members: tuple[str, ...],
) -> None:
    name = await gemini.create(inbox.url)
    await asyncio.to_thread(emulator.job, name, action)
    (callback,) = await inbox.wait(1)
    payload = json.loads(callback.body)
    event, *data = members
    assert payload["type"] == event
    assert set(payload["data"]) == {"id", "user_metadata", *data}

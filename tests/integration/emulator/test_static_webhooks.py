"""Registered webhooks: managed by the official SDK, verified by the library of Standard Webhooks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.emulator_process import API_KEY, OTHER_PROJECT_KEY, EmulatorProcess
from tests.integration.emulator.conftest import Gemini, Inbox, started_with
from tests.integration.emulator.verification import v1_secrets

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

ACTIONS = {
    "batch.succeeded": "succeed",
    "batch.failed": "fail",
    "batch.cancelled": "cancel",
    "batch.expired": "expire",
}
EVENTS = list(ACTIONS)
AT_ONCE = "revoke_previous_secrets_immediately"

quick_retries = started_with("--retry-schedule", "first=500ms,max=1s,for=1h")


async def webhooks_of(emulator: EmulatorProcess, api_key: str) -> AsyncIterator[Any]:
    options = types.HttpOptions(base_url=emulator.url, api_version="v1beta", timeout=20_000)
    client = genai.Client(api_key=api_key, http_options=options)
    async with client.aio as aio:
        yield aio.webhooks
    client.close()


@pytest.fixture
async def webhooks(emulator: EmulatorProcess) -> AsyncIterator[Any]:
    async for webhooks in webhooks_of(emulator, API_KEY):
        yield webhooks


@pytest.fixture
async def webhooks_of_another_project(emulator: EmulatorProcess) -> AsyncIterator[Any]:
    async for webhooks in webhooks_of(emulator, OTHER_PROJECT_KEY):
        yield webhooks


async def wait(emulator: EmulatorProcess, condition: Any) -> Any:
    return await asyncio.to_thread(emulator.wait, condition)


async def deliveries_of(emulator: EmulatorProcess, name: str, count: int) -> list[Any]:
    """All deliveries of a batch, once so many were sent and the rest were refused or given up."""

    def settled(state: Any) -> Any:
        rows = [row for row in state["deliveries"] if row["job"] == name]
        return len(rows) >= count and all(row["outcome"] != "pending" for row in rows)

    state = await wait(emulator, settled)
    return [row for row in state["deliveries"] if row["job"] == name]


async def test_an_event_is_signed_with_the_secret_of_the_create_answer(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    webhook = await webhooks.create(uri=f"{inbox.url}/hooks", subscribed_events=EVENTS)
    name = await gemini.create()
    (callback,) = await inbox.wait(1)
    event = json.loads(callback.body)
    assert event["data"] == {"id": name}
    assert (event["type"], event["version"]) == ("batch.succeeded", "v1")
    assert callback.headers["webhook-id"].startswith("msg_")
    assert abs(int(callback.headers["webhook-timestamp"]) - time.time()) < 10
    secrets = [webhook.new_signing_secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    assert v1_secrets(callback.headers, callback.body, secrets) == [[0]]
    assert v1_secrets(callback.headers, callback.body + b" ", secrets) == [[]]
    (row,) = await deliveries_of(emulator, name, 1)
    assert (row["webhook"], row["status"]) == (webhook.id, 200)


@pytest.mark.parametrize("event_type", EVENTS)
async def test_every_end_has_its_event(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox, webhooks: Any, event_type: str
) -> None:
    others = [other for other in EVENTS if other != event_type]
    await webhooks.create(uri=f"{inbox.url}/unsubscribed", subscribed_events=others)
    wanted = await webhooks.create(uri=inbox.url, subscribed_events=[event_type])
    name = await gemini.create()
    await asyncio.to_thread(emulator.job, name, ACTIONS[event_type])
    (row,) = await deliveries_of(emulator, name, 1)
    assert (row["webhook"], row["type"]) == (wanted.id, event_type)
    (callback,) = inbox.received
    assert json.loads(callback.body)["type"] == event_type


async def test_each_webhook_has_its_own_secret_and_event(
    gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    made = [await webhooks.create(uri=inbox.url, subscribed_events=EVENTS) for _ in range(2)]
    await gemini.create()
    callbacks = await inbox.wait(2)
    secrets = [webhook.new_signing_secret for webhook in made]
    found = sorted(v1_secrets(one.headers, one.body, secrets)[0] for one in callbacks)
    assert found == [[0], [1]]
    assert len({one.headers["webhook-id"] for one in callbacks}) == 2


async def test_the_addresses_of_a_batch_are_called_instead(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    await webhooks.create(uri=f"{inbox.url}/static", subscribed_events=EVENTS)
    name = await gemini.create(f"{inbox.url}/dynamic")
    (row,) = await deliveries_of(emulator, name, 1)
    assert (row["uri"], row["webhook"]) == (f"{inbox.url}/dynamic", "")
    (callback,) = inbox.received
    assert callback.headers["webhook-signature"].startswith("v1a,")


async def test_who_is_disabled_unsubscribed_deleted_or_of_another_project_is_not_called(
    emulator: EmulatorProcess,
    gemini: Gemini,
    inbox: Inbox,
    webhooks: Any,
    webhooks_of_another_project: Any,
) -> None:
    disabled = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    await webhooks.update(disabled.id, state="disabled")
    failing = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    await webhooks.update(failing.id, state="disabled_due_to_failed_deliveries")
    deleted = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    await webhooks.delete(deleted.id)
    await webhooks.create(uri=inbox.url, subscribed_events=["batch.failed", "video.generated"])
    await webhooks_of_another_project.create(uri=inbox.url, subscribed_events=EVENTS)
    called = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    name = await gemini.create()
    (row,) = await deliveries_of(emulator, name, 1)
    assert row["webhook"] == called.id
    await webhooks.update(disabled.id, state="enabled")
    again = await deliveries_of(emulator, await gemini.create(), 2)
    assert {row["webhook"] for row in again} == {called.id, disabled.id}
    assert len(inbox.received) == 3


async def test_during_the_overlap_the_newest_secret_signs_first(
    gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    webhook = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    newest = (await webhooks.rotate_signing_secret(webhook.id)).secret
    await gemini.create()
    (callback,) = await inbox.wait(1)
    secrets = [webhook.new_signing_secret, newest]
    assert v1_secrets(callback.headers, callback.body, secrets) == [[1], [0]]
    await webhooks.rotate_signing_secret(webhook.id, revocation_behavior=AT_ONCE)
    await gemini.create()
    callback = (await inbox.wait(2))[1]
    assert v1_secrets(callback.headers, callback.body, secrets) == [[]]


@quick_retries
async def test_each_attempt_is_signed_with_the_secrets_of_its_time(
    gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    inbox.answers = [503, 500]
    webhook = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    await gemini.create()
    await inbox.wait(1)
    rotated = await webhooks.rotate_signing_secret(webhook.id, revocation_behavior=AT_ONCE)
    first, *_, last = await inbox.wait(3)
    secrets = [webhook.new_signing_secret, rotated.secret]
    assert v1_secrets(first.headers, first.body, secrets) == [[0]]
    assert v1_secrets(last.headers, last.body, secrets) == [[1]]
    assert (first.headers["webhook-id"], first.body) == (last.headers["webhook-id"], last.body)
    assert int(first.headers["webhook-timestamp"]) < int(last.headers["webhook-timestamp"])


@quick_retries
@pytest.mark.parametrize("end", ["disable", "delete"])
async def test_a_webhook_that_goes_away_gets_no_further_attempt(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox, webhooks: Any, end: str
) -> None:
    inbox.answers = [503] * 10
    webhook = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    name = await gemini.create()
    await inbox.wait(1)
    if end == "disable":
        await webhooks.update(webhook.id, state="disabled")
    else:
        await webhooks.delete(webhook.id)
    rows = await deliveries_of(emulator, name, 1)
    assert {row["outcome"] for row in rows} == {"given up"}
    assert len(rows) == len(inbox.received)


async def test_a_ping_is_an_event_like_any_other(
    gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    webhook = await webhooks.create(uri=inbox.url, subscribed_events=["batch.failed"])
    await webhooks.ping(webhook.id)
    await webhooks.ping(webhook.id)
    first, second = await inbox.wait(2)
    assert json.loads(first.body)["type"] == "webhooks.ping"
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    secrets = [webhook.new_signing_secret]
    assert v1_secrets(first.headers, first.body, secrets) == [[0]]
    assert (await gemini.call("POST", f"webhooks/{webhook.id}:ping", {"x": 1}))[0] == 400


@quick_retries
async def test_webhooks_secrets_and_pending_events_survive_kill_9(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    inbox.answers = [503]
    webhook = await webhooks.create(name="kept", uri=inbox.url, subscribed_events=EVENTS)
    newest = (await webhooks.rotate_signing_secret(webhook.id)).secret
    await gemini.create()
    (first,) = await inbox.wait(1)
    await wait(emulator, lambda state: any(row["attempt"] for row in state["deliveries"]))
    before = await gemini.get(f"webhooks/{webhook.id}")
    await asyncio.to_thread(emulator.kill)
    await asyncio.to_thread(emulator.start)
    second = (await inbox.wait(2))[1]
    secrets = [newest, webhook.new_signing_secret]
    assert v1_secrets(second.headers, second.body, secrets) == [[0], [1]]
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert await gemini.get(f"webhooks/{webhook.id}") == before
    status, _ = await gemini.call("DELETE", f"webhooks/{webhook.id}")
    await asyncio.to_thread(emulator.kill)
    await asyncio.to_thread(emulator.start)
    assert (status, await gemini.get("webhooks")) == (200, {})


@started_with("--deliver-to", "http://127.0.0.1:9/only/here", "--signature", "both")
async def test_s24_callbacks_go_only_where_the_command_line_allows(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox, webhooks: Any
) -> None:
    port = inbox.url.rpartition(":")[2]
    await webhooks.create(uri=f"http://localhost:{port}/", subscribed_events=EVENTS)
    allowed = await webhooks.create(uri=inbox.url, subscribed_events=EVENTS)
    rows = await deliveries_of(emulator, await gemini.create(), 2)
    outcomes = {row["uri"]: (row["outcome"], row["attempt"]) for row in rows}
    assert outcomes == {
        f"http://localhost:{port}/": ("refused", 0),
        inbox.url: ("delivered", 1),
    }
    (callback,) = inbox.received
    # The mode of dynamic webhooks does not matter here.
    secrets = [allowed.new_signing_secret]
    assert v1_secrets(callback.headers, callback.body, secrets) == [[0]]


async def test_the_control_routes_show_and_remove_webhooks_without_their_secrets(
    emulator: EmulatorProcess, webhooks: Any
) -> None:
    webhook = await webhooks.create(name="n", uri="http://127.0.0.1:9/", subscribed_events=EVENTS)
    state = emulator.state()
    assert state["webhooks"] == [
        {
            "id": webhook.id,
            "name": "n",
            "uri": "http://127.0.0.1:9/",
            "subscribedEvents": EVENTS,
            "state": "enabled",
            "project": "demo",
        }
    ]
    assert "whsec_" not in json.dumps(state)
    emulator.reset()
    assert emulator.state()["webhooks"] == []


@pytest.mark.parametrize(
    ("call", "body", "message"),
    [
        ("POST webhooks", [], "an object is expected"),
        ("POST webhooks", {"uri": "https://h"}, "webhook.subscribed_events"),
        ("POST webhooks", {"subscribed_events": EVENTS}, "webhook.uri"),
        ("POST webhooks", {"url": "https://h"}, "Unknown name"),
        ("PATCH webhooks/{id}?update_mask=secret", {}, "'secret' cannot be updated"),
        ("PATCH webhooks/{id}?updateMask=state", {"state": "on"}, "webhook.state"),
        ("PATCH webhooks/{id}", {"uri": "h"}, "webhook.uri"),
        (
            "POST webhooks/{id}:rotateSigningSecret",
            {"revocation_behavior": "REVOKE_PREVIOUS_SECRETS_IMMEDIATELY"},
            "revoke_previous_secrets_after_h24",
        ),
        ("POST webhooks/{id}:ping", {"x": 1}, "Unknown name"),
        ("GET webhooks?page_size=x", None, "page_size"),
        ("GET webhooks?page_token=x", None, "page token"),
    ],
)
async def test_a_mistake_is_refused_and_changes_nothing(
    gemini: Gemini, webhooks: Any, call: str, body: Any, message: str
) -> None:
    webhook = await webhooks.create(uri="https://h/x", subscribed_events=EVENTS)
    before = await gemini.get("webhooks")
    method, path = call.format(id=webhook.id).split(" ")
    status, answer = await gemini.call(method, path, body)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert message in answer["error"]["message"]
    assert await gemini.get("webhooks") == before


@pytest.mark.parametrize("path", ["webhooks", "webhooks/x", "webhooks/x:ping"])
async def test_a_refused_key_is_refused_before_the_body_is_looked_at(
    emulator: EmulatorProcess, gemini: Gemini, path: str
) -> None:
    method = "PATCH" if path.endswith("x") else "POST"
    url = f"{emulator.url}/v1beta/{path}?key=nonsense"
    headers = {"x-goog-api-key": ""}
    async with gemini.session.request(method, url, data="{", headers=headers) as answer:
        assert "API key not valid" in (await answer.json())["error"]["message"]

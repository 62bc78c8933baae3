import json
from pathlib import Path
from typing import Any

import pytest

from gemini_emulator.addresses import Prefix
from gemini_emulator.batches import Batch
from gemini_emulator.deliveries import CallbackDelivery, Deliveries, attempt_rows, event_id, payload
from gemini_emulator.schedule import RetrySchedule
from gemini_emulator.signing import SigningKeys
from gemini_emulator.webhooks import Webhook, WebhookStore

from .conftest import ManualClock


def ended_batch(state: str = "BATCH_STATE_SUCCEEDED", **fields: object) -> Batch:
    made = Batch(
        id="b", project="p", kind="GenerateContent", model="m", created=1.0, updated=2.0, ended=3.5
    )
    made.state = state
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_the_payload_is_thin() -> None:
    assert json.loads(payload(ended_batch(), "http://h")) == {
        "type": "batch.succeeded",
        "version": "v1",
        "timestamp": "1970-01-01T00:00:03Z",
        "data": {"id": "batches/b"},
    }


def test_a_file_batch_names_its_results() -> None:
    data = json.loads(payload(ended_batch(file_id="in"), "http://h"))["data"]
    assert data["output_file_uri"] == "http://h/v1beta/files/batch-b"


def test_a_failure_says_why() -> None:
    error = {"code": 13, "message": "no"}
    data = json.loads(payload(ended_batch("BATCH_STATE_FAILED", error=error), ""))["data"]
    assert (data["error_code"], data["error_message"]) == (13, "no")


def test_the_callers_metadata_comes_back_unchanged() -> None:
    metadata = {"gemini-operator.io/uid": "u", "nested": {"a_b": [1]}}
    data = json.loads(payload(ended_batch(user_metadata=metadata), ""))["data"]
    assert data["user_metadata"] == metadata


def test_an_event_has_one_id_for_ever_and_for_each_address_another() -> None:
    assert event_id(ended_batch(), "http://h/1") == event_id(ended_batch(), "http://h/1")
    others = {
        event_id(ended_batch(), "http://h/1"),
        event_id(ended_batch(), "http://h/2"),
        event_id(ended_batch("BATCH_STATE_FAILED"), "http://h/1"),
        event_id(ended_batch(id="c"), "http://h/1"),
    }
    assert len(others) == 4


def start(root: Path, clock: ManualClock) -> Deliveries:
    return Deliveries(
        root / "deliveries",
        keys=SigningKeys(root / "keys", "v1a"),
        webhooks=WebhookStore(root / "webhooks", clock),
        allowed=(Prefix.parse("http://127.0.0.1:"),),
        retries=RetrySchedule(),
        clock=clock,
    )


def register(root: Path, clock: ManualClock, **fields: Any) -> Webhook:
    """Register a webhook; call it before `start`."""
    known = {"uri": "http://127.0.0.1:9/w", "subscribed_events": ["batch.succeeded"]}
    project = fields.pop("project", "p")
    return WebhookStore(root / "webhooks", clock).add(project, known | fields)


@pytest.fixture
def batch(clock: ManualClock) -> Batch:
    return Batch(
        id="b",
        project="p",
        kind="GenerateContent",
        model="m",
        created=clock.now,
        updated=clock.now,
        ended=clock.now,
        state="BATCH_STATE_SUCCEEDED",
        uris=["http://127.0.0.1:9/a", "http://example.test/b"],
    )


async def test_an_end_is_announced_once_to_every_address(
    tmp_path: Path, clock: ManualClock, batch: Batch
) -> None:
    deliveries = start(tmp_path, clock)
    deliveries.announce(batch)
    first = list(deliveries)
    clock.advance(60)
    deliveries.announce(batch)
    assert list(deliveries) == first
    assert list(start(tmp_path, clock)) == sorted(first, key=lambda one: one.id)


async def test_s24_an_address_that_is_not_allowed_is_never_due(
    tmp_path: Path, clock: ManualClock, batch: Batch
) -> None:
    deliveries = start(tmp_path, clock)
    deliveries.announce(batch)
    outcomes = {one.uri: (one.outcome, one.due) for one in deliveries}
    assert outcomes == {
        "http://127.0.0.1:9/a": ("pending", clock.now),
        "http://example.test/b": ("refused", None),
    }
    for one in deliveries:
        assert deliveries.redeliver(one.id) == (one.outcome == "pending")
    assert not deliveries.redeliver("msg_unknown")


async def test_cleared_deliveries_are_gone_from_the_disk_too(
    tmp_path: Path, clock: ManualClock, batch: Batch
) -> None:
    deliveries = start(tmp_path, clock)
    deliveries.announce(batch)
    deliveries.clear()
    assert list(deliveries) == []
    assert list(start(tmp_path, clock)) == []


async def test_a_batch_without_addresses_is_announced_once_to_each_subscribed_webhook(
    tmp_path: Path, clock: ManualClock, batch: Batch
) -> None:
    batch.uris = []
    asked = [register(tmp_path, clock) for _ in range(2)]
    register(tmp_path, clock, state="disabled")
    register(tmp_path, clock, state="disabled_due_to_failed_deliveries")
    register(tmp_path, clock, subscribed_events=["batch.failed", "video.generated"])
    register(tmp_path, clock, project="other")
    deliveries = start(tmp_path, clock)
    deliveries.announce(batch)
    deliveries.announce(batch)
    assert {one.webhook for one in deliveries} == {webhook.id for webhook in asked}
    assert len(list(deliveries)) == 2
    assert {(one.uri, one.job) for one in deliveries} == {("http://127.0.0.1:9/w", "batches/b")}
    assert {one.body for one in deliveries} == {payload(batch, "")}
    assert sorted(start(tmp_path, clock), key=str) == sorted(deliveries, key=str)


async def test_a_batchs_own_addresses_come_instead_of_the_webhooks(
    tmp_path: Path, clock: ManualClock, batch: Batch
) -> None:
    register(tmp_path, clock)
    deliveries = start(tmp_path, clock)
    deliveries.announce(batch)
    assert {one.webhook for one in deliveries} == {""}
    assert {one.uri for one in deliveries} == set(batch.uris)


async def test_every_ping_is_a_new_event(tmp_path: Path, clock: ManualClock) -> None:
    webhook = register(tmp_path, clock)
    deliveries = start(tmp_path, clock)
    deliveries.ping(webhook)
    deliveries.ping(webhook)
    first, second = deliveries
    assert first.id != second.id
    assert (first.type, first.job, first.webhook) == ("webhooks.ping", "", webhook.id)
    assert json.loads(first.body) == {
        "type": "webhooks.ping",
        "version": "v1",
        "timestamp": "2025-06-15T15:06:40Z",
        "data": {"id": webhook.id},
    }


async def test_s24_a_webhooks_address_that_is_not_allowed_is_never_due(
    tmp_path: Path, clock: ManualClock, batch: Batch
) -> None:
    batch.uris = []
    webhook = register(tmp_path, clock, uri="http://example.test/w")
    deliveries = start(tmp_path, clock)
    deliveries.announce(batch)
    deliveries.ping(webhook)
    assert [(one.outcome, one.due) for one in deliveries] == [("refused", None)] * 2


def test_every_attempt_is_shown() -> None:
    one = CallbackDelivery("msg_1", "batches/b", "batch.failed", "http://h", "{}", 1.0, 2.0)
    assert [(row["attempt"], row["status"]) for row in attempt_rows(one)] == [(0, "pending")]
    one.attempts = [503, "timeout"]
    assert [(row["attempt"], row["status"]) for row in attempt_rows(one)] == [
        (1, 503),
        (2, "timeout"),
    ]
    assert {row["uri"] for row in attempt_rows(one)} == {"http://h"}

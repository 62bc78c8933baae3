import json
from pathlib import Path

import pytest

from gemini_emulator.addresses import Prefix
from gemini_emulator.batches import Batch
from gemini_emulator.deliveries import CallbackDelivery, Deliveries, attempt_rows, event_id, payload
from gemini_emulator.schedule import RetrySchedule
from gemini_emulator.signing import SigningKeys

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
        allowed=(Prefix.parse("http://127.0.0.1:"),),
        retries=RetrySchedule(),
        clock=clock,
    )


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


def test_every_attempt_is_shown() -> None:
    one = CallbackDelivery("msg_1", "batches/b", "batch.failed", "http://h", "{}", 1.0, 2.0)
    assert [(row["attempt"], row["status"]) for row in attempt_rows(one)] == [(0, "pending")]
    one.attempts = [503, "timeout"]
    assert [(row["attempt"], row["status"]) for row in attempt_rows(one)] == [
        (1, 503),
        (2, "timeout"),
    ]
    assert {row["uri"] for row in attempt_rows(one)} == {"http://h"}

import json

from gemini_emulator.batches import Batch
from gemini_emulator.events import event_id, payload


def batch(state: str = "BATCH_STATE_SUCCEEDED", **fields: object) -> Batch:
    made = Batch(
        id="b", project="p", kind="GenerateContent", model="m", created=1.0, updated=2.0, ended=3.5
    )
    made.state = state
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_the_payload_is_thin() -> None:
    assert json.loads(payload(batch(), "http://h")) == {
        "type": "batch.succeeded",
        "version": "v1",
        "timestamp": "1970-01-01T00:00:03Z",
        "data": {"id": "batches/b"},
    }


def test_a_file_batch_names_its_results() -> None:
    data = json.loads(payload(batch(file_id="in"), "http://h"))["data"]
    assert data["output_file_uri"] == "http://h/v1beta/files/batch-b"


def test_a_failure_says_why() -> None:
    error = {"code": 13, "message": "no"}
    data = json.loads(payload(batch("BATCH_STATE_FAILED", error=error), ""))["data"]
    assert (data["error_code"], data["error_message"]) == (13, "no")


def test_the_callers_metadata_comes_back_unchanged() -> None:
    metadata = {"gemini-operator.io/uid": "u", "nested": {"a_b": [1]}}
    data = json.loads(payload(batch(user_metadata=metadata), ""))["data"]
    assert data["user_metadata"] == metadata


def test_an_event_has_one_id_for_ever_and_for_each_address_another() -> None:
    assert event_id(batch(), "http://h/1") == event_id(batch(), "http://h/1")
    others = {
        event_id(batch(), "http://h/1"),
        event_id(batch(), "http://h/2"),
        event_id(batch("BATCH_STATE_FAILED"), "http://h/1"),
        event_id(batch(id="c"), "http://h/1"),
    }
    assert len(others) == 4

from pathlib import Path

import pytest

from gemini_emulator.batches import Batch, BatchStore, as_full_operation, as_operation, new_batch_id
from gemini_emulator.create_request import CreateRequest
from gemini_emulator.errors import ApiError
from gemini_emulator.request_check import Kind

CREATE_REQUEST = CreateRequest(
    kind="GenerateContent",
    model="models/m",
    display_name="d",
    requests=({"request": {"contents": "a"}},),
    uris=("http://h/x",),
    user_metadata={"a": 1},
)


def test_ids_are_long_and_never_the_same() -> None:
    ids = {new_batch_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(f"batch-{one}") == 42 for one in ids)


def test_a_batch_is_read_back_as_it_was(tmp_path: Path) -> None:
    batch = BatchStore(tmp_path).add("demo", CREATE_REQUEST, 1.0, 2.0)
    again = BatchStore(tmp_path)
    assert list(again) == [batch]
    assert again.requests(batch).read_text() == '{"request": {"contents": "a"}}\n'


def test_a_batch_is_found_by_its_project_only(tmp_path: Path) -> None:
    batches = BatchStore(tmp_path)
    batch = batches.add("demo", CREATE_REQUEST, 1.0, 2.0)
    assert batches.find("demo", batch.id) is batch
    for project, identity in (("other", batch.id), ("demo", "none")):
        with pytest.raises(ApiError) as caught:
            batches.find(project, identity)
        assert caught.value.code == 404


def test_a_removed_batch_leaves_nothing(tmp_path: Path) -> None:
    batches = BatchStore(tmp_path)
    batch = batches.add("demo", CREATE_REQUEST, 1.0, 2.0)
    batches.remove(batch)
    batches.remove(batch)
    assert list(batches) == []
    assert list(tmp_path.iterdir()) == []


def shown_batch(kind: Kind = "GenerateContent", **fields: object) -> Batch:
    made = Batch(id="b", project="p", kind=kind, model="models/m", created=1.0, updated=2.0)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_what_is_zero_or_unknown_is_absent() -> None:
    operation = as_operation(shown_batch())
    assert set(operation) == {"name", "metadata"}
    assert set(operation["metadata"]) == {
        "@type",
        "model",
        "createTime",
        "updateTime",
        "state",
        "name",
    }


def test_counts_are_texts() -> None:
    ended = shown_batch(state="BATCH_STATE_SUCCEEDED", total=9, succeeded=9, ended=3.0)
    assert as_operation(ended)["metadata"]["batchStats"] == {
        "requestCount": "9",
        "successfulRequestCount": "9",
    }


@pytest.mark.parametrize("kind", ["GenerateContent", "EmbedContent"])
def test_results_stand_twice_in_a_full_answer(kind: Kind, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text('{"response": {}}\n{"error": {"code": 13}}\n')
    operation = as_full_operation(shown_batch(kind, state="BATCH_STATE_SUCCEEDED"), results)
    output = operation["metadata"]["output"]
    assert output["inlinedResponses"]["inlinedResponses"] == [
        {"response": {}},
        {"error": {"code": 13}},
    ]
    assert operation["response"] == {
        "@type": f"type.googleapis.com/google.ai.generativelanguage.v1main.{kind}BatchOutput",
        **output,
    }


def test_a_failed_batch_has_its_error_and_no_results(tmp_path: Path) -> None:
    error = {"code": 13, "message": "no"}
    operation = as_full_operation(
        shown_batch(state="BATCH_STATE_FAILED", error=error), tmp_path / "none"
    )
    assert operation["error"] == error
    assert operation["done"] is True
    assert "response" not in operation

from pathlib import Path

import pytest

from gemini_emulator.batches import Batch
from gemini_emulator.operations import full, summary
from gemini_emulator.submission import Kind


def batch(kind: Kind = "GenerateContent", **fields: object) -> Batch:
    made = Batch(id="b", project="p", kind=kind, model="models/m", created=1.0, updated=2.0)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_what_is_zero_or_unknown_is_absent() -> None:
    operation = summary(batch())
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
    ended = batch(state="BATCH_STATE_SUCCEEDED", total=9, succeeded=9, ended=3.0)
    assert summary(ended)["metadata"]["batchStats"] == {
        "requestCount": "9",
        "successfulRequestCount": "9",
    }


@pytest.mark.parametrize("kind", ["GenerateContent", "EmbedContent"])
def test_results_stand_twice_in_a_full_answer(kind: Kind, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text('{"response": {}}\n{"error": {"code": 13}}\n')
    operation = full(batch(kind, state="BATCH_STATE_SUCCEEDED"), results)
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
    operation = full(batch(state="BATCH_STATE_FAILED", error=error), tmp_path / "none")
    assert operation["error"] == error
    assert operation["done"] is True
    assert "response" not in operation

"""Google says that a batch has succeeded, and its answer holds no results."""

from typing import Any

import pytest

from tests.integration.controller.conftest import NEVER
from tests.operator_process import Operator

SCHEDULE = NEVER


@pytest.mark.parametrize(
    "output",
    [None, {}, {"inlinedResponses": {}}, {"inlinedResponses": {"inlinedResponses": None}}],
    ids=["no output", "empty output", "no list", "null"],
)
def test_a_batch_without_any_result_is_not_too_large(
    shared: Operator, name: str, output: Any
) -> None:
    batch = shared.submitted(name, output={"configMap": {"name": name}})
    [known] = shared.batches_of(name)
    metadata = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.GenerateContentBatch",
        "name": batch,
        "displayName": known["displayName"],
        "model": "models/gemini-2.5-flash",
        "state": "BATCH_STATE_SUCCEEDED",
        "createTime": "2099-01-01T00:00:00Z",
        **({} if output is None else {"output": output}),
    }
    answer = {"name": batch, "done": True, "metadata": metadata}
    shared.emulator.fault("batches.get", "status", status=200, body=answer)
    shared.annotate(name, requested_at="now")
    failed = shared.wait_condition(name, "Failed")
    assert failed["reason"] == "DeliveryFailed"
    assert "no results" in failed["message"]

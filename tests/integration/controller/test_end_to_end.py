"""From kubectl apply to kubectl wait, with nothing faked but Google."""

import json

from tests.operator_process import Operator, inline_job

TEXTS = {"one": "Say one.", "two": "Say two.", "three": "Say three."}


def test_an_inline_job_completes(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("job", TEXTS, output={"configMap": {"name": "results"}}))
    status = operator.wait_complete("job")
    assert status["state"] == "Succeeded"
    assert status["requests"] == {"total": 3, "succeeded": 3, "failed": 0, "pending": 0}
    assert status["output"]["records"] == 3
    lines = operator.get("results", "configmap")["data"]["results.jsonl"].splitlines()
    assert [json.loads(line)["key"] for line in lines] == list(TEXTS)
    assert len(operator.batches()) == 1

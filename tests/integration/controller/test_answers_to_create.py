"""The table of answers to create (rule P10), each by a real answer of the emulator."""

from typing import Any

import pytest

from tests.operator_process import QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually

CONTROLLER_ARGS = QUICK_GRACE


def refusal(code: int, status: str, message: str = "No.") -> dict[str, Any]:
    return {"status": code, "body": {"error": {"code": code, "status": status, "message": message}}}


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "INVALID_ARGUMENT", "The model has no batch mode."),
        refusal(404, "NOT_FOUND", "No such model."),
        refusal(413, "INVALID_ARGUMENT", "Too many bytes."),
    ],
    ids=lambda answer: str(answer["status"]),
)
def test_p10_a_refused_request_fails_and_is_never_sent_again(
    shared: Operator, name: str, answer: dict[str, Any]
) -> None:
    before = shared.emulator.requests("batches.create")
    shared.emulator.fault("batches.create", "status", **answer)
    shared.apply(inline_job(name))
    condition = shared.wait_condition(name, "Failed", "InvalidRequest")
    assert answer["body"]["error"]["message"] in condition["message"]
    assert shared.emulator.requests("batches.create") == before + 1
    assert "attempt" not in shared.status(name)


def test_p10_a_failed_precondition_is_about_the_key(shared: Operator, name: str) -> None:
    answer = refusal(400, "FAILED_PRECONDITION", "Enable billing.")
    shared.emulator.fault("batches.create", "status", **answer)
    shared.apply(inline_job(name))
    condition = shared.wait_condition(name, "Stalled", "CredentialsRejected")
    assert "Enable billing." in condition["message"]
    shared.wait_complete(name, timeout=100)


def test_p10_a_throttled_create_is_queued_and_sent_again(operator: Operator) -> None:
    operator.start()
    answer = refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded.")
    operator.emulator.fault("batches.create", "status", count=2, **answer)
    operator.apply(inline_job("job"))

    def queued() -> bool:
        condition = operator.condition("job", "Submitted")
        return bool(condition and condition["reason"] == "QuotaExceeded")

    eventually(queued, timeout=20)
    assert operator.status("job")["state"] == "Queued"
    operator.wait_complete("job", timeout=60)
    assert operator.emulator.requests("batches.create") == 3
    assert len(operator.batches()) == 1


UNKNOWN = [
    {"action": "status", "status": 500, "when": "before"},
    {"action": "status", "status": 500, "when": "after"},
    {"action": "status", "status": 503, "when": "before"},
    {"action": "drop", "when": "before"},
    {"action": "drop", "when": "after"},
    {"action": "delay", "delaySeconds": 4, "when": "before"},
    {"action": "delay", "delaySeconds": 4, "when": "after"},
    {"action": "truncate", "when": "after"},
]


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda f: f"{f['action']}-{f['when']}-executing")
def test_p10_an_unknown_outcome_is_searched_for_and_ends_in_one_batch(
    shared: Operator, name: str, fault: dict[str, Any]
) -> None:
    shared.emulator.fault("batches.create", **fault)
    shared.apply(inline_job(name))
    shared.wait_complete(name, timeout=60)
    assert len(shared.batches_of(name)) == 1


def test_p10_a_refused_connection_sent_nothing(operator: Operator) -> None:
    operator.start()
    operator.emulator.stop()
    operator.apply(inline_job("job"))
    eventually(lambda: "NotSent" in operator.controller.text(), timeout=20)
    operator.emulator.start()
    status = operator.wait_complete("job", timeout=60)
    assert "supersededAttempts" not in status
    assert len(operator.batches()) == 1

"""Jobs that wait together because Google throttles their key and model (rule P10)."""

from tests.operator_process import Operator, inline_job, job
from tests.waiting import eventually


def test_p10_a_job_without_its_input_does_not_hold_up_the_line(operator: Operator) -> None:
    """The older one stands first, but what it waits for may never come."""
    operator.start()
    missing = {"configMapKeyRef": {"name": "nowhere", "key": "requests.jsonl"}}
    operator.apply(job("older", missing))
    operator.wait_problem("older", "InputMissing")
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded."}}
    operator.emulator.fault("batches.create", "status", status=429, body=body)
    operator.apply(inline_job("younger"))
    eventually(
        lambda: operator.emulator.requests("batches.create") == 1, what="the create to be throttled"
    )
    # The older one asks for its place meanwhile.
    operator.kubectl("annotate", "gbj", "older", "example.com/touched=yes")
    operator.wait_complete("younger", timeout=45)

"""What a job may cost the API server and Google (the budget at the end of the protocol)."""

from typing import Any

import pytest

from local.control_plane import ControlPlane
from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, inline_job


def test_an_undisturbed_job_costs_five_writes_and_two_reads(
    operator: Operator, control_plane: ControlPlane
) -> None:
    operator.start()
    operator.apply(inline_job("job"))
    operator.wait_complete("job")
    assert operator.controller.stop() == 0
    writes = [event for event in _requests(control_plane, operator) if event["verb"] == "patch"]
    assert [(e["objectRef"].get("subresource"), e["responseStatus"]["code"]) for e in writes] == [
        (None, 200),  # finalizer
        ("status", 200),  # write-ahead
        ("status", 200),  # name
        ("status", 200),  # event, by the receiver
        ("status", 200),  # outcome
    ]
    assert operator.emulator.requests("batches.create") == 1
    assert operator.emulator.requests("batches.get") <= 2
    assert operator.emulator.requests("batches.list") == 0


@SLOW
@pytest.mark.exhaustive
def test_a_waiting_job_costs_nothing(operator: Operator, control_plane: ControlPlane) -> None:
    operator.start()
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    asked = len(_requests(control_plane, operator)), operator.emulator.state()["requests"]
    operator.apply(inline_job("other"))
    operator.wait_condition("other", "Submitted")
    operator.emulator.job(operator.status("other")["batchName"], "succeed")
    operator.wait_complete("other")
    assert len(_requests(control_plane, operator)) == asked[0]
    assert operator.emulator.requests("batches.list") == asked[1].get("batches.list", 0)


def _requests(control_plane: ControlPlane, operator: Operator) -> list[Any]:
    """What was asked about the namespace's jobs, in order, watches and lists aside."""
    return [
        event
        for event in control_plane.audit_events()
        if event.get("objectRef", {}).get("resource") == "geminibatchjobs"
        and event["objectRef"].get("namespace") == operator.namespace
        and event["objectRef"].get("name") == "job"
        and event["stage"] == "ResponseComplete"
        and event["user"]["username"].startswith("system:serviceaccount")
    ]

"""Inline requests that are too deep to be sent."""

from typing import Any

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import policies, unsendable
from gemini_operator.controller.lifecycle.decisions import PatchStatus, Submit
from tests.unit.controller.builders import a_snapshot, reason_of, submitted


def inline(levels: int) -> dict[str, Any]:
    request: Any = 1
    for _ in range(levels):
        request = {"a": request}
    items = [{"key": "good", "request": {"a": [1]}}, {"key": "deep", "request": request}]
    return {"input": {"inline": items}}


def test_sixty_four_levels_are_submitted() -> None:
    assert isinstance(policies.decide(a_snapshot(spec=inline(64)), None), Submit)


def test_sixty_five_levels_end_the_job_before_anything_is_done_for_it() -> None:
    decision = policies.decide(a_snapshot(spec=inline(65), has_finalizer=False), None)
    assert isinstance(decision, PatchStatus)
    assert reason_of(decision.status, "Failed") == ("True", Reason.INVALID_INPUT)
    [message] = [c.message for c in decision.status.conditions if c.type == "Failed"]
    assert "Request 2 of input.inline" in message
    assert "64 levels" in message


def test_a_job_with_a_batch_is_followed_whatever_its_input_looks_like() -> None:
    assert unsendable.decide(a_snapshot(spec=inline(65), status=submitted())) is None

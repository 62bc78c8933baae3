"""What of the writer needs no API server."""

from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Status
from gemini_operator.controller.passes.writer import _minimal
from gemini_operator.kube.errors import Invalid
from tests.unit.controller.builders import a_view, finished, reason_of

REFUSED = Invalid("Invalid", "status.state: Too long", has_causes=True)


def test_s22_a_refused_status_falls_back_to_one_that_says_so() -> None:
    patch = _minimal(a_view(resourceVersion="7"), REFUSED)
    assert patch["metadata"] == {"resourceVersion": "7"}
    assert set(patch["status"]) == {"conditions"}
    status = Status.model_validate(patch["status"])
    assert reason_of(status, "Stalled") == ("True", Reason.INTERNAL)
    assert "Too long" in status.conditions[-1].message


def test_s22_it_takes_no_condition_away() -> None:
    """Complete and Failed stay for good, also when a later write is refused (P24)."""
    patch = _minimal(a_view(status=finished()), REFUSED)
    kinds = [condition["type"] for condition in patch["status"]["conditions"]]
    assert kinds == ["Submitted", "Complete", "Stalled"]

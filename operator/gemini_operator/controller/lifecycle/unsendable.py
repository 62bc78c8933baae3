"""Inline requests that are too large or too deep fail the job before anything is written or sent.

Each write to an object of 1.4 MB costs the API server a second of CPU (decision 0019), so such a
job gets one write, its end, and not even a finalizer before.
"""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.decisions import Decision
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import failed


def decide(snapshot: Snapshot) -> Decision | None:
    """Fail a job without an attempt whose inline requests can never be submitted."""
    problem = snapshot.job.input_problem
    if problem is None or snapshot.status.attempt is not None:
        return None
    return failed(snapshot, Reason.INVALID_INPUT, f"{problem}.")

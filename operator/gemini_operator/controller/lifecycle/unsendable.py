"""Inline requests that can never be submitted end their job before anything else is done for it."""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.decisions import Decision
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import failed


def decide(snapshot: Snapshot) -> Decision | None:
    """End a job of which nothing is at Google, and never will be."""
    problem = snapshot.job.input_problem
    if problem is None or snapshot.status.attempt is not None:
        return None
    return failed(snapshot, Reason.INVALID_INPUT, f"{problem}.")

"""The order in which policies are asked (rule P16); the first that answers decides the pass."""

from gemini_operator.controller.lifecycle import (
    credentials,
    deletion,
    duplicates,
    observation,
    resolution,
    search,
    submission,
    support,
)
from gemini_operator.controller.lifecycle.view import Decision, Hold, Remote, View, Wait, Write


def decide(view: View, remote: Remote | None) -> Decision:
    """What this pass over the job has to do; a new generation is always acknowledged."""
    decision = _first(view, remote)
    observed = view.status.observed_generation
    if isinstance(decision, Wait) and observed not in (None, view.job.generation):
        return Write(view.revise(), seconds=decision.seconds)
    return decision


def _first(view: View, remote: Remote | None) -> Decision:
    return (
        deletion.decide(view)
        or duplicates.decide(view)
        or _finished(view)
        or support.decide(view)
        or _hold(view)
        or credentials.decide(view)
        or submission.decide_refused(view)
        or resolution.decide(view, remote)
        or observation.decide(view, remote)
        or search.decide(view)
        or submission.decide(view)
        or Wait()
    )


def _finished(view: View) -> Decision | None:
    return Wait() if view.job.finished else None


def _hold(view: View) -> Decision | None:
    return None if view.job.held else Hold()

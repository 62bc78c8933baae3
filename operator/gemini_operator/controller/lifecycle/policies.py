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
from gemini_operator.controller.lifecycle.view import Decision, Hold, Remote, View, Wait


def decide(view: View, remote: Remote | None) -> Decision:
    """What this pass over the job has to do."""
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

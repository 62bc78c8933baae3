"""The order in which policies are asked (rule P16); the first that answers decides the pass."""

from gemini_operator.controller.lifecycle import (
    adoption,
    cancellation,
    credentials,
    deadline,
    deletion,
    duplicates,
    lost_attempt,
    observation,
    resolution,
    retries,
    search,
    shutdown,
    stuck,
    submission,
    support,
    suspension,
    ttl,
    unsendable,
)
from gemini_operator.controller.lifecycle.view import (
    Decision,
    Hold,
    Remote,
    Search,
    View,
    Wait,
    Write,
)


def decide(view: View, remote: Remote | None) -> Decision:
    """What this pass over the job has to do; a new generation is always acknowledged."""
    decision = _first(view, remote)
    observed = view.status.observed_generation
    if isinstance(decision, Search | Wait) and observed not in (None, view.job.generation):
        return Write(view.revise())
    return decision


def alarm(view: View) -> float | None:
    """Seconds until time alone gives the job something to do; `None` if it never does."""
    times = (deadline.remaining(view), ttl.remaining(view), stuck.remaining(view))
    return min((seconds for seconds in times if seconds), default=None)


def _first(view: View, remote: Remote | None) -> Decision:
    return (
        deletion.decide(view)
        or duplicates.decide(view)
        or _finished(view)
        or support.decide(view)
        or credentials.decide(view)
        or submission.decide_refused(view)
        or resolution.decide(view, remote)
        or _followed(view, remote)
        or search.decide(view)
        or _unsubmitted(view)
        or Wait()
    )


def _finished(view: View) -> Decision | None:
    if not view.job.finished:
        return None
    return ttl.decide(view) or Wait()


def _followed(view: View, remote: Remote | None) -> Decision | None:
    """What a look at the batch says comes first: Google's end wins over our wish to end it."""
    seen = observation.decide(view, remote)
    if seen is not None and not isinstance(seen, Wait):
        return seen
    wanted = cancellation.decide(view, remote)
    if isinstance(wanted, Wait) and isinstance(seen, Wait):
        times = (seen.seconds, wanted.seconds)
        return Wait(min((seconds for seconds in times if seconds is not None), default=None))
    return wanted or seen


def _unsubmitted(view: View) -> Decision | None:
    """A job of which nothing is at Google: what keeps it from getting there, then the way."""
    return (
        lost_attempt.decide(view)
        or unsendable.decide(view)
        or shutdown.decide(view)
        or deadline.decide(view)
        or suspension.decide(view)
        or retries.decide(view)
        or _hold(view)
        or adoption.decide(view)
        or submission.decide(view)
    )


def _hold(view: View) -> Decision | None:
    return None if view.job.held else Hold()

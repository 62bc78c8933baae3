"""How the job stands: the conditions for kstatus, and the one word for people.

Both are derived from the other conditions in every write. kstatus, which Flux, Argo CD and `kubectl
wait`-like tools use, takes `Reconciling` for in progress and `Stalled` for failed
(sigs.k8s.io/cli-utils/pkg/kstatus/status/generic.go).
"""

from datetime import datetime, timedelta

from gemini_operator.api.conditions import (
    COMPLETE,
    FAILED,
    RECONCILING,
    STALLED,
    SUBMITTED,
    SUSPENDED,
    Condition,
    find,
    is_true,
)
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import pauses
from gemini_operator.controller.lifecycle.snapshot import Snapshot

RECOVERS = frozenset(
    {
        Reason.CREDENTIALS_MISSING,
        Reason.INPUT_MISSING,
        Reason.INPUT_REFUSED,
        Reason.OUTPUT_REFUSED,
        Reason.REMOTE_UNAVAILABLE,
        Reason.SCHEMA_OUTDATED,
        Reason.WRITE_REFUSED,
    }
)
"""Reasons that may be over soon without anybody's help, as when a job is applied before its Secret."""

GRACE = timedelta(minutes=5)
"""How long a job waits for what recovers before it is stalled, so that it never flashes as failed."""

SOONEST, LATEST = 1.0, 30.0
"""Seconds until a job that waits is looked at again: an eighth of the time that it has waited."""

UNREMARKABLE = frozenset({Reason.SUBMITTED, Reason.ADOPTED, Reason.RESUMED})
"""Reasons of a job that goes on as it should: the state says enough."""


def with_progress(snapshot: Snapshot, status: Status) -> Status:
    """Return `status` with the conditions `Reconciling` and `Stalled` and the reason that fit it."""
    conditions = {each.type: each for each in status.conditions}
    cause = _cause(status, snapshot.now)
    if cause is not None:
        conditions[STALLED] = _copy(snapshot, cause, STALLED)
    goes_on = None if cause is not None else _goes_on(status)
    if goes_on is not None:
        conditions[RECONCILING] = _copy(snapshot, goes_on, RECONCILING)
    else:
        conditions.pop(RECONCILING, None)
    return status.model_copy(
        update={
            "conditions": tuple(conditions.values()),
            "reason": _reason(status, cause or goes_on),
        }
    )


def problem(snapshot: Snapshot, status: Status, reason: Reason, message: str) -> Status:
    """Return `status` with a problem: stalled, or at first only waiting where the reason recovers."""
    waits = reason in RECOVERS and not is_true(status.conditions, STALLED)
    return snapshot.condition(status, STALLED, not waits, reason, message)


def pause(snapshot: Snapshot) -> float:
    """Return the seconds until a job with a problem that recovers is looked at again."""
    said = find(snapshot.status.conditions, STALLED)
    if said is not None and said.status == "True":
        return LATEST
    waited = snapshot.waited_for(STALLED)
    return pauses.growing(waited, part=8, soonest=SOONEST, latest=LATEST)


def remaining(snapshot: Snapshot) -> float | None:
    """Return the seconds until a job that waits is stalled, at least 0; `None` if none is."""
    said = find(snapshot.status.conditions, STALLED)
    if said is None or said.status == "True":
        return None
    return max(0.0, (said.last_transition_time + GRACE - snapshot.now).total_seconds())


def _cause(status: Status, now: datetime) -> Condition | None:
    """Return the condition that says why somebody has to act; `None` if nobody has to."""
    said = find(status.conditions, STALLED)
    blocked = said is not None and said.reason == Reason.DELETION_BLOCKED
    if is_true(status.conditions, FAILED) and not blocked:
        return find(status.conditions, FAILED)
    if said is None or (said.status != "True" and now < said.last_transition_time + GRACE):
        return None
    return said


def _goes_on(status: Status) -> Condition | None:
    """Return the condition that says what the job does or waits for; `None` if it does not go on."""
    if status.completion_time is not None or is_true(status.conditions, SUSPENDED):
        return None
    stalled, said = find(status.conditions, STALLED), find(status.conditions, SUSPENDED)
    suspending = said if said is not None and said.reason == Reason.SUSPENDING else None
    late, submitted = find(status.conditions, COMPLETE), find(status.conditions, SUBMITTED)
    return stalled or suspending or late or submitted or said


def _reason(status: Status, shown: Condition | None) -> str | None:
    shown = shown or find(status.conditions, COMPLETE) or find(status.conditions, SUSPENDED)
    if shown is None or shown.reason in UNREMARKABLE or shown.reason == status.state:
        return None
    return shown.reason


def _copy(snapshot: Snapshot, source: Condition, kind: str) -> Condition:
    old = find(snapshot.status.conditions, kind)
    since = old.last_transition_time if old and old.status == "True" else snapshot.now
    return source.model_copy(update={"type": kind, "status": "True", "last_transition_time": since})

"""A missing, broken or refused API key stalls the job with a reason, and heals by itself."""

from gemini_operator.api.conditions import STALLED, SUSPENDED, find, without_condition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.status import Status
from gemini_operator.controller.lifecycle.decisions import Decision, Event, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot

# What a good answer from Google proves to be over.
HEALED_BY_AN_ANSWER = frozenset(
    {
        Reason.CREDENTIALS_MISSING,
        Reason.INPUT_MISSING,
        Reason.CREDENTIALS_REJECTED,
        Reason.KEY_CHANGED,
        Reason.AMBIGUOUS_SUBMISSION,
        Reason.INTERNAL,
        Reason.SCHEMA_OUTDATED,
    }
)

# What is over once the job waits for its turn.
HEALED_BY_A_TURN = frozenset({Reason.CREDENTIALS_MISSING, Reason.SCHEMA_OUTDATED, Reason.INTERNAL})

# What only a person can end. Trouble with the key does not hide it: the two would take turns.
ENDED_BY_A_PERSON = frozenset({Reason.AMBIGUOUS_SUBMISSION, Reason.NOT_SUPPORTED_YET})


# What a job says whose key was refused to another job: Google's words may name what is not its own.
INHERITED = (
    "Another job with the same key was told so. Until Google takes the key again the jobs that have "
    "it try in turn."
)

# Nothing is said against the key: the others go on.
NOT_PERMITTED = (
    "Google does not let this API key do what the job asks; other jobs with the key are not "
    "concerned. Permit it at Google, and the job recovers automatically; or create a new job that asks "
    "for what the key may use."
)
FILE_MISSING = (
    "A file of the input is not there for this API key: upload it, or wait until Google has "
    "processed it. The job recovers automatically."
)


def stalled(
    snapshot: Snapshot,
    reason: Reason,
    detail: str,
    seconds: float | None = None,
    *,
    message: str | None = None,
) -> PatchStatus:
    """
    Say what is missing or refused; look again in `seconds`, or with the job's back-off.

    `message` replaces the reason's own. A job that has ended is never stalled: what is left to do for
    it is only tried again.
    """
    if snapshot.job.finished:
        return PatchStatus(snapshot.status, (), seconds, seconds is None)
    message = message or reason.explain(detail)
    status = snapshot.condition(snapshot.status, STALLED, True, reason, message)
    if status.state is None:
        status = snapshot.revise(status, state=State.QUEUED)
    events = () if _said(snapshot, reason) else (Event(reason, message, warning=True),)
    return PatchStatus(status, events, seconds, seconds is None)


def _said(snapshot: Snapshot, reason: Reason) -> bool:
    known = find(snapshot.status.conditions, STALLED)
    return known is not None and known.status == "True" and known.reason == reason


def inherited(snapshot: Snapshot, seconds: float) -> PatchStatus:
    """Say that the key was refused to another job; what Google has said to this one stays."""
    if _said(snapshot, Reason.CREDENTIALS_REJECTED):
        return PatchStatus(snapshot.status, seconds=seconds)
    return stalled(snapshot, Reason.CREDENTIALS_REJECTED, INHERITED, seconds)


def healed(status: Status) -> Status:
    """`status` without the trouble that a good answer from Google has ended."""
    condition = find(status.conditions, STALLED)
    if condition is None or condition.status != "True":
        return status
    if condition.reason not in HEALED_BY_AN_ANSWER:
        return status
    return status.model_copy(
        update={"conditions": tuple(without_condition(status.conditions, STALLED))}
    )


def with_key(status: Status) -> Status:
    """
    `status` of a job that waits for its turn, which may be long: its key is there.

    Nor is it refused to others any more; what Google has said to the job itself stays.
    """
    condition = find(status.conditions, STALLED)
    if condition is None:
        return status
    inherits = condition.message == Reason.CREDENTIALS_REJECTED.explain(INHERITED)
    if condition.reason not in HEALED_BY_A_TURN and not inherits:
        return status
    return status.model_copy(
        update={"conditions": tuple(without_condition(status.conditions, STALLED))}
    )


def ended(status: Status) -> Status:
    """`status` of a job that has ended: nobody is needed any more, and nothing is suspended."""
    over = (Reason.SUSPENDING, Reason.SUSPENDED)
    conditions = without_condition(status.conditions, STALLED)
    said = find(conditions, SUSPENDED)
    if said is not None and said.reason in over:
        conditions = without_condition(conditions, SUSPENDED)
    return status.model_copy(update={"conditions": tuple(conditions)})


def decide(snapshot: Snapshot) -> Decision | None:
    """Show that a listing was refused; it is tried again all the same."""
    said = find(snapshot.status.conditions, STALLED)
    if snapshot.facts.refused is None or (said is not None and said.reason in ENDED_BY_A_PERSON):
        return None
    write = stalled(snapshot, Reason.CREDENTIALS_REJECTED, snapshot.facts.refused, 0.0)
    return write if write.status != snapshot.status else None

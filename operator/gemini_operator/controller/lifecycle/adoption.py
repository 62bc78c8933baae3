"""`adopt`: take over a batch that exists at Google instead of submitting one (P25).

The order is fixed. First the batch is read with the job's own API key. Then the job claims it in
`status.batchName`, where other jobs see the claim. Then the other claims are compared. Only then
does the job get an attempt, and with it the batch (decision 0018).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gemini_operator.api.conditions import SUBMITTED
from gemini_operator.api.names import normalise_model
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.spec import AdoptSource
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.controller.lifecycle import ownership
from gemini_operator.controller.lifecycle.decisions import Adopt, Decision, Event, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import (
    STATES,
    failed,
    healed,
    requests_of,
    submitted_message,
)
from gemini_operator.gemini.remote import Summary

# Seconds for which an unproven claim of another job is respected, and between two comparisons.
# Without a limit, anybody could block an adoption with a forged claim.
PATIENCE = 60.0
PAUSE = 10.0

CONTESTED = (
    "Another job also claims the batch named in spec.adopt, and its claim is not proven. If it is not "
    "proven within a minute, this job takes the batch."
)
STILL_THERE = "That object still exists and has not ended: delete it, or wait until it has ended."


@dataclass(frozen=True)
class Holder:
    """Another job whose `status.batchName` names the batch."""

    uid: str
    created: datetime
    has_it: bool
    """It submitted or adopted the batch; if not, it only claims it."""
    over: bool
    """It has ended or is being deleted."""
    proven: bool
    """Its API key reads the batch, or the batch has its token. If not, its status may be forged."""


def decide(snapshot: Snapshot) -> Decision | None:
    """Adopt the batch of `spec.adopt`, unless the job has it already."""
    if snapshot.job.spec.adopt is None or snapshot.status.attempt is not None:
        return None
    return Adopt()


def not_found(snapshot: Snapshot, terms: AdoptSource) -> PatchStatus:
    """Fail a job whose API key cannot read the batch."""
    message = (
        f"Google does not find {terms.batch_name} with this job's API key. Create a new job "
        "(kubectl replace --force -f FILE) with another spec.adopt.batchName, or with the key of the "
        "project that submitted the batch."
    )
    return failed(snapshot, Reason.REMOTE_NOT_FOUND, "", message)


def refused(snapshot: Snapshot, batch: Summary) -> PatchStatus | None:
    """End the job if the batch was submitted for another object, or runs another model, than it says."""
    if ownership.belongs_to_another(snapshot.job, batch):
        return failed(snapshot, Reason.ADOPTION_REFUSED, "")
    asked = normalise_model(snapshot.job.spec.model)
    if batch.model and normalise_model(batch.model) != asked:
        message = (
            f"{batch.name} runs {batch.model} and spec.model is {asked}: create a job whose "
            "spec.model is the batch's."
        )
        return failed(snapshot, Reason.ADOPTION_REFUSED, "", message)
    return None


def claimed(snapshot: Snapshot, terms: AdoptSource) -> PatchStatus | None:
    """Claim the batch; `None` if the job has claimed it already."""
    if snapshot.status.batch_name == terms.batch_name:
        return None
    status = snapshot.revise(batch_name=terms.batch_name, state=State.PENDING)
    return PatchStatus(snapshot.condition(status, SUBMITTED, False, Reason.ADOPTING))


def contested(
    snapshot: Snapshot, terms: AdoptSource, holders: Iterable[Holder]
) -> PatchStatus | None:
    """Fail the job if another has the batch or an older claim; wait while that is not proven.

    Returns:
        The status to write; `None` if the job may take the batch.
    """
    ahead = [one for one in holders if _is_ahead(snapshot, terms, one)]
    if any(one.uid == terms.previous_uid for one in ahead):
        return failed(snapshot, Reason.ADOPTION_REFUSED, STILL_THERE)
    if any(one.proven for one in ahead):
        return failed(snapshot, Reason.ALREADY_ADOPTED, "")
    since = snapshot.facts.contested_since
    if not ahead or (since is not None and snapshot.monotonic - since >= PATIENCE):
        return None
    status = snapshot.condition(snapshot.status, SUBMITTED, False, Reason.ADOPTING, CONTESTED)
    return PatchStatus(status, seconds=PAUSE)


def settled(snapshot: Snapshot, batch: Summary, attempt: Attempt) -> PatchStatus:
    """Give the job the batch, with `attempt` as its record."""
    status = snapshot.revise(
        attempt=attempt,
        batch_name=batch.name,
        gemini_state=batch.state,
        requests=requests_of(batch),
        start_time=attempt.start_time,
        state=STATES.get(batch.outcome, State.RUNNING),
    )
    message = submitted_message(snapshot, Reason.ADOPTED, batch)
    status = healed(snapshot.condition(status, SUBMITTED, True, Reason.ADOPTED, message))
    note = Reason.ADOPTED.explain(f"Batch: {batch.name}.")
    return PatchStatus(status, (Event(Reason.ADOPTED, note),))


def _is_ahead(snapshot: Snapshot, terms: AdoptSource, holder: Holder) -> bool:
    if holder.uid == terms.previous_uid:
        # The predecessor keeps its batch until it has ended or is being deleted.
        return not holder.over
    mine = (snapshot.job.created, snapshot.job.uid)
    return holder.has_it or (not holder.over and (holder.created, holder.uid) < mine)

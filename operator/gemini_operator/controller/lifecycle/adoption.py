"""`adopt`: take over a batch that exists at Google instead of submitting one (rule P25).

First the look at the batch with the job's own key; then the claim, written to `status.batchName`
where other jobs can find it; then the look at who else claims it; only then it is the job's.
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

# Seconds for which a claim is waited for that its owner's key does not prove, and between two looks.
PATIENCE = 60.0
PAUSE = 10.0

CONTESTED = (
    "Another job also claims the batch named in spec.adopt, and its claim is not proven. If it is not "
    "proven within a minute, this job takes the batch."
)
STILL_THERE = "That object still exists and has not ended: delete it, or wait until it has ended."


@dataclass(frozen=True)
class Holder:
    """Another job whose `status.batchName` is the batch."""

    uid: str
    created: datetime
    has_it: bool
    """It submitted or adopted the batch; otherwise it only claims it."""
    over: bool
    """It has ended or is being deleted."""
    proven: bool
    """Its key reads the batch, or the batch carries its token; what is not proven may be forged."""


def decide(snapshot: Snapshot) -> Decision | None:
    """Take the batch of `spec.adopt`, unless the job has it."""
    if snapshot.job.spec.adopt is None or snapshot.status.attempt is not None:
        return None
    return Adopt()


def not_found(snapshot: Snapshot, terms: AdoptSource) -> PatchStatus:
    """End the job whose key does not show the batch."""
    message = (
        f"Google does not find {terms.batch_name} with this job's API key. Create a new job with "
        "another spec.adopt.batchName, or with the key of the project that submitted the batch."
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
    """Claim the batch, which the job's key has read; `None` if that is done."""
    if snapshot.status.batch_name == terms.batch_name:
        return None
    status = snapshot.revise(batch_name=terms.batch_name, state=State.PENDING)
    return PatchStatus(snapshot.condition(status, SUBMITTED, False, Reason.ADOPTING))


def contested(
    snapshot: Snapshot, terms: AdoptSource, holders: Iterable[Holder]
) -> PatchStatus | None:
    """End the job if another one has the batch or the older claim; wait for what is not proven."""
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
    """The job has the batch; `attempt` is its record."""
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
        # Only once it is done with the batch may that be taken over from it.
        return not holder.over
    mine = (snapshot.job.created, snapshot.job.uid)
    return holder.has_it or (not holder.over and (holder.created, holder.uid) < mine)

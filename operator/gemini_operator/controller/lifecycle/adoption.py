"""`adopt`: take over a batch that exists at Google instead of submitting one (rule P25).

First the claim, written to `status.batchName` where other jobs can find it; then the look at who
else claims the batch, and at the batch; only then it is the job's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gemini_operator.api.conditions import SUBMITTED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.spec import Adopt as Terms
from gemini_operator.api.status import Attempt
from gemini_operator.controller.lifecycle import stuck, submission
from gemini_operator.controller.lifecycle.credentials import healed
from gemini_operator.controller.lifecycle.view import Adopt, Decision, Notice, View, Write
from gemini_operator.gemini.remote import Summary


@dataclass(frozen=True)
class Holder:
    """Another job whose `status.batchName` is the batch."""

    uid: str
    created: datetime
    has_it: bool
    """It submitted or adopted the batch; otherwise it only claims it."""
    over: bool
    """It has ended or is being deleted."""


def decide(view: View) -> Decision | None:
    """Claim the batch, then try to have it."""
    terms = view.job.spec.adopt
    if terms is None or view.status.attempt is not None:
        return None
    if view.status.batch_name == terms.batch_name:
        return Adopt()
    status = view.revise(batch_name=terms.batch_name, state="Pending")
    return Write(view.condition(status, SUBMITTED, False, Reason.ADOPTING))


def refused(view: View, terms: Terms, holders: Iterable[Holder]) -> Write | None:
    """End the job if another one has the batch, or has the older claim and may yet have it."""
    others = [one for one in holders if not _gives_way(one, terms)]
    mine = (view.job.created, view.job.uid)
    if any(one.has_it or (not one.over and (one.created, one.uid) < mine) for one in others):
        return submission.failed(view, Reason.ALREADY_ADOPTED, "")
    return None


def settled(view: View, terms: Terms, batch: Summary | None, attempt: Attempt) -> Write:
    """The job has the batch, or says why it cannot have it; `attempt` is its record then."""
    if batch is None:
        message = (
            f"{terms.batch_name} is not found with this job's API key: correct spec.adopt.batchName "
            "or use the key of the project that submitted it."
        )
        return submission.failed(view, Reason.REMOTE_NOT_FOUND, "", message)
    if _belongs_to_another(view, terms, batch):
        return submission.failed(view, Reason.ADOPTION_REFUSED, "")
    status = view.revise(
        attempt=attempt,
        batch_name=batch.name,
        gemini_state=batch.state,
        requests=submission.requests_of(batch),
        start_time=attempt.start_time,
        state=submission.STATES.get(batch.outcome, "Running"),
    )
    message = stuck.since(view, Reason.ADOPTED, batch)
    status = healed(view.condition(status, SUBMITTED, True, Reason.ADOPTED, message))
    note = Reason.ADOPTED.explain(f"It is {batch.name}.")
    return Write(status, (Notice(Reason.ADOPTED, note),))


def _gives_way(holder: Holder, terms: Terms) -> bool:
    """The job that the batch is taken over from, once that one is done with it."""
    return holder.over and holder.uid == terms.previous_uid


def _belongs_to_another(view: View, terms: Terms, batch: Summary) -> bool:
    if batch.token is None:
        return False
    allowed = {view.job.uid[:8], (terms.previous_uid or "")[:8]}
    return batch.token.uid8 not in allowed

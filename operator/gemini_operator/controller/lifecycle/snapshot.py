"""What a policy sees, and what it may answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gemini_operator.api.conditions import with_condition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Status
from gemini_operator.controller.job import Job
from gemini_operator.controller.memory import Facts
from gemini_operator.gemini.errors import GeminiError
from gemini_operator.gemini.remote import Observation, Summary

MAX_PRIORITY = 2**63 - 1
"""The highest that Google documents: any int64 (ai.google.dev/api/batch-api)."""


@dataclass(frozen=True)
class Rules:
    """What the administrator has decided and policies go by; times in seconds."""

    create_timeout: float
    submit_grace: float
    max_priority: int = MAX_PRIORITY


@dataclass(frozen=True)
class Snapshot:
    """One job at one moment."""

    job: Job
    facts: Facts
    now: datetime
    monotonic: float
    rules: Rules

    @property
    def status(self) -> Status:
        return self.job.status

    def revise(self, status: Status | None = None, **changes: Any) -> Status:
        """The status with `changes`, speaking of the current generation."""
        base = self.status if status is None else status
        return base.model_copy(update={"observed_generation": self.job.generation, **changes})

    def condition(
        self, status: Status, kind: str, value: bool, reason: Reason, message: str | None = None
    ) -> Status:
        """`status` with one condition set."""
        conditions = with_condition(
            status.conditions,
            kind,
            value,
            reason,
            message,
            generation=self.job.generation,
            now=self.now,
        )
        return self.revise(status, conditions=tuple(conditions))


# What reading the batch gave.


@dataclass(frozen=True)
class Seen:
    """The batch as Google shows it."""

    observation: Observation

    @property
    def summary(self) -> Summary:
        return self.observation.summary


@dataclass(frozen=True)
class Gone:
    """Google knows no batch of that name; `same_key` tells whether we asked with the right key."""

    same_key: bool


@dataclass(frozen=True)
class Unreadable:
    """Google refused or could not answer."""

    error: GeminiError


Remote = Seen | Gone | Unreadable


# What a policy may decide.


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event to post once the status is written."""

    reason: Reason
    note: str
    warning: bool = False


@dataclass(frozen=True)
class RequeueAfter:
    """Nothing to do until something changes, or `seconds` have passed."""

    seconds: float | None = None


@dataclass(frozen=True)
class PatchStatus:
    """Write this status; come back after `seconds`, or with the key's back-off if `retry`."""

    status: Status
    events: tuple[Event, ...] = ()
    seconds: float | None = None
    retry: bool = False


@dataclass(frozen=True)
class AddFinalizer:
    """Add our finalizer: from here on a deletion waits for us."""


@dataclass(frozen=True)
class Submit:
    """Create a batch; the attempt will carry this number."""

    number: int


@dataclass(frozen=True)
class ListRemote:
    """List the key's batches in `seconds`, to find the one of the current attempt."""

    seconds: float = 0.0


@dataclass(frozen=True)
class RecordBatchName:
    """The batch of the current attempt was found: write its name."""

    summary: Summary


@dataclass(frozen=True)
class Deliver:
    """Bring the results to the output, then end the job."""

    observation: Observation


@dataclass(frozen=True)
class DeleteRemote:
    """
    Cancel and delete these batches, then write `then` or, without it, release the object.

    `event` says what is left behind by the release.
    """

    batches: tuple[str, ...]
    then: PatchStatus | None = None
    event: Event | None = None


@dataclass(frozen=True)
class Cancel:
    """Ask Google to cancel the batch, which goes on existing."""

    batch: str


@dataclass(frozen=True)
class Adopt:
    """Take over the batch of `spec.adopt` if nobody else holds it; the claim is written."""


@dataclass(frozen=True)
class DeleteObject:
    """Delete the object itself."""


@dataclass(frozen=True)
class RemoveFinalizer:
    """Remove our finalizer; `event` says what is left behind."""

    event: Event | None = None


Decision = (
    RequeueAfter
    | PatchStatus
    | AddFinalizer
    | Submit
    | ListRemote
    | RecordBatchName
    | Deliver
    | DeleteRemote
    | Cancel
    | Adopt
    | DeleteObject
    | RemoveFinalizer
)

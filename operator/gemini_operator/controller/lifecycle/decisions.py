"""What a policy may decide; the reconciler carries it out."""

from dataclasses import dataclass

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.gemini.remote import Observation, Summary


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event to post once the status is written."""

    reason: Reason
    note: str
    warning: bool = False


@dataclass(frozen=True)
class RequeueAfter:
    """Nothing to do until something changes, or `seconds` have passed; `event` says why."""

    seconds: float | None = None
    event: Event | None = None


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

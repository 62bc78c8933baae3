"""The decisions a policy may return; the reconciler carries them out."""

from dataclasses import dataclass

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.gemini.remote import Observation, Summary


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event, posted after the status is written."""

    reason: Reason
    note: str
    warning: bool = False


@dataclass(frozen=True)
class RequeueAfter:
    """Do nothing until the job changes or `seconds` have passed."""

    seconds: float | None = None


@dataclass(frozen=True)
class PatchStatus:
    """Write a status, then reconcile again.

    Args:
        status: the whole status.
        events: posted once the status is written.
        seconds: delay of the next reconcile; `None` for at once.
        retry: reconcile with the key's back-off, as after a failure, and not before `seconds`.
    """

    status: Status
    events: tuple[Event, ...] = ()
    seconds: float | None = None
    retry: bool = False


@dataclass(frozen=True)
class AddFinalizer:
    """Add our finalizer, so that a deletion waits for the clean-up at Google."""


@dataclass(frozen=True)
class Upload:
    """Copy the input to Google under this name, `files/…`."""

    file_name: str


@dataclass(frozen=True)
class Submit:
    """Create a batch; its attempt gets this number."""

    number: int


@dataclass(frozen=True)
class ListRemote:
    """List the API key's batches in `seconds`, to search for batches of the job's attempts."""

    seconds: float = 0.0


@dataclass(frozen=True)
class RecordBatchName:
    """Write the name of the current attempt's batch, which was found."""

    summary: Summary


@dataclass(frozen=True)
class Deliver:
    """Deliver the results to the output, then end the job."""

    observation: Observation


@dataclass(frozen=True)
class DeleteRemote:
    """Cancel and delete batches at Google, and delete files that the operator uploaded.

    Args:
        batches: names of the batches.
        files: names of the files. Google deletes them after 48 hours, so nothing waits for them.
        then: the status to write afterwards; `None` to remove the finalizer.
        event: posted when the finalizer is removed; names what is left behind.
    """

    batches: tuple[str, ...]
    then: PatchStatus | None = None
    event: Event | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cancel:
    """Ask Google to cancel the batch. A cancelled batch is not deleted."""

    batch: str


@dataclass(frozen=True)
class Adopt:
    """Claim the batch of `spec.adopt`, then take it over unless another job has it."""


@dataclass(frozen=True)
class DeleteObject:
    """Delete the object itself."""


@dataclass(frozen=True)
class RemoveFinalizer:
    """Remove our finalizer; `event` names what is left behind at Google."""

    event: Event | None = None


Decision = (
    RequeueAfter
    | PatchStatus
    | AddFinalizer
    | Upload
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

"""What a job says when its input or its output is refused before anything is submitted."""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import failed, stalled
from gemini_operator.payload.config_map import DeliveryRefused, OutputRefused
from gemini_operator.payload.objects.errors import (
    AccessDenied,
    InvalidReference,
    InvalidUri,
    NotAllowed,
    ObjectError,
)
from gemini_operator.payload.requests import InputMissing, InputRefused, InvalidInput
from gemini_operator.payload.results import ResultsTooLarge

AGAIN = "Then create a new job (kubectl replace --force -f FILE)."
"""What to do after the cause has been put right."""

ANOTHER_OUTPUT = f"Name another output, or delete the ConfigMap. {AGAIN}"
"""What to do about an output that somebody else has."""

REFUSALS = (
    DeliveryRefused,
    InputMissing,
    InputRefused,
    InvalidInput,
    ObjectError,
    OutputRefused,
    ResultsTooLarge,
)


def of_input(error: ObjectError) -> Reason:
    """Return why an input in object storage cannot be read."""
    refused = isinstance(error, AccessDenied | InvalidReference | NotAllowed)
    return Reason.INPUT_REFUSED if refused else Reason.INPUT_MISSING


def no_place(snapshot: Snapshot, nothing: str, error: DeliveryRefused | InvalidUri) -> PatchStatus:
    """Fail a job whose output can never be used.

    Args:
        snapshot: the job.
        nothing: what has not happened, as a sentence without an end.
        error: why.
    """
    to_do = AGAIN if isinstance(error, InvalidUri) else ANOTHER_OUTPUT
    message = f"{nothing}, because the results could not be written: {error}. {to_do}"
    return failed(snapshot, Reason.DELIVERY_FAILED, "", message)


def before_submission(snapshot: Snapshot, error: Exception) -> PatchStatus:
    """Stall or fail a job for one of `REFUSALS`."""
    match error:
        case InputMissing():
            return stalled(snapshot, Reason.INPUT_MISSING, f"{error}.")
        case InputRefused():
            return stalled(snapshot, Reason.INPUT_REFUSED, f"{error}.")
        case DeliveryRefused() | InvalidUri():
            return no_place(snapshot, "Nothing was submitted", error)
        case OutputRefused() | ObjectError():
            return stalled(snapshot, Reason.OUTPUT_REFUSED, f"{error}.")
        case ResultsTooLarge():
            message = f"Nothing was submitted, because the results would be too large: {error}."
            return failed(snapshot, Reason.OUTPUT_TOO_LARGE, "", f"{message} {AGAIN}")
        case _:
            return failed(snapshot, Reason.INVALID_INPUT, f"{error}.")

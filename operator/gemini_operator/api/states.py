"""The words of `status.state`: where a job is, in one word for people. Programs read conditions."""

from gemini_operator.api.words import Word


class State(Word):
    """Every word, in the order in which a job comes by them; `meaning` is said in the docs."""

    meaning: str

    def __init__(self, _value: str, meaning: str) -> None:
        self.meaning = meaning

    QUEUED = (
        "Queued",
        "No batch runs at Google; the job waits, for example for quota, its API key or its input.",
    )
    SUSPENDED = (
        "Suspended",
        "No batch runs at Google, and none is submitted while spec.suspend is true.",
    )
    UPLOADING = "Uploading", "The input is being copied to Google and checked on the way."
    SUBMITTING = "Submitting", "A create request was recorded; its batch is not known yet."
    PENDING = "Pending", "Google has the batch and has not started it."
    RUNNING = "Running", "Google is processing the batch."
    CANCELLING = "Cancelling", "The operator is cancelling the batch; it may still succeed."
    DELIVERING = "Delivering", "The batch has ended; its results could not be delivered yet."
    DELETING = "Deleting", "The job is deleted, but its batch could not be deleted at Google yet."
    SUCCEEDED = "Succeeded", "The batch succeeded, and all of its requests did."
    PARTIALLY_SUCCEEDED = "PartiallySucceeded", "The batch succeeded; some of its requests failed."
    FAILED = "Failed", "The job ended without success; the condition Failed says why."
    CANCELLED = "Cancelled", "The batch was cancelled, by spec.shutdown or at Google."
    EXPIRED = "Expired", "Google gave up on the batch, which did not finish within its time limit."

"""The words of `status.state`: where a job is, in one word for people. Programs read conditions."""

from gemini_operator.api.words import Word


class State(Word):
    """Every word, in the order in which a job comes by them; `meaning` is said in the docs."""

    meaning: str

    def __init__(self, _value: str, meaning: str) -> None:
        self.meaning = meaning

    QUEUED = "Queued", "Nothing is at Google; the job waits for its turn, its key or its input."
    SUSPENDED = "Suspended", "Nothing is at Google, and nothing is sent while spec.suspend is true."
    SUBMITTING = "Submitting", "A create request was written down; its batch is not known yet."
    PENDING = "Pending", "Google has the batch and has not begun."
    RUNNING = "Running", "Google works on the batch."
    CANCELLING = "Cancelling", "Google was asked to stop the batch, which may still succeed."
    SUCCEEDED = "Succeeded", "The batch succeeded, and all of its requests did."
    PARTIALLY_SUCCEEDED = "PartiallySucceeded", "The batch succeeded; some of its requests failed."
    FAILED = "Failed", "The job ended without all it was for; the condition Failed says why."
    CANCELLED = "Cancelled", "The job was stopped by spec.shutdown, or at Google."
    EXPIRED = "Expired", "Google gave the batch up: it did not end within 48 hours."

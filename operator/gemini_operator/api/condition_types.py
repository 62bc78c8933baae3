"""The types of condition that a job has."""

from gemini_operator.api.words import Word


class ConditionType(Word):
    """Each type; `meaning` is said in the docs."""

    meaning: str

    def __init__(self, _value: str, meaning: str) -> None:
        self.meaning = meaning

    SUBMITTED = (
        "Submitted",
        (
            "True: Google has the batch. False: not yet, or not any more, and the reason says why. "
            "What ended or stalled the job before there was a batch is a reason here too."
        ),
    )
    COMPLETE = (
        "Complete",
        "True: the batch has ended, and the results are where they should be.",
    )
    FAILED = (
        "Failed",
        "True: the job has ended without results in their place. Excludes `Complete`; both stay.",
    )
    SUSPENDED = (
        "Suspended",
        (
            "True: `spec.suspend` holds the job back and no batch runs. False: it is being "
            "cancelled, or the job was resumed."
        ),
    )
    STALLED = (
        "Stalled",
        "True: a person has to look. It is removed when the job goes on.",
    )

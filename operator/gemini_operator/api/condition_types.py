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
            "True: Google has the batch. False: not yet, or no longer; the reason says why. A job "
            "that failed, whose input cannot be read or whose create was refused, has the reason of "
            "`Failed` or `Stalled` here."
        ),
    )
    COMPLETE = (
        "Complete",
        "True: the batch succeeded and the results are where `status.output` says.",
    )
    FAILED = (
        "Failed",
        "True: the job ended without success; the reason says why, and `status.output` where results are. A job never has both `Failed` and `Complete`, and neither is ever removed.",
    )
    SUSPENDED = (
        "Suspended",
        (
            "True: `spec.suspend` is set and no batch runs. False: the batch is being cancelled, or "
            "the job was resumed."
        ),
    )
    RECONCILING = (
        "Reconciling",
        (
            "True: the job goes on, or waits for something that it can recover from; the reason says for "
            "what. The condition is removed when the job ends, is suspended or is stalled."
        ),
    )
    STALLED = (
        "Stalled",
        (
            "True: somebody has to act, or the job has failed. False: something is missing, and the job "
            "has waited for it for less than five minutes. The condition is removed when the job continues."
        ),
    )

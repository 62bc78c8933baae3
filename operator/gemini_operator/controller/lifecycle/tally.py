"""What became of a batch's requests, in numbers and in words."""

from dataclasses import dataclass

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import OutputStatus, Requests
from gemini_operator.base.sanitize import MAX_COUNT
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import requests_of
from gemini_operator.gemini.remote import Observation


@dataclass(frozen=True)
class Tally:
    """What became of a batch's requests, counted from its results.

    Attributes:
        total: requests.
        succeeded: those that Google answered.
        failed: those for which Google sent an error.
        blocked: those whose prompt or answer Google refused.
        lost: those without a result, or with one that holds nothing or is not JSON.
        extra: results that belong to no request, and were left out.
        repeated: results that have the key of an earlier one, and were not left out.
        note: what else a person should know of the results, in a sentence.
        read: whether the results were read; otherwise the numbers are Google's.
    """

    total: int
    succeeded: int
    failed: int = 0
    blocked: int = 0
    lost: int = 0
    extra: int = 0
    repeated: int = 0
    note: str = ""
    read: bool = True

    @property
    def requests(self) -> Requests:
        """As the status has them."""
        failed = self.total - self.succeeded
        return Requests(total=self.total, succeeded=self.succeeded, failed=failed, pending=0)


def googles_count(snapshot: Snapshot, observation: Observation) -> Tally | None:
    """What Google counts, or what it counted last; `None` if it never has."""
    counts = requests_of(observation.summary) or snapshot.status.requests
    if counts is None:
        return None
    # Google's numbers need not add up, and the status must be one that the API server accepts.
    total = min(MAX_COUNT, max(counts.total, counts.succeeded + counts.failed))
    return Tally(total, counts.succeeded, counts.failed, read=False)


def reason_of(observation: Observation, tally: Tally | None) -> Reason:
    """Why the job ends as it does: what the numbers say."""
    if tally is None:
        return Reason.SUCCEEDED
    if not tally.succeeded and tally.total:
        return Reason.ALL_REQUESTS_FAILED
    expected = observation.summary.requests.total or tally.total
    if tally.lost or tally.extra or tally.repeated or (tally.read and tally.total != expected):
        return Reason.RESULTS_MISMATCH
    return Reason.SUCCEEDED if tally.succeeded == tally.total else Reason.COMPLETED_WITH_FAILURES


def in_words(observation: Observation, output: OutputStatus, tally: Tally | None) -> str:
    """The counts, every difference between them, and where the results are."""
    place = f"Results: {_place(output)}."
    if tally is None:
        return place
    parts = (
        (tally.failed, "failed"),
        (tally.blocked, "blocked by Google"),
        (tally.lost, "without a usable result"),
    )
    others = ", ".join(f"{count} {what}" for count, what in parts if count)
    counted = (
        f"{tally.succeeded} of {tally.total} requests succeeded{f' ({others})' if others else ''}"
    )
    if not tally.read:
        return f"Google counts that {counted}; the operator did not read the results. {place}"
    sentences = [
        f"{counted}.",
        _left_out(tally.extra),
        _repeated(tally.repeated),
        _difference(observation, tally),
        tally.note,
        place,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _left_out(extra: int) -> str:
    if extra == 1:
        return "1 result belongs to no request and was left out."
    return f"{extra} results belong to no request and were left out." if extra else ""


def _repeated(repeated: int) -> str:
    if repeated == 1:
        return "1 result has the key of an earlier one."
    return f"{repeated} results have the key of an earlier one." if repeated else ""


def _difference(observation: Observation, tally: Tally) -> str:
    """What Google counts, where that is something else; it counts what it blocked as succeeded."""
    google = observation.summary.requests
    ours = tally.total, tally.succeeded + tally.blocked
    if not google.total or (google.total, google.succeeded) == ours:
        return ""
    return f"Google itself counts {google.succeeded} of {google.total}."


def _place(output: OutputStatus) -> str:
    return next(
        f"{what} {name}"
        for what, name in (
            ("ConfigMap", output.config_map),
            ("object", output.uri),
            ("file", output.file_name),
            ("batch", output.batch_name),
        )
        if name
    )

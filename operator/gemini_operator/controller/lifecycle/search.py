"""After an unknown outcome: find the batch before anything is sent again (rules P11 to P13)."""

from gemini_operator.controller.lifecycle.attempts import (
    Doubtful,
    Found,
    NotYet,
    ambiguous,
    supersede,
    unanswered,
    verdict,
)
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    ListRemote,
    RecordBatchName,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot

MAX_SUPERSEDED = 3


def decide(snapshot: Snapshot) -> Decision | None:
    """Settle the current attempt if it has no batch yet."""
    attempt, search = snapshot.status.attempt, snapshot.facts.search
    if attempt is None or attempt.batch_name is not None or search is None:
        return None
    match verdict(snapshot, attempt, search):
        case Found(summary):
            return RecordBatchName(summary)
        case Doubtful(detail):
            return ambiguous(snapshot, detail)
        case NotYet(seconds):
            return RequeueAfter() if seconds is None else ListRemote(seconds)
        case _ if len(unanswered(snapshot.status)) >= MAX_SUPERSEDED:
            return ambiguous(
                snapshot,
                f"{MAX_SUPERSEDED} attempts got no answer, and Google shows no batch of them.",
            )
        case _:
            return supersede(snapshot, attempt)

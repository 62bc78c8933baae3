"""A batch of a superseded attempt that surfaces later is kept or cancelled, never both (P12)."""

from datetime import timedelta

from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Attempt, SupersededAttempt
from gemini_operator.controller.lifecycle import search
from gemini_operator.controller.lifecycle.view import Decision, Dispose, Notice, View, Write
from gemini_operator.gemini.remote import Summary

WATCHED_AFTER_END = timedelta(hours=72)


def open_attempts(view: View) -> tuple[SupersededAttempt, ...]:
    """The superseded attempts of which no batch has been dealt with."""
    return tuple(a for a in view.status.superseded_attempts if a.reason is None)


def watched(view: View) -> bool:
    """Whether listings still have to be compared with the superseded attempts."""
    end = view.status.completion_time
    return bool(open_attempts(view)) and (end is None or view.now - end < WATCHED_AFTER_END)


def decide(view: View) -> Decision | None:
    """Adopt a surfaced batch if nothing else was sent; cancel, delete and report it otherwise."""
    sighting = view.facts.sighting
    if sighting is None:
        return None
    for attempt in open_attempts(view):
        matches = sighting.matches.get(attempt.id, ())
        if matches and view.status.attempt is None and not view.job.finished:
            return _adopt(view, attempt, matches)
        if matches:
            return _cancel(view, attempt, matches)
    return None


def _adopt(view: View, attempt: SupersededAttempt, matches: tuple[Summary, ...]) -> Decision:
    match = matches[0]
    if len(matches) > 1:
        return search.ambiguous(view, f"Several batches carry attempt {attempt.id}.")
    if doubt := search.mismatch(view, attempt, match):
        return search.ambiguous(view, doubt)
    others = tuple(a for a in view.status.superseded_attempts if a.id != attempt.id)
    again = Attempt.model_validate(attempt.model_dump(exclude={"reason"}))
    return Write(
        view.revise(
            attempt=again.model_copy(update={"batch_name": match.name}),
            batch_name=match.name,
            gemini_state=match.state,
            superseded_attempts=others,
        )
    )


def _cancel(view: View, attempt: SupersededAttempt, matches: tuple[Summary, ...]) -> Dispose:
    names = tuple(match.name for match in matches)
    settled = attempt.model_copy(
        update={"batch_name": names[0], "reason": Reason.DUPLICATE_CANCELLED}
    )
    all_attempts = tuple(
        settled if a.id == attempt.id else a for a in view.status.superseded_attempts
    )
    reason = Reason.DUPLICATE_CANCELLED
    notice = Notice(reason, reason.explain(f"It was {', '.join(names)}."), warning=True)
    return Dispose(names, Write(view.revise(superseded_attempts=all_attempts), (notice,)))

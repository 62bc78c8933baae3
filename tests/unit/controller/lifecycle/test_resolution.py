from typing import Any

import pytest

from gemini_operator.api import group
from gemini_operator.controller.lifecycle import observation, policies, resolution
from gemini_operator.controller.lifecycle.decisions import RecordBatchName, Submit
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Snapshot
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    EARLIER,
    OTHER_UID,
    a_batch,
    a_condition,
    a_list_snapshot,
    a_snapshot,
    an_attempt,
    note,
    reason_of,
    seen,
    submitted,
    unnamed,
    written,
)

STALLED = a_condition("Stalled", "True", "AmbiguousSubmission")


def told(choice: str, status: dict[str, Any] | None = None) -> Snapshot:
    """An ambiguous job, by default, that a person has annotated."""
    status = unnamed(conditions=[STALLED]) if status is None else status
    return a_snapshot(status=status, annotations={group.RESOLVE_SUBMISSION: choice})


def test_p13_a_person_names_the_batch_and_it_is_read_and_taken() -> None:
    snapshot = told(BATCH)
    assert observation.wanted(snapshot) == BATCH
    assert resolution.decide(snapshot, seen()) == RecordBatchName(a_batch())


def test_p13_also_one_of_several() -> None:
    snapshot = told("batches/two")
    note(snapshot, a_list_snapshot(a_batch("batches/one"), a_batch("batches/two")))
    assert policies.decide(snapshot, seen(name="batches/two")) == RecordBatchName(
        a_batch("batches/two")
    )


def test_p13_also_one_of_an_earlier_attempt() -> None:
    status = unnamed(supersededAttempts=[an_attempt(EARLIER)])
    snapshot = told(BATCH, status)
    assert resolution.decide(snapshot, seen(attempt=EARLIER)) == RecordBatchName(
        a_batch(attempt=EARLIER)
    )


@pytest.mark.parametrize(
    "remote",
    [
        pytest.param(seen(uid=OTHER_UID), id="another object's"),
        pytest.param(seen(attempt=EARLIER), id="of an attempt that is not recorded"),
        pytest.param(seen(attempt=None), id="without a token"),
        pytest.param(seen(name="batches/another"), id="not the one that was named"),
        pytest.param(Gone(same_key=True), id="not there"),
        pytest.param(None, id="not read"),
    ],
)
def test_s07_a_person_cannot_make_a_strangers_batch_this_jobs(remote: Remote | None) -> None:
    assert resolution.decide(told(BATCH), remote) is None


def test_p13_a_person_gives_the_attempt_up_and_it_is_submitted_again() -> None:
    status = written(resolution.decide(told(f"Resubmit:{ATTEMPT}"), None))
    assert status.attempt is None
    assert [a.id for a in status.superseded_attempts] == [ATTEMPT]
    assert reason_of(status, "Stalled") is None, "nobody is needed any more"
    after = told(f"Resubmit:{ATTEMPT}", status.dump())
    assert policies.decide(after, None) == Submit(number=2)


def test_p13_the_order_to_resubmit_is_used_up_by_its_attempt() -> None:
    """The annotation is still there when the new attempt gets no answer either."""
    new = unnamed(
        attempt=an_attempt("b" * 16, 2), supersededAttempts=[an_attempt()], conditions=[STALLED]
    )
    assert resolution.decide(told(f"Resubmit:{ATTEMPT}", new), None) is None


@pytest.mark.parametrize(
    "choice",
    [
        "",
        "Resubmit",
        "Resubmit:",
        f"resubmit:{ATTEMPT}",
        f"Resubmit:{EARLIER}",
        f" Resubmit:{ATTEMPT}",
        "batches/",
        "batches/../files/x",
        "batches/x y",
        "files/x",
        "batches/ä",
    ],
)
def test_p13_what_is_neither_decides_nothing(choice: str) -> None:
    snapshot = told(choice)
    assert resolution.chosen_batch(snapshot) is None
    assert resolution.decide(snapshot, seen()) is None


@pytest.mark.parametrize("choice", [BATCH, f"Resubmit:{ATTEMPT}"])
@pytest.mark.parametrize("status", [{}, submitted()], ids=["no attempt", "a named attempt"])
def test_p13_there_is_nothing_to_resolve_without_an_unnamed_attempt(
    choice: str, status: dict[str, Any]
) -> None:
    snapshot = told(choice, status)
    assert resolution.chosen_batch(snapshot) is None
    assert resolution.decide(snapshot, seen()) is None

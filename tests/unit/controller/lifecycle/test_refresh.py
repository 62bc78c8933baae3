from typing import Any

import pytest

from gemini_operator.api import group
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import completion, observation, policies, refresh
from gemini_operator.controller.lifecycle.decisions import (
    Deliver,
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Snapshot, Unreadable
from gemini_operator.gemini import errors
from tests.unit.controller.builders import (
    BATCH,
    TO_CONFIG_MAP,
    a_snapshot,
    an_event,
    an_observation,
    delivering,
    finished,
    reason_of,
    seen,
    submitted,
    unnamed,
    written,
)

ASKED = "2026-01-01T12:00:00Z"


def asked(
    status: dict[str, Any] | None = None, request: str | None = ASKED, **of_job: Any
) -> Snapshot:
    """A running job, or one with `status`, that a person wants refreshed."""
    annotations = {} if request is None else {group.REQUESTED_AT: request}
    status = submitted() if status is None else status
    return a_snapshot(status=status, annotations=annotations, **of_job)


@pytest.mark.parametrize(
    ("snapshot", "pending", "reads"),
    [
        pytest.param(asked(request=None), None, None, id="not asked"),
        pytest.param(asked(request=""), None, None, id="asked for nothing"),
        pytest.param(asked(), ASKED, BATCH, id="asked"),
        pytest.param(asked(submitted(observedRequest="before")), ASKED, BATCH, id="asked again"),
        pytest.param(asked(submitted(observedRequest=ASKED)), None, None, id="answered"),
        pytest.param(asked({}), ASKED, None, id="no batch yet"),
        pytest.param(asked(finished()), ASKED, None, id="finished"),
        pytest.param(asked(deleting=True), ASKED, None, id="deleted"),
    ],
)
def test_each_new_request_reads_the_open_batch(
    snapshot: Snapshot, pending: str | None, reads: str | None
) -> None:
    assert refresh.pending(snapshot) == pending
    assert observation.wanted(snapshot) == reads


@pytest.mark.parametrize(
    "remote",
    [
        pytest.param(seen(), id="nothing new"),
        pytest.param(seen("BATCH_STATE_PENDING"), id="something new"),
        pytest.param(seen("BATCH_STATE_SUCCEEDED"), id="its end"),
        pytest.param(seen("BATCH_STATE_FAILED"), id="its failure"),
        pytest.param(seen(attempt=None), id="somebody else's batch"),
        pytest.param(Gone(same_key=True), id="gone"),
        pytest.param(Gone(same_key=False), id="out of reach"),
        pytest.param(Unreadable(errors.CredentialsRejected("no")), id="refused"),
    ],
)
def test_it_is_acknowledged_once_whatever_the_read_gave(remote: Remote) -> None:
    snapshot = asked()
    status = written(delivering(snapshot, policies.decide(snapshot, remote)))
    assert status.observed_request == ASKED
    after = asked(status.dump())
    lost = reason_of(status, "Stalled") == ("True", Reason.KEY_CHANGED)
    unchanged = status.gemini_state == "BATCH_STATE_RUNNING" and not lost
    assert observation.wanted(after) is None or not unchanged
    again = policies.decide(after, remote if observation.wanted(after) else None)
    assert not isinstance(again, PatchStatus)


@pytest.mark.parametrize("spec", [{}, {"backoffLimit": 1}], ids=["the end", "tried again"])
def test_it_is_acknowledged_in_the_same_write(spec: dict[str, Any]) -> None:
    status = written(policies.decide(asked(spec=spec), seen("BATCH_STATE_EXPIRED")))
    assert status.observed_request == ASKED
    assert status.failures == 1


def test_the_write_that_follows_a_delivery_acknowledges_it() -> None:
    snapshot = asked(spec={"output": TO_CONFIG_MAP})
    decision = policies.decide(snapshot, seen("BATCH_STATE_SUCCEEDED", results=[]))
    assert isinstance(decision, Deliver)
    output = completion.at_google(decision.observation)
    assert (
        completion.delivered(snapshot, decision.observation, output, None).status.observed_request
        == ASKED
    )
    refused = completion.undeliverable(snapshot, an_observation(), Reason.DELIVERY_FAILED, "")
    assert refused.status.observed_request == ASKED


def test_a_delay_that_the_read_asked_for_is_kept() -> None:
    snapshot = asked(submitted(lastEvent=an_event()))
    snapshot.facts.note_event_read("event-1", snapshot.monotonic)
    status = written(policies.decide(snapshot, seen()))
    assert status.observed_request == ASKED
    again = asked(status.dump() | {"lastEvent": an_event()})
    again.facts.note_event_read("event-1", again.monotonic)
    assert policies.decide(again, None) == RequeueAfter(2.0)


@pytest.mark.parametrize("decision", [RecordBatchName(seen().summary), ListRemote(1.0)])
def test_what_is_no_answer_yet_acknowledges_nothing(decision: Any) -> None:
    assert refresh.acknowledged(asked(unnamed()), decision) is decision


@pytest.mark.parametrize("decision", [RequeueAfter(3.0), PatchStatus(a_snapshot().status)])
def test_without_a_request_there_is_nothing_to_acknowledge(decision: Any) -> None:
    assert refresh.acknowledged(asked(request=None), decision) is decision


def test_without_a_read_nothing_is_acknowledged() -> None:
    """The budget of reads may delay it."""
    assert policies.decide(asked(), None) == RequeueAfter()


def test_a_request_that_came_too_early_is_answered_by_the_first_read() -> None:
    early = asked(unnamed())
    assert observation.wanted(early) is None
    assert observation.wanted(asked()) == BATCH


def test_a_notice_is_not_lost() -> None:
    decision = policies.decide(asked(), seen("BATCH_STATE_FAILED"))
    assert isinstance(decision, PatchStatus)
    assert [event.reason for event in decision.events] == [Reason.REMOTE_FAILED]
    assert reason_of(decision.status, "Failed") == ("True", Reason.REMOTE_FAILED)

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.conditions import find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import OutputStatus
from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.lifecycle.decisions import Deliver, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.gemini.remote import Observation
from tests.unit.controller.builders import (
    BATCH,
    NOW,
    TO_CONFIG_MAP,
    a_condition,
    a_snapshot,
    an_event,
    an_observation,
    delivering,
    reason_of,
    submitted,
    written,
)


def end(snapshot: Snapshot, observation: Observation) -> object:
    """What ends the job when its results are where they should be."""
    return delivering(snapshot, completion.decide(snapshot, observation))


OK = {"metadata": {"key": "a"}, "response": {}}
BAD = {"metadata": {"key": "b"}, "error": {"code": 3}}


@pytest.mark.parametrize(
    ("google", "kind", "reason", "state", "failures"),
    [
        ("BATCH_STATE_SUCCEEDED", "Complete", Reason.SUCCEEDED, "Succeeded", 0),
        ("BATCH_STATE_FAILED", "Failed", Reason.REMOTE_FAILED, "Failed", 1),
        ("BATCH_STATE_EXPIRED", "Failed", Reason.REMOTE_EXPIRED, "Expired", 1),
        ("BATCH_STATE_CANCELLED", "Failed", Reason.CANCELLED, "Cancelled", 0),
        ("JOB_STATE_CANCELLED", "Failed", Reason.CANCELLED, "Cancelled", 0),
    ],
)
def test_p24_each_end_has_its_condition_and_one_write_carries_it_all(
    google: str, kind: str, reason: Reason, state: str, failures: int
) -> None:
    snapshot = a_snapshot(status=submitted(lastEvent=an_event()))
    status = written(end(snapshot, an_observation(google)))
    assert reason_of(status, kind) == ("True", reason)
    assert (status.state, status.gemini_state) == (state, google)
    assert status.completion_time == NOW
    assert status.observed_event_id == "event-1"
    assert status.failures == failures, "only FAILED and EXPIRED count (P15)"
    other = {"Complete": "Failed", "Failed": "Complete"}[kind]
    assert reason_of(status, other) is None


def test_p15_failures_add_up() -> None:
    snapshot = a_snapshot(status=submitted(failures=2))
    status = written(end(snapshot, an_observation("BATCH_STATE_FAILED")))
    assert status.failures == 3


def test_googles_words_about_a_failure_reach_the_person() -> None:
    error = {"code": 3, "message": "The model was retired."}
    decision = completion.decide(
        a_snapshot(status=submitted()), an_observation("BATCH_STATE_FAILED", error=error)
    )
    assert isinstance(decision, PatchStatus)
    [event] = decision.events
    assert event.warning
    assert "The model was retired (Google's code 3)." in event.note
    assert event.note == decision.status.conditions[-1].message


@pytest.mark.parametrize(
    ("stats", "reason", "state"),
    [
        ((3, 3, 0, 0), Reason.SUCCEEDED, "Succeeded"),
        ((3, 2, 1, 0), Reason.COMPLETED_WITH_FAILURES, "PartiallySucceeded"),
    ],
    ids=["all well", "some failed"],
)
def test_p24_failed_requests_are_data_not_a_failed_job(
    stats: tuple[int, int, int, int], reason: Reason, state: str
) -> None:
    decision = end(a_snapshot(status=submitted()), an_observation(stats=stats, file="files/r"))
    status = written(decision)
    assert reason_of(status, "Complete") == ("True", reason)
    assert status.state == state
    assert status.requests is not None
    assert tuple(status.requests.model_dump().values()) == stats
    assert isinstance(decision, PatchStatus)
    assert decision.events[0].warning is (stats[2] > 0)
    assert f"{stats[1]} of 3 requests" in decision.events[0].note


@pytest.mark.parametrize(
    ("results", "counts"),
    [([OK, OK], (2, 2, 0, 0)), ([OK, BAD], (2, 1, 1, 0)), ([BAD], (1, 0, 1, 0))],
)
def test_inline_results_are_counted_where_google_gives_no_counts(
    results: list[Any], counts: tuple[int, ...]
) -> None:
    snapshot = a_snapshot(status=submitted())
    status = written(end(snapshot, an_observation(results=results)))
    assert status.requests is not None
    assert tuple(status.requests.model_dump().values()) == counts
    assert (status.state == "Succeeded") is (counts[2] == 0)


def test_our_count_of_the_results_goes_before_googles_and_the_difference_is_said() -> None:
    observation = an_observation(results=[OK, BAD], stats=(2, 2, 0, 0))
    decision = end(a_snapshot(status=submitted()), observation)
    status = written(decision)
    assert reason_of(status, "Complete") == ("True", Reason.COMPLETED_WITH_FAILURES)
    assert isinstance(decision, PatchStatus)
    assert "1 of 2 requests succeeded (1 failed)." in decision.events[0].note
    assert "Google itself counts 2 of 2." in decision.events[0].note


@pytest.mark.parametrize(
    ("tally", "kind", "reason", "state"),
    [
        (Tally(3, 3), "Complete", Reason.SUCCEEDED, "Succeeded"),
        (Tally(3, 3, extra=1), "Complete", Reason.RESULTS_MISMATCH, "Succeeded"),
        (Tally(3, 3, repeated=1), "Complete", Reason.RESULTS_MISMATCH, "Succeeded"),
        (Tally(3, 2, failed=1), "Complete", Reason.COMPLETED_WITH_FAILURES, "PartiallySucceeded"),
        (Tally(3, 2, blocked=1), "Complete", Reason.COMPLETED_WITH_FAILURES, "PartiallySucceeded"),
        (Tally(3, 1, lost=2), "Complete", Reason.RESULTS_MISMATCH, "PartiallySucceeded"),
        (Tally(3, 0, failed=3), "Failed", Reason.ALL_REQUESTS_FAILED, "Failed"),
        (Tally(3, 0, failed=1, blocked=2), "Failed", Reason.ALL_REQUESTS_FAILED, "Failed"),
        (Tally(3, 0, lost=3), "Failed", Reason.ALL_REQUESTS_FAILED, "Failed"),
        (Tally(4, 4), "Complete", Reason.RESULTS_MISMATCH, "Succeeded"),
        (Tally(2, 1, failed=1), "Complete", Reason.RESULTS_MISMATCH, "PartiallySucceeded"),
    ],
)
def test_p24_what_became_of_the_requests_decides_the_end(
    tally: Tally, kind: str, reason: Reason, state: str
) -> None:
    output = OutputStatus(config_map="results", bytes=10, records=3)
    write = completion.delivered(
        a_snapshot(status=submitted()), an_observation(stats=(3, 3, 0, 0)), output, tally
    )
    status = write.status
    assert reason_of(status, kind) == ("True", reason)
    assert (status.state, status.output) == (state, output)
    assert status.requests is not None
    counts = status.requests
    assert counts.total == counts.succeeded + counts.failed == tally.total
    assert "Results: ConfigMap results." in write.events[0].note
    assert write.events[0].warning is (reason != Reason.SUCCEEDED)


def test_each_kind_of_trouble_is_said_with_its_number() -> None:
    tally = Tally(9, 2, failed=1, blocked=2, lost=4, extra=5, repeated=6, note="A note.")
    write = completion.delivered(
        a_snapshot(status=submitted()),
        an_observation(stats=(9, 9, 0, 0)),
        OutputStatus(config_map="results"),
        tally,
    )
    assert write.events[0].note.endswith(
        "2 of 9 requests succeeded (1 failed, 2 blocked by Google, 4 without a usable result). "
        "5 results belong to no request and were left out. 6 results have the key of an earlier one. "
        "Google itself counts 9 of 9. A note. "
        "Results: ConfigMap results."
    )


def test_a_single_result_too_many_is_said_of_one() -> None:
    output = OutputStatus(config_map="results")
    write = completion.delivered(
        a_snapshot(status=submitted()), an_observation(), output, Tally(3, 3, extra=1, repeated=1)
    )
    assert "1 result belongs to no request and was left out." in write.events[0].note
    assert "1 result has the key of an earlier one." in write.events[0].note


@pytest.mark.parametrize(
    ("stats", "said"),
    [
        ((3, 3, 0, 0), "Google counts that 3 of 3 requests succeeded; the operator did not read"),
        ((3, 1, 2, 0), "Google counts that 1 of 3 requests succeeded (2 failed); the operator"),
        ((2, 5, 0, 0), "Google counts that 5 of 5 requests succeeded;"),
        ((1, 2**63 - 1, 2**63 - 1, 0), f"Google counts that {2**63 - 1} of {2**63 - 1} requests"),
    ],
)
def test_results_that_were_not_read_are_as_google_counts_them(
    stats: tuple[int, int, int, int], said: str
) -> None:
    output = OutputStatus(file_name="files/r")
    observation = an_observation(stats=stats, file="files/r")
    write = completion.delivered(a_snapshot(status=submitted()), observation, output, None)
    assert said in write.events[0].note
    assert "Every request" not in write.events[0].note
    assert write.status.requests is not None
    assert write.status.requests.total <= 2**63 - 1


def test_what_google_blocked_it_counts_as_succeeded() -> None:
    write = completion.delivered(
        a_snapshot(status=submitted()),
        an_observation(stats=(2, 2, 0, 0)),
        OutputStatus(config_map="results"),
        Tally(2, 1, blocked=1),
    )
    assert "Google itself counts" not in write.events[0].note


# Results that come late


def test_results_that_google_does_not_show_yet_are_waited_for_and_that_is_said_once() -> None:
    snapshot, observation = a_snapshot(status=submitted()), an_observation()
    first = completion.late(snapshot, observation, "No list.")
    assert first is not None
    assert reason_of(first.status, "Complete") == ("False", Reason.WAITING_FOR_RESULTS)
    assert first.status.completion_time is None
    assert (first.seconds, len(first.events)) == (completion.SOONEST, 1)
    for minutes, seconds in [(1, 15.0), (10, 150.0), (59, completion.LATEST)]:
        later = a_snapshot(status=first.status.dump(), now=NOW + timedelta(minutes=minutes))
        again = completion.late(later, observation, "No list.")
        assert again is not None
        assert (again.seconds, again.events) == (seconds, ())
    over = a_snapshot(status=first.status.dump(), now=NOW + completion.PATIENCE)
    assert completion.late(over, observation, "No list.") is None
    assert completion.late(over, observation, "503.", ends=False) is not None, "it may be down"
    end = completion.never_shown(over, observation, "No list.")
    assert reason_of(end.status, "Complete") is None
    assert reason_of(end.status, "Failed") == ("True", Reason.DELIVERY_FAILED)
    assert "has not shown its results for an hour" in end.events[0].note
    assert "could not be written" not in end.events[0].note


def test_the_hour_for_late_results_begins_with_the_first_look_without_them() -> None:
    observation = an_observation()
    waits = completion.delivering(a_snapshot(status=submitted()), observation, None, math.inf)
    said = find(waits.status.conditions, "Complete")
    assert said is not None
    assert "wait to be copied to the output; a few" in said.message
    copied = NOW + timedelta(hours=2)
    first = completion.late(
        a_snapshot(status=waits.status.dump(), now=copied), observation, "No file."
    )
    assert first is not None, "nobody had looked before"
    assert (first.seconds, len(first.events)) == (completion.SOONEST, 1)
    # A new process goes on with that hour.
    before, over = (copied + completion.PATIENCE + timedelta(seconds=n) for n in (-1, 0))
    for now, waits_on in [(before, True), (over, False)]:
        later = a_snapshot(status=first.status.dump(), now=now)
        assert (completion.late(later, observation, "No file.") is not None) is waits_on


def test_a_further_look_for_late_results_is_no_news_and_does_not_begin_the_hour_again() -> None:
    snapshot, observation = a_snapshot(status=submitted()), an_observation()
    first = completion.late(snapshot, observation, "No file.")
    assert first is not None
    snapshot = snapshot.with_status(first.status)
    assert completion.delivering(snapshot, observation, 0, 10.0).status == first.status
    # What is copied now may turn out to be no results.
    some = completion.delivering(snapshot, observation, 5, 10.0)
    assert reason_of(some.status, "Complete") == ("False", Reason.DELIVERING)
    seconds = completion.PATIENCE.total_seconds()
    later = replace(snapshot.with_status(some.status), monotonic=snapshot.monotonic + seconds - 1)
    again = completion.late(later, observation, "No file.")
    assert again is not None
    assert again.events == ()
    over = replace(later, monotonic=later.monotonic + 1)
    assert completion.late(over, observation, "No file.") is None


STALE = ["CredentialsMissing", "KeyChanged", "RemoteUnavailable", "RemoteStuck"]


@pytest.mark.parametrize("reason", [*STALE, "OutputRefused", "Internal"])
def test_what_kept_the_batch_from_being_read_is_not_said_while_its_results_are_copied(
    reason: str,
) -> None:
    conditions = [
        a_condition("Submitted", "True", "Submitted"),
        a_condition("Stalled", "True", reason),
    ]
    snapshot = a_snapshot(status=submitted(conditions=conditions))
    write = completion.delivering(snapshot, an_observation(), 0, 10.0)
    said = None if reason in STALE else ("True", reason)
    assert reason_of(write.status, "Stalled") == said
    late = completion.late(snapshot, an_observation(), "No file.")
    assert late is not None
    assert reason_of(late.status, "Stalled") == said


def test_a_job_that_waits_for_results_shows_what_google_shows() -> None:
    observation = an_observation("BATCH_STATE_SUCCEEDED", stats=(3, 2, 1, 0))
    waiting = completion.late(a_snapshot(status=submitted()), observation, "No list.")
    assert waiting is not None
    assert waiting.status.requests is not None
    assert waiting.status.requests.succeeded == 2
    said = find(waiting.status.conditions, "Submitted")
    assert said is not None
    assert "BATCH_STATE_SUCCEEDED since" in said.message


def test_an_output_that_the_cluster_refuses_ends_the_wait_for_results() -> None:
    waiting = completion.late(a_snapshot(status=submitted()), an_observation(), "No list.")
    assert waiting is not None
    snapshot = a_snapshot(status=waiting.status.dump())
    write = completion.refused(snapshot, an_observation(), "ConfigMap r: quota.", 60.0)
    assert reason_of(write.status, "Complete") is None
    assert reason_of(write.status, "Stalled") == ("False", Reason.OUTPUT_REFUSED)
    assert (write.seconds, write.status.completion_time) == (60.0, None)


def test_a_try_to_write_what_was_refused_is_no_news_until_some_of_it_is_copied() -> None:
    snapshot, observation = a_snapshot(status=submitted()), an_observation()
    refused = completion.refused(snapshot, observation, "403.").status
    snapshot = a_snapshot(status=refused.dump())
    assert completion.delivering(snapshot, observation, 0, 10.0).status == refused
    some = completion.delivering(snapshot, observation, 5, 10.0).status
    assert reason_of(some, "Complete") == ("False", Reason.DELIVERING)
    assert reason_of(some, "Stalled") == ("False", Reason.OUTPUT_REFUSED)


# Results of a batch that did not succeed


@pytest.mark.parametrize("state", ["EXPIRED", "CANCELLED", "FAILED"])
def test_partial_results_are_delivered_and_counted_and_the_end_stays(state: str) -> None:
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=submitted())
    observation = an_observation(f"BATCH_STATE_{state}", results=[OK], stats=(3, 1, 0, 2))
    assert completion.decide(snapshot, observation) == Deliver(observation)
    without = written(completion._ended_badly(snapshot, observation.summary))
    output = OutputStatus(config_map="results", bytes=10, records=3)
    write = completion.delivered(snapshot, observation, output, Tally(3, 1, lost=2))
    assert reason_of(write.status, "Failed") == reason_of(without, "Failed")
    assert (write.status.state, write.status.failures) == (without.state, without.failures)
    assert write.status.output == output
    assert write.status.requests is not None
    assert (write.status.requests.total, write.status.requests.succeeded) == (3, 1)
    assert "Partial results: 1 of 3 requests succeeded" in write.events[0].note
    assert "could not be delivered" not in write.events[0].note
    left = completion.at_google(observation)
    write = completion.delivered(snapshot, observation, left, None, "The name is taken.")
    assert "They could not be delivered: The name is taken." in write.events[0].note


@pytest.mark.parametrize("state", ["EXPIRED", "CANCELLED"])
def test_partial_results_that_cannot_be_delivered_yet_are_tried_for_an_hour(state: str) -> None:
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=submitted())
    observation = an_observation(f"BATCH_STATE_{state}", file="files/results")
    first = completion.partly_late(snapshot, observation, "503.")
    assert first is not None
    assert reason_of(first.status, "Complete") == ("False", Reason.WAITING_FOR_RESULTS)
    assert "succeeded" not in first.events[0].note
    again = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=first.status.dump())
    assert completion.decide(again, observation) == Deliver(observation)
    copied = completion.delivering(snapshot, observation, 0, 10.0)
    said = find(copied.status.conditions, "Complete")
    assert said is not None
    assert "succeeded" not in said.message
    over = a_snapshot(status=first.status.dump(), now=NOW + completion.PATIENCE)
    assert completion.partly_late(over, observation, "503.") is None


def test_a_batch_that_is_tried_again_delivers_nothing() -> None:
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP, "backoffLimit": 1}, status=submitted())
    observation = an_observation("BATCH_STATE_EXPIRED", results=[OK])
    assert isinstance(completion.decide(snapshot, observation), PatchStatus)


def test_without_any_counts_the_last_known_stay() -> None:
    known = {"total": 5, "succeeded": 4, "failed": 1, "pending": 0}
    snapshot = a_snapshot(status=submitted(requests=known))
    status = written(end(snapshot, an_observation(file="files/results")))
    assert status.requests is not None
    assert status.requests.model_dump() == known
    assert status.state == "PartiallySucceeded"


@pytest.mark.parametrize(
    ("observation", "output"),
    [
        (an_observation(file="files/results"), OutputStatus(file_name="files/results")),
        (an_observation(results=[OK]), OutputStatus(batch_name=BATCH)),
        (an_observation(), OutputStatus(batch_name=BATCH)),
    ],
    ids=["a file", "inline", "neither"],
)
def test_without_an_output_the_reference_to_google_stays_in_the_status(
    observation: Any, output: OutputStatus
) -> None:
    decision = end(a_snapshot(status=submitted()), observation)
    assert written(decision).output == output
    assert isinstance(decision, PatchStatus)
    assert (output.file_name or BATCH) in decision.events[0].note


def test_p24_with_an_output_the_results_are_delivered_before_the_job_ends() -> None:
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=submitted())
    observation = an_observation(results=[OK])
    assert completion.decide(snapshot, observation) == Deliver(observation)


@pytest.mark.parametrize("state", ["FAILED", "EXPIRED", "CANCELLED"])
def test_there_is_nothing_to_deliver_of_a_batch_that_did_not_succeed(state: str) -> None:
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=submitted())
    decision = completion.decide(snapshot, an_observation(f"BATCH_STATE_{state}"))
    assert written(decision).output is None


@pytest.mark.parametrize(
    ("output", "place"),
    [
        (OutputStatus(config_map="results", bytes=10, records=1), "ConfigMap results"),
        (OutputStatus(uri="s3://bucket/x.jsonl"), "object s3://bucket/x.jsonl"),
        (OutputStatus(file_name="files/r"), "file files/r"),
        (OutputStatus(batch_name=BATCH), f"batch {BATCH}"),
    ],
)
def test_a_delivered_job_says_where_its_results_are(output: OutputStatus, place: str) -> None:
    write = completion.delivered(a_snapshot(status=submitted()), an_observation(), output, None)
    assert write.status.output == output
    assert f"Results: {place}." in write.events[0].note


@pytest.mark.parametrize("reason", [Reason.OUTPUT_TOO_LARGE, Reason.DELIVERY_FAILED])
def test_p24_impossible_delivery_fails_the_job_and_keeps_the_reference(reason: Reason) -> None:
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=submitted())
    observation = an_observation(file="files/results", stats=(1, 1, 0, 0))
    write = completion.undeliverable(snapshot, observation, reason, "Too many bytes.")
    assert reason_of(write.status, "Failed") == ("True", reason)
    assert reason_of(write.status, "Complete") is None
    assert (write.status.state, write.status.completion_time) == ("Failed", NOW)
    assert write.status.output == OutputStatus(file_name="files/results")
    assert write.status.failures == 0
    assert "Too many bytes." in write.events[0].note


@pytest.mark.parametrize("reason", ["AmbiguousSubmission", "CredentialsRejected", "KeyChanged"])
@pytest.mark.parametrize("google", ["SUCCEEDED", "FAILED"])
def test_an_ended_job_needs_nobody(reason: str, google: str) -> None:
    stalled = a_condition("Stalled", "True", reason)
    snapshot = a_snapshot(status=submitted(conditions=[stalled]))
    status = written(end(snapshot, an_observation(f"BATCH_STATE_{google}")))
    assert reason_of(status, "Stalled") is None


def test_an_end_found_by_the_sweep_has_no_event_to_acknowledge() -> None:
    snapshot = a_snapshot(status=submitted(observedEventID="event-0"))
    status = written(end(snapshot, an_observation()))
    assert status.observed_event_id == "event-0"


def test_s07_results_of_a_batch_that_another_job_has_are_not_delivered() -> None:
    write = completion.somebody_elses(
        a_snapshot(status=submitted()), an_observation("BATCH_STATE_SUCCEEDED")
    )
    assert reason_of(write.status, "Failed") == ("True", Reason.ALREADY_ADOPTED)
    assert write.status.output is None
    assert write.status.completion_time is not None

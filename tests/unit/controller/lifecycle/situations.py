"""Every situation that `docs/lifecycle.md` speaks of, brought about; each answers with a status."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Attempt, InputFile, OutputStatus, Status
from gemini_operator.controller.lifecycle import (
    adoption,
    completion,
    deletion,
    policies,
    submission,
    unavailable,
    uploading,
)
from gemini_operator.controller.lifecycle.adoption import Holder
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Snapshot, Unanswered
from gemini_operator.controller.lifecycle.status import failed, named, stalled
from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.controller.memory import Facts, KeyProblem, Refusal
from gemini_operator.gemini import errors
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    FINGERPRINT,
    MONOTONIC,
    NOW,
    OTHER_UID,
    UID,
    a_batch,
    a_condition,
    a_list_snapshot,
    a_snapshot,
    an_observation,
    delivering,
    note,
    seen,
    submitted,
    unnamed,
    written,
)

SITUATIONS: dict[str, Callable[[], Status]] = {}

CANCELLING = {"state": "Cancelling"}
SUSPENDING = a_condition("Suspended", "False", "Suspending")
ADOPT = {"input": None, "deletionPolicy": "Delete", "adopt": {"batchName": BATCH}}
CLAIMED = {"state": "Pending", "batchName": BATCH}
RECORD = Attempt(id=ATTEMPT, number=1, start_time=NOW, api_key_fingerprint=FINGERPRINT)


def situation(title: str) -> Callable[[Callable[[], Status]], Callable[[], Status]]:
    def note_down(make: Callable[[], Status]) -> Callable[[], Status]:
        assert title not in SITUATIONS, title
        SITUATIONS[title] = make
        return make

    return note_down


def decided(snapshot: Snapshot, remote: Remote | None = None) -> Status:
    """The status that a reconcile writes."""
    return written(delivering(snapshot, policies.decide(snapshot, remote)))


def after(status: dict[str, Any], google: str = "", **spec: Any) -> Status:
    """The reconcile of a job whose batch Google shows in that state."""
    snapshot = a_snapshot(spec=spec, status=status)
    return decided(snapshot, seen(f"BATCH_STATE_{google}") if google else None)


# On the way to Google


FROM_OBJECT = {"model": "gemini-2.5-flash", "input": {"object": {"uri": "s3://bucket/in.jsonl"}}}
UPLOAD = {"fileName": f"files/{UID.replace('-', '')}-1"}


@situation("The input is in object storage, and other inputs are being copied")
def waiting_to_upload() -> Status:
    return decided(a_snapshot(spec=FROM_OBJECT))


@situation("The input is being copied to Google")
def uploads() -> Status:
    snapshot = a_snapshot(spec=FROM_OBJECT, status={"inputFile": UPLOAD})
    return uploading.progress(snapshot, 2**20, None, 10.0).status


@situation("Google has no room for the input")
def no_room() -> Status:
    snapshot = a_snapshot(spec=FROM_OBJECT, status={"inputFile": UPLOAD})
    return uploading.throttled(snapshot, errors.StorageFull("429"), 60.0).status


@situation("The input is at Google")
def uploaded() -> Status:
    snapshot = a_snapshot(spec=FROM_OBJECT, status={"inputFile": UPLOAD})
    file = InputFile(file_name=UPLOAD["fileName"], bytes=2**20, records=9, sha256="0" * 64)
    return uploading.uploaded(snapshot, file).status


@situation("The batch is being created")
def creating() -> Status:
    return submission.written_ahead(a_snapshot(), RECORD)


@situation("As many batches as allowed are open for the API key")
def full() -> Status:
    return submission.queued(a_snapshot(), Reason.QUEUED, "", 1.0).status


@situation("Google throttles the API key and model")
def throttled() -> Status:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.refusal = Refusal(ATTEMPT, errors.Throttled("429"), 5.0)
    return decided(snapshot)


@situation("Google has the batch and has not started it")
def pending() -> Status:
    return named(a_snapshot(status=unnamed()), a_batch(state="BATCH_STATE_PENDING"))


@situation("Google is processing the batch")
def running() -> Status:
    return after(submitted(geminiState="BATCH_STATE_PENDING", state="Pending"), "RUNNING")


@situation("The outcome of the create request is unknown")
def unclear() -> Status:
    snapshot = a_snapshot(status=submission.written_ahead(a_snapshot(), RECORD).dump())
    snapshot.facts.unknown_create = ATTEMPT, "503"
    return decided(snapshot)


@situation("It is unclear whether there is a batch, or which one")
def ambiguous() -> Status:
    snapshot = a_snapshot(status=unnamed())
    note(snapshot, a_list_snapshot(a_batch("batches/one"), a_batch("batches/two")))
    return decided(snapshot)


# Waiting for a person, or for something to be put right


@situation("The Secret with the API key is missing or unusable")
def no_key() -> Status:
    return stalled(a_snapshot(), Reason.CREDENTIALS_MISSING, "").status


@situation("The Secret with the API key is missing or unusable while the batch runs")
def no_key_any_more() -> Status:
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.key_problem = KeyProblem(Reason.CREDENTIALS_MISSING, "Gone.")
    return decided(snapshot)


@situation("Google refuses the API key while the batch runs")
def refused_later() -> Status:
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, "401")
    return decided(snapshot)


@situation("Google refuses the API key")
def refused_key() -> Status:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.refusal = Refusal(ATTEMPT, errors.CredentialsRejected("401"), 5.0)
    return decided(snapshot)


@situation("The ConfigMap, file or object with the input is missing, or cannot be read")
def no_input() -> Status:
    return stalled(a_snapshot(), Reason.INPUT_MISSING, "").status


@situation("The cluster or the object store does not let the operator read the input")
def refused_input() -> Status:
    return stalled(a_snapshot(), Reason.INPUT_REFUSED, "").status


@situation("The cluster or the object store refuses the results")
def refused_output() -> Status:
    return stalled(a_snapshot(), Reason.OUTPUT_REFUSED, "").status


@situation("The cluster does not let the operator change the job")
def refused_write() -> Status:
    return stalled(a_snapshot(), Reason.WRITE_REFUSED, "").status


@situation("The CRD in the cluster is older than the operator")
def older_crd() -> Status:
    return stalled(a_snapshot(), Reason.SCHEMA_OUTDATED, "").status


@situation("Google cannot be reached, or answers with errors: before a batch exists")
def away_before() -> Status:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.failed_calls = unavailable.ENOUGH
    snapshot.facts.refusal = Refusal(ATTEMPT, errors.NotSent("No route to host"), 5.0)
    return decided(snapshot)


@situation(
    "Google cannot be reached, or answers with errors: whether it created a batch is not known"
)
def away_meanwhile() -> Status:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.failed_calls = unavailable.ENOUGH
    snapshot.facts.unlisted = errors.Unavailable("503")
    return decided(snapshot)


@situation("Google cannot be reached, or answers with errors: when the batch must be read")
def away_after() -> Status:
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.failed_calls = unavailable.ENOUGH
    return decided(snapshot, Unanswered(errors.Unavailable("503")))


def with_another_key(*, deleting: bool) -> Status:
    """A list with another API key than the attempt's, after the grace, that shows nothing."""
    facts = Facts(UID, deleting_since=MONOTONIC)
    snapshot = a_snapshot(status=unnamed(), facts=facts, deleting=deleting)
    assert facts.search is not None
    note(snapshot, a_list_snapshot(begun=facts.search.grace_ends, other_key=[ATTEMPT]))
    return decided(snapshot)


@situation("It is unknown whether there is a batch, and the Secret holds another API key")
def no_proof() -> Status:
    return with_another_key(deleting=False)


@situation(
    "The job is deleted, it is unknown whether there is a batch, and the Secret holds another API key"
)
def blocked_with_another_key() -> Status:
    return with_another_key(deleting=True)


@situation("The batch is not found, and the Secret holds another API key")
def other_key() -> Status:
    return decided(a_snapshot(status=submitted()), Gone(same_key=False))


@situation("Google has not ended the batch after 49 hours")
def stuck() -> Status:
    snapshot = a_snapshot(status=submitted(), now=NOW + timedelta(hours=49))
    return decided(snapshot, seen())


@situation("The job is deleted and Google does not answer")
def blocked() -> Status:
    return written(deletion.blocked(a_snapshot(status=submitted(), deleting=True), "503."))


@situation("The job is deleted and has no usable API key")
def blocked_without_key() -> Status:
    snapshot = a_snapshot(status=submitted(), deleting=True)
    return written(policies.without_credentials(snapshot, Reason.CREDENTIALS_MISSING, "Gone."))


# Suspended


@situation("The job was created suspended")
def created_suspended() -> Status:
    return after({}, suspend=True)


@situation("The job is suspended while its batch runs")
def suspending() -> Status:
    return after(submitted(), suspend=True)


@situation("The batch of a suspended job has been cancelled")
def suspended() -> Status:
    status = submitted(**CANCELLING)
    status["conditions"] = [*status["conditions"], SUSPENDING]
    return after(status, "CANCELLED", suspend=True)


@situation("The job is resumed")
def resumed() -> Status:
    suspended = a_condition("Suspended", "True", "Suspended")
    return after({"state": "Suspended", "conditions": [suspended]})


# Ended by its owner


@situation("Shutdown, or the deadline, while the batch runs")
def cancelling() -> Status:
    return after(submitted(), shutdown="Cancel")


@situation("Shutdown, and the batch has been cancelled")
def shut_down() -> Status:
    return after(submitted(**CANCELLING), "CANCELLED", shutdown="Cancel")


@situation("Shutdown before anything was submitted")
def shut_down_early() -> Status:
    return after({}, shutdown="Cancel")


@situation("A cancel was requested, but the batch succeeded first")
def finished_first() -> Status:
    return after(submitted(**CANCELLING), "SUCCEEDED", shutdown="Cancel")


@situation("The deadline has passed, and the batch has been cancelled")
def too_late() -> Status:
    status = submitted(startTime="2025-01-01T00:00:00Z", **CANCELLING)
    return after(status, "CANCELLED", activeDeadlineSeconds=60)


# Ended by Google


@situation("Every request succeeded")
def succeeded() -> Status:
    return after(submitted(), "SUCCEEDED")


@situation("Some requests failed or were blocked")
def partly() -> Status:
    return decided(
        a_snapshot(status=submitted()), seen("BATCH_STATE_SUCCEEDED", stats=(3, 2, 1, 0))
    )


@situation("Every request failed or was blocked")
def all_failed() -> Status:
    return decided(
        a_snapshot(status=submitted()), seen("BATCH_STATE_SUCCEEDED", stats=(3, 0, 3, 0))
    )


@situation("The results do not match the requests")
def mismatch() -> Status:
    output = OutputStatus(config_map="results")
    return completion.delivered(
        a_snapshot(status=submitted()), an_observation(), output, Tally(3, 2, lost=1)
    ).status


@situation("The results are being copied to object storage")
def copying() -> Status:
    observation = an_observation("BATCH_STATE_SUCCEEDED", file="files/batch-b")
    snapshot = a_snapshot(status=submitted())
    return completion.delivering(snapshot, observation, 2**20, 10.0).status


@situation("Google reports success, but shows no results yet")
def late() -> Status:
    snapshot = a_snapshot(status=submitted())
    waiting = completion.late(snapshot, an_observation(), "No list.")
    assert waiting is not None
    return waiting.status


@situation("Google ended the batch as failed")
def failed_at_google() -> Status:
    return after(submitted(), "FAILED")


@situation("Google did not finish the batch in time")
def expired() -> Status:
    return after(submitted(), "EXPIRED")


@situation("Failed or expired, and backoffLimit allows another batch")
def retried() -> Status:
    return after(submitted(), "FAILED", backoffLimit=1)


@situation("Failed or expired more often than backoffLimit allows")
def given_up() -> Status:
    return after(submitted(failures=1), "FAILED", backoffLimit=1)


@situation("Somebody cancelled the batch at Google")
def cancelled() -> Status:
    return after(submitted(), "CANCELLED")


@situation("Somebody deleted the batch at Google")
def gone() -> Status:
    return decided(a_snapshot(status=submitted()), Gone(same_key=True))


# Refused


@situation("The input cannot be used")
def bad_input() -> Status:
    return failed(a_snapshot(), Reason.INVALID_INPUT, "").status


@situation("Google refuses the request")
def bad_request() -> Status:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.refusal = Refusal(ATTEMPT, errors.Rejected("400"), 5.0)
    return decided(snapshot)


@situation("The results do not fit into the ConfigMap")
def too_large() -> Status:
    snapshot = a_snapshot(status=submitted())
    end = an_observation("BATCH_STATE_SUCCEEDED")
    return completion.undeliverable(snapshot, end, Reason.OUTPUT_TOO_LARGE, "").status


@situation("The ConfigMap for the results belongs to something else")
def undeliverable() -> Status:
    snapshot = a_snapshot(status=submitted())
    end = an_observation("BATCH_STATE_SUCCEEDED")
    return completion.undeliverable(snapshot, end, Reason.DELIVERY_FAILED, "").status


# Adopted


def adopting(*holders: Holder, batch: Any = None, facts: Facts | None = None) -> Status:
    snapshot = a_snapshot(spec=ADOPT, status=CLAIMED, facts=facts)
    terms = snapshot.job.spec.adopt
    assert terms is not None
    if batch is None:
        return written(adoption.not_found(snapshot, terms))
    contested = adoption.refused(snapshot, batch) or adoption.contested(snapshot, terms, holders)
    return written(contested or adoption.settled(snapshot, batch, RECORD))


@situation("The batch to adopt is claimed, not yet adopted")
def claimed() -> Status:
    snapshot = a_snapshot(spec=ADOPT)
    assert snapshot.job.spec.adopt is not None
    return written(adoption.claimed(snapshot, snapshot.job.spec.adopt))


@situation("The batch is adopted")
def adopted() -> Status:
    return adopting(batch=a_batch(uid=UID))


@situation("The batch to adopt belongs to another job")
def taken() -> Status:
    return adopting(Holder(OTHER_UID, NOW, has_it=True, over=False, proven=True), batch=a_batch())


@situation("The batch to adopt was submitted for another object")
def foreign() -> Status:
    return adopting(batch=a_batch(uid=OTHER_UID))


@situation("Google does not find the batch to adopt with this API key")
def unknown() -> Status:
    return adopting(batch=None)

"""Jobs, batches and views for tests: the API server's and Google's JSON, read by our own readers."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gemini_operator.api import group
from gemini_operator.api.conditions import find
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.job import Job, from_object
from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.lifecycle.decisions import Deliver, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Rules, Seen, Snapshot
from gemini_operator.controller.memory import Facts, ListSnapshot
from gemini_operator.controller.reconcile.results import tally_of
from gemini_operator.gemini.kinds import batch_resource
from gemini_operator.gemini.remote import Observation, Summary
from gemini_operator.gemini.tokens import display_name
from gemini_operator.payload import matching, results

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
MONOTONIC = 1000.0
UID = "0b5f8a5e-5a0e-4a52-8c56-0d5c2b9a7f01"
OTHER_UID = "ffffffff-5a0e-4a52-8c56-0d5c2b9a7f02"
ATTEMPT = "00000000000000a1"
EARLIER = "00000000000000a0"
MODEL = "gemini-2.5-flash"
BATCH = "batches/one"
FINGERPRINT = "f" * 16
RULES = Rules(create_timeout=25.0, submit_grace=60.0)

INLINE = {"inline": [{"key": "a", "request": {"contents": []}}]}
TO_CONFIG_MAP = {"configMap": {"name": "results"}}
ADOPTS = {"input": None, "deletionPolicy": "Orphan", "adopt": {"batchName": BATCH}}

JSON = dict[str, Any]


def time(moment: datetime = NOW) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(seconds: float) -> str:
    return time(NOW - timedelta(seconds=seconds))


def a_job(
    *,
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    deleting: bool = False,
    has_finalizer: bool = True,
    **metadata: Any,
) -> Job:
    """A job as the API server stores it; `metadata` overrides members of `metadata`."""
    body = {
        "metadata": {
            "namespace": "team-a",
            "name": "job",
            "uid": UID,
            "resourceVersion": "100",
            "generation": 1,
            "creationTimestamp": time(NOW - timedelta(minutes=5)),
            "finalizers": ["example.com/other", *([group.FINALIZER] if has_finalizer else [])],
            **({"deletionTimestamp": time()} if deleting else {}),
            **metadata,
        },
        "spec": {"model": MODEL, "input": INLINE, **(spec or {})},
        "status": dict(status or {}),
    }
    return from_object(body)


def an_attempt(an_id: str = ATTEMPT, number: int = 1, **members: Any) -> JSON:
    """`status.attempt` with a batch name if one is given, else with none."""
    return {
        "id": an_id,
        "number": number,
        "startTime": time(),
        "apiKeyFingerprint": FINGERPRINT,
        **members,
    }


def submitted(**members: Any) -> JSON:
    """The status of a job whose batch has its name."""
    return {
        "state": "Running",
        "attempt": an_attempt(batchName=BATCH),
        "batchName": BATCH,
        "geminiState": "BATCH_STATE_RUNNING",
        "startTime": time(),
        "observedGeneration": 1,
        "conditions": [a_condition("Submitted", "True", "Submitted")],
        **members,
    }


def cancelling(*conditions: JSON, **members: Any) -> JSON:
    """The status of a job whose batch we have begun to cancel; with conditions of its own."""
    said = a_condition("Submitted", "True", "Submitted")
    return submitted(state="Cancelling", conditions=[said, *conditions], **members)


def unnamed(**members: Any) -> JSON:
    """The status of a job whose create got no answer."""
    return {
        "state": "Submitting",
        "attempt": an_attempt(),
        "startTime": time(),
        "observedGeneration": 1,
        "conditions": [a_condition("Submitted", "False", "Submitting")],
        **members,
    }


def finished(**members: Any) -> JSON:
    """The status of a job that is Complete."""
    conditions = [
        a_condition("Submitted", "True", "Submitted"),
        a_condition("Complete", "True", "Succeeded"),
    ]
    return submitted(
        state="Succeeded",
        geminiState="BATCH_STATE_SUCCEEDED",
        completionTime=time(),
        conditions=conditions,
        **members,
    )


def an_event(an_id: str = "event-1", **members: Any) -> JSON:
    """`status.lastEvent`."""
    return {
        "id": an_id,
        "type": "batch.succeeded",
        "attempt": ATTEMPT,
        "remoteName": BATCH,
        "time": time(),
        **members,
    }


def a_condition(kind: str, value: str, reason: str, message: str = "") -> JSON:
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": time(NOW - timedelta(minutes=1)),
    }


def an_operation(
    name: str = BATCH,
    state: str = "BATCH_STATE_RUNNING",
    *,
    uid: str = UID,
    attempt: str | None = ATTEMPT,
    model: str = f"models/{MODEL}",
    created: datetime | None = NOW,
    stats: tuple[int, int, int, int] | None = None,
    **members: Any,
) -> JSON:
    """
    A batch as Google answers it.

    Args:
        attempt: the id in the display name's token; None for a batch without a token.
        stats: total, succeeded, failed and pending requests.
    """
    metadata: JSON = {"state": state, "model": model, "displayName": "somebody's"}
    if attempt is not None:
        metadata["displayName"] = display_name("team-a/job", uid, attempt)
    if created is not None:
        metadata["createTime"] = created.isoformat()
    if stats is not None:
        names = (
            "requestCount",
            "successfulRequestCount",
            "failedRequestCount",
            "pendingRequestCount",
        )
        metadata["batchStats"] = {n: str(c) for n, c in zip(names, stats, strict=True) if c}
    return {"name": name, "metadata": metadata, **members}


def a_batch(name: str = BATCH, state: str = "BATCH_STATE_RUNNING", **members: Any) -> Summary:
    return batch_resource.summary(an_operation(name, state, **members), name)


def an_observation(
    state: str = "BATCH_STATE_SUCCEEDED",
    *,
    file: str | None = None,
    results: list[JSON] | None = None,
    name: str = BATCH,
    **members: Any,
) -> Observation:
    """A read of the batch, with results in a file or inline if they are given."""
    response: JSON = {}
    if file is not None:
        response["responsesFile"] = file
    if results is not None:
        response["inlinedResponses"] = {"inlinedResponses": results}
    operation = an_operation(name, state, response=response, **members)
    return batch_resource.observation(operation, name)


def seen(state: str = "BATCH_STATE_RUNNING", **members: Any) -> Seen:
    return Seen(an_observation(state, **members))


def a_list_snapshot(
    *batches: Summary,
    begun: float = MONOTONIC,
    complete: bool = True,
    current: Summary | None = None,
    other_key: Collection[str] = (),
) -> ListSnapshot:
    """What a listing with these batches of the job showed; `current` is the named one.

    Args:
        other_key: ids of the attempts that were sent with another API key than the list's.
    """
    matches: dict[str, tuple[Summary, ...]] = {}
    for batch in batches:
        assert batch.token is not None
        an_id = batch.token.attempt_id
        matches[an_id] = (*matches.get(an_id, ()), batch)
    return ListSnapshot(
        begun=begun,
        complete=complete,
        current=current,
        matches=matches,
        other_key=frozenset(other_key),
    )


def a_snapshot(
    job: Job | None = None,
    *,
    facts: Facts | None = None,
    now: datetime = NOW,
    monotonic: float = MONOTONIC,
    **of_job: Any,
) -> Snapshot:
    """A view of `job`, or of `a_job(**of_job)`, with the facts that a new process would have."""
    job = job or a_job(**of_job)
    facts = facts or Facts(job.uid)
    attempt = job.status.attempt
    if attempt is not None and attempt.batch_name is None:
        facts.begin_search(
            attempt,
            now=now,
            monotonic=monotonic,
            timeout=RULES.create_timeout,
            grace=RULES.submit_grace,
        )
    return Snapshot(job, facts, now, monotonic, RULES)


def note(snapshot: Snapshot, list_snapshot: ListSnapshot) -> None:
    """A listing of the job's key has ended, as the sweeper tells it."""
    attempt = snapshot.status.attempt
    snapshot.facts.note_list_snapshot(list_snapshot, bool(attempt and attempt.batch_name))
    snapshot.facts.note_listed(snapshot.monotonic)


def delivering(snapshot: Snapshot, decision: object) -> object:
    """`decision`; in place of `Deliver` the status that follows when nothing goes wrong."""
    if not isinstance(decision, Deliver):
        return decision
    observation = decision.observation
    found = results.of_items(observation.inline_results or ())
    tally = tally_of(matching.as_sent(found, observation.summary.requests.total), "")
    output = completion.at_google(observation)
    counted = None if observation.inline_results is None else tally
    return completion.delivered(snapshot, observation, output, counted)


def written(decision: object) -> Status:
    """The status of a decision that must be a `Write`."""
    assert isinstance(decision, PatchStatus), decision
    return decision.status


def reason_of(status: Status, kind: str) -> tuple[str, str] | None:
    """Value and reason of a condition, or None without it."""
    condition = find(status.conditions, kind)
    return None if condition is None else (condition.status, condition.reason)

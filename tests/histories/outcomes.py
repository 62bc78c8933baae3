"""The outcome of a finished job must fit what was asked of it and its batch at Google."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.histories.expected import ExpectedJob, OutsideActions
from tests.histories.google import Batch
from tests.histories.invariants import Body, attempt_of, conditions_of, is_true, status_of

# Reasons of jobs that finish without a batch of their own.
BATCHLESS = ("AdoptionRefused", "AlreadyAdopted", "InvalidRequest")
RETRIABLE = {"FAILED": "RemoteFailed", "EXPIRED": "RemoteExpired"}


def outcome_problems(
    job: ExpectedJob, body: Body, batches: Sequence[Batch], actions: OutsideActions
) -> list[str]:
    """Problems of a finished job's outcome; `batches` are all of the hioutcome."""
    kept = _kept(body, batches)
    if is_true(body, "Complete"):
        return list(_complete(job, body, kept))
    return list(_failed(job, body, batches, actions))


def output_problems(
    job: ExpectedJob, body: Body, config_map: Mapping[str, Any] | None
) -> list[str]:
    """Problems of the results of a finished job with an output."""
    if not is_true(body, "Complete"):
        return [f"{job.name} has failed and delivered {job.output}"] if config_map else []
    if config_map is None:
        return [f"{job.name} is Complete, and there is no ConfigMap {job.output}"]
    text = config_map["data"]["results.jsonl"]
    output = status_of(body)["output"]
    keys = [json.loads(line)["key"] for line in text.splitlines()]
    found = []
    if keys != job.keys:
        found.append(f"the results of {job.name} are for {keys} instead of {job.keys}")
    if output["sha256"] != hashlib.sha256(text.encode()).hexdigest():
        found.append(f"status.output of {job.name} has another hash than the results")
    if output["records"] != len(keys):
        found.append(f"status.output of {job.name} counts {output['records']} of {len(keys)}")
    return found


def _kept(body: Body, batches: Sequence[Batch]) -> Batch | None:
    name = attempt_of(body).get("batchName")
    return next((batch for batch in batches if batch.name == name), None)


def disappearance_problems(job: ExpectedJob, last: Body) -> list[str]:
    """Problems of a job that disappeared though nobody deleted it: only its TTL may do that."""
    ttl, end = job.spec.get("ttlSecondsAfterFinished"), status_of(last).get("completionTime")
    if ttl is None or end is None:
        return [f"{job.name} is gone, and nobody has deleted it"]
    # A job that submitted nothing has no finalizer: it is deleted at once, without a deletionTimestamp.
    went = last["metadata"].get("deletionTimestamp")
    if went is not None and _seconds(end, went) < ttl:
        return [f"{job.name} ended at {end} and was deleted at {went}, with a TTL of {ttl} s"]
    return []


def _complete(job: ExpectedJob, body: Body, kept: Batch | None) -> Iterator[str]:
    if kept is None or kept.state != "SUCCEEDED":
        yield f"{job.name} is Complete, and its batch is {kept.state if kept else 'unknown'}"
    reason = conditions_of(body)["Complete"]["reason"]
    if job.adopts:
        return
    total, failing = len(job.texts), sum("[[fail]]" in text for text in job.texts)
    if (reason == "CompletedWithFailures") != bool(failing):
        yield f"{job.name} is Complete / {reason} with {failing} failed requests"
    requests = status_of(body).get("requests")
    counts = {"total": total, "succeeded": total - failing, "failed": failing, "pending": 0}
    if requests != counts:
        yield f"{job.name} is Complete and counts {requests} instead of {counts}"


def _failed(
    job: ExpectedJob, body: Body, batches: Sequence[Batch], actions: OutsideActions
) -> Iterator[str]:
    kept, reason = _kept(body, batches), conditions_of(body)["Failed"]["reason"]
    at_google = kept.state if kept else "none"
    outcome = f"{job.name} is Failed / {reason} while its batch is {at_google}"
    there = job.adopts in {batch.name for batch in batches if batch.exists}
    if not _fits(reason, job, body, kept, actions) or (reason == "RemoteNotFound" and there):
        yield outcome
    if reason in BATCHLESS and attempt_of(body):
        yield f"{outcome}, and it has an attempt"
    said = status_of(body).get("geminiState")
    if kept is not None and reason != "RemoteNotFound" and said != f"BATCH_STATE_{at_google}":
        yield f"{outcome}, and the status says {said}"


def _fits(
    reason: str, job: ExpectedJob, body: Body, kept: Batch | None, actions: OutsideActions
) -> bool:
    """Whether the job may have failed for this reason."""
    cancelled = kept is None or kept.state == "CANCELLED"
    match reason:
        case "Cancelled":
            by_others = kept is not None and kept.name in actions.cancelled
            return cancelled and (by_others or job.previous or job.shutdown)
        case "DeadlineExceeded":
            return cancelled and _too_late(job, body)
        case "RemoteFailed" | "RemoteExpired":
            tried = min(job.retries, default=0) == 0 or not job.uninterrupted
            return kept is not None and RETRIABLE.get(kept.state) == reason and tried
        case "BackoffLimitExceeded":
            enough = status_of(body)["failures"] > max(1, min(job.retries, default=0))
            return kept is not None and kept.state in RETRIABLE and enough
        case "RemoteNotFound":
            return bool(job.adopts) or (kept is not None and kept.name in actions.deleted)
        case "InvalidRequest":
            return kept is None and actions.refusals
        case "AlreadyAdopted":
            return kept is None and bool(actions.holders.get(job.adopts, set()) - {job.uid})
        case "AdoptionRefused":
            return kept is None and bool(job.adopts)
    return False


def _too_late(job: ExpectedJob, body: Body) -> bool:
    """Whether the job ended after one of the deadlines that it ever had."""
    status = status_of(body)
    if not job.deadlines or "startTime" not in status:
        return False
    return _seconds(status["startTime"], status["completionTime"]) >= min(job.deadlines)


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()

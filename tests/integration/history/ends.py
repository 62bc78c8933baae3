"""What a finished job may say, given what was asked of it and what became of its batch at Google."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.integration.history.google import Batch
from tests.integration.history.laws import Body, attempt_of, conditions_of, is_true, status_of
from tests.integration.history.wish import Deeds, Wish

# Reasons of jobs that end without a batch of their own.
BATCHLESS = ("AdoptionRefused", "AlreadyAdopted", "InvalidRequest")
RETRIABLE = {"FAILED": "RemoteFailed", "EXPIRED": "RemoteExpired"}


def unjustified(wish: Wish, body: Body, batches: Sequence[Batch], deeds: Deeds) -> list[str]:
    """What of the end of a finished job is not as it should be; `batches` are all of the history."""
    kept = _kept(body, batches)
    if is_true(body, "Complete"):
        return list(_complete(wish, body, kept))
    return list(_failed(wish, body, batches, deeds))


def undelivered(wish: Wish, body: Body, config_map: Mapping[str, Any] | None) -> list[str]:
    """What of the results of a finished job with an output is not where it should be."""
    if not is_true(body, "Complete"):
        return [f"{wish.name} has failed and delivered {wish.output}"] if config_map else []
    if config_map is None:
        return [f"{wish.name} is Complete, and there is no ConfigMap {wish.output}"]
    text = config_map["data"]["results.jsonl"]
    output = status_of(body)["output"]
    keys = [json.loads(line)["key"] for line in text.splitlines()]
    found = []
    if keys != wish.keys:
        found.append(f"the results of {wish.name} are for {keys} instead of {wish.keys}")
    if output["sha256"] != hashlib.sha256(text.encode()).hexdigest():
        found.append(f"status.output of {wish.name} has another hash than the results")
    if output["records"] != len(keys):
        found.append(f"status.output of {wish.name} counts {output['records']} of {len(keys)}")
    return found


def _kept(body: Body, batches: Sequence[Batch]) -> Batch | None:
    name = attempt_of(body).get("batchName")
    return next((batch for batch in batches if batch.name == name), None)


def vanished(wish: Wish, last: Body) -> list[str]:
    """What is wrong with a job that is gone though nobody has deleted it: only its TTL may."""
    ttl, end = wish.spec.get("ttlSecondsAfterFinished"), status_of(last).get("completionTime")
    if ttl is None or end is None:
        return [f"{wish.name} is gone, and nobody has deleted it"]
    # Without a finalizer, as nothing was ever submitted, it goes at once and without a time.
    went = last["metadata"].get("deletionTimestamp")
    if went is not None and _seconds(end, went) < ttl:
        return [f"{wish.name} ended at {end} and was deleted at {went}, with a TTL of {ttl} s"]
    return []


def _complete(wish: Wish, body: Body, kept: Batch | None) -> Iterator[str]:
    if kept is None or kept.state != "SUCCEEDED":
        yield f"{wish.name} is Complete, and its batch is {kept.state if kept else 'unknown'}"
    reason = conditions_of(body)["Complete"]["reason"]
    if wish.adopts:
        return
    total, failing = len(wish.texts), sum("[[fail]]" in text for text in wish.texts)
    if (reason == "CompletedWithFailures") != bool(failing):
        yield f"{wish.name} is Complete / {reason} with {failing} failed requests"
    requests = status_of(body).get("requests")
    counts = {"total": total, "succeeded": total - failing, "failed": failing, "pending": 0}
    if requests != counts:
        yield f"{wish.name} is Complete and counts {requests} instead of {counts}"


def _failed(wish: Wish, body: Body, batches: Sequence[Batch], deeds: Deeds) -> Iterator[str]:
    kept, reason = _kept(body, batches), conditions_of(body)["Failed"]["reason"]
    at_google = kept.state if kept else "none"
    story = f"{wish.name} is Failed / {reason} while its batch is {at_google}"
    there = wish.adopts in {batch.name for batch in batches if batch.there}
    if not _fits(reason, wish, body, kept, deeds) or (reason == "RemoteNotFound" and there):
        yield story
    if reason in BATCHLESS and attempt_of(body):
        yield f"{story}, and it has an attempt"
    said = status_of(body).get("geminiState")
    if kept is not None and reason != "RemoteNotFound" and said != f"BATCH_STATE_{at_google}":
        yield f"{story}, and the status says {said}"


def _fits(reason: str, wish: Wish, body: Body, kept: Batch | None, deeds: Deeds) -> bool:
    """Whether a job may have failed for that reason."""
    cancelled = kept is None or kept.state == "CANCELLED"
    match reason:
        case "Cancelled":
            by_others = kept is not None and kept.name in deeds.cancelled
            return cancelled and (by_others or wish.previous or wish.shutdown)
        case "DeadlineExceeded":
            return cancelled and _too_late(wish, body)
        case "RemoteFailed" | "RemoteExpired":
            tried = min(wish.retries, default=0) == 0 or not wish.ends_by_itself
            return kept is not None and RETRIABLE.get(kept.state) == reason and tried
        case "BackoffLimitExceeded":
            enough = status_of(body)["failures"] > max(1, min(wish.retries, default=0))
            return kept is not None and kept.state in RETRIABLE and enough
        case "RemoteNotFound":
            return bool(wish.adopts) or (kept is not None and kept.name in deeds.deleted)
        case "InvalidRequest":
            return kept is None and deeds.refusals
        case "AlreadyAdopted":
            return kept is None and bool(deeds.holders.get(wish.adopts, set()) - {wish.uid})
        case "AdoptionRefused":
            return kept is None and bool(wish.adopts)
    return False


def _too_late(wish: Wish, body: Body) -> bool:
    """Whether a deadline that the job had had passed when it ended."""
    status = status_of(body)
    if not wish.deadlines or "startTime" not in status:
        return False
    return _seconds(status["startTime"], status["completionTime"]) >= min(wish.deadlines)


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()

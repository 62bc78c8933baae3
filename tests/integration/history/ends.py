"""What a finished job may say, given what was asked of it and what became of its batch at Google."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
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
    return list(_failed(wish, body, kept, deeds))


def undelivered(wish: Wish, body: Body, config_map: Mapping[str, Any] | None) -> list[str]:
    """What of the results of a Complete job is not where it should be."""
    if not wish.output:
        return []
    if config_map is None:
        return [f"{wish.name} is Complete, and there is no ConfigMap {wish.output}"]
    text = config_map["data"]["results.jsonl"]
    output = status_of(body)["output"]
    keys = [json.loads(line)["key"] for line in text.splitlines()]
    expected = wish.keys if not wish.adopts else ["by-hand"]
    found = []
    if keys != expected:
        found.append(f"the results of {wish.name} are for {keys} instead of {expected}")
    if output["sha256"] != hashlib.sha256(text.encode()).hexdigest():
        found.append(f"status.output of {wish.name} has another hash than the results")
    if output["records"] != len(keys):
        found.append(f"status.output of {wish.name} counts {output['records']} of {len(keys)}")
    return found


def _kept(body: Body, batches: Sequence[Batch]) -> Batch | None:
    name = attempt_of(body).get("batchName")
    return next((batch for batch in batches if batch.name == name), None)


def _complete(wish: Wish, body: Body, kept: Batch | None) -> Iterator[str]:
    if kept is None or kept.state != "SUCCEEDED":
        yield f"{wish.name} is Complete, and its batch is {kept.state if kept else 'unknown'}"
    reason = conditions_of(body)["Complete"]["reason"]
    failing = sum("[[fail]]" in text for text in wish.texts)
    if not wish.adopts and (reason == "CompletedWithFailures") != bool(failing):
        yield f"{wish.name} is Complete / {reason} with {failing} failed requests"


def _failed(wish: Wish, body: Body, kept: Batch | None, deeds: Deeds) -> Iterator[str]:
    reason = conditions_of(body)["Failed"]["reason"]
    at_google = kept.state if kept else "none"
    story = f"{wish.name} is Failed / {reason} while its batch is {at_google}"
    match reason:
        case "Cancelled":
            by_hand = kept is not None and kept.name in deeds.cancelled
            by_others = by_hand or wish.previous
            fits = at_google in ("CANCELLED", "none") and (by_others or wish.shutdown)
        case "DeadlineExceeded":
            fits = at_google in ("CANCELLED", "none") and wish.had_deadline
        case "RemoteFailed" | "RemoteExpired":
            fits = RETRIABLE.get(at_google) == reason
        case "BackoffLimitExceeded":
            fits = at_google in RETRIABLE and wish.most_retries > 0
        case "RemoteNotFound":
            by_others = bool(wish.adopts) and (kept is None or not kept.there)
            fits = by_others or (kept is not None and kept.name in deeds.deleted)
        case "InvalidRequest":
            fits = kept is None and deeds.refusals
        case "AdoptionRefused" | "AlreadyAdopted":
            fits = kept is None and bool(wish.adopts)
        case _:
            fits = False
    if not fits:
        yield story
    if reason in BATCHLESS and attempt_of(body):
        yield f"{story}, and it has an attempt"

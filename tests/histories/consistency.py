"""The members of one status must agree: state, conditions, attempt, times and counts."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from gemini_operator.api.reasons import Reason

Body = Mapping[str, Any]

COMPLETE = ("Succeeded", "PartiallySucceeded")
FAILED = ("Failed", "Cancelled", "Expired")
OPEN = ("Pending", "Running", "Cancelling", "Delivering")
REASONS = frozenset(reason.value for reason in Reason)


def contradictions(body: Body) -> Iterator[str]:
    """Statements of one version that cannot all be true."""
    status = body.get("status") or {}
    if not status.keys() - {"lastEvent"}:
        return
    if "observedGeneration" not in status:
        yield "the status does not say which generation it speaks of"
    # While its deletion is blocked, whatever the job was before.
    if status.get("state") == "Deleting":
        if "deletionTimestamp" not in body["metadata"]:
            yield "the state is Deleting and nobody has deleted the job"
        return
    values = {c["type"]: c["status"] == "True" for c in status.get("conditions") or ()}
    yield from _state(status, values)
    yield from _attempt(status, values)
    yield from _times(body, status)
    yield from _counts(body, status)
    for condition in status.get("conditions") or ():
        yield from _condition(condition)


def _state(status: Body, values: Mapping[str, bool]) -> Iterator[str]:
    state = status.get("state")
    for kind, words in {
        "Complete": COMPLETE,
        "Failed": FAILED,
        "Suspended": ("Suspended",),
    }.items():
        if values.get(kind, False) != (state in words):
            yield f"the state is {state} and {kind} is {values.get(kind)}"


def _attempt(status: Body, values: Mapping[str, bool]) -> Iterator[str]:
    state, attempt = status.get("state"), status.get("attempt") or {}
    named = "batchName" in attempt
    if values.get("Submitted", False) != named:
        yield f"Submitted is {values.get('Submitted')} and the batch {attempt.get('batchName')}"
    if attempt and not named and state != "Submitting":
        yield f"the state is {state} while a batch is being created"
    if named and "completionTime" not in status and state not in OPEN:
        yield f"the state is {state} while {attempt['batchName']} is open"
    if not named and ("geminiState" in status or "requests" in status):
        yield "something is said of a batch that there is not"
    if attempt and values.get("Suspended"):
        yield "it is Suspended and has an attempt"


def _times(body: Body, status: Body) -> Iterator[str]:
    order = {
        "creationTimestamp": body["metadata"].get("creationTimestamp"),
        "startTime": status.get("startTime"),
        "completionTime": status.get("completionTime"),
    }
    known = [(name, time) for name, time in order.items() if time is not None]
    for (first, early), (second, late) in pairwise(known):
        if late < early:
            yield f"{second} {late} is before {first} {early}"


def _counts(body: Body, status: Body) -> Iterator[str]:
    requests = status.get("requests")
    inline = (body["spec"].get("input") or {}).get("inline")
    if requests is None or inline is None:
        return
    parts = sum(requests.get(part, 0) for part in ("succeeded", "failed", "pending"))
    # Google counts fewer requests of a cancelled batch.
    if requests["total"] != len(inline) or parts > len(inline):
        yield f"{len(inline)} requests were asked for, and the status counts {requests}"


def _condition(condition: Body) -> Iterator[str]:
    kind = condition["type"]
    if condition["status"] not in ("True", "False"):
        yield f"{kind} is {condition['status']}"
    if condition.get("reason") not in REASONS:
        yield f"{kind} has the reason {condition.get('reason')}, which is in no table"
    for member in ("message", "observedGeneration", "lastTransitionTime"):
        if not condition.get(member):
            yield f"{kind} has no {member}"

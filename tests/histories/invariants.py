"""Invariants of a job: of every version of its object, and of every change between two versions."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from gemini_operator.api.group import FINALIZER
from tests.histories.consistency import contradictions

Body = Mapping[str, Any]

# Status members that never change once a job has finished. Earlier attempts and Stalled may.
FROZEN = (
    *("attempt", "batchName", "completionTime", "failures", "geminiState", "inputFile"),
    *("lastEvent", "output", "requests", "startTime", "state"),
)
SAME_IN_AN_ATTEMPT = ("number", "startTime", "apiKeyFingerprint")

# A write carries the time of its decision and may reach the API server this much later.
LANDS_WITHIN = timedelta(seconds=12)


def violations(before: Body, after: Body) -> list[str]:
    """The invariants that `after` violates, alone or as the successor of `before`.

    Args:
        before: the version before; empty for the first.
        after: the new version.
    """
    found = [*_single_version(after), *contradictions(after)]
    if before:
        found += [*_finished(before, after), *_conditions(before, after), *_attempts(before, after)]
        found += [*_numbers(before, after), *_events(before, after), *_finalizer(before, after)]
    return found


def status_of(body: Body) -> Mapping[str, Any]:
    return body.get("status") or {}


def conditions_of(body: Body) -> dict[str, Any]:
    return {c["type"]: c for c in status_of(body).get("conditions") or ()}


def is_true(body: Body, kind: str) -> bool:
    return bool(conditions_of(body).get(kind, {}).get("status") == "True")


def deleting(body: Body) -> bool:
    return "deletionTimestamp" in body["metadata"]


def superseded_of(body: Body) -> dict[str, Any]:
    """Earlier attempts by id."""
    return {a["id"]: a for a in status_of(body).get("supersededAttempts") or ()}


def attempt_of(body: Body) -> Mapping[str, Any]:
    return status_of(body).get("attempt") or {}


def uses_quota(body: Body) -> bool:
    """Whether the job has, or may have, an open batch that counts against its API key's quota."""
    return bool(attempt_of(body)) and "completionTime" not in status_of(body)


def begins(before: Body, after: Body) -> bool:
    """Whether `after` has the write-ahead of a new attempt that `before` lacks."""
    new = attempt_of(after).get("id")
    return new not in (None, attempt_of(before).get("id"), *superseded_of(before))


def _single_version(body: Body) -> Iterator[str]:
    status, attempt = status_of(body), attempt_of(body)
    ends = [kind for kind in ("Complete", "Failed") if is_true(body, kind)]
    if len(ends) > 1:
        yield "it is Complete and Failed"
    if bool(ends) != ("completionTime" in status):
        yield f"completionTime is {status.get('completionTime')} while it is {ends or 'open'}"
    adopting = "adopt" in body["spec"] and not attempt
    if not adopting and status.get("batchName") != attempt.get("batchName"):
        yield f"batchName {status.get('batchName')} is not the attempt's"
    generation = body["metadata"]["generation"]
    said = [c.get("observedGeneration", 0) for c in conditions_of(body).values()]
    if max([status.get("observedGeneration", 0), *said]) > generation:
        yield "the status speaks of a generation that is still to come"
    if (
        attempt
        and not deleting(body)
        and FINALIZER not in (body["metadata"].get("finalizers") or ())
    ):
        yield "it has an attempt and no finalizer"


def _finished(before: Body, after: Body) -> Iterator[str]:
    if "completionTime" not in status_of(before):
        return
    for member in FROZEN:
        old, new = status_of(before).get(member), status_of(after).get(member)
        blocked = member == "state" and new == "Deleting" and deleting(after)
        if old != new and not blocked:
            yield f"{member} of a finished job went from {old} to {new}"
    for kind in ("Complete", "Failed"):
        old, new = conditions_of(before).get(kind), conditions_of(after).get(kind)
        if old != new:
            yield f"{kind} of a finished job went from {old} to {new}"


def _conditions(before: Body, after: Body) -> Iterator[str]:
    if "Submitted" in conditions_of(before).keys() - conditions_of(after).keys():
        yield "Submitted has disappeared"
    for kind, new in conditions_of(after).items():
        old = conditions_of(before).get(kind)
        if old is None:
            continue
        moved = old["lastTransitionTime"] != new["lastTransitionTime"]
        if moved and old["status"] == new["status"]:
            yield f"lastTransitionTime of {kind} moved while it stayed {new['status']}"
        if moved and old["lastTransitionTime"] > new["lastTransitionTime"]:
            yield f"lastTransitionTime of {kind} went back"
        if not moved and old["status"] != new["status"] and _long_ago(old, after):
            yield f"{kind} became {new['status']}, and its lastTransitionTime stayed"


def _long_ago(condition: Body, body: Body) -> bool:
    """Whether the condition's time is long before the version was written."""
    written = [entry["time"] for entry in body["metadata"].get("managedFields") or ()]
    since = datetime.fromisoformat(condition["lastTransitionTime"])
    return any(datetime.fromisoformat(time) - since > LANDS_WITHIN for time in written)


def _attempts(before: Body, after: Body) -> Iterator[str]:
    old, new = attempt_of(before), attempt_of(after)
    past, kept = superseded_of(before), superseded_of(after)
    if old and new.get("id") != old["id"]:
        if new:
            yield f"attempt {old['id']} was replaced by {new['id']} in one write"
        if old.get("batchName") and old["id"] not in kept:
            yield f"attempt {old['id']} had a batch and was forgotten"
    if begins(before, after):
        yield from _begun(after, new)
    if old and new.get("id") == old["id"]:
        yield from _same_attempt(old, new)
    for an_id in past.keys() - kept.keys() - {new.get("id")}:
        yield f"the superseded attempt {an_id} was forgotten"
    for an_id in past.keys() & kept.keys():
        said = past[an_id].get("reason")
        if said is not None and said != kept[an_id].get("reason"):
            yield f"the superseded attempt {an_id} was {said} and is {kept[an_id].get('reason')}"


def _begun(body: Body, attempt: Body) -> Iterator[str]:
    """Violations of a version that begins an attempt: the create follows at once."""
    spec = body["spec"]
    against = {
        "suspended": spec.get("suspend"),
        "shut down": "shutdown" in spec,
        "being deleted": deleting(body),
        "finished": "completionTime" in status_of(body),
        "named already": "batchName" in attempt and "adopt" not in spec,
    }
    for what in (what for what, holds in against.items() if holds):
        yield f"attempt {attempt['id']} began while the job was {what}"


def _same_attempt(old: Body, new: Body) -> Iterator[str]:
    for member in SAME_IN_AN_ATTEMPT:
        if old.get(member) != new.get(member):
            yield f"{member} of attempt {old['id']} changed"
    if old.get("batchName") not in (None, new.get("batchName")):
        yield f"attempt {old['id']} went from {old['batchName']} to {new.get('batchName')}"


def _numbers(before: Body, after: Body) -> Iterator[str]:
    old, new = status_of(before), status_of(after)
    if new.get("failures", 0) - old.get("failures", 0) not in (0, 1):
        yield f"failures went from {old.get('failures', 0)} to {new.get('failures', 0)}"
    if new.get("observedGeneration", 0) < old.get("observedGeneration", 0):
        yield "observedGeneration went back"
    began, begins = old.get("startTime"), new.get("startTime")
    if began and begins and began != begins:
        yield f"startTime went from {began} to {begins}"
    if began and not begins and "Suspended" not in conditions_of(after):
        yield "startTime was cleared though the job was not suspended"


def _events(before: Body, after: Body) -> Iterator[str]:
    old, new = status_of(before).get("lastEvent"), status_of(after).get("lastEvent")
    if old == new:
        return
    if new is None or new["attempt"] != attempt_of(before).get("id"):
        yield f"lastEvent became {new} while the attempt was {attempt_of(before).get('id')}"
    if deleting(before):
        yield "lastEvent was written to a deleted job"


def _finalizer(before: Body, after: Body) -> Iterator[str]:
    had, has = (FINALIZER in (b["metadata"].get("finalizers") or ()) for b in (before, after))
    if had and not has and not deleting(after):
        yield "the finalizer was taken from a job that is not deleted"

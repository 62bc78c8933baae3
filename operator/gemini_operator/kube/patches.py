"""The bodies of all writes to a job. Pure functions: nothing is sent here.

Facts about the API server that no documentation states were found by trying them on a
kube-apiserver; the integration tests repeat that. An argument `metadata` is that of an object, as
the API server returned it.
"""

from collections.abc import Mapping
from typing import Any

JsonPatch = list[dict[str, Any]]

RECEIVERS_FIELD = "lastEvent"
"""The only field of the status that the receiver writes; the controller never sends it (P2)."""


def add_finalizer(metadata: Mapping[str, Any], finalizer: str) -> dict[str, Any]:
    """Return a merge patch that adds the finalizer.

    It has the whole list, because a merge patch replaces lists: one item alone would drop the
    finalizers of other controllers. `resourceVersion` makes sure that none was added meanwhile.
    """
    present = metadata.get("finalizers") or []
    wanted = present if finalizer in present else [*present, finalizer]
    version = metadata["resourceVersion"]
    return {"metadata": {"finalizers": list(wanted), "resourceVersion": version}}


def remove_finalizer(metadata: Mapping[str, Any], finalizer: str) -> JsonPatch:
    """Return a JSON patch that removes the finalizer; empty if it is not in the list."""
    present = metadata.get("finalizers") or []
    if finalizer not in present:
        return []
    # Removed by its index, so test that the index still is this finalizer's.
    path = f"/metadata/finalizers/{present.index(finalizer)}"
    return [_test_uid(metadata["uid"]), _test(path, finalizer), {"op": "remove", "path": path}]


def status_patch(
    old: Mapping[str, Any], new: Mapping[str, Any], resource_version: str
) -> dict[str, Any] | None:
    """Return a merge patch from one status to another; `None` if they are equal.

    Fields that are gone are sent as null, at any depth. With `resourceVersion` the API server
    answers 409 if the object has changed; a `metadata.uid` in a merge patch is ignored.
    """
    changes = _difference(_controllers(old), _controllers(new))
    if not changes:
        return None
    return {"metadata": {"resourceVersion": resource_version}, "status": changes}


def name_batch(uid: str, attempt_id: str, fields: Mapping[str, Any]) -> JsonPatch:
    """Return a JSON patch that records the name of an attempt's batch.

    It tests the uid and the attempt only, so other changes of the object cannot stop it. It also
    tests that the attempt has no batch yet: a process that was suspended may send it late, and must
    not overwrite what has become of the job since.

    Args:
        uid: of the object.
        attempt_id: of the attempt.
        fields: values by path below `/status`, such as `attempt/batchName`; the parent of each must
            exist. `None` removes the field, if there is one.

    Raises:
        ValueError: a path is that of the receiver's field.
    """
    if any(path.partition("/")[0] == RECEIVERS_FIELD for path in fields):
        raise ValueError(f"{RECEIVERS_FIELD} is the receiver's to write")
    unnamed = _test("/status/attempt/batchName", None)
    # A field that may be missing cannot simply be removed: the whole patch would fail.
    gone = [f"/status/{path}" for path, value in fields.items() if value is None]
    removals = [{"op": "remove", "path": path} for path in gone]
    added = [_add(f"/status/{path}", value) for path, value in fields.items()]
    return [_test_uid(uid), _test_attempt(attempt_id), unnamed, *added, *removals]


def record_event(uid: str, attempt_id: str, event: Mapping[str, Any]) -> JsonPatch:
    """Return the receiver's JSON patch, which records an event.

    The API server refuses it if the object is another one, is being deleted, has ended, or has
    another attempt. A `test` against null passes if the path is missing.
    """
    return [
        *_test_unfinished(uid),
        _test_attempt(attempt_id),
        _add(f"/status/{RECEIVERS_FIELD}", dict(event)),
    ]


def record_event_of_batch(uid: str, batch: str, event: Mapping[str, Any]) -> JsonPatch:
    """Return the receiver's JSON patch for an event whose address names no attempt.

    As `record_event`, but for the batch of the current attempt, whose id the API server copies.
    """
    event_path = f"/status/{RECEIVERS_FIELD}"
    return [
        *_test_unfinished(uid),
        _test("/status/batchName", batch),
        _add(event_path, dict(event)),
        {"op": "copy", "from": "/status/attempt/id", "path": f"{event_path}/attempt"},
    ]


def not_kept(sent: Mapping[str, Any], stored: object, path: str = "") -> tuple[str, ...]:
    """Return the paths of fields that a merge patch set and the answer does not contain.

    The API server answers 200 and silently drops fields that the cluster's CRD does not have.

    Args:
        sent: the merge patch, or a part of it.
        stored: the same part of the answer.
        path: of that part.
    """
    kept = stored if isinstance(stored, Mapping) else {}
    found: list[str] = []
    for name, value in sent.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            found += not_kept(value, kept.get(name), here)
        elif kept.get(name) != value:
            found.append(here)
    return tuple(found)


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested objects from values by path, as the API server returns them."""
    nested: dict[str, Any] = {}
    for path, value in fields.items():
        parent, _, name = path.rpartition("/")
        if value is not None:
            (nested.setdefault(parent, {}) if parent else nested)[name] = value
    return nested


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of `new` that differ from `old`, and null for those it lacks."""
    changes: dict[str, Any] = {}
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        # A merge patch merges objects, so only their differences are sent. Lists are replaced.
        if isinstance(before, dict) and isinstance(after, dict):
            after = _difference(before, after)
            if not after:
                continue
        changes[name] = after
    return changes


def _controllers(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name != RECEIVERS_FIELD}


def _test_unfinished(uid: str) -> JsonPatch:
    """Return tests that refuse another object, one that is being deleted, and one that has ended."""
    return [
        _test_uid(uid),
        _test("/metadata/deletionTimestamp", None),
        _test("/status/completionTime", None),
    ]


def _test_uid(uid: str) -> dict[str, Any]:
    return _test("/metadata/uid", uid)


def _test_attempt(attempt_id: str) -> dict[str, Any]:
    return _test("/status/attempt/id", attempt_id)


def _test(path: str, value: object) -> dict[str, Any]:
    return {"op": "test", "path": path, "value": value}


def _add(path: str, value: object) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}

"""The bodies of every write to a job, in the forms of protocol A. Pure: nothing is sent here.

`metadata` is an object's, as the API server gave it.
"""

from collections.abc import Mapping
from typing import Any

JsonPatch = list[dict[str, Any]]

RECEIVERS_FIELD = "lastEvent"
"""The one member of the status that is the receiver's; the controller never sends it (P2)."""


def add_finalizer(metadata: Mapping[str, Any], finalizer: str) -> dict[str, Any]:
    """A merge patch of the whole list: one item would drop foreign finalizers [tried]."""
    present = metadata.get("finalizers") or []
    wanted = present if finalizer in present else [*present, finalizer]
    version = metadata["resourceVersion"]
    return {"metadata": {"finalizers": list(wanted), "resourceVersion": version}}


def remove_finalizer(metadata: Mapping[str, Any], finalizer: str) -> JsonPatch:
    """A JSON patch that takes out this one and no other; empty where it is not in the list."""
    present = metadata.get("finalizers") or []
    if finalizer not in present:
        return []
    path = f"/metadata/finalizers/{present.index(finalizer)}"
    return [_test_uid(metadata["uid"]), _test(path, finalizer), {"op": "remove", "path": path}]


def status_patch(
    old: Mapping[str, Any], new: Mapping[str, Any], resource_version: str
) -> dict[str, Any] | None:
    """A merge patch from one status to another, or None when they are equal.

    Members that are gone are sent as null, members of members too. `resourceVersion` makes a write
    over somebody else's a 409; `metadata.uid` would be ignored [tried].
    """
    changes = _difference(_controllers(old), _controllers(new))
    if not changes:
        return None
    return {"metadata": {"resourceVersion": resource_version}, "status": changes}


def name_batch(uid: str, attempt_id: str, fields: Mapping[str, Any]) -> JsonPatch:
    """A JSON patch for an attempt without a batch, whatever else of the object has changed.

    Once the attempt has one it is refused: it may come late, from a process that was suspended,
    and must not write what was true before over what has become of the job since.

    `fields`: values by path under the status, `attempt/batchName` or `batchName` for example; the
    parent of each must exist. Raise ValueError for the receiver's field.
    """
    if any(path.partition("/")[0] == RECEIVERS_FIELD for path in fields):
        raise ValueError(f"{RECEIVERS_FIELD} is the receiver's to write")
    added = [_add(f"/status/{path}", value) for path, value in fields.items()]
    unnamed = _test("/status/attempt/batchName", None)
    return [_test_uid(uid), _test_attempt(attempt_id), unnamed, *added]


def record_event(uid: str, attempt_id: str, event: Mapping[str, Any]) -> JsonPatch:
    """A JSON patch for the receiver: refused when the job is another, deleted, ended or superseded.

    A `test` against null passes where the path is missing [tried].
    """
    return [
        _test_uid(uid),
        _test("/metadata/deletionTimestamp", None),
        _test("/status/completionTime", None),
        _test_attempt(attempt_id),
        _add(f"/status/{RECEIVERS_FIELD}", dict(event)),
    ]


def not_kept(sent: Mapping[str, Any], stored: object, path: str = "") -> tuple[str, ...]:
    """The paths of what a merge patch set and the answer to it does not contain.

    The API server answers 200 and drops silently what the schema in the cluster does not know.
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


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The members of `new` that differ, null for those only in `old`; null members are no members."""
    changes: dict[str, Any] = {}
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            after = _difference(before, after)
            if not after:
                continue
        changes[name] = after
    return changes


def _controllers(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name != RECEIVERS_FIELD}


def _test_uid(uid: str) -> dict[str, Any]:
    return _test("/metadata/uid", uid)


def _test_attempt(attempt_id: str) -> dict[str, Any]:
    return _test("/status/attempt/id", attempt_id)


def _test(path: str, value: object) -> dict[str, Any]:
    return {"op": "test", "path": path, "value": value}


def _add(path: str, value: object) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}

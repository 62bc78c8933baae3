import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.kube import patches

UID = "0b5f8a5e-5a0e-4a52-8c56-0d5c2b9a7f01"
FINALIZER = "gemini-operator.io/batch"

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
NAMES = st.sampled_from(["state", "attempt", "requests", "a", "b"])
STATUSES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS | st.lists(SCALARS, max_size=3), lambda inner: st.dictionaries(NAMES, inner)
    ),
)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, as its section 2 defines it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}


@given(old=STATUSES, new=STATUSES)
def test_a_status_patch_turns_the_old_status_into_the_new_one(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    stored, wanted = without_nulls(old), without_nulls(new)
    patch = patches.status_patch(stored, new, "7")
    got = merged(stored, patch["status"]) if patch else stored
    assert got == wanted


@given(status=STATUSES)
def test_an_unchanged_status_is_not_written(status: dict[str, Any]) -> None:
    assert patches.status_patch(status, copy.deepcopy(status), "7") is None


@given(old=STATUSES, new=STATUSES)
def test_a_status_patch_has_only_what_changed(old: dict[str, Any], new: dict[str, Any]) -> None:
    patch = patches.status_patch(old, new, "7") or {"status": {}}
    assert all(old.get(name) != new.get(name) for name in patch["status"])


def test_a_status_patch_carries_the_version_it_was_decided_on() -> None:
    assert patches.status_patch({}, {"state": "Queued"}, "41") == {
        "metadata": {"resourceVersion": "41"},
        "status": {"state": "Queued"},
    }


def test_p07_a_new_attempt_clears_what_the_last_one_left_with_nulls() -> None:
    old = {"attempt": {"id": "a", "batchName": "batches/1"}, "batchName": "batches/1"}
    new = {"attempt": {"id": "b"}}
    patch = patches.status_patch(old, new, "7")
    assert patch is not None
    assert patch["status"] == {"attempt": {"id": "b", "batchName": None}, "batchName": None}


def test_lists_are_replaced_as_a_whole() -> None:
    patch = patches.status_patch({"conditions": [1, 2]}, {"conditions": [2]}, "7")
    assert patch is not None
    assert patch["status"] == {"conditions": [2]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"lastEvent": {"id": "1"}}, {}),
        ({}, {"lastEvent": {"id": "1"}}),
        ({"lastEvent": {"id": "1"}}, {"lastEvent": {"id": "2"}}),
    ],
)
def test_p02_the_controller_never_sends_last_event(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert patches.status_patch(old, new, "7") is None


def test_p02_a_batch_name_patch_refuses_the_receivers_field() -> None:
    with pytest.raises(ValueError, match="lastEvent"):
        patches.name_batch(UID, "a", {"lastEvent/id": "1"})


def test_a_finalizer_is_added_behind_foreign_ones() -> None:
    metadata = {"finalizers": ["other/one"], "resourceVersion": "3"}
    assert patches.add_finalizer(metadata, FINALIZER) == {
        "metadata": {"finalizers": ["other/one", FINALIZER], "resourceVersion": "3"}
    }


def test_adding_a_finalizer_twice_names_it_once() -> None:
    metadata = {"finalizers": [FINALIZER], "resourceVersion": "3"}
    assert patches.add_finalizer(metadata, FINALIZER)["metadata"]["finalizers"] == [FINALIZER]


def test_a_finalizer_is_removed_by_its_own_place_and_name() -> None:
    metadata = {"uid": UID, "finalizers": ["other/one", FINALIZER, "other/two"]}
    assert patches.remove_finalizer(metadata, FINALIZER) == [
        {"op": "test", "path": "/metadata/uid", "value": UID},
        {"op": "test", "path": "/metadata/finalizers/1", "value": FINALIZER},
        {"op": "remove", "path": "/metadata/finalizers/1"},
    ]


def test_removing_an_absent_finalizer_is_nothing_to_send() -> None:
    assert patches.remove_finalizer({"uid": UID, "finalizers": ["other/one"]}, FINALIZER) == []
    assert patches.remove_finalizer({"uid": UID}, FINALIZER) == []


def test_a_batch_name_is_bound_to_object_and_attempt_without_one() -> None:
    fields = {"attempt/batchName": "batches/1", "batchName": "batches/1"}
    assert patches.name_batch(UID, "00ff", fields) == [
        {"op": "test", "path": "/metadata/uid", "value": UID},
        {"op": "test", "path": "/status/attempt/id", "value": "00ff"},
        {"op": "test", "path": "/status/attempt/batchName", "value": None},
        {"op": "add", "path": "/status/attempt/batchName", "value": "batches/1"},
        {"op": "add", "path": "/status/batchName", "value": "batches/1"},
    ]


def test_s14_an_event_is_bound_to_an_unfinished_undeleted_object_and_its_attempt() -> None:
    *tests, write = patches.record_event(UID, "00ff", {"id": "e1"})
    assert {test["path"]: test["value"] for test in tests} == {
        "/metadata/uid": UID,
        "/metadata/deletionTimestamp": None,
        "/status/completionTime": None,
        "/status/attempt/id": "00ff",
    }
    assert {test["op"] for test in tests} == {"test"}
    assert write == {"op": "add", "path": "/status/lastEvent", "value": {"id": "e1"}}

"""Which jobs use a slot, by their statuses alone (P23)."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.quota.usage import OpenBatch, QuotaUsage, uses_quota
from gemini_operator.controller.store import Store
from tests.unit.controller.builders import (
    OTHER_UID,
    UID,
    a_job,
    an_attempt,
    finished,
    submitted,
    unnamed,
)

KEY = Key("team-a", "job")
REF = KeyRef("team-a", "gemini-api-key", "api-key")
OTHER_REF = KeyRef("team-a", "other", "api-key")
WITH_OTHER = {"apiKeySecretRef": {"name": "other", "key": "api-key"}}


class Told:
    """What the usage reports."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def used(self, batch: OpenBatch) -> None:
        self.told.append(("taken", batch.ref, batch.key))

    def freed(self, batch: OpenBatch) -> None:
        self.told.append(("freed", batch.ref))

    def release(self, key: Key) -> None:
        self.told.append(("gone", key))


class Parts:
    """A store, its usage, and what it has reported."""

    def __init__(self) -> None:
        self.usage = QuotaUsage()
        self.store = Store(self.usage.changed)
        self.listener = Told()
        self.usage.notify(self.listener)
        self._version = 100

    def put(self, status: Mapping[str, Any] | None = None, **more: Any) -> None:
        self._version += 1
        self.store.put(a_job(status=status, resourceVersion=str(self._version), **more))

    def told(self) -> list[tuple[Any, ...]]:
        told, self.listener.told = self.listener.told, []
        return told


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.mark.parametrize(
    ("status", "holds"),
    [
        ({}, False),
        ({"state": "Queued"}, False),
        (unnamed(), True),
        (submitted(), True),
        (finished(), False),
        ({"supersededAttempts": [an_attempt()]}, False),
    ],
    ids=["new", "queued", "unknown outcome", "open", "ended", "given up"],
)
def test_p23_a_slot_is_used_from_the_write_ahead_to_the_end(
    status: dict[str, Any], holds: bool
) -> None:
    assert uses_quota(a_job(status=status)) is holds


def test_p23_a_job_that_is_being_deleted_uses_its_slot_until_it_is_gone(parts: Parts) -> None:
    parts.put(submitted(), deleting=True)
    assert parts.usage.count(REF) == 1
    parts.store.remove(KEY)
    assert parts.usage.count(REF) == 0


def test_p23_each_change_is_reported_once(parts: Parts) -> None:
    parts.put()
    parts.put({"state": "Queued"})
    assert parts.told() == []
    parts.put(unnamed())
    parts.put(submitted())
    assert parts.told() == [("taken", REF, KEY)]
    parts.put(finished())
    parts.put(finished())
    assert parts.told() == [("freed", REF)]


def test_p23_an_object_that_is_gone_is_reported_after_its_slot(parts: Parts) -> None:
    parts.put(submitted())
    parts.told()
    parts.store.remove(KEY)
    assert parts.told() == [("freed", REF), ("gone", KEY)]
    parts.put()
    parts.store.remove(KEY)
    assert parts.told() == [("gone", KEY)]


def test_p23_another_object_of_the_same_name_takes_its_own_slot(parts: Parts) -> None:
    parts.put(submitted(), uid=UID)
    parts.told()
    parts.put(submitted(), uid=OTHER_UID, spec=WITH_OTHER)
    assert parts.told() == [("freed", REF), ("gone", KEY), ("taken", OTHER_REF, KEY)]


def test_p01_an_older_version_changes_no_slot(parts: Parts) -> None:
    parts.put(submitted())
    parts.store.put(a_job(resourceVersion="1"))
    assert parts.usage.count(REF) == 1


def test_slots_are_counted_before_a_listener_is_called() -> None:
    usage = QuotaUsage()
    store = Store(usage.changed)
    store.put(a_job(status=submitted()))
    assert (len(usage), usage.count(REF), usage.count(OTHER_REF)) == (1, 1, 0)


STATUSES = [{}, unnamed(), submitted(), finished()]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two", "three"]),
            st.sampled_from([UID, OTHER_UID]),
            st.sampled_from([{}, WITH_OTHER]),
            st.none() | st.sampled_from(STATUSES),
        ),
        max_size=40,
    )
)
def test_p23_the_count_is_what_the_store_shows(
    changes: list[tuple[str, str, dict[str, Any], dict[str, Any] | None]],
) -> None:
    """The sum of all reports to the listener is the same."""
    parts = Parts()
    for name, uid, spec, status in changes:
        key = Key("team-a", name)
        if status is None:
            parts.store.remove(key)
        else:
            parts.put(status, name=name, uid=uid + name, spec=spec)
    expected = _counted(parts.store)
    assert len(parts.usage) == sum(expected.values())
    assert {ref: parts.usage.count(ref) for ref in (REF, OTHER_REF)} == expected
    told = [(kind, ref) for kind, ref, *_ in parts.told() if kind != "gone"]
    sums = {r: told.count(("taken", r)) - told.count(("freed", r)) for r in (REF, OTHER_REF)}
    assert sums == expected


def _counted(jobs: Store) -> dict[KeyRef, int]:
    def holds(job: Job, ref: KeyRef) -> bool:
        return uses_quota(job) and job.api_key == ref

    return {ref: sum(holds(job, ref) for job in jobs) for ref in (REF, OTHER_REF)}

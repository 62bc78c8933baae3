from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.job import Job, JobReader, Key, UnreadableJob
from gemini_operator.controller.store import Store
from tests.unit.controller.builders import OTHER_UID, UID, a_job, submitted

KEY = Key("team-a", "job")


def at(version: int, **metadata: Any) -> Job:
    return a_job(resourceVersion=str(version), **metadata)


@given(st.permutations(list(range(95, 105))))
def test_p01_the_newest_version_stays_in_whatever_order_versions_arrive(
    versions: list[int],
) -> None:
    store = Store()
    kept = [version for version in versions if store.put(at(version))]
    assert kept == sorted(kept)
    known = store.get(KEY)
    assert known is not None
    assert known.version == 104


def test_p01_versions_are_compared_as_numbers() -> None:
    """As text, "99" would be newer than "100"."""
    store = Store()
    store.put(at(100))
    assert not store.put(at(99))
    assert store.put(at(1000))


def test_p01_the_watchs_copy_of_our_own_write_is_nothing_new() -> None:
    store = Store()
    assert store.put(at(100))
    assert not store.put(at(100))


def test_an_object_with_the_same_name_replaces_the_one_before() -> None:
    store = Store()
    store.put(at(100, uid=UID))
    assert store.put(at(101, uid=OTHER_UID))
    assert [job.uid for job in store] == [OTHER_UID]


@pytest.mark.parametrize(
    ("uid", "left"), [(None, 0), (UID, 0), (OTHER_UID, 1)], ids=["any", "this", "another"]
)
def test_an_object_is_forgotten_by_name_or_by_incarnation(uid: str | None, left: int) -> None:
    store = Store()
    store.put(at(100))
    removed = store.remove(KEY, uid)
    assert len(store) == left
    assert (removed is None) is (left == 1)


def test_what_is_not_there_cannot_be_removed() -> None:
    assert Store().remove(KEY) is None
    assert Store().get(KEY) is None


def test_p05_missing_are_the_objects_of_which_no_version_was_seen() -> None:
    store = Store()
    store.put(at(100))
    other = Key("team-a", "other")
    assert store.missing([(KEY, UID, 100)]) == set()
    assert store.missing([(KEY, UID, 100), (other, UID, 100)]) == {other}
    assert store.missing([(KEY, OTHER_UID, 100)]) == {KEY}, "another incarnation was seen"


@pytest.mark.parametrize(("listed", "missing"), [(99, set()), (100, set()), (101, {KEY})])
def test_p05_an_older_version_than_the_listed_one_does_not_count(
    listed: int, missing: set[Key]
) -> None:
    store = Store()
    store.put(at(100))
    assert store.missing([(KEY, UID, listed)]) == missing


def test_jobs_may_come_and_go_while_all_are_looked_through() -> None:
    store = Store()
    store.put(at(100, name="one"))
    store.put(at(101, name="two"))
    for job in store:
        store.remove(job.key)
    assert len(store) == 0


def unreadable(version: str = "101", **metadata: Any) -> UnreadableJob:
    """A later version of a job, with a time that is none."""
    found = JobReader().read(body_of(resourceVersion=version, **metadata))
    assert isinstance(found, UnreadableJob)
    return found


def body_of(**metadata: Any) -> dict[str, Any]:
    job = a_job(**metadata)
    return {
        "metadata": {
            "namespace": job.key.namespace,
            "name": job.key.name,
            "uid": job.uid,
            "resourceVersion": job.resource_version,
            "creationTimestamp": "2026-01-01T11:55:00Z",
        },
        "spec": {"model": "gemini-2.5-flash"},
        "status": {"startTime": "0001-01-01T00:00:00+23:59"},
    }


def test_an_object_that_cannot_be_read_any_more_counts_as_what_it_was() -> None:
    """Its batch is open: a user who writes statuses must not free its slot by that."""
    changes: list[tuple[bool, bool]] = []
    store = Store(lambda before, after: changes.append((before is not None, after is not None)))
    store.put(a_job(status=submitted()))
    assert store.put(unreadable())
    assert store.get(KEY) is None
    assert store.unreadable(KEY) is not None
    assert changes == [(False, True)]
    store.put(a_job(status=submitted(), resourceVersion="102"))
    assert changes == [(False, True), (True, True)]
    assert store.unreadable(KEY) is None
    store.put(unreadable("103"))
    store.remove(KEY)
    assert changes[2:] == [(True, False)]
    assert store.incarnations() == set()


def test_the_answer_to_our_own_request_corrects_what_a_watch_has_shown_of_the_same_version() -> (
    None
):
    store = Store()
    whole = a_job(status=submitted())
    store.put(a_job())
    assert not store.put(whole)
    assert store.put(whole, answered=True)
    assert store.get(KEY) is whole
    assert not store.put(whole, answered=True)


def test_what_is_doubted_is_missing_until_it_is_shown_again() -> None:
    store, job = Store(), a_job()
    store.put(job)
    expected = [(KEY, job.uid, job.version)]
    assert store.missing(expected) == set()
    store.doubt()
    assert store.missing(expected) == {KEY}
    assert store.put(job)
    assert store.missing(expected) == set()
    assert not store.put(job)
